//! Browsers: what is bound to one, and who is signed in with it.

mod user_agent;

use aws_lc_rs::hmac;
use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use oauth::{Scope, Secret, SecretHash};
use storage::{Error, Transaction, Work};
use subtle::ConstantTimeEq as _;

use crate::assurance::Assurance;
use crate::audit::event;
use crate::caller::Caller;
use crate::resource_owner::AuthenticatedResourceOwner;
use crate::second_factor::Factor;
use crate::store::sessions::{self, StoredSession};
use crate::store::{known_browsers, second_factors, users};
use crate::{AuthorizationServer, ResourceOwner};

/// One browser, known by a random cookie. Authorization requests and CSRF tokens are bound to it, so that
/// nobody can plant a request of his own in somebody else's browser.
pub(crate) struct Browser {
    secret: Secret,
    is_new: bool,
}

impl Browser {
    /// The browser of a request, or a new one.
    pub(crate) fn of(server: &AuthorizationServer, headers: &HeaderMap) -> Self {
        match cookie(headers, &Self::name(server)) {
            Some(secret) => Self {
                secret,
                is_new: false,
            },
            None => Self {
                secret: Secret::generate(server.random()),
                is_new: true,
            },
        }
    }

    /// The hash of a browser that has been here before.
    pub(crate) fn known(server: &AuthorizationServer, headers: &HeaderMap) -> Option<SecretHash> {
        cookie(headers, &Self::name(server)).map(|secret| secret.hash())
    }

    pub(crate) fn hash(&self) -> SecretHash {
        self.secret.hash()
    }

    /// The `Set-Cookie` that a new browser needs. It outlives the browser's windows: where somebody has signed in
    /// before, guesses from elsewhere do not hold that person up.
    pub(crate) fn set_cookie(&self, server: &AuthorizationServer) -> Option<HeaderValue> {
        if !self.is_new {
            return None;
        }
        let (name, value) = (Self::name(server), self.secret.expose());
        let age = KNOWN.as_secs();
        let cookie =
            format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={age}");
        HeaderValue::from_str(&cookie).ok()
    }

    /// The synchroniser token of the pages of one request: only this browser's pages hold it.
    pub(crate) fn csrf_token(&self, request: &str) -> String {
        self.tag(&["csrf", request])
    }

    /// What the consent page showed, and to whom. A page that is still open when the rights have
    /// grown, or when somebody else has signed in, decides nothing.
    pub(crate) fn shown(&self, request: &str, session: &Session, scope: &Scope) -> String {
        let session = BASE64_URL_SAFE_NO_PAD.encode(session.hash.as_bytes());
        self.tag(&["shown", request, &session, &scope.to_string()])
    }

    /// The token of the sign-out page of one session.
    pub(crate) fn logout_token(&self, session: &Session) -> String {
        self.session_tag("logout", session)
    }

    /// The token of the account's pages of one session.
    pub(crate) fn account_token(&self, session: &Session) -> String {
        self.session_tag("account", session)
    }

    /// The token of the page where somebody signs in to the account, not for an application.
    pub(crate) fn sign_in_token(&self) -> String {
        self.tag(&["sign-in"])
    }

    /// The token of the administration pages of one session.
    pub(crate) fn administration_token(&self, session: &Session) -> String {
        self.session_tag("administration", session)
    }

    /// The token of the page that an administrator's link opens.
    pub(crate) fn setup_token(&self) -> String {
        self.tag(&["setup"])
    }

    /// A secret of one use that is not stored anywhere, of 256 bits in base64url.
    pub(crate) fn derived(&self, what: &str, of: &str) -> String {
        self.tag(&[what, of])
    }

    fn session_tag(&self, purpose: &str, session: &Session) -> String {
        let session = BASE64_URL_SAFE_NO_PAD.encode(session.hash.as_bytes());
        self.tag(&[purpose, &session])
    }

    fn tag(&self, parts: &[&str]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.expose().as_bytes());
        // No part holds a line feed: forms with control characters are refused.
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, parts.join("\n").as_bytes()))
    }

    fn name(server: &AuthorizationServer) -> String {
        let session = &server.config().cookie_name;
        format!(
            "{}-login",
            session.strip_suffix("-session").unwrap_or(session)
        )
    }
}

/// Whether a form brought the token that its page was given.
pub(crate) fn is_token(expected: &str, received: Option<&str>) -> bool {
    let received = received.unwrap_or_default();
    expected.as_bytes().ct_eq(received.as_bytes()).into()
}

/// Someone who is signed in.
pub(crate) struct Session {
    pub(crate) owner: ResourceOwner,
    pub(crate) auth_time: Timestamp,
    /// When it ends, however much it is used.
    pub(crate) expires: Timestamp,
    pub(crate) hash: SecretHash,
    /// What the sign-in proved.
    pub(crate) assurance: Assurance,
}

impl Session {
    /// Whether the person has just signed in: what is dangerous asks for that.
    pub(crate) fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.auth_time + FRESH
    }
}

