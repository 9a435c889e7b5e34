//! How registrations are shown: one JSON shape for the API, the shell and the pages. No secret is in any of them.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::target::short_id;
use super::{FederatedIdentity, InitialAccessToken, SessionEntry, TokenEntry};
use crate::registration::{Client, ResourceOwner, ResourceServerEntry, Rights};
use crate::signing_keys::KeyEntry;
use crate::store::clients::ClientSecret;

/// What tokens reach.
#[derive(Debug, Clone, Serialize)]
pub struct RightsView {
    /// On whose behalf it acts.
    pub organization: Option<String>,
    /// `own` or `all`.
    pub organization_access: &'static str,
    /// Codes.
    pub jurisdictions: Vec<String>,
    /// `birth`, `fetal-death`.
    pub record_types: Vec<String>,
    /// Facilities of the organization; null is all of them.
    pub facilities: Option<Vec<String>>,
}

/// A person.
#[derive(Debug, Clone, Serialize)]
pub struct UserView {
    /// What the person types.
    pub username: String,
    /// `sub`.
    pub id: String,
    /// `registrar`, `clerk`, `auditor` or `administrator`.
    pub role: String,
    /// The most that the person can allow.
    pub scope: String,
    /// Whether the person is shut out.
    pub disabled: bool,
    /// When the account was made.
    pub created: Timestamp,
    /// For the operator.
    pub note: Option<String>,
    /// What the person reaches.
    #[serde(flatten)]
    pub rights: RightsView,
    /// Whether a second factor is set up; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<bool>,
    /// Where else the person may sign in; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identities: Option<Vec<FederatedIdentity>>,
}

/// A client.
#[derive(Debug, Clone, Serialize)]
pub struct ClientView {
    /// Its id.
    pub client_id: String,
    /// Name for people.
    pub name: String,
    /// `token_endpoint_auth_method`.
    pub auth: &'static str,
    /// Grants it may use.
    pub grant_types: Vec<&'static str>,
    /// The most it may be granted.
    pub scope: String,
    /// Where its tokens count.
    pub audiences: Vec<String>,
    /// Where a browser may return to.
    pub redirect_uris: Vec<String>,
    /// The family of standards.
    pub profile: &'static str,
    /// What its assertions may be signed with; empty means any.
    pub assertion_algs: Vec<&'static str>,
    /// Whether its authorization requests have to be pushed.
    pub require_par: bool,
    /// `issuer` or `token_endpoint`.
    pub assertion_audience: &'static str,
    /// Where its public keys are fetched.
    pub jwks_uri: Option<String>,
    /// Life of its access tokens in seconds, where it differs.
    pub access_token_lifetime_s: Option<i64>,
    /// Whether it is shut out.
    pub disabled: bool,
    /// When it was registered.
    pub created: Timestamp,
    /// For the operator.
    pub note: Option<String>,
    /// What its tokens reach.
    #[serde(flatten)]
    pub rights: RightsView,
    /// What its introspection answers are signed with, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_alg: Option<&'static str>,
    /// Its public keys, if they are registered here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// Its secrets without their values; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Vec<SecretView>>,
}

/// A secret, never its value.
#[derive(Debug, Clone, Serialize)]
pub struct SecretView {
    /// Its id.
    pub id: String,
    /// What the operator calls it.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
}

/// A resource server.
#[derive(Debug, Clone, Serialize)]
pub struct ResourceServerView {
    /// Its FHIR base.
    pub audience: String,
    /// For the operator.
    pub name: String,
    /// The client that introspects for it.
    pub introspection_client_id: String,
    /// Who runs it.
    pub organization: String,
    /// What its tokens are signed with; absent means opaque ones.
    pub access_token_alg: Option<&'static str>,
    /// When it was registered.
    pub created: Timestamp,
    /// A name without slashes, for addresses.
    pub id: String,
}

