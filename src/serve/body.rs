//! Request bodies that are too slow or too large, or that nobody reads to their end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::time::Sleep;

/// What went wrong with a body, for the answer.
#[derive(Clone, Default)]
pub(super) struct Verdict(Arc<AtomicU8>);

/// A body under a deadline and a size.
pub(super) struct Watched {
    body: Body,
    left: usize,
    deadline: Pin<Box<Sleep>>,
    verdict: Verdict,
}

impl Verdict {
    /// The status to answer instead of whatever the role made of a broken body.
    pub(super) fn status(&self) -> Option<u16> {
        match self.0.load(Ordering::SeqCst) {
            LATE => Some(408),
            LARGE => Some(413),
            _ => None,
        }
    }
}

impl Watched {
    pub(super) fn new(body: Body, size: usize, time: Duration, verdict: Verdict) -> Self {
        Self {
            body,
            left: size,
            deadline: Box::pin(tokio::time::sleep(time)),
            verdict,
        }
    }

    fn refuse(&self, why: u8) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.verdict.0.store(why, Ordering::SeqCst);
        let text = if why == LATE {
            "the body came too slowly"
        } else {
            "the body is too large"
        };
        Poll::Ready(Some(Err(axum::Error::new(text))))
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            let size = match &frame {
                Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                _ => 0,
            };
            return match this.left.checked_sub(size) {
                Some(left) => {
                    this.left = left;
                    Poll::Ready(frame)
                }
                None => this.refuse(LARGE),
            };
        }
        match this.deadline.as_mut().poll(context) {
            Poll::Ready(()) => this.refuse(LATE),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body that is read on, and thrown away, when a request is answered before its end: closing or resetting at once would
/// cut the client off while it sends, and it would never see why it was refused. Bounded in bytes and time.
pub(super) struct Lingering(Option<Body>);

impl Lingering {
    pub(super) fn new(body: Body) -> Self {
        Self(Some(body))
    }
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.0 = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let unread = self.0.take().filter(|body| !body.is_end_stream());
        if let (Some(body), Ok(runtime)) = (unread, tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(LINGER, discard(body)));
        }
    }
}

async fn discard(mut body: Body) {
    let mut left = LINGER_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let size = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(size) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// Twice what any role takes.
const LINGER_BYTES: usize = 20_000_000;
const LINGER: Duration = Duration::from_secs(5);

const LATE: u8 = 1;
const LARGE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, Interval, interval};

    /// A byte at every tick, for ever.
    struct Trickle(Interval);

    impl HttpBody for Trickle {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            let tick = self.0.poll_tick(context);
            tick.map(|_| Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    async fn read(body: Body, size: usize) -> (Option<usize>, Option<u16>) {
        let verdict = Verdict::default();
        let watched = Watched::new(body, size, TIME, verdict.clone());
        let read = watched.collect().await;
        (
            read.ok().map(|read| read.to_bytes().len()),
            verdict.status(),
        )
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_size() {
        assert_eq!(read(Body::from("12345"), 5).await, (Some(5), None));
        assert_eq!(read(Body::from("123456"), 5).await, (None, Some(413)));
        assert_eq!(read(Body::empty(), 0).await, (Some(0), None));
    }

    #[tokio::test]
    async fn a_body_that_trickles_is_late_although_it_never_stands_still() {
        let started = Instant::now();
        let body = Body::new(Trickle(interval(TIME / 10)));
        assert_eq!(read(body, 1_000).await, (None, Some(408)));
        assert!(started.elapsed() >= TIME);
    }

    const TIME: Duration = Duration::from_millis(200);
}
