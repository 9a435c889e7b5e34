//! Reading a record at its source and delivering it to its receiver: FHIR R4 read, `$original` and
//! conditional create (FHIR R4 section 3.1.0.8.1), with the right token for each.

use aws_lc_rs::digest;
use fhir::bundle::Bundle;
use metrics::counter;
use oauth::{BearerChallenge, ErrorCode};
use outbound::header::{
    ACCEPT, AUTHORIZATION, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE,
};
use outbound::{OutboundError, Purpose, Request, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::Client;
use crate::config::{FhirBase, Peer};
use crate::patience;
use crate::session::Session;
use crate::text;
use crate::token::AccessToken;
use crate::token_request::TokenError;

/// Work with one peer's tokens, for one user.
pub struct Exchange<'a> {
    client: &'a Client,
    peer: &'a Peer,
    user: User<'a>,
}

/// Whose tokens are used.
enum User<'a> {
    /// The API user's: client credentials.
    Api,
    /// A person's.
    Human(&'a mut Session),
}

/// A record that the receiver holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The id that the receiver gave it.
    pub id: String,
    /// Where the receiver says it is; below its FHIR base.
    pub location: Url,
    /// False if the receiver had it already (`If-None-Exist` matched).
    pub created: bool,
    /// SHA-256 of what was sent, in hex.
    pub sha256: String,
}

/// Why an exchange failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// No peer of that name.
    #[error("no peer named {0:?}")]
    UnknownPeer(String),
    /// The URL belongs to none of the peer's audiences. No token is sent there.
    #[error(
        "{0} is none of the FHIR bases that this peer's tokens are for; no token is sent there"
    )]
    NotAnAudience(String),
    /// No token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No answer.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The resource server said no.
    #[error("the resource server answered {status}{}", said(.text.as_deref()))]
    Refused {
        /// The status.
        status: u16,
        /// The issues of its OperationOutcome, shortened.
        text: Option<String>,
    },
    /// The answer breaks the interaction's rules.
    #[error("the answer of the resource server cannot be used: {0}")]
    Malformed(&'static str),
    /// Our own record is none.
    #[error("not a record that can be delivered: {0}")]
    Record(String),
    /// What the receiver gives back is not what was sent.
    #[error("the receiver holds different bytes under {id}")]
    Differs {
        /// The receiver's id.
        id: String,
    },
}

impl Client {
    /// Work with a peer as the API user.
    ///
    /// # Errors
    /// When there is no such peer.
    pub fn as_api_user(&self, peer: &str) -> Result<Exchange<'_>, ExchangeError> {
        Ok(Exchange {
            client: self,
            peer: self.known_peer(peer)?,
            user: User::Api,
        })
    }

    /// Work with a peer as the person signed in there. The session is renewed on the way; look at
    /// [`Session::take_changed`] afterwards, whatever the outcome.
    ///
    /// # Errors
    /// When the session's peer is not configured.
    pub fn as_human_user<'a>(
        &'a self,
        session: &'a mut Session,
    ) -> Result<Exchange<'a>, ExchangeError> {
        let peer = self.known_peer(&session.peer)?;
        Ok(Exchange {
            client: self,
            peer,
            user: User::Human(session),
        })
    }

    fn known_peer(&self, name: &str) -> Result<&Peer, ExchangeError> {
        self.peer(name)
            .ok_or_else(|| ExchangeError::UnknownPeer(name.to_owned()))
    }
}

