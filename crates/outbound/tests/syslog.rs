//! What a syslog connection takes for a confirmation.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use outbound::{SyslogConnection, SyslogError, SyslogReceiver, Trust};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A connection, and the receiver's end of it.
async fn connected() -> (SyslogConnection, TlsStream<TcpStream>) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let trust = Trust {
        ca_pem: Some(authority.pem().into_bytes()),
        platform: false,
    };
    let port = listener.local_addr().unwrap().port();
    let receiver = SyslogReceiver::new("localhost", port, &trust, None, true).unwrap();
    let accepting = async {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.unwrap()
    };
    let (connection, stream) = tokio::join!(receiver.connect(), accepting);
    (connection.unwrap(), stream)
}

#[tokio::test]
async fn a_receiver_that_has_read_everything_confirms() {
    let (mut connection, mut stream) = connected().await;
    connection.send(b"5 hello").await.unwrap();
    let reading = async {
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.unwrap();
        stream.shutdown().await.unwrap();
        drop(stream);
        read
    };
    let (ended, read) = tokio::join!(connection.end(), reading);
    assert_eq!((ended, read.as_slice()), (Ok(()), b"5 hello".as_slice()));
}

/// It is started again just then: its close_notify is no answer to ours, and what it has not read is lost with it.
#[tokio::test]
async fn a_receiver_that_ends_on_its_own_without_having_read_confirms_nothing() {
    let (mut connection, mut stream) = connected().await;
    connection.send(b"5 hello").await.unwrap();
    let mut there = [0; 256];
    let message = stream.get_ref().0.peek(&mut there).await.unwrap();
    let (ending, told) = oneshot::channel::<()>();
    let receiver = async {
        // Our end has begun, for more than the message is there.
        while stream.get_ref().0.peek(&mut there).await.unwrap() <= message {
            tokio::task::yield_now().await;
        }
        // The record of a close_notify, from the machine alone: nothing is read.
        let (tcp, tls) = stream.get_mut();
        tls.send_close_notify();
        let mut record = Vec::new();
        tls.write_tls(&mut record).unwrap();
        tcp.write_all(&record).await.unwrap();
        // Until it has been taken for what it may be.
        let wait = std::time::Duration::from_millis(300);
        let _ = tokio::time::timeout(wait, told).await;
        drop(stream);
    };
    let sender = async {
        let ended = connection.end().await;
        drop(ending);
        ended
    };
    let (ended, ()) = tokio::join!(sender, receiver);
    assert_eq!(ended, Err(SyslogError::Unconfirmed));
}
