//! Tokens as an operator sees them: never their values.

use jiff::Timestamp;
use storage::Transaction;
use storage::audit::AuditEvent;

use super::decision::Operation;
use super::page::{Page, PageRequest, page};
use super::reach::Reach;
use super::target::Effect;
use super::{Administration, Change, Error};
use crate::store::revocations::{self, Holder, OwnedToken, TokenEntry};

impl Administration {
    /// Access tokens that have not expired, newest first, of a client or of a user if one is given.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor or limit.
    pub async fn list_tokens(
        &self,
        client_id: Option<&str>,
        user_id: Option<&str>,
        request: &PageRequest,
    ) -> Result<Page<TokenEntry>, Error> {
        let reach = self.actor.reach();
        let now = self.clock.now();
        let fetch = async |after: Option<&(i64, String)>| {
            revocations::unexpired(&self.db, now, (client_id, user_id), after).await
        };
        let position =
            |token: &OwnedToken| (token.entry.issued.as_millisecond(), token.entry.id.clone());
        let listed = page(request, fetch, position, |token| {
            token.holder.is_reached(&reach)
        })
        .await?;
        Ok(listed.map(|token| token.entry))
    }

    /// Access tokens that have not expired, newest first, as many as fit on the longest page.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn tokens(
        &self,
        client_id: Option<&str>,
        user_id: Option<&str>,
    ) -> Result<Vec<TokenEntry>, Error> {
        let request = PageRequest::longest();
        Ok(self.list_tokens(client_id, user_id, &request).await?.items)
    }

    /// Revokes what `id` names: an access token by (the start of) its listed id, or a whole family.
    ///
    /// # Errors
    /// [`Error::NotFound`] also when the id fits several tokens.
    pub async fn revoke_token(&self, id: &str) -> Result<(), Error> {
        let event = AuditEvent {
            token_id: id.get(..AUDITED_DIGITS).map(str::to_owned),
            ..self.event(Operation::TokenRevoke.name())
        };
        if let Err(error) = self.permits(Operation::TokenRevoke) {
            return self.refuse(event, error).await;
        }
        let change = ById {
            id: id.to_owned(),
            prefix: bytes_of(id),
            reach: self.actor.reach(),
            now: self.clock.now(),
        };
        self.act(event, change).await
    }

    /// Revokes all tokens and codes issued on behalf of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_tokens_of_user(&self, username: &str) -> Result<(), Error> {
        let change = |id: &str| OfUser(id.to_owned(), self.clock.now());
        let operation = Operation::UserRevokeTokens;
        self.act_on_user(operation, Effect::Harmless, username, change)
            .await
    }
}

/// Hexadecimal digits of at least four bytes.
fn bytes_of(id: &str) -> Option<Vec<u8>> {
    if id.len() < AUDITED_DIGITS {
        return None;
    }
    revocations::bytes_of(id)
}

struct ById {
    id: String,
    prefix: Option<Vec<u8>>,
    reach: Reach,
    now: Timestamp,
}

impl Change for ById {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        let revoked = match revocations::holder_of_family(tx, &self.id).await? {
            Some(holder) if holder.is_reached(&self.reach) => {
                revocations::revoke_family(tx, &self.id, self.now).await?
            }
            // Somebody else's is not there.
            Some(_) => false,
            None => self.revoke_access(tx).await?,
        };
        Ok(if revoked {
            Ok(())
        } else {
            Err(Error::NotFound("token"))
        })
    }
}

impl ById {
    /// By the start of the id, if that names one token alone.
    async fn revoke_access(&self, tx: &mut Transaction<'_>) -> Result<bool, storage::Error> {
        let Some(prefix) = &self.prefix else {
            return Ok(false);
        };
        match revocations::holders_of_access(tx, prefix).await?.as_slice() {
            [holder] if holder.is_reached(&self.reach) => {
                revocations::revoke_by_id(tx, prefix, self.now).await
            }
            _ => Ok(false),
        }
    }
}

impl Holder {
    /// A person's token is the person's, whoever's client it went to.
    fn is_reached(&self, reach: &Reach) -> bool {
        let rights = if self.is_person {
            &self.user_rights
        } else {
            &self.client_rights
        };
        match rights {
            Some(rights) => reach.covers(rights),
            // The holder is gone.
            None => reach.is_all(),
        }
    }
}

struct OfUser(String, Timestamp);

impl Change for OfUser {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        revocations::revoke_user(tx, &self.0, self.1).await?;
        Ok(Ok(()))
    }
}

/// Digits of the audit's `token_id`, and the least that name a token here.
const AUDITED_DIGITS: usize = 8;
