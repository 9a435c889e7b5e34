//! Passwords: argon2id (RFC 9106), and what may be chosen (NIST SP 800-63B section 5.1.1).

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use oauth::{Random, Secret};
use subtle::ConstantTimeEq as _;

/// Memory of one hash: reused, because one buffer per call took memory to gigabytes under load.
pub(crate) struct Buffer(Vec<Block>);

impl Buffer {
    pub(crate) fn new() -> Self {
        Self(vec![Block::new(); MEMORY_KIB as usize])
    }
}

/// Hashes a password into a PHC string.
pub(crate) fn hash(password: &Secret, random: &Random, buffer: &mut Buffer) -> Option<String> {
    let salt = random.bytes::<SALT>();
    let hash = derive(password, &salt, PARAMETERS, buffer)?;
    let (memory, passes, lanes) = PARAMETERS;
    let encode = |bytes: &[u8]| BASE64_STANDARD_NO_PAD.encode(bytes);
    Some(format!(
        "$argon2id$v=19$m={memory},t={passes},p={lanes}${}${}",
        encode(&salt),
        encode(&hash)
    ))
}

/// Whether the password is the one of a PHC string. A string that cannot be read is nobody's.
pub(crate) fn verify(password: &Secret, stored: &str, buffer: &mut Buffer) -> bool {
    let Some((parameters, salt, expected)) = parse(stored) else {
        return false;
    };
    derive(password, &salt, parameters, buffer).is_some_and(|found| found.ct_eq(&expected).into())
}

/// A stored hash that no password fits: unknown names cost the same work as known ones.
pub(crate) fn dummy() -> String {
    let (memory, passes, lanes) = PARAMETERS;
    let encode = |bytes: &[u8]| BASE64_STANDARD_NO_PAD.encode(bytes);
    format!(
        "$argon2id$v=19$m={memory},t={passes},p={lanes}${}${}",
        encode(&[0; SALT]),
        encode(&[0; HASH])
    )
}

/// Whether a stored hash is one that no password fits.
pub(crate) fn is_nobodys(stored: &str) -> bool {
    parse(stored).is_none_or(|(_, _, hash)| hash.iter().all(|byte| *byte == 0))
}

/// What a password has to be, by what stands beside it (SP 800-63B section 3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    OnlyFactor,
    WithSecondFactor,
}

impl Rule {
    /// For a person who has a second factor, or has none.
    pub(crate) fn of(second_factor: bool) -> Self {
        if second_factor {
            Self::WithSecondFactor
        } else {
            Self::OnlyFactor
        }
    }

    /// In characters.
    pub(crate) const fn least(self) -> usize {
        match self {
            Self::OnlyFactor => ALONE,
            Self::WithSecondFactor => LEAST,
        }
    }
}

/// [`check`], off the async threads: taking a password apart can take as long as a hash.
///
/// # Errors
/// As there.
pub(crate) async fn choose(
    password: &Secret,
    username: &str,
    rule: Rule,
) -> Result<(), &'static str> {
    let password = Secret::received(password.expose().to_owned());
    let username = username.to_owned();
    let task = tokio::task::spawn_blocking(move || check(&password, &username, rule));
    task.await.unwrap_or(Err("could not be checked"))
}

/// Whether a password may be chosen: long enough, and none of those that are tried first. What kinds of
/// characters it has does not matter.
///
/// # Errors
/// A sentence that says what to do.
fn check(password: &Secret, username: &str, rule: Rule) -> Result<(), &'static str> {
    let text = password.expose();
    let length = text.chars().count();
    match rule {
        Rule::OnlyFactor if length < ALONE => return Err("must have at least 15 characters"),
        Rule::WithSecondFactor if length < LEAST => return Err("must have at least 8 characters"),
        _ => {}
    }
    if length > MOST {
        return Err("must have at most 128 characters");
    }
    let folded = text.to_lowercase();
    let named = username.len() >= NAME && folded.contains(&username.to_lowercase());
    if named || guesses(&folded, username) < GUESSES {
        return Err(
            "is too easy to guess: it is made of the username, of common passwords or of a simple pattern",
        );
    }
    Ok(())
}

/// Whether a password is too short to stand alone.
pub(crate) fn is_short(password: &Secret) -> bool {
    password.expose().chars().count() < ALONE
}

