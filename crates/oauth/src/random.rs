//! Randomness as a parameter, so that a test can repeat what it saw.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;

/// A source of random bytes. Clones draw from the same source.
#[derive(Clone)]
pub struct Random(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<Seeded>>),
}

impl Random {
    /// The generator of the cryptographic library, seeded by the operating system.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The same bytes for the same seed, for tests. Everything drawn from it can be guessed: never
    /// for a server that anyone relies on.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(Seeded {
            seed,
            drawn: 0,
        }))))
    }

    /// Fills the slice.
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            Source::System => fill_from_system(bytes),
            Source::Seeded(state) => {
                state
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .fill(bytes);
            }
        }
    }

    /// An array of random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Random::system",
            Source::Seeded(_) => "Random::seeded",
        })
    }
}

// Unwrap safety: the library ends the process itself when the operating system gives no entropy.
// Should it ever report a failure instead, going on would hand out guessable tokens; there is no
// third way.
#[expect(
    clippy::expect_used,
    reason = "no token may be made without randomness"
)]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that the others are sent to"
)]
fn fill_from_system(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the system gives random bytes");
}

/// SHA-256 of the seed and a counter, block after block.
struct Seeded {
    seed: u64,
    drawn: u64,
}

impl Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(digest::SHA256_OUTPUT_LEN) {
            let mut input = [0; 16];
            let (seed, counter) = input.split_at_mut(8);
            seed.copy_from_slice(&self.seed.to_be_bytes());
            counter.copy_from_slice(&self.drawn.to_be_bytes());
            self.drawn = self.drawn.wrapping_add(1);
            let block = digest::digest(&digest::SHA256, &input);
            for (to, from) in chunk.iter_mut().zip(block.as_ref()) {
                *to = *from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_no_other() {
        let (first, second, other) = (Random::seeded(7), Random::seeded(7), Random::seeded(8));
        let drawn: [[u8; 40]; 2] = [first.bytes(), first.bytes()];
        assert_eq!(drawn, [second.bytes(), second.bytes()]);
        assert_ne!(drawn[0], drawn[1]);
        assert_ne!(drawn[0], other.bytes());
    }

    #[test]
    fn clones_share_their_source() {
        let random = Random::seeded(7);
        let (one, other) = (random.clone(), random);
        assert_ne!(one.bytes::<16>(), other.bytes::<16>());
    }

    #[test]
    fn the_system_does_not_repeat_itself() {
        let random = Random::system();
        assert_ne!(random.bytes::<32>(), random.bytes::<32>());
        assert_ne!(random.bytes::<32>(), [0; 32]);
    }
}
