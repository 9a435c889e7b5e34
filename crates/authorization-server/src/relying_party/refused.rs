//! Why nobody is signed in, in words for the person and for the audit.

use axum::http::StatusCode;
use jiff::SignedDuration;
use oauth::jose::id_token::IdTokenError;

use super::mapping::Unmapped;
use crate::pages::Language;

/// Why a sign-in at a provider came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Used, expired, another browser's or never begun.
    Over,
    /// The person or the provider said no: its error code.
    Denied(String),
    /// The provider refused what we asked, by an error that no person causes.
    Misconfigured(String),
    /// The provider cannot be reached, or is busy.
    Unavailable(String),
    /// Its answer does not count.
    Untrusted(String),
    /// It did not say that the person has just signed in, which was asked for.
    NotRecent,
    /// The claims give nothing here.
    Unmapped(Unmapped),
    /// Somebody here has this username, who may be another.
    Taken { username: String, subject: String },
    /// The provider's people are not made here, and nobody has connected this one.
    Unknown { subject: String },
    /// Switched off here.
    Disabled,
}

/// What a page says.
pub(crate) struct Told {
    pub(crate) heading: String,
    pub(crate) text: String,
    /// What an administrator needs to know to help.
    pub(crate) subject: Option<String>,
}

impl Refused {
    /// An error of the authorization response (RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6).
    pub(super) fn of_error(code: &str) -> Self {
        let said: String = code
            .chars()
            .filter(|c| c.is_ascii_graphic())
            .take(60)
            .collect();
        match code {
            "access_denied"
            | "login_required"
            | "interaction_required"
            | "account_selection_required"
            | "consent_required" => Self::Denied(said),
            "server_error" | "temporarily_unavailable" => Self::Unavailable(said),
            _ => Self::Misconfigured(said),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Over => StatusCode::BAD_REQUEST,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Misconfigured(_) | Self::Untrusted(_) => StatusCode::BAD_GATEWAY,
            Self::Taken { .. } => StatusCode::CONFLICT,
            _ => StatusCode::FORBIDDEN,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<SignedDuration> {
        matches!(self, Self::Unavailable(_)).then_some(AGAIN)
    }

    /// For the audit row: no names, and of the provider's words only error codes.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Over => "the sign-in is over, or another browser's".to_owned(),
            Self::Denied(code) => format!("refused there: {code}"),
            Self::Misconfigured(code) => format!("our request was refused: {code}"),
            Self::Unavailable(why) => format!("not available: {why}"),
            Self::Untrusted(why) => format!("not to be trusted: {why}"),
            Self::NotRecent => IdTokenError::AuthTime.to_string(),
            Self::Unmapped(why) => why.to_string(),
            Self::Taken { .. } => "the username is taken".to_owned(),
            Self::Unknown { .. } => "nobody here has this identity".to_owned(),
            Self::Disabled => "the account is disabled".to_owned(),
        }
    }

    /// What happened, and what to do.
    pub(crate) fn told(&self, l: Language, label: &str) -> Told {
        let (heading, text) = self.words();
        let subject = match self {
            Self::Taken { subject, .. } | Self::Unknown { subject } => Some(subject.clone()),
            _ => None,
        };
        let text = match self {
            Self::Taken { username, .. } => l.f(text, &[label, username]),
            _ if text.contains("{}") => l.f(text, &[label]),
            _ => l.t(text).to_owned(),
        };
        Told {
            heading: l.t(heading).to_owned(),
            text,
            subject,
        }
    }

    fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Over => (
                "This sign-in is over",
                "It was finished, it has expired, or it was begun in another browser. Go back to the application and start again.",
            ),
            Self::Denied(_) => (
                "You were not signed in",
                "{} did not sign you in, or you stopped there. Try again, or choose another way to sign in.",
            ),
            Self::Misconfigured(_) => (
                "The sign-in is not set up right",
                "{} refused what this site asked. You can do nothing about it: tell your administrator, with the reference below.",
            ),
            Self::Unavailable(_) => (
                "The sign-in cannot be reached",
                "{} does not answer at the moment. Try again in a minute, or choose another way to sign in.",
            ),
            Self::Untrusted(_) => (
                "The answer cannot be trusted",
                "{} sent an answer that this site does not accept, and nobody was signed in. Try again; if it happens again, tell your administrator, with the reference below.",
            ),
            Self::NotRecent => (
                "Sign in there once more",
                "What you want to do needs a sign-in from just now, and {} did not say that there was one. Sign out there, then try again.",
            ),
            Self::Unmapped(Unmapped::NoRoleClaim | Unmapped::NoRole) => (
                "Your account has no role here",
                "You signed in at {}, but your account there is in no group that may work here. Ask your administrator to put it into the right group, then sign in again.",
            ),
            Self::Unmapped(Unmapped::SeveralRoles) => (
                "Your account has several roles",
                "Your account at {} is in groups that stand for different roles here, and a person has one. Ask your administrator to take it out of all but one of them, then sign in again.",
            ),
            Self::Unmapped(_) => (
                "Something is missing in your account",
                "{} did not tell what this site needs to know about you: a usable name, your organization, or the records that you may see. Tell your administrator, with the reference below.",
            ),
            Self::Taken { .. } => (
                "This username is taken",
                "You signed in at {} as {}, and this site has an account of that name that is not connected with it. If it is yours, ask your administrator here to connect the two; they need the identifier below.",
            ),
            Self::Unknown { .. } => (
                "You are not registered here",
                "You signed in at {}, but no account here is connected with that. Ask your administrator here to connect one; they need the identifier below.",
            ),
            Self::Disabled => (
                "Your account is switched off",
                "You signed in at {}, but your account here is switched off. Ask your administrator here.",
            ),
        }
    }
}

impl std::convert::From<IdTokenError> for Refused {
    fn from(error: IdTokenError) -> Self {
        match error {
            IdTokenError::AuthTime => Self::NotRecent,
            other => Self::Untrusted(other.to_string()),
        }
    }
}

/// When a provider that does not answer is worth another try.
const AGAIN: SignedDuration = SignedDuration::from_secs(30);
