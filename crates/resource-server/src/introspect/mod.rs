//! Asks a token's issuer about it (RFC 7662), for every request, and fails closed.
//!
//! The prefix of the token, or the `iss` of a JWT, names the one issuer that is asked, so that no party
//! ever sees another's live token. Whatever is not a clear yes within the deadline lets nobody in.

mod ask;
mod cache;
mod endpoint;
mod gate;
mod judge;
mod keys;
mod signed;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use oauth::jose::issued;
use outbound::Outbound;
use storage::Clock;
use tokio::sync::Semaphore;

use self::cache::Cache;
use self::endpoint::Endpoints;
pub(crate) use self::endpoint::Metadata;
use self::gate::Gate;
pub(crate) use self::judge::Refusal;
use self::keys::IssuerKeys;
use crate::access_decision::Rights;
use crate::bearer::PresentedToken;
use crate::config::{Config, IssuerLimits, TrustedIssuer};

/// A token that its issuer has just called active, for this server. Built by [`judge`] only.
#[derive(Debug)]
pub(crate) struct VerifiedToken {
    token_id: String,
    client_id: Option<String>,
    subject: Option<String>,
    expires_at: Timestamp,
    rights: Rights,
}

impl VerifiedToken {
    /// What the issuer says that the token may do.
    pub(crate) fn rights(&self) -> &Rights {
        &self.rights
    }

    /// When it counts no more.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The start of its hash.
    pub(crate) fn token_id(&self) -> &str {
        &self.token_id
    }

    /// The client that it was issued to.
    pub(crate) fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// The user, or the client itself, in whose name it acts.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }
}

/// The issuers that this server trusts, and how to ask them.
pub(crate) struct Issuers {
    issuers: Vec<Issuer>,
    outbound: Outbound,
    audience: String,
    party: String,
    deadline: Duration,
    clock: Clock,
    /// Places for those who ask where the endpoints are, which needs no token.
    advertising: Semaphore,
    cache: Option<Cache>,
}

struct Issuer {
    setting: TrustedIssuer,
    endpoints: Endpoints,
    keys: IssuerKeys,
    gate: Gate,
}

impl Issuers {
    /// Takes the issuers out of a checked configuration.
    pub(crate) fn new(config: &mut Config, outbound: Outbound, clock: Clock) -> Self {
        let places = config.introspections_per_issuer;
        let issuers = std::mem::take(&mut config.issuers)
            .into_iter()
            .map(|setting| Issuer {
                setting,
                endpoints: Endpoints::default(),
                keys: IssuerKeys::default(),
                gate: Gate::new(places),
            });
        let age = config.introspection_cache_max_age;
        Self {
            issuers: issuers.collect(),
            outbound,
            audience: config.audience.clone(),
            party: config.party.clone(),
            deadline: config.introspection_deadline,
            clock,
            advertising: Semaphore::new(ADVERTISING),
            cache: (!age.is_zero()).then(|| Cache::new(age)),
        }
    }

    /// Their identifiers.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.issuers
            .iter()
            .map(|issuer| issuer.setting.issuer.as_str())
    }

    /// What the token's issuer says of it now, with the limits that this server puts on that issuer.
    ///
    /// # Errors
    /// A [`Refusal`] that says who is at fault. A token of no known prefix asks nobody.
    pub(crate) async fn introspect(
        &self,
        token: &PresentedToken,
        now: Timestamp,
    ) -> Result<(Arc<VerifiedToken>, &IssuerLimits), Refusal> {
        let issuer = self
            .issuer_of(token)
            .ok_or(Refusal::Token("the token is of no issuer here"))?;
        let answer = self.answer_in_time(issuer, token, now).await;
        let outcome = match &answer {
            Ok(_) => "active",
            Err(Refusal::Token(_)) => "refused",
            Err(Refusal::Issuer(_)) => "issuer_failed",
            Err(Refusal::OwnCredential(_)) => "own_credential_refused",
        };
        let labels = [
            ("party", self.party.clone()),
            ("outcome", outcome.to_owned()),
        ];
        metrics::counter!("resource_server_introspections_total", &labels).increment(1);
        Ok((answer?, &issuer.setting.limits))
    }

    /// The authorization endpoints to advertise: those of the first issuer, if it can be reached. Whoever finds that
    /// many wait for an issuer that hangs does not wait as well.
    pub(crate) async fn advertised(&self) -> Option<Metadata> {
        let issuer = self.issuers.first()?;
        let Ok(_place) = self.advertising.try_acquire() else {
            return issuer.endpoints.known(self.clock.now());
        };
        let discovery = self.metadata(issuer);
        tokio::time::timeout(self.deadline, discovery)
            .await
            .ok()?
            .ok()
    }

    fn issuer_of(&self, token: &PresentedToken) -> Option<&Issuer> {
        let token = token.expose();
        // A JWT (RFC 9068) has no prefix and says its issuer itself. That it is true is for the issuer to say.
        let is_jwt = issued::is_jwt(token);
        let named = is_jwt.then(|| issued::unverified_issuer(token)).flatten();
        self.issuers
            .iter()
            .find(|issuer| match (&named, &issuer.setting.token_prefix) {
                (_, None) => true,
                (Some(named), Some(_)) => *named == issuer.setting.issuer,
                (None, Some(prefix)) => {
                    let rest = token.strip_prefix(prefix.as_str());
                    rest.is_some_and(|rest| rest.starts_with('_'))
                }
            })
    }

    /// Also the wait for another request's question counts: nobody waits longer than the deadline.
    async fn answer_in_time(
        &self,
        issuer: &Issuer,
        token: &PresentedToken,
        now: Timestamp,
    ) -> Result<Arc<VerifiedToken>, Refusal> {
        let name = &issuer.setting.issuer;
        let ask = || self.ask_at_the_gate(issuer, token, now);
        let answer = async {
            match &self.cache {
                None => ask().await.map(Arc::new),
                Some(cache) => cache.find_or_ask(token.hash(), now, ask).await,
            }
        };
        let answer = tokio::time::timeout(self.deadline, answer).await;
        let answer = answer.unwrap_or(Err(ask::SLOW));
        match &answer {
            Err(Refusal::OwnCredential(text)) => {
                tracing::error!(party = self.party, issuer = name, "introspection: {text}");
            }
            Err(Refusal::Issuer(text)) => {
                tracing::warn!(party = self.party, issuer = name, "introspection: {text}");
            }
            Ok(_) | Err(Refusal::Token(_)) => {}
        }
        answer
    }
}

/// Those who may wait at once for the issuer's endpoints without a token.
const ADVERTISING: usize = 8;

/// A token that an issuer would vouch for with `answer`: the only way to one in tests, too.
#[cfg(test)]
pub(crate) fn testing_verified(answer: &str, now: Timestamp) -> VerifiedToken {
    let expected = judge::Expectations {
        issuer: "https://as.example",
        audience: "https://vro.example/fhir",
        token_id: "01234567",
        default_role: None,
    };
    let verified = judge::judge(answer.as_bytes(), expected, now);
    #[expect(clippy::unwrap_used, reason = "tests")]
    verified.unwrap()
}
