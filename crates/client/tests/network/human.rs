//! A person's sign-in: the request, the checks on the way back, the tokens.

use std::collections::HashMap;

use client::{ExchangeError, LoginError, PendingLogin, Session, TokenError};
use jiff::SignedDuration;
use outbound::testing::Answer;
use url::Url;

use crate::support::{METADATA, RECORD, Setting, Stage, TOKEN, metadata, stage, stage_where};

struct Begun {
    stage: Stage,
    url: Url,
    pending: PendingLogin,
}

async fn begin(stage: Stage) -> Begun {
    let (url, pending) = stage.client.begin_login("vro", None).await.unwrap();
    Begun {
        stage,
        url,
        pending,
    }
}

impl Begun {
    fn sent(&self) -> HashMap<String, String> {
        self.url.query_pairs().into_owned().collect()
    }

    async fn finish(&self, query: &str) -> Result<Session, LoginError> {
        let issuer = self.stage.server.origin();
        let query = query
            .replace("STATE", &self.sent()["state"])
            .replace("ISS", &issuer);
        self.stage
            .client
            .finish_login(self.pending.clone(), &query)
            .await
    }
}

#[tokio::test]
async fn the_authorization_request_says_everything() {
    let begun = begin(stage(Setting::default()).await).await;
    let sent = begun.sent();
    assert!(
        begun
            .url
            .as_str()
            .starts_with(&begun.stage.server.url("/oauth2/authorize").to_string())
    );
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "human"),
        ("redirect_uri", "https://ehr.example/client/callback"),
        ("scope", "user/Bundle.crs"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(sent[name], value);
    }
    // 256 bits each, in base64url.
    assert_eq!(sent["state"].len(), 43);
    assert_eq!(sent["code_challenge"].len(), 43);
    let origin = begun.stage.server.origin();
    let resources: Vec<String> = begun
        .url
        .query_pairs()
        .filter(|(name, _)| name == "resource")
        .map(|(_, value)| value.into_owned())
        .collect();
    assert_eq!(
        resources,
        [format!("{origin}/own/fhir"), format!("{origin}/fhir")]
    );
    let (again, _) = begun.stage.client.begin_login("vro", None).await.unwrap();
    assert_ne!(again, begun.url);
}

#[tokio::test]
async fn a_person_reads_with_one_token_and_delivers_with_another() {
    let begun = begin(stage(Setting::default()).await).await;
    let mut session = begun.finish("code=c0de&state=STATE&iss=ISS").await.unwrap();
    let source = begun.stage.peer().resources[0].clone();
    let mut exchange = begun.stage.client.as_human_user(&mut session).unwrap();
    let record = exchange.original(&source, "own1").await.unwrap();
    let delivered = exchange.deliver(&record).await.unwrap();
    exchange.verify(&delivered).await.unwrap();
    let asked = begun.stage.asked(TOKEN);
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].form("grant_type"), ["authorization_code"]);
    assert_eq!(asked[0].form("code"), ["c0de"]);
    assert_eq!(asked[0].form("client_id"), ["human"]);
    assert_eq!(
        asked[0].form("redirect_uri"),
        ["https://ehr.example/client/callback"]
    );
    assert_eq!(asked[0].form("resource"), [source.as_str()]);
    assert!(asked[0].form("code_verifier")[0].len() >= 43);
    assert_eq!(asked[1].form("grant_type"), ["refresh_token"]);
    assert_eq!(asked[1].form("refresh_token"), ["refresh1"]);
    assert_eq!(
        asked[1].form("resource"),
        [begun.stage.peer().fhir.as_str()]
    );
    assert_eq!(
        begun.stage.asked("/fhir/Bundle")[0].header("authorization"),
        Some("Bearer vro_2")
    );
}

