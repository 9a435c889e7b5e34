//! Signing out here, and there if the setting says so.

use std::collections::BTreeMap;

use serde_json::json;
use url::Url;

use super::super::testing::*;
use crate::pages::testing::*;

async fn sign_out(browser: &mut TestBrowser) -> (String, String) {
    let page = browser.get("/logout").await;
    let policy = page.header("content-security-policy").to_owned();
    let forms = policy.rsplit_once("form-action ").unwrap().1.to_owned();
    let out = browser.post("/logout", &page.form("/logout")).await;
    assert_eq!(browser.get("/account").await.location(), "/login");
    (forms, out.location().to_owned())
}

#[tokio::test]
async fn signing_out_goes_on_there_where_the_setting_says_so() {
    let there = There::new(|provider, _| provider.sign_out_there = true).await;
    let (mut browser, _) = there.sign_in(&json!({})).await;
    let (forms, location) = sign_out(&mut browser).await;
    assert_eq!(forms, format!("'self' {}", there.op.origin()));
    let url = Url::parse(&location).unwrap();
    assert_eq!(url.path(), "/logout");
    assert_eq!(url.origin().ascii_serialization(), there.op.origin());
    let sent: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    assert_eq!(sent["client_id"], "vro-client");
    assert_eq!(
        sent["post_logout_redirect_uri"],
        "https://vro.example/logout"
    );
    let token: serde_json::Value =
        serde_json::from_str(&there.script.lock().unwrap().token).unwrap();
    assert_eq!(token["id_token"], sent["id_token_hint"]);
    // A sign-in with the password in the same browser is another matter.
    let login = browser.get("/login").await;
    browser.sign_in(&login, "r.smith", PASSWORD).await;
    let (forms, location) = sign_out(&mut browser).await;
    assert_eq!((forms.as_str(), location.as_str()), ("'self'", "/logout"));
}

#[tokio::test]
async fn signing_out_stays_here_otherwise() {
    let there = There::new(|_, _| {}).await;
    let (mut browser, _) = there.sign_in(&json!({})).await;
    let (forms, location) = sign_out(&mut browser).await;
    assert_eq!((forms.as_str(), location.as_str()), ("'self'", "/logout"));

    let there = There::new(|provider, _| provider.sign_out_there = true).await;
    there.script(|script| script.metadata = json!({"end_session_endpoint": null}));
    let (mut browser, _) = there.sign_in(&json!({})).await;
    assert_eq!(sign_out(&mut browser).await.1, "/logout");
}
