//! Resource servers that tokens are issued for: the list, adding one, removing one.

use axum::response::Response;
use axum::routing::get;
use oauth::Parameters;
use oauth::jose::Algorithm;

use super::Place;
use super::parts::{Cell, Confirm, Field, Form, List, Table, Way, text_of};
use super::users::refused;
use super::visit::{Desk, Visit};
use crate::ResourceServerEntry;
use crate::administration::NewResourceServer;
use crate::administration::decision::Operation;
use crate::login::Body;
use crate::pages::{self, Language, moment};

pub(super) fn places() -> Vec<Place> {
    vec![
        Place::new(PATH, Operation::ResourceServerList, get(list)),
        Place::new(
            "/admin/resource-servers/add",
            Operation::ResourceServerAdd,
            get(show_new).post(add),
        ),
        Place::new(
            "/admin/resource-servers/remove",
            Operation::ResourceServerRemove,
            get(show).post(remove),
        ),
    ]
}

async fn list(visit: Visit) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::ResourceServerList)?;
        let (l, all) = (desk.l(), admin.resource_servers().await?);
        let add = desk.may(Operation::ResourceServerAdd).then(|| Way {
            href: "/admin/resource-servers/add".to_owned(),
            text: l.t("Add a resource server").to_owned(),
            kind: "button",
        });
        let done = match visit.query().get("done") {
            Some("added") => Some("The resource server is added."),
            Some("removed") => Some("The resource server is removed."),
            _ => None,
        };
        Ok(desk.list(&List {
            heading: l.t("Resource servers").to_owned(),
            text: l
                .t("Where tokens of this server open records. Each asks here about the tokens that it is shown.")
                .to_owned(),
            filters: Vec::new(),
            table: table(&desk, &all),
            ways: add.into_iter().collect(),
            next: None,
            later: false,
            done: done.map(|done| l.t(done).to_owned()),
        }))
    };
    visit.settle(page.await).await
}

async fn show_new(visit: Visit) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::ResourceServerAdd)?;
        let empty = Parameters::default();
        Ok(desk.form(&form(desk.l(), &admin.signing_algorithms, &empty)))
    };
    visit.settle(page.await).await
}

async fn add(visit: Visit, body: Body) -> Response {
    let page = async {
        let (desk, parameters) = visit.posted(body).await?;
        let admin = desk.permit(Operation::ResourceServerAdd)?;
        let text = |name: &str| text_of(&parameters, name).unwrap_or_default();
        let algorithm = text("access_token_signing_alg");
        let new = NewResourceServer {
            audience: text("audience"),
            name: text("name"),
            introspection_client_id: text("introspection_client_id"),
            organization: text("organization"),
            access_token_signing_alg: Algorithm::parse(&algorithm),
        };
        match admin.add_resource_server(new).await {
            Ok(_) => Ok(pages::see_other("/admin/resource-servers?done=added")),
            Err(error) => {
                let form = form(desk.l(), &admin.signing_algorithms, &parameters);
                refused(&desk, form, error)
            }
        }
    };
    visit.settle(page.await).await
}

async fn show(visit: Visit) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::ResourceServerRemove)?;
        // A sign-in that came between has not kept which one: it is chosen again.
        let Some(audience) = text_of(&visit.query(), "audience") else {
            return Ok(pages::see_other(PATH));
        };
        let entry = admin.resource_server(&audience).await?;
        let l = desk.l();
        Ok(desk.confirm(&Confirm {
            heading: l.f("Remove {}?", &[&entry.name]),
            text: entry.audience.clone(),
            effects: vec![
                l.t("Tokens for it are inactive to it from now on: its records are closed.")
                    .to_owned(),
                l.f(
                    "Its application for introspection, {}, stays.",
                    &[&entry.introspection_client_id],
                ),
            ],
            changes: Vec::new(),
            hidden: vec![("audience".to_owned(), entry.audience)],
            button: l.t("Remove").to_owned(),
            danger: true,
            back: (PATH.to_owned(), l.t("Cancel").to_owned()),
        }))
    };
    visit.settle(page.await).await
}

async fn remove(visit: Visit, body: Body) -> Response {
    let page = async {
        let (desk, parameters) = visit.posted(body).await?;
        let admin = desk.permit(Operation::ResourceServerRemove)?;
        let audience = text_of(&parameters, "audience").unwrap_or_default();
        admin.delete_resource_server(&audience).await?;
        Ok(pages::see_other("/admin/resource-servers?done=removed"))
    };
    visit.settle(page.await).await
}

fn form(l: Language, algorithms: &[Algorithm], parameters: &Parameters) -> Form {
    let value = |name: &str| parameters.get(name).unwrap_or_default().to_owned();
    let mut kinds = vec![(
        String::new(),
        l.t("opaque: it asks here each time").to_owned(),
    )];
    kinds.extend(algorithms.iter().map(|it| {
        let words = l.f("signed with {} (RFC 9068)", &[it.as_str()]);
        (it.as_str().to_owned(), words)
    }));
    Form {
        heading: l.t("Add a resource server").to_owned(),
        text: l
            .t("Add first the application that it asks about tokens with, and hand its secret over.")
            .to_owned(),
        fields: vec![
            Field::text("audience", l.t("Address of its records"), value("audience"))
                .hint(l.t("Its FHIR base: https://hospital.example/fhir"))
                .required(),
            Field::text("name", l.t("Name"), value("name")).required(),
            Field::text("organization", l.t("Organization"), value("organization")).required(),
            Field::text(
                "introspection_client_id",
                l.t("Application that it asks with"),
                value("introspection_client_id"),
            )
            .hint(l.t("A client identifier."))
            .required(),
            Field::choice(
                "access_token_signing_alg",
                l.t("Its tokens are"),
                value("access_token_signing_alg"),
                kinds,
            ),
        ],
        hidden: Vec::new(),
        button: l.t("Add").to_owned(),
        back: (PATH.to_owned(), l.t("All resource servers").to_owned()),
        error: None,
    }
}

fn table(desk: &Desk<'_>, entries: &[ResourceServerEntry]) -> Table {
    let l = desk.l();
    let may_remove = desk.may(Operation::ResourceServerRemove);
    let opaque = || l.t("opaque").to_owned();
    let row = |entry: &ResourceServerEntry| {
        let signed = entry.access_token_signing_alg;
        let mut row = vec![
            Cell::text(&entry.name),
            Cell::code(&entry.audience),
            Cell::text(&entry.organization),
            Cell::code(&entry.introspection_client_id),
            Cell::text(signed.map_or_else(opaque, |it| it.as_str().to_owned())),
            Cell::text(moment(entry.created)),
        ];
        if may_remove {
            let query: String = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("audience", &entry.audience)
                .finish();
            row.push(Cell::link(l.t("Remove"), format!("{PATH}/remove?{query}")));
        }
        row
    };
    let mut columns = vec![
        "Name",
        "Address of its records",
        "Organization",
        "Application that it asks with",
        "Tokens",
        "Registered",
    ];
    if may_remove {
        columns.push("Act");
    }
    Table {
        caption: l.t("Resource servers by address").to_owned(),
        columns: columns.into_iter().map(|it| l.t(it).to_owned()).collect(),
        rows: entries.iter().map(row).collect(),
        empty: l.t("There is none yet: tokens open nothing.").to_owned(),
    }
}

const PATH: &str = "/admin/resource-servers";
