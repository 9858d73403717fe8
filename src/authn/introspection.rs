//! Opaque tokens: their provider is asked what they are (RFC 7662), seldom, and by one request for all who wait.
//!
//! What is believed is kept for `max_age`, and never past the token's own end; what was refused for a moment, in a place
//! of its own, so that made-up tokens push out no good one. One question a token is under way at a time, [`SLOTS`] about
//! tokens never heard of, [`KNOWN_SLOTS`] about such as were good when last asked, and [`MOST`](super::waiting::MOST) wait for either: a
//! flood of new tokens, good or made up, costs neither memory nor the endpoint's life, nor those who were let in before. An
//! endpoint in trouble is [`Unsure::Unavailable`] and never a refusal; after [`FAILURES`] in a row, of one of the two sorts,
//! it is asked about that sort once a second, until it answers. Which token is whose is for the caller to know ([`of`]): a token goes to nobody else.

mod client;
mod question;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock::{Clock, Timestamp, monotonic};
use crate::directory::provider::{Introspection, Provider};
use crate::sts::seal::is_session_token;

use super::cache::{Counters, Key, Size, TokenCache};
use super::jwt::{TokenError, VerifiedToken};
use super::waiting::Waiting;
use question::Endpoint;

/// Questions under way at one endpoint about tokens never heard of.
const SLOTS: usize = 24;
/// And about those that were good before.
const KNOWN_SLOTS: usize = 8;
/// Refusals that are remembered.
const REFUSALS: usize = 4096;
/// How long, at most.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// So many failures in a row, and the endpoint is left alone but for one question a [`PAUSE`].
const FAILURES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Why a token is not known to be good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unsure {
    /// It is not.
    Refused(TokenError),
    /// Nobody could be asked, or the answer was none.
    Unavailable(String),
}

/// Asks one provider.
#[derive(Debug)]
pub(super) struct Introspector {
    provider: Arc<Provider>,
    clock: Clock,
    /// For a request, in all.
    wait: Duration,
    endpoint: Endpoint,
    good: TokenCache,
    /// Tokens that are being asked about, and such that were refused.
    asked: Cache<[u8; 32], Refused>,
    unheard_of: Lane,
    known: Lane,
}

/// Those who wait for a question of one sort, and how those of that sort have gone: what comes of tokens that somebody
/// made up says nothing of the others.
#[derive(Debug)]
struct Lane {
    slots: Semaphore,
    waiting: Waiting,
    trouble: Mutex<Trouble>,
}

/// What is known of a token.
enum Known {
    /// It is good.
    Good(Arc<VerifiedToken>),
    /// It was, when last asked, too long ago to believe it.
    Before,
    /// Nothing.
    Not,
}

#[derive(Debug, Clone)]
struct Refused {
    error: TokenError,
    until: Timestamp,
}

#[derive(Debug, Default)]
struct Trouble {
    /// In a row.
    failures: u32,
    /// When it may be asked again.
    retry_at: Option<Instant>,
}

/// The one provider whose opaque token this may be: it has no three parts, or begins as the provider says. At most one,
/// which the bundle's check sees to.
pub(super) fn of<'p>(token: &[u8], providers: &'p [Arc<Provider>]) -> Option<&'p Arc<Provider>> {
    let provider = providers.iter().find(|provider| {
        let introspection = provider.introspection.as_ref();
        introspection.is_some_and(|found| token.starts_with(found.token_prefix.as_bytes()))
    })?;
    // Nor is what is Sidegate's own, wherever it was put by mistake.
    if is_session_token(token) || token.starts_with(b"sgk_") {
        return None;
    }
    let named = |found: &Introspection| !found.token_prefix.is_empty();
    let is_named = provider.introspection.as_ref().is_some_and(named);
    // What looks like a JWT says itself whose it is; another's is not shown to this one.
    let is_jwt = memchr::memchr_iter(b'.', token).count() == 2;
    (is_named || !is_jwt).then_some(provider)
}

impl Introspector {
    /// For a provider that has `introspection`; asks nothing yet.
    pub(super) fn new(
        provider: &Arc<Provider>,
        clock: Clock,
        wait: Duration,
        size: Size,
        counters: Arc<Counters>,
    ) -> Option<Self> {
        let introspection = provider.introspection.clone()?;
        Some(Self {
            endpoint: Endpoint::new(introspection, wait),
            provider: Arc::clone(provider),
            clock,
            wait,
            good: TokenCache::counted(size, counters),
            asked: Cache::new(REFUSALS),
            unheard_of: Lane::new(SLOTS),
            known: Lane::new(KNOWN_SLOTS),
        })
    }

