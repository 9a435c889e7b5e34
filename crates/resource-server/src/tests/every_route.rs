//! Every interaction over the real router: who is kept out of it, and that he learns nothing by it.
//!
//! [`place`] makes the compiler demand a line here for every new interaction.

use fhir::Interaction;
use fhir::interaction::Document;
use outbound::testing::{Answer as Told, Authority, Server};
use storage::testing::each_engine;

use super::strangers::ask;
use super::*;

/// Where an interaction stands in [`ROUTES`]. No `_`: an interaction without a line does not compile.
fn place(interaction: &Interaction) -> usize {
    match interaction {
        Interaction::Metadata => 0,
        Interaction::SmartConfiguration => 1,
        Interaction::Read { .. } => 2,
        Interaction::VersionRead { .. } => 3,
        Interaction::History { id: Some(_), .. } => 4,
        Interaction::History { id: None, .. } => 5,
        Interaction::Update { .. } => 6,
        Interaction::Delete { .. } => 7,
        Interaction::Batch => 8,
        Interaction::Validate => 9,
        Interaction::Original { .. } => 10,
        Interaction::Create { .. } => 11,
        Interaction::Search { .. } => 12,
        Interaction::AuditSearch { .. } => 13,
        Interaction::PostedSearch { .. } => 14,
        Interaction::Document {
            which: Document::Id(_),
        } => 15,
        Interaction::Document {
            which: Document::Search(_),
        } => 16,
        Interaction::PostedDocument { .. } => 17,
    }
}

