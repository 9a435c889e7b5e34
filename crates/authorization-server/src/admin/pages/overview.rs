//! The first page: what this person administers, and what is there.

use axum::response::Response;

use super::parts::{Card, Overview};
use super::users::counted;
use super::visit::{Desk, Stop, Visit};
use crate::administration::decision::Operation;
use crate::administration::{ClientFilter, PageRequest, UserFilter};
use crate::pages::words;
use crate::{KeyState, OrganizationAccess};

pub(super) async fn show(visit: Visit) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let l = desk.l();
        let owner = &desk.session.owner;
        let role = words::role(l, &owner.role);
        let organization = owner.rights.organization.as_deref().unwrap_or("–");
        let text = match owner.rights.organization_access {
            OrganizationAccess::All => l.f("You are here as {}, for all organizations.", &[role]),
            OrganizationAccess::Own => l.f("You are here as {}, for {}.", &[role, organization]),
        };
        let cards = cards(&desk).await?;
        Ok(desk.overview(&Overview { text, cards }))
    };
    visit.settle(page.await).await
}

async fn cards(desk: &Desk<'_>) -> Result<Vec<Card>, Stop> {
    let mut cards = Vec::new();
    for (href, name, text, operation) in AREAS {
        if !desk.may(operation) {
            continue;
        }
        let l = desk.l();
        cards.push(Card {
            href,
            name: l.t(name).to_owned(),
            figure: figure(desk, operation).await?,
            text: l.t(text).to_owned(),
        });
    }
    Ok(cards)
}

/// How many there are, where that says something.
async fn figure(desk: &Desk<'_>, operation: Operation) -> Result<Option<String>, Stop> {
    let request = PageRequest::longest();
    let admin = match operation {
        // Nothing is read, and so nothing to be permitted.
        Operation::AuditSearch | Operation::IssuerList => return Ok(None),
        _ => desk.permit(operation)?,
    };
    let count = match operation {
        Operation::UserList => {
            let found = admin.list_users(&UserFilter::default(), &request).await?;
            counted(found.items.len(), found.next.is_some())
        }
        Operation::ClientList => {
            let filter = ClientFilter::default();
            let found = admin.list_clients(&filter, &request).await?;
            counted(found.items.len(), found.next.is_some())
        }
        Operation::SessionList => {
            let found = admin.list_sessions(None, &request).await?;
            counted(found.items.len(), found.next.is_some())
        }
        Operation::ResourceServerList => admin.resource_servers().await?.len().to_string(),
        Operation::KeyList => {
            let keys = admin.signing_keys().await?;
            let active = keys.iter().filter(|key| key.state == KeyState::Active);
            active.count().to_string()
        }
        _ => return Ok(None),
    };
    Ok(Some(count))
}

const AREAS: [(&str, &str, &str, Operation); 7] = [
    (
        "/admin/users",
        "People",
        "who sign in here, their roles and reach",
        Operation::UserList,
    ),
    (
        "/admin/clients",
        "Applications",
        "that ask for tokens, their secrets and reach",
        Operation::ClientList,
    ),
    (
        "/admin/sessions",
        "Sessions",
        "that are open now",
        Operation::SessionList,
    ),
    (
        "/admin/resource-servers",
        "Resource servers",
        "whose records the tokens open",
        Operation::ResourceServerList,
    ),
    ("/admin/keys", "Keys", "that sign now", Operation::KeyList),
    (
        "/admin/issuers",
        "Issuers",
        "whose tokens open the records here",
        Operation::IssuerList,
    ),
    (
        "/admin/audit",
        "Audit",
        "who did what, when, and from where",
        Operation::AuditSearch,
    ),
];
