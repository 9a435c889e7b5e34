//! Who a person is: name and password, counted before they are checked.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;
use oauth::{Random, Secret};
use storage::{Transaction, Work};
use tokio::sync::Semaphore;

use crate::administration::administrator_links::UsedLink;
use crate::assurance::Assurance;
use crate::caller::Caller;
use crate::password::{self, Buffer};
use crate::relying_party::Admitted;
use crate::session::{Continued, Session};
use crate::store::second_factors;
use crate::store::users::{self, StoredUser};
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

/// A person who has given everything that signing in takes, just now or in the session that goes on.
pub(crate) struct AuthenticatedResourceOwner {
    owner: ResourceOwner,
    assurance: Assurance,
    continues: Option<Continued>,
}

/// A person whose password was right, just now, and whose second factor is awaited.
pub(crate) struct HalfAuthenticated {
    owner: ResourceOwner,
    enrolled: bool,
}

/// What a right password amounts to.
pub(crate) enum Authenticated {
    /// There is no second factor, and none is demanded.
    Whole(AuthenticatedResourceOwner),
    /// There is one, or has to be.
    Half(HalfAuthenticated),
}

/// Why nobody is signed in. `known` is the account's id, for the audit row only: a wrong password,
/// an unknown name and a disabled account must not be told apart by whoever asks.
#[derive(Debug)]
pub(crate) enum LoginRefusal {
    /// Name, password or code is wrong.
    Wrong { known: Option<String> },
    /// Too many failures; worth trying again after this.
    Held {
        wait: SignedDuration,
        known: Option<String>,
    },
    /// Too many people are signing in at this moment.
    Busy,
    /// The database.
    Unavailable(storage::Error),
}

impl AuthenticatedResourceOwner {
    pub(crate) fn owner(&self) -> &ResourceOwner {
        &self.owner
    }

    /// What the sign-in has proved.
    pub(crate) fn assurance(&self) -> Assurance {
        self.assurance
    }

    /// The session that goes on in the one that begins.
    pub(crate) fn continues(&self) -> Option<Continued> {
        self.continues
    }

    /// Somebody who is signed in and whose app has just been confirmed with a code of it.
    pub(crate) fn confirmed(session: &Session) -> Self {
        Self {
            owner: session.owner.clone(),
            assurance: session.assurance.max(Assurance::Aal2),
            continues: Some(session.into()),
        }
    }

    /// Somebody who is signed in with a second factor and has added another. A passkey that was just made has signed
    /// nothing yet, so it proves no more than the session did. `None` for a password alone: from now on it is not
    /// enough.
    pub(crate) fn continued(session: &Session) -> Option<Self> {
        let enough = session.assurance.has_second_factor();
        enough.then(|| Self {
            owner: session.owner.clone(),
            assurance: session.assurance,
            continues: Some(session.into()),
        })
    }
}

impl HalfAuthenticated {
    pub(crate) fn owner(&self) -> &ResourceOwner {
        &self.owner
    }

    /// Whether there is a second factor; otherwise one has to be set up first.
    pub(crate) fn enrolled(&self) -> bool {
        self.enrolled
    }

    /// The second factor that this person's present session began with counts on; `None` if there was none.
    pub(crate) fn with_session(self, session: &Session) -> Option<AuthenticatedResourceOwner> {
        let same = session.owner.id == self.owner.id && session.assurance.has_second_factor();
        same.then_some(AuthenticatedResourceOwner {
            owner: self.owner,
            assurance: session.assurance,
            continues: Some(session.into()),
        })
    }
}

impl From<storage::Error> for LoginRefusal {
    fn from(error: storage::Error) -> Self {
        Self::Unavailable(error)
    }
}

/// Authenticates a person. The attempt is counted first, in the database, so that parallel guesses
/// on any number of nodes evaluate no more passwords than the limit; an unknown name costs a hash
/// as well.
pub(crate) async fn authenticate(
    server: &AuthorizationServer,
    username: &str,
    password: Secret,
    caller: &Caller,
) -> Result<Authenticated, LoginRefusal> {
    let username = normal(username);
    let begun = throttle::begin(server, &username, caller).await?;
    let found = users::find_by_username(server.db(), &username).await?;
    let known = found.as_ref().map(|user| user.owner.id.clone());
    let attempt = match begun {
        Attempt::Counted(attempt) => attempt,
        Attempt::Held(wait) => return Err(LoginRefusal::Held { wait, known }),
    };
    let people = server.people();
    let stored = found
        .as_ref()
        .map_or(&people.dummy, |user| &user.password_hash)
        .clone();
    let Some(checked) = people.check(password, stored, server.random()).await else {
        throttle::withdrawn(server, attempt).await?;
        return Err(LoginRefusal::Busy);
    };
    match (found, checked) {
        (Some(user), Checked::Right { renewed }) if !user.owner.disabled => {
            renew(server, &user, renewed).await?;
            let enrolled = second_factors::is_enrolled(server.db(), &user.owner.id).await?;
            if enrolled || server.config().requires_second_factor(&user.owner) {
                // Failures stay: who knows the password must not guess codes without end.
                throttle::withdrawn(server, attempt).await?;
                return Ok(Authenticated::Half(HalfAuthenticated {
                    owner: user.owner,
                    enrolled,
                }));
            }
            throttle::succeeded(server, attempt).await?;
            Ok(Authenticated::Whole(AuthenticatedResourceOwner {
                owner: user.owner,
                assurance: Assurance::Aal1,
                continues: None,
            }))
        }
        _ => Err(LoginRefusal::Wrong { known }),
    }
}