/// The session of a request: not idle for too long, not too old, of a person who is not disabled, and begun with
/// as many factors as the person's role demands today.
pub(crate) async fn current(
    server: &AuthorizationServer,
    headers: &HeaderMap,
) -> Result<Option<Session>, Error> {
    let Some(secret) = cookie(headers, &server.config().cookie_name) else {
        return Ok(None);
    };
    let hash = secret.hash();
    let Some(stored) = sessions::find(server.db(), &hash).await? else {
        return Ok(None);
    };
    let now = server.clock().now();
    if now >= stored.expires || now >= stored.last_used + server.config().lifetimes.session_idle {
        return Ok(None);
    }
    let Some(owner) = users::find(server.db(), &stored.user_id).await? else {
        return Ok(None);
    };
    let demands = server.config().requires_second_factor(&owner);
    if owner.disabled || (demands && !stored.assurance.has_second_factor()) {
        return Ok(None);
    }
    if now >= stored.last_used + TOUCHED {
        server.db().write(Touch(hash, now)).await?;
    }
    Ok(Some(Session {
        owner,
        auth_time: stored.auth_time,
        expires: stored.expires,
        hash,
        assurance: stored.assurance,
    }))
}

/// Signs a person in: a session of its own in place of whatever the browser had before (a cookie that was
/// planted before the sign-in opens nothing after it). Answers the `Set-Cookie`.
pub(crate) async fn begin(
    server: &AuthorizationServer,
    owner: &AuthenticatedResourceOwner,
    headers: &HeaderMap,
    caller: &Caller,
) -> Result<HeaderValue, Error> {
    let (work, cookie) = prepare(server, Proved::by(owner), headers, caller);
    server.db().write(work).await?;
    Ok(cookie)
}

/// As [`begin`], for somebody who has signed in elsewhere at this time. Where nobody knows when, the session is none
/// that has just begun: an old sign-in there opens nothing that wants a fresh one.
pub(crate) async fn begin_elsewhere(
    server: &AuthorizationServer,
    owner: &AuthenticatedResourceOwner,
    auth_time: Option<Timestamp>,
    headers: &HeaderMap,
    caller: &Caller,
) -> Result<HeaderValue, Error> {
    let (mut work, cookie) = prepare(server, Proved::by(owner), headers, caller);
    work.session.auth_time = elsewhere(auth_time, work.session.last_used);
    server.db().write(work).await?;
    Ok(cookie)
}

/// As what time a sign-in elsewhere counts.
pub(crate) fn elsewhere(auth_time: Option<Timestamp>, now: Timestamp) -> Timestamp {
    auth_time.map_or(now - FRESH, |at| at.min(now))
}

/// A right second factor, and the password before it that waits in one browser: not signed in before the transaction
/// that uses both up.
pub(crate) struct SecondStep<'a> {
    pub(crate) owner: &'a ResourceOwner,
    /// The waiting row and its browser. Nothing waits where a passkey was the first step.
    pub(crate) pending: Option<(SecretHash, SecretHash)>,
    /// The end of the session that a passkey alone steps up: whom only the organization signs in does not stay
    /// beyond it.
    pub(crate) ends: Option<Timestamp>,
    pub(crate) factor: Factor,
}

/// Signs a person in whose second factor is right. `None` when the waiting is over or the factor has been used
/// meanwhile.
pub(crate) async fn begin_with_factor(
    server: &AuthorizationServer,
    step: SecondStep<'_>,
    headers: &HeaderMap,
    caller: &Caller,
) -> Result<Option<HeaderValue>, Error> {
    let proved = Proved {
        owner: step.owner,
        assurance: step.factor.assurance(),
        how: Some(step.factor.kind()),
        continued: None,
    };
    let (mut begin, cookie) = prepare(server, proved, headers, caller);
    let session = &mut begin.session;
    session.expires = step
        .ends
        .map_or(session.expires, |ends| ends.min(session.expires));
    if let Some((pending, _)) = &step.pending
        && let Some(at) = second_factors::signed_in_elsewhere(server.db(), pending).await?
    {
        // Only the second step is of now.
        session.auth_time = at.min(session.auth_time);
    }
    let work = BeginWithFactor {
        pending: step.pending,
        factor: step.factor,
        begin,
    };
    Ok(server.db().write(work).await?.then_some(cookie))
}

/// Who signs in, and with what.
#[derive(Clone, Copy)]
struct Proved<'a> {
    owner: &'a ResourceOwner,
    assurance: Assurance,
    /// The second factor, if one was given.
    how: Option<&'static str>,
    continued: Option<Continued>,
}

/// What a session takes over from the one that it continues: who adds a second factor has not signed in again, and
/// would otherwise stay for ever by adding another in time.
#[derive(Clone, Copy)]
pub(crate) struct Continued {
    auth_time: Timestamp,
    expires: Timestamp,
}

