//! What a person has beside a password: an authenticator app (TOTP, RFC 6238), passkeys, and recovery codes for when
//! they are lost.

use jiff::Timestamp;
use oauth::{Random, Secret, SecretHash};
use qrcode::QrCode;
use qrcode::render::svg;
use storage::{Db, Error, Transaction};
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use crate::AuthorizationServer;
use crate::assurance::Assurance;
use crate::passkey::Assertion;
use crate::password;
use crate::store::passkeys;
use crate::store::second_factors::{self as table, Proposal, StoredTotp};

/// A right second factor that has not been used up yet: only [`Factor::use_up`] in the transaction that acts on it
/// makes it count.
pub(crate) enum Factor {
    /// Of the app, at this step.
    Step(i64),
    /// One of the recovery codes.
    Recovery(SecretHash),
    /// Of an app that is taken into use with it, and with these recovery codes.
    New {
        proposal: Proposal,
        step: i64,
        hashes: Vec<SecretHash>,
    },
    /// The answer of a passkey: it needs no password beside it.
    Passkey(Assertion),
}

/// Which second factors a person has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Factors {
    /// An authenticator app.
    pub(crate) app: bool,
    /// So many passkeys.
    pub(crate) passkeys: i64,
    /// So many recovery codes are left.
    pub(crate) recovery_codes: i64,
}

impl Factors {
    pub(crate) fn any(self) -> bool {
        self.app || self.passkeys > 0
    }
}

/// Which second factors a person has.
pub(crate) async fn factors(db: &Db, user_id: &str) -> Result<Factors, Error> {
    let app = table::totp(db, user_id).await?;
    Ok(Factors {
        app: app.is_some_and(|app| app.confirmed.is_some()),
        passkeys: passkeys::count(db, user_id).await?,
        recovery_codes: table::recovery_codes(db, user_id).await?,
    })
}

impl Factor {
    /// Which kind it is, for the audit.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Step(_) => "authenticator app",
            Self::Recovery(_) => "recovery code",
            Self::New { .. } => "new authenticator app",
            Self::Passkey(_) => "passkey",
        }
    }

    /// What a sign-in with it proves.
    pub(crate) fn assurance(&self) -> Assurance {
        match self {
            Self::Step(_) | Self::Recovery(_) | Self::New { .. } => Assurance::Aal2,
            Self::Passkey(_) => Assurance::PhishingResistant,
        }
    }

    /// `false` when somebody was faster, or the factor is gone.
    pub(crate) async fn use_up(
        &self,
        tx: &mut Transaction<'_>,
        user_id: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        match self {
            Self::Step(step) => table::use_step(tx, user_id, *step).await,
            Self::Recovery(hash) => table::use_recovery_code(tx, user_id, hash).await,
            Self::New {
                proposal,
                step,
                hashes,
            } => {
                let confirmed = table::confirm(tx, proposal, *step, now).await?;
                if confirmed {
                    table::replace_recovery_codes(tx, user_id, hashes).await?;
                }
                Ok(confirmed)
            }
            Self::Passkey(assertion) => assertion.use_up(tx, user_id, now).await,
        }
    }
}

/// Whether a code is right for a person now. Six digits are the app's; anything else is a recovery code.
pub(crate) async fn check(
    server: &AuthorizationServer,
    user_id: &str,
    text: &str,
) -> Result<Option<Factor>, Error> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let stored = table::totp(server.db(), user_id).await?;
        let Some(stored) = stored.filter(|it| it.confirmed.is_some()) else {
            return Ok(None);
        };
        return step(server, user_id, &stored, &digits).map(|step| step.map(Factor::Step));
    }
    let hash = recovery_hash(user_id, text);
    let is_one = table::has_recovery_code(server.db(), user_id, &hash).await?;
    Ok(is_one.then_some(Factor::Recovery(hash)))
}

