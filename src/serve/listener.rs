//! The accept loop: TLS before anything else, limits on every wait, and an orderly end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::front::Front;
use crate::config::Limits;

/// Everything that a connection needs.
pub(super) struct Accepting {
    pub(super) tls: Arc<rustls::ServerConfig>,
    pub(super) front: Arc<Front>,
    pub(super) party: String,
    pub(super) limits: Limits,
    pub(super) stop: Stop,
}

/// Ends the accept loop and its connections.
#[derive(Clone)]
pub(super) struct Stop {
    asked: watch::Sender<bool>,
    open: Arc<AtomicUsize>,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            asked: watch::Sender::new(false),
            open: Arc::default(),
        }
    }
}

impl Stop {
    /// Accepts nothing more; connections finish the exchange they are in.
    pub(super) fn stop(&self) {
        self.asked.send_replace(true);
    }

    /// Waits until no connection is open.
    pub(super) async fn finished(&self) {
        while self.open.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn asked(&self) {
        let mut asked = self.asked.subscribe();
        // An error means that the sender is gone, and it lives in `self`.
        let _ = asked.wait_for(|asked| *asked).await;
    }
}

impl Accepting {
    pub(super) async fn run(self, listener: TcpListener) {
        let this = Arc::new(self);
        let places = Places::new(this.limits.connections);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = this.stop.asked() => return,
            };
            match accepted {
                Ok((stream, peer)) => match places.take() {
                    Some((place, held)) => {
                        let this = Arc::clone(&this);
                        drop(tokio::spawn(async move {
                            this.connection(stream, peer, place).await;
                            drop(held);
                        }));
                    }
                    // Full: closing at once costs least and tells the peer soonest.
                    None => {
                        let party = this.party.clone();
                        metrics::counter!("connections_refused_total", "party" => party)
                            .increment(1);
                    }
                },
                Err(error) => {
                    // Out of file descriptors, or the peer went away between: the loop must survive both.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, place: Place) {
        let _open = Open::count(&self.stop.open);
        // Small answers go out at once.
        let _ = stream.set_nodelay(true);
        let handshake = TlsAcceptor::from(Arc::clone(&self.tls)).accept(stream);
        let limit = Duration::from_secs(self.limits.handshake_timeout_s);
        let stream = tokio::select! {
            finished = tokio::time::timeout(limit, handshake) => match finished {
                Ok(Ok(stream)) => stream,
                // Port scanners, old protocol versions, plain HTTP: nothing to answer, nothing to log as an error.
                Ok(Err(error)) => return tracing::debug!(%error, "no TLS handshake"),
                Err(_) => return tracing::debug!("the TLS handshake took too long"),
            },
            () = self.stop.asked() => return,
        };
        let activity = Arc::new(Activity::new());
        let seen = Arc::clone(&activity);
        let front = Arc::clone(&self.front);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let front = Arc::clone(&front);
            let exchange = seen.begin();
            async move {
                let response = front.answer(request.map(Body::new), peer, place).await;
                drop(exchange);
                Ok::<_, Infallible>(response)
            }
        });
        let builder = self.builder();
        let mut serving = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = serving.as_mut() => ended.map(|()| true),
            () = activity.idle(self.idle(place)) => Ok(false),
            () = self.stop.asked() => Ok(false),
        };
        if matches!(ended, Ok(false)) {
            serving.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(Duration::from_secs(self.limits.drain_timeout_s), serving)
                .await;
        }
    }

    fn idle(&self, place: Place) -> Duration {
        let limit = Duration::from_secs(self.limits.idle_timeout_s);
        match place {
            Place::Ordinary => limit,
            Place::Introspection => limit.min(RESERVED_IDLE),
        }
    }

    fn builder(&self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        let headers = self.limits.header_bytes;
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(self.limits.header_timeout_s))
            .max_headers(self.limits.header_count)
            // hyper's own floor is 8 KiB.
            .max_buf_size(headers.max(8 * 1024));
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(headers).unwrap_or(u32::MAX))
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW * 4)
            .keep_alive_interval(Duration::from_secs(self.limits.idle_timeout_s.max(2) / 2))
            .keep_alive_timeout(Duration::from_secs(10));
        builder
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Everything.
    Ordinary,
    /// Introspection only: all ordinary places are taken.
    Introspection,
}

/// How many connections there may be. When all are taken, some more may introspect: without that, many
/// callers of FHIR would keep out the introspection that their own requests wait for, here and at
/// other parties.
struct Places {
    ordinary: Arc<Semaphore>,
    introspection: Arc<Semaphore>,
}

impl Places {
    fn new(connections: usize) -> Self {
        Self {
            ordinary: Arc::new(Semaphore::new(connections)),
            introspection: Arc::new(Semaphore::new((connections / 16).max(RESERVED_AT_LEAST))),
        }
    }

    fn take(&self) -> Option<(Place, OwnedSemaphorePermit)> {
        let ordinary = Arc::clone(&self.ordinary).try_acquire_owned();
        let ordinary = ordinary.map(|held| (Place::Ordinary, held));
        let reserved = || Arc::clone(&self.introspection).try_acquire_owned().ok();
        ordinary
            .ok()
            .or_else(|| Some((Place::Introspection, reserved()?)))
    }
}

/// When a connection last had an exchange.
struct Activity {
    running: AtomicUsize,
    last: std::sync::Mutex<Instant>,
}

struct Exchange(Arc<Activity>);

impl Activity {
    fn new() -> Self {
        Self {
            running: AtomicUsize::new(0),
            last: std::sync::Mutex::new(Instant::now()),
        }
    }

    fn begin(self: &Arc<Self>) -> Exchange {
        self.running.fetch_add(1, Ordering::SeqCst);
        Exchange(Arc::clone(self))
    }

    fn last(&self) -> Instant {
        *self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Resolves once there has been no exchange for `limit`, whatever trickles in meanwhile.
    async fn idle(&self, limit: Duration) {
        loop {
            tokio::time::sleep_until(self.last() + limit).await;
            if self.running.load(Ordering::SeqCst) == 0 && self.last().elapsed() >= limit {
                return;
            }
            if self.running.load(Ordering::SeqCst) > 0 {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        *self
            .0
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Open(Arc<AtomicUsize>);

impl Open {
    fn count(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(open))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Exchanges at once on one HTTP/2 connection.
const STREAMS: u32 = 100;
/// Bytes of a body that a peer may send ahead of our reading.
const WINDOW: u32 = 64 * 1024;
/// Connections for introspection only, at least.
const RESERVED_AT_LEAST: usize = 4;
/// Those are not kept for later.
const RESERVED_IDLE: Duration = Duration::from_secs(5);
