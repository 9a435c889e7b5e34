//! Request bodies that are too slow or too large.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
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

const LATE: u8 = 1;
const LARGE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
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