/// Somebody who has just chosen a password with an administrator's link, which took the second factor away.
pub(crate) fn with_link(server: &AuthorizationServer, used: UsedLink) -> Authenticated {
    let owner = used.into_owner();
    if server.config().requires_second_factor(&owner) {
        return Authenticated::Half(HalfAuthenticated {
            owner,
            enrolled: false,
        });
    }
    Authenticated::Whole(AuthenticatedResourceOwner {
        owner,
        assurance: Assurance::Aal1,
        continues: None,
    })
}

/// What the sign-in at an organization's own OpenID Provider amounts to: the second factor is given here where the
/// provider does not vouch for one.
pub(crate) async fn federated(
    server: &AuthorizationServer,
    admitted: Admitted,
) -> Result<Authenticated, storage::Error> {
    let (owner, second_factor) = admitted.into_parts();
    let enrolled = second_factors::is_enrolled(server.db(), &owner.id).await?;
    let demanded = enrolled || server.config().requires_second_factor(&owner);
    if demanded && !second_factor {
        return Ok(Authenticated::Half(HalfAuthenticated { owner, enrolled }));
    }
    let assurance = if second_factor {
        Assurance::Aal2
    } else {
        Assurance::Aal1
    };
    Ok(Authenticated::Whole(AuthenticatedResourceOwner {
        owner,
        assurance,
        continues: None,
    }))
}

/// Usernames are compared without regard to case and surrounding space, as people type them.
pub(crate) fn normal(username: &str) -> String {
    username.trim().to_lowercase()
}

/// Replaces a hash of outdated parameters, unless the password has changed meanwhile.
async fn renew(
    server: &AuthorizationServer,
    user: &StoredUser,
    renewed: Option<String>,
) -> Result<(), storage::Error> {
    let Some(hash) = renewed else { return Ok(()) };
    let old = user.password_hash.clone();
    server
        .db()
        .write(Renew {
            id: user.owner.id.clone(),
            old,
            hash,
        })
        .await
}

enum Checked {
    /// `renewed` is a hash with today's parameters, where the stored one has others.
    Right {
        renewed: Option<String>,
    },
    Wrong,
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

    /// How many are waiting for a place.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// The semaphore, to be emptied by tests that want a full house.
    #[cfg(test)]
    pub(crate) fn places(&self) -> Arc<Semaphore> {
        Arc::clone(&self.places)
    }

    /// Checks a password off the async threads, a few at a time: 19 MiB each. `None` when too many
    /// are waiting already.
    async fn check(&self, password: Secret, stored: String, random: &Random) -> Option<Checked> {
        let turn = Turn::wait(self)?;
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        drop(turn);
        self.evaluated.fetch_add(1, Ordering::SeqCst);
        let (buffers, random) = (Arc::clone(&self.buffers), random.clone());
        let task = tokio::task::spawn_blocking(move || {
            let lock = || buffers.lock().unwrap_or_else(PoisonError::into_inner);
            let mut buffer = lock().pop().unwrap_or_else(Buffer::new);
            let checked = check(&password, &stored, &random, &mut buffer);
            lock().push(buffer);
            drop(place);
            checked
        });
        // A check that panicked lets nobody in.
        Some(task.await.unwrap_or(Checked::Wrong))
    }
}

fn check(password: &Secret, stored: &str, random: &Random, buffer: &mut Buffer) -> Checked {
    if !password::verify(password, stored, buffer) {
        return Checked::Wrong;
    }
    let outdated = password::is_outdated(stored);
    let renewed = if outdated {
        password::hash(password, random, buffer)
    } else {
        None
    };
    Checked::Right { renewed }
}

/// A place in the queue, given back also when the browser goes away.
struct Turn<'a>(&'a AtomicUsize);

impl<'a> Turn<'a> {
    fn wait(people: &'a People) -> Option<Self> {
        let before = people.waiting.fetch_add(1, Ordering::SeqCst);
        let turn = Self(&people.waiting);
        (before < people.queue).then_some(turn)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Renew {
    id: String,
    old: String,
    hash: String,
}

impl Work for Renew {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        users::replace_hash(tx, &self.id, &self.old, &self.hash).await
    }
}
