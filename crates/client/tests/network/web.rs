//! The web application, driven as a browser would.

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use client::SealingKey;
use http_body_util::BodyExt;
use jiff::SignedDuration;
use outbound::testing::Answer;
use storage::{Db, Location, audit};
use tower::ServiceExt;
use url::Url;

use crate::support::{Setting, Stage, TOKEN, stage, stage_where};

const OWN: &str = "https://ehr.example";

struct Browser {
    stage: Stage,
    app: Router,
    cookie: Option<String>,
}

struct Page {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Browser {
    fn new(stage: Stage) -> Self {
        let app = stage.client.router(SealingKey::new([7; 32]));
        Self {
            stage,
            app,
            cookie: None,
        }
    }

    async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    async fn post(&mut self, path: &str, origin: &str, form: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        self.send(
            Request::post(path)
                .header(ORIGIN, origin)
                .body(body.into())
                .unwrap(),
        )
        .await
    }

    async fn send(&mut self, mut request: Request<Body>) -> Page {
        request
            .headers_mut()
            .insert("x-request-id", "ref-1".parse().unwrap());
        if let Some(cookie) = &self.cookie {
            request
                .headers_mut()
                .insert(COOKIE, cookie.parse().unwrap());
        }
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        if let Some(set) = parts.headers.get(SET_COOKIE) {
            let set = set.to_str().unwrap();
            assert!(set.starts_with("__Host-ehr-client="), "{set}");
            assert!(
                set.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"),
                "{set}"
            );
            let gone = set.contains("Max-Age=0;");
            self.cookie = (!gone).then(|| set.split(';').next().unwrap().to_owned());
        }
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Page {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    /// Begins a sign-in; gives the query of an honest return.
    async fn begin(&mut self) -> String {
        let page = self.get("/client/login?peer=vro").await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        let url = Url::parse(page.location()).unwrap();
        let state = url
            .query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap()
            .1
            .into_owned();
        format!("code=c0de&state={state}&iss={}", self.stage.server.origin())
    }

    async fn sign_in(&mut self) {
        let query = self.begin().await;
        let page = self.get(&format!("/client/callback?{query}")).await;
        assert_eq!(
            (page.status, page.location()),
            (StatusCode::SEE_OTHER, "/client")
        );
    }

    async fn csrf(&mut self) -> String {
        let page = self.get("/client").await;
        let rest = page.text.split("name=\"csrf\" value=\"").nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Page {
    fn location(&self) -> &str {
        self.headers[LOCATION].to_str().unwrap()
    }
}

#[tokio::test]
async fn a_person_signs_in_delivers_and_signs_out() {
    let mut browser = Browser::new(stage(Setting::default()).await);
    let page = browser.get("/client").await;
    assert!(page.text.contains("href=\"/client/login?peer=vro\""));
    browser.sign_in().await;
    let page = browser.get("/client").await;
    assert!(page.text.contains("Signed in to vro"));
    assert!(page.text.contains("system/Bundle.crs"));
    let csrf = browser.csrf().await;
    let form = [("csrf", csrf.as_str()), ("records", "own1\r\nmissing")];
    let page = browser.post("/client/deliver", OWN, &form).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text.contains("1 of 2 records are at vro"),
        "{}",
        page.text
    );
    assert!(
        page.text.contains("<td>Delivered</td><td><code>r1</code>"),
        "{}",
        page.text
    );
    assert!(
        page.text
            .contains("Not delivered: the resource server answered 404: no such thing")
    );
    assert_eq!(browser.stage.server.count("/fhir/Bundle"), 1);
    // The renewed session still signs out, and nothing is left of it.
    let page = browser
        .post("/client/sign-out", OWN, &[("csrf", &csrf)])
        .await;
    assert_eq!(
        (page.status, page.location()),
        (StatusCode::SEE_OTHER, "/client")
    );
    assert_eq!(browser.cookie, None);
    assert_eq!(browser.stage.server.count("/oauth2/revoke"), 3);
    assert!(browser.get("/client").await.text.contains("Sign in to vro"));
}

#[tokio::test]
async fn the_cookie_shows_nothing_and_a_changed_one_is_none() {
    let mut browser = Browser::new(stage(Setting::default()).await);
    browser.sign_in().await;
    let cookie = browser.cookie.clone().unwrap();
    assert!(!cookie.contains("vro_1"));
    browser.cookie = Some(format!("{cookie}A"));
    assert!(browser.get("/client").await.text.contains("Sign in to vro"));
    browser.cookie = Some(format!("{cookie}; {cookie}"));
    assert!(browser.get("/client").await.text.contains("Sign in to vro"));
}

#[tokio::test]
async fn a_session_ends_after_half_an_hour() {
    let mut browser = Browser::new(stage(Setting::default()).await);
    browser.sign_in().await;
    browser.stage.clock.advance(SignedDuration::from_mins(29));
    assert!(
        browser
            .get("/client")
            .await
            .text
            .contains("Signed in to vro")
    );
    browser.stage.clock.advance(SignedDuration::from_mins(1));
    assert!(browser.get("/client").await.text.contains("Sign in to vro"));
}

#[tokio::test]
async fn forms_from_elsewhere_are_refused() {
    let mut browser = Browser::new(stage(Setting::default()).await);
    browser.sign_in().await;
    let csrf = browser.csrf().await;
    for path in ["/client/deliver", "/client/sign-out"] {
        for (origin, token) in [
            ("https://evil.example", csrf.as_str()),
            ("https://ehr.example:8443", &csrf),
            ("null", &csrf),
            (OWN, "other"),
            (OWN, ""),
        ] {
            let form = [("csrf", token), ("records", "own1")];
            let page = browser.post(path, origin, &form).await;
            assert_eq!(
                page.status,
                StatusCode::FORBIDDEN,
                "{path} {origin} {token}"
            );
        }
    }
    assert_eq!(browser.stage.server.count("/fhir/Bundle"), 0);
    assert_eq!(browser.stage.server.count("/oauth2/revoke"), 0);
}

/// Browsers send another site's form without our cookie, and take the cookies of the answer.
#[tokio::test]
async fn a_form_without_the_cookie_signs_nobody_out() {
    let mut browser = Browser::new(stage(Setting::default()).await);
    browser.sign_in().await;
    let cookie = browser.cookie.take();
    let page = browser
        .post("/client/sign-out", "https://evil.example", &[])
        .await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert!(
        !page.headers.contains_key("set-cookie"),
        "{:?}",
        page.headers
    );
    browser.cookie = cookie;
    assert!(
        browser
            .get("/client")
            .await
            .text
            .contains("Signed in to vro")
    );
}

#[tokio::test]
async fn without_a_sign_in_nothing_is_delivered() {
    let mut browser = Browser::new(stage(Setting::default()).await);
    let page = browser
        .post("/client/deliver", OWN, &[("records", "own1")])
        .await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    browser.begin().await;
    let page = browser
        .post("/client/deliver", OWN, &[("records", "own1")])
        .await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        browser
            .stage
            .server
            .count("/own/fhir/Bundle/own1/$original"),
        0
    );
}

#[tokio::test]
async fn bad_record_ids_are_refused() {
    let mut browser = Browser::new(stage(Setting::default()).await);
    browser.sign_in().await;
    let csrf = browser.csrf().await;
    for records in ["", "../secret", "a/b"] {
        let form = [("csrf", csrf.as_str()), ("records", records)];
        let page = browser.post("/client/deliver", OWN, &form).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{records}");
    }
}

#[tokio::test]
async fn a_callback_without_a_sign_in_of_this_browser_is_refused() {
    let mut browser = Browser::new(stage(Setting::default()).await);
    let query = browser.begin().await;
    let mine = browser.cookie.take();
    let page = browser.get(&format!("/client/callback?{query}")).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.text.contains("There is no sign-in to finish"));
    browser.cookie = mine;
    browser.stage.clock.advance(SignedDuration::from_mins(10));
    let page = browser.get(&format!("/client/callback?{query}")).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert_eq!(browser.stage.server.count(TOKEN), 0);
}

#[tokio::test]
async fn failures_are_shown_with_a_reference_and_end_the_sign_in() {
    for (change, status, title) in [
        (
            ("state=", "state=x"),
            StatusCode::BAD_REQUEST,
            "This answer belongs to another sign-in",
        ),
        (
            ("iss=", "iss=x"),
            StatusCode::BAD_REQUEST,
            "This answer comes from the wrong place",
        ),
        (
            ("code=c0de", "error=access_denied"),
            StatusCode::FORBIDDEN,
            "The sign-in was refused",
        ),
        (
            ("code=c0de", "x=y"),
            StatusCode::BAD_REQUEST,
            "This link is incomplete",
        ),
    ] {
        let mut browser = Browser::new(stage(Setting::default()).await);
        let query = browser.begin().await.replace(change.0, change.1);
        let page = browser.get(&format!("/client/callback?{query}")).await;
        assert_eq!(page.status, status, "{title}");
        assert!(page.text.contains(title), "{}", page.text);
        assert!(page.text.contains("ref-1"));
        assert_eq!(browser.cookie, None, "{title}");
        assert_eq!(browser.stage.server.count(TOKEN), 0);
    }
}

#[tokio::test]
async fn a_refused_code_is_the_peers_fault() {
    let stage = stage_where(|_, asked| {
        (asked.target == TOKEN).then(|| Answer::json(400, r#"{"error":"invalid_grant"}"#))
    })
    .await;
    let mut browser = Browser::new(stage);
    let query = browser.begin().await;
    let page = browser.get(&format!("/client/callback?{query}")).await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(
        page.text
            .contains("The organization answered invalid_grant.")
    );
}

#[tokio::test]
async fn links_that_lead_nowhere_are_told() {
    let mut browser = Browser::new(stage(Setting::default()).await);
    for (path, status) in [
        ("/client/login", StatusCode::BAD_REQUEST),
        ("/client/login?peer=", StatusCode::BAD_REQUEST),
        ("/client/login?peer=a&peer=b", StatusCode::BAD_REQUEST),
        ("/client/login?peer=nobody", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(browser.get(path).await.status, status, "{path}");
    }
    let down = stage_where(|_, _| Some(Answer::empty(500))).await;
    let page = Browser::new(down).get("/client/login?peer=vro").await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn every_page_is_held_by_its_headers() {
    let mut browser = Browser::new(stage(Setting::default()).await);
    for path in [
        "/client",
        "/client/login",
        "/client/login?peer=vro",
        "/client/callback",
    ] {
        let page = browser.get(path).await;
        assert_eq!(
            page.headers[CONTENT_SECURITY_POLICY],
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        assert_eq!(page.headers["cache-control"], "no-store");
        assert_eq!(page.headers["x-frame-options"], "DENY");
        assert_eq!(page.headers["referrer-policy"], "same-origin");
        assert!(!page.text.contains("<script") && !page.text.contains("style="));
    }
    let style = browser.get("/client/assets/client.css").await;
    assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn sign_ins_and_deliveries_are_audited() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(directory.path().join("audit.db"));
    let db = Db::open(location, &[]).await.unwrap();
    let setting = Setting {
        audit: Some(db.clone()),
        ..Setting::default()
    };
    let mut browser = Browser::new(stage(setting).await);
    let query = browser.begin().await.replace("iss=", "iss=x");
    browser.get(&format!("/client/callback?{query}")).await;
    browser.sign_in().await;
    let csrf = browser.csrf().await;
    let form = [("csrf", csrf.as_str()), ("records", "own1 missing")];
    browser.post("/client/deliver", OWN, &form).await;
    let mut events: Vec<_> = audit::list(
        &db,
        &audit::Filter {
            limit: 9,
            ..audit::Filter::default()
        },
    )
    .await
    .unwrap()
    .into_iter()
    .map(|listed| {
        let event = listed.event;
        assert_eq!((event.party.as_str(), event.role), ("ehr", "client"));
        assert_eq!(event.client_id.as_deref(), Some("human"));
        assert_eq!(event.request_id.as_deref(), Some("ref-1"));
        (
            event.action,
            event.outcome.as_str(),
            event.record_id,
            event.reason,
        )
    })
    .collect();
    events.sort();
    let event = |action: &str, outcome, record: Option<&str>, reason: Option<&str>| {
        (
            action.to_owned(),
            outcome,
            record.map(str::to_owned),
            reason.map(str::to_owned),
        )
    };
    let wrong_issuer = Some("another issuer");
    let refused = Some("refused by the resource server");
    assert_eq!(
        events,
        [
            event("client.deliver", "allowed", Some("own1"), None),
            event("client.deliver", "denied", Some("missing"), refused),
            event("client.login", "allowed", None, None),
            event("client.login", "denied", None, wrong_issuer),
        ]
    );
}
