//! Every page: who may open it, what its form needs, and that nothing stored in it becomes markup.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod acts;

use axum::http::StatusCode;
use jiff::SignedDuration;
use storage::{AuditEvent, Outcome};

use super::{Place, places};
use crate::administration::NewUser;
use crate::pages::testing::{PASSWORD, Page, TestBrowser, confirm_enrolment, new_user, owned};
use crate::testing::{Bench, api_client, config};
use crate::{OrganizationAccess, Rights};

/// Stands in everything that is stored; in no page may it be markup.
const CANARY: &str = "<script>alert(1)</script>\"'><img src=x>";

/// A bench whose administrators need no second factor, with a person, a client and people of every role.
pub(super) async fn bench() -> Bench {
    let mut settings = config();
    settings.second_factor_required_for = Vec::new();
    let bench = Bench::configured(outbound::Trust::platform(), settings).await;
    bench.add(api_client("app")).await;
    for role in crate::ROLES {
        bench
            .admin
            .add_user(person(role, role, false))
            .await
            .unwrap();
    }
    let chief = person("chief", "administrator", true);
    bench.admin.add_user(chief).await.unwrap();
    bench
        .admin
        .add_user(person("x.target", "clerk", false))
        .await
        .unwrap();
    bench
}

fn person(username: &str, role: &str, all: bool) -> NewUser {
    let access = if all {
        OrganizationAccess::All
    } else {
        OrganizationAccess::Own
    };
    NewUser {
        role: role.to_owned(),
        scope: "system/Bundle.cruds system/Composition.rs user/Bundle.rs user/Composition.rs"
            .to_owned(),
        rights: Rights {
            organization_access: access,
            ..new_user(username).rights
        },
        ..new_user(username)
    }
}

/// A browser that somebody has just signed in with.
pub(super) async fn signed_in(bench: &Bench, username: &str) -> TestBrowser {
    let mut browser = TestBrowser::new(bench);
    let login = browser.get("/login").await;
    let page = browser.sign_in(&login, username, PASSWORD).await;
    assert_eq!(page.location(), "/account", "{}", page.html);
    browser
}

pub(super) async fn id(bench: &Bench, username: &str) -> String {
    bench.admin.user(username).await.unwrap().id
}

/// The address of a page, about somebody or something that is there.
async fn address(bench: &Bench, place: &Place) -> String {
    let target = if place.path.starts_with("/admin/users/") {
        id(bench, "x.target").await
    } else if place.path.starts_with("/admin/sessions/") {
        let target = id(bench, "x.target").await;
        let request = crate::administration::PageRequest::longest();
        let sessions = bench.admin.list_sessions(Some(&target), &request).await;
        sessions.unwrap().items.first().unwrap().id.clone()
    } else {
        "app".to_owned()
    };
    let path = place.path.replace("{id}", &target);
    if path == "/admin/resource-servers/remove" {
        return format!("{path}?audience=https%3A%2F%2Fvro.example%2Ffhir");
    }
    path
}

/// What whoever has no part in the whole server cannot open.
fn is_of_whole_server(path: &str) -> bool {
    let paths = [
        "/admin/resource-servers/add",
        "/admin/resource-servers/remove",
        "/admin/issuers",
        "/admin/keys/rotate",
    ];
    paths.contains(&path)
}

/// What an auditor opens: lists, single entries, the audit.
fn is_to_read(path: &str) -> bool {
    let paths = [
        "/admin",
        "/admin/users",
        "/admin/users/{id}",
        "/admin/clients",
        "/admin/clients/{id}",
        "/admin/resource-servers",
        "/admin/keys",
        "/admin/sessions",
        "/admin/audit",
        "/admin/audit/export.csv",
        "/admin/audit/export.jsonl",
    ];
    paths.contains(&path)
}

