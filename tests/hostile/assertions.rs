//! Client assertions (RFC 7523, RFC 10070) that a careless reader would take. All are `invalid_client`
//! (RFC 7521 section 4.2.1).

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::Stage;
use crate::ask::Ask;
use crate::forge::{Forge, claims as good_claims, encode, with};
use crate::row::{Row, row};
use crate::support::office::CC;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn asked(assertion: &str) -> Ask {
    let sent = [
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ];
    Ask::form(
        "/oauth2/token",
        format!("{CC}&{}", oauth::form::encode(&sent)),
    )
}

fn refused(name: &str, assertion: &str) -> Row {
    row(
        format!("assertion: {name}"),
        asked(assertion),
        401,
        "invalid_client",
    )
}

/// Headers (RFC 8725 section 3).
pub fn headers(stage: &Stage) -> Vec<Row> {
    let forge = &stage.forge;
    let issuer = stage.office.party.origin();
    let good = || good_claims("signer", &issuer);
    let changed = |change: Value| forge.sign(&with(forge.header(), &change), &good());
    let mine = Forge::new("signer-1");
    let url = "https://attacker.example/c4n4ry.json";
    let changes: Vec<(&str, Value)> = vec![
        ("alg missing", json!({ "alg": null })),
        ("alg not a string", json!({ "alg": ["ES256"] })),
        ("alg in lower case", json!({ "alg": "es256" })),
        ("alg of another curve", json!({ "alg": "ES384" })),
        ("alg of another key type", json!({ "alg": "RS256" })),
        ("alg that nobody offers", json!({ "alg": "c4n4ry" })),
        ("typ missing", json!({ "typ": null })),
        ("typ JWT of older libraries", json!({ "typ": "JWT" })),
        ("typ of an access token", json!({ "typ": "at+jwt" })),
        (
            "typ of an introspection answer",
            json!({ "typ": "token-introspection+jwt" }),
        ),
        ("typ not a string", json!({ "typ": 1 })),
        (
            "kid missing is fine, kid unknown is not",
            json!({ "kid": "c4n4ry" }),
        ),
        ("kid not a string", json!({ "kid": 1 })),
        ("kid as a path", json!({ "kid": "../../etc/passwd" })),
        ("kid as SQL", json!({ "kid": "x' UNION SELECT 'c4n4ry" })),
        ("kid of 4 kB", json!({ "kid": "c4n4ry".repeat(700) })),
        ("jku", json!({ "jku": url })),
        ("x5u", json!({ "x5u": url })),
        ("x5c", json!({ "x5c": ["c4n4ry"] })),
        ("jwk", json!({ "jwk": forge.jwk() })),
        ("crit", json!({ "crit": ["exp"] })),
        ("crit, empty", json!({ "crit": [] })),
        ("b64", json!({ "b64": false, "crit": ["b64"] })),
    ];
    let mut rows: Vec<Row> = changes
        .into_iter()
        .map(|(name, change)| refused(name, &changed(change)))
        .collect();
    let header = with(mine.header(), &json!({ "jwk": mine.jwk() }));
    rows.push(refused("another key", &mine.assertion("signer", &issuer)));
    rows.push(refused(
        "another key, brought along",
        &mine.sign(&header, &good()),
    ));
    let kid = with(mine.header(), &json!({ "kid": null }));
    rows.push(refused(
        "another key without a name",
        &mine.sign(&kid, &good()),
    ));
    for alg in ["none", "None", "NONE", ""] {
        let text = without_signature(&with(forge.header(), &json!({ "alg": alg })), &good());
        rows.push(refused(&format!("alg {alg:?}"), &text));
    }
    for alg in ["HS256", "HS384", "HS512"] {
        let header = with(forge.header(), &json!({ "alg": alg }));
        rows.push(refused(
            &format!("{alg} with the public key"),
            &mac(&header, &good(), &forge.jwk().to_string()),
        ));
    }
    rows
}

fn without_signature(header: &Value, claims: &Value) -> String {
    format!(
        "{}.{}.",
        encode(header.to_string().as_bytes()),
        encode(claims.to_string().as_bytes())
    )
}

fn mac(header: &Value, claims: &Value, key: &str) -> String {
    let text = without_signature(header, claims);
    let signed = text.trim_end_matches('.');
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    format!(
        "{signed}.{}",
        encode(hmac::sign(&key, signed.as_bytes()).as_ref())
    )
}

