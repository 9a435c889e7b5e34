//! What a registration of a client or a person says that can have no effect: allowed, but hardly meant.

use authorization_server::{Client, ClientAuthenticationMethod, GrantType, OrganizationAccess};

/// A public client without a redirect URI, said before the grants that follow from it are refused.
pub(super) fn needs_redirect_uri(
    method: ClientAuthenticationMethod,
    redirect_uris: &[String],
) -> bool {
    method == ClientAuthenticationMethod::None && redirect_uris.is_empty()
}

/// One sentence for each word of a scope that a resource server like ours gives no meaning.
pub(super) fn dead_words(scope: &oauth::Scope) -> Vec<String> {
    let known = |word: &&str| {
        let administration = word.starts_with("administration.") || *word == "audit.read";
        administration
            || oauth::Scope::is_sensitive(word)
            || resource_server::permits_something(word)
    };
    let dead = scope.tokens().filter(|word| !known(word));
    dead.map(|word| {
        format!("{word} permits nothing: look at the resource type, the order of cruds, and the query (docs/access.md)")
    })
    .collect()
}

/// One sentence for each word of a person's scope that does nothing, by itself or for the role.
pub(super) fn useless_for(role: &str, scope: &oauth::Scope) -> Vec<String> {
    let mut found = dead_words(scope);
    let words = scope.tokens();
    for word in words.filter(|word| resource_server::permits_something(word)) {
        if word.starts_with("system/") {
            found.push(format!(
                "{word} is for clients without a person; give user/"
            ));
        } else if !resource_server::gives_role(role, word) {
            found.push(format!(
                "{word} gives the role {role} nothing (docs/access.md)"
            ));
        }
    }
    found
}

/// One sentence for each part that does nothing.
pub(super) fn useless(client: &Client) -> Vec<String> {
    let has = |grant| client.grant_types.contains(&grant);
    let mut found = dead_words(&client.scope);
    for scope in client.scope.tokens() {
        if scope.starts_with("user/") && !has(GrantType::AuthorizationCode) {
            found.push(format!(
                "{scope} is for people, and this client signs nobody in; give --redirect-uri, or ask for system/"
            ));
        }
        if scope.starts_with("system/") && !has(GrantType::ClientCredentials) {
            found.push(format!(
                "{scope} is for clients without a person; give --grant client_credentials, or ask for user/"
            ));
        }
    }
    // Who has no word about records, as the administration's own client, misses no right to them.
    if !client
        .scope
        .tokens()
        .any(resource_server::permits_something)
    {
        return found;
    }
    let rights = &client.rights;
    if rights.jurisdictions.is_empty() {
        found.push("without --jurisdictions its tokens reach no record".to_owned());
    }
    if rights.record_types.is_empty() {
        found.push("without --record-types its tokens reach no record".to_owned());
    }
    if rights.organization.is_none() && rights.organization_access == OrganizationAccess::Own {
        let text = "without --organization or --all-organizations its tokens reach no record";
        found.push(text.to_owned());
    }
    found
}
