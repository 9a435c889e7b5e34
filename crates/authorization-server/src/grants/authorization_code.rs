//! Authorization code (RFC 6749 section 4.1.3) with PKCE (RFC 7636 section 4.6).
//!
//! The code is used up by one statement before anything about it is checked: whoever presents it with
//! the wrong client, redirect URI or verifier has burned it (RFC 9700 section 4.5.3), and a second
//! presentation revokes what the first one gave (RFC 6749 section 4.1.2).

use jiff::Timestamp;
use oauth::pkce::CodeVerifier;
use oauth::{Error, Parameters, Scope, Secret, SecretHash};
use storage::Transaction;

use super::{Grant, Granted, Prepared, expiry, granted_scope, invalid_grant};
use crate::AuthorizationServer;
use crate::audience;
use crate::registration::{Client, GrantType};
use crate::store::codes::{self, ConsumedCode};
use crate::store::revocations;
use crate::store::tokens::{self, NewAccessToken, NewFamily};

/// A code to be consumed, with what it must match and the hashes of what it buys.
pub(crate) struct Redemption {
    code_hash: SecretHash,
    client_id: String,
    client_scope: Scope,
    redirect_uri: Option<String>,
    code_challenge: String,
    resources: Vec<String>,
    access_hash: SecretHash,
    refresh_hash: Option<SecretHash>,
    now: Timestamp,
    access_expires: Timestamp,
    family_expires: Timestamp,
}

pub(super) fn prepare(
    server: &AuthorizationServer,
    client: &Client,
    parameters: &Parameters,
) -> Result<Prepared, Error> {
    let code = Secret::received(parameters.require("code")?.to_owned());
    // RFC 7636 section 4.6: none is as wrong as another one.
    let verifier = parameters
        .get("code_verifier")
        .and_then(|verifier| CodeVerifier::parse(verifier).ok())
        .ok_or_else(|| invalid_grant("the code verifier does not match"))?;
    let access_token = server.access_token();
    // A person's session with a client is renewed only if the client is registered for it.
    let refresh_token = client
        .grant_types
        .contains(&GrantType::RefreshToken)
        .then(|| Secret::generate(server.random()));
    let now = server.clock().now();
    let redemption = Redemption {
        code_hash: code.hash(),
        client_id: client.client_id.clone(),
        client_scope: client.scope.clone(),
        redirect_uri: parameters.get("redirect_uri").map(str::to_owned),
        code_challenge: verifier.challenge().as_str().to_owned(),
        resources: parameters
            .all("resource")
            .iter()
            .map(|it| (*it).to_owned())
            .collect(),
        access_hash: access_token.hash(),
        refresh_hash: refresh_token.as_ref().map(Secret::hash),
        now,
        access_expires: expiry(server, client, now),
        family_expires: now + server.config().lifetimes.refresh_token,
    };
    Ok(Prepared {
        grant: Grant::AuthorizationCode(redemption),
        access_token,
        refresh_token,
    })
}

impl Redemption {
    pub(super) async fn redeem(
        &self,
        tx: &mut Transaction<'_>,
    ) -> Result<Result<Granted, Error>, storage::Error> {
        let Some(code) = codes::consume(tx, &self.code_hash, self.now).await? else {
            return self.refuse_second_use(tx).await.map(Err);
        };
        let Some(user_scope) = tokens::scope_of_user(tx, &code.user_id).await? else {
            return Ok(Err(invalid_grant("the user is not active")));
        };
        match self.check(&code, &user_scope) {
            Ok((scope, audiences)) => self.issue(tx, code, scope, audiences).await.map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn refuse_second_use(&self, tx: &mut Transaction<'_>) -> Result<Error, storage::Error> {
        let Some(family_id) = codes::family_of_used(tx, &self.code_hash).await? else {
            return Ok(invalid_grant("the code is not valid"));
        };
        revocations::revoke_family(tx, &family_id, self.now).await?;
        Ok(invalid_grant("the code was used before"))
    }

    /// RFC 6749 section 4.1.3. A redirect URI may be left out (OAuth 2.1 section 4.1.3: PKCE binds the
    /// code to who asked for it), but one that is sent must be the one of the authorization request.
    fn check(&self, code: &ConsumedCode, user: &Scope) -> Result<(Scope, Vec<String>), Error> {
        if code.client_id != self.client_id {
            return Err(invalid_grant("the code was issued to another client"));
        }
        if code.expires <= self.now {
            return Err(invalid_grant("the code has expired"));
        }
        if self
            .redirect_uri
            .as_ref()
            .is_some_and(|uri| *uri != code.redirect_uri)
        {
            return Err(invalid_grant(
                "redirect_uri is not the one of the authorization request",
            ));
        }
        if code.code_challenge != self.code_challenge {
            return Err(invalid_grant("the code verifier does not match"));
        }
        // The registration or the account may have been narrowed since the consent.
        let still = granted_scope(Some(&code.scope), &self.client_scope)?;
        let scope = granted_scope(Some(&still), user)?;
        let resources: Vec<&str> = self.resources.iter().map(String::as_str).collect();
        Ok((scope, audience::narrow(&resources, &code.audiences)?))
    }

    async fn issue(
        &self,
        tx: &mut Transaction<'_>,
        code: ConsumedCode,
        scope: Scope,
        audiences: Vec<String>,
    ) -> Result<Granted, storage::Error> {
        let family = NewFamily {
            id: code.family_id,
            client_id: code.client_id,
            user_id: code.user_id,
            scope: scope.clone(),
            // All of them: a refresh may ask for another one (RFC 8707 section 2.2).
            audiences: code.audiences,
            auth_time: code.auth_time,
            assurance: code.assurance,
            created: self.now,
            expires: self.family_expires.max(self.access_expires),
        };
        tokens::insert_family(tx, &family).await?;
        let token = NewAccessToken {
            hash: self.access_hash,
            family_id: Some(family.id.clone()),
            client_id: family.client_id,
            user_id: Some(family.user_id.clone()),
            scope: scope.clone(),
            audiences: audiences.clone(),
            issued: self.now,
            expires: self.access_expires,
        };
        tokens::insert_access(tx, &token).await?;
        if let Some(hash) = &self.refresh_hash {
            tokens::insert_refresh(tx, hash, &family.id).await?;
        }
        Ok(Granted {
            scope,
            audiences,
            lifetime: self.access_expires.duration_since(self.now),
            subject: family.user_id,
            refreshable: self.refresh_hash.is_some(),
        })
    }
}
