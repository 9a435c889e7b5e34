//! Exchanges with a real HTTPS server: what is refused, bounded, reused and observed.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use outbound::testing::{Answer, Authority, CertificateFor, Server};
use outbound::{
    ConfigError, ConnectTo, Outbound, OutboundConfig, OutboundError, Purpose, Request, Step, Trust,
};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use url::Url;

fn config(trust: Trust) -> OutboundConfig {
    OutboundConfig::new("test", trust, Arc::new(|| Timestamp::UNIX_EPOCH))
}

fn outbound(trust: Trust) -> Outbound {
    Outbound::new(config(trust)).unwrap()
}

fn get(url: Url) -> Request {
    Request::get(url, Purpose::Read)
}

fn tls_reason(error: OutboundError) -> String {
    match error {
        OutboundError::Tls { reason, .. } => reason,
        other => panic!("not a TLS error: {other:?}"),
    }
}

#[tokio::test]
async fn sends_the_body_and_reads_the_answer() {
    let authority = Authority::new();
    let server = Server::start(&authority, |_, asked| {
        assert_eq!(asked.method, "POST");
        Answer::json(201, asked.body.clone()).header("location", "/x")
    })
    .await;
    let request = Request::post(
        server.url("/a?b=c"),
        Purpose::Create,
        "text/plain",
        b"hello".to_vec(),
    );
    let answer = outbound(authority.trust()).send(request).await.unwrap();
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body, b"hello");
    assert_eq!(answer.media_type().unwrap(), "application/json");
    assert_eq!(answer.header(&outbound::header::LOCATION), Some("/x"));
    let seen = server.recorded();
    assert_eq!(seen[0].target, "/a?b=c");
    assert_eq!(seen[0].header("content-type"), Some("text/plain"));
}

#[tokio::test]
async fn follows_no_redirect() {
    let authority = Authority::new();
    let server = Server::start(&authority, |origin, _| {
        Answer::empty(302).header("location", format!("{origin}/elsewhere"))
    })
    .await;
    let answer = outbound(authority.trust())
        .send(get(server.url("/")))
        .await
        .unwrap();
    assert_eq!(answer.status, 302);
    assert_eq!(server.count("/elsewhere"), 0);
    assert_eq!(server.recorded().len(), 1);
}

#[tokio::test]
async fn plain_http_and_user_information_are_not_sent() {
    let authority = Authority::new();
    let server = Server::start(&authority, |_, _| Answer::empty(200)).await;
    let outbound = outbound(authority.trust());
    let plain = format!("http://localhost:{}/", server.address().port());
    let named = format!("https://user:pw@localhost:{}/", server.address().port());
    for (url, text) in [
        (plain, "the URL is not https"),
        (named, "the URL holds user information"),
    ] {
        let error = outbound
            .send(get(Url::parse(&url).unwrap()))
            .await
            .unwrap_err();
        assert_eq!(error, OutboundError::NotAllowed(text));
        assert!(error.is_before_sending());
        assert!(!error.to_string().contains("pw"));
    }
    assert!(server.recorded().is_empty());
}

#[tokio::test]
async fn unknown_issuer_is_named() {
    let server = Server::start(&Authority::new(), |_, _| Answer::empty(200)).await;
    let error = outbound(Authority::new().trust())
        .send(get(server.url("/")))
        .await
        .unwrap_err();
    assert!(error.is_before_sending());
    assert_eq!(tls_reason(error), "certificate of an unknown issuer");
    assert!(server.recorded().is_empty());
}

#[tokio::test]
async fn platform_trust_does_not_include_a_private_authority() {
    let authority = Authority::new();
    let server = Server::start(&authority, |_, _| Answer::empty(200)).await;
    let both = Trust {
        platform: true,
        ..authority.trust()
    };
    // A machine without any authority of its own has no platform trust to build on.
    if let Ok(outbound) = Outbound::new(config(both)) {
        assert_eq!(
            outbound.send(get(server.url("/"))).await.unwrap().status,
            200
        );
    }
    if let Ok(outbound) = Outbound::new(config(Trust::platform())) {
        let error = outbound.send(get(server.url("/"))).await.unwrap_err();
        assert_eq!(tls_reason(error), "certificate of an unknown issuer");
    }
}

