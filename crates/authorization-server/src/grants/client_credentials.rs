//! Client credentials (RFC 6749 section 4.4): the API user. No refresh token (section 4.4.3).

use oauth::{Error, ErrorCode, Parameters};
use storage::Transaction;

use super::{Grant, Granted, Prepared, expiry, granted_scope, requested_scope};
use crate::AuthorizationServer;
use crate::audience;
use crate::registration::{Client, ClientAuthenticationMethod};
use crate::store::tokens::{self, NewAccessToken};

/// A token that only has to be stored.
pub(crate) struct Redemption {
    token: NewAccessToken,
}

pub(super) fn prepare(
    server: &AuthorizationServer,
    client: &Client,
    parameters: &Parameters,
) -> Result<Prepared, Error> {
    // RFC 6749 section 4.4: without a secret anybody could be this client.
    if client.authentication == ClientAuthenticationMethod::None {
        return Err(Error::new(
            ErrorCode::UnauthorizedClient,
            "a public client has no credentials of its own",
        ));
    }
    let scope = granted_scope(requested_scope(parameters)?.as_ref(), &client.scope)?;
    let audiences = audience::narrow(&parameters.all("resource"), &client.audiences)?;
    let now = server.clock().now();
    let access_token = server.access_token();
    let token = NewAccessToken {
        hash: access_token.hash(),
        family_id: None,
        client_id: client.client_id.clone(),
        user_id: None,
        scope,
        audiences,
        issued: now,
        expires: expiry(server, client, now),
    };
    let grant = Grant::ClientCredentials(Redemption { token });
    Ok(Prepared {
        grant,
        access_token,
        refresh_token: None,
    })
}

impl Redemption {
    pub(super) async fn redeem(
        &self,
        tx: &mut Transaction<'_>,
    ) -> Result<Result<Granted, Error>, storage::Error> {
        tokens::insert_access(tx, &self.token).await?;
        Ok(Ok(Granted {
            scope: self.token.scope.clone(),
            audiences: self.token.audiences.clone(),
            lifetime: self.token.expires.duration_since(self.token.issued),
            subject: self.token.client_id.clone(),
            refreshable: false,
        }))
    }
}
