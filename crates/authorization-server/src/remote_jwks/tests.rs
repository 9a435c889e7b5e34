//! Keys fetched over real TLS: rotation, bounds, and what cannot be fetched.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use oauth::jose::{Algorithm, Jwks, SigningKey};
use outbound::testing::{Answer, Authority, Server};
use outbound::{Now, Outbound, OutboundConfig, Trust};

use super::RemoteJwks;

fn set(key: &SigningKey) -> String {
    Jwks::new([key.public_jwk().clone()])
        .unwrap()
        .to_json()
        .to_string()
}

fn remote(trust: Trust) -> RemoteJwks {
    let now: Now = Arc::new(|| Timestamp::UNIX_EPOCH);
    let mut config = OutboundConfig::new("vro", trust, now);
    config.private_networks = crate::testing::loopback();
    RemoteJwks::new(Outbound::new(config).unwrap())
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap() + SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn keys_are_kept_for_a_minute_and_renewed_at_most_every_two_seconds() {
    let authority = Authority::new();
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let body = set(&key);
    let server = Server::start(&authority, move |_, _| Answer::json(200, body.clone())).await;
    let remote = remote(authority.trust());
    let uri = server.url("/jwks").to_string();
    for second in [0, 1, 59] {
        assert!(remote.keys(&uri, at(second)).await.is_some());
    }
    assert_eq!(server.count("/jwks"), 1);
    assert!(remote.keys(&uri, at(60)).await.is_some());
    assert_eq!(server.count("/jwks"), 2);
    for second in [60, 61] {
        assert!(remote.renewed(&uri, at(second)).await.is_some());
    }
    assert_eq!(server.count("/jwks"), 2);
    assert!(remote.renewed(&uri, at(62)).await.is_some());
    assert_eq!(server.count("/jwks"), 3);
}

#[tokio::test]
async fn cache_control_shortens_but_does_not_lengthen() {
    for (directive, fresh_at, stale_at) in [
        ("max-age=5", 4, 5),
        ("no-store", -1, 2),
        ("private, max-age=86400", 59, 60),
    ] {
        let authority = Authority::new();
        let body = set(&SigningKey::generate(Algorithm::ES256).unwrap());
        let server = Server::start(&authority, move |_, _| {
            Answer::json(200, body.clone()).header("cache-control", directive)
        })
        .await;
        let remote = remote(authority.trust());
        let uri = server.url("/jwks").to_string();
        remote.keys(&uri, at(0)).await;
        if fresh_at > 0 {
            remote.keys(&uri, at(fresh_at)).await;
        }
        assert_eq!(server.count("/jwks"), 1, "{directive}");
        remote.keys(&uri, at(stale_at)).await;
        assert_eq!(server.count("/jwks"), 2, "{directive}");
    }
}

#[tokio::test]
async fn what_is_no_key_set_vouches_for_nobody() {
    let authority = Authority::new();
    let big = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(70_000));
    let server = Server::start(&authority, move |_, request| {
        match request.target.as_str() {
            "/redirect" => Answer::empty(302).header("location", "/jwks"),
            "/big" => Answer::json(200, big.clone()),
            "/html" => Answer::json(200, "<html>"),
            _ => Answer::empty(500),
        }
    })
    .await;
    let remote = remote(authority.trust());
    for path in ["/redirect", "/big", "/html", "/500"] {
        let uri = server.url(path).to_string();
        assert!(remote.keys(&uri, at(0)).await.is_none(), "{path}");
        // Nor does asking again at once make another request.
        assert!(remote.keys(&uri, at(1)).await.is_none(), "{path}");
        assert_eq!(server.count(path), 1);
    }
    assert_eq!(server.count("/jwks"), 0);
    for uri in [
        "",
        "not a url",
        "http://127.0.0.1:1/jwks",
        "https://127.0.0.1:1/jwks",
    ] {
        assert!(remote.keys(uri, at(0)).await.is_none(), "{uri}");
    }
}

