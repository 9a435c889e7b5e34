//! Counting failed sign-ins, per account and per source address, in the database that all nodes
//! share.
//!
//! An account is held after every so many failures, each time twice as long, until its owner signs in; after a
//! hundred it stays held (NIST SP 800-63B section 3.2.2). A source address is held while the last window is full: a
//! hospital behind one address fails often and never stops.
//!
//! Whoever knows a name could keep its owner out by that. So a browser that the owner has signed in with is counted for itself
//! alone, and what happens elsewhere does not hold it.

#[cfg(test)]
mod guessing;

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use oauth::{Secret, SecretHash};
use storage::{Error, Transaction, Work};

use crate::caller::Caller;
use crate::store::throttle::{self as table, Failure, Failures, Kind};
use crate::store::{hexadecimal, known_browsers};
use crate::{AuthorizationServer, Limits};

/// What came of trying to try.
pub(crate) enum Attempt {
    /// Counted as a failure until it succeeds.
    Counted(Counted),
    /// Too many failures: worth trying again after this time.
    Held(SignedDuration),
}

/// An attempt that may go on to check the password.
#[derive(Clone)]
pub(crate) struct Counted {
    account: SecretHash,
    /// The account in this browser.
    here: Option<SecretHash>,
    /// Whether the account's owner has signed in with it: then that is counted instead of the others.
    known: bool,
    source: SecretHash,
    at: Timestamp,
    attempt: [u8; 16],
}

/// Counts an attempt before the password is looked at: parallel guesses on any number of nodes
/// then evaluate no more passwords than the limit.
pub(crate) async fn begin(
    server: &AuthorizationServer,
    username: &str,
    caller: &Caller,
) -> Result<Attempt, Error> {
    let counted = Counted {
        account: account(username),
        here: caller
            .browser
            .map(|browser| hash(&format!("{username} {}", hexadecimal(browser.as_bytes())))),
        known: false,
        source: hash(&source(caller.source_address.as_deref())),
        at: server.clock().now(),
        attempt: server.random().bytes::<16>(),
    };
    server
        .db()
        .write(Begin {
            counted,
            username: username.to_owned(),
            browser: caller.browser,
            limits: server.config().limits.clone(),
        })
        .await
}

/// Takes an attempt back and forgets the account's failures; those of the address stay, or an
/// attacker with one account of his own could reset them.
pub(crate) async fn succeeded(server: &AuthorizationServer, attempt: Counted) -> Result<(), Error> {
    server.db().write(Succeeded(attempt)).await
}

/// Takes an attempt back that never came to the password.
pub(crate) async fn withdrawn(server: &AuthorizationServer, attempt: Counted) -> Result<(), Error> {
    server.db().write(Withdrawn(attempt)).await
}

/// The name under which an account's failures are counted: a hash, because what people type into
/// the wrong field is sometimes their password.
pub(crate) fn account(username: &str) -> SecretHash {
    hash(username)
}

/// Failures before this instant no longer count.
pub(crate) fn kept_since(now: Timestamp, limits: &Limits) -> Timestamp {
    now - KEPT.max(limits.login_failure_window)
}

/// What one attacker has many of is one source: whoever has an IPv6 address has its whole /64.
fn source(address: Option<&str>) -> String {
    match address.map(|text| text.parse::<IpAddr>().map(|address| address.to_canonical())) {
        Some(Ok(IpAddr::V6(address))) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Some(Ok(address)) => address.to_string(),
        Some(Err(_)) | None => "unknown".to_owned(),
    }
}

fn hash(text: &str) -> SecretHash {
    Secret::received(text.to_owned()).hash()
}

/// How long an account is still held.
fn account_held(failures: &Failures, at: Timestamp, limits: &Limits) -> Option<SignedDuration> {
    let limit = i64::from(limits.login_failures_per_account.max(1));
    let newest = failures.newest?;
    if failures.count >= limit.max(CONSECUTIVE) {
        let until = newest + KEPT;
        return (at < until).then(|| until.duration_since(at));
    }
    if failures.count % limit != 0 {
        return None;
    }
    let doublings = (failures.count / limit - 1).clamp(0, DOUBLINGS);
    let until = newest + limits.login_failure_window * (1 << doublings);
    (at < until).then(|| until.duration_since(at))
}

/// How long a source is still held.
fn source_held(failures: &Failures, at: Timestamp, limits: &Limits) -> Option<SignedDuration> {
    let full = failures.count >= i64::from(limits.login_failures_per_source.max(1));
    let until = failures.oldest? + limits.login_failure_window;
    full.then(|| until.duration_since(at))
}

struct Begin {
    counted: Counted,
    username: String,
    browser: Option<SecretHash>,
    limits: Limits,
}

