//! Refresh token (RFC 6749 section 6) with rotation and reuse detection (RFC 9700 section 4.14.2).
//!
//! The successor is derived: HMAC-SHA-256 of the presented token under a server key. So the tables hold
//! hashes only, and a client whose answer was lost can ask again for [`REPEAT_WINDOW`] and is given the
//! same successor, as long as that one was not used. There is never a second successor; any other
//! second use means that two hold the token, and ends the family.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use oauth::{Error, ErrorCode, Parameters, Scope, Secret, SecretHash};
use storage::Transaction;

use super::{Grant, Granted, Prepared, expiry, granted_scope, invalid_grant, requested_scope};
use crate::AuthorizationServer;
use crate::audience;
use crate::registration::Client;
use crate::store::list_text;
use crate::store::revocations;
use crate::store::tokens::{self, NewAccessToken, RefreshToken, UsedOnce};

/// A refresh token to be used, with the hashes of what it buys.
pub(crate) struct Redemption {
    presented: SecretHash,
    successor: SecretHash,
    client_id: String,
    client_scope: Scope,
    scope: Option<Scope>,
    resources: Vec<String>,
    access_hash: SecretHash,
    now: Timestamp,
    access_expires: Timestamp,
}

pub(super) fn prepare(
    server: &AuthorizationServer,
    client: &Client,
    parameters: &Parameters,
) -> Result<Prepared, Error> {
    let presented = Secret::received(parameters.require("refresh_token")?.to_owned());
    let successor = successor_of(server.refresh_hmac(), &presented);
    let access_token = server.access_token();
    let now = server.clock().now();
    let redemption = Redemption {
        presented: presented.hash(),
        successor: successor.hash(),
        client_id: client.client_id.clone(),
        client_scope: client.scope.clone(),
        scope: requested_scope(parameters)?,
        resources: parameters
            .all("resource")
            .iter()
            .map(|it| (*it).to_owned())
            .collect(),
        access_hash: access_token.hash(),
        now,
        access_expires: expiry(server, client, now),
    };
    let grant = Grant::RefreshToken(redemption);
    Ok(Prepared {
        grant,
        access_token,
        refresh_token: Some(successor),
    })
}

fn successor_of(key: &hmac::Key, presented: &Secret) -> Secret {
    let mut context = hmac::Context::with_key(key);
    context.update(PURPOSE);
    context.update(presented.expose().as_bytes());
    Secret::received(URL_SAFE_NO_PAD.encode(context.sign()))
}

impl Redemption {
    pub(super) async fn redeem(
        &self,
        tx: &mut Transaction<'_>,
    ) -> Result<Result<Granted, Error>, storage::Error> {
        let Some(token) = tokens::find_refresh(tx, &self.presented).await? else {
            return Ok(Err(invalid_grant("the refresh token is not valid")));
        };
        let (scope, audiences) = match self.check(&token) {
            Ok(granted) => granted,
            // A refusal must not hide that a used token came back.
            Err(error) if token.used.is_none() || token.client_id != self.client_id => {
                return Ok(Err(error));
            }
            Err(_) => return self.end_family(tx, &token).await.map(Err),
        };
        let first = UsedOnce {
            at: self.now,
            successor: self.successor,
            scope: scope.to_string(),
            audiences: list_text(&audiences),
        };
        if tokens::use_refresh(tx, &self.presented, &first).await? {
            tokens::insert_refresh(tx, &self.successor, &token.family_id).await?;
        } else if !self.is_repeat(tx, &first).await? {
            return self.end_family(tx, &token).await.map(Err);
        }
        self.issue(tx, token, scope, audiences).await.map(Ok)
    }

    /// RFC 6749 section 6: bound to its client; the scope may be narrower than the consent, not wider.
    fn check(&self, token: &RefreshToken) -> Result<(Scope, Vec<String>), Error> {
        if token.client_id != self.client_id {
            return Err(invalid_grant(
                "the refresh token was issued to another client",
            ));
        }
        if token.revoked || token.expires <= self.now {
            return Err(invalid_grant(
                "the refresh token has expired or was revoked",
            ));
        }
        let user = token
            .user_scope
            .as_ref()
            .ok_or_else(|| invalid_grant("the user is not active"))?;
        if self
            .scope
            .as_ref()
            .is_some_and(|asked| !asked.is_within(&token.scope))
        {
            return Err(Error::new(
                ErrorCode::InvalidScope,
                "the scope exceeds what was consented to",
            ));
        }
        let asked = self.scope.as_ref().unwrap_or(&token.scope);
        let still = granted_scope(Some(asked), &self.client_scope)?;
        let scope = granted_scope(Some(&still), user)?;
        let resources: Vec<&str> = self.resources.iter().map(String::as_str).collect();
        Ok((scope, audience::narrow(&resources, &token.audiences)?))
    }

    /// Whether this is the request whose answer was lost: same scope and audiences, soon enough, and
    /// nobody went on with the successor. Read again, because a first use at the same moment may have
    /// been committed by another node since.
    async fn is_repeat(
        &self,
        tx: &mut Transaction<'_>,
        asked: &UsedOnce,
    ) -> Result<bool, storage::Error> {
        let used = tokens::find_refresh(tx, &self.presented)
            .await?
            .and_then(|token| token.used);
        let Some(used) = used else { return Ok(false) };
        let same = used.scope == asked.scope
            && used.audiences == asked.audiences
            && used.successor == asked.successor;
        let soon = self.now.duration_since(used.at) <= REPEAT_WINDOW;
        Ok(same && soon && tokens::is_unused(tx, &self.successor).await?)
    }

    async fn end_family(
        &self,
        tx: &mut Transaction<'_>,
        token: &RefreshToken,
    ) -> Result<Error, storage::Error> {
        revocations::revoke_family(tx, &token.family_id, self.now).await?;
        Ok(invalid_grant("the refresh token was used before"))
    }

    async fn issue(
        &self,
        tx: &mut Transaction<'_>,
        token: RefreshToken,
        scope: Scope,
        audiences: Vec<String>,
    ) -> Result<Granted, storage::Error> {
        // An access token never outlives its family, whose row decides on it.
        let expires = self.access_expires.min(token.expires);
        let access = NewAccessToken {
            hash: self.access_hash,
            family_id: Some(token.family_id),
            client_id: token.client_id,
            user_id: Some(token.user_id.clone()),
            scope: scope.clone(),
            audiences: audiences.clone(),
            issued: self.now,
            expires,
        };
        tokens::insert_access(tx, &access).await?;
        Ok(Granted {
            scope,
            audiences,
            lifetime: expires.duration_since(self.now),
            subject: token.user_id,
            refreshable: true,
        })
    }
}

/// Long enough for a client to notice a broken connection and ask again, too short for a thief.
const REPEAT_WINDOW: SignedDuration = SignedDuration::from_secs(10);
/// Keeps this use of the key apart from any other.
const PURPOSE: &[u8] = b"vitalgate refresh successor\0";
