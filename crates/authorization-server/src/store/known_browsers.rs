//! Table `known_browser`.

use jiff::Timestamp;
use oauth::SecretHash;
use storage::{Error, Transaction};

/// Notes that a person has signed in with a browser.
pub(crate) async fn remember(
    tx: &mut Transaction<'_>,
    browser: &SecretHash,
    user_id: &str,
    expires: Timestamp,
) -> Result<(), Error> {
    let parameters = [
        browser.as_bytes().as_slice().into(),
        user_id.into(),
        expires.into(),
    ];
    tx.execute(REMEMBER, &parameters).await.map(|_| ())
}

/// Whether the person of this name has signed in with this browser.
pub(crate) async fn is_known(
    tx: &mut Transaction<'_>,
    browser: &SecretHash,
    username: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let parameters = [
        browser.as_bytes().as_slice().into(),
        username.into(),
        now.into(),
    ];
    let found = tx.find(IS_KNOWN, &parameters, |row| row.integer(0)).await?;
    Ok(found.is_some_and(|count| count > 0))
}

/// Forgets all browsers of a person.
pub(crate) async fn forget_all(tx: &mut Transaction<'_>, user_id: &str) -> Result<(), Error> {
    tx.execute(FORGET, &[user_id.into()]).await.map(|_| ())
}

const REMEMBER: &str = "INSERT INTO known_browser (browser_hash, user_id, expires_ms) VALUES ($1, $2, $3) \
    ON CONFLICT (browser_hash, user_id) DO UPDATE SET expires_ms = excluded.expires_ms";
const IS_KNOWN: &str = "SELECT COUNT(*) FROM known_browser b JOIN resource_owner o ON o.id = b.user_id \
    WHERE b.browser_hash = $1 AND o.username = $2 AND b.expires_ms > $3";
const FORGET: &str = "DELETE FROM known_browser WHERE user_id = $1";
