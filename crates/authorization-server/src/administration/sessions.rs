//! Sessions as an operator sees them: never what the browser holds.

use jiff::Timestamp;
use storage::Transaction;
use storage::audit::AuditEvent;

use super::decision::Operation;
use super::page::{Page, PageRequest, page};
use super::reach::Reach;
use super::{Administration, Change, Error};
use crate::store::sessions::{self, Alive, ListedSession};

/// A person who is signed in with one browser.
#[derive(Debug, Clone)]
pub struct SessionEntry {
    /// Half of the SHA-256 of what the browser holds: it opens nothing.
    pub id: String,
    /// `sub` of the person.
    pub user_id: String,
    /// The person's name.
    pub username: String,
    /// The kind of browser, in words.
    pub browser: Option<String>,
    /// Where it was begun from.
    pub source_address: Option<String>,
    /// When the person signed in.
    pub since: Timestamp,
    /// When it was used last, to the minute.
    pub last_used: Timestamp,
    /// When it ends, used or not.
    pub expires: Timestamp,
    /// Whether a second factor was given.
    pub second_factor: bool,
}

impl Administration {
    /// Sessions that are alive, the latest begun first, of one person if an id is given.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor or limit.
    pub async fn list_sessions(
        &self,
        user_id: Option<&str>,
        request: &PageRequest,
    ) -> Result<Page<SessionEntry>, Error> {
        let reach = self.actor.reach();
        let now = self.clock.now();
        let alive = Alive {
            now,
            used_after: now - self.session_idle,
        };
        let fetch = async |after: Option<&(i64, String)>| {
            sessions::alive(&self.db, alive, user_id, after).await
        };
        let position = |session: &ListedSession| {
            let entry = &session.entry;
            (entry.since.as_millisecond(), entry.id.clone())
        };
        let keep = |session: &ListedSession| reach.covers(&session.user_rights);
        let listed = page(request, fetch, position, keep).await?;
        Ok(listed.map(|session| session.entry))
    }

    /// Ends the session that is listed under this id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn end_session(&self, id: &str) -> Result<(), Error> {
        let event = self.event(Operation::SessionEnd.name());
        if let Err(error) = self.permits(Operation::SessionEnd) {
            return self.refuse(event, error).await;
        }
        let found = sessions::find_listed(&self.db, id).await?;
        let event = AuditEvent {
            // Only what is known to be an id of ours is repeated.
            reason: found
                .as_ref()
                .map(|it| format!("session {} of user {}", it.entry.id, it.entry.user_id)),
            ..event
        };
        let change = End {
            id: id.to_owned(),
            reach: self.actor.reach(),
        };
        self.act(event, change).await
    }
}

struct End {
    id: String,
    reach: Reach,
}

impl Change for End {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        let ended = match sessions::find_listed_in(tx, &self.id).await? {
            Some(session) if self.reach.covers(&session.user_rights) => {
                sessions::delete_by_id(tx, &session.entry.user_id, &self.id).await?
            }
            _ => false,
        };
        Ok(if ended {
            Ok(())
        } else {
            Err(Error::NotFound("session"))
        })
    }
}
