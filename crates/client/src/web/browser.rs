//! What the browser carries for us: a sign-in under way or a session, sealed in one cookie, so that
//! any node can answer and nothing is stored here.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Web;
use super::pages::Failure;
use crate::human::PendingLogin;
use crate::session::Session;

/// The state of one browser.
pub(super) enum Browser {
    Login(PendingLogin),
    SignedIn(SignedIn),
}

/// A person signed in at a peer, in this browser.
pub(super) struct SignedIn {
    pub(super) session: Session,
    /// What our own forms send back.
    pub(super) csrf: String,
}

#[derive(Serialize, Deserialize)]
enum Carried {
    Login(PendingLogin),
    Session {
        csrf: String,
        session: Box<RawValue>,
    },
}

impl Web {
    /// A fresh session gets a token for its forms.
    pub(super) fn signed_in(&self, session: Session) -> SignedIn {
        let csrf = URL_SAFE_NO_PAD.encode(self.client.random().bytes::<32>());
        SignedIn { session, csrf }
    }

    /// What this browser carries, if it is ours and not too old.
    pub(super) fn browser(&self, headers: &HeaderMap) -> Option<Browser> {
        let name = self.cookie_name();
        let sealed = cookie(headers, &name)?;
        let opened = self.key.open(&name, self.client.clock().now(), sealed)?;
        match serde_json::from_slice(&opened).ok()? {
            Carried::Login(pending) => Some(Browser::Login(pending)),
            Carried::Session { csrf, session } => {
                let session = Session::from_json(session.get().as_bytes())?;
                Some(Browser::SignedIn(SignedIn { session, csrf }))
            }
        }
    }

    /// The Set-Cookie that makes the browser carry a sign-in under way.
    pub(super) fn carry_login(&self, pending: PendingLogin) -> Result<HeaderMap, Failure> {
        self.carry(&Carried::Login(pending), LOGIN_LIFE)
    }

    /// The Set-Cookie that makes the browser carry a session.
    pub(super) fn carry_session(&self, signed_in: &SignedIn) -> Result<HeaderMap, Failure> {
        let json = String::from_utf8(signed_in.session.to_json()).ok();
        let session = json.and_then(|json| RawValue::from_string(json).ok());
        let session = session.ok_or_else(Failure::internal)?;
        self.carry(
            &Carried::Session {
                csrf: signed_in.csrf.clone(),
                session,
            },
            SESSION_LIFE,
        )
    }

    /// The Set-Cookie that makes the browser forget.
    pub(super) fn carry_nothing(&self) -> Result<HeaderMap, Failure> {
        set_cookie(&format!("{}=; Max-Age=0; {ATTRIBUTES}", self.cookie_name()))
    }

    fn carry(&self, carried: &Carried, life: SignedDuration) -> Result<HeaderMap, Failure> {
        let json = serde_json::to_vec(carried).map_err(|_| Failure::internal())?;
        let until = self.client.clock().now() + life;
        let name = self.cookie_name();
        let sealed = self.key.seal(self.client.random(), &name, until, &json);
        let sealed = sealed.ok_or_else(Failure::internal)?;
        let text = format!("{name}={sealed}; Max-Age={}; {ATTRIBUTES}", life.as_secs());
        // RFC 6265 section 6.1: a browser may drop a longer one, silently.
        if text.len() > LONGEST_COOKIE {
            Err(Failure::tokens_too_long())
        } else {
            set_cookie(&text)
        }
    }

    fn cookie_name(&self) -> String {
        format!("__Host-{}-client", self.client.party())
    }
}

fn set_cookie(text: &str) -> Result<HeaderMap, Failure> {
    let value = HeaderValue::from_str(text).map_err(|_| Failure::internal())?;
    Ok(HeaderMap::from_iter([(SET_COOKIE, value)]))
}

/// A cookie's value, if the browser sent exactly one of that name.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    let first = found.next()?;
    if found.next().is_some() {
        None
    } else {
        Some(first)
    }
}

/// `__Host-` demands Secure and Path=/. Lax, because the browser comes back from the peer's site.
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";
/// Time to sign in at the peer, with a second factor.
const LOGIN_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// An unattended browser is signed in no longer than this.
const SESSION_LIFE: SignedDuration = SignedDuration::from_mins(30);
const LONGEST_COOKIE: usize = 4096;