#[tokio::test]
async fn every_page_opens_for_whom_it_is_and_nobody_else() {
    let bench = bench().await;
    let _target = signed_in(&bench, "x.target").await;
    let mut rows = 0;
    for who in [
        "nobody",
        "registrar",
        "clerk",
        "auditor",
        "administrator",
        "chief",
    ] {
        let mut browser = match who {
            "nobody" => TestBrowser::new(&bench),
            who => signed_in(&bench, who).await,
        };
        for place in places() {
            let path = place.path;
            let page = browser.get(&address(&bench, &place).await).await;
            let expected = match who {
                "nobody" => StatusCode::SEE_OTHER,
                "registrar" | "clerk" => StatusCode::FORBIDDEN,
                "auditor" if !is_to_read(path) => StatusCode::FORBIDDEN,
                "administrator" if is_of_whole_server(path) => StatusCode::FORBIDDEN,
                _ => StatusCode::OK,
            };
            assert_eq!(page.status, expected, "{who} {path}: {}", page.html);
            if who == "nobody" {
                assert_eq!(page.location(), "/login?then=administration");
            }
            rows += 1;
        }
    }
    assert!(rows > 150, "{rows}");
    // Who was refused is on record, with what.
    let refused = bench.audit("user.disable").await;
    assert!(
        refused
            .iter()
            .any(|row| row.reason.as_deref() == Some("the role"))
    );
    assert!(!bench.audit("administration").await.is_empty());
}

/// Whatever is dangerous asks for a sign-in that has just been, and comes back to the page.
#[tokio::test]
async fn what_is_dangerous_asks_for_a_fresh_sign_in() {
    let bench = bench().await;
    let _target = signed_in(&bench, "x.target").await;
    let mut browser = signed_in(&bench, "chief").await;
    bench.clock.advance(SignedDuration::from_mins(6));
    let mut stepped = 0;
    for place in places() {
        let path = address(&bench, &place).await;
        let page = browser.get(&path).await;
        if !place.operation.is_some_and(|it| it.is_dangerous()) {
            assert_eq!(page.status, StatusCode::OK, "{path}");
            continue;
        }
        assert_eq!(page.location(), "/login?then=administration", "{path}");
        stepped += 1;
        let export = path.contains("/export.");
        let bare = path.split('?').next().unwrap();
        let back = if export { "/admin/audit" } else { bare };
        assert_eq!(browser.get("/admin/continue").await.location(), back);
    }
    assert!(stepped > 12, "{stepped}");
    let page = browser.get("/admin/keys/rotate").await;
    let login = browser.get(page.location()).await;
    assert!(login.html.contains("last five minutes"), "{}", login.html);
    let signed_in = browser.sign_in(&login, "chief", PASSWORD).await;
    assert_eq!(signed_in.location(), "/admin/continue");
    let back = browser.get("/admin/continue").await;
    assert_eq!(back.location(), "/admin/keys/rotate");
    assert_eq!(browser.get(back.location()).await.status, StatusCode::OK);
    // Once: the next time it is the first page.
    assert_eq!(browser.get("/admin/continue").await.location(), "/admin");
}

/// A cookie that somebody else made leads nowhere else.
#[tokio::test]
async fn coming_back_leads_to_administration_only() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    for hostile in [
        "//evil.example",
        "https://evil.example",
        "/account",
        "/admin//evil.example",
        "/admin/../login",
    ] {
        let name = "__Host-administration-return".to_owned();
        browser.cookies.insert(name, hostile.to_owned());
        assert_eq!(browser.get("/admin/continue").await.location(), "/admin");
    }
}