impl Work for Begin {
    type Output = Attempt;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<Attempt, Error> {
        let mut counted = self.counted.clone();
        counted.known = self.is_known(tx).await?;
        let (kind, subject) = counted.account_or_known();
        let (at, limits) = (counted.at, &self.limits);
        let found = failures(tx, kind, subject, kept_since(at, limits)).await?;
        if let Some(wait) = account_held(&found, at, limits) {
            return Ok(Attempt::Held(wait));
        }
        if !counted.known {
            let since = at - limits.login_failure_window;
            let found = failures(tx, Kind::Source, &counted.source, since).await?;
            if let Some(wait) = source_held(&found, at, limits) {
                return Ok(Attempt::Held(wait));
            }
        }
        for failure in counted.failures() {
            table::insert(tx, &failure).await?;
        }
        Ok(Attempt::Counted(counted))
    }
}

impl Begin {
    /// Whether the account's owner has signed in with this browser.
    async fn is_known(&self, tx: &mut Transaction<'_>) -> Result<bool, Error> {
        let (username, at) = (&self.username, self.counted.at);
        match &self.browser {
            Some(browser) => known_browsers::is_known(tx, browser, username, at).await,
            None => Ok(false),
        }
    }
}

/// Two nodes that count at once would both see room for one more: one waits for the other.
async fn failures(
    tx: &mut Transaction<'_>,
    kind: Kind,
    subject: &SecretHash,
    since: Timestamp,
) -> Result<Failures, Error> {
    tx.lock(&format!("login {} {subject:?}", kind.as_str()))
        .await?;
    table::count(tx, kind, subject, since).await
}

impl Counted {
    fn account_or_known(&self) -> (Kind, &SecretHash) {
        match &self.here {
            Some(here) if self.known => (Kind::Known, here),
            _ => (Kind::Account, &self.account),
        }
    }

    fn failures(&self) -> Vec<Failure<'_>> {
        let mut counts = vec![self.account_or_known()];
        if !self.known {
            counts.push((Kind::Source, &self.source));
        }
        let failure = |(kind, subject)| Failure {
            kind,
            subject,
            at: self.at,
            attempt: &self.attempt,
        };
        counts.into_iter().map(failure).collect()
    }
}

struct Succeeded(Counted);

impl Work for Succeeded {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        table::forget(tx, Kind::Account, &self.0.account).await?;
        // Also of a browser that is known from now on.
        if let Some(here) = &self.0.here {
            table::forget(tx, Kind::Known, here).await?;
        }
        for failure in self.0.failures() {
            table::take_back(tx, &failure).await?;
        }
        Ok(())
    }
}

struct Withdrawn(Counted);

impl Work for Withdrawn {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        for failure in self.0.failures() {
            table::take_back(tx, &failure).await?;
        }
        Ok(())
    }
}

/// How long an account's failures count, unless its owner signs in.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// After so many in a row the password opens nothing any more, but in a browser that its owner has signed in with
/// (NIST SP 800-63B section 3.2.2); an operator, or signing in there, begins anew.
const CONSECUTIVE: i64 = 100;
/// The longest hold before that is four windows.
const DOUBLINGS: i64 = 2;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn an_account_is_held_longer_each_time() {
        let newest: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let limits = Limits::default();
        let held = |count, minutes| {
            let failures = Failures {
                count,
                oldest: Some(newest),
                newest: Some(newest),
            };
            account_held(
                &failures,
                newest + SignedDuration::from_mins(minutes),
                &limits,
            )
        };
        let month = 30 * 24 * 60;
        let rows = [
            (10, 15),
            (20, 30),
            (30, 60),
            (40, 60),
            (90, 60),
            (100, month),
            (107, month),
        ];
        for (count, minutes) in rows {
            assert_eq!(
                held(count, 0),
                Some(SignedDuration::from_mins(minutes)),
                "{count}"
            );
            assert_eq!(
                held(count, minutes - 1),
                Some(SignedDuration::from_mins(1)),
                "{count}"
            );
            assert_eq!(held(count, minutes), None, "{count}");
        }
        for count in [1, 9, 11, 19] {
            assert_eq!(held(count, 0), None, "{count}");
        }
    }

    #[test]
    fn a_source_is_what_one_attacker_has() {
        assert_eq!(source(Some("192.0.2.7")), "192.0.2.7");
        assert_eq!(source(Some("::ffff:192.0.2.7")), "192.0.2.7");
        assert_eq!(
            source(Some("2001:db8:1:2:aaaa::1")),
            source(Some("2001:db8:1:2:ffff::9"))
        );
        assert_ne!(
            source(Some("2001:db8:1:2::1")),
            source(Some("2001:db8:1:3::1"))
        );
        assert_eq!(source(None), "unknown");
    }
}