#[tokio::test]
async fn expired_future_and_foreign_certificates_are_named() {
    let authority = Authority::new();
    for (name, years, text) in [
        ("localhost", (2019, 2020), "certificate expired"),
        ("localhost", (2110, 2120), "certificate not valid yet"),
        (
            "elsewhere.example",
            (2020, 2120),
            "certificate for another name",
        ),
    ] {
        let certificate = CertificateFor { name, years };
        let server = Server::start_as(&authority, &certificate, |_, _| Answer::empty(200)).await;
        let error = outbound(authority.trust())
            .send(get(server.url("/")))
            .await
            .unwrap_err();
        assert_eq!(tls_reason(error), text);
    }
}

#[tokio::test]
async fn a_port_without_tls_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
    });
    let url = Url::parse(&format!("https://localhost:{port}/")).unwrap();
    let error = outbound(Authority::new().trust())
        .send(get(url))
        .await
        .unwrap_err();
    assert_eq!(
        tls_reason(error),
        "the peer does not speak TLS on this port"
    );
}

#[tokio::test]
async fn a_refused_connection_and_an_unknown_name_are_named() {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let outbound = outbound(Authority::new().trust());
    let url = Url::parse(&format!("https://localhost:{free}/secret?token=t")).unwrap();
    let error = outbound.send(get(url)).await.unwrap_err();
    assert!(
        matches!(&error, OutboundError::Connect { host, .. } if *host == format!("localhost:{free}"))
    );
    assert!(!error.to_string().contains("token"));
    // RFC 6761 section 6.4: this name never resolves.
    let url = Url::parse("https://nowhere.invalid/").unwrap();
    let error = outbound.send(get(url)).await.unwrap_err();
    assert_eq!(error.kind(), "name");
    assert!(error.is_before_sending());
}

#[tokio::test]
async fn a_silent_peer_runs_into_the_connect_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}/",
        listener.local_addr().unwrap().port()
    );
    let mut config = config(Authority::new().trust());
    config.connect_timeout = Duration::from_millis(100);
    let outbound = Outbound::new(config).unwrap();
    let error = outbound
        .send(get(Url::parse(&url).unwrap()))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            OutboundError::Timeout {
                step: Step::Connecting,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.is_before_sending());
}

