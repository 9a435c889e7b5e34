//! HTTP/1.1 over TLS by hand: the tests send what no client library would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::party::{HANGS, Party};

/// A connection to a party, TLS done.
pub struct Connection(pub StreamOwned<ClientConnection, TcpStream>);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Every value of a header.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }
}

impl Connection {
    /// Connects and finishes the handshake, offering `alpn`.
    pub fn open(party: &Party, alpn: &[&[u8]]) -> Self {
        Self::try_open(party, alpn).expect("a handshake")
    }

    /// The same; `None` if the server does not let it in.
    pub fn try_open(party: &Party, alpn: &[&[u8]]) -> Option<Self> {
        Self::to(party.address(), &party.ca_pem(), alpn)
    }

    /// The same to any address that has a certificate for `localhost` of this authority.
    pub fn to(address: SocketAddr, ca_pem: &[u8], alpn: &[&[u8]]) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(HANGS)).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut stream).ok()?;
        }
        Some(Self(StreamOwned::new(session, stream)))
    }

    pub fn http1(party: &Party) -> Self {
        Self::open(party, &[b"http/1.1"])
    }

    /// The server's own certificate, DER.
    pub fn certificate(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().unwrap()[0].to_vec()
    }

    pub fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
        self.0.flush().unwrap();
    }

    /// One answer with a `Content-Length`; `None` if the connection ends instead.
    pub fn answer(&mut self) -> Option<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                // A peer that has gone without close_notify is an error to rustls and an end to us.
                Ok(_) => return None,
                Err(error) => {
                    let waited = matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    );
                    assert!(!waited, "neither an answer nor an end");
                    return None;
                }
            }
        }
        let head = String::from_utf8(head).unwrap();
        let mut answer = Answer {
            status: head[9..12].parse().unwrap(),
            head,
            body: String::new(),
        };
        let length = answer
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).ok()?;
        answer.body = String::from_utf8(body).unwrap();
        Some(answer)
    }

    /// Sends a request and reads its answer; the connection stays open.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.try_request(method, path, headers, body)
            .expect("an answer")
    }

    /// The same; `None` if the connection ends before the answer.
    pub fn try_request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Answer> {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        // A server may answer and go before it has read all.
        let _ = self
            .0
            .write_all(text.as_bytes())
            .and_then(|()| self.0.flush());
        self.answer()
    }
}

/// One request on a connection of its own.
pub fn request(
    party: &Party,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    Connection::http1(party).request(method, path, headers, body)
}

/// The form type.
pub const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Asks for a token with a client secret.
pub fn token(party: &Party, client_id: &str, secret: &str) -> Answer {
    let basic = oauth::BasicCredentials::header(client_id, secret);
    request(
        party,
        "POST",
        "/oauth2/token",
        &[FORM, ("Authorization", &basic)],
        "grant_type=client_credentials",
    )
}

/// Reads a FHIR path with a token.
pub fn read(party: &Party, token: &str, path: &str) -> Answer {
    request(
        party,
        "GET",
        path,
        &[("Authorization", &format!("Bearer {token}"))],
        "",
    )
}