/// Every form needs its own token, from this origin, of this session.
#[tokio::test]
async fn no_form_is_taken_from_elsewhere() {
    let bench = bench().await;
    let _target = signed_in(&bench, "x.target").await;
    let mut browser = signed_in(&bench, "chief").await;
    let mut other = signed_in(&bench, "administrator").await;
    let mut forms = 0;
    for place in places() {
        let address = address(&bench, &place).await;
        let page = browser.get(&address).await;
        let path = address.split('?').next().unwrap();
        if !page
            .html
            .contains(&format!("method=\"post\" action=\"{path}\""))
        {
            let posted = browser.post(path, &[]).await;
            assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
            continue;
        }
        forms += 1;
        let mut fields = page.form(path);
        fields.push(("confirmed".to_owned(), "yes".to_owned()));
        let elsewhere = [
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
        ];
        let same_site = [("origin", "null"), ("sec-fetch-site", "same-site")];
        for headers in [&elsewhere, &same_site] {
            let posted = browser.post_with(path, &fields, headers).await;
            assert_eq!(posted.status, StatusCode::FORBIDDEN, "{path}");
        }
        let without: Vec<_> = fields
            .iter()
            .filter(|(name, _)| name != "csrf_token")
            .cloned()
            .collect();
        assert_eq!(
            browser.post(path, &without).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
        // Somebody else's session, who may: the token is of another.
        assert_eq!(
            other.post(path, &fields).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
        let signed_out = TestBrowser::new(&bench).post(path, &fields).await;
        assert_eq!(
            signed_out.location(),
            "/login?then=administration",
            "{path}"
        );
    }
    assert!(forms > 18, "{forms}");
    let acts = [
        "user.",
        "client.",
        "key.",
        "session.end",
        "resource-server.",
    ];
    let before = bench.admin.user("x.target").await.unwrap();
    assert!(!before.disabled);
    let filter = storage::audit::Filter {
        outcome: Some(Outcome::Allowed),
        limit: 1000,
        ..storage::audit::Filter::default()
    };
    let rows = storage::audit::list(bench.server.db(), &filter)
        .await
        .unwrap();
    let done = |event: &AuditEvent| {
        event.subject.is_some() && acts.iter().any(|act| event.action.starts_with(act))
    };
    let done: Vec<_> = rows.iter().filter(|row| done(&row.event)).collect();
    assert!(done.is_empty(), "{done:?}");
}

#[tokio::test]
async fn what_is_stored_is_shown_and_never_markup() {
    let bench = bench().await;
    let mut target = bench.admin.user("x.target").await.unwrap();
    target.rights.organization = Some(CANARY.to_owned());
    let change = crate::administration::UserChange {
        role: "clerk".to_owned(),
        scope: "user/Bundle.rs".to_owned(),
        rights: target.rights,
        note: Some(CANARY.to_owned()),
    };
    bench.admin.change_user("x.target", change).await.unwrap();
    let mut client = api_client("canary");
    client.name = CANARY.to_owned();
    client.note = Some(CANARY.to_owned());
    client.rights.organization = Some(CANARY.to_owned());
    bench.add(client).await;
    let event = AuditEvent {
        reason: Some(CANARY.to_owned()),
        client_id: Some(CANARY.to_owned()),
        subject: Some(format!("u-{CANARY}")),
        organization: Some(CANARY.to_owned()),
        record_id: Some(CANARY.to_owned()),
        ..AuditEvent::new(bench.clock.now(), "vro", "client", "login", Outcome::Denied)
    };
    bench.server.db().audit(event).await.unwrap();
    let _target = signed_in(&bench, "x.target").await;
    let session =
        "UPDATE session SET browser = '<script>alert(1)</script>', source_address = '<img src=x>'";
    bench
        .server
        .db()
        .write(crate::testing::Statement(session))
        .await
        .unwrap();
    let mut browser = signed_in(&bench, "chief").await;
    let mut shown = 0;
    let mut pages = Vec::new();
    for place in places() {
        pages.push(
            address(&bench, &place)
                .await
                .replace("/clients/app", "/clients/canary"),
        );
    }
    let search = oauth::form::encode(&[
        ("username", CANARY),
        ("organization", CANARY),
        ("name", CANARY),
        ("action", CANARY),
    ]);
    for list in ["users", "clients", "sessions", "audit"] {
        pages.push(format!("/admin/{list}?{search}"));
    }
    for language in ["en", "es"] {
        browser.language = language;
        for path in &pages {
            let page = browser.get(path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
            if path.contains("/export.") {
                continue;
            }
            assert!(!page.html.contains("<script"), "{path}: {}", page.html);
            assert!(!page.html.contains("<img"), "{path}");
            shown += usize::from(page.html.contains("&#60;script&#62;"));
        }
    }
    assert!(shown > 20, "{shown}");
}

#[tokio::test]
async fn the_navigation_shows_what_the_role_may_open() {
    let bench = bench().await;
    let tabs = async |who: &str| {
        let page = signed_in(&bench, who).await.get("/admin").await;
        let nav = page.html.split_once("<nav").unwrap().1;
        let nav = nav.split_once("</ul>").unwrap().0;
        nav.matches("<li>").count()
    };
    assert_eq!(tabs("chief").await, 8);
    assert_eq!(tabs("administrator").await, 7, "all but the issuers");
    let account = signed_in(&bench, "chief").await.get("/account").await;
    assert!(account.html.contains("href=\"/admin\""), "{}", account.html);
    let account = signed_in(&bench, "clerk").await.get("/account").await;
    assert!(!account.html.contains("href=\"/admin\""));
}

/// Whoever has read a page of an organization's administrator has read of that organization only.
#[tokio::test]
async fn nothing_of_another_organization_is_shown() {
    let bench = bench().await;
    let mut stranger = person("stranger", "clerk", false);
    stranger.rights.organization = Some("another-hospital".to_owned());
    bench.admin.add_user(stranger).await.unwrap();
    let mut client = api_client("strange-app");
    client.rights.organization = Some("another-hospital".to_owned());
    bench.add(client).await;
    let _stranger = signed_in(&bench, "stranger").await;
    let mut browser = signed_in(&bench, "administrator").await;
    let stranger = id(&bench, "stranger").await;
    let request = crate::administration::PageRequest::longest();
    let sessions = bench.admin.list_sessions(Some(&stranger), &request).await;
    let session = sessions.unwrap().items.first().unwrap().id.clone();
    for place in places() {
        if is_of_whole_server(place.path) || place.path.contains("export") {
            continue;
        }
        let target = match place.path {
            path if path.contains("clients") => "strange-app",
            path if path.contains("sessions") => session.as_str(),
            _ => stranger.as_str(),
        };
        let path = place.path.replace("{id}", target);
        let page = browser.get(&path).await;
        let about_one = place.path.contains("{id}");
        let expected = if about_one {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::OK
        };
        assert_eq!(page.status, expected, "{path}");
        assert!(!page.html.contains("another-hospital"), "{path}");
        assert!(!page.html.contains("strange-app") || about_one, "{path}");
    }
}

/// Somebody who is to have a second factor sets it up on the way.
#[tokio::test]
async fn the_first_administrator_comes_to_administration() {
    let bench = Bench::new().await;
    let link = bench
        .server
        .first_administrator_link()
        .await
        .unwrap()
        .unwrap();
    let path = link
        .address
        .expose()
        .strip_prefix(crate::testing::ISSUER)
        .unwrap();
    let mut browser = TestBrowser::new(&bench);
    let page: Page = browser.get(path).await;
    let mut fields = page.form("/setup");
    fields.extend(owned(&[
        ("username", "ada.king"),
        ("new", PASSWORD),
        ("again", PASSWORD),
    ]));
    let used = browser.post("/setup", &fields).await;
    confirm_enrolment(&bench, &mut browser, used.location()).await;
    let page = browser.get("/admin/users").await;
    assert!(page.html.contains("ada.king"), "{}", page.html);
    assert_eq!(browser.get("/admin/users/add").await.status, StatusCode::OK);
}
