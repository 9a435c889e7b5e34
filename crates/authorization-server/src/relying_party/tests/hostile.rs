//! ID Tokens that nobody may be signed in by, one change at a time.

use jiff::SignedDuration;
use oauth::jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use super::super::testing::*;
use crate::pages::testing::*;

/// The page, its audit row, and that nobody is signed in.
pub(super) async fn assert_refused(
    there: &There,
    browser: &mut TestBrowser,
    page: &Page,
    status: u16,
    reason: &str,
) {
    assert_eq!(page.status.as_u16(), status, "{reason}: {}", page.html);
    // Rows of one millisecond have no order.
    there.bench.clock.advance(SignedDuration::from_millis(1));
    let newest = there
        .refusals()
        .await
        .into_iter()
        .next()
        .unwrap_or_default();
    assert_eq!(newest, format!("state: {reason}"));
    assert!(
        page.html.contains("<code class=\"line\">r-1</code>"),
        "the reference"
    );
    assert!(!page.html.contains("canary"));
    assert_eq!(browser.get("/account").await.location(), "/login");
    assert!(there.bench.admin.user("j.doe@state.example").await.is_err());
}

#[tokio::test]
async fn id_tokens() {
    let there = There::new(|_, _| {}).await;
    let now = there.bench.clock.now().as_second();
    let rows = [
        (
            json!({"iss": null}),
            "the ID Token's iss is missing or malformed",
        ),
        (
            json!({"iss": "https://evil.example"}),
            "the ID Token is another issuer's",
        ),
        (
            json!({"iss": format!("{}/", there.op.origin())}),
            "the ID Token is another issuer's",
        ),
        (
            json!({"aud": null}),
            "the ID Token's aud is missing or malformed",
        ),
        (
            json!({"aud": "other"}),
            "the ID Token is not for this client alone",
        ),
        (
            json!({"aud": []}),
            "the ID Token's aud is missing or malformed",
        ),
        (
            json!({"aud": ["vro-client", "other"]}),
            "the ID Token is not for this client alone",
        ),
        (
            json!({"azp": "other"}),
            "the ID Token was given to another client",
        ),
        (
            json!({"exp": null}),
            "the ID Token's exp is missing or malformed",
        ),
        (json!({"exp": now - 60}), "the ID Token has expired"),
        (
            json!({"iat": null}),
            "the ID Token's iat is missing or malformed",
        ),
        (json!({"iat": now + 61}), "the ID Token is not valid yet"),
        (json!({"iat": now - 661}), "the ID Token is too old"),
        (json!({"nbf": now + 61}), "the ID Token is not valid yet"),
        (
            json!({"nonce": null}),
            "the ID Token's nonce is missing or malformed",
        ),
        (
            json!({"nonce": "A".repeat(43)}),
            "the ID Token answers another request",
        ),
        (
            json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
            "the ID Token belongs to another access token",
        ),
        (
            json!({"sub": null}),
            "the ID Token's sub is missing or malformed",
        ),
        (
            json!({"sub": ""}),
            "the ID Token's sub is missing or malformed",
        ),
        (
            json!({"sub": "x".repeat(256)}),
            "the ID Token's sub is missing or malformed",
        ),
        (
            json!({"auth_time": now + 61}),
            "the ID Token is not valid yet",
        ),
        (
            json!({"canary": "x".repeat(40_000)}),
            "the ID Token is too long",
        ),
    ];
    for (changes, reason) in rows {
        let (mut browser, page) = there.sign_in(&changes).await;
        let reason = format!("not to be trusted: {reason}");
        assert_refused(&there, &mut browser, &page, 502, &reason).await;
    }
}

/// A JWT that is not the provider's key's over right claims.
type Forge = fn(&There, &Value) -> String;

#[tokio::test]
async fn signatures_and_headers() {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL;
    let there = There::new(|_, _| {}).await;
    let unsigned: Forge = |_, claims| {
        format!(
            "{}.{}.",
            URL.encode(r#"{"alg":"none"}"#),
            URL.encode(claims.to_string())
        )
    };
    let by_secret: Forge = |there, claims| {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        header.kid = Some(there.key.kid().to_owned());
        let key = jsonwebtoken::EncodingKey::from_secret(b"s3cret");
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    };
    let by_public_key: Forge = |there, claims| {
        let key = there.key.public_jwk().to_json().to_string();
        let key = jsonwebtoken::EncodingKey::from_secret(key.as_bytes());
        let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    };
    let by_another: Forge = |there, claims| {
        let other = SigningKey::generate(Algorithm::ES256).unwrap();
        signed(&other, claims, |header| {
            header.kid = Some(there.key.kid().to_owned());
        })
    };
    let unknown: Forge = |_, claims| {
        signed(
            &SigningKey::generate(Algorithm::ES256).unwrap(),
            claims,
            |_| {},
        )
    };
    let other_kind: Forge = |there, claims| {
        let other = SigningKey::generate(Algorithm::EdDSA).unwrap();
        signed(&other, claims, |header| {
            header.kid = Some(there.key.kid().to_owned());
        })
    };
    let other_typ: Forge = |there, claims| {
        signed(&there.key, claims, |header| {
            header.typ = Some("at+jwt".to_owned());
        })
    };
    let logout: Forge = |there, claims| {
        signed(&there.key, claims, |header| {
            header.typ = Some("logout+jwt".to_owned());
        })
    };
    let own_key: Forge = |there, claims| {
        signed(&there.key, claims, |header| {
            header.jku = Some("https://evil.example/jwks".to_owned());
        })
    };
    let own_chain: Forge = |there, claims| {
        signed(&there.key, claims, |header| {
            header.x5c = Some(vec!["AAAA".to_owned()]);
        })
    };
    let changed: Forge = |there, claims| {
        let jwt = signed(&there.key, claims, |_| {});
        let (head, rest) = jwt.split_once('.').unwrap();
        let signature = rest.split_once('.').unwrap().1;
        let mut other = claims.clone();
        other
            .as_object_mut()
            .unwrap()
            .insert("sub".to_owned(), "1".into());
        format!("{head}.{}.{signature}", URL.encode(other.to_string()))
    };
    let twice: Forge = |there, claims| {
        let jwt = signed(&there.key, claims, |_| {});
        format!("{jwt}.{jwt}")
    };
    let nothing: Forge = |_, _| String::new();
    let rows = [
        (unsigned, "the ID Token's alg is not allowed"),
        (by_secret, "the ID Token's alg is not allowed"),
        (by_public_key, "the ID Token's alg is not allowed"),
        (by_another, "the ID Token's signature is wrong"),
        (unknown, "the ID Token's key is not known"),
        (other_kind, "the ID Token's key is not known"),
        (other_typ, "the ID Token has the wrong typ"),
        (logout, "the ID Token has the wrong typ"),
        (own_key, "the ID Token's header must not have jku"),
        (own_chain, "the ID Token's header must not have x5c"),
        (changed, "the ID Token's signature is wrong"),
        (twice, "the ID Token's signature is wrong"),
        (nothing, "the ID Token is malformed"),
    ];
    for (forge, reason) in rows {
        let mut browser = TestBrowser::new(&there.bench);
        let login = browser.get("/login").await;
        let sent = there.press(&mut browser, &login).await;
        there.will_give(&forge(&there, &there.claims(&sent, &json!({}))));
        let page = there.back(&mut browser, &sent).await;
        let reason = format!("not to be trusted: {reason}");
        assert_refused(&there, &mut browser, &page, 502, &reason).await;
    }
}
