//! Who a request is: finds its one credential, verifies it, and makes the principal.
//!
//! [`Authenticator::authenticate`] turns what a request presents into a [`VerifiedToken`], waiting for a key server
//! only when a key is unknown; [`identify`] turns that into an [`Identity`] by the provider's mapping and the role's
//! trust policy, without I/O. Time, settings and providers are handed in. Uses the directory and the policy engine;
//! knows nothing of routes, replies, metrics or the audit log: a [`Failure`] says what they need.

pub mod cache;
pub mod claims;
pub mod credential;
pub mod discovery;
pub mod fetch;
pub mod json;
pub mod jwks;
pub mod jwt;
pub mod keys;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;

use crate::clock::{Clock, Timestamp};
use crate::directory::provider::Provider;
use crate::outcome::Reason;

pub use jwt::VerifiedToken;
pub use keys::State;

use cache::{Key, Size, TokenCache};
use credential::{CredentialError, TokenPlaces};
use jwt::{TokenError, Unverified};
use keys::{Follower, Outcome, ProviderKeys, Timing};

/// What can be set.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where keys are kept over restarts; `None`: nowhere.
    pub state: Option<PathBuf>,
    /// Where else than in `Authorization` tokens may stand.
    pub places: TokenPlaces,
    /// How many verified tokens are kept.
    pub cache: Size,
    /// How long fetching keys may take.
    pub timing: Timing,
}

/// Verifies credentials. One for the whole process; cheap to share.
#[derive(Debug)]
pub struct Authenticator {
    settings: Settings,
    clock: Clock,
    cache: TokenCache,
    followed: ArcSwap<Followed>,
    /// The number of the next provider configuration.
    next: AtomicU64,
}

/// The providers of the current snapshot, and those of the one before: requests begun under it still use them.
#[derive(Debug, Default)]
struct Followed {
    current: Vec<Entry>,
    previous: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    provider: Arc<Provider>,
    number: u64,
    follower: Arc<Follower>,
}

/// What a request presents, and whose tokens its route accepts.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its query, as it came.
    pub query: Option<&'a str>,
    /// The providers that are accepted here.
    pub providers: &'a [Arc<Provider>],
    /// Which of their audiences are; `None`: all.
    pub audiences: Option<&'a [Box<str>]>,
}

/// Why nobody was identified.
#[derive(Debug, Clone)]
pub struct Failure {
    /// For reply, metrics and audit.
    pub reason: Reason,
    /// For the log; never shown to the client.
    pub detail: String,
    /// Whose token it was, where that is known.
    pub provider: Option<Arc<str>>,
}

/// How a provider's keys are.
#[derive(Debug, Clone)]
pub struct ProviderStatus {
    /// The provider.
    pub name: Arc<str>,
    /// How its keys are.
    pub state: State,
    /// How long ago they were fetched; `None`: never, or they are part of the bundle.
    pub age: Option<Duration>,
}

