//! Initial access tokens: who may register clients without an operator, and what those may be.

use jiff::Timestamp;
use oauth::{Scope, Secret, SecretHash};
use storage::Transaction;

use super::decision::Operation;
use super::{Administration, Change, Error, validation};
use crate::registration::{ClientAuthenticationMethod, GrantType, Rights};
use crate::store::dynamic_registrations::{self, InitialAccessToken, RegistrationPolicy};
use crate::store::{identifier, resource_servers};

/// An initial access token to be made.
#[derive(Debug, Clone)]
pub struct NewInitialAccessToken {
    /// For the operator.
    pub name: String,
    /// Methods that its clients may authenticate with.
    pub methods: Vec<ClientAuthenticationMethod>,
    /// Grants that they may use.
    pub grant_types: Vec<GrantType>,
    /// The most that they may be granted.
    pub scope: String,
    /// Audiences of registered resource servers.
    pub audiences: Vec<String>,
    /// What their tokens reach.
    pub rights: Rights,
    /// How many clients it registers.
    pub uses: i64,
    /// From when on it is refused.
    pub expires: Timestamp,
}

impl Administration {
    /// Makes an initial access token; its value is shown here and never again.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn add_initial_access_token(
        &self,
        new: NewInitialAccessToken,
    ) -> Result<(InitialAccessToken, Secret), Error> {
        self.permits(Operation::InitialAccessTokenAdd)?;
        validation::text("name", &new.name)?;
        validation::rights(&new.rights, &self.jurisdictions)?;
        let scope = Scope::parse(&new.scope)
            .map_err(|_| Error::invalid("scope", "is not a scope (RFC 6749 section 3.3)"))?;
        if new.methods.is_empty() || new.grant_types.is_empty() {
            return Err(Error::invalid(
                "methods",
                "and grant_types must not be empty",
            ));
        }
        if !(1..=MOST_USES).contains(&new.uses) {
            return Err(Error::invalid("uses", "must be 1 to 1000"));
        }
        if new.expires <= self.clock.now() {
            return Err(Error::invalid("expires", "is over already"));
        }
        for audience in &new.audiences {
            if resource_servers::find(&self.db, audience).await?.is_none() {
                let reason = format!("no resource server is registered as {audience:?}");
                return Err(Error::invalid("audiences", reason));
            }
        }
        let token = InitialAccessToken {
            id: identifier(&self.random),
            name: new.name,
            policy: RegistrationPolicy {
                methods: new.methods,
                grant_types: new.grant_types,
                scope,
                audiences: new.audiences,
                rights: new.rights,
            },
            uses_left: new.uses,
            created: self.clock.now(),
            expires: new.expires,
        };
        let shown = Secret::generate(&self.random);
        let change = Add(token.clone(), shown.hash());
        self.act(self.event("initial-access-token.add"), change)
            .await?;
        Ok((token, shown))
    }

    /// All initial access tokens, newest first, used up and expired ones too.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn initial_access_tokens(&self) -> Result<Vec<InitialAccessToken>, Error> {
        Ok(dynamic_registrations::all(&self.db).await?)
    }

    /// Ends an initial access token. The clients that registered themselves with it stay, under its policy.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn end_initial_access_token(&self, id: &str) -> Result<(), Error> {
        self.permits(Operation::InitialAccessTokenEnd)?;
        self.act(self.event("initial-access-token.end"), End(id.to_owned()))
            .await
    }
}

struct Add(InitialAccessToken, SecretHash);

impl Change for Add {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        dynamic_registrations::insert(tx, &self.0, &self.1).await?;
        Ok(Ok(()))
    }
}

struct End(String);

impl Change for End {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        let ended = dynamic_registrations::end(tx, &self.0).await?;
        Ok(if ended {
            Ok(())
        } else {
            Err(Error::NotFound("initial access token"))
        })
    }
}

const MOST_USES: i64 = 1_000;