#[tokio::test]
async fn a_slow_answer_runs_into_the_request_deadline() {
    let authority = Authority::new();
    let server = Server::start(&authority, |_, _| {
        Answer::empty(200).after(Duration::from_secs(600))
    })
    .await;
    let request = get(server.url("/")).deadline(Duration::from_secs(3));
    let error = outbound(authority.trust()).send(request).await.unwrap_err();
    assert!(
        matches!(
            error,
            OutboundError::Timeout {
                step: Step::Answering,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(!error.is_before_sending());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_one_at_the_limit_read() {
    let authority = Authority::new();
    let server = Server::start(&authority, |_, asked| {
        let length = asked.target.trim_start_matches('/').parse().unwrap();
        Answer::json(200, vec![b'x'; length])
    })
    .await;
    let mut config = config(authority.trust());
    config.max_response_bytes = 1000;
    let outbound = Outbound::new(config).unwrap();
    assert_eq!(
        outbound
            .send(get(server.url("/1000")))
            .await
            .unwrap()
            .body
            .len(),
        1000
    );
    let error = outbound.send(get(server.url("/1001"))).await.unwrap_err();
    assert!(
        matches!(error, OutboundError::TooLarge { limit: 1000, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_endless_body_without_a_length_is_cut_off() {
    let authority = Authority::new();
    let server = Server::start(&authority, |_, _| {
        Answer::json(200, vec![b'x'; 5000]).unsized_body()
    })
    .await;
    let mut config = config(authority.trust());
    config.max_response_bytes = 1000;
    let error = Outbound::new(config)
        .unwrap()
        .send(get(server.url("/")))
        .await
        .unwrap_err();
    assert!(
        matches!(error, OutboundError::TooLarge { limit: 1000, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn connections_are_reused() {
    let authority = Authority::new();
    let server = Server::start(&authority, |_, _| Answer::empty(200)).await;
    let outbound = outbound(authority.trust());
    for _ in 0..5 {
        outbound.send(get(server.url("/"))).await.unwrap();
    }
    assert!(server.recorded().iter().all(|asked| asked.connection == 0));
}

#[tokio::test]
async fn a_connect_address_replaces_name_resolution_and_port() {
    let authority = Authority::new();
    let certificate = CertificateFor {
        name: "as.example",
        ..CertificateFor::default()
    };
    let server = Server::start_as(&authority, &certificate, |_, _| Answer::empty(200)).await;
    for port in [443, 8443, server.address().port()] {
        let mut config = config(authority.trust());
        let host = "as.example".to_owned();
        config.connect_to = vec![ConnectTo {
            host,
            port,
            address: server.address(),
        }];
        let url = Url::parse(&format!("https://as.example:{port}/")).unwrap();
        let answer = Outbound::new(config).unwrap().send(get(url)).await.unwrap();
        assert_eq!(answer.status, 200, "port {port}");
        let expected = if port == 443 {
            "as.example".to_owned()
        } else {
            format!("as.example:{port}")
        };
        assert_eq!(server.recorded().last().unwrap().authority, expected);
    }
}

#[tokio::test]
async fn the_observer_sees_requests_answers_and_failures() {
    let authority = Authority::new();
    let server = Server::start(&authority, |_, _| Answer::json(418, "{}")).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let mut config = config(authority.trust());
    config.observer = Some(Arc::new(move |x| {
        log.lock().unwrap().push((
            x.from.clone(),
            x.purpose,
            x.status,
            x.error.clone(),
            x.started,
        ));
    }));
    let outbound = Outbound::new(config).unwrap();
    outbound.send(get(server.url("/"))).await.unwrap();
    let _ = outbound
        .send(get(Url::parse("http://localhost/").unwrap()))
        .await
        .unwrap_err();
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].0, "test");
    assert_eq!(seen[0].1.to_string(), "read");
    assert_eq!(seen[0].2.unwrap(), 418);
    assert_eq!(seen[0].4, Timestamp::UNIX_EPOCH);
    assert_eq!(seen[1].2, None);
    assert_eq!(seen[1].3.as_ref().unwrap().kind(), "not_allowed");
}

#[test]
fn unusable_settings_are_refused() {
    let nothing = Outbound::new(config(Trust::default()));
    assert!(matches!(nothing, Err(ConfigError::NoTrust)));
    let text = Outbound::new(config(Trust::only("no certificate")));
    assert!(matches!(text, Err(ConfigError::Ca(_))));
    let mut proxied = config(Authority::new().trust());
    proxied.proxy = Some(Url::parse("ftp://proxy.example").unwrap());
    assert!(matches!(Outbound::new(proxied), Err(ConfigError::Proxy)));
    let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let entry = |host: &str| ConnectTo {
        host: host.into(),
        port: 443,
        address,
    };
    for entries in [
        vec![entry("10.0.0.1")],
        vec![entry("a.example"), entry("A.example")],
    ] {
        let mut routed = config(Authority::new().trust());
        routed.connect_to = entries;
        assert!(matches!(
            Outbound::new(routed),
            Err(ConfigError::ConnectTo(_))
        ));
    }
}

#[test]
fn debug_texts_hold_no_secrets() {
    let url = Url::parse("https://a.example/b?code=s3cret").unwrap();
    let request = Request::post(url, Purpose::Token, "text/plain", b"s3cret".to_vec())
        .header(outbound::header::AUTHORIZATION, "s3cret".parse().unwrap());
    assert!(!format!("{request:?}").contains("s3cret"));
}