impl Exchange<'_> {
    /// Reads a URL below one of the peer's audiences.
    ///
    /// # Errors
    /// When it is elsewhere, or the answer is no 200.
    pub async fn read(&mut self, url: &Url) -> Result<Response, ExchangeError> {
        let answer = self
            .send(url, true, |url| Request::get(url, Purpose::Read))
            .await?;
        if answer.status == 200 {
            Ok(answer)
        } else {
            Err(refused(&answer))
        }
    }

    /// A record exactly as its server received it.
    ///
    /// # Errors
    /// As [`Exchange::read`].
    pub async fn original(&mut self, base: &FhirBase, id: &str) -> Result<Vec<u8>, ExchangeError> {
        let url = base.join(&["Bundle", id, "$original"]);
        Ok(self.read(&url).await?.body)
    }

    /// Delivers a record to the peer. Safe to repeat: a record that the peer already holds under
    /// its identifier is not stored twice (`If-None-Exist`).
    ///
    /// # Errors
    /// When it is no Bundle, or the receiver does not say that it holds it.
    pub async fn deliver(&mut self, record: &[u8]) -> Result<Delivered, ExchangeError> {
        let result = self.create(record).await;
        let outcome = match &result {
            Ok(delivered) if delivered.created => "created",
            Ok(_) => "existed",
            Err(_) => "failed",
        };
        counter!("client_deliveries_total", "party" => self.client.party().to_owned(),
            "peer" => self.peer.name.clone(), "outcome" => outcome)
        .increment(1);
        result
    }

    /// Reads a delivered record back and compares it byte for byte.
    ///
    /// # Errors
    /// `Differs` if it is another; otherwise as [`Exchange::read`].
    pub async fn verify(&mut self, delivered: &Delivered) -> Result<(), ExchangeError> {
        let base = self.peer.fhir.clone();
        let held = self.original(&base, &delivered.id).await?;
        if sha256(&held) == delivered.sha256 {
            Ok(())
        } else {
            Err(ExchangeError::Differs {
                id: delivered.id.clone(),
            })
        }
    }

    async fn create(&mut self, record: &[u8]) -> Result<Delivered, ExchangeError> {
        let condition = condition(record)?;
        let url = self.peer.fhir.join(&["Bundle"]);
        // Without an identifier a second delivery would be a second record.
        let repeatable = condition.is_some();
        let request = |url| {
            let request = Request::post(url, Purpose::Create, FHIR_JSON, record.to_vec());
            match &condition {
                Some(condition) => request.header(IF_NONE_EXIST, condition.clone()),
                None => request,
            }
        };
        let answer = self.send(&url, repeatable, request).await?;
        let created = match answer.status.as_u16() {
            201 => true,
            200 if repeatable => false,
            _ => return Err(refused(&answer)),
        };
        let (id, location) = self.location(&answer)?;
        Ok(Delivered {
            id,
            location,
            created,
            sha256: sha256(record),
        })
    }

    /// The `Location` of a created record: below the receiver's own base, or it is not believed.
    fn location(&self, answer: &Response) -> Result<(String, Url), ExchangeError> {
        let text = answer
            .header(&LOCATION)
            .ok_or(ExchangeError::Malformed("no Location"))?;
        let base = self.peer.fhir.join(&[""]);
        let elsewhere = ExchangeError::Malformed("a Location outside the FHIR base");
        let location = base.join(text).map_err(|_| elsewhere.clone())?;
        if !self.peer.fhir.contains(&location) {
            return Err(elsewhere);
        }
        let below = location
            .path()
            .strip_prefix(base.path())
            .unwrap_or_default();
        let mut parts = below.split('/');
        match (parts.next(), parts.next()) {
            (Some("Bundle"), Some(id)) if is_fhir_id(id) => Ok((id.to_owned(), location.clone())),
            _ => Err(ExchangeError::Malformed(
                "a Location that is not a Bundle's",
            )),
        }
    }

    /// Sends a request with the token of the URL's audience; once more with a new token if the
    /// first has ended or was revoked (RFC 6750 section 3.1).
    async fn send(
        &mut self,
        url: &Url,
        repeatable: bool,
        request: impl Fn(Url) -> Request,
    ) -> Result<Response, ExchangeError> {
        // A token reaches nobody but its audience, wherever a link or a setting may point.
        let audience = self
            .peer
            .audience_of(url)
            .cloned()
            .ok_or_else(|| ExchangeError::NotAnAudience(url.origin().ascii_serialization()))?;
        let token = self.token(&audience).await?;
        let answer = self.send_with(url, repeatable, &token, &request).await?;
        if !is_invalid_token(&answer) {
            return Ok(answer);
        }
        match &mut self.user {
            User::Api => self.client.tokens().forget(self.peer, &token),
            User::Human(session) if session.is_renewable() => session.forget(&token),
            User::Human(_) => return Ok(answer),
        }
        let token = self.token(&audience).await?;
        self.send_with(url, repeatable, &token, &request).await
    }

    async fn send_with(
        &self,
        url: &Url,
        repeatable: bool,
        token: &AccessToken,
        request: impl Fn(Url) -> Request,
    ) -> Result<Response, ExchangeError> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| TokenError::Malformed("no usable access_token"))?;
        value.set_sensitive(true);
        let request = || {
            Ok(request(url.clone())
                .header(ACCEPT, HeaderValue::from_static(FHIR_JSON))
                .header(AUTHORIZATION, value.clone()))
        };
        patience::send(self.client.outbound(), repeatable, request).await
    }

    async fn token(&mut self, audience: &FhirBase) -> Result<AccessToken, TokenError> {
        match &mut self.user {
            User::Api => self.client.tokens().api_token(self.peer, audience).await,
            User::Human(session) => self.client.user_token(session, audience).await,
        }
    }
}

/// SHA-256 in hex.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// FHIR R4 `id`.
pub(crate) fn is_fhir_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        // Not a path's dots.
        && !text.bytes().all(|b| b == b'.')
}

/// `If-None-Exist` on the record's identifier, if it has one. The receiver looks among documents of
/// the same composition type: a report and its coded answer share an identifier.
fn condition(record: &[u8]) -> Result<Option<HeaderValue>, ExchangeError> {
    let bundle = Bundle::parse(record)
        .map_err(|issue| ExchangeError::Record(text::shortened(&issue.text, text::LONGEST)))?;
    let Some((system, value)) = &bundle.index().identifier else {
        return Ok(None);
    };
    // `|value` without a system is FHIR's word for an identifier without one.
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let text = format!(
        "identifier={}%7C{}",
        encode(system.as_deref().unwrap_or_default()),
        encode(value)
    );
    HeaderValue::try_from(text)
        .map(Some)
        .map_err(|_| ExchangeError::Record("an unusable identifier".into()))
}

/// RFC 6750 section 3: only this error says that another token may help.
fn is_invalid_token(answer: &Response) -> bool {
    answer.status == 401
        && answer
            .header(&WWW_AUTHENTICATE)
            .and_then(BearerChallenge::parse)
            .is_some_and(|challenge| challenge.error == Some(ErrorCode::InvalidToken))
}

fn refused(answer: &Response) -> ExchangeError {
    ExchangeError::Refused {
        status: answer.status.as_u16(),
        text: text::outcome(&answer.body),
    }
}

fn said(text: Option<&str>) -> String {
    text.map(|text| format!(": {text}")).unwrap_or_default()
}

/// FHIR R4 section 3.1.0.1.3.
const FHIR_JSON: &str = "application/fhir+json";
/// FHIR R4 section 3.1.0.8.1.
const IF_NONE_EXIST: HeaderName = HeaderName::from_static("if-none-exist");
