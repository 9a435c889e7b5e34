//! People: the list, one of them, and the ways to change them.

mod acts;
mod form;

pub(super) use acts::counted;
pub(super) use form::{differences, posted_rights, refused, rights_fields, told_rights};

use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use oauth::Parameters;

use super::Place;
use super::parts::{Cell, Detail, Field, List, Section, Table, Way, text_of};
use super::sessions;
use super::visit::{Desk, Stop, Visit};
use crate::ResourceOwner;
use crate::administration::decision::Operation;
use crate::administration::{Administration, PageRequest, UserFilter};
use crate::pages::{Language, moment, words};

pub(super) fn places() -> Vec<Place> {
    let mut places = vec![
        Place::new("/admin/users", Operation::UserList, get(list)),
        Place::new(
            "/admin/users/add",
            Operation::UserAdd,
            get(form::show_new).post(form::add),
        ),
        Place::new("/admin/users/{id}", Operation::UserRead, get(show)),
        Place::new(
            "/admin/users/{id}/change",
            Operation::UserChange,
            get(form::show).post(form::change),
        ),
    ];
    places.extend(acts::places());
    places
}

async fn list(visit: Visit) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::UserList)?;
        let (l, query) = (desk.l(), visit.query());
        let request = PageRequest {
            cursor: text_of(&query, "after"),
            limit: None,
        };
        let found = admin.list_users(&filter(&query), &request).await?;
        let next = found
            .next
            .map(|after| next("/admin/users", &query, &FILTERS, &after));
        let add = desk.may(Operation::UserAdd).then(|| Way {
            href: "/admin/users/add".to_owned(),
            text: l.t("Add a person").to_owned(),
            kind: "button",
        });
        Ok(desk.list(&List {
            heading: l.t("People").to_owned(),
            text: l
                .t("Who signs in here, in which role, and for which organization.")
                .to_owned(),
            filters: filters(l, &query),
            table: table(l, &found.items),
            ways: add.into_iter().collect(),
            next,
            later: request.cursor.is_some(),
            done: done(l, &query),
        }))
    };
    visit.settle(page.await).await
}

async fn show(visit: Visit, Path(id): Path<String>) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::UserRead)?;
        let user = admin.user_by_id(&id).await?;
        Ok(desk.detail(&detail(&desk, &admin, &user).await?))
    };
    visit.settle(page.await).await
}

async fn detail(
    desk: &Desk<'_>,
    admin: &Administration,
    user: &ResourceOwner,
) -> Result<Detail, Stop> {
    let l = desk.l();
    let second_factor = admin.has_second_factor(&user.id).await?;
    let mut tables = Vec::new();
    if desk.may(Operation::SessionList) {
        let request = PageRequest::longest();
        let found = admin.list_sessions(Some(&user.id), &request).await?;
        tables.push(sessions::table(desk, &found.items, false));
    }
    Ok(Detail {
        heading: user.username.clone(),
        back: ("/admin/users".to_owned(), l.t("All people").to_owned()),
        mark: Some(state(l, user.disabled)),
        sections: sections(l, user, second_factor),
        tables,
        ways: ways(desk, user, second_factor),
        done: done(l, &desk.visit.query()),
    })
}

fn sections(l: Language, user: &ResourceOwner, second_factor: bool) -> Vec<Section> {
    let value = |name: &str, cell: Cell| (l.t(name).to_owned(), cell);
    let second_factor = l.t(if second_factor { "set up" } else { "none yet" });
    let account = vec![
        value("Role", Cell::text(words::role(l, &user.role))),
        value("Second factor", Cell::text(second_factor)),
        value("Registered", Cell::text(moment(user.created))),
        value("Note", Cell::maybe(user.note.as_deref())),
        value("Identifier", Cell::code(&user.id)),
    ];
    let mut reach = rights(l, &user.rights);
    reach.push(value("Scope", Cell::code(user.scope.to_string())));
    vec![
        Section {
            heading: l.t("Account").to_owned(),
            values: account,
        },
        Section {
            heading: l.t("Reach").to_owned(),
            values: reach,
        },
    ]
}

/// What somebody or something reaches.
pub(super) fn rights(l: Language, rights: &crate::Rights) -> Vec<(String, Cell)> {
    let value = |name: &str, text: String| (l.t(name).to_owned(), Cell::text(text));
    let all = rights.organization_access == crate::OrganizationAccess::All;
    vec![
        value(
            "Organization",
            rights
                .organization
                .clone()
                .unwrap_or_else(|| "–".to_owned()),
        ),
        value("Records of", access(l, all)),
        value(
            "Jurisdictions",
            words::jurisdictions(l, &rights.jurisdictions),
        ),
        value(
            "Kinds of records",
            words::record_types(l, &rights.record_types),
        ),
        value(
            "Facilities",
            words::facilities(l, rights.facilities.as_deref()),
        ),
    ]
}

