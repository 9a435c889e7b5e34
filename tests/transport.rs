//! What happens before and around HTTP: TLS versions, slowness, sizes, reload, the end.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use support::http::{Connection, FORM, request, token};
use support::party::{HANGS, Party};

#[test]
fn tls_1_1_gets_a_protocol_version_alert() {
    let party = Party::running(&[]);
    for version in [0x01, 0x02] {
        let mut stream = TcpStream::connect(party.address()).unwrap();
        stream.write_all(&client_hello(version)).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        // Alert record, fatal, protocol_version(70): RFC 8446 section 6.
        assert_eq!(answer[0], 21, "{answer:?}");
        assert_eq!(answer[5..7], [2, 70], "{answer:?}");
    }
    // The same hello with TLS 1.2 in it is answered with a ServerHello: it is the version that was refused.
    let mut stream = TcpStream::connect(party.address()).unwrap();
    stream.write_all(&client_hello(0x03)).unwrap();
    let mut answer = [0; 6];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!((answer[0], answer[5]), (22, 2));
}

/// A ClientHello (RFC 5246 section 7.4.1.2) of version 3.`minor` that offers ECDHE suites of TLS 1.2 and 1.0.
fn client_hello(minor: u8) -> Vec<u8> {
    let extensions: &[u8] = &[
        0, 10, 0, 4, 0, 2, 0, 23, // supported_groups: secp256r1
        0, 11, 0, 2, 1, 0, // ec_point_formats: uncompressed
        0, 13, 0, 4, 0, 2, 4, 3, // signature_algorithms: ecdsa_secp256r1_sha256
        0, 23, 0, 0, // extended_master_secret
    ];
    let suites: &[u8] = &[0xc0, 0x2b, 0xc0, 0x2c, 0xc0, 0x09, 0xc0, 0x0a];
    let mut hello = vec![3, minor];
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend([0, u8::try_from(suites.len()).unwrap()]);
    hello.extend(suites);
    hello.extend([1, 0]);
    hello.extend([0, u8::try_from(extensions.len()).unwrap()]);
    hello.extend(extensions);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    record
}

#[test]
fn plain_http_gets_no_http_answer() {
    let party = Party::running(&[]);
    let mut stream = TcpStream::connect(party.address()).unwrap();
    let asked = b"GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(asked).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(
        !String::from_utf8_lossy(&answer).contains("HTTP/"),
        "{answer:?}"
    );
    // And the plain listener knows neither OAuth nor FHIR.
    assert_eq!(party.internal("/health").0, 200);
    assert_eq!(
        party.internal("/.well-known/oauth-authorization-server").0,
        404
    );
    assert_eq!(party.internal("/fhir/metadata").0, 404);
    assert!(
        party
            .internal("/metrics")
            .1
            .contains("certificate_not_after_seconds{party=\"vro\"}")
    );
}

#[test]
fn both_versions_of_http_are_spoken() {
    let party = Party::running(&[]);
    for (offered, spoken) in [
        (&[&b"h2"[..], b"http/1.1"][..], &b"h2"[..]),
        (&[b"http/1.1"], b"http/1.1"),
    ] {
        let connection = Connection::open(&party, offered);
        assert_eq!(connection.0.conn.alpn_protocol(), Some(spoken));
    }
}

#[test]
fn every_answer_has_an_id_of_ours_and_the_headers_of_https() {
    let party = Party::running(&[]);
    let asked = [("X-Request-Id", "chosen-by-the-caller")];
    let mut ids = Vec::new();
    for path in [
        "/.well-known/oauth-authorization-server",
        "/nothing",
        "/fhir/Bundle/1",
        "/client/nothing",
    ] {
        let answer = request(&party, "GET", path, &asked, "");
        assert_eq!(
            answer.header("strict-transport-security"),
            Some("max-age=31536000"),
            "{path}"
        );
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        ids.push(answer.header("x-request-id").unwrap().to_owned());
    }
    assert!(ids.iter().all(|id| id.len() == 36), "{ids:?}");
    ids.dedup();
    assert_eq!(ids.len(), 4);
    // The audit names the exchange by it.
    let rows = party.json(&["audit", "list"]);
    assert!(
        rows.as_array()
            .unwrap()
            .iter()
            .any(|row| row["request_id"] == ids[2].as_str()),
        "{rows}"
    );
}

