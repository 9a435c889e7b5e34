//! What is done to a person: each shows its effect first.

use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;

use super::super::Place;
use super::super::parts::{Confirm, Shown};
use super::super::visit::{Desk, Stop, Visit};
use crate::ResourceOwner;
use crate::administration::decision::Operation;
use crate::administration::{Administration, PageRequest, generate_password};
use crate::login::Body;
use crate::pages;
use crate::store::{consents, revocations};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Disable,
    Enable,
    SetPassword,
    ResetSecondFactor,
    Unlock,
    EndSessions,
    RevokeTokens,
    Remove,
}

/// What an act says of itself.
pub(super) struct Words {
    heading: &'static str,
    text: &'static str,
    pub(super) button: &'static str,
    done: &'static str,
}

const ACTS: [Act; 8] = [
    Act::SetPassword,
    Act::ResetSecondFactor,
    Act::Unlock,
    Act::EndSessions,
    Act::RevokeTokens,
    Act::Enable,
    Act::Disable,
    Act::Remove,
];

pub(super) fn places() -> Vec<Place> {
    let place = |act: Act| {
        let show = move |visit: Visit, path: Path<String>| show(act, visit, path);
        let submit =
            move |visit: Visit, path: Path<String>, body: Body| submit(act, visit, path, body);
        Place::new(act.path(), act.operation(), get(show).post(submit))
    };
    ACTS.map(place).into()
}

