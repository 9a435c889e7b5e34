//! Passkeys (Web Authentication Level 3, section 7): what a browser is asked, and what its answer proves.
//!
//! Every question is a row that belongs to one browser, lives for minutes and is taken away by the first answer, right
//! or wrong. The person has to be verified by the device, so that a passkey is two factors by itself.

use jiff::{SignedDuration, Timestamp};
use oauth::{Secret, SecretHash};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use storage::{Error, Transaction, Work};
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, Uuid, Webauthn, WebauthnBuilder,
    WebauthnError,
};

use crate::store::passkeys::{self as table, StoredCeremony, StoredPasskey, Use};
use crate::{AuthorizationServer, Config, ResourceOwner};

/// The relying party: its id is the host name of the issuer, its only origin the issuer's.
pub(crate) struct RelyingParty(Webauthn);

impl RelyingParty {
    /// `None` where the issuer has an address in place of a name: browsers allow no passkeys there.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        let id = config.issuer.domain()?;
        let built = WebauthnBuilder::new(id, &config.issuer).ok()?;
        let built = built.rp_name(&config.display_name).timeout(TIMEOUT);
        built.build().ok().map(Self)
    }
}

/// A question to a browser: what its script asks the browser for, and under which handle the answer is awaited.
pub(crate) struct Question(Value);

impl Question {
    /// As the script reads it.
    pub(crate) fn json(&self) -> &Value {
        &self.0
    }
}

/// What a browser posts.
pub(crate) struct Answer<'a> {
    pub(crate) browser: SecretHash,
    pub(crate) ceremony: &'a str,
    pub(crate) credential: &'a str,
}

/// A passkey that was just made for a person, not stored yet.
pub(crate) struct NewPasskey {
    user_id: String,
    credential_id: Vec<u8>,
    credential: String,
}

/// A right answer of a person's passkey. It has not been acted on: only [`Assertion::use_up`] in the transaction that
/// does makes it count.
pub(crate) struct Assertion {
    id: String,
    user_id: String,
    credential: String,
    sign_count: u32,
}

/// Why an answer is none. The person is told one thing for all of them; `known` is the account, for the audit.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) reason: &'static str,
    pub(crate) known: Option<String>,
}

/// What an answer is held against.
#[derive(Serialize, Deserialize)]
enum Expected {
    /// A new passkey of the person whom the ceremony belongs to.
    Registration(PasskeyRegistration),
    /// One of that person's passkeys.
    OneOf(PasskeyAuthentication),
    /// Anybody's.
    Any(DiscoverableAuthentication),
}

impl NewPasskey {
    /// Stores it under a name; `false` when it is stored already, or the person has too many.
    pub(crate) async fn insert(
        &self,
        tx: &mut Transaction<'_>,
        id: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let new = StoredPasskey {
            id: id.to_owned(),
            user_id: self.user_id.clone(),
            name: name.to_owned(),
            credential: self.credential.clone(),
            created: now,
            last_used: None,
        };
        table::insert(tx, &new, &self.credential_id, MOST).await
    }
}

impl Assertion {
    pub(crate) fn user_id(&self) -> &str {
        &self.user_id
    }

    /// `false` when the passkey is gone, its counter has been passed by another answer, or it is another person's.
    pub(crate) async fn use_up(
        &self,
        tx: &mut Transaction<'_>,
        user_id: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let it = Use {
            id: &self.id,
            user_id,
            credential: &self.credential,
            sign_count: self.sign_count,
        };
        table::note_use(tx, &it, now).await
    }
}

/// Asks a browser to make a passkey for a person.
pub(crate) async fn ask_for_new(
    server: &AuthorizationServer,
    browser: SecretHash,
    owner: &ResourceOwner,
) -> Result<Option<Question>, Error> {
    let Some(RelyingParty(webauthn)) = server.passkeys() else {
        return Ok(None);
    };
    let mut present = Vec::new();
    for stored in table::of_user(server.db(), &owner.id).await? {
        present.push(opened(&stored)?.cred_id().clone());
    }
    let name = &owner.username;
    let (asked, state) = webauthn
        .start_passkey_registration(handle(&owner.id), name, name, Some(present))
        .map_err(|error| library(&error))?;
    let mut options = serde_json::to_value(&asked.public_key).map_err(|_| failed("a question"))?;
    if let Some(selection) = options.get_mut("authenticatorSelection") {
        // So that it can be found without a username where the device has room for it.
        insert(selection, "residentKey", json!("preferred"));
    }
    let expected = Expected::Registration(state);
    let ceremony = store(server, browser, Some(owner.id.clone()), &expected).await?;
    Ok(Some(question(&ceremony, &options)))
}

