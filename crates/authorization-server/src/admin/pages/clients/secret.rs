//! A new secret of an application: shown once, while the present one goes on for as long as it takes to change over.

use axum::extract::Path;
use axum::response::Response;
use jiff::SignedDuration;

use super::super::parts::{Field, Form, Shown, text_of};
use super::super::users::refused;
use super::super::visit::Visit;
use crate::Client;
use crate::administration::NewClientSecret;
use crate::administration::decision::Operation;
use crate::login::Body;
use crate::pages::Language;

pub(super) async fn show(visit: Visit, Path(id): Path<String>) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::ClientRotateSecret)?;
        let client = admin.client(&id).await?;
        Ok(desk.form(&form(desk.l(), &client, "", "24")))
    };
    visit.settle(page.await).await
}

pub(super) async fn rotate(visit: Visit, Path(id): Path<String>, body: Body) -> Response {
    let page = async {
        let (desk, parameters) = visit.posted(body).await?;
        let admin = desk.permit_unchanged(Operation::ClientRotateSecret, &parameters)?;
        let client = admin.client(&id).await?;
        let l = desk.l();
        let overlap = text_of(&parameters, "overlap").unwrap_or_default();
        let known = OVERLAPS
            .iter()
            .find(|(hours, _)| hours.to_string() == overlap);
        let hours = known.map_or(24, |(hours, _)| *hours);
        let name = text_of(&parameters, "secret_name");
        let name = name.unwrap_or_else(|| "rotated".to_owned());
        let new = NewClientSecret {
            name: name.clone(),
            expires: None,
        };
        let overlap = SignedDuration::from_hours(hours);
        match admin
            .rotate_client_secret(&client.client_id, new, overlap)
            .await
        {
            Ok((_, secret)) => Ok(desk.shown(&shown(l, &client, secret.expose()))),
            Err(error) => refused(&desk, form(l, &client, &name, &hours.to_string()), error),
        }
    };
    visit.settle(page.await).await
}

/// The page that shows a client's secret.
pub(super) fn shown(l: Language, client: &Client, secret: &str) -> Shown {
    Shown {
        heading: l.f("The secret of {}", &[&client.name]),
        text: l
            .t("Hand it to whoever runs the application, by a way that nobody else reads.")
            .to_owned(),
        name: l.f("Secret of {}", &[&client.client_id]),
        secret: secret.to_owned(),
        next: (
            format!("/admin/clients/{}", client.client_id),
            l.t("Go to the application").to_owned(),
        ),
    }
}

fn form(l: Language, client: &Client, name: &str, overlap: &str) -> Form {
    let choices = OVERLAPS.map(|(hours, words)| (hours.to_string(), l.t(words).to_owned()));
    Form {
        heading: l.f("Make a new secret for {}?", &[&client.name]),
        text: l
            .t("The new secret is shown once. The present one goes on until the application has changed over; of two that were live, the one that would end first ends now.")
            .to_owned(),
        fields: vec![
            Field::text("secret_name", l.t("Name"), name)
                .hint(l.t("For administrators: what the secret is for.")),
            Field::choice("overlap", l.t("The present secret ends"), overlap, choices.into()),
        ],
        hidden: vec![("version".to_owned(), client.version())],
        button: l.t("Make a new secret").to_owned(),
        back: (
            format!("/admin/clients/{}", client.client_id),
            client.name.clone(),
        ),
        error: None,
    }
}

const OVERLAPS: [(i64, &str); 4] = [
    (0, "at once"),
    (1, "in an hour"),
    (24, "in a day"),
    (168, "in a week"),
];
