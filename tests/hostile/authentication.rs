//! Client authentication: broken Basic headers, several methods, the wrong method.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Stage;
use crate::ask::Ask;
use crate::row::{Row, row};
use crate::support::office::CC;

const TOKEN: &str = "/oauth2/token";
const JWT_BEARER: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

/// `Authorization` headers that are not a registered client's.
pub fn basic(stage: &Stage) -> Vec<Row> {
    let secret = &stage.office.secrets["api"];
    let b64 = |text: &str| STANDARD.encode(text);
    let headers: Vec<(&str, Vec<u8>)> = vec![
        ("no credentials", b"Basic".to_vec()),
        ("empty credentials", b"Basic ".to_vec()),
        ("not base64", b"Basic c4n4ry!!".to_vec()),
        (
            "base64 without a colon",
            format!("Basic {}", b64("api-c4n4ry")).into(),
        ),
        ("a colon alone", format!("Basic {}", b64(":")).into()),
        ("no secret", format!("Basic {}", b64("api:")).into()),
        (
            "no client",
            format!("Basic {}", b64(&format!(":{secret}"))).into(),
        ),
        (
            "a wrong secret",
            format!("Basic {}", b64("api:c4n4ry")).into(),
        ),
        (
            "an unknown client",
            format!("Basic {}", b64("c4n4ry:c4n4ry")).into(),
        ),
        ("a disabled client", stage.office.basic("off").into()),
        (
            "the secret of another client",
            format!("Basic {}", b64(&format!("web:{secret}"))).into(),
        ),
        (
            "the client id in upper case",
            format!("Basic {}", b64(&format!("API:{secret}"))).into(),
        ),
        (
            "a space after the secret",
            format!("Basic {}", b64(&format!("api:{secret} "))).into(),
        ),
        (
            "the first half of the secret",
            format!(
                "Basic {}",
                b64(&format!("api:{}", &secret[..secret.len() / 2]))
            )
            .into(),
        ),
        (
            "a NUL after the client id",
            format!("Basic {}", b64(&format!("api\0:{secret}"))).into(),
        ),
        (
            "a line end in the secret",
            format!("Basic {}", b64(&format!("api:{secret}\r\n"))).into(),
        ),
        (
            "a broken percent escape",
            format!("Basic {}", b64("api:%c4n4ry")).into(),
        ),
        (
            "credentials that are not UTF-8",
            format!("Basic {}", STANDARD.encode(b"api:\xff\xfe")).into(),
        ),
        (
            "two spaces in base64",
            format!("Basic {} {}", b64("api:"), b64("c4n4ry")).into(),
        ),
        ("a header that is not ASCII", b"Basic c4n4ry\xff".to_vec()),
        (
            "the header of a client with another method",
            stage.office.basic("post").into(),
        ),
        (
            "a public client",
            format!("Basic {}", b64("app:c4n4ry")).into(),
        ),
        ("Bearer", format!("Bearer {}", stage.access_token).into()),
        (
            "Digest",
            b"Digest username=\"api\", response=\"c4n4ry\"".to_vec(),
        ),
        ("Negotiate", b"Negotiate c4n4ry".to_vec()),
        (
            "a scheme glued to its value",
            format!("Basic{}", b64(&format!("api:{secret}"))).into(),
        ),
        (
            "a secret of 10 kB",
            format!("Basic {}", b64(&format!("api:{}", "c4n4ry".repeat(1_200)))).into(),
        ),
        (
            "SQL",
            format!("Basic {}", b64("api' OR '1'='1:c4n4ry")).into(),
        ),
    ];
    headers
        .into_iter()
        .map(|(name, value)| {
            let ask = Ask::form(TOKEN, CC).header("Authorization", value);
            row(format!("Authorization: {name}"), ask, 401, "invalid_client")
        })
        .collect()
}

/// Two methods at once, half a method, or one that the client is not registered with.
pub fn methods(stage: &Stage) -> Vec<Row> {
    let basic = stage.office.basic("api");
    let (api, post) = (&stage.office.secrets["api"], &stage.office.secrets["post"]);
    let form = |body: String| Ask::form(TOKEN, format!("{CC}{body}"));
    let with_basic = |body: String| form(body).header("Authorization", &basic);
    let assertion = stage
        .forge
        .assertion("signer", &stage.office.party.origin());
    let typed = format!("&client_assertion_type={JWT_BEARER}");
    let (bad, client) = ((400, "invalid_request"), (401, "invalid_client"));
    let rows: Vec<(&str, Ask, (u16, &'static str))> = vec![
        (
            "two Basic headers",
            with_basic(String::new()).header("Authorization", &basic),
            bad,
        ),
        (
            "Basic and secret",
            with_basic(format!("&client_id=api&client_secret={api}")),
            bad,
        ),
        (
            "Basic and a wrong secret",
            with_basic("&client_secret=c4n4ry".into()),
            bad,
        ),
        (
            "Basic and assertion",
            with_basic(format!("{typed}&client_assertion={assertion}")),
            bad,
        ),
        (
            "Basic and half an assertion",
            with_basic(typed.clone()),
            bad,
        ),
        (
            "secret and assertion",
            form(format!(
                "&client_id=post&client_secret={post}{typed}&client_assertion={assertion}"
            )),
            bad,
        ),
        (
            "Basic and another client_id",
            with_basic("&client_id=web".into()),
            bad,
        ),
        (
            "assertion without a type",
            form(format!("&client_assertion={assertion}")),
            bad,
        ),
        ("a type without assertion", form(typed.clone()), bad),
        (
            "assertion with an unknown type",
            form(format!(
                "&client_assertion={assertion}&client_assertion_type=c4n4ry"
            )),
            client,
        ),
        (
            "assertion with the SAML type",
            form(format!(
                "&client_assertion={assertion}&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
            )),
            client,
        ),
        (
            "assertion and another client_id",
            form(format!(
                "{typed}&client_assertion={assertion}&client_id=jwt"
            )),
            client,
        ),
        ("no client at all", form(String::new()), client),
        (
            "client_id alone, of a client with a secret",
            form("&client_id=api".into()),
            client,
        ),
        (
            "client_id alone, of a client that signs",
            form("&client_id=signer".into()),
            client,
        ),
        (
            "client_id alone, unknown",
            form("&client_id=c4n4ry".into()),
            client,
        ),
        (
            "secret without client_id",
            form(format!("&client_secret={post}")),
            client,
        ),
        (
            "secret in the form of a Basic client",
            form(format!("&client_id=api&client_secret={api}")),
            client,
        ),
        (
            "a wrong secret in the form",
            form("&client_id=post&client_secret=c4n4ry".into()),
            client,
        ),
        (
            "client_secret twice",
            form(format!(
                "&client_id=post&client_secret=c4n4ry&client_secret={post}"
            )),
            bad,
        ),
        (
            "a public client asks for itself",
            form("&client_id=app".into()),
            (400, "unauthorized_client"),
        ),
    ];
    rows.into_iter()
        .map(|(name, ask, (status, error))| row(format!("client: {name}"), ask, status, error))
        .collect()
}
