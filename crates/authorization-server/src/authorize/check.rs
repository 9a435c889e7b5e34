//! What a request asks for, checked against the client's registration; no I/O. Whatever is wrong
//! here is answered at the redirect URI.

use std::borrow::Cow;

use jiff::SignedDuration;
use oauth::pkce::CodeChallenge;
use oauth::{ErrorCode, Parameters, Scope};

use crate::assurance::AcrValues;
use crate::{Client, GrantType, audience};

/// Why the request is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) description: Cow<'static, str>,
}

/// What is asked for, at most as registered.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) scope: Scope,
    pub(crate) audiences: Vec<String>,
    /// S256 (RFC 7636 section 4.2).
    pub(crate) code_challenge: String,
    /// `prompt=login`.
    pub(crate) fresh_login: bool,
    /// `prompt=none`.
    pub(crate) silent: bool,
    pub(crate) wish: Wish,
}

/// What the client wishes of the sign-in (OpenID Connect Core section 3.1.2.1).
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    /// `max_age`: a sign-in that is older does not count.
    pub(crate) max_age: Option<SignedDuration>,
    /// `login_hint`: what the username field holds before anybody types.
    pub(crate) login_hint: Option<String>,
    /// `prompt=consent`: the person is asked, whatever is remembered.
    pub(crate) ask_consent: bool,
    /// `acr_values`: what the sign-in has to prove.
    pub(crate) acr_values: AcrValues,
}

impl Refusal {
    fn new(code: ErrorCode, description: &'static str) -> Self {
        Self {
            code: code.as_str(),
            description: description.into(),
        }
    }