#[test]
fn an_unknown_path_is_404_in_the_form_of_its_role() {
    let party = Party::running(&[]);
    for path in ["/nothing", "/client/nothing", "/oauth2/nothing", "/fhirish"] {
        let answer = request(&party, "GET", path, &[], "");
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (404, Some("invalid_request")),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[test]
fn a_silent_peer_is_cut_off_at_each_stage() {
    let party = Party::running(&[
        // A busy machine needs some time for a handshake that is meant to succeed.
        "limits.handshake_timeout_s=3",
        "limits.header_timeout_s=3",
        "limits.body_timeout_s=1",
        "limits.idle_timeout_s=3",
    ]);
    let started = Instant::now();
    // Before the handshake.
    let mut stream = TcpStream::connect(party.address()).unwrap();
    stream.set_read_timeout(Some(HANGS)).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    // In the headers.
    let mut connection = Connection::http1(&party);
    connection.send("GET /nothing HTTP/1.1\r\nHost: loc");
    let answer = connection.answer();
    assert!(answer.is_none_or(|answer| answer.status == 408));
    // In the body: there is somebody to tell.
    for path in ["/oauth2/token", "/oauth2/introspect"] {
        let mut connection = Connection::http1(&party);
        connection.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n{}: {}\r\nContent-Length: 100\r\n\r\ngrant",
            FORM.0, FORM.1
        ));
        let answer = connection.answer().unwrap();
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (408, Some("invalid_request"))
        );
        assert!(connection.answer().is_none(), "the connection is over");
    }
    // Between two requests, and before the first.
    let mut connection = Connection::http1(&party);
    assert_eq!(connection.request("GET", "/nothing", &[], "").status, 404);
    assert!(connection.answer().is_none());
    assert!(Connection::open(&party, &[b"h2"]).answer().is_none());
    assert!(
        started.elapsed() > Duration::from_secs(12),
        "nothing was cut off before its time"
    );
}

#[test]
fn what_is_too_large_is_refused() {
    let party = Party::running(&["limits.form_bytes=1000", "limits.record_bytes=2000"]);
    let (small, large) = ("x".repeat(900), "x".repeat(2_001));
    assert_eq!(
        request(&party, "POST", "/oauth2/token", &[FORM], &small).status,
        401
    );
    let answer = request(&party, "POST", "/oauth2/token", &[FORM], &large);
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (413, Some("invalid_request"))
    );
    let answer = request(
        &party,
        "POST",
        "/fhir/Bundle",
        &[("Content-Type", "application/fhir+json")],
        &large,
    );
    assert_eq!(
        (answer.status, answer.json()["issue"][0]["code"].as_str()),
        (413, Some("too-long"))
    );
    // Without a length the body is counted as it comes.
    let mut connection = Connection::http1(&party);
    connection.send(&format!(
        "POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\n{}: {}\r\nTransfer-Encoding: chunked\r\n\r\n7d1\r\n{large}\r\n0\r\n\r\n",
        FORM.0, FORM.1
    ));
    assert_eq!(connection.answer().unwrap().status, 413);
}

