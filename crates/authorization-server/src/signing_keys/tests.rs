//! The life of a key, and what lies in the table.

#![expect(clippy::unwrap_used, reason = "tests")]

use oauth::jose::issued::Kind;
use serde_json::json;

use super::*;
use crate::testing::Bench;

const ALG: Algorithm = Algorithm::ES256;

async fn states(bench: &Bench) -> Vec<&'static str> {
    let now = bench.clock.now();
    let keys = list(bench.server.db(), now).await.unwrap();
    keys.iter().map(|key| key.state.as_str()).collect()
}

async fn rotate_now(bench: &Bench, rotation: Rotation) -> bool {
    struct Now(StoredKey, Rotation, Timestamp);
    impl Work for Now {
        type Output = bool;
        async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, storage::Error> {
            rotate(tx, &self.0, self.1, self.2).await
        }
    }
    let new = make(
        &KeyEncryptionKey::new([7; 32]),
        &Random::system(),
        Algorithm::ES256,
    );
    let work = Now(new.unwrap(), rotation, bench.clock.now());
    bench.server.db().write(work).await.unwrap()
}

async fn sign(bench: &Bench) -> String {
    let key = bench.server.signing_key(ALG).await.unwrap();
    issued::sign(&key, Kind::AccessToken, &json!({"jti": "1"})).unwrap()
}

async fn verifies(bench: &Bench, jwt: &str) -> bool {
    let claims = bench.server.verify_issued(jwt, Kind::AccessToken).await;
    claims.unwrap().is_some()
}

#[tokio::test]
async fn a_key_is_published_before_it_signs_and_after() {
    let bench = Bench::new().await;
    assert_eq!(states(&bench).await, ["active"]);
    let first = sign(&bench).await;
    assert!(rotate_now(&bench, Rotation::Published).await);
    assert_eq!(states(&bench).await, ["active", "next"]);
    let published = bench.server.published_keys().await.unwrap();
    assert_eq!(
        published
            .get("keys")
            .and_then(Value::as_array)
            .unwrap()
            .len(),
        2
    );
    bench.clock.advance(PUBLISHED_AHEAD);
    assert_eq!(states(&bench).await, ["retiring", "active"]);
    let second = sign(&bench).await;
    assert!(verifies(&bench, &first).await && verifies(&bench, &second).await);
    bench.clock.advance(PUBLISHED_AFTER);
    assert_eq!(states(&bench).await, ["retired", "active"]);
    assert!(!verifies(&bench, &first).await && verifies(&bench, &second).await);
}

#[tokio::test]
async fn a_compromised_key_is_gone_at_once() {
    let bench = Bench::new().await;
    // A successor that waits is not trusted either: whoever read the one could read the other.
    assert!(rotate_now(&bench, Rotation::Published).await);
    let old = sign(&bench).await;
    assert!(rotate_now(&bench, Rotation::Compromised).await);
    let mut now = states(&bench).await;
    now.sort_unstable();
    assert_eq!(now, ["active", "retired", "retired"]);
    assert!(!verifies(&bench, &old).await);
    let new = sign(&bench).await;
    assert!(verifies(&bench, &new).await);
}

#[tokio::test]
async fn a_key_is_replaced_when_it_has_signed_for_its_time() {
    let bench = Bench::new().await;
    let life = bench.server.config().lifetimes.signing_key;
    bench.clock.advance(life - SignedDuration::from_secs(1));
    bench.server.keep_signing_keys().await.unwrap();
    assert_eq!(states(&bench).await, ["active"]);
    bench.clock.advance(SignedDuration::from_secs(1));
    bench.server.keep_signing_keys().await.unwrap();
    bench.server.keep_signing_keys().await.unwrap();
    assert_eq!(states(&bench).await, ["active", "next"]);
}

// The second of two nodes that find a key due at the same moment makes none.
#[tokio::test]
async fn two_nodes_make_one_successor() {
    let bench = Bench::new().await;
    let work = || Keep {
        new: make(&KeyEncryptionKey::new([7; 32]), &Random::system(), ALG).unwrap(),
        due: bench.clock.now(),
        now: bench.clock.now(),
        event: bench.server.key_event("key.add"),
    };
    let (left, right) = (work(), work());
    let db = bench.server.db();
    let (left, right) = tokio::join!(db.write(left), db.write(right));
    left.unwrap();
    right.unwrap();
    assert_eq!(states(&bench).await, ["active", "next"]);
}

#[tokio::test]
async fn a_private_key_lies_sealed_and_is_erased_when_it_signs_no_more() {
    let bench = Bench::new().await;
    let stored = signing_keys::all(bench.server.db()).await.unwrap();
    let sealed = &stored.first().unwrap().sealed;
    let begin = b"BEGIN PRIVATE KEY";
    assert!(sealed.len() > 100 && !sealed.windows(begin.len()).any(|part| part == begin));
    rotate_now(&bench, Rotation::Published).await;
    bench.clock.advance(PUBLISHED_AHEAD);
    bench.server.keep_signing_keys().await.unwrap();
    let stored = signing_keys::all(bench.server.db()).await.unwrap();
    let empty: Vec<bool> = stored.iter().map(|key| key.sealed.is_empty()).collect();
    assert_eq!(empty, [true, false]);
    bench.clock.advance(PUBLISHED_AFTER + FORGOTTEN_AFTER);
    bench.server.keep_signing_keys().await.unwrap();
    let kept = signing_keys::all(bench.server.db()).await.unwrap();
    assert!(
        kept.iter()
            .all(|key| key.kid != stored.first().unwrap().kid)
    );
}

#[test]
fn a_sealed_key_opens_only_in_its_place() {
    let (mine, other) = (
        KeyEncryptionKey::new([1; 32]),
        KeyEncryptionKey::new([2; 32]),
    );
    let stored = make(&mine, &Random::system(), ALG).unwrap();
    let changed = |kid: &str, algorithm, sealed: &[u8]| StoredKey {
        kid: kid.to_owned(),
        algorithm,
        sealed: sealed.to_vec(),
        ..stored.clone()
    };
    assert!(open(&mine, &stored).is_some());
    assert!(open(&other, &stored).is_none());
    assert!(open(&mine, &changed("another", ALG, &stored.sealed)).is_none());
    assert!(
        open(
            &mine,
            &changed(&stored.kid, Algorithm::ES384, &stored.sealed)
        )
        .is_none()
    );
    for length in 0..stored.sealed.len() {
        let cut = stored.sealed.get(..length).unwrap();
        assert!(open(&mine, &changed(&stored.kid, ALG, cut)).is_none());
    }
    let again = make(&mine, &Random::system(), ALG).unwrap();
    assert_ne!(stored.sealed, again.sealed);
}