/// Those that make sense for a person as it is.
pub(super) fn offered(user: &ResourceOwner, second_factor: bool) -> impl Iterator<Item = Act> {
    let disabled = user.disabled;
    ACTS.into_iter().filter(move |act| match act {
        Act::Enable => disabled,
        Act::Disable => !disabled,
        Act::ResetSecondFactor => second_factor,
        _ => true,
    })
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
        let user = admin.user_by_id(&id).await?;
        let (l, words) = (desk.l(), act.words());
        Ok(desk.confirm(&Confirm {
            heading: l.f(words.heading, &[&user.username]),
            text: l.t(words.text).to_owned(),
            effects: effects(act, &desk, &admin, &user).await?,
            changes: Vec::new(),
            hidden: vec![("version".to_owned(), user.version())],
            button: l.t(words.button).to_owned(),
            danger: act.is_grave(),
            back: (
                format!("/admin/users/{}", user.id),
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
        let user = admin.user_by_id(&id).await?;
        if act == Act::SetPassword {
            return set_password(&desk, &admin, &user).await;
        }
        act.run(&admin, &user.username).await?;
        let path = match act {
            Act::Remove => "/admin/users".to_owned(),
            _ => format!("/admin/users/{}", user.id),
        };
        Ok(pages::see_other(&format!("{path}?done={}", act.name())))
    };
    visit.settle(page.await).await
}

async fn set_password(
    desk: &Desk<'_>,
    admin: &Administration,
    user: &ResourceOwner,
) -> Result<Response, Stop> {
    let password = generate_password(&admin.random);
    admin.set_user_password(&user.username, &password).await?;
    let l = desk.l();
    Ok(desk.shown(&Shown {
        heading: l.f("The new password of {}", &[&user.username]),
        text: l
            .t("The password is set. Hand it over in person, and have it changed on the account page.")
            .to_owned(),
        name: l.t("Password").to_owned(),
        secret: password.expose().to_owned(),
        next: (
            format!("/admin/users/{}", user.id),
            l.t("Back to the person").to_owned(),
        ),
    }))
}

/// What an act ends, counted.
async fn effects(
    act: Act,
    desk: &Desk<'_>,
    admin: &Administration,
    user: &ResourceOwner,
) -> Result<Vec<String>, Stop> {
    let (l, mut effects) = (desk.l(), Vec::new());
    let (sessions, tokens) = act.ends();
    if sessions {
        let request = PageRequest::longest();
        let found = admin.list_sessions(Some(&user.id), &request).await?;
        let count = counted(found.items.len(), found.next.is_some());
        effects.push(l.f("Sessions that end: {}", &[&count]));
    }
    if tokens {
        let request = PageRequest::longest();
        let found = admin.list_tokens(None, Some(&user.id), &request).await?;
        let live = found.items.iter().filter(|token| !token.revoked).count();
        let count = counted(live, found.next.is_some());
        effects.push(l.f("Access tokens that are revoked: {}", &[&count]));
        let now = admin.clock.now();
        let mut clients: Vec<String> = Vec::new();
        let grants = revocations::grants_of_user(&admin.db, &user.id, now).await?;
        clients.extend(grants.into_iter().map(|grant| grant.client_id));
        if sessions {
            let remembered = consents::of_user(&admin.db, &user.id, now).await?;
            clients.extend(remembered.into_iter().map(|grant| grant.client_id));
        }
        clients.sort();
        clients.dedup();
        let count = clients.len().to_string();
        effects.push(l.f("Applications that lose their access: {}", &[&count]));
    }
    let last = match act {
        Act::Remove => Some("The account is gone for good. Its rows in the audit stay."),
        Act::SetPassword => Some("The present password signs nobody in any more."),
        Act::ResetSecondFactor => {
            Some("The next sign-in asks for the password alone, or has a second factor set up.")
        }
        Act::Disable => Some("Nobody signs in with this account until it is enabled again."),
        Act::Enable => Some("The person can sign in again. What has ended stays ended."),
        Act::Unlock => Some("Failed sign-ins are forgotten: the next one is not held up."),
        Act::EndSessions | Act::RevokeTokens => None,
    };
    effects.extend(last.map(|text| l.t(text).to_owned()));
    Ok(effects)
}

/// A count that may be of the first part of a list only.
pub(in crate::admin::pages) fn counted(count: usize, more: bool) -> String {
    format!("{count}{}", if more { "+" } else { "" })
}

impl Act {
    pub(super) const fn operation(self) -> Operation {
        match self {
            Self::Disable => Operation::UserDisable,
            Self::Enable => Operation::UserEnable,
            Self::SetPassword => Operation::UserSetPassword,
            Self::ResetSecondFactor => Operation::UserResetSecondFactor,
            Self::Unlock => Operation::UserUnlock,
            Self::EndSessions => Operation::UserEndSessions,
            Self::RevokeTokens => Operation::UserRevokeTokens,
            Self::Remove => Operation::UserRemove,
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Disable => "/admin/users/{id}/disable",
            Self::Enable => "/admin/users/{id}/enable",
            Self::SetPassword => "/admin/users/{id}/set-password",
            Self::ResetSecondFactor => "/admin/users/{id}/reset-second-factor",
            Self::Unlock => "/admin/users/{id}/unlock",
            Self::EndSessions => "/admin/users/{id}/end-sessions",
            Self::RevokeTokens => "/admin/users/{id}/revoke-tokens",
            Self::Remove => "/admin/users/{id}/remove",
        }
    }

    /// The end of its path.
    pub(super) fn name(self) -> &'static str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    /// Whether the person loses the account by it.
    pub(super) const fn is_grave(self) -> bool {
        matches!(self, Self::Disable | Self::Remove)
    }

    /// Whether it ends sessions, and tokens.
    const fn ends(self) -> (bool, bool) {
        match self {
            Self::Disable | Self::Remove | Self::SetPassword | Self::ResetSecondFactor => {
                (true, true)
            }
            Self::EndSessions => (true, false),
            Self::RevokeTokens => (false, true),
            Self::Enable | Self::Unlock => (false, false),
        }
    }

    async fn run(
        self,
        admin: &Administration,
        username: &str,
    ) -> Result<(), crate::administration::Error> {
        match self {
            Self::Disable => admin.set_user_disabled(username, true).await,
            Self::Enable => admin.set_user_disabled(username, false).await,
            // It has a page of its own: the password is shown.
            Self::SetPassword => Ok(()),
            Self::ResetSecondFactor => admin.reset_second_factor(username).await,
            Self::Unlock => admin.unlock_user(username).await,
            Self::EndSessions => admin.end_sessions_of_user(username).await,
            Self::RevokeTokens => admin.revoke_tokens_of_user(username).await,
            Self::Remove => admin.delete_user(username).await,
        }
    }

    pub(super) const fn words(self) -> Words {
        match self {
            Self::Disable => Words {
                heading: "Disable {}?",
                text: "Shuts the person out at once, until somebody enables the account again.",
                button: "Disable",
                done: "The account is disabled.",
            },
            Self::Enable => Words {
                heading: "Enable {}?",
                text: "Lets the person in again.",
                button: "Enable",
                done: "The account is enabled.",
            },
            Self::SetPassword => Words {
                heading: "Set a new password for {}?",
                text: "A new password is made and shown once, for you to hand over.",
                button: "Set a new password",
                done: "The password is set.",
            },
            Self::ResetSecondFactor => Words {
                heading: "Take the second factor of {} away?",
                text: "For a person who has lost the phone and the recovery codes. Be sure who asks for it.",
                button: "Take the second factor away",
                done: "The second factor is taken away.",
            },
            Self::Unlock => Words {
                heading: "Unlock {}?",
                text: "For a person who is held up by failed sign-ins.",
                button: "Unlock",
                done: "The account is unlocked.",
            },
            Self::EndSessions => Words {
                heading: "End the sessions of {}?",
                text: "Signs the person out everywhere. The person may sign in again.",
                button: "End all sessions",
                done: "The sessions are over.",
            },
            Self::RevokeTokens => Words {
                heading: "Revoke the tokens of {}?",
                text: "Takes back what applications were given. The person may allow it again.",
                button: "Revoke all tokens",
                done: "The tokens are revoked.",
            },
            Self::Remove => Words {
                heading: "Remove {}?",
                text: "Removes the account. To keep it and only shut the person out, disable it.",
                button: "Remove",
                done: "The account is removed.",
            },
        }
    }
}
