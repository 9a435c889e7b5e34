//! What the forms do, and what they say where they cannot.

use axum::http::StatusCode;

use super::{bench, id, signed_in};
use crate::pages::testing::{PASSWORD, Page, TestBrowser, owned};
use crate::testing::Bench;

/// Opens a page and sends its form with these values in place.
async fn send(browser: &mut TestBrowser, path: &str, values: &[(&str, &str)]) -> Page {
    let page = browser.get(path).await;
    assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.html);
    let mut fields = page.form(path);
    fields.extend(owned(values));
    browser.post(path, &fields).await
}

/// Sends the form of a page that asks whether to do it.
async fn confirm(browser: &mut TestBrowser, page: &Page, path: &str) -> Page {
    assert_eq!(page.status, StatusCode::OK, "{}", page.html);
    browser.post(path, &page.form(path)).await
}

fn secret(page: &Page) -> String {
    let rest = page.html.split_once("<code class=\"secret\">");
    let rest = rest.unwrap_or_else(|| panic!("{}", page.html)).1;
    rest.split_once("</code>").unwrap().0.to_owned()
}

async fn chief(bench: &Bench) -> TestBrowser {
    signed_in(bench, "chief").await
}

const USER: [(&str, &str); 7] = [
    ("username", "n.new"),
    ("role", "clerk"),
    ("scope", "user/Bundle.rs"),
    ("organization", "general-hospital"),
    ("organization_access", "own"),
    ("jurisdictions", "MA, NH"),
    ("record_type_birth", "on"),
];

#[tokio::test]
async fn a_person_is_added_changed_and_removed() {
    let bench = bench().await;
    let mut browser = chief(&bench).await;
    let added = send(&mut browser, "/admin/users/add", &USER).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.html);
    let password = secret(&added);
    let user = bench.admin.user("n.new").await.unwrap();
    assert_eq!(user.rights.jurisdictions, ["MA", "NH"]);
    assert_eq!(user.rights.record_types, ["birth"]);
    let mut new = TestBrowser::new(&bench);
    let login = new.get("/login").await;
    assert_eq!(
        new.sign_in(&login, "n.new", &password).await.location(),
        "/account"
    );

    let path = format!("/admin/users/{}/change", user.id);
    let same = [
        &USER[2..5],
        &[
            ("role", "clerk"),
            ("jurisdictions", "MA, NH"),
            ("record_type_birth", "on"),
        ],
    ]
    .concat();
    let nothing = send(&mut browser, &path, &same).await;
    assert_eq!(nothing.status, StatusCode::CONFLICT, "{}", nothing.html);
    let other = [
        &USER[2..5],
        &[
            ("role", "registrar"),
            ("jurisdictions", "MA"),
            ("record_type_birth", "on"),
        ],
    ]
    .concat();
    let review = send(&mut browser, &path, &other).await;
    for text in [
        "What changes",
        "<span>clerk</span>",
        "<span>registrar</span>",
        "<span>MA, NH</span>",
    ] {
        assert!(review.html.contains(text), "{text}: {}", review.html);
    }
    assert_eq!(
        bench.admin.user("n.new").await.unwrap().role,
        "clerk",
        "not yet"
    );
    let changed = confirm(&mut browser, &review, &path).await;
    assert_eq!(
        changed.location(),
        format!("/admin/users/{}?done=changed", user.id)
    );
    assert!(
        browser
            .get(changed.location())
            .await
            .html
            .contains("role=\"status\"")
    );
    assert_eq!(bench.admin.user("n.new").await.unwrap().role, "registrar");
    // What was shown is not so any more.
    let late = confirm(&mut browser, &review, &path).await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.html);
    assert!(late.html.contains("changed meanwhile"));

    let path = format!("/admin/users/{}/remove", user.id);
    let removed = send(&mut browser, &path, &[]).await;
    assert_eq!(removed.location(), "/admin/users?done=remove");
    assert!(bench.admin.user("n.new").await.is_err());
    assert_eq!(
        browser
            .get(&format!("/admin/users/{}", user.id))
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    for action in ["user.add", "user.change", "user.delete"] {
        let rows = bench.audit(action).await;
        let chief = id(&bench, "chief").await;
        let row = rows
            .iter()
            .find(|row| row.subject.as_deref() == Some(&chief));
        let row = row.unwrap_or_else(|| panic!("{action}"));
        assert_eq!(row.source_address.as_deref(), Some("192.0.2.7"));
    }
}