#[tokio::test]
async fn keys_that_went_stale_and_cannot_be_fetched_are_dropped() {
    let authority = Authority::new();
    let body = set(&SigningKey::generate(Algorithm::ES256).unwrap());
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(&authority, move |_, _| {
        match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Answer::json(200, body.clone()),
            _ => Answer::empty(503),
        }
    })
    .await;
    let remote = remote(authority.trust());
    let uri = server.url("/jwks").to_string();
    assert!(remote.keys(&uri, at(0)).await.is_some());
    assert!(remote.keys(&uri, at(61)).await.is_none());
    assert!(remote.keys(&uri, at(62)).await.is_none());
}

#[tokio::test]
async fn callers_at_the_same_time_wait_for_one_fetch() {
    let authority = Authority::new();
    let body = set(&SigningKey::generate(Algorithm::ES256).unwrap());
    let server = Server::start(&authority, move |_, _| {
        Answer::json(200, body.clone()).after(std::time::Duration::from_millis(50))
    })
    .await;
    let remote = remote(authority.trust());
    let uri = server.url("/jwks").to_string();
    let answers = crate::testing::at_once((0..20).map(|_| remote.keys(&uri, at(0)))).await;
    assert!(answers.iter().all(Option::is_some));
    assert_eq!(server.count("/jwks"), 1);
}

// A client's registration must not make us knock at doors inside our own network.
#[tokio::test]
async fn private_addresses_are_not_asked() {
    let authority = Authority::new();
    let body = set(&SigningKey::generate(Algorithm::ES256).unwrap());
    let server = Server::start(&authority, move |_, _| Answer::json(200, body.clone())).await;
    let now: Now = Arc::new(|| Timestamp::UNIX_EPOCH);
    let config = OutboundConfig::new("vro", authority.trust(), now);
    let remote = RemoteJwks::new(Outbound::new(config).unwrap());
    let named = server.url("/jwks").to_string();
    let port = server.url("/").port().unwrap();
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
    ] {
        let uri = format!("https://{host}:{port}/jwks");
        assert!(remote.keys(&uri, at(0)).await.is_none(), "{uri}");
    }
    assert!(
        remote.keys(&named, at(0)).await.is_none(),
        "a name that resolves to loopback"
    );
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn fresh_keys_survive_a_renewal_that_fails() {
    let authority = Authority::new();
    let body = set(&SigningKey::generate(Algorithm::ES256).unwrap());
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(&authority, move |_, _| {
        match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Answer::json(200, body.clone()),
            _ => Answer::empty(503),
        }
    })
    .await;
    let remote = remote(authority.trust());
    let uri = server.url("/jwks").to_string();
    assert!(remote.keys(&uri, at(0)).await.is_some());
    assert!(remote.renewed(&uri, at(5)).await.is_some());
    assert_eq!(server.count("/jwks"), 2);
    assert!(remote.keys(&uri, at(59)).await.is_some());
    assert!(remote.keys(&uri, at(60)).await.is_none());
}

// Whoever knows the client's id makes us fetch; the client's own assertion a moment later must still count.
#[tokio::test]
async fn keys_that_may_not_be_kept_count_for_the_moment_between_two_fetches() {
    let authority = Authority::new();
    let body = set(&SigningKey::generate(Algorithm::ES256).unwrap());
    let server = Server::start(&authority, move |_, _| {
        Answer::json(200, body.clone()).header("cache-control", "no-store")
    })
    .await;
    let remote = remote(authority.trust());
    let uri = server.url("/jwks").to_string();
    for (second, fetches) in [(0, 1), (1, 1), (2, 2), (3, 2)] {
        assert!(remote.keys(&uri, at(second)).await.is_some(), "{second}");
        assert!(remote.renewed(&uri, at(second)).await.is_some(), "{second}");
        assert_eq!(server.count("/jwks"), fetches, "{second}");
    }
}
