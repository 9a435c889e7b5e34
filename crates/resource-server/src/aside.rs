//! Work that takes long where the input is large, away from the threads that answer others: so much of it at once as
//! there are processors, since each may need many times the memory of what it looks at.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::answer::Failure;

/// Does the work, at once where there is little to look at.
///
/// # Errors
/// 503 if others leave no place for it in time.
pub(crate) async fn aside<T: Send + 'static>(
    length: usize,
    look: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    if length < INLINE_BYTES {
        return Ok(look());
    }
    let busy = || Failure::unavailable("the server has too much to look at now");
    let place = tokio::time::timeout(WAIT, PLACES.acquire()).await;
    let place = place.map_err(|_| busy())?.map_err(|_| busy())?;
    let task = tokio::task::spawn_blocking(move || {
        // Until it is done, also if its caller goes away.
        let _place = place;
        look()
    });
    task.await
        .map_err(|_| Failure::unavailable("the body could not be looked at"))
}

static PLACES: LazyLock<Semaphore> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism();
    Semaphore::new(processors.map_or(1, std::num::NonZero::get))
});

/// Half a second of work for each that is before it.
const WAIT: Duration = Duration::from_secs(10);

/// Up to this size it takes well below a millisecond.
const INLINE_BYTES: usize = 16 * 1024;