/// A signing key, never its private part.
#[derive(Debug, Clone, Serialize)]
pub struct KeyView {
    /// Its name.
    pub kid: String,
    /// What it signs with.
    pub algorithm: &'static str,
    /// `next`, `active`, `retiring` or `retired`.
    pub state: &'static str,
    /// From when on it is published.
    pub published_from: Timestamp,
    /// From when on it signs.
    pub signs_from: Timestamp,
    /// Until when it signs.
    pub signs_until: Option<Timestamp>,
    /// Until when it is published.
    pub published_until: Option<Timestamp>,
}

/// A session, never what the browser holds.
#[derive(Debug, Clone, Serialize)]
pub struct SessionView {
    /// Half of its hash.
    pub id: String,
    /// The person's id.
    pub user_id: String,
    /// The person's name.
    pub username: String,
    /// The kind of browser, in words.
    pub browser: Option<String>,
    /// Where it was begun from.
    pub source_address: Option<String>,
    /// When the person signed in.
    pub since: Timestamp,
    /// When it was used last.
    pub last_used: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// Whether a second factor was given.
    pub second_factor: bool,
}

/// An access token, never its value.
#[derive(Debug, Clone, Serialize)]
pub struct TokenView {
    /// Half of its hash.
    pub id: String,
    /// What it belongs to, if a person consented to it.
    pub family_id: Option<String>,
    /// Issued to.
    pub client_id: String,
    /// On whose behalf.
    pub user_id: Option<String>,
    /// Granted.
    pub scope: String,
    /// Where it counts.
    pub audiences: Vec<String>,
    /// From.
    pub issued: Timestamp,
    /// Until.
    pub expires: Timestamp,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// An initial access token, never its value.
#[derive(Debug, Clone, Serialize)]
pub struct InitialAccessTokenView {
    /// Its id.
    pub id: String,
    /// For the operator.
    pub name: String,
    /// The most that its clients may be granted.
    pub scope: String,
    /// Where their tokens count.
    pub audiences: Vec<String>,
    /// Grants that they may use.
    pub grants: Vec<&'static str>,
    /// Methods that they may authenticate with.
    pub auth: Vec<&'static str>,
    /// What their tokens reach.
    #[serde(flatten)]
    pub rights: RightsView,
    /// How many clients it still registers.
    pub uses_left: i64,
    /// From when on it is refused.
    pub expires: Timestamp,
}

impl From<&Rights> for RightsView {
    fn from(rights: &Rights) -> Self {
        Self {
            organization: rights.organization.clone(),
            organization_access: rights.organization_access.as_str(),
            jurisdictions: rights.jurisdictions.clone(),
            record_types: rights.record_types.clone(),
            facilities: rights.facilities.clone(),
        }
    }
}

impl From<&ResourceOwner> for UserView {
    fn from(user: &ResourceOwner) -> Self {
        Self {
            username: user.username.clone(),
            id: user.id.clone(),
            role: user.role.clone(),
            scope: user.scope.to_string(),
            disabled: user.disabled,
            created: user.created,
            note: user.note.clone(),
            rights: (&user.rights).into(),
            second_factor: None,
            identities: None,
        }
    }
}

impl From<&Client> for ClientView {
    fn from(client: &Client) -> Self {
        let protocol = &client.protocol;
        let algorithms = protocol.assertion_algorithms.iter();
        let keys = client.jwks.as_deref();
        Self {
            client_id: client.client_id.clone(),
            name: client.name.clone(),
            auth: client.authentication.as_str(),
            grant_types: client.grant_types.iter().map(|it| it.as_str()).collect(),
            scope: client.scope.to_string(),
            audiences: client.audiences.clone(),
            redirect_uris: client.redirect_uris.clone(),
            profile: protocol.profile.as_str(),
            assertion_algs: algorithms.map(|it| it.as_str()).collect(),
            require_par: protocol.pushed_requests_only(),
            assertion_audience: client.assertion_audience.as_str(),
            jwks_uri: client.jwks_uri.clone(),
            access_token_lifetime_s: client.access_token_lifetime.map(|time| time.as_secs()),
            disabled: client.disabled,
            created: client.created,
            note: client.note.clone(),
            rights: (&client.rights).into(),
            introspection_alg: protocol
                .introspection_signed_response_alg
                .map(|algorithm| algorithm.as_str()),
            jwks: keys.and_then(|keys| serde_json::from_str(keys).ok()),
            secrets: None,
        }
    }
}

impl From<&ClientSecret> for SecretView {
    fn from(secret: &ClientSecret) -> Self {
        Self {
            id: secret.id.clone(),
            name: secret.name.clone(),
            created: secret.created,
            expires: secret.expires,
        }
    }
}

impl From<&ResourceServerEntry> for ResourceServerView {
    fn from(server: &ResourceServerEntry) -> Self {
        Self {
            audience: server.audience.clone(),
            name: server.name.clone(),
            introspection_client_id: server.introspection_client_id.clone(),
            organization: server.organization.clone(),
            access_token_alg: server.access_token_signing_alg.map(|it| it.as_str()),
            created: server.created,
            id: short_id(&server.audience),
        }
    }
}

impl From<&KeyEntry> for KeyView {
    fn from(key: &KeyEntry) -> Self {
        Self {
            kid: key.kid.clone(),
            algorithm: key.algorithm.as_str(),
            state: key.state.as_str(),
            published_from: key.created,
            signs_from: key.active,
            signs_until: key.retiring,
            published_until: key.retired,
        }
    }
}

impl From<&SessionEntry> for SessionView {
    fn from(session: &SessionEntry) -> Self {
        Self {
            id: session.id.clone(),
            user_id: session.user_id.clone(),
            username: session.username.clone(),
            browser: session.browser.clone(),
            source_address: session.source_address.clone(),
            since: session.since,
            last_used: session.last_used,
            expires: session.expires,
            second_factor: session.second_factor,
        }
    }
}

impl From<&TokenEntry> for TokenView {
    fn from(token: &TokenEntry) -> Self {
        Self {
            id: token.id.clone(),
            family_id: token.family_id.clone(),
            client_id: token.client_id.clone(),
            user_id: token.user_id.clone(),
            scope: token.scope.to_string(),
            audiences: token.audiences.clone(),
            issued: token.issued,
            expires: token.expires,
            revoked: token.revoked,
        }
    }
}

impl From<&InitialAccessToken> for InitialAccessTokenView {
    fn from(token: &InitialAccessToken) -> Self {
        let policy = &token.policy;
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            scope: policy.scope.to_string(),
            audiences: policy.audiences.clone(),
            grants: policy.grant_types.iter().map(|it| it.as_str()).collect(),
            auth: policy.methods.iter().map(|it| it.as_str()).collect(),
            rights: (&policy.rights).into(),
            uses_left: token.uses_left,
            expires: token.expires,
        }
    }
}