#[tokio::test]
async fn the_refresh_token_is_used_once_and_its_successor_next() {
    let begun = begin(stage(Setting::default()).await).await;
    let mut session = begun.finish("code=c0de&state=STATE&iss=ISS").await.unwrap();
    let audience = begun.stage.peer().fhir.clone();
    for (refresh, token) in [("refresh1", "vro_2"), ("refresh2", "vro_3")] {
        let held = begun
            .stage
            .client
            .user_token(&mut session, &audience)
            .await
            .unwrap();
        assert_eq!(held.expose(), token);
        assert!(session.take_changed());
        assert_eq!(
            begun
                .stage
                .asked(TOKEN)
                .last()
                .unwrap()
                .form("refresh_token"),
            [refresh]
        );
        let again = begun
            .stage
            .client
            .user_token(&mut session, &audience)
            .await
            .unwrap();
        assert_eq!(again.expose(), token);
        assert!(!session.take_changed());
        begun.stage.clock.advance(SignedDuration::from_secs(100));
    }
}

#[tokio::test]
async fn a_refused_refresh_token_is_not_tried_again() {
    let stage = stage_where(|_, asked| {
        (asked.form("grant_type") == ["refresh_token"])
            .then(|| Answer::json(400, r#"{"error":"invalid_grant"}"#))
    })
    .await;
    let begun = begin(stage).await;
    let mut session = begun.finish("code=c0de&state=STATE&iss=ISS").await.unwrap();
    let audience = begun.stage.peer().fhir.clone();
    let error = begun
        .stage
        .client
        .user_token(&mut session, &audience)
        .await
        .unwrap_err();
    assert!(matches!(error, TokenError::Refused { ref code, .. } if code == "invalid_grant"));
    let error = begun
        .stage
        .client
        .user_token(&mut session, &audience)
        .await
        .unwrap_err();
    assert_eq!(error, TokenError::NoRefreshToken);
    assert_eq!(begun.stage.server.count(TOKEN), 2);
    let mut exchange = begun.stage.client.as_human_user(&mut session).unwrap();
    let error = exchange.deliver(RECORD).await.unwrap_err();
    assert_eq!(error, ExchangeError::Token(TokenError::NoRefreshToken));
}

#[tokio::test]
async fn a_session_survives_being_written_down() {
    let begun = begin(stage(Setting::default()).await).await;
    let session = begun.finish("code=c0de&state=STATE&iss=ISS").await.unwrap();
    let read = Session::from_json(&session.to_json()).unwrap();
    assert_eq!(read.to_json(), session.to_json());
    assert_eq!(read.tokens()[0].expose(), "vro_1");
    assert!(read.is_renewable());
    assert!(!format!("{session:?}").contains("vro_1"));
    assert!(Session::from_json(b"{}").is_none());
}

#[tokio::test]
async fn answers_of_another_sign_in_or_issuer_are_refused() {
    let begun = begin(stage(Setting::default()).await).await;
    for (query, error) in [
        ("code=c0de&iss=ISS", LoginError::State),
        ("code=c0de&state=other&iss=ISS", LoginError::State),
        ("code=c0de&state=STATEx&iss=ISS", LoginError::State),
        ("error=access_denied&state=other&iss=ISS", LoginError::State),
        (
            "code=c0de&state=STATE&iss=https%3A%2F%2Fevil.example",
            LoginError::Issuer,
        ),
        ("code=c0de&state=STATE&iss=ISS/", LoginError::Issuer),
        (
            "error=access_denied&state=STATE&iss=https%3A%2F%2Fevil.example",
            LoginError::Issuer,
        ),
        // RFC 9207 section 2.4: the metadata promises it.
        ("code=c0de&state=STATE", LoginError::Issuer),
        (
            "state=STATE&iss=ISS",
            LoginError::Malformed("neither code nor error"),
        ),
        (
            "code=a&code=b&state=STATE&iss=ISS",
            LoginError::Malformed("not a well-formed query"),
        ),
    ] {
        assert_eq!(begun.finish(query).await.unwrap_err(), error, "{query}");
    }
    assert_eq!(
        begun.stage.server.count(TOKEN),
        0,
        "no code was sent anywhere"
    );
}

#[tokio::test]
async fn iss_may_be_absent_where_it_is_not_promised() {
    let stage = stage_where(|origin, asked| {
        let text = metadata(origin).replace(
            "iss_parameter_supported\":true",
            "iss_parameter_supported\":false",
        );
        (asked.target == METADATA).then(|| Answer::json(200, text))
    })
    .await;
    let begun = begin(stage).await;
    begun.finish("code=c0de&state=STATE").await.unwrap();
    let error = begun
        .finish("code=c0de&state=STATE&iss=x")
        .await
        .unwrap_err();
    assert_eq!(error, LoginError::Issuer);
}

#[tokio::test]
async fn a_refusal_is_told() {
    let begun = begin(stage(Setting::default()).await).await;
    let query = "error=access_denied&error_description=no+thanks&state=STATE&iss=ISS";
    let error = begun.finish(query).await.unwrap_err();
    let description = Some("no thanks".to_owned());
    assert_eq!(
        error,
        LoginError::Denied {
            code: "access_denied".into(),
            description
        }
    );
}

#[tokio::test]
async fn signing_out_revokes_the_refresh_token_first() {
    let begun = begin(stage(Setting::default()).await).await;
    let session = begun.finish("code=c0de&state=STATE&iss=ISS").await.unwrap();
    begun.stage.client.sign_out(session).await.unwrap();
    let asked = begun.stage.asked("/oauth2/revoke");
    let tokens: Vec<_> = asked.iter().map(|r| r.form("token")[0].clone()).collect();
    assert_eq!(tokens, ["refresh1", "vro_1"]);
    assert_eq!(asked[0].form("client_id"), ["human"]);
}

#[tokio::test]
async fn an_unknown_peer_or_one_without_people_is_refused() {
    let stage = stage(Setting::default()).await;
    let error = stage
        .client
        .begin_login("nobody", None)
        .await
        .err()
        .unwrap();
    assert_eq!(error, LoginError::UnknownPeer("nobody".into()));
}

#[tokio::test]
async fn rfc8252_section_7_3_a_command_line_signs_in_as_itself_on_loopback() {
    let stage = stage(Setting::default()).await;
    let loopback = Url::parse("http://127.0.0.1:51004/callback").unwrap();
    let (url, pending) = stage
        .client
        .begin_login("vro", Some(loopback.clone()))
        .await
        .unwrap();
    let begun = Begun {
        stage,
        url,
        pending,
    };
    assert_eq!(begun.sent()["client_id"], "native");
    assert_eq!(begun.sent()["redirect_uri"], loopback.as_str());
    let mut session = begun.finish("code=c0de&state=STATE&iss=ISS").await.unwrap();
    let audience = begun.stage.peer().fhir.clone();
    begun
        .stage
        .client
        .user_token(&mut session, &audience)
        .await
        .unwrap();
    for asked in begun.stage.asked(TOKEN) {
        assert_eq!(asked.form("client_id"), ["native"]);
    }
}

#[tokio::test]
async fn a_session_of_another_issuer_is_not_renewed_here() {
    let begun = begin(stage(Setting::default()).await).await;
    let session = begun.finish("code=c0de&state=STATE&iss=ISS").await.unwrap();
    let json = String::from_utf8(session.to_json()).unwrap();
    let issuer = format!(r#""issuer":"{}""#, begun.stage.server.origin());
    let moved = json.replace(&issuer, r#""issuer":"https://old.example""#);
    assert_ne!(moved, json);
    let mut session = Session::from_json(moved.as_bytes()).unwrap();
    let audience = begun.stage.peer().fhir.clone();
    let error = begun
        .stage
        .client
        .user_token(&mut session, &audience)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        TokenError::Credentials("the peer's settings have changed".into())
    );
    assert_eq!(begun.stage.server.count(TOKEN), 1);
}
