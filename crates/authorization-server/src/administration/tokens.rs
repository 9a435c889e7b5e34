//! Tokens as an operator sees them: never their values.

use jiff::Timestamp;
use storage::Transaction;
use storage::audit::AuditEvent;

use super::{Administration, Change, Error};
use crate::store::revocations::{self, TokenEntry};

impl Administration {
    /// Access tokens that have not expired, newest first (1,000 at most), of a client or of a user if
    /// one is given.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn tokens(
        &self,
        client_id: Option<&str>,
        user_id: Option<&str>,
    ) -> Result<Vec<TokenEntry>, Error> {
        Ok(revocations::unexpired(&self.db, self.clock.now(), client_id, user_id).await?)
    }

    /// Revokes what `id` names: an access token by (the start of) its listed id, or a whole family.
    ///
    /// # Errors
    /// [`Error::NotFound`] also when the id fits several tokens.
    pub async fn revoke_token(&self, id: &str) -> Result<(), Error> {
        let event = AuditEvent {
            token_id: id.get(..AUDITED_DIGITS).map(str::to_owned),
            ..self.event("token.revoke")
        };
        let change = ById {
            id: id.to_owned(),
            prefix: bytes_of(id),
            now: self.clock.now(),
        };
        self.act(event, change).await
    }

    /// Revokes all tokens and codes issued to a client.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn revoke_tokens_of_client(&self, client_id: &str) -> Result<(), Error> {
        let event = AuditEvent {
            client_id: Some(client_id.to_owned()),
            ..self.event("token.revoke")
        };
        self.act(event, OfClient(client_id.to_owned(), self.clock.now()))
            .await
    }

    /// Revokes all tokens and codes issued on behalf of a user.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn revoke_tokens_of_user(&self, user_id: &str) -> Result<(), Error> {
        let event = AuditEvent {
            subject: Some(user_id.to_owned()),
            ..self.event("token.revoke")
        };
        self.act(event, OfUser(user_id.to_owned(), self.clock.now()))
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
    now: Timestamp,
}

impl Change for ById {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        if revocations::revoke_family(tx, &self.id, self.now).await? {
            return Ok(Ok(()));
        }
        let revoked = match &self.prefix {
            Some(prefix) => revocations::revoke_by_id(tx, prefix, self.now).await?,
            None => false,
        };
        Ok(if revoked {
            Ok(())
        } else {
            Err(Error::NotFound("token"))
        })
    }
}

struct OfClient(String, Timestamp);

impl Change for OfClient {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        revocations::revoke_client(tx, &self.0, self.1).await?;
        Ok(Ok(()))
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