/// Who needs what for it.
#[derive(Clone, Copy, PartialEq)]
enum Needs {
    /// No token.
    Nothing,
    /// This permission on this type.
    Scope(&'static str),
    /// This permission on this type, and to read the Bundles that are handed out.
    WithBundle(&'static str),
    /// To read Bundles; what the body asks for needs what this word says as well.
    Posted(&'static str),
    /// Each entry what it needs itself.
    Entries,
}
use Needs::{Entries, Nothing, Posted, Scope, WithBundle};

impl Needs {
    /// Every word without any one of which the answer is 403.
    fn words(self) -> Vec<&'static str> {
        match self {
            Nothing | Entries => Vec::new(),
            Scope(word) => vec![word],
            WithBundle(word) | Posted(word) => vec![word, "Bundle.r"],
        }
    }
}

/// Method, path with `ID` and `VALUE` of a record, the permission in SMART's words.
const ROUTES: [&[(&str, &str, Needs)]; 18] = [
    &[("GET", "metadata", Nothing)],
    &[("GET", ".well-known/smart-configuration", Nothing)],
    &[
        ("GET", "Bundle/ID", Scope("Bundle.r")),
        ("HEAD", "Bundle/ID", Scope("Bundle.r")),
        ("GET", "Composition/ID", Scope("Composition.r")),
        ("GET", "AuditEvent/ID", Scope("AuditEvent.r")),
        ("GET", "Patient/ID-1", Scope("Patient.r")),
        ("GET", "Practitioner/ID-1", Scope("Practitioner.r")),
        ("GET", "RelatedPerson/ID-1", Scope("RelatedPerson.r")),
        ("GET", "Encounter/ID-1", Scope("Encounter.r")),
        ("GET", "Observation/ID-1", Scope("Observation.r")),
        ("GET", "Condition/ID-1", Scope("Condition.r")),
        ("GET", "Procedure/ID-1", Scope("Procedure.r")),
        ("GET", "Location/ID-1", Scope("Location.r")),
        ("GET", "Organization/ID-1", Scope("Organization.r")),
        ("GET", "Coverage/ID-1", Scope("Coverage.r")),
    ],
    &[
        ("GET", "Bundle/ID/_history/1", Scope("Bundle.r")),
        ("GET", "Composition/ID/_history/1", Scope("Composition.r")),
    ],
    &[
        ("GET", "Bundle/ID/_history", Scope("Bundle.r")),
        ("GET", "Composition/ID/_history", Scope("Composition.r")),
    ],
    &[
        ("GET", "Bundle/_history", Scope("Bundle.s")),
        ("GET", "Composition/_history", Scope("Composition.s")),
    ],
    &[("PUT", "Bundle/ID", Scope("Bundle.u"))],
    &[("DELETE", "Bundle/ID", Scope("Bundle.d"))],
    &[("POST", "", Entries)],
    &[("POST", "Bundle/$validate", Scope("Bundle.c"))],
    &[("GET", "Bundle/ID/$original", Scope("Bundle.r"))],
    &[("POST", "Bundle", Scope("Bundle.c"))],
    &[
        ("GET", "Bundle?identifier=VALUE", Scope("Bundle.s")),
        ("GET", "Bundle?_id=ID", Scope("Bundle.s")),
        (
            "GET",
            "Bundle?identifier=VALUE&_summary=count",
            Scope("Bundle.s"),
        ),
        (
            "GET",
            "Composition?identifier=VALUE",
            Scope("Composition.s"),
        ),
    ],
    &[("GET", "AuditEvent?_count=1", Scope("AuditEvent.s"))],
    &[
        ("POST", "Bundle/_search?identifier=VALUE", Scope("Bundle.s")),
        (
            "POST",
            "Composition/_search?identifier=VALUE",
            Scope("Composition.s"),
        ),
        ("POST", "AuditEvent/_search?_count=1", Scope("AuditEvent.s")),
    ],
    &[
        (
            "GET",
            "Composition/ID/$document",
            WithBundle("Composition.r"),
        ),
        (
            "GET",
            "Composition/$document?id=ID",
            WithBundle("Composition.r"),
        ),
    ],
    &[(
        "GET",
        "Composition/$document?identifier=VALUE",
        WithBundle("Composition.s"),
    )],
    &[
        (
            "POST",
            "Composition/$document?identifier=VALUE",
            Posted("Composition.s"),
        ),
        (
            "POST",
            "Composition/$document?id=ID",
            Posted("Composition.r"),
        ),
        ("POST", "Composition/ID/$document", Posted("Composition.r")),
    ],
];

/// The record of the hospital, and one that nobody has.
const HOSTED: &str = "2026MA000001";
const ABSENT: (&str, &str) = ("01900000-0000-7000-8000-000000000000", "2026MA999999");

/// What the issuer says of a token, by its name.
fn told(token: &str) -> String {
    let name = token.trim_start_matches("vro_");
    match name {
        "hospital" => token_with("system/*.cruds", &[]),
        "organization" => token_with("system/*.cruds", &[("Hospital A", "Hospital B")]),
        "jurisdiction" => token_with("system/*.cruds", &[(r#"["MA"]"#, r#"["NJ"]"#)]),
        "type" => token_with("system/*.cruds", &[(r#"["birth"]"#, r#"["fetal-death"]"#)]),
        // `lacking-Bundle.r`: everything but that permission on that type.
        other => token_with(&all_but(other.trim_start_matches("lacking-")), &[]),
    }
}

fn token_with(scope: &str, replacements: &[(&str, &str)]) -> String {
    token(replacements).replace("system/*.cruds", scope)
}

/// Words for all permissions on all types but one on one.
fn all_but(lacking: &str) -> String {
    let types = [
        "Bundle",
        "Composition",
        "AuditEvent",
        "Patient",
        "Practitioner",
        "RelatedPerson",
        "Encounter",
        "Observation",
        "Condition",
        "Procedure",
        "Location",
        "Organization",
        "Coverage",
    ];
    let words = types.iter().flat_map(|kind| {
        "cruds"
            .chars()
            .map(move |letter| format!("{kind}.{letter}"))
    });
    let words = words.filter(|word| word != lacking);
    words
        .map(|word| format!("system/{word}"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn issuer(asked: &outbound::testing::Recorded) -> Told {
    let token = asked.form("token").concat();
    Told::json(200, told(&token))
}

fn request(method: &str, path: &str, token: Option<&str>) -> Request<Body> {
    let form = path.contains("_search");
    let media_type = if form {
        "application/x-www-form-urlencoded"
    } else {
        "application/fhir+json"
    };
    let body = match (method, path) {
        ("POST", _) if path.contains("$document") => r#"{"resourceType":"Parameters"}"#.to_owned(),
        ("PUT" | "POST", _) if !form => birth(7),
        _ => String::new(),
    };
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/fhir/{path}"));
    request = request.header(header::CONTENT_TYPE, media_type);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer vro_{token}"));
    }
    request.body(Body::from(body)).unwrap()
}

fn every_route() -> impl Iterator<Item = (&'static str, &'static str, Needs)> {
    ROUTES.into_iter().flatten().copied()
}

/// A server with a record of the hospital, whose issuer answers by the name of the token.
async fn world(db: Db) -> (ResourceServer, Server, String) {
    let authority = Authority::new();
    let issuer = Server::start(&authority, |_, asked| issuer(asked)).await;
    let clock = Clock::fixed(START.parse().unwrap());
    let now = clock.clone();
    let outbound = OutboundConfig::new("vro", authority.trust(), Arc::new(move || now.now()));
    let outbound = Outbound::new(outbound).unwrap();
    let base = Url::parse("https://vro.example/fhir").unwrap();
    let mut config = Config::new("vro", base, "State VRO", RecordKeys::testing());
    // What is looked at here is not how fast a machine is.
    config.introspection_deadline = std::time::Duration::from_mins(10);
    config.issuers = vec![TrustedIssuer {
        issuer: issuer.origin(),
        token_prefix: Some("vro".to_owned()),
        introspection_endpoint: Some(issuer.url("/introspect")),
        client_authentication: ClientAuthentication {
            client_id: "rs".to_owned(),
            client_secret: Secret::received("a-secret".to_owned()),
        },
        default_role: None,
        signed_introspection: false,
        limits: IssuerLimits::none(),
    }];
    let server = ResourceServer::new(db, clock, Random::seeded(1), config, outbound).unwrap();
    let id = stored(&server, HOSPITAL, &birth(1)).await;
    (server, issuer, id)
}

fn at(path: &str, id: &str, value: &str) -> String {
    path.replace("ID", id).replace("VALUE", value)
}

#[test]
fn every_interaction_has_its_line() {
    for (number, routes) in ROUTES.iter().enumerate() {
        for (method, path, needs) in *routes {
            let path = at(path, ABSENT.0, ABSENT.1);
            let (path, query) = path.split_once('?').unwrap_or((&path, ""));
            let interaction = Interaction::parse(method, path, Some(query)).unwrap();
            assert_eq!(place(&interaction), number, "{method} {path}");
            let expected = match needs {
                Scope(word) | WithBundle(word) => *word,
                Posted(_) => "Bundle.r",
                Nothing | Entries => continue,
            };
            let letter = interaction.permission().letter();
            let word = format!("{}.{letter}", interaction.resource_type());
            assert_eq!(word, expected, "{method} {path}");
            let whole = matches!(needs, WithBundle(_));
            assert_eq!(interaction.hands_out_bundle(), whole, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_told() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let (server, _issuer, id) = world(db).await;
        for (method, path, _) in every_route().filter(|route| route.2 != Nothing) {
            let there = ask(&server, request(method, &at(path, &id, HOSTED), None)).await;
            let absent = request(method, &at(path, ABSENT.0, ABSENT.1), None);
            let absent = ask(&server, absent).await;
            assert_eq!(there.status, 401, "{method} {path}");
            assert_eq!(shown(&there, ""), shown(&absent, ""), "{method} {path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_that_lacks_the_permission_is_403_whatever_is_there() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let (server, _issuer, id) = world(db).await;
        let each = |(method, path, needs): (&'static str, &'static str, Needs)| {
            let words = needs.words().into_iter();
            words.map(move |word| (method, path, word))
        };
        for (method, path, word) in every_route().flat_map(each) {
            let token = format!("lacking-{word}");
            let there = request(method, &at(path, &id, HOSTED), Some(&token));
            let there = ask(&server, there).await;
            let absent = request(method, &at(path, ABSENT.0, ABSENT.1), Some(&token));
            let absent = ask(&server, absent).await;
            assert_eq!(there.status, 403, "{method} {path}");
            let challenge = there.header("www-authenticate");
            assert!(
                challenge.contains(r#"error="insufficient_scope""#),
                "{challenge}"
            );
            assert!(
                challenge.contains(&format!(r#"scope="system/{word}""#)),
                "{challenge}"
            );
            assert_eq!(shown(&there, ""), shown(&absent, ""), "{method} {path}");
        }
    })
    .await;
}

/// To another organization, another jurisdiction and another record type a record is as good as absent.
#[tokio::test]
async fn to_whoever_does_not_reach_a_record_it_is_absent() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let (server, _issuer, id) = world(db).await;
        let names_one = |path: &str| path.contains("ID") || path.contains("VALUE");
        for (method, path, _) in every_route().filter(|(_, path, _)| names_one(path)) {
            for stranger in ["organization", "jurisdiction", "type"] {
                let there = request(method, &at(path, &id, HOSTED), Some(stranger));
                let there = ask(&server, there).await;
                let absent = request(method, &at(path, ABSENT.0, ABSENT.1), Some(stranger));
                let absent = ask(&server, absent).await;
                assert_eq!(there.status, absent.status, "{stranger} {method} {path}");
                let there = shown(&there, &format!("{id} {HOSTED}"));
                let absent = shown(&absent, &format!("{} {}", ABSENT.0, ABSENT.1));
                assert_eq!(there, absent, "{stranger} {method} {path}");
            }
        }
        // The owner does reach it, or nothing above would mean anything.
        for path in ["Bundle/ID", "Bundle/ID/$original", "Composition/ID"] {
            let answer = ask(
                &server,
                request("GET", &at(path, &id, HOSTED), Some("hospital")),
            )
            .await;
            assert_eq!(answer.status, 200, "{path}");
        }
    })
    .await;
}

/// A record of another jurisdiction or type than the token's is not taken (403), and another organization's
/// record answers no condition.
#[tokio::test]
async fn creates_reach_no_further_than_reads() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let (server, _issuer, _) = world(db).await;
        for stranger in ["jurisdiction", "type"] {
            let answer = ask(&server, request("POST", "Bundle", Some(stranger))).await;
            answer.assert_refused(403, "forbidden");
        }
        let mut repeated = conditional(&birth(1), &format!("identifier={IJE}|{HOSTED}"));
        let token = "Bearer vro_organization".parse().unwrap();
        repeated.headers_mut().insert(header::AUTHORIZATION, token);
        assert_eq!(ask(&server, repeated).await.status, 201);
    })
    .await;
}

/// Everything of an answer but the names that were asked for.
fn shown(answer: &Answer, names: &str) -> String {
    let mut text = format!(
        "{} {:?} {}",
        answer.status,
        answer.headers,
        String::from_utf8_lossy(&answer.body)
    );
    for name in names.split(' ').filter(|name| !name.is_empty()) {
        text = text.replace(name, "NAME");
    }
    text
}

/// A batch of one interaction, as that interaction's route would ask for it.
fn batch_of(method: &str, path: &str, token: &str) -> Request<Body> {
    let resource = match method {
        "PUT" | "POST" => format!(r#""resource":{},"#, birth(7)),
        _ => String::new(),
    };
    let entry = format!(r#"{{{resource}"request":{{"method":"{method}","url":"{path}"}}}}"#);
    let body = format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[{entry}]}}"#);
    let mut request = request("POST", "", Some(token));
    *request.body_mut() = Body::from(body);
    request
}

/// The status of the only entry.
fn entry_status(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", shown(answer, ""));
    let status = &answer.json()["entry"][0]["response"]["status"];
    status
        .as_str()
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_owned()
}

/// What comes in a batch is decided entry by entry, as if it had come alone.
#[tokio::test]
async fn a_batch_is_no_way_around() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let (server, _issuer, id) = world(db).await;
        let single = |(method, path, _): &(&str, &str, Needs)| {
            *method != "HEAD" && !path.contains("_search") && !path.contains("$validate")
        };
        for (method, path, needs) in every_route().filter(single) {
            let (Scope(word) | WithBundle(word)) = needs else {
                continue;
            };
            let lacking = format!("lacking-{word}");
            let answer = batch_of(method, &at(path, &id, HOSTED), &lacking);
            // What is not offered in a batch is not offered to anybody.
            let absent = batch_of(method, &at(path, ABSENT.0, ABSENT.1), "organization");
            let offered = entry_status(&ask(&server, absent).await) != "405";
            let expected = if offered || method == "PUT" {
                "403"
            } else {
                "405"
            };
            let status = entry_status(&ask(&server, answer).await);
            assert_eq!(status, expected, "{method} {path}");
            if !path.contains("ID") && !path.contains("VALUE") {
                continue;
            }
            for stranger in ["organization", "jurisdiction", "type"] {
                let there = batch_of(method, &at(path, &id, HOSTED), stranger);
                let there = ask(&server, there).await;
                let absent = batch_of(method, &at(path, ABSENT.0, ABSENT.1), stranger);
                let absent = ask(&server, absent).await;
                let there = shown(&there, &format!("{id} {HOSTED}"));
                let absent = shown(&absent, &format!("{} {}", ABSENT.0, ABSENT.1));
                assert_eq!(there, absent, "{stranger} {method} {path}");
            }
        }
        let own = batch_of("GET", &at("Bundle/ID", &id, HOSTED), "hospital");
        assert_eq!(entry_status(&ask(&server, own).await), "200");
    })
    .await;
}

/// What needs no token is refused without one: 401 would say that a token helps.
#[tokio::test]
async fn public_documents_are_json_with_or_without_a_token() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let (server, _issuer, _) = world(db).await;
        let asked = |path: &str, accept: &'static str| {
            let mut request = request("GET", path, None);
            let accept = header::HeaderValue::from_static(accept);
            request.headers_mut().insert(header::ACCEPT, accept);
            request
        };
        for path in ["metadata", ".well-known/smart-configuration"] {
            let answer = ask(&server, asked(path, "application/fhir+xml")).await;
            answer.assert_refused(406, "not-supported");
            let answer = asked(&format!("{path}?_format=xml"), "*/*");
            ask(&server, answer)
                .await
                .assert_refused(406, "not-supported");
        }
        let records = ask(&server, asked("Bundle/1", "application/fhir+xml")).await;
        assert_eq!(records.status, 401);
    })
    .await;
}