impl From<&Session> for Continued {
    fn from(session: &Session) -> Self {
        Self {
            auth_time: session.auth_time,
            expires: session.expires,
        }
    }
}

impl<'a> Proved<'a> {
    fn by(authenticated: &'a AuthenticatedResourceOwner) -> Self {
        let assurance = authenticated.assurance();
        Self {
            owner: authenticated.owner(),
            assurance,
            how: assurance.has_second_factor().then_some("second factor"),
            continued: authenticated.continues(),
        }
    }
}

fn prepare(
    server: &AuthorizationServer,
    proved: Proved<'_>,
    headers: &HeaderMap,
    caller: &Caller,
) -> (Begin, HeaderValue) {
    let Proved {
        owner,
        assurance,
        how,
        continued,
    } = proved;
    let now = server.clock().now();
    let (auth_time, expires) = match continued {
        Some(before) => (before.auth_time, before.expires),
        None => (now, now + server.config().lifetimes.session_absolute),
    };
    let secret = Secret::generate(server.random());
    let mut audit = event(server, caller, "login", storage::Outcome::Allowed);
    audit.subject = Some(owner.id.clone());
    audit.organization.clone_from(&owner.rights.organization);
    audit.reason = how.map(|how| format!("with {how}"));
    let work = Begin {
        hash: secret.hash(),
        before: cookie(headers, &server.config().cookie_name).map(|before| before.hash()),
        session: StoredSession {
            user_id: owner.id.clone(),
            auth_time,
            last_used: now,
            expires,
            browser: user_agent::words(headers),
            source_address: caller.source_address.clone(),
            assurance,
        },
        browser: caller.browser,
        audit,
    };
    let cookie = set_cookie(&server.config().cookie_name, secret.expose());
    (work, cookie)
}

/// Signs out: the session is gone and the cookie is taken back.
pub(crate) async fn end(
    server: &AuthorizationServer,
    session: &Session,
    caller: &Caller,
) -> Result<HeaderValue, Error> {
    let mut audit = event(server, caller, "logout", storage::Outcome::Allowed);
    audit.subject = Some(session.owner.id.clone());
    server.db().write(End(session.hash, audit)).await?;
    Ok(remove_cookie(server))
}

/// The `Set-Cookie` that takes the session's cookie back.
pub(crate) fn remove_cookie(server: &AuthorizationServer) -> HeaderValue {
    let name = &server.config().cookie_name;
    HeaderValue::from_str(&format!(
        "{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
    ))
    .unwrap_or_else(|_| HeaderValue::from_static(""))
}

struct Begin {
    hash: SecretHash,
    before: Option<SecretHash>,
    session: StoredSession,
    browser: Option<SecretHash>,
    audit: storage::AuditEvent,
}

impl Work for Begin {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        if let Some(before) = &self.before {
            sessions::delete(tx, before).await?;
        }
        sessions::insert(tx, &self.hash, &self.session).await?;
        if let Some(browser) = &self.browser {
            let (user_id, expires) = (&self.session.user_id, self.session.last_used + KNOWN);
            known_browsers::remember(tx, browser, user_id, expires).await?;
        }
        tx.audit(&self.audit).await
    }
}

struct BeginWithFactor {
    pending: Option<(SecretHash, SecretHash)>,
    factor: Factor,
    begin: Begin,
}

impl Work for BeginWithFactor {
    type Output = bool;

    /// The factor is used up first: a page that is posted twice finds it used and leaves the waiting alone.
    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, Error> {
        let session = &self.begin.session;
        let now = session.last_used;
        if !self.factor.use_up(tx, &session.user_id, now).await? {
            return Ok(false);
        }
        if let Some((pending, browser)) = &self.pending
            && !second_factors::consume_pending(tx, pending, browser, now).await?
        {
            return Ok(false);
        }
        self.begin.run(tx).await?;
        Ok(true)
    }
}

struct Touch(SecretHash, Timestamp);

impl Work for Touch {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        sessions::touch(tx, &self.0, self.1).await
    }
}

struct End(SecretHash, storage::AuditEvent);

impl Work for End {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        sessions::delete(tx, &self.0).await?;
        tx.audit(&self.1).await
    }
}

/// The value of a cookie that is there exactly once: with two of a name one was planted.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<Secret> {
    let all = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let pairs = all
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value);
    let value = values
        .next()
        .filter(|value| (1..=100).contains(&value.len()))?;
    values
        .next()
        .is_none()
        .then(|| Secret::received(value.to_owned()))
}

/// `__Host-` demands Secure and Path=/ and forbids Domain: no other host can set it.
fn set_cookie(name: &str, value: &str) -> HeaderValue {
    HeaderValue::from_str(&format!(
        "{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax"
    ))
    .unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// How long a sign-in counts as one that has just been.
pub(crate) const FRESH: SignedDuration = SignedDuration::from_mins(5);
/// How long a browser is known that somebody has signed in with.
const KNOWN: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Use is noted this often: no write for every page.
const TOUCHED: SignedDuration = SignedDuration::from_mins(1);
