//! Who a person is: name and password, counted before they are checked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;
use oauth::Secret;
use tokio::sync::Semaphore;

use crate::caller::Caller;
use crate::password::{self, Buffer};
use crate::store::users;
use crate::throttle::{self, Attempt};
use crate::{AuthorizationServer, Config, ResourceOwner};

/// What signing in shares between requests: places for hashes and their memory.
pub(crate) struct People {
    places: Arc<Semaphore>,
    buffers: Arc<Mutex<Vec<Buffer>>>,
    waiting: AtomicUsize,
    queue: usize,
    dummy: String,
    evaluated: AtomicUsize,
}

/// A person whose password was right, just now.
pub(crate) struct AuthenticatedResourceOwner(ResourceOwner);

/// Why nobody is signed in. Wrong password, unknown and disabled are one: they must not be told apart.
#[derive(Debug)]
pub(crate) enum LoginRefusal {
    /// Name or password is wrong.
    Wrong,
    /// Too many failures; worth trying again after this.
    Held(SignedDuration),
    /// Too many people are signing in at this moment.
    Busy,
    /// The database.
    Unavailable(storage::Error),
}

impl AuthenticatedResourceOwner {
    pub(crate) fn owner(&self) -> &ResourceOwner {
        &self.0
    }
}

impl From<storage::Error> for LoginRefusal {
    fn from(error: storage::Error) -> Self {
        Self::Unavailable(error)
    }
}

impl People {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.limits.password_hashes.max(1))),
            buffers: Arc::default(),
            waiting: AtomicUsize::new(0),
            queue: config.limits.password_queue,
            dummy: password::dummy(),
            evaluated: AtomicUsize::new(0),
        }
    }

    /// How many passwords have been evaluated since the start.
    #[cfg(test)]
    pub(crate) fn evaluated(&self) -> usize {
        self.evaluated.load(Ordering::SeqCst)
    }

    /// Checks a password off the async threads, a few at a time: 19 MiB each.
    async fn verify(&self, password: Secret, stored: String) -> Result<bool, LoginRefusal> {
        if self.waiting.fetch_add(1, Ordering::SeqCst) >= self.queue {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            return Err(LoginRefusal::Busy);
        }
        let place = Arc::clone(&self.places).acquire_owned().await;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let place = place.map_err(|_| LoginRefusal::Busy)?;
        self.evaluated.fetch_add(1, Ordering::SeqCst);
        let buffers = Arc::clone(&self.buffers);
        let task = tokio::task::spawn_blocking(move || {
            let lock = || buffers.lock().unwrap_or_else(PoisonError::into_inner);
            let mut buffer = lock().pop().unwrap_or_else(Buffer::new);
            let right = password::verify(&password, &stored, &mut buffer);
            lock().push(buffer);
            drop(place);
            right
        });
        // A hash that panicked let nobody in.
        Ok(task.await.unwrap_or(false))
    }
}

/// Authenticates a person. The attempt is counted first, in the database, so that parallel guesses on any
/// number of nodes evaluate no more passwords than the limit; an unknown name costs a hash as well.
pub(crate) async fn authenticate(
    server: &AuthorizationServer,
    username: &str,
    password: Secret,
    caller: &Caller,
) -> Result<AuthenticatedResourceOwner, LoginRefusal> {
    let username = normal(username);
    let attempt = match throttle::begin(server, &username, caller).await? {
        Attempt::Counted(attempt) => attempt,
        Attempt::Held(wait) => return Err(LoginRefusal::Held(wait)),
    };
    let found = users::find_by_username(server.db(), &username).await?;
    let stored = found.as_ref().map_or_else(|| server.people().dummy.clone(), |user| user.password_hash.clone());
    let right = server.people().verify(password, stored).await?;
    match found {
        Some(user) if right && !user.owner.disabled => {
            throttle::succeeded(server, attempt).await?;
            Ok(AuthenticatedResourceOwner(user.owner))
        }
        _ => Err(LoginRefusal::Wrong),
    }
}

/// Usernames are compared without regard to case and surrounding space, as people type them.
pub(crate) fn normal(username: &str) -> String {
    username.trim().to_lowercase()
}
