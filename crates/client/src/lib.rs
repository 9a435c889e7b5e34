//! Role: client. Gets tokens from a peer's authorization server, reads records at their source and
//! delivers them to their receiver, for an API user or for a person.
//!
//! As a library: [`Client::as_api_user`] and [`Client::as_human_user`] give an [`Exchange`];
//! [`Client::begin_login`] and [`Client::finish_login`] are a person's sign-in. As a web
//! application, [`Client::router`]:
//!
//! | path | what |
//! |---|---|
//! | `GET /client` | who is signed in where; the form to deliver records |
//! | `GET /client/login?peer=NAME` | sends the browser to the peer's authorization endpoint |
//! | `GET /client/callback` | takes the code back (RFC 6749 section 4.1.2) |
//! | `POST /client/deliver` | reads own records, delivers them, reads them back |
//! | `POST /client/sign-out` | revokes the person's tokens |
//! | `GET /client/assets/client.css` | the style sheet |

pub mod config;
mod discovery;
mod exchange;
mod flight;
mod human;
mod patience;
mod seal;
mod session;
mod text;
mod token;
mod token_request;
mod web;

use std::sync::Arc;

use oauth::Random;
use outbound::Outbound;
use storage::{Clock, Db};

pub use config::Config;
pub use discovery::{DiscoveryError, Endpoints};
pub use exchange::{Delivered, Exchange, ExchangeError, sha256};
pub use human::{LoginError, PendingLogin};
pub use seal::SealingKey;
pub use session::Session;
pub use token::AccessToken;
pub use token_request::TokenError;

use config::{FhirBase, Peer};
use token::Tokens;

/// What the client role needs from around it.
pub struct Environment {
    /// Every outgoing request.
    pub outbound: Outbound,
    /// The time.
    pub clock: Clock,
    /// The randomness.
    pub random: Random,
    /// Where the audit is kept; a command line without a database has none.
    pub audit: Option<Db>,
}

/// The client role of one party. Cheap to clone; clones share their tokens.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    config: Config,
    outbound: Outbound,
    clock: Clock,
    random: Random,
    audit: Option<Db>,
    tokens: Tokens,
}

/// Settings that contradict each other.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Two peers of one name.
    #[error("two peers are named {0:?}")]
    TwoPeers(String),
}

impl Client {
    /// Builds the role. Nothing is asked for until it is needed.
    ///
    /// # Errors
    /// When two peers have one name.
    pub fn new(environment: Environment, config: Config) -> Result<Self, ConfigError> {
        for (index, peer) in config.peers.iter().enumerate() {
            if config
                .peers
                .iter()
                .skip(index + 1)
                .any(|other| other.name == peer.name)
            {
                return Err(ConfigError::TwoPeers(peer.name.clone()));
            }
        }
        let Environment {
            outbound,
            clock,
            random,
            audit,
        } = environment;
        let tokens = Tokens::new(
            config.party.clone(),
            outbound.clone(),
            clock.clone(),
            random.clone(),
        );
        Ok(Self(Arc::new(Inner {
            config,
            outbound,
            clock,
            random,
            audit,
            tokens,
        })))
    }

    /// The peers, in the configured order.
    #[must_use]
    pub fn peers(&self) -> &[Peer] {
        &self.0.config.peers
    }

    /// A peer by name.
    #[must_use]
    pub fn peer(&self, name: &str) -> Option<&Peer> {
        self.peers().iter().find(|peer| peer.name == name)
    }

    /// The API user's token for one audience, held or new.
    ///
    /// # Errors
    /// When none can be had.
    pub async fn api_token(
        &self,
        peer: &Peer,
        audience: &FhirBase,
    ) -> Result<AccessToken, TokenError> {
        self.tokens().api_token(peer, audience).await
    }

    /// Where a peer's endpoints are, by its metadata.
    ///
    /// # Errors
    /// When it does not answer, or as another issuer.
    pub async fn discover(&self, peer: &Peer) -> Result<Arc<Endpoints>, DiscoveryError> {
        self.tokens().discovery.endpoints(&peer.issuer).await
    }

    fn party(&self) -> &str {
        &self.0.config.party
    }

    fn config(&self) -> &Config {
        &self.0.config
    }

    fn outbound(&self) -> &Outbound {
        &self.0.outbound
    }

    fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn random(&self) -> &Random {
        &self.0.random
    }

    fn audit(&self) -> Option<&Db> {
        self.0.audit.as_ref()
    }

    fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }
}
