//! Applications (clients): the list, one of them, and the ways to change them.

mod acts;
mod form;
mod secret;

use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use jiff::SignedDuration;
use oauth::Parameters;

use super::Place;
use super::parts::{Cell, Detail, Field, List, Section, Table, Way, text_of};
use super::users::{disabled, next, rights, state, state_filter};
use super::visit::{Desk, Stop, Visit};
use crate::administration::decision::Operation;
use crate::administration::{Administration, ClientFilter, ClientSecret, PageRequest};
use crate::pages::{Language, moment, words};
use crate::{Client, ClientAuthenticationMethod};

pub(super) fn places() -> Vec<Place> {
    let mut places = vec![
        Place::new("/admin/clients", Operation::ClientList, get(list)),
        Place::new(
            "/admin/clients/add",
            Operation::ClientAdd,
            get(form::show_new).post(form::add),
        ),
        Place::new("/admin/clients/{id}", Operation::ClientRead, get(show)),
        Place::new(
            "/admin/clients/{id}/change",
            Operation::ClientChange,
            get(form::show).post(form::change),
        ),
        Place::new(
            "/admin/clients/{id}/rotate-secret",
            Operation::ClientRotateSecret,
            get(secret::show).post(secret::rotate),
        ),
    ];
    places.extend(acts::places());
    places
}

async fn list(visit: Visit) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::ClientList)?;
        let (l, query) = (desk.l(), visit.query());
        let request = PageRequest {
            cursor: text_of(&query, "after"),
            limit: None,
        };
        let filter = ClientFilter {
            name: text_of(&query, "name"),
            organization: text_of(&query, "organization"),
            disabled: disabled(&query),
        };
        let found = admin.list_clients(&filter, &request).await?;
        let further = |after: String| next("/admin/clients", &query, &FILTERS, &after);
        let add = desk.may(Operation::ClientAdd).then(|| Way {
            href: "/admin/clients/add".to_owned(),
            text: l.t("Add an application").to_owned(),
            kind: "button",
        });
        Ok(desk.list(&List {
            heading: l.t("Applications").to_owned(),
            text: l
                .t("What asks for tokens here: applications of people, programs of partners, resource servers.")
                .to_owned(),
            filters: filters(l, &query),
            table: table(l, &found.items),
            ways: add.into_iter().collect(),
            next: found.next.map(further),
            later: request.cursor.is_some(),
            done: done(l, &query),
        }))
    };
    visit.settle(page.await).await
}

async fn show(visit: Visit, Path(id): Path<String>) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::ClientRead)?;
        let client = admin.client(&id).await?;
        Ok(desk.detail(&detail(&desk, &admin, &client).await?))
    };
    visit.settle(page.await).await
}

async fn detail(desk: &Desk<'_>, admin: &Administration, client: &Client) -> Result<Detail, Stop> {
    let l = desk.l();
    let mut tables = Vec::new();
    if client.authentication.uses_secret() {
        let secrets = admin.client_secrets(&client.client_id).await?;
        tables.push(secrets_table(l, &secrets));
    }
    let mut ways = Vec::new();
    if desk.may(Operation::ClientChange) {
        ways.push(Way {
            href: format!("/admin/clients/{}/change", client.client_id),
            text: l.t("Change the registration").to_owned(),
            kind: "button",
        });
    }
    if client.authentication.uses_secret() && desk.may(Operation::ClientRotateSecret) {
        ways.push(Way {
            href: format!("/admin/clients/{}/rotate-secret", client.client_id),
            text: l.t("Make a new secret").to_owned(),
            kind: "second",
        });
    }
    ways.extend(acts::ways(desk, client));
    Ok(Detail {
        heading: client.name.clone(),
        back: (
            "/admin/clients".to_owned(),
            l.t("All applications").to_owned(),
        ),
        mark: Some(state(l, client.disabled)),
        sections: sections(l, client),
        tables,
        ways,
        done: done(l, &desk.visit.query()),
    })
}