/// Whose records.
pub(super) fn access(l: Language, all: bool) -> String {
    l.t(if all {
        "all organizations"
    } else {
        "the own organization"
    })
    .to_owned()
}

fn ways(desk: &Desk<'_>, user: &ResourceOwner, second_factor: bool) -> Vec<Way> {
    // Nobody does these to himself; the account page is for that.
    if desk.session.owner.id == user.id {
        return Vec::new();
    }
    let l = desk.l();
    let change = desk.may(Operation::UserChange).then(|| Way {
        href: format!("/admin/users/{}/change", user.id),
        text: l.t("Change role and reach").to_owned(),
        kind: "button",
    });
    let acts = acts::offered(user, second_factor).filter(|act| desk.may(act.operation()));
    let acts = acts.map(|act| Way {
        href: format!("/admin/users/{}/{}", user.id, act.name()),
        text: l.t(act.words().button).to_owned(),
        kind: if act.is_grave() { "danger" } else { "second" },
    });
    change.into_iter().chain(acts).collect()
}

fn table(l: Language, users: &[ResourceOwner]) -> Table {
    let columns = ["Username", "Role", "Organization", "Jurisdictions", "State"];
    let row = |user: &ResourceOwner| {
        vec![
            Cell::link(&user.username, format!("/admin/users/{}", user.id)),
            Cell::text(words::role(l, &user.role)),
            Cell::maybe(user.rights.organization.as_deref()),
            Cell::text(words::jurisdictions(l, &user.rights.jurisdictions)),
            state(l, user.disabled),
        ]
    };
    Table {
        caption: l.t("People by username").to_owned(),
        columns: columns.map(|column| l.t(column).to_owned()).into(),
        rows: users.iter().map(row).collect(),
        empty: l
            .t("Nobody fits. Search for less, or add a person.")
            .to_owned(),
    }
}

/// Whether somebody or something is disabled, as a mark.
pub(super) fn state(l: Language, disabled: bool) -> Cell {
    if disabled {
        Cell::mark("bad", l.t("disabled"))
    } else {
        Cell::mark("good", l.t("enabled"))
    }
}

fn filter(query: &Parameters) -> UserFilter {
    UserFilter {
        username: text_of(query, "username"),
        role: text_of(query, "role"),
        organization: text_of(query, "organization"),
        disabled: disabled(query),
    }
}

/// Which state is searched for.
pub(super) fn disabled(query: &Parameters) -> Option<bool> {
    match query.get("state") {
        Some("enabled") => Some(false),
        Some("disabled") => Some(true),
        _ => None,
    }
}

fn filters(l: Language, query: &Parameters) -> Vec<Field> {
    let value = |name: &str| query.get(name).unwrap_or_default().to_owned();
    let mut roles = vec![(String::new(), l.t("any").to_owned())];
    roles.extend(crate::ROLES.map(|role| (role.to_owned(), words::role(l, role).to_owned())));
    vec![
        Field::text("username", l.t("Part of the username"), value("username")),
        Field::choice("role", l.t("Role"), value("role"), roles),
        Field::text("organization", l.t("Organization"), value("organization")),
        state_filter(l, query),
    ]
}

pub(super) fn state_filter(l: Language, query: &Parameters) -> Field {
    let choices = [
        ("", "any"),
        ("enabled", "enabled"),
        ("disabled", "disabled"),
    ];
    let choices = choices.map(|(value, words)| (value.to_owned(), l.t(words).to_owned()));
    let value = query.get("state").unwrap_or_default();
    Field::choice("state", l.t("State"), value, choices.into())
}

/// The address of the next part of a list: the same search, further on.
pub(super) fn next(path: &str, query: &Parameters, names: &[&str], after: &str) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    for name in names {
        if let Some(value) = query.get(name) {
            text.append_pair(name, value);
        }
    }
    text.append_pair("after", after);
    format!("{path}?{}", text.finish())
}

/// What has just been done; never text of the address itself.
fn done(l: Language, query: &Parameters) -> Option<String> {
    let done = query.get("done")?;
    let text = acts::done(done).or(match done {
        "changed" => Some("The person is changed. It holds at once."),
        _ => None,
    })?;
    Some(l.t(text).to_owned())
}

const FILTERS: [&str; 4] = ["username", "role", "organization", "state"];
