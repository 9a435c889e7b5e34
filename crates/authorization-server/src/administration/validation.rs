//! The rules of registration. They run on the whole registration, new or replaced, so that no order of
//! changes gets around one of them.

use jiff::SignedDuration;
use oauth::Scope;
use oauth::jose::Jwks;
use oauth::redirect_uri::RegisteredRedirectUri;
use url::Url;

use super::decision::Access;
use super::{Administration, Error, NewClient};
use crate::registration::{Client, ClientAuthenticationMethod, GrantType, Rights};
use crate::store::resource_servers;

/// The client that a registration describes.
pub(super) async fn client(
    administration: &Administration,
    client_id: &str,
    new: NewClient,
) -> Result<Client, Error> {
    identifier(client_id)?;
    text("name", &new.name)?;
    grants(&new)?;
    redirect_uris(&new)?;
    keys(&new)?;
    administration.signs(
        "introspection_signed_response_alg",
        new.protocol.introspection_signed_response_alg,
    )?;
    rights(&new.rights, &administration.jurisdictions)?;
    audiences(administration, &new).await?;
    Ok(Client {
        client_id: client_id.to_owned(),
        scope: scope(&new)?,
        access_token_lifetime: lifetime(new.access_token_lifetime_s)?,
        name: new.name,
        authentication: new.authentication,
        assertion_audience: new.assertion_audience,
        protocol: new.protocol,
        grant_types: new.grant_types,
        redirect_uris: new.redirect_uris,
        audiences: new.audiences,
        rights: new.rights,
        jwks: new.jwks,
        jwks_uri: new.jwks_uri,
        disabled: false,
        note: new.note,
        created: administration.clock.now(),
    })
}

/// A short text without control characters.
pub(super) fn text(field: &'static str, text: &str) -> Result<(), Error> {
    let length = text.chars().count();
    let unseen = |c: char| c.is_control() || is_invisible(c);
    if text.trim().is_empty() || length > TEXT || text.chars().any(unseen) {
        return Err(Error::invalid(
            field,
            "must be 1 to 200 characters, none of them a control character or invisible",
        ));
    }
    Ok(())
}

/// Characters that show nothing and change what stands beside them: a name could read as another one on the page where
/// people decide (Unicode's general category Cf, and the fillers of Hangul).
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// A FHIR base URL.
pub(super) fn audience(audience: &str) -> Result<(), Error> {
    let url = Url::parse(audience)
        .ok()
        .filter(|url| url.scheme() == "https" && url.fragment().is_none() && url.query().is_none());
    match url {
        Some(_) if !audience.contains(char::is_whitespace) => Ok(()),
        _ => Err(Error::invalid(
            "audience",
            "must be an https URL without query or fragment (RFC 8707 section 2)",
        )),
    }
}

/// Jurisdictions and record types that may be named here.
pub(crate) fn rights(rights: &Rights, known: &[String]) -> Result<(), Error> {
    if let Some(organization) = &rights.organization {
        text("organization", organization)?;
    }
    for code in &rights.jurisdictions {
        let formed = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        if !formed || !(known.is_empty() || known.contains(code)) {
            return Err(Error::invalid(
                "jurisdictions",
                format!("{code:?} is not a jurisdiction of this party"),
            ));
        }
    }
    for record_type in &rights.record_types {
        if !RECORD_TYPES.contains(&record_type.as_str()) {
            return Err(Error::invalid(
                "record_types",
                "must be birth or fetal-death",
            ));
        }
    }
    let facilities = rights.facilities.as_deref().unwrap_or_default();
    if facilities.len() > FACILITIES || !facilities.iter().all(|name| is_facility(name)) {
        return Err(Error::invalid(
            "facilities",
            "must be NPIs or other identifiers of letters, digits, . and -, 64 at most in each and 50 of them",
        ));
    }
    Ok(())
}

/// What a resource server compares with the facility of a record.
fn is_facility(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
}

/// They travel in every introspection answer, and in tokens that are JWTs and have to fit into a header.
const FACILITIES: usize = 50;

/// A word that nothing knows would let a person in who can then do nothing, and nobody would see why.
pub(super) fn means_something(scope: &Scope) -> Result<(), Error> {
    let known = |word: &str| Access::ALL.iter().any(|access| access.scope() == word);
    let known = |word: &&str| known(word) || Scope::is_sensitive(word);
    match scope.others().find(|word| !known(word)) {
        Some(word) => Err(Error::invalid(
            "scope",
            format!(
                "{word:?} is none of SMART's words (user/Bundle.rs), none of sensitive parts (sensitive/ssn), and none of \
                 administration's"
            ),
        )),
        None => Ok(()),
    }
}

/// Ids need no escaping anywhere, and can never equal a user's (RFC 9700 section 4.15).
fn identifier(client_id: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if client_id.is_empty() || client_id.len() > ID || !client_id.bytes().all(allowed) {
        return Err(Error::invalid(
            "client_id",
            "must be 1 to 100 of A-Z a-z 0-9 - . _ ~",
        ));
    }
    // `.` and `..` are no names in a path: such a client could not be shown or ended there. `add` is a page.
    if !client_id.bytes().any(|byte| byte.is_ascii_alphanumeric()) || client_id == "add" {
        return Err(Error::invalid(
            "client_id",
            "must have a letter or digit, and not be \"add\"",
        ));
    }
    if client_id.starts_with(USER_PREFIX) {
        return Err(Error::invalid(
            "client_id",
            "ids that start with u- are those of users",
        ));
    }
    Ok(())
}

