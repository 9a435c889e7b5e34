//! One question to one issuer: where to ask, the request (RFC 7662 section 2.1), one repetition where
//! nothing can have arrived, and the reading of the answer.

use std::time::Duration;

use jiff::Timestamp;
use oauth::BasicCredentials;
use outbound::{HeaderValue, OutboundError, Purpose, Request, Response, header};
use url::Url;

use super::endpoint::Metadata;
use super::judge::{self, Expectations};
use super::{Issuer, Issuers, Refusal, VerifiedToken, signed};
use crate::bearer::PresentedToken;
use crate::config::TrustedIssuer;

impl Issuers {
    /// Asks, if the issuer's gate lets the question through, and tells the gate how it ended.
    pub(super) async fn ask_at_the_gate(
        &self,
        issuer: &Issuer,
        token: &PresentedToken,
        now: Timestamp,
    ) -> Result<VerifiedToken, Refusal> {
        let passed = issuer.gate.enter(now)?;
        let labels = [
            ("party", self.party.clone()),
            ("issuer", issuer.setting.issuer.clone()),
        ];
        let _waiting = Waiting::new(&labels);
        let started = std::time::Instant::now();
        // Before whoever waits for this question gives up: the issuer is to be blamed for it.
        let deadline = self.deadline.saturating_sub(MARGIN);
        let answer = tokio::time::timeout(deadline, self.ask(issuer, token, now)).await;
        let answer = answer.unwrap_or(Err(SLOW));
        let elapsed = started.elapsed();
        metrics::histogram!("resource_server_introspection_seconds", &labels)
            .record(elapsed.as_secs_f64());
        match answer {
            Err(SLOW) => passed.timed_out(self.clock.now()),
            _ => passed.answered(),
        }
        answer
    }

    async fn ask(
        &self,
        issuer: &Issuer,
        token: &PresentedToken,
        now: Timestamp,
    ) -> Result<VerifiedToken, Refusal> {
        let setting = &issuer.setting;
        let endpoint = match &setting.introspection_endpoint {
            Some(endpoint) => endpoint.clone(),
            None => {
                let endpoint = self.metadata(issuer).await?.introspection_endpoint;
                endpoint.ok_or(Refusal::Issuer("the issuer offers no introspection"))?
            }
        };
        let response = match self.post(setting, &endpoint, token).await {
            // Only what never reached the issuer is sent again, and only once.
            Err(OutboundError::Connect { .. }) => self.post(setting, &endpoint, token).await,
            other => other,
        };
        let response = response.map_err(|error| {
            let issuer = &setting.issuer;
            tracing::debug!(party = self.party, issuer, "introspection: {error}");
            match error {
                OutboundError::Timeout { .. } => SLOW,
                _ => Refusal::Issuer("the issuer cannot be reached"),
            }
        })?;
        let token_id = token.token_id();
        let expected = Expectations {
            issuer: &setting.issuer,
            audience: &self.audience,
            token_id: &token_id,
            default_role: setting.default_role.as_deref(),
        };
        judge::check_status(response.status.as_u16())?;
        if setting.signed_introspection {
            let body = self.verified(issuer, &response, now).await?;
            return judge::judge(&body, expected, now);
        }
        judge::judge(&response.body, expected, now)
    }

    /// The answer inside of a signed one.
    async fn verified(
        &self,
        issuer: &Issuer,
        response: &Response,
        now: Timestamp,
    ) -> Result<Vec<u8>, Refusal> {
        let unverified = signed::read(response)?;
        let address = self.metadata(issuer).await?.jwks_uri;
        let address = address.ok_or(Refusal::Issuer("the issuer publishes no keys"))?;
        let keys = issuer
            .keys
            .holding(&unverified.kid, &self.outbound, &address, &self.clock)
            .await?;
        let client_id = &issuer.setting.client_authentication.client_id;
        unverified.verify(&keys, &issuer.setting.issuer, client_id, now)
    }

    pub(super) async fn metadata(&self, issuer: &Issuer) -> Result<Metadata, Refusal> {
        let name = &issuer.setting.issuer;
        // Before whoever waits for it gives up, so that the failure is known to the next.
        let deadline = self.deadline.saturating_sub(MARGIN * 2);
        let endpoints = &issuer.endpoints;
        endpoints
            .metadata(&self.outbound, name, &self.clock, deadline)
            .await
    }

    /// RFC 7662 section 2.1, authenticated by HTTP Basic.
    async fn post(
        &self,
        setting: &TrustedIssuer,
        endpoint: &Url,
        token: &PresentedToken,
    ) -> Result<Response, OutboundError> {
        let authentication = &setting.client_authentication;
        let secret = authentication.client_secret.expose();
        let basic = BasicCredentials::header(&authentication.client_id, secret);
        let authorization = HeaderValue::from_str(&basic)
            .map_err(|_| OutboundError::NotAllowed("the introspection credential is unusable"))?;
        let body = format!(
            "token={}&token_type_hint=access_token",
            form_encoded(token.expose())
        );
        let form = "application/x-www-form-urlencoded";
        let accept = if setting.signed_introspection {
            signed::MEDIA_TYPE
        } else {
            "application/json"
        };
        let request = Request::post(endpoint.clone(), Purpose::Introspection, form, body.into())
            .header(header::AUTHORIZATION, authorization)
            .header(header::ACCEPT, HeaderValue::from_static(accept))
            .deadline(self.deadline);
        self.outbound.send(request).await
    }
}

/// Counts a question among those that wait, until it is answered or its caller goes away.
struct Waiting(metrics::Gauge);

impl Waiting {
    fn new(labels: &[(&'static str, String)]) -> Self {
        let gauge = metrics::gauge!("resource_server_introspections_waiting", labels);
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// A token has few characters that a form must encode: `+`, `/` and `=`.
fn form_encoded(token: &str) -> String {
    percent_encoding::utf8_percent_encode(token, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// All the time there is has passed.
pub(super) const SLOW: Refusal = Refusal::Issuer("the issuer did not answer in time");

const MARGIN: Duration = Duration::from_millis(20);
