//! A real nginx before a party, with the configuration that docs/behind-a-proxy.md shows.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::http::{self, Answer, Connection, FORM};
use support::party::{HANGS, Party, free_port, text};
use vitalgate::sample::{self, Form, Kind};

const PAGE: &str = include_str!("../docs/behind-a-proxy.md");
/// Loopback addresses that stand for the proxy and for somebody beyond it.
const TRUSTED: &str = "listen.trusted_proxies=[\"127.0.0.1/32\"]";

/// A running nginx; it ends with this value.
struct Nginx {
    child: Child,
    port: u16,
    _home: tempfile::TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether nginx is there. In CI it has to be.
fn is_installed() -> bool {
    let found = Command::new("nginx")
        .arg("-v")
        .stderr(Stdio::null())
        .status();
    let found = found.is_ok_and(|status| status.success());
    assert!(
        found || std::env::var_os("CI").is_none(),
        "nginx is not installed, and in CI nothing is skipped"
    );
    if !found {
        eprintln!("SKIPPED: nginx is not installed");
    }
    found
}

/// Starts nginx before a party whose origin is nginx's.
fn start(party: &Party, port: u16) -> Nginx {
    let home = tempfile::tempdir().unwrap();
    let block = PAGE
        .split("```nginx\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let tls = party.directory().join("tls");
    let file = |name: &str| tls.join(name).display().to_string();
    let server = block
        .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"))
        .replace("/etc/ssl/vro.example.pem", &file("certificate.pem"))
        .replace("/etc/ssl/private/vro.example.pem", &file("private-key.pem"))
        .replace("/etc/ssl/vitalgate-ca.pem", &file("ca.pem"))
        .replace("10.1.0.5:8443", &format!("127.0.0.1:{}", party.port))
        .replace("vro.example", "localhost");
    let here = home.path().display();
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {here}/{name};\n"))
        .concat();
    // The rest is what every nginx.conf has.
    let config = format!(
        "daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;\nworker_processes 1;\n\
         events {{ worker_connections 64; }}\nhttp {{\naccess_log off;\n{paths}\n{server}}}\n"
    );
    let config_file = home.path().join("nginx.conf");
    std::fs::write(&config_file, config).unwrap();
    let child = Command::new("nginx")
        .args(["-e", "stderr", "-c"])
        .arg(&config_file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(home.path().join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let nginx = Nginx {
        child,
        port,
        _home: home,
    };
    let until = Instant::now() + HANGS;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        let log = nginx._home.path().join("stderr");
        let said = std::fs::read_to_string(log).unwrap();
        assert!(Instant::now() < until, "nginx does not listen: {said}");
        std::thread::sleep(Duration::from_millis(20));
    }
    nginx
}

/// A party that everybody knows under the origin of the nginx before it.
fn party_and_proxy(settings: &[&str]) -> (Party, Nginx) {
    let port = free_port();
    let mut party = Party::init("vro");
    let direct = party.origin();
    let public = format!("https://localhost:{port}");
    // The origin stands in several places: as issuer of its own resource server too.
    let config = std::fs::read_to_string(party.config()).unwrap();
    std::fs::write(party.config(), config.replace(&direct, &public)).unwrap();
    party.set(settings);
    let nginx = start(&party, port);
    party.start();
    (party, nginx)
}

fn through(nginx: &Nginx, party: &Party) -> Connection {
    let address = SocketAddr::from(([127, 0, 0, 1], nginx.port));
    Connection::to(address, &party.ca_pem(), &[b"http/1.1"]).unwrap()
}

fn add_client(party: &Party, nginx: &Nginx) -> String {
    let fhir = format!("https://localhost:{}/fhir", nginx.port);
    party.json(&[
        "resource-server",
        "add",
        &fhir,
        "--name",
        "here",
        "--organization",
        "VRO",
        "--client-id",
        "own-resource-server",
    ]);
    let arguments = [
        "client",
        "add",
        "api",
        "--client-id",
        "api",
        "--scope",
        "system/Bundle.crs",
        "--audience",
        &fhir,
        "--organization",
        "A Hospital",
        "--jurisdictions",
        "MA",
        "--record-types",
        "birth,fetal-death",
    ];
    party.json(&arguments)["client_secret"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn token(connection: &mut Connection, secret: &str) -> Answer {
    let basic = oauth::BasicCredentials::header("api", secret);
    let headers = [FORM, ("Authorization", basic.as_str())];
    connection.request(
        "POST",
        "/oauth2/token",
        &headers,
        "grant_type=client_credentials",
    )
}

#[test]
fn everything_works_through_nginx_under_the_public_origin() {
    if !is_installed() {
        return;
    }
    let (party, nginx) = party_and_proxy(&[TRUSTED]);
    let secret = add_client(&party, &nginx);
    let public = format!("https://localhost:{}", nginx.port);
    let mut connection = through(&nginx, &party);
    // Whatever the headers say.
    let lies = [
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "http"),
        ("Forwarded", "host=evil.example"),
    ];
    let path = "/.well-known/oauth-authorization-server";
    let metadata = connection.request("GET", path, &lies, "").json();
    assert_eq!(metadata["issuer"], public);
    assert_eq!(metadata["token_endpoint"], format!("{public}/oauth2/token"));
    let issued = token(&mut connection, &secret);
    assert_eq!(issued.status, 200, "{issued:?}");
    let bearer = format!("Bearer {}", issued.json()["access_token"].as_str().unwrap());

    // A record of the usual size and more, in and out: nothing is changed on the way.
    let request = sample::Request {
        kind: Kind::Birth,
        form: Form::Provider,
        jurisdiction: "MA".to_owned(),
        seed: 1,
    };
    let record = sample::write(&request, 1).unwrap().json;
    let mut record = text(&record);
    let padding = " ".repeat(100_000);
    record.push_str(&padding);
    let headers = [
        ("Content-Type", "application/fhir+json"),
        ("Authorization", bearer.as_str()),
    ];
    let created = connection.request("POST", "/fhir/Bundle", &headers, &record);
    assert_eq!(created.status, 201, "{created:?}");
    let location = created.header("location").unwrap().to_owned();
    let id = location
        .strip_prefix(&format!("{public}/fhir/Bundle/"))
        .unwrap();
    let id = id.split('/').next().unwrap();
    let path = format!("/fhir/Bundle/{id}/$original");
    let read = through(&nginx, &party).request("GET", &path, &[("Authorization", &bearer)], "");
    assert_eq!(read.status, 200);
    assert!(read.body == record, "the bytes came back as they went in");

    // A person's way to the sign-in page.
    let page = "/oauth2/authorize?client_id=nobody";
    assert_eq!(connection.request("GET", page, &[], "").status, 400);
}

/// The address in the newest audit row of refused clients.
fn audited_address(party: &Party) -> String {
    let rows = party.json(&["audit", "list", "--outcome", "denied", "--limit", "1"]);
    rows[0]["source_address"].as_str().unwrap().to_owned()
}

#[test]
fn forwarded_addresses_count_from_the_proxy_only() {
    if !is_installed() {
        return;
    }
    let (party, nginx) = party_and_proxy(&[TRUSTED]);
    let secret = add_client(&party, &nginx);
    let wrong = format!("{secret}x");
    // nginx appends the address that it sees (this test's own, a trusted one here) to what the sender claims.
    let mut connection = through(&nginx, &party);
    let basic = oauth::BasicCredentials::header("api", &wrong);
    let claim = [
        FORM,
        ("Authorization", basic.as_str()),
        ("X-Forwarded-For", "203.0.113.9"),
    ];
    let answer = connection.request(
        "POST",
        "/oauth2/token",
        &claim,
        "grant_type=client_credentials",
    );
    assert_eq!(answer.status, 401);
    assert_eq!(audited_address(&party), "203.0.113.9");

    // The same claim to a party that trusts no proxy, straight and through nginx (conformance: RFC 9700 4.13).
    let (party, nginx) = party_and_proxy(&[]);
    add_client(&party, &nginx);
    let answer = http::request(
        &party,
        "POST",
        "/oauth2/token",
        &claim,
        "grant_type=client_credentials",
    );
    assert_eq!(answer.status, 401);
    assert_eq!(audited_address(&party), "127.0.0.1");
    let answer = through(&nginx, &party).request(
        "POST",
        "/oauth2/token",
        &claim,
        "grant_type=client_credentials",
    );
    assert_eq!(answer.status, 401);
    assert_eq!(audited_address(&party), "127.0.0.1");
}

/// Requests that two parsers could read differently: whatever is not answered by an error must leave the
/// connection where the next request is read as it was sent.
#[test]
fn smuggled_requests_reach_nobody() {
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = smuggled.len();
    let head = "POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let corpus = [
        format!(
            "{head}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
        ),
        format!("{head}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{head}Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{smuggled}"),
        format!("{head}Content-Length: +0\r\n\r\n{smuggled}"),
        format!("{head}Content-Length: 0x0\r\n\r\n{smuggled}"),
        format!("{head}Content-Length: 0, {length}\r\n\r\n{smuggled}"),
        format!("{head}Content-Length : {length}\r\n\r\n{smuggled}"),
        format!("{head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"),
        format!(
            "{head}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
        ),
        format!("{head}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("{head}X: y\r\n folded: z\r\nContent-Length: 0\r\n\r\n"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n{smuggled}"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n0\n\r\n{smuggled}"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n1;x=\"\r\n0\r\n\r\n{smuggled}"),
        "GET http://evil.example/oauth2/jwks HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /oauth2/jwks HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(),
        "GET /oauth2/jwks HTTP/1.1\n\n".to_owned(),
    ];
    let direct = Party::running(&[]);
    for request in &corpus {
        judge(Connection::http1(&direct), request);
    }
    assert!(!direct.log().contains("smuggled"));
    if is_installed() {
        let (party, nginx) = party_and_proxy(&[TRUSTED]);
        // nginx takes a bare line feed after the last chunk for its end, and what follows for a request of its own:
        // it passes on two well-formed requests, and nobody is deceived.
        for request in corpus.iter().filter(|it| !it.contains("0\n\r\n")) {
            judge(through(&nginx, &party), request);
        }
    }
}

/// Reads everything that comes, until nothing more does: at most two answers (the request's own and, if it was a
/// complete one, none for what was hidden in it), no 5xx, and never a 404, which only `/smuggled` would get.
fn judge(mut connection: Connection, request: &str) {
    connection.send(request);
    let stream = &mut connection.0;
    stream
        .sock
        .set_read_timeout(Some(Duration::from_secs(3)))
        .unwrap();
    let mut said = Vec::new();
    let mut part = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut part) {
        said.extend_from_slice(&part[..count]);
        let silence = Some(Duration::from_millis(400));
        stream.sock.set_read_timeout(silence).unwrap();
    }
    let _ = stream.sock.flush();
    let said = text(&said);
    let statuses: Vec<&str> = said
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|rest| &rest[..3])
        .collect();
    assert!(!statuses.contains(&"404"), "{request:?}\n{said}");
    // 501 is nginx's word for a transfer coding that it does not know (RFC 9112 section 6.1).
    let sound = |status: &&str| !status.starts_with('5') || *status == "501";
    assert!(statuses.iter().all(sound), "{request:?}\n{said}");
    assert!(statuses.len() <= 2, "{request:?}\n{said}");
}

#[test]
fn the_page_names_what_is_there() {
    for name in ["trusted_proxies", "public_origin", "X-Forwarded-For"] {
        assert!(PAGE.contains(name));
    }
    assert!(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("docs/behind-a-proxy.md")
            .exists()
    );
}