/// Claims (RFC 7523 section 3), all of them signed with the right key.
pub fn claims(stage: &Stage) -> Vec<Row> {
    let forge = &stage.forge;
    let origin = stage.office.party.origin();
    let now = storage::Clock::system().now().as_second();
    let changes: Vec<(&str, Value)> = vec![
        ("iss missing", json!({ "iss": null })),
        ("iss not a string", json!({ "iss": ["signer"] })),
        ("iss of another client", json!({ "iss": "jwt" })),
        ("iss unknown", json!({ "iss": "c4n4ry" })),
        ("iss with a NUL", json!({ "iss": "signer\0" })),
        ("iss of 3 kB", json!({ "iss": "c4n4ry".repeat(500) })),
        ("sub missing", json!({ "sub": null })),
        ("sub of another client", json!({ "sub": "jwt" })),
        ("sub not a string", json!({ "sub": { "a": "signer" } })),
        ("aud missing", json!({ "aud": null })),
        ("aud empty", json!({ "aud": "" })),
        ("aud an empty list", json!({ "aud": [] })),
        (
            "aud of somebody else",
            json!({ "aud": "https://attacker.example" }),
        ),
        (
            "aud the token endpoint",
            json!({ "aud": format!("{origin}/oauth2/token") }),
        ),
        (
            "aud the FHIR base",
            json!({ "aud": format!("{origin}/fhir") }),
        ),
        ("aud with a slash", json!({ "aud": format!("{origin}/") })),
        ("aud in upper case", json!({ "aud": origin.to_uppercase() })),
        (
            "aud of two",
            json!({ "aud": [origin, "https://attacker.example"] }),
        ),
        ("aud twice the same", json!({ "aud": [origin, origin] })),
        ("aud not a string", json!({ "aud": 1 })),
        ("exp missing", json!({ "exp": null })),
        ("exp a string", json!({ "exp": (now + 60).to_string() })),
        ("exp a list", json!({ "exp": [now + 60] })),
        ("exp true", json!({ "exp": true })),
        ("exp over", json!({ "exp": now - 61 })),
        ("exp an hour away", json!({ "exp": now + 3_600 })),
        ("exp at the end of time", json!({ "exp": i64::MAX })),
        ("exp beyond the end of time", json!({ "exp": 1e300 })),
        ("exp negative", json!({ "exp": -1 })),
        ("nbf to come", json!({ "nbf": now + 100 })),
        ("nbf a string", json!({ "nbf": "now" })),
        ("iat to come", json!({ "iat": now + 100 })),
        ("iat a string", json!({ "iat": "now" })),
        ("jti missing", json!({ "jti": null })),
        ("jti empty", json!({ "jti": "" })),
        ("jti a number", json!({ "jti": 7 })),
    ];
    let mut rows: Vec<Row> = changes
        .into_iter()
        .map(|(name, change)| {
            let claims = with(good_claims("signer", &origin), &change);
            refused(name, &forge.sign(&forge.header(), &claims))
        })
        .collect();
    let header = forge.header().to_string();
    for (name, text) in [
        ("claims that are a list", "[]".to_owned()),
        ("claims that are not JSON", "c4n4ry".to_owned()),
        ("claims that are deep", "[".repeat(3_000)),
        (
            "claims with iss twice",
            format!(
                r#"{{"iss":"jwt",{}"#,
                &good_claims("signer", &origin).to_string()[1..]
            ),
        ),
        (
            "claims with text after them",
            format!("{} c4n4ry", good_claims("signer", &origin)),
        ),
    ] {
        rows.push(refused(name, &forge.sign_text(&header, &text)));
    }
    rows
}

/// Texts that are no compact JWS in strict base64url (RFC 7515 sections 2 and 7.1).
pub fn encodings(stage: &Stage) -> Vec<Row> {
    let forge = &stage.forge;
    let origin = stage.office.party.origin();
    let jwt = || forge.assertion("signer", &origin);
    let parts = || {
        let jwt = jwt();
        let mut parts = jwt.split('.').map(str::to_owned);
        [(); 3].map(|()| parts.next().unwrap())
    };
    let [h, c, s] = parts();
    let json = forge.header().to_string();
    let plain = good_claims("signer", &origin).to_string();
    // RFC 4648 section 3.5: the last character of a 64-byte signature carries four bits that mean nothing.
    let last = s.chars().last().unwrap();
    let other = if last == 'B' { 'C' } else { 'B' };
    vec![
        refused("one part", &h),
        refused("two parts", &format!("{h}.{c}")),
        refused("no signature", &format!("{h}.{c}.")),
        refused("four parts", &format!("{h}.{c}.{s}.c4n4ry")),
        refused("five parts, a JWE", &format!("{h}.{c}.{s}.{s}.{s}")),
        refused("two dots", ".."),
        refused("a padded signature", &format!("{h}.{c}.{s}==")),
        refused(
            "other bits at the end of the signature",
            &format!("{h}.{c}.{}{other}", &s[..s.len() - 1]),
        ),
        refused("a line end at the end", &format!("{h}.{c}.{s}\n"))
            .expecting(400, "invalid_request"),
        refused("a space in front", &format!(" {h}.{c}.{s}")),
        refused("half a signature", &format!("{h}.{c}.{}", &s[..43])),
        refused(
            "a signature of zeros",
            &format!("{h}.{c}.{}", encode(&[0; 64])),
        ),
        refused(
            "claims of another assertion",
            &format!("{h}.{}.{s}", parts()[1]),
        ),
        refused(
            "a padded header, signed",
            &forge.sign_parts(&format!("{h}="), &c),
        ),
        refused(
            "standard base64, signed",
            &forge.sign_parts(&format!("{h}+/"), &c),
        ),
        refused(
            "JSON that is not encoded, signed",
            &forge.sign_parts(&json, &plain),
        ),
        refused(
            "a header with alg twice",
            &forge.sign_text(&format!(r#"{{"alg":"none",{}"#, &json[1..]), &plain),
        ),
        refused("a header that is a list", &forge.sign_text("[]", &plain)),
        refused(
            "a header that is not UTF-8",
            &forge.sign_parts(&encode(b"{\"alg\":\"\xff\"}"), &c),
        ),
        refused(
            "the JSON serialization",
            &json!({ "protected": h, "payload": c, "signature": s }).to_string(),
        ),
        refused(
            "9 kB",
            &forge.sign_text(&json, &format!("{plain}{}", " ".repeat(9_000))),
        ),
        refused("60 kB of dots", &".".repeat(60_000)),
        refused("our own access token", &stage.access_token),
        refused("our own refresh token", &stage.refresh_token),
    ]
}