/// What differs between two views, for the audit: members and short values. Names and notes are named only: they are
/// whatever somebody wrote.
pub(super) fn differences(before: &impl Serialize, after: &impl Serialize) -> String {
    let members = |view: Result<Value, serde_json::Error>| match view {
        Ok(Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let before = members(serde_json::to_value(before));
    let after = members(serde_json::to_value(after));
    let changed = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value));
    let told: Vec<String> = changed
        .map(|(name, value)| {
            let before = before.get(name).unwrap_or(&Value::Null).to_string();
            let after = value.to_string();
            let long = before.len().max(after.len()) > TOLD;
            if long || UNTOLD.contains(&name.as_str()) {
                return name.clone();
            }
            format!("{name} {before} to {after}")
        })
        .collect();
    if told.is_empty() {
        return "nothing changed".to_owned();
    }
    told.join("; ")
}

/// Members of which only the name is told.
const UNTOLD: [&str; 3] = ["name", "note", "jwks"];
/// Characters of a value that is told.
const TOLD: usize = 200;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::differences;

    #[test]
    fn what_differs_is_told_and_texts_of_people_are_not() {
        let before =
            json!({ "role": "clerk", "scope": "a", "note": "x", "list": ["MA"], "same": 1 });
        let after = json!({ "role": "auditor", "scope": "b".repeat(300), "note": "y", "list": [], "same": 1 });
        assert_eq!(
            differences(&before, &after),
            r#"role "clerk" to "auditor"; scope; note; list ["MA"] to []"#
        );
        assert_eq!(differences(&before, &before), "nothing changed");
    }
}