/// How many passwords are tried before this one, about: it is taken apart into common passwords, words, names and
/// patterns, of which tens of thousands are known. As a power of ten.
fn guesses(folded: &str, username: &str) -> f64 {
    let start: String = folded.chars().take(TAKEN_APART).collect();
    zxcvbn::zxcvbn(&start, &[username, "correcthorsebatterystaple"]).guesses_log10()
}

/// A password of 100 random bits, in groups that can be read out and typed: `k7rm-2fvp-…`. Letters
/// and digits that look alike are left out.
#[must_use]
pub fn generate(random: &Random) -> Secret {
    grouped::<20>(random)
}

/// So many random letters of five bits each, in groups of four.
pub(crate) fn grouped<const N: usize>(random: &Random) -> Secret {
    let mut text = String::with_capacity(N + N / 4);
    for (index, byte) in random.bytes::<N>().into_iter().enumerate() {
        if index > 0 && index % 4 == 0 {
            text.push('-');
        }
        let letter = LETTERS.get(usize::from(byte) % LETTERS.len());
        text.push(letter.copied().map_or('x', char::from));
    }
    Secret::received(text)
}

/// Whether a stored hash was made with other parameters than today's.
pub(crate) fn is_outdated(stored: &str) -> bool {
    parse(stored).is_none_or(|(parameters, ..)| parameters != PARAMETERS)
}

type Parsed = ((u32, u32, u32), Vec<u8>, Vec<u8>);

fn parse(stored: &str) -> Option<Parsed> {
    let rest = stored.strip_prefix("$argon2id$v=19$")?;
    let [parameters, salt, hash] = split(rest, '$')?;
    let [memory, passes, lanes] = split(parameters, ',')?;
    let number = |text: &str, name: &str| text.strip_prefix(name)?.parse().ok();
    let parameters = (
        number(memory, "m=")?,
        number(passes, "t=")?,
        number(lanes, "p=")?,
    );
    let bytes = |text: &str| BASE64_STANDARD_NO_PAD.decode(text).ok();
    Some((parameters, bytes(salt)?, bytes(hash)?))
}

/// Exactly three parts.
fn split(text: &str, separator: char) -> Option<[&str; 3]> {
    let mut parts = text.split(separator);
    let three = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(three)
}

fn derive(
    password: &Secret,
    salt: &[u8],
    (memory, passes, lanes): (u32, u32, u32),
    buffer: &mut Buffer,
) -> Option<[u8; HASH]> {
    let parameters = Params::new(memory, passes, lanes, Some(HASH)).ok()?;
    let mut hash = [0; HASH];
    let blocks = buffer.0.get_mut(..parameters.block_count())?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into_with_memory(password.expose().as_bytes(), salt, &mut hash, blocks)
        .ok()?;
    Some(hash)
}

/// 19 MiB, two passes, one lane: the second of the parameters that OWASP recommends as equal.
const MEMORY_KIB: u32 = 19 * 1024;
const PARAMETERS: (u32, u32, u32) = (MEMORY_KIB, 2, 1);
const SALT: usize = 16;
const HASH: usize = 32;
/// 32 of them: a byte modulo 32 is even.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// SP 800-63B: a password that is the only factor, and one beside another.
const ALONE: usize = 15;
const LEAST: usize = 8;
const MOST: usize = 128;
/// Shorter usernames are in many a good password.
const NAME: usize = 4;
/// What is hard to guess so far is not easier with more behind it, and taking more apart can take seconds.
const TAKEN_APART: usize = 32;
/// A hundred million: with a hundred guesses a day, nobody comes there.
const GUESSES: f64 = 8.0;