/// The step of the app's code, if it is one of now: one step early or late is a clock that differs or a person
/// who types (RFC 6238 section 5.2).
pub(crate) fn step(
    server: &AuthorizationServer,
    user_id: &str,
    stored: &StoredTotp,
    digits: &str,
) -> Result<Option<i64>, Error> {
    let secret = opened(server, user_id, stored)?;
    let seconds = u64::try_from(server.clock().now().as_second()).unwrap_or_default();
    let step = app(server, "", &secret).check(digits.trim(), seconds);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

/// What an app needs to be set up with.
pub(crate) struct Setup {
    /// In base32, groups of four: to be typed where no camera is.
    pub(crate) secret: String,
    /// The `otpauth:` address as an image, a `data:` address.
    pub(crate) image: String,
}

/// A new secret of 160 bits (RFC 4226 section 4, R6), sealed, for the session or waiting sign-in of this hash.
pub(crate) fn propose(
    server: &AuthorizationServer,
    user_id: &str,
    to: SecretHash,
) -> Result<Proposal, Error> {
    let secret = Zeroizing::new(server.random().bytes::<20>());
    let sealed = server
        .encryption()
        .seal(&bound_to(user_id), secret.as_slice(), server.random());
    Ok(Proposal {
        user_id: user_id.to_owned(),
        secret: sealed.ok_or_else(|| Error::Failed("a secret could not be sealed".to_owned()))?,
        to,
    })
}

/// How a proposed app is shown to the person.
pub(crate) fn setup(
    server: &AuthorizationServer,
    user_id: &str,
    username: &str,
    stored: &StoredTotp,
) -> Result<Setup, Error> {
    let secret = opened(server, user_id, stored)?;
    let app = app(server, username, &secret);
    let failed = || Error::Failed("an authenticator app could not be shown".to_owned());
    let code = QrCode::new(app.to_url().map_err(|_| failed())?).map_err(|_| failed())?;
    let svg = code
        .render::<svg::Color<'_>>()
        .min_dimensions(240, 240)
        .build();
    use base64::Engine as _;
    let image = base64::prelude::BASE64_STANDARD.encode(svg);
    let text = app.secret().to_base32();
    let groups: Vec<&str> = (0..text.len())
        .step_by(4)
        .filter_map(|at| text.get(at..text.len().min(at + 4)))
        .collect();
    Ok(Setup {
        secret: groups.join(" "),
        image: format!("data:image/svg+xml;base64,{image}"),
    })
}

/// Ten codes of 80 random bits, and what is stored of them.
pub(crate) fn recovery_codes(user_id: &str, random: &Random) -> (Vec<Secret>, Vec<SecretHash>) {
    let codes: Vec<Secret> = (0..RECOVERY_CODES)
        .map(|_| password::grouped::<16>(random))
        .collect();
    let hashes = codes
        .iter()
        .map(|code| recovery_hash(user_id, code.expose()))
        .collect();
    (codes, hashes)
}

/// As people type it: without regard to case, spaces and hyphens.
fn recovery_hash(user_id: &str, text: &str) -> SecretHash {
    let typed = text.chars().filter(char::is_ascii_alphanumeric);
    let typed: String = typed.map(|c| c.to_ascii_lowercase()).collect();
    Secret::received(format!("{user_id} {typed}")).hash()
}

fn opened(
    server: &AuthorizationServer,
    user_id: &str,
    stored: &StoredTotp,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    server
        .encryption()
        .open(&bound_to(user_id), &stored.secret)
        .ok_or_else(|| Error::Failed(format!("the second factor of {user_id} cannot be opened")))
}

fn bound_to(user_id: &str) -> String {
    format!("totp {user_id}")
}

/// SHA-1, six digits, 30 s: many apps take nothing else and do not say so.
fn app(server: &AuthorizationServer, username: &str, secret: &[u8]) -> Totp {
    // A colon separates issuer and account in the address.
    let issuer = server.config().display_name.replace(':', " ");
    Builder::new()
        .with_secret(secret)
        .with_account_name(username)
        .with_issuer(Some(issuer))
        .build_noncompliant()
}

/// The app that this session or waiting sign-in is shown and has not confirmed yet. Nobody else is: whoever knows the
/// password could have another person confirm a secret that he has copied.
pub(crate) async fn proposed(
    server: &AuthorizationServer,
    user_id: &str,
    to: &SecretHash,
) -> Result<Option<StoredTotp>, Error> {
    let now = server.clock().now();
    let stored = table::proposed(server.db(), user_id, to).await?;
    Ok(stored.filter(|it| now < it.created + SHOWN))
}

/// What a page says of a code that sets nothing up.
pub(crate) const WRONG: &str = "The code is not the one that the app shows now.";
const DIGITS: usize = 6;
const RECOVERY_CODES: usize = 10;
/// A proposed app is shown for so long.
const SHOWN: jiff::SignedDuration = jiff::SignedDuration::from_mins(15);