#[tokio::test]
async fn each_act_shows_its_effect_and_does_it() {
    let bench = bench().await;
    let mut browser = chief(&bench).await;
    let target = id(&bench, "x.target").await;
    let mut theirs = signed_in(&bench, "x.target").await;
    for (act, word) in [
        ("end-sessions", "Sessions that end: 1"),
        ("unlock", "not held up"),
    ] {
        let path = format!("/admin/users/{target}/{act}");
        let page = browser.get(&path).await;
        assert!(page.html.contains(word), "{}", page.html);
        let done = confirm(&mut browser, &page, &path).await;
        assert_eq!(done.location(), format!("/admin/users/{target}?done={act}"));
    }
    assert_eq!(theirs.get("/account").await.location(), "/login");
    theirs = signed_in(&bench, "x.target").await;
    let path = format!("/admin/users/{target}/disable");
    let done = send(&mut browser, &path, &[]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.html);
    assert_eq!(theirs.get("/account").await.location(), "/login");
    assert!(
        browser
            .get("/admin/users?state=disabled")
            .await
            .html
            .contains("x.target")
    );
    let path = format!("/admin/users/{target}/enable");
    send(&mut browser, &path, &[]).await;
    let path = format!("/admin/users/{target}/set-password");
    let shown = send(&mut browser, &path, &[]).await;
    let password = secret(&shown);
    assert_eq!(shown.header("cache-control"), "no-store");
    let login = theirs.get("/login").await;
    assert_eq!(
        theirs.sign_in(&login, "x.target", PASSWORD).await.status,
        StatusCode::FORBIDDEN
    );
    let login = theirs.get("/login").await;
    assert_eq!(
        theirs
            .sign_in(&login, "x.target", &password)
            .await
            .location(),
        "/account"
    );
}

#[tokio::test]
async fn what_cannot_be_done_says_why() {
    let bench = bench().await;
    let mut browser = chief(&bench).await;
    let own = id(&bench, "chief").await;
    let page = browser.get(&format!("/admin/users/{own}")).await;
    assert!(
        !page.html.contains("What can be done"),
        "nothing to oneself"
    );
    let refused = send(&mut browser, &format!("/admin/users/{own}/disable"), &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.html);

    let mut wrong = USER.to_vec();
    for (name, value, field) in [
        ("username", "x.target", "#username"),
        ("username", "A b", "#username"),
        ("jurisdictions", "XXX", "#jurisdictions"),
        ("scope", "a\"b", "#scope"),
        ("role", "king", "#role"),
    ] {
        let before = wrong.clone();
        wrong.retain(|(found, _)| *found != name);
        wrong.push((name, value));
        for language in ["en", "es"] {
            browser.language = language;
            let page = send(&mut browser, "/admin/users/add", &wrong).await;
            assert_eq!(
                page.status,
                StatusCode::BAD_REQUEST,
                "{name}={value}: {}",
                page.html
            );
            assert!(
                page.html.contains(&format!("href=\"{field}\"")),
                "{name}: {}",
                page.html
            );
            let id = field.trim_start_matches('#');
            assert!(page.html.contains(&format!("id=\"{id}-error\"")), "{name}");
        }
        wrong = before;
    }
    browser.language = "en";
    // Somebody of one organization gives no more than his own.
    let mut lesser = signed_in(&bench, "administrator").await;
    let mut more = USER.to_vec();
    more.retain(|(name, _)| *name != "organization_access");
    more.push(("organization_access", "all"));
    let refused = send(&mut lesser, "/admin/users/add", &more).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.html);
    assert!(refused.html.contains("beyond your own"));
}

#[tokio::test]
async fn an_application_is_added_changed_and_given_a_new_secret() {
    let bench = bench().await;
    let mut browser = chief(&bench).await;
    let values = [
        ("client_id", "partner"),
        ("name", "Partner"),
        ("authentication", "client_secret_basic"),
        ("assertion_audience", "issuer"),
        ("grant_client_credentials", "on"),
        ("scope", "system/Bundle.rs"),
        ("audiences", "https://vro.example/fhir"),
        ("organization", "general-hospital"),
        ("organization_access", "own"),
        ("jurisdictions", "MA"),
        ("record_type_birth", "on"),
    ];
    let added = send(&mut browser, "/admin/clients/add", &values).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.html);
    let first = secret(&added);
    let token = async |secret: &str| {
        let credentials = crate::testing::Credentials::Basic("partner", secret);
        let answer = bench.token(credentials, &[("grant_type", "client_credentials")]);
        answer.await.status
    };
    assert_eq!(token(&first).await, StatusCode::OK);
    let again = send(&mut browser, "/admin/clients/add", &values).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST, "{}", again.html);
    assert!(again.html.contains("href=\"#client_id\""), "{}", again.html);

    let overlap = [("secret_name", "second"), ("overlap", "0")];
    let rotated = send(
        &mut browser,
        "/admin/clients/partner/rotate-secret",
        &overlap,
    )
    .await;
    let second = secret(&rotated);
    assert_eq!(token(&second).await, StatusCode::OK);
    assert_eq!(token(&first).await, StatusCode::UNAUTHORIZED);

    let mut other = values.to_vec();
    other.retain(|(name, _)| *name != "name" && *name != "client_id");
    other.push(("name", "Partner of the state"));
    let path = "/admin/clients/partner/change";
    let review = send(&mut browser, path, &other).await;
    assert!(
        review.html.contains("<span>Partner of the state</span>"),
        "{}",
        review.html
    );
    let changed = confirm(&mut browser, &review, path).await;
    assert_eq!(
        changed.location(),
        "/admin/clients/partner?done=changed",
        "{}",
        changed.html
    );
    assert_eq!(token(&second).await, StatusCode::OK);

    let page = browser.get("/admin/clients/partner/disable").await;
    assert!(
        page.html.contains("Access tokens that are revoked: 3"),
        "{}",
        page.html
    );
    confirm(&mut browser, &page, "/admin/clients/partner/disable").await;
    assert_eq!(token(&second).await, StatusCode::UNAUTHORIZED);
    send(&mut browser, "/admin/clients/partner/remove", &[]).await;
    assert!(bench.admin.client("partner").await.is_err());
    // One that a resource server needs stays, and the page says why.
    let kept = send(&mut browser, "/admin/clients/vro-rs/remove", &[]).await;
    assert_eq!(kept.status, StatusCode::CONFLICT, "{}", kept.html);
    assert!(
        kept.html.contains("introspects as this client"),
        "{}",
        kept.html
    );
}

