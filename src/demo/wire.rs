//! Requests that the demonstration makes itself: as a browser, and as somebody who must be refused.

use std::sync::Arc;

use anyhow::Context;
use oauth::BasicCredentials;
use outbound::header::{AUTHORIZATION, HeaderValue};
use outbound::{Outbound, OutboundConfig, Purpose, Request, Response, Trust};
use serde_json::Value;
use storage::Clock;
use url::Url;

use super::trace::Trace;
use crate::sandbox::Sandbox;

/// An HTTP client that trusts the sandbox's authority and is watched like the parties.
pub(super) fn outbound(sandbox: &Sandbox, trace: &Trace, name: &str) -> anyhow::Result<Outbound> {
    let ca = std::fs::read(sandbox.directory.join(&sandbox.description.ca))?;
    let clock = Clock::system();
    let mut config = OutboundConfig::new(name, Trust::only(ca), Arc::new(move || clock.now()));
    config.observer = Some(trace.observer());
    Ok(Outbound::new(config)?)
}

/// Posts a form, with HTTP Basic if credentials are given.
pub(super) async fn post(
    outbound: &Outbound,
    url: &str,
    purpose: Purpose,
    basic: Option<(&str, &str)>,
    form: &[(&str, &str)],
) -> anyhow::Result<Response> {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let mut request = Request::post(
        Url::parse(url)?,
        purpose,
        "application/x-www-form-urlencoded",
        body.into_bytes(),
    );
    if let Some((client_id, secret)) = basic {
        let credentials = BasicCredentials::header(client_id, secret);
        request = request.header(AUTHORIZATION, HeaderValue::from_str(&credentials)?);
    }
    Ok(outbound.send(request).await?)
}

/// Reads a URL, with a bearer token if one is given.
pub(super) async fn read(
    outbound: &Outbound,
    url: &str,
    token: Option<&str>,
) -> anyhow::Result<Response> {
    let mut request = Request::get(Url::parse(url)?, Purpose::Read);
    if let Some(token) = token {
        request = request.header(
            AUTHORIZATION,
            HeaderValue::from_str(&format!("Bearer {token}"))?,
        );
    }
    Ok(outbound.send(request).await?)
}

/// A text member of a JSON answer.
pub(super) fn member(response: &Response, name: &str) -> anyhow::Result<String> {
    let json: Value = serde_json::from_slice(&response.body).context("the answer is not JSON")?;
    let found = json.get(name).and_then(Value::as_str).map(str::to_owned);
    found.with_context(|| format!("{}: no {name} in the answer", response.status))
}