/// A record has the size of many windows: who is refused before it was read is told so, and not cut off.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_arrives_while_the_body_is_still_being_sent() {
    use outbound::{Outbound, OutboundConfig, Purpose, Request, Trust};
    let party = Party::running(&[]);
    let clock = storage::Clock::system();
    let now = std::sync::Arc::new(move || clock.now());
    let outbound = Outbound::new(OutboundConfig::new(
        "test",
        Trust::only(party.ca_pem()),
        now,
    ))
    .unwrap();
    let fhir = ("Content-Type", "application/fhir+json");
    for size in [100_000, 1_000_000, 5_000_000] {
        let body = "x".repeat(size);
        // Over HTTP/1.1 the connection is good for the next request.
        let mut connection = Connection::http1(&party);
        for _ in 0..2 {
            let answer = connection.request("POST", "/fhir/Bundle", &[fhir], &body);
            assert_eq!(answer.status, 401, "{size}");
        }
        let url = format!("{}/fhir/Bundle", party.origin()).parse().unwrap();
        let request = Request::post(url, Purpose::Probe, fhir.1, body.into_bytes());
        assert_eq!(
            outbound.send(request).await.unwrap().status.as_u16(),
            401,
            "{size}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_over_http2_too() {
    use outbound::{Outbound, OutboundConfig, Purpose, Request, Trust};
    let party = Party::running(&["limits.form_bytes=1000", "limits.record_bytes=2000"]);
    let clock = storage::Clock::system();
    let now = std::sync::Arc::new(move || clock.now());
    let config = OutboundConfig::new("test", Trust::only(party.ca_pem()), now);
    // Our own client speaks HTTP/2 where it is offered.
    let outbound = Outbound::new(config).unwrap();
    for (path, size, media_type) in [
        ("/oauth2/token", 1_001, FORM.1),
        ("/fhir/Bundle", 2_001, "application/fhir+json"),
        ("/oauth2/token", 500_000, FORM.1),
    ] {
        let url = format!("{}{path}", party.origin()).parse().unwrap();
        let body = vec![b'x'; size];
        let sent = outbound
            .send(Request::post(url, Purpose::Probe, media_type, body))
            .await;
        assert_eq!(sent.unwrap().status.as_u16(), 413, "{path} {size}");
    }
}

#[test]
fn too_many_or_too_large_headers_are_431() {
    let party = Party::running(&[]);
    let mut connection = Connection::http1(&party);
    let many: String = (0..101).map(|number| format!("A{number}: x\r\n")).collect();
    connection.send(&format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"));
    assert_eq!(connection.answer().unwrap().status, 431);
    let mut connection = Connection::http1(&party);
    connection.send(&format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nA: {}\r\n\r\n",
        "x".repeat(17_000)
    ));
    assert_eq!(connection.answer().unwrap().status, 431);
    let fits = request(&party, "GET", "/nothing", &[("A", &"x".repeat(12_000))], "");
    assert_eq!(fits.status, 404);
}

#[test]
fn one_connection_too_many_may_only_introspect_and_more_are_closed() {
    let party = Party::running(&["limits.connections=2"]);
    let mut kept = Connection::http1(&party);
    let second = Connection::http1(&party);
    let answer = request(&party, "GET", "/fhir/metadata", &[], "");
    assert_eq!(
        (answer.status, answer.json()["issue"][0]["code"].as_str()),
        (503, Some("transient"))
    );
    let answer = request(&party, "POST", "/oauth2/token", &[FORM], "a=b");
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (503, Some("temporarily_unavailable"))
    );
    let answer = request(&party, "POST", "/oauth2/introspect", &[FORM], "token=x");
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (401, Some("invalid_client"))
    );
    // Beyond the four of those nobody is let in.
    let reserved: Vec<_> = (0..4).map(|_| settled(&party)).collect();
    assert_eq!(settled(&party).read(&mut [0]).unwrap_or(0), 0);
    assert_eq!(kept.request("GET", "/nothing", &[], "").status, 404);
    drop((second, reserved));
    let deadline = Instant::now() + HANGS;
    let ordinary = || {
        let mut connection = Connection::try_open(&party, &[b"http/1.1"])?;
        let status = connection.request("GET", "/nothing", &[], "").status;
        (status == 404).then_some(())
    };
    while ordinary().is_none() {
        assert!(Instant::now() < deadline, "the place was never given back");
    }
}

/// A connection that the server has accepted or refused by now: connections are accepted in their order.
fn settled(party: &Party) -> TcpStream {
    let stream = TcpStream::connect(party.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(15)))
        .unwrap();
    stream
}