impl Authenticator {
    /// Knows no provider until [`Authenticator::follow`].
    pub fn new(settings: Settings, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            cache: TokenCache::new(settings.cache),
            settings,
            clock,
            followed: ArcSwap::default(),
            next: AtomicU64::new(0),
        })
    }

    /// Takes over the providers of a snapshot that is about to be published: starts to fetch keys of new ones, on the
    /// current tokio runtime, keeps those of unchanged ones, and lets go of those that were gone already before.
    /// For one caller at a time.
    pub fn follow(&self, providers: &[Arc<Provider>]) {
        let before = self.followed.load_full();
        let current = providers
            .iter()
            .map(|provider| self.entry(provider, &before))
            .collect();
        self.followed.store(Arc::new(Followed {
            current,
            previous: before.current.clone(),
        }));
    }

    fn entry(&self, provider: &Arc<Provider>, before: &Followed) -> Entry {
        let known = before
            .current
            .iter()
            .find(|entry| entry.provider.name == provider.name);
        if let Some(known) = known
            && known.provider.same_key_source(provider)
        {
            let number = if known.provider == *provider {
                known.number
            } else {
                self.number()
            };
            return Entry {
                provider: Arc::clone(provider),
                number,
                follower: Arc::clone(&known.follower),
            };
        }
        let follower = Follower::start(
            provider,
            self.settings.timing.clone(),
            self.clock.clone(),
            self.settings.state.as_deref(),
        );
        Entry {
            provider: Arc::clone(provider),
            number: self.number(),
            follower: Arc::new(follower),
        }
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// How each provider's keys are.
    pub fn statuses(&self) -> Vec<ProviderStatus> {
        let now = self.clock.now();
        let followed = self.followed.load();
        let statuses = followed.current.iter().map(|entry| {
            let (state, age) = entry.follower.keys().state(now);
            ProviderStatus {
                name: Arc::clone(&entry.provider.name),
                state,
                age,
            }
        });
        statuses.collect()
    }

    /// How many verified tokens are kept, and their weight in bytes.
    pub fn cached(&self) -> (usize, u64) {
        self.cache.size()
    }

    /// Verifies the credential of a request; `None`: it has none, and is anonymous.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn authenticate(
        &self,
        presented: &Presented<'_>,
    ) -> Result<Option<Arc<VerifiedToken>>, Failure> {
        let token = credential::find(presented.headers, presented.query, &self.settings.places)
            .map_err(Failure::from)?;
        let Some(token) = token else {
            return Ok(None);
        };
        if token.bytes().len() > jwt::MAX_BYTES {
            return Err(Failure::of(&TokenError::TooLong, None));
        }
        let now = self.clock.now();
        let digest = sha256(token.bytes());
        let remembered = self.remembered(presented.providers, digest, now)?;
        let verified = if let Some(verified) = remembered {
            verified
        } else {
            let token = token.text().map_err(Failure::from)?;
            self.verify(token, digest, presented.providers, now).await?
        };
        if verified.audience(presented.audiences).is_none() {
            return Err(Failure::of(
                &TokenError::Audience,
                Some(verified.provider()),
            ));
        }
        Ok(Some(verified))
    }

    /// A token that was verified before, if nothing that it rests on has changed.
    fn remembered(
        &self,
        providers: &[Arc<Provider>],
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<Arc<VerifiedToken>>, Failure> {
        let followed = self.followed.load();
        for provider in providers {
            let Some(entry) = followed.find(provider) else {
                continue;
            };
            let key = Key {
                provider: entry.number,
                digest,
            };
            let Some(token) = self.cache.get(&key) else {
                continue;
            };
            if token.has_expired(now) {
                self.cache.remove(&key);
                return Err(Failure::of(&TokenError::Expired, Some(provider)));
            }
            return match entry.follower.keys().still_has(token.key(), now) {
                Some(true) => Ok(Some(token)),
                // The key was withdrawn: the whole way again, which says why not.
                Some(false) => {
                    self.cache.remove(&key);
                    Ok(None)
                }
                None => Err(Failure::unavailable(provider)),
            };
        }
        Ok(None)
    }

    async fn verify(
        &self,
        token: &str,
        digest: [u8; 32],
        providers: &[Arc<Provider>],
        now: Timestamp,
    ) -> Result<Arc<VerifiedToken>, Failure> {
        let unverified = Unverified::parse(token).map_err(|error| Failure::of(&error, None))?;
        let provider = providers
            .iter()
            .find(|provider| *provider.issuer == *unverified.issuer())
            .ok_or_else(|| Failure {
                reason: Reason::UnknownIssuer,
                detail: "the token's issuer is none that is accepted here".to_owned(),
                provider: None,
            })?;
        let (number, keys) = {
            let followed = self.followed.load();
            let entry = followed
                .find(provider)
                .ok_or_else(|| Failure::unavailable(provider))?;
            (entry.number, Arc::clone(entry.follower.keys()))
        };
        let set = self.keys_for(&unverified, provider, &keys, now).await?;
        let verified = unverified
            .verify(provider, &set, self.clock.now(), digest)
            .map_err(|error| Failure::of(&error, Some(provider)))?;
        let verified = Arc::new(verified);
        let key = Key {
            provider: number,
            digest,
        };
        self.cache.insert(key, Arc::clone(&verified));
        Ok(verified)
    }

    /// The provider's keys, after the one fetch that is allowed if the token's is not among them.
    async fn keys_for(
        &self,
        unverified: &Unverified<'_>,
        provider: &Arc<Provider>,
        keys: &ProviderKeys,
        now: Timestamp,
    ) -> Result<Arc<jwks::KeySet>, Failure> {
        let algorithm = unverified
            .algorithm(provider)
            .map_err(|error| Failure::of(&error, Some(provider)))?;
        if let Some(set) = keys.current(now)
            && unverified.has_key(algorithm, &set)
        {
            return Ok(set);
        }
        let outcome = keys.refetch().await;
        let set = keys
            .current(self.clock.now())
            .ok_or_else(|| Failure::unavailable(provider))?;
        // A failed fetch leaves open whether the key exists; one that brought keys without it does not.
        if outcome == Outcome::Failed && !unverified.has_key(algorithm, &set) {
            return Err(Failure::unavailable(provider));
        }
        Ok(set)
    }
}

impl Followed {
    fn find(&self, provider: &Arc<Provider>) -> Option<&Entry> {
        let both = || self.current.iter().chain(&self.previous);
        both()
            .find(|entry| Arc::ptr_eq(&entry.provider, provider))
            .or_else(|| both().find(|entry| entry.provider == *provider))
    }
}

impl Failure {
    fn of(error: &TokenError, provider: Option<&Arc<Provider>>) -> Self {
        Self {
            reason: error.reason(),
            detail: error.to_string(),
            provider: provider.map(|provider| Arc::clone(&provider.name)),
        }
    }

    /// The provider's trouble, not the client's: 503, never 401.
    fn unavailable(provider: &Provider) -> Self {
        Self {
            reason: Reason::ProviderUnavailable,
            detail: format!(
                "no usable keys of provider {} for this token",
                provider.name
            ),
            provider: Some(Arc::clone(&provider.name)),
        }
    }
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        Self {
            reason: error.reason(),
            detail: error.to_string(),
            provider: None,
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// Lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