fn grants(new: &NewClient) -> Result<(), Error> {
    let has = |grant| new.grant_types.contains(&grant);
    let public = new.authentication == ClientAuthenticationMethod::None;
    if public && has(GrantType::ClientCredentials) {
        return Err(Error::invalid(
            "grant_types",
            "a public client cannot use client_credentials (RFC 6749 section 4.4)",
        ));
    }
    if public && !has(GrantType::AuthorizationCode) {
        return Err(Error::invalid(
            "grant_types",
            "a public client needs authorization_code",
        ));
    }
    if has(GrantType::RefreshToken) && !has(GrantType::AuthorizationCode) {
        return Err(Error::invalid(
            "grant_types",
            "refresh_token needs authorization_code (RFC 6749 section 4.4.3)",
        ));
    }
    Ok(())
}

fn redirect_uris(new: &NewClient) -> Result<(), Error> {
    if new.grant_types.contains(&GrantType::AuthorizationCode) == new.redirect_uris.is_empty() {
        return Err(Error::invalid(
            "redirect_uris",
            "are needed for authorization_code, and only for it",
        ));
    }
    for uri in &new.redirect_uris {
        RegisteredRedirectUri::parse(uri).map_err(|_| {
            Error::invalid(
                "redirect_uris",
                "must be https, or http on a loopback address, without fragment",
            )
        })?;
    }
    Ok(())
}

fn keys(new: &NewClient) -> Result<(), Error> {
    if new.authentication != ClientAuthenticationMethod::PrivateKeyJwt {
        if new.jwks.is_some() || new.jwks_uri.is_some() {
            return Err(Error::invalid("jwks", "only private_key_jwt uses keys"));
        }
        return Ok(());
    }
    match (&new.jwks, &new.jwks_uri) {
        (Some(jwks), None) => {
            let keys = Jwks::parse(jwks.as_bytes())
                .map_err(|error| Error::invalid("jwks", error.to_string()))?;
            // An assertion must select one key; of several, a nameless one never is.
            if keys.keys().count() > 1 && keys.keys().any(|key| key.kid().is_none()) {
                return Err(Error::invalid(
                    "jwks",
                    "has several keys, so each needs a kid",
                ));
            }
            if keys.is_empty() {
                return Err(Error::invalid(
                    "jwks",
                    "holds no key that may sign assertions",
                ));
            }
            Ok(())
        }
        (None, Some(uri)) => match Url::parse(uri) {
            Ok(url) if url.scheme() == "https" && url.fragment().is_none() => Ok(()),
            _ => Err(Error::invalid("jwks_uri", "must be an https URL")),
        },
        _ => Err(Error::invalid(
            "jwks",
            "private_key_jwt needs either jwks or jwks_uri",
        )),
    }
}

fn scope(new: &NewClient) -> Result<Scope, Error> {
    if new.grant_types.is_empty() && new.scope.is_empty() {
        return Ok(Scope::default());
    }
    Scope::parse(&new.scope)
        .map_err(|_| Error::invalid("scope", "is not a scope (RFC 6749 section 3.3)"))
}

async fn audiences(administration: &Administration, new: &NewClient) -> Result<(), Error> {
    if new.audiences.is_empty() != new.grant_types.is_empty() {
        return Err(Error::invalid(
            "audiences",
            "are needed for grants, and only for them",
        ));
    }
    let own = |wanted: &String| administration.is_own_audience(wanted);
    if new.audiences.iter().any(own) {
        // A token for several audiences is one that each of them could use at the others (RFC 9700 section 4.9.2).
        return match new.audiences.as_slice() {
            [_] => Ok(()),
            _ => Err(Error::invalid(
                "audiences",
                "a client of the administration API has no other audience",
            )),
        };
    }
    for wanted in &new.audiences {
        if resource_servers::find(&administration.db, wanted)
            .await?
            .is_none()
        {
            return Err(Error::invalid(
                "audiences",
                format!("no resource server is registered as {wanted:?}"),
            ));
        }
    }
    Ok(())
}

fn lifetime(seconds: Option<i64>) -> Result<Option<SignedDuration>, Error> {
    match seconds {
        None => Ok(None),
        Some(seconds) if (1..=LIFETIME_S).contains(&seconds) => {
            Ok(Some(SignedDuration::from_secs(seconds)))
        }
        Some(_) => Err(Error::invalid(
            "access_token_lifetime_s",
            "must be 1 to 86400",
        )),
    }
}

const TEXT: usize = 200;
const ID: usize = 100;
/// A day: what lives longer is no access token.
const LIFETIME_S: i64 = 86_400;
const USER_PREFIX: &str = "u-";
const RECORD_TYPES: [&str; 2] = ["birth", "fetal-death"];
