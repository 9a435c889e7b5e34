//! Issuers that the configuration trusts: to read here, and how they are changed.

use axum::response::Response;
use axum::routing::get;

use super::Place;
use super::parts::{Cell, List, Table};
use super::visit::Visit;
use crate::TrustedIssuer;
use crate::administration::decision::Operation;
use crate::pages::Language;

pub(super) fn places() -> Vec<Place> {
    vec![Place::new(
        "/admin/issuers",
        Operation::IssuerList,
        get(list),
    )]
}

async fn list(visit: Visit) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        desk.permit(Operation::IssuerList)?;
        let l = desk.l();
        Ok(desk.list(&List {
            heading: l.t("Issuers").to_owned(),
            text: l
                .t("Whom this party trusts beside itself. They stand in its configuration file: whoever runs the server changes them there or with the command vitalgate peer, and a signal (SIGHUP) takes them into use.")
                .to_owned(),
            filters: Vec::new(),
            table: table(l, &visit.server.config().trusted_issuers),
            ways: Vec::new(),
            next: None,
            later: false,
            done: None,
        }))
    };
    visit.settle(page.await).await
}

fn table(l: Language, issuers: &[TrustedIssuer]) -> Table {
    let what = |issuer: &TrustedIssuer| match issuer.trusted_for {
        "access tokens" => l.t("access tokens: they open the records here"),
        "sign-in" => l.t("sign-in: its people come in here"),
        other => other,
    };
    let row = |issuer: &TrustedIssuer| vec![Cell::code(&issuer.issuer), Cell::text(what(issuer))];
    Table {
        caption: l.t("Issuers that are trusted").to_owned(),
        columns: ["Issuer", "Trusted for"]
            .map(|it| l.t(it).to_owned())
            .into(),
        rows: issuers.iter().map(row).collect(),
        empty: l.t("No issuer is trusted.").to_owned(),
    }
}