    /// RFC 9126 section 6.
    pub(super) fn not_pushed() -> Self {
        let description = "requests of this client have to be pushed (RFC 9126)";
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// OpenID Connect Core Error Code unmet_authentication_requirements section 2.
    pub(super) fn unmet() -> Self {
        Self {
            code: UNMET,
            description: "none of acr_values is offered".into(),
        }
    }

    /// `prompt=none`, and there is something to ask (OpenID Connect Core section 3.1.2.6).
    pub(super) fn silent(signed_in: bool) -> Self {
        match signed_in {
            true => Self {
                code: "consent_required",
                description: "the person has to agree".into(),
            },
            false => Self {
                code: "login_required",
                description: "nobody is signed in, or not with enough".into(),
            },
        }
    }
}

impl From<oauth::Error> for Refusal {
    fn from(error: oauth::Error) -> Self {
        Self {
            code: error.code().as_str(),
            description: error.description().to_owned().into(),
        }
    }
}

pub(crate) fn check(
    client: &Client,
    parameters: &Result<Parameters, oauth::Error>,
) -> Result<Checked, Refusal> {
    let malformed = "a parameter is repeated or malformed";
    let Ok(parameters) = parameters else {
        return Err(Refusal::new(ErrorCode::InvalidRequest, malformed));
    };
    if !client.grant_types.contains(&GrantType::AuthorizationCode) {
        let description = "the client is not registered for authorization_code";
        return Err(Refusal::new(ErrorCode::UnauthorizedClient, description));
    }
    form(parameters)?;
    no_request_object(parameters)?;
    let code_challenge = code_challenge(parameters)?.as_str().to_owned();
    let (fresh_login, silent) = prompt(parameters)?;
    Ok(Checked {
        scope: scope(client, parameters)?,
        audiences: audiences(client, parameters)?,
        code_challenge,
        fresh_login,
        silent,
        wish: wish(parameters)?,
    })
}

/// Whether a `state` can go back as it came: short enough to be stored, and without characters
/// that some reader of the redirect could take for a line's end.
pub(crate) fn echoed(state: &str) -> bool {
    state.len() <= STATE && !state.contains(char::is_control)
}

/// How the answer is to come.
fn form(parameters: &Parameters) -> Result<(), Refusal> {
    match parameters.get("response_type") {
        Some("code") => {}
        Some(_) => {
            let description = "only response_type=code is offered";
            return Err(Refusal::new(
                ErrorCode::UnsupportedResponseType,
                description,
            ));
        }
        None => {
            return Err(Refusal::new(
                ErrorCode::InvalidRequest,
                "response_type is missing",
            ));
        }
    }
    if parameters
        .get("response_mode")
        .is_some_and(|mode| mode != "query")
    {
        let description = "only response_mode=query is offered";
        return Err(Refusal::new(ErrorCode::InvalidRequest, description));
    }
    if parameters.get("state").is_some_and(|state| !echoed(state)) {
        let description = "state is too long or holds control characters";
        return Err(Refusal::new(ErrorCode::InvalidRequest, description));
    }
    Ok(())
}

/// What these say must not be ignored: they replace parameters (RFC 9101 section 5).
fn no_request_object(parameters: &Parameters) -> Result<(), Refusal> {
    let unsupported = |code| Refusal {
        code,
        description: "request objects are not offered".into(),
    };
    if parameters.get("request").is_some() {
        return Err(unsupported("request_not_supported"));
    }
    if parameters.get("request_uri").is_some() {
        return Err(unsupported("request_uri_not_supported"));
    }
    Ok(())
}

/// RFC 7636 section 4.4.1: required, and S256 only; no method means `plain`.
fn code_challenge(parameters: &Parameters) -> Result<CodeChallenge, Refusal> {
    let Some(challenge) = parameters.get("code_challenge") else {
        let description = "code_challenge is required (PKCE, RFC 7636)";
        return Err(Refusal::new(ErrorCode::InvalidRequest, description));
    };
    Ok(CodeChallenge::parse(
        challenge,
        parameters.get("code_challenge_method"),
    )?)
}

/// Whether to sign in afresh, and whether to ask nothing (OpenID Connect Core section 3.1.2.1).
fn prompt(parameters: &Parameters) -> Result<(bool, bool), Refusal> {
    let words: Vec<&str> = words(parameters).collect();
    let silent = words.contains(&"none");
    if silent && words.len() > 1 {
        let description = "prompt=none stands alone";
        return Err(Refusal::new(ErrorCode::InvalidRequest, description));
    }
    Ok((
        words.contains(&"login") || words.contains(&"select_account"),
        silent,
    ))
}

fn words(parameters: &Parameters) -> impl Iterator<Item = &str> {
    parameters.get("prompt").unwrap_or_default().split(' ')
}

/// A `max_age` that cannot be read must not be ignored: the client relies on it. A hint that no username can be
/// is only a hint.
fn wish(parameters: &Parameters) -> Result<Wish, Refusal> {
    let max_age = parameters.get("max_age").map(str::parse::<u32>);
    let Ok(max_age) = max_age.transpose() else {
        let description = "max_age must be a number of seconds";
        return Err(Refusal::new(ErrorCode::InvalidRequest, description));
    };
    let hint = parameters.get("login_hint");
    let hint = hint.filter(|it| it.chars().count() <= HINT);
    Ok(Wish {
        max_age: max_age.map(|seconds| SignedDuration::from_secs(seconds.into())),
        login_hint: hint.map(str::to_owned),
        ask_consent: words(parameters).any(|word| word == "consent"),
        acr_values: AcrValues::parse(parameters.get("acr_values")),
    })
}

/// What is registered of what is asked for; all of it if nothing is asked for.
fn scope(client: &Client, parameters: &Parameters) -> Result<Scope, Refusal> {
    let scope = match parameters.get("scope") {
        Some(text) => Scope::granted(&Scope::parse(text)?, &client.scope),
        None => client.scope.clone(),
    };
    if scope.is_empty() {
        let description = "nothing of the scope is registered for the client";
        return Err(Refusal::new(ErrorCode::InvalidScope, description));
    }
    Ok(scope)
}

/// SMART App Launch 2.2 names the resource `aud`.
fn audiences(client: &Client, parameters: &Parameters) -> Result<Vec<String>, Refusal> {
    let mut wanted = parameters.all("resource");
    wanted.extend(parameters.get("aud"));
    Ok(audience::narrow(&wanted, &client.audiences)?)
}

/// What is asked of the sign-in cannot be had.
pub(crate) const UNMET: &str = "unmet_authentication_requirements";
/// Enough for a sealed state of any client; it is stored until the person has decided.
const STATE: usize = 2_000;
/// As much as the username field takes.
const HINT: usize = 200;
