//! Sessions: who is signed in, with what, from where; and ending one.

use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;

use super::Place;
use super::parts::{Cell, Confirm, Field, List, Table, text_of, yes_or_no};
use super::users::next;
use super::visit::{Desk, Stop, Visit};
use crate::administration::decision::Operation;
use crate::administration::{Administration, Error, PageRequest, SessionEntry};
use crate::login::Body;
use crate::pages::{self, moment};

pub(super) fn places() -> Vec<Place> {
    vec![
        Place::new("/admin/sessions", Operation::SessionList, get(list)),
        Place::new(
            "/admin/sessions/{id}/end",
            Operation::SessionEnd,
            get(show).post(end),
        ),
    ]
}

async fn list(visit: Visit) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::SessionList)?;
        let (l, query) = (desk.l(), visit.query());
        let request = PageRequest {
            cursor: text_of(&query, "after"),
            limit: None,
        };
        let username = text_of(&query, "username");
        let (table, further) = match whose(&admin, username.as_deref()).await? {
            // Nobody of that name within reach: no sessions.
            Whose::Nobody => (self::table(&desk, &[], true), None),
            Whose::Everybody => {
                let found = admin.list_sessions(None, &request).await?;
                (self::table(&desk, &found.items, true), found.next)
            }
            Whose::One(id) => {
                let found = admin.list_sessions(Some(&id), &request).await?;
                (self::table(&desk, &found.items, true), found.next)
            }
        };
        let value = username.unwrap_or_default();
        let done = query.get("done") == Some("ended");
        Ok(desk.list(&List {
            heading: l.t("Sessions").to_owned(),
            text: l
                .t("Who is signed in, with which browser, and from where. The latest comes first.")
                .to_owned(),
            filters: vec![Field::text("username", l.t("Username"), value)],
            table,
            ways: Vec::new(),
            next: further.map(|after| next("/admin/sessions", &query, &["username"], &after)),
            later: request.cursor.is_some(),
            done: done.then(|| l.t("The session is over.").to_owned()),
        }))
    };
    visit.settle(page.await).await
}

enum Whose {
    Everybody,
    One(String),
    Nobody,
}

async fn whose(admin: &Administration, username: Option<&str>) -> Result<Whose, Stop> {
    let Some(username) = username else {
        return Ok(Whose::Everybody);
    };
    match admin.user(username).await {
        Ok(user) => Ok(Whose::One(user.id)),
        Err(Error::NotFound(_)) => Ok(Whose::Nobody),
        Err(error) => Err(error.into()),
    }
}

async fn show(visit: Visit, Path(id): Path<String>) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::SessionEnd)?;
        let session = admin.session(&id).await?;
        let l = desk.l();
        let unknown = || l.t("unknown").to_owned();
        let browser = session.browser.unwrap_or_else(unknown);
        let address = session.source_address.unwrap_or_else(unknown);
        Ok(desk.confirm(&Confirm {
            heading: l.f("End a session of {}?", &[&session.username]),
            text: l
                .t("Signs the person out with this browser. The person may sign in again.")
                .to_owned(),
            effects: vec![
                l.f("Browser: {}", &[&browser]),
                l.f("From: {}", &[&address]),
                l.f("Since: {}", &[&moment(session.since)]),
            ],
            changes: Vec::new(),
            hidden: Vec::new(),
            button: l.t("End the session").to_owned(),
            danger: false,
            back: ("/admin/sessions".to_owned(), l.t("Cancel").to_owned()),
        }))
    };
    visit.settle(page.await).await
}

async fn end(visit: Visit, Path(id): Path<String>, body: Body) -> Response {
    let page = async {
        let (desk, _) = visit.posted(body).await?;
        let admin = desk.permit(Operation::SessionEnd)?;
        admin.end_session(&id).await?;
        Ok(pages::see_other("/admin/sessions?done=ended"))
    };
    visit.settle(page.await).await
}

/// The sessions of everybody, or of one person whose page it is.
pub(super) fn table(desk: &Desk<'_>, sessions: &[SessionEntry], with_person: bool) -> Table {
    let l = desk.l();
    let may_end = desk.may(Operation::SessionEnd);
    let row = |session: &SessionEntry| {
        let person = Cell::link(
            &session.username,
            format!("/admin/users/{}", session.user_id),
        );
        let browser = session.browser.as_deref();
        let browser = Cell::text(browser.unwrap_or_else(|| l.t("unknown")));
        let mut row = vec![
            Cell::maybe(session.source_address.as_deref()),
            Cell::text(moment(session.since)),
            Cell::text(moment(session.last_used)),
            Cell::text(yes_or_no(l, session.second_factor)),
        ];
        if may_end {
            let href = format!("/admin/sessions/{}/end", session.id);
            row.push(Cell::link(l.t("End it"), href));
        }
        if with_person {
            row.insert(0, browser);
            row.insert(0, person);
        } else {
            row.insert(0, browser);
        }
        row
    };
    let mut columns = vec!["Browser", "From", "Since", "Last used", "Second factor"];
    if with_person {
        columns.insert(0, "Username");
    }
    if may_end {
        columns.push("Act");
    }
    Table {
        caption: l.t("Sessions that are open").to_owned(),
        columns: columns.into_iter().map(|it| l.t(it).to_owned()).collect(),
        rows: sessions.iter().map(row).collect(),
        empty: l.t("No session is open.").to_owned(),
    }
}
