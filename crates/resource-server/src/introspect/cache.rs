//! The optional cache of active introspection answers (RFC 7662 section 4): off by default, 5 s old at
//! most, because a revoked token lives on for as long as an answer does. Refusals are never kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use oauth::SecretHash;

use super::{Refusal, VerifiedToken};

/// Active answers by token hash; one question at a time for each token.
pub(super) struct Cache {
    max_age: Duration,
    slots: Mutex<HashMap<[u8; 32], Arc<Slot>>>,
}

/// One token's answer and when it was asked for. The lock is held while asking: single flight.
#[derive(Default)]
struct Slot(tokio::sync::Mutex<Option<(Timestamp, Arc<VerifiedToken>)>>);

impl Cache {
    pub(super) fn new(max_age: Duration) -> Self {
        Self {
            max_age,
            slots: Mutex::default(),
        }
    }

    /// A fresh enough answer, or a new one from `ask`.
    pub(super) async fn find_or_ask<F>(
        &self,
        token: SecretHash,
        now: Timestamp,
        ask: impl FnOnce() -> F,
    ) -> Result<Arc<VerifiedToken>, Refusal>
    where
        F: Future<Output = Result<VerifiedToken, Refusal>>,
    {
        let slot = self.slot(&token);
        let mut kept = slot.0.lock().await;
        if let Some((asked_at, answer)) = kept.as_ref() {
            let age = now.duration_since(*asked_at).unsigned_abs();
            // A clock that was set back makes the age meaningless: ask again.
            if now >= *asked_at && age < self.max_age && now < answer.expires_at {
                return Ok(Arc::clone(answer));
            }
        }
        *kept = None;
        let answer = Arc::new(ask().await?);
        *kept = Some((now, Arc::clone(&answer)));
        Ok(answer)
    }

    fn slot(&self, token: &SecretHash) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_TOKENS && !slots.contains_key(token.as_bytes()) {
            // What nobody waits for goes first: a slot that somebody holds keeps its single flight.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(*token.as_bytes()).or_default())
    }
}

/// Bounds the memory, however many tokens are thrown at the server.
const MAX_TOKENS: usize = 10_000;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::sync::atomic::{AtomicU32, Ordering};

    use jiff::SignedDuration;
    use oauth::Secret;

    use super::super::testing_verified;
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
    const ANSWER: &str =
        r#"{"active":true,"exp":1800000003,"aud":"https://vro.example/fhir","scope":"a"}"#;

    fn hash(text: &str) -> SecretHash {
        Secret::received(text.to_owned()).hash()
    }

    /// Asks the cache `after_ms` and counts how often it asks on.
    async fn ask(
        cache: &Cache,
        token: &str,
        after_ms: i64,
        asked: &AtomicU32,
    ) -> Result<Arc<VerifiedToken>, Refusal> {
        let now = NOW + SignedDuration::from_millis(after_ms);
        let question = || async {
            asked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            match token {
                "refused" => Err(Refusal::Token("no")),
                _ => Ok(testing_verified(ANSWER, NOW)),
            }
        };
        cache.find_or_ask(hash(token), now, question).await
    }

    #[tokio::test]
    async fn an_answer_serves_its_own_token_until_it_is_too_old() {
        let cache = Cache::new(Duration::from_secs(2));
        let asked = AtomicU32::new(0);
        for (token, after_ms, expected) in [
            ("a", 0, 1),
            ("a", 1_999, 1),
            ("b", 0, 2),
            ("a", 2_000, 3),
            ("a", 2_999, 3),
            ("a", 1_000, 4), // a clock that was set back
        ] {
            ask(&cache, token, after_ms, &asked).await.unwrap();
            assert_eq!(asked.load(Ordering::SeqCst), expected, "{token} {after_ms}");
        }
    }

    #[tokio::test]
    async fn an_answer_does_not_outlive_its_token() {
        let cache = Cache::new(Duration::from_secs(5));
        let asked = AtomicU32::new(0);
        ask(&cache, "a", 0, &asked).await.unwrap();
        ask(&cache, "a", 3_000, &asked).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_refusal_is_never_kept() {
        let cache = Cache::new(Duration::from_secs(5));
        let asked = AtomicU32::new(0);
        for expected in 1..=3 {
            let answer = ask(&cache, "refused", 0, &asked).await;
            assert_eq!(answer.err(), Some(Refusal::Token("no")));
            assert_eq!(asked.load(Ordering::SeqCst), expected);
        }
    }

    #[test]
    fn so_many_tokens_are_kept_and_no_more() {
        let cache = Cache::new(Duration::from_secs(5));
        let held = cache.slot(&hash("held"));
        for number in 0..MAX_TOKENS + 10 {
            cache.slot(&hash(&number.to_string()));
        }
        let kept = cache.slots.lock().unwrap().len();
        assert!(kept <= MAX_TOKENS, "{kept}");
        // Whoever waits for the same token still meets the one who asks.
        assert!(Arc::ptr_eq(&held, &cache.slot(&hash("held"))));
    }

    #[tokio::test]
    async fn many_at_once_ask_once() {
        let cache = Arc::new(Cache::new(Duration::from_secs(5)));
        let asked = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..32)
            .map(|_| {
                let (cache, asked) = (Arc::clone(&cache), Arc::clone(&asked));
                tokio::spawn(async move { ask(&cache, "a", 0, &asked).await.is_ok() })
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap());
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