    /// What a token is; `digest` is its SHA-256.
    pub(super) async fn verify(
        &self,
        token: &str,
        digest: [u8; 32],
    ) -> Result<Arc<VerifiedToken>, Unsure> {
        let known = self.known(digest)?;
        self.good.looked(matches!(known, Known::Good(_)));
        if let Known::Good(token) = known {
            return Ok(token);
        }
        let learnt = tokio::time::timeout(self.wait, self.learn(token, digest)).await;
        learnt.unwrap_or_else(|_| {
            let wait = self.wait;
            Err(Unsure::Unavailable(format!("no answer within {wait:?}")))
        })
    }

    /// A token that is believed still.
    fn known(&self, digest: [u8; 32]) -> Result<Known, Unsure> {
        let key = own(digest);
        let Some(token) = self.good.get(&key) else {
            return Ok(Known::Not);
        };
        let now = self.clock.now();
        if token.has_expired(now) {
            self.good.remove(&key);
            return Err(Unsure::Refused(TokenError::Expired));
        }
        if token.believed_until().is_some_and(|until| now < until) {
            return Ok(Known::Good(token));
        }
        Ok(Known::Before)
    }

    /// Asks, or waits for whoever is asking already.
    async fn learn(&self, token: &str, digest: [u8; 32]) -> Result<Arc<VerifiedToken>, Unsure> {
        let asking = loop {
            match self.asked.get_value_or_guard_async(&digest).await {
                Err(guard) => break guard,
                Ok(refused) if self.clock.now() < refused.until => {
                    return Err(Unsure::Refused(refused.error));
                }
                Ok(old) => {
                    self.asked
                        .remove_if(&digest, |refused| refused.until == old.until);
                }
            }
        };
        // Whoever asked before may have learnt it.
        let lane = match self.known(digest)? {
            Known::Good(token) => return Ok(token),
            Known::Before => &self.known,
            Known::Not => &self.unheard_of,
        };
        let asked = self.question(token, lane).await;
        let answer = asked.map_err(Unsure::Unavailable)?;
        let now = self.clock.now();
        let read = answer.read(&self.provider, digest, now);
        match read {
            Ok(token) => {
                let token = Arc::new(token);
                self.good.insert(own(digest), Arc::clone(&token));
                Ok(token)
            }
            Err(error) => {
                self.good.remove(&own(digest));
                let until = now.plus(REFUSED_FOR.min(answer.max_age));
                let refused = Refused {
                    error: error.clone(),
                    until,
                };
                // It says no only if another came before, which says the same.
                let _ = asking.insert(refused);
                Err(Unsure::Refused(error))
            }
        }
    }

    /// One question, when there is room for it and the endpoint is not left alone just now.
    async fn question(&self, token: &str, lane: &Lane) -> Result<question::Answer, String> {
        let _slot = lane.slot().await?;
        lane.may_ask()?;
        let result = self.endpoint.ask(&self.provider, token, self.clock.now());
        let result = result.await;
        let failure = result.as_ref().err();
        if failure.is_none_or(|failure| !failure.of_token) {
            lane.take_note(&self.provider.name, failure.map(|failure| &*failure.why));
        }
        result.map_err(|failure| failure.why)
    }
}

/// Each provider, as it is configured, has a cache of its own.
fn own(digest: [u8; 32]) -> Key {
    Key {
        provider: 0,
        digest,
    }
}

impl Lane {
    fn new(slots: usize) -> Self {
        Self {
            slots: Semaphore::new(slots),
            waiting: Waiting::default(),
            trouble: Mutex::default(),
        }
    }

    async fn slot(&self) -> Result<SemaphorePermit<'_>, String> {
        if let Ok(slot) = self.slots.try_acquire() {
            return Ok(slot);
        }
        let place = self.waiting.place();
        let _place = place.ok_or("more questions about tokens wait than can be answered")?;
        let slot = self.slots.acquire().await;
        slot.map_err(|_| "nobody is asked any more".to_owned())
    }

    fn may_ask(&self) -> Result<(), String> {
        let mut trouble = self.trouble();
        let now = monotonic();
        if trouble.failures >= FAILURES && trouble.retry_at.is_some_and(|at| now < at) {
            let failures = trouble.failures;
            return Err(format!("the last {failures} questions failed"));
        }
        // One at a time, until it answers.
        trouble.retry_at = now.checked_add(PAUSE);
        Ok(())
    }

    fn take_note(&self, provider: &str, failure: Option<&str>) {
        let mut trouble = self.trouble();
        let Some(why) = failure else {
            if trouble.failures > 0 {
                tracing::info!(provider, "tokens can be asked about again");
            }
            trouble.failures = 0;
            return;
        };
        trouble.failures = trouble.failures.saturating_add(1);
        trouble.retry_at = monotonic().checked_add(PAUSE);
        // The first one, and then ever more seldom.
        if trouble.failures.is_power_of_two() {
            let failures = trouble.failures;
            tracing::warn!(
                provider,
                failures,
                why,
                "tokens cannot be asked about; those that are not known are refused with 503"
            );
        }
    }

    fn trouble(&self) -> std::sync::MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
