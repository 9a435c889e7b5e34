//! What is done to an application: each shows its effect first.

use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;

use super::super::Place;
use super::super::parts::{Confirm, Way};
use super::super::users::counted;
use super::super::visit::{Desk, Stop, Visit};
use crate::Client;
use crate::administration::decision::Operation;
use crate::administration::{Administration, Error, PageRequest};
use crate::login::Body;
use crate::pages;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Disable,
    Enable,
    RevokeTokens,
    Remove,
}

struct Words {
    heading: &'static str,
    text: &'static str,
    button: &'static str,
    effect: &'static str,
    done: &'static str,
}

const ACTS: [Act; 4] = [Act::RevokeTokens, Act::Enable, Act::Disable, Act::Remove];

pub(super) fn places() -> Vec<Place> {
    let place = |act: Act| {
        let show = move |visit: Visit, path: Path<String>| show(act, visit, path);
        let submit =
            move |visit: Visit, path: Path<String>, body: Body| submit(act, visit, path, body);
        Place::new(act.path(), act.operation(), get(show).post(submit))
    };
    ACTS.map(place).into()
}

/// The ways to those that make sense for a client as it is.
pub(super) fn ways(desk: &Desk<'_>, client: &Client) -> Vec<Way> {
    let sensible = |act: &Act| match act {
        Act::Enable => client.disabled,
        Act::Disable => !client.disabled,
        _ => true,
    };
    let offered = ACTS.into_iter().filter(sensible);
    let offered = offered.filter(|act| desk.may(act.operation()));
    let way = |act: Act| Way {
        href: format!("/admin/clients/{}/{}", client.client_id, act.name()),
        text: desk.l().t(act.words().button).to_owned(),
        kind: if act.is_grave() { "danger" } else { "second" },
    };
    offered.map(way).collect()
}

/// What is said after an act of this name.
pub(super) fn done(name: &str) -> Option<&'static str> {
    let act = ACTS.into_iter().find(|act| act.name() == name)?;
    Some(act.words().done)
}

async fn show(act: Act, visit: Visit, Path(id): Path<String>) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(act.operation())?;
        let client = admin.client(&id).await?;
        let (l, words) = (desk.l(), act.words());
        Ok(desk.confirm(&Confirm {
            heading: l.f(words.heading, &[&client.name]),
            text: l.t(words.text).to_owned(),
            effects: effects(act, &desk, &admin, &client).await?,
            changes: Vec::new(),
            hidden: vec![("version".to_owned(), client.version())],
            button: l.t(words.button).to_owned(),
            danger: act.is_grave(),
            back: (
                format!("/admin/clients/{}", client.client_id),
                l.t("Cancel").to_owned(),
            ),
        }))
    };
    visit.settle(page.await).await
}

async fn submit(act: Act, visit: Visit, Path(id): Path<String>, body: Body) -> Response {
    let page = async {
        let (desk, parameters) = visit.posted(body).await?;
        let admin = desk.permit_unchanged(act.operation(), &parameters)?;
        let client = admin.client(&id).await?;
        act.run(&admin, &client.client_id).await?;
        let path = match act {
            Act::Remove => "/admin/clients".to_owned(),
            _ => format!("/admin/clients/{}", client.client_id),
        };
        Ok(pages::see_other(&format!("{path}?done={}", act.name())))
    };
    visit.settle(page.await).await
}

async fn effects(
    act: Act,
    desk: &Desk<'_>,
    admin: &Administration,
    client: &Client,
) -> Result<Vec<String>, Stop> {
    let (l, mut effects) = (desk.l(), Vec::new());
    if act != Act::Enable {
        let request = PageRequest::longest();
        let found = admin
            .list_tokens(Some(&client.client_id), None, &request)
            .await?;
        let live = found.items.iter().filter(|token| !token.revoked);
        let mut people: Vec<&String> = live.clone().filter_map(|it| it.user_id.as_ref()).collect();
        people.sort();
        people.dedup();
        let count = counted(live.count(), found.next.is_some());
        effects.push(l.f("Access tokens that are revoked: {}", &[&count]));
        let count = counted(people.len(), found.next.is_some());
        effects.push(l.f("People whose tokens are among them: {}", &[&count]));
    }
    effects.push(l.t(act.words().effect).to_owned());
    Ok(effects)
}

impl Act {
    const fn operation(self) -> Operation {
        match self {
            Self::Disable => Operation::ClientDisable,
            Self::Enable => Operation::ClientEnable,
            Self::RevokeTokens => Operation::ClientRevokeTokens,
            Self::Remove => Operation::ClientRemove,
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Disable => "/admin/clients/{id}/disable",
            Self::Enable => "/admin/clients/{id}/enable",
            Self::RevokeTokens => "/admin/clients/{id}/revoke-tokens",
            Self::Remove => "/admin/clients/{id}/remove",
        }
    }

    fn name(self) -> &'static str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    const fn is_grave(self) -> bool {
        matches!(self, Self::Disable | Self::Remove)
    }

    async fn run(self, admin: &Administration, client_id: &str) -> Result<(), Error> {
        match self {
            Self::Disable => admin.set_client_disabled(client_id, true).await,
            Self::Enable => admin.set_client_disabled(client_id, false).await,
            Self::RevokeTokens => admin.revoke_tokens_of_client(client_id).await,
            Self::Remove => admin.delete_client(client_id).await,
        }
    }

    const fn words(self) -> Words {
        match self {
            Self::Disable => Words {
                heading: "Disable {}?",
                text: "Shuts the application out at once, until somebody enables it again.",
                button: "Disable",
                effect: "It is given nothing more until it is enabled again.",
                done: "The application is disabled.",
            },
            Self::Enable => Words {
                heading: "Enable {}?",
                text: "Lets the application ask again.",
                button: "Enable",
                effect: "It may ask anew. What was revoked stays revoked.",
                done: "The application is enabled.",
            },
            Self::RevokeTokens => Words {
                heading: "Revoke the tokens of {}?",
                text: "Takes back what the application was given.",
                button: "Revoke all tokens",
                effect: "It may ask anew at once. To stop it, disable it.",
                done: "The tokens are revoked.",
            },
            Self::Remove => Words {
                heading: "Remove {}?",
                text: "Removes the registration. To keep it and only shut the application out, disable it.",
                button: "Remove",
                effect: "The registration and its secrets are gone for good. Its rows in the audit stay.",
                done: "The application is removed.",
            },
        }
    }
}