#[test]
fn a_renewed_certificate_is_taken_into_use_without_a_signal() {
    let party = Party::running(&[]);
    let mut kept = Connection::http1(&party);
    let before = kept.certificate();
    let tls = party.directory().join("tls");
    let now = storage::Clock::system().now();
    let ca = vitalgate::certificates::DevelopmentCa::load_or_create(&tls, now).unwrap();
    let lifetime = jiff::SignedDuration::from_hours(48);
    let issued = ca.issue(&["localhost".to_owned()], lifetime).unwrap();
    // Half of it, as a renewal in two steps leaves it for a moment: the old pair goes on.
    std::fs::write(tls.join("certificate.pem"), &issued.certificate_pem).unwrap();
    party.has_logged("the old one stays in use");
    assert_eq!(Connection::http1(&party).certificate(), before);
    std::fs::write(tls.join("private-key.pem"), &issued.private_key_pem).unwrap();
    party.has_logged("new certificate in use");
    assert_ne!(Connection::http1(&party).certificate(), before);
    assert_eq!(kept.request("GET", "/nothing", &[], "").status, 404);
    // It ends in two days.
    party.has_logged("the certificate expires within a week");
}

#[test]
fn sighup_names_what_it_could_not_change() {
    let party = Party::running(&[]);
    party.set(&[
        "limits.connections=7",
        "authorization_server.access_token_lifetime_s=60",
    ]);
    party.signal("HUP");
    party.has_logged("but for what needs a restart: limits");
}

#[test]
fn sighup_changes_the_certificate_and_drops_no_connection() {
    let party = Party::running(&[]);
    let mut kept = Connection::http1(&party);
    let before = kept.certificate();
    let tls = party.directory().join("tls");
    let now = storage::Clock::system().now();
    let ca = vitalgate::certificates::DevelopmentCa::load_or_create(&tls, now).unwrap();
    let issued = ca
        .issue(
            &["localhost".to_owned()],
            jiff::SignedDuration::from_hours(48),
        )
        .unwrap();
    // A new certificate with the old key does not fit: everything stays.
    std::fs::write(tls.join("certificate.pem"), &issued.certificate_pem).unwrap();
    party.signal("HUP");
    party.has_logged("do not belong together");
    assert_eq!(Connection::http1(&party).certificate(), before);
    std::fs::write(tls.join("private-key.pem"), &issued.private_key_pem).unwrap();
    party.signal("HUP");
    party.has_logged("INFO reloaded");
    assert_ne!(Connection::http1(&party).certificate(), before);
    assert_eq!(kept.request("GET", "/nothing", &[], "").status, 404);
}

#[test]
fn sigterm_lets_requests_finish_while_introspection_goes_on() {
    let mut party = Party::running(&[]);
    let secret = party.add_client("hospital", "system/Bundle.crs");
    let issued = token(&party, "hospital", &secret).json();
    let bearer = format!("Bearer {}", issued["access_token"].as_str().unwrap());
    // A record that is half sent: the resource server has introspected its token and reads.
    let mut uploading = Connection::http1(&party);
    uploading.send(&format!(
        "POST /fhir/Bundle HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer}\r\nContent-Type: application/fhir+json\r\nContent-Length: 2\r\n\r\n{{"
    ));
    let (mut fhir, mut oauth) = (Connection::http1(&party), Connection::http1(&party));
    assert_eq!(fhir.request("GET", "/fhir/metadata", &[], "").status, 200);
    while !party
        .internal("/metrics")
        .1
        .contains("introspections_total{party=\"vro\",outcome=\"active\"} 1")
    {}
    party.signal("TERM");
    while party.internal("/ready").0 != 503 {}
    let refused = fhir.request("GET", "/fhir/metadata", &[], "");
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(refused.json()["issue"][0]["code"], "transient");
    let answer = oauth.request("POST", "/oauth2/introspect", &[FORM], "token=x");
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (401, Some("invalid_client"))
    );
    uploading.send("}");
    assert_eq!(uploading.answer().unwrap().status, 422);
    assert_eq!(party.ended().code(), Some(0));
}