#[tokio::test]
async fn a_session_is_ended_from_the_list() {
    let bench = bench().await;
    let mut theirs = signed_in(&bench, "x.target").await;
    let mut browser = chief(&bench).await;
    let list = browser.get("/admin/sessions?username=x.target").await;
    let rest = list.html.split_once("href=\"/admin/sessions/").unwrap().1;
    let id = rest.split_once("/end\"").unwrap().0;
    let path = format!("/admin/sessions/{id}/end");
    let page = browser.get(&path).await;
    assert!(page.html.contains("x.target"), "{}", page.html);
    let ended = confirm(&mut browser, &page, &path).await;
    assert_eq!(ended.location(), "/admin/sessions?done=ended");
    assert_eq!(theirs.get("/account").await.location(), "/login");
    let gone = confirm(&mut browser, &page, &path).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let nobody = browser.get("/admin/sessions?username=nobody").await;
    assert!(
        nobody.html.contains("No session is open"),
        "{}",
        nobody.html
    );
}

#[tokio::test]
async fn a_key_is_rotated_after_its_effect_was_shown() {
    let bench = bench().await;
    let mut browser = chief(&bench).await;
    let before = bench.admin.signing_keys().await.unwrap().len();
    let values = [("algorithm", "ES256"), ("rotation", "published")];
    let review = send(&mut browser, "/admin/keys/rotate", &values).await;
    assert!(review.html.contains("published now"), "{}", review.html);
    assert_eq!(bench.admin.signing_keys().await.unwrap().len(), before);
    let done = confirm(&mut browser, &review, "/admin/keys/rotate").await;
    assert_eq!(done.location(), "/admin/keys?done=rotated", "{}", done.html);
    assert_eq!(bench.admin.signing_keys().await.unwrap().len(), before + 1);
    let wrong = [("algorithm", "none"), ("rotation", "published")];
    let wrong = send(&mut browser, "/admin/keys/rotate", &wrong).await;
    assert_eq!(wrong.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_resource_server_is_added_and_removed() {
    let bench = bench().await;
    let mut browser = chief(&bench).await;
    let values = [
        ("audience", "https://new.example/fhir"),
        ("name", "New"),
        ("organization", "New hospital"),
        ("introspection_client_id", "app"),
    ];
    let added = send(&mut browser, "/admin/resource-servers/add", &values).await;
    assert_eq!(
        added.location(),
        "/admin/resource-servers?done=added",
        "{}",
        added.html
    );
    let list = browser.get(added.location()).await;
    assert!(list.html.contains("https://new.example/fhir") && list.html.contains("is added"));
    let path = "/admin/resource-servers/remove";
    let page = browser
        .get(&format!("{path}?audience=https%3A%2F%2Fnew.example%2Ffhir"))
        .await;
    let removed = confirm(&mut browser, &page, path).await;
    assert_eq!(removed.location(), "/admin/resource-servers?done=removed");
    let mut wrong = values;
    wrong[3].1 = "nobody";
    let wrong = send(&mut browser, "/admin/resource-servers/add", &wrong).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(
        wrong.html.contains("href=\"#introspection_client_id\""),
        "{}",
        wrong.html
    );
}

#[tokio::test]
async fn lists_are_searched_and_paged() {
    let bench = bench().await;
    for number in 0..60 {
        let name = format!("many.{number:02}");
        let mut new = crate::pages::testing::new_user(&name);
        new.scope = "user/Bundle.rs".to_owned();
        add_quickly(&bench, new).await;
    }
    let mut browser = chief(&bench).await;
    let first = browser.get("/admin/users?username=many.").await;
    assert_eq!(first.html.matches(">many.").count(), 50);
    let rest = first.html.split_once("rel=\"next\"").unwrap().0;
    let next = rest.rsplit_once("href=\"").unwrap().1;
    let next = next.split_once('"').unwrap().0.replace("&#38;", "&");
    let second = browser.get(&next).await;
    assert_eq!(second.html.matches(">many.").count(), 10, "{next}");
    assert!(second.html.contains("First page") && !second.html.contains("Next page"));
    let none = browser.get("/admin/users?username=zzz").await;
    assert!(none.html.contains("Nobody fits"), "{}", none.html);
    let clerks = browser.get("/admin/users?role=auditor").await;
    let listed = clerks.html.split_once("<table").unwrap().1;
    assert!(listed.contains(">auditor</a>") && !listed.contains(">chief</a>"));
    let broken = browser.get("/admin/users?after=%21").await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
}

/// Without its password being hashed: sixty take their time.
async fn add_quickly(bench: &Bench, new: crate::administration::NewUser) {
    let owner = crate::ResourceOwner {
        id: format!("u-{}", new.username),
        username: new.username,
        role: new.role,
        scope: oauth::Scope::parse(&new.scope).unwrap(),
        rights: new.rights,
        disabled: false,
        short_password: false,
        note: None,
        created: bench.clock.now(),
    };
    bench.server.db().write(Insert(owner)).await.unwrap();
}

struct Insert(crate::ResourceOwner);

impl storage::Work for Insert {
    type Output = bool;

    async fn run(&self, tx: &mut storage::Transaction<'_>) -> Result<bool, storage::Error> {
        crate::store::users::insert(tx, &self.0, "").await
    }
}

#[tokio::test]
async fn the_audit_is_searched_and_exported() {
    let bench = bench().await;
    let _theirs = signed_in(&bench, "x.target").await;
    let mut browser = chief(&bench).await;
    let target = id(&bench, "x.target").await;
    for search in [
        "action=login&subject=x.target".to_owned(),
        format!("subject={target}&since=2026-11-23&until=2026-11-23"),
    ] {
        let page = browser.get(&format!("/admin/audit?{search}")).await;
        let table = page.html.split_once("<table").unwrap().1;
        assert!(
            table.contains(&format!("/admin/users/{target}")),
            "{search}: {table}"
        );
        assert!(
            !table.contains(&format!("/admin/users/{}", id(&bench, "chief").await)),
            "{search}"
        );
    }
    for none in [
        "since=2026-11-24",
        "until=2026-11-22",
        "action=nothing",
        "request_id=r-9",
        "source_address=192.0.2.99",
    ] {
        let page = browser.get(&format!("/admin/audit?{none}")).await;
        assert!(page.html.contains("No row fits"), "{none}");
    }
    // A file of more than was asked for would be a wrong answer.
    for unreadable in [
        "since=2099-13-45",
        "outcome=bogus",
        "since=2099-01-01&since=2098-01-01",
        "x=%ff",
    ] {
        for path in ["/admin/audit", "/admin/audit/export.csv"] {
            let page = browser.get(&format!("{path}?{unreadable}")).await;
            assert_eq!(page.status, StatusCode::BAD_REQUEST, "{path} {unreadable}");
        }
    }
    let csv = browser.get("/admin/audit/export.csv?action=login").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert!(csv.header("content-disposition").contains("attachment"));
    assert_eq!(csv.header("cache-control"), "no-store");
    assert!(
        csv.html.starts_with("id,at,party") && csv.html.contains(&target),
        "{}",
        csv.html
    );
    let lines = browser.get("/admin/audit/export.jsonl?action=login").await;
    let read = lines
        .html
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    assert!(
        read.clone().count() >= 2
            && read
                .clone()
                .all(|row| row.get("action").is_some_and(|it| it == "login"))
    );
    assert_eq!(
        bench.audit("audit.export").await.len(),
        2,
        "the export is on record"
    );
    // An organization's administrator exports the own rows only.
    let mut lesser = signed_in(&bench, "administrator").await;
    let event = storage::AuditEvent {
        organization: Some("another-hospital".to_owned()),
        ..storage::AuditEvent::new(
            bench.clock.now(),
            "vro",
            "client",
            "bundle.read",
            storage::Outcome::Allowed,
        )
    };
    bench.server.db().audit(event).await.unwrap();
    let csv = lesser.get("/admin/audit/export.csv").await;
    assert!(
        csv.html.contains("login") && !csv.html.contains("another-hospital"),
        "{}",
        csv.html
    );
}