/// Asks a browser for one of a person's passkeys, or for anybody's: then the question names none and is the same for
/// all.
pub(crate) async fn ask(
    server: &AuthorizationServer,
    browser: SecretHash,
    owner: Option<&ResourceOwner>,
) -> Result<Option<Question>, Error> {
    let Some(RelyingParty(webauthn)) = server.passkeys() else {
        return Ok(None);
    };
    let user_id = owner.map(|owner| owner.id.clone());
    let (asked, expected) = match owner {
        Some(owner) => {
            let stored = table::of_user(server.db(), &owner.id).await?;
            let present: Result<Vec<Passkey>, Error> = stored.iter().map(opened).collect();
            let present = present?;
            if present.is_empty() {
                return Ok(None);
            }
            let started = webauthn.start_passkey_authentication(&present);
            let (asked, state) = started.map_err(|error| library(&error))?;
            (asked, Expected::OneOf(state))
        }
        None => {
            let started = webauthn.start_discoverable_authentication();
            let (asked, state) = started.map_err(|error| library(&error))?;
            (asked, Expected::Any(state))
        }
    };
    let options = serde_json::to_value(&asked.public_key).map_err(|_| failed("a question"))?;
    let ceremony = store(server, browser, user_id, &expected).await?;
    Ok(Some(question(&ceremony, &options)))
}

/// Checks what a browser has made for a person who is signed in.
pub(crate) async fn check_new(
    server: &AuthorizationServer,
    user_id: &str,
    answer: &Answer<'_>,
) -> Result<Result<NewPasskey, Refused>, Error> {
    let refuse = |reason| {
        let known = Some(user_id.to_owned());
        Ok(Err(Refused { reason, known }))
    };
    let taken = take(server, answer).await?;
    let Some((Some(asked), Expected::Registration(state))) = taken else {
        return refuse(NOT_ASKED);
    };
    if asked != user_id {
        return refuse(NOT_ASKED);
    }
    let (Some(RelyingParty(webauthn)), Ok(made)) = (
        server.passkeys(),
        serde_json::from_str::<RegisterPublicKeyCredential>(answer.credential),
    ) else {
        return refuse(UNREADABLE);
    };
    match webauthn.finish_passkey_registration(&made, &state) {
        Ok(passkey) => Ok(Ok(NewPasskey {
            user_id: asked,
            credential_id: passkey.cred_id().to_vec(),
            credential: serde_json::to_string(&passkey).map_err(|_| failed("a passkey"))?,
        })),
        Err(error) => refuse(reason(&error)),
    }
}

/// Checks the answer of a passkey: of this person, or of whom it says by itself.
pub(crate) async fn check(
    server: &AuthorizationServer,
    user_id: Option<&str>,
    answer: &Answer<'_>,
) -> Result<Result<Assertion, Refused>, Error> {
    let refuse = |reason, known| Ok(Err(Refused { reason, known }));
    let known = user_id.map(str::to_owned);
    let taken = take(server, answer).await?;
    let (Some((asked, expected)), Some(RelyingParty(webauthn))) = (taken, server.passkeys()) else {
        return refuse(NOT_ASKED, known);
    };
    if asked.as_deref() != user_id {
        return refuse(NOT_ASKED, known);
    }
    let Some(given) = read(answer.credential) else {
        return refuse(UNREADABLE, known);
    };
    let stored = table::find_by_credential(server.db(), given.get_credential_id()).await?;
    let Some(stored) = stored else {
        return refuse("unknown passkey", known);
    };
    if !is_owner(&given, &stored, user_id) {
        return refuse("somebody else's passkey", known);
    }
    let mut passkey = opened(&stored)?;
    let checked = match &expected {
        Expected::OneOf(state) => webauthn.finish_passkey_authentication(&given, state),
        Expected::Any(state) => {
            let key = (&passkey).into();
            let key: webauthn_rs::prelude::DiscoverableKey = key;
            webauthn.finish_discoverable_authentication_v2(&given, state.clone(), &key)
        }
        Expected::Registration(_) => return refuse(NOT_ASKED, known),
    };
    let result = match checked {
        Ok(result) if result.user_verified() => result,
        Ok(_) => return refuse(NOT_VERIFIED, Some(stored.user_id)),
        Err(error) => return refuse(reason(&error), Some(stored.user_id)),
    };
    passkey.update_credential(&result);
    Ok(Ok(Assertion {
        credential: serde_json::to_string(&passkey).map_err(|_| failed("a passkey"))?,
        sign_count: result.counter(),
        id: stored.id,
        user_id: stored.user_id,
    }))
}

