//! Removal of rows that can no longer decide anything.

use jiff::SignedDuration;
use storage::{Error, Transaction, Value, Work};

use crate::AuthorizationServer;
use crate::throttle;

impl AuthorizationServer {
    /// Removes expired rows, a few hundred at a time so that no other writer waits long, and says how
    /// many. To be called on a timer; a call that finds much leaves the rest to the next one.
    ///
    /// # Errors
    /// When the database is unavailable; what was removed before stays removed.
    pub async fn clean(&self) -> Result<u64, Error> {
        let now = self.clock().now();
        let failures_before = throttle::kept_since(now, &self.config().limits);
        let mut removed = 0;
        for sql in EXPIRED {
            removed += self.clean_table(sql, now.into()).await?;
        }
        for sql in LONG_EXPIRED {
            removed += self.clean_table(sql, (now - SHOWN_EXPIRED).into()).await?;
        }
        removed += self
            .clean_table(LOGIN_FAILURES, failures_before.into())
            .await?;
        metrics::counter!("authorization_server_cleaned_rows", "party" => self.config().party.clone())
            .increment(removed);
        Ok(removed)
    }

    async fn clean_table(&self, sql: &'static str, before: Value) -> Result<u64, Error> {
        let mut removed = 0;
        for _ in 0..BATCHES {
            let batch = self
                .db()
                .write(Batch {
                    sql,
                    before: before.clone(),
                })
                .await?;
            removed += batch;
            if batch < BATCH {
                break;
            }
        }
        Ok(removed)
    }
}

struct Batch {
    sql: &'static str,
    before: Value,
}

impl Work for Batch {
    type Output = u64;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<u64, Error> {
        tx.execute(self.sql, std::slice::from_ref(&self.before))
            .await
    }
}

/// Rows of one statement; the statements say the same number.
const BATCH: u64 = 500;
/// Statements per table and call.
const BATCHES: usize = 40;

/// A used code stays as long as its family: presented again, it must still revoke that family (RFC 6749
/// section 4.1.2). Refresh tokens go before the families they hang on.
const EXPIRED: [&str; 15] = [
    "DELETE FROM administrator_link WHERE whose IN \
        (SELECT whose FROM administrator_link WHERE expires_ms <= $1 LIMIT 500)",
    "DELETE FROM pushed_authorization_request WHERE request_uri_hash IN \
        (SELECT request_uri_hash FROM pushed_authorization_request WHERE expires_ms <= $1 LIMIT 500)",
    "DELETE FROM access_token WHERE token_hash IN \
        (SELECT token_hash FROM access_token WHERE expires_ms <= $1 LIMIT 500)",
    "DELETE FROM assertion_jti WHERE (client_id, jti_hash) IN \
        (SELECT client_id, jti_hash FROM assertion_jti WHERE expires_ms <= $1 LIMIT 500)",
    "DELETE FROM authorization_request WHERE request_hash IN \
        (SELECT request_hash FROM authorization_request WHERE expires_ms <= $1 LIMIT 500)",
    "DELETE FROM consent WHERE (user_id, client_id, what_hash) IN \
        (SELECT user_id, client_id, what_hash FROM consent WHERE expires_ms <= $1 LIMIT 500)",
    "DELETE FROM federated_sign_in WHERE state_hash IN \
        (SELECT state_hash FROM federated_sign_in WHERE expires_ms <= $1 LIMIT 500)",
    "DELETE FROM federated_sign_out WHERE browser_hash IN \
        (SELECT browser_hash FROM federated_sign_out WHERE expires_ms <= $1 LIMIT 500)",
    "DELETE FROM known_browser WHERE (browser_hash, user_id) IN \
        (SELECT browser_hash, user_id FROM known_browser WHERE expires_ms <= $1 LIMIT 500)",
    "DELETE FROM passkey_ceremony WHERE ceremony_hash IN \
        (SELECT ceremony_hash FROM passkey_ceremony WHERE expires_ms <= $1 LIMIT 500)",
    "DELETE FROM pending_sign_in WHERE pending_hash IN \
        (SELECT pending_hash FROM pending_sign_in WHERE expires_ms <= $1 LIMIT 500)",
    "DELETE FROM session WHERE session_hash IN \
        (SELECT session_hash FROM session WHERE expires_ms <= $1 LIMIT 500)",
    "DELETE FROM refresh_token WHERE token_hash IN \
        (SELECT r.token_hash FROM refresh_token r JOIN token_family f ON f.id = r.family_id \
        WHERE f.expires_ms <= $1 LIMIT 500)",
    "DELETE FROM token_family WHERE id IN (SELECT f.id FROM token_family f \
        WHERE f.expires_ms <= $1 AND NOT EXISTS \
        (SELECT 1 FROM refresh_token r WHERE r.family_id = f.id) LIMIT 500)",
    "DELETE FROM authorization_code WHERE code_hash IN \
        (SELECT a.code_hash FROM authorization_code a WHERE a.expires_ms <= $1 AND NOT EXISTS \
        (SELECT 1 FROM token_family f WHERE f.id = a.family_id) LIMIT 500)",
];
/// What an operator has made and may still look for. An initial access token is the policy of the clients
/// that were registered with it and stays as long as one of them.
const LONG_EXPIRED: [&str; 2] = [
    "DELETE FROM client_secret WHERE id IN \
        (SELECT id FROM client_secret WHERE expires_ms <= $1 LIMIT 500)",
    "DELETE FROM initial_access_token WHERE id IN \
        (SELECT i.id FROM initial_access_token i WHERE i.expires_ms <= $1 AND NOT EXISTS \
        (SELECT 1 FROM client_registration c WHERE c.initial_access_token_id = i.id) LIMIT 500)",
];
/// For so long `client show` still tells why a partner is refused since yesterday.
const SHOWN_EXPIRED: SignedDuration = SignedDuration::from_hours(30 * 24);
const LOGIN_FAILURES: &str = "DELETE FROM login_failure WHERE (kind, subject_hash, at_ms) IN \
    (SELECT kind, subject_hash, at_ms FROM login_failure WHERE at_ms <= $1 LIMIT 500)";

#[cfg(test)]
mod tests;
