#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::Jwks;
use super::*;

const ENCRYPTED: &str =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----";

#[test]
fn a_key_of_every_algorithm_survives_its_pem() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let pem = key.to_pem();
        let again = SigningKey::from_pem(pem.expose(), algorithm, None).unwrap();
        assert_eq!(again.algorithm(), algorithm);
        assert_eq!(again.kid(), key.kid());
        assert_eq!(again.public_jwk().to_json(), key.public_jwk().to_json());
        assert_eq!(again.to_pem().expose(), pem.expose());
        assert!(pem.expose().lines().all(|line| line.len() <= 64));
    }
}

#[test]
fn a_key_is_named_by_its_thumbprint_or_by_us() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    assert_eq!(key.kid(), key.public_jwk().thumbprint());
    let named =
        SigningKey::from_pem(key.to_pem().expose(), Algorithm::ES256, Some("2026")).unwrap();
    assert_eq!(named.kid(), "2026");
    assert_eq!(named.public_jwk().to_json().get("kid").unwrap(), "2026");
}

#[test]
fn what_is_published_can_be_read_and_is_public() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let published = Jwks::new([key.public_jwk().clone()])
            .unwrap()
            .to_json()
            .to_string();
        let read = Jwks::parse(published.as_bytes()).unwrap();
        assert!(
            read.select(Some(key.kid()), algorithm).is_some(),
            "{algorithm}"
        );
    }
}

#[test]
fn windows_line_ends_and_space_around_are_read() {
    let key = SigningKey::generate(Algorithm::ES384).unwrap();
    let pem = format!("\r\n{}\r\n", key.to_pem().expose().replace('\n', "\r\n"));
    assert!(SigningKey::from_pem(&pem, Algorithm::ES384, None).is_ok());
}

#[test]
fn not_pem() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let pem = key.to_pem();
    let pem = pem.expose();
    let rows = [
        "".to_owned(),
        "key".to_owned(),
        ENCRYPTED.to_owned(),
        pem.replace("PRIVATE", "PUBLIC"),
        pem.replace("PRIVATE", "EC PRIVATE"),
        pem.replace("-----END", "----END"),
        pem.replace('\n', "\n!"),
        format!("{pem}{pem}"),
        format!("x{pem}"),
    ];
    for text in rows {
        let error = SigningKey::from_pem(&text, Algorithm::ES256, None).unwrap_err();
        assert_eq!(error, KeyError::NotPem, "{text}");
    }
}

#[test]
fn a_key_of_another_kind_is_unsuitable() {
    let p256 = SigningKey::generate(Algorithm::ES256).unwrap().to_pem();
    let rsa = SigningKey::generate(Algorithm::RS256).unwrap().to_pem();
    let rows = [
        (&p256, Algorithm::ES384),
        (&p256, Algorithm::RS384),
        (&rsa, Algorithm::ES256),
        (&rsa, Algorithm::ES384),
    ];
    for (pem, algorithm) in rows {
        let error = SigningKey::from_pem(pem.expose(), algorithm, None).unwrap_err();
        assert_eq!(error, KeyError::Unsuitable(algorithm));
    }
    // One RSA key serves each of the RSA algorithms.
    assert!(SigningKey::from_pem(rsa.expose(), Algorithm::PS256, None).is_ok());
    let empty = format!("{BEGIN}\n{END}\n");
    let error = SigningKey::from_pem(&empty, Algorithm::ES256, None).unwrap_err();
    assert_eq!(error, KeyError::Unsuitable(Algorithm::ES256));
}

#[test]
fn debug_shows_no_private_key() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    assert_eq!(
        format!("{key:?}"),
        format!("SigningKey(ES256 {:?})", key.kid())
    );
}