/// Section 7.2, step 6: where nobody was named, the answer has to name the owner of the passkey; where somebody was,
/// it is that one, and whom the answer names too.
fn is_owner(given: &PublicKeyCredential, stored: &StoredPasskey, user_id: Option<&str>) -> bool {
    let named = given.get_user_unique_id();
    let is_named = named == Some(handle(&stored.user_id).as_bytes().as_slice());
    match user_id {
        Some(user_id) => stored.user_id == user_id && (named.is_none() || is_named),
        None => is_named,
    }
}

/// What a passkey calls its person: the same for all of one person's, and nothing that says who it is (section 14.6.1).
fn handle(user_id: &str) -> Uuid {
    let hash = Secret::received(user_id.to_owned()).hash();
    let half = hash.as_bytes().first_chunk::<16>();
    half.map_or(Uuid::nil(), |half| Uuid::from_bytes(*half))
}

/// What a browser posts, unless it was made in a frame of another site (section 7.2, step 11): the library does not
/// look.
fn read(text: &str) -> Option<PublicKeyCredential> {
    let given: PublicKeyCredential = serde_json::from_str(text).ok()?;
    let client_data: Value = serde_json::from_slice(&given.response.client_data_json).ok()?;
    let framed = client_data.get("crossOrigin") == Some(&Value::Bool(true));
    (!framed).then_some(given)
}

/// For the audit: which check it did not pass.
fn reason(error: &WebauthnError) -> &'static str {
    match error {
        WebauthnError::UserNotVerified => NOT_VERIFIED,
        WebauthnError::CredentialPossibleCompromise => CLONED,
        WebauthnError::InvalidRPOrigin | WebauthnError::InvalidRPIDHash => {
            "the passkey answered another site"
        }
        WebauthnError::MismatchedChallenge => "the passkey answered another question",
        _ => "wrong passkey",
    }
}

async fn store(
    server: &AuthorizationServer,
    browser: SecretHash,
    user_id: Option<String>,
    expected: &Expected,
) -> Result<Secret, Error> {
    let handle = Secret::generate(server.random());
    let work = Ask {
        hash: handle.hash(),
        browser,
        ceremony: StoredCeremony {
            user_id,
            expected: serde_json::to_string(expected).map_err(|_| failed("a question"))?,
        },
        expires: server.clock().now() + ANSWERED,
    };
    server.db().write(work).await?;
    Ok(handle)
}

async fn take(
    server: &AuthorizationServer,
    answer: &Answer<'_>,
) -> Result<Option<(Option<String>, Expected)>, Error> {
    let work = Take {
        hash: Secret::received(answer.ceremony.to_owned()).hash(),
        browser: answer.browser,
        now: server.clock().now(),
    };
    let Some(taken) = server.db().write(work).await? else {
        return Ok(None);
    };
    let expected = serde_json::from_str(&taken.expected).map_err(|_| failed("a question"))?;
    Ok(Some((taken.user_id, expected)))
}

fn opened(stored: &StoredPasskey) -> Result<Passkey, Error> {
    serde_json::from_str(&stored.credential).map_err(|_| failed("a passkey"))
}

fn question(ceremony: &Secret, options: &Value) -> Question {
    Question(json!({ "ceremony": ceremony.expose(), "publicKey": options }))
}

fn insert(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

fn failed(what: &str) -> Error {
    Error::Failed(format!("{what} cannot be read or written"))
}

fn library(error: &WebauthnError) -> Error {
    Error::Failed(format!("a passkey cannot be asked for: {error}"))
}

struct Ask {
    hash: SecretHash,
    browser: SecretHash,
    ceremony: StoredCeremony,
    expires: Timestamp,
}

impl Work for Ask {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        table::insert_ceremony(tx, &self.hash, &self.browser, &self.ceremony, self.expires).await
    }
}

struct Take {
    hash: SecretHash,
    browser: SecretHash,
    now: Timestamp,
}

impl Work for Take {
    type Output = Option<StoredCeremony>;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<Self::Output, Error> {
        table::take_ceremony(tx, &self.hash, &self.browser, self.now).await
    }
}

/// The audit's word for a key that is perhaps in two places (section 6.1.1).
pub(crate) const CLONED: &str = "the passkey may have been copied: its counter went back";
const NOT_ASKED: &str = "nobody was asked for this passkey, or too long ago";
const NOT_VERIFIED: &str = "the passkey did not verify its person";
const UNREADABLE: &str = "unreadable passkey";
/// How long a question may be answered: the page to sign in asks when it is opened.
const ANSWERED: SignedDuration = SignedDuration::from_mins(10);
/// How long a browser waits for its person (section 15.1 recommends five minutes).
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(300);
/// Of one person: enough for every device, and a bound for what a page lists.
const MOST: i64 = 20;