#[cfg(test)]
pub(crate) mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_hash_verifies_its_own_password_only() {
        let mut buffer = Buffer::new();
        let stored = hash(
            &Secret::received("a long password é".to_owned()),
            &Random::system(),
            &mut buffer,
        )
        .unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify(
            &Secret::received("a long password é".to_owned()),
            &stored,
            &mut buffer
        ));
        assert!(!verify(
            &Secret::received("a long password e".to_owned()),
            &stored,
            &mut buffer
        ));
        for broken in [
            "",
            "$argon2id$v=19$",
            "$argon2i$v=19$m=19456,t=2,p=1$AAAA$AAAA",
            &stored[..60],
        ] {
            assert!(!verify(
                &Secret::received("a long password é".to_owned()),
                broken,
                &mut buffer
            ));
        }
        assert!(!verify(
            &Secret::received(String::new()),
            &dummy(),
            &mut buffer
        ));
    }

    /// The hash of a password with parameters that nobody uses.
    pub(crate) fn outdated(password: &str) -> String {
        let (mut buffer, salt) = (Buffer::new(), [3; SALT]);
        let hash = derive(
            &Secret::received(password.to_owned()),
            &salt,
            (8, 1, 1),
            &mut buffer,
        );
        let encode = |bytes: &[u8]| BASE64_STANDARD_NO_PAD.encode(bytes);
        format!(
            "$argon2id$v=19$m=8,t=1,p=1${}${}",
            encode(&salt),
            encode(&hash.unwrap())
        )
    }

    #[test]
    fn other_parameters_verify_and_are_outdated() {
        let (mut buffer, password) = (
            Buffer::new(),
            Secret::received("a long password".to_owned()),
        );
        let stored = outdated("a long password");
        assert!(verify(&password, &stored, &mut buffer));
        assert!(is_outdated(&stored));
        assert!(!is_outdated(
            &super::hash(&password, &Random::system(), &mut buffer).unwrap()
        ));
        assert!(!is_outdated(&dummy()));
        // More memory than the buffers have is nobody's password.
        let (enormous, more) = (stored.replace("m=8", "m=4000000"), format!("{stored}$"));
        assert!(!verify(&password, &enormous, &mut buffer));
        assert!(!verify(&password, &more, &mut buffer));
    }

    #[test]
    fn what_may_be_chosen() {
        use Rule::{OnlyFactor, WithSecondFactor};
        let chosen =
            |text: &str, rule| check(&Secret::received(text.to_owned()), "r.smith", rule).is_ok();
        for good in [
            "the moss grows slowly",
            &(0..32)
                .map(|n| format!("{:04x}", (n * 40_503 + 977) % 65_536))
                .collect::<String>(),
            "gänseblümchen am wegesrand",
            "四角い石は転がらない冬の朝",
        ] {
            assert!(chosen(good, WithSecondFactor), "{good}");
        }
        assert!(chosen("the moss grows slowly", OnlyFactor));
        assert!(chosen("tr4vq9mz", WithSecondFactor));
        for short in ["tr4vq9mz", "fourteen chars"] {
            assert!(!chosen(short, OnlyFactor), "{short}");
        }
        for refused in [
            "",
            "tr4vq9m",
            &"a".repeat(20),
            &"ab7!".repeat(33),
            "r.smith is my name",
            "R.SMITH is my name",
            "PasswordPassword1",
            "password1234567",
            "qwertyuiopasdfghjkl",
            "123456789012345678",
            "correcthorsebatterystaple",
            "CorrectHorseBatteryStaple",
            "iloveyouiloveyouiloveyou",
            "p@ssw0rdp@ssw0rd",
            "abcdefghijklmnopqrstuvwxyz",
            "letmeinletmein123",
        ] {
            assert!(!chosen(refused, OnlyFactor), "{refused}");
            assert!(!chosen(refused, WithSecondFactor), "{refused}");
        }
    }

    /// Whole, the first of them takes more than five seconds.
    #[test]
    fn taking_a_password_apart_ends() {
        for hostile in [
            "4@8({[<369%!10$57+2",
            "a1b2",
            "qwqw",
            "1",
            "abcabd",
            "pass",
            "19",
            "é",
        ] {
            let text: String = hostile.chars().cycle().take(MOST).collect();
            let begun = std::time::Instant::now();
            let _ = check(&Secret::received(text), "r.smith", Rule::OnlyFactor);
            assert!(begun.elapsed().as_secs() < 3, "{hostile}");
        }
    }

    #[test]
    fn a_generated_password_may_be_chosen() {
        let password = generate(&Random::system());
        assert_eq!(password.expose().len(), 24);
        assert_ne!(password.expose(), generate(&Random::system()).expose());
        assert!(check(&password, "r.smith", Rule::OnlyFactor).is_ok());
    }
}