fn sections(l: Language, client: &Client) -> Vec<Section> {
    let value = |name: &str, cell: Cell| (l.t(name).to_owned(), cell);
    let list = |items: &[String]| {
        Cell::code(if items.is_empty() {
            "–".to_owned()
        } else {
            items.join(" ")
        })
    };
    let grants: Vec<String> = client
        .grant_types
        .iter()
        .map(|grant| grant.as_str().to_owned())
        .collect();
    let lifetime = |life: SignedDuration| words::duration(l, life.as_secs());
    let default = l.t("as the server's setting says").to_owned();
    let registration = vec![
        value("Client identifier", Cell::code(&client.client_id)),
        value(
            "Authentication",
            Cell::text(method(l, client.authentication)),
        ),
        value("Grant types", list(&grants)),
        value("Redirect URIs", list(&client.redirect_uris)),
        value("Keys", Cell::maybe(keys(l, client).as_deref())),
        value("Registered", Cell::text(moment(client.created))),
        value("Note", Cell::maybe(client.note.as_deref())),
    ];
    let mut reach = rights(l, &client.rights);
    reach.push(value("Scope", Cell::code(client.scope.to_string())));
    reach.push(value("Audiences", list(&client.audiences)));
    reach.push(value(
        "Access tokens live",
        Cell::text(client.access_token_lifetime.map_or(default, lifetime)),
    ));
    vec![
        Section {
            heading: l.t("Registration").to_owned(),
            values: registration,
        },
        Section {
            heading: l.t("Reach").to_owned(),
            values: reach,
        },
    ]
}

fn keys(l: Language, client: &Client) -> Option<String> {
    let given = || l.t("given with the registration").to_owned();
    client
        .jwks_uri
        .clone()
        .or_else(|| client.jwks.as_ref().map(|_| given()))
}

/// How an application proves who it is.
fn method(l: Language, method: ClientAuthenticationMethod) -> String {
    let words = match method {
        ClientAuthenticationMethod::None => "not at all: a public client",
        ClientAuthenticationMethod::ClientSecretBasic => "a secret, in the header",
        ClientAuthenticationMethod::ClientSecretPost => "a secret, in the body",
        ClientAuthenticationMethod::PrivateKeyJwt => "a signed assertion",
    };
    format!("{} ({})", l.t(words), method.as_str())
}

fn secrets_table(l: Language, secrets: &[ClientSecret]) -> Table {
    let row = |secret: &ClientSecret| {
        let expires = secret.expires.map(moment);
        vec![
            Cell::text(&secret.name),
            Cell::text(moment(secret.created)),
            Cell::text(expires.unwrap_or_else(|| l.t("never").to_owned())),
        ]
    };
    Table {
        caption: l.t("Secrets, without their values").to_owned(),
        columns: ["Name", "Made", "Ends"].map(|it| l.t(it).to_owned()).into(),
        rows: secrets.iter().map(row).collect(),
        empty: l
            .t("There is no secret: it cannot authenticate.")
            .to_owned(),
    }
}

fn table(l: Language, clients: &[Client]) -> Table {
    let columns = [
        "Name",
        "Client identifier",
        "Authentication",
        "Organization",
        "State",
    ];
    let row = |client: &Client| {
        let href = format!("/admin/clients/{}", client.client_id);
        vec![
            Cell::link(&client.name, href),
            Cell::code(&client.client_id),
            Cell::code(client.authentication.as_str()),
            Cell::maybe(client.rights.organization.as_deref()),
            state(l, client.disabled),
        ]
    };
    Table {
        caption: l.t("Applications by identifier").to_owned(),
        columns: columns.map(|column| l.t(column).to_owned()).into(),
        rows: clients.iter().map(row).collect(),
        empty: l
            .t("No application fits. Search for less, or add one.")
            .to_owned(),
    }
}

fn filters(l: Language, query: &Parameters) -> Vec<Field> {
    let value = |name: &str| query.get(name).unwrap_or_default().to_owned();
    vec![
        Field::text("name", l.t("Part of the name"), value("name")),
        Field::text("organization", l.t("Organization"), value("organization")),
        state_filter(l, query),
    ]
}

fn done(l: Language, query: &Parameters) -> Option<String> {
    let done = query.get("done")?;
    let text = acts::done(done).or(match done {
        "changed" => Some("The registration is changed. It holds at once."),
        _ => None,
    })?;
    Some(l.t(text).to_owned())
}

const FILTERS: [&str; 3] = ["name", "organization", "state"];
