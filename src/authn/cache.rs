//! Tokens that were verified before: the signature is checked once.
//!
//! [`TokenCache`] keeps the verification alone, under the SHA-256 of the whole token and the provider as it was
//! configured; never a decision, never a refusal (a flood of bad tokens finds nothing to fill). Whoever takes a token
//! out judges again what may have changed since: expiry, the key, the audience. [`IdentityCache`] keeps principals made
//! from verified tokens, under the snapshot and the chosen role, and only those that rest on nothing else. Both are
//! bounded in entries and bytes. Knows no clock.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Equivalent, Lifecycle, Weighter};

use super::identity::Identity;
use super::jwt::VerifiedToken;
use super::recent::{self, HEAVIEST, Recent};
use super::session::Session;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Tokens.
    pub entries: usize,
    /// Bytes, in all.
    pub bytes: u64,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            entries: 10_000,
            bytes: 8 * 1024 * 1024,
        }
    }
}

/// What a cache has counted since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Found, and of use.
    pub hits: u64,
    /// Not found, or no longer of use.
    pub misses: u64,
    /// Thrown out for lack of room.
    pub evictions: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
}

impl Counters {
    pub(super) fn looked(&self, found: bool) {
        let counter = if found { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Counts {
        Counts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
        }
    }
}

/// Counts what is thrown out.
#[derive(Debug, Clone)]
struct Evicted(Arc<Counters>);

impl<K, V> Lifecycle<K, V> for Evicted {
    type RequestState = ();

    fn on_evict(&self, (): &mut Self::RequestState, _: K, _: V) {
        self.0.evictions.fetch_add(1, Ordering::Relaxed);
    }
}

/// The cache.
#[derive(Debug)]
pub struct TokenCache {
    tokens: Cache<Key, Arc<VerifiedToken>, Weight, DefaultHashBuilder, Evicted>,
    counters: Arc<Counters>,
    number: u64,
}

thread_local! {
    static TOKENS: RefCell<Recent<(Key, Arc<VerifiedToken>)>> = const { RefCell::new(Recent::new()) };
    static IDENTITIES: RefCell<Recent<Remembered>> = const { RefCell::new(Recent::new()) };
}

/// Where a thread remembers what it found under a digest, which is as good as random.
fn place(digest: &[u8; 32]) -> usize {
    let [first, ..] = digest;
    usize::from(*first)
}

/// A provider as it was configured, by its number, and the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Changes whenever anything that verification depends on does.
    pub provider: u64,
    /// SHA-256 of the whole token.
    pub digest: [u8; 32],
}

#[derive(Debug, Clone)]
struct Weight {
    /// No entry weighs less, so that the bytes bound the entries too.
    least: u64,
}

impl Weight {
    fn of(size: Size) -> Self {
        let entries = u64::try_from(size.entries.max(1)).unwrap_or(u64::MAX);
        Self {
            least: size.bytes.checked_div(entries).unwrap_or(1).max(1),
        }
    }

    fn at_least(&self, bytes: usize) -> u64 {
        u64::try_from(bytes).unwrap_or(u64::MAX).max(self.least)
    }
}

impl Weighter<Key, Arc<VerifiedToken>> for Weight {
    fn weight(&self, _: &Key, token: &Arc<VerifiedToken>) -> u64 {
        self.at_least(token.weight().saturating_add(size_of::<Key>()))
    }
}

impl TokenCache {
    /// An empty cache.
    pub fn new(size: Size) -> Self {
        Self::counted(size, Arc::default())
    }

    /// One that counts together with others.
    pub(super) fn counted(size: Size, counters: Arc<Counters>) -> Self {
        Self {
            tokens: Cache::with(
                size.entries,
                size.bytes,
                Weight::of(size),
                DefaultHashBuilder::default(),
                Evicted(Arc::clone(&counters)),
            ),
            counters,
            number: recent::number(),
        }
    }

    /// Counts a look for a token, which may have been under several keys: whether it spared a verification.
    pub fn looked(&self, found: bool) {
        self.counters.looked(found);
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// A token that was verified before.
    pub fn get(&self, key: &Key) -> Option<Arc<VerifiedToken>> {
        let at = place(&key.digest);
        let recent = TOKENS.with_borrow(|recent| {
            let (known, token) = recent.get(self.number, at)?;
            (known == key).then(|| Arc::clone(token))
        });
        if recent.is_some() {
            return recent;
        }
        let token = self.tokens.get(key)?;
        if token.weight() <= HEAVIEST {
            let kept = (*key, Arc::clone(&token));
            TOKENS.with_borrow_mut(|recent| recent.put(self.number, at, kept));
        }
        Some(token)
    }

    /// Keeps a verified token.
    pub fn insert(&self, key: Key, token: Arc<VerifiedToken>) {
        self.tokens.insert(key, token);
    }

    /// Drops a token.
    pub fn remove(&self, key: &Key) {
        self.tokens.remove(key);
        // Other threads judge what they remember by themselves, and come here then.
        TOKENS.with_borrow_mut(|recent| recent.forget(place(&key.digest)));
    }

    /// How many tokens, and their weight in bytes.
    pub fn size(&self) -> (usize, u64) {
        (self.tokens.len(), self.tokens.weight())
    }
}

/// Principals that were made before.
#[derive(Debug)]
pub struct IdentityCache {
    identities: Cache<Choice, Made, Weight, DefaultHashBuilder, Evicted>,
    counters: Arc<Counters>,
    number: AtomicU64,
}

/// A principal that a thread found last, of a token with which no role was chosen.
#[derive(Debug)]
struct Remembered {
    digest: [u8; 32],
    audience: usize,
    made: Made,
}

/// A token, which of its audiences it was accepted for, and the role that was chosen of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Choice {
    digest: [u8; 32],
    audience: usize,
    role: Option<Box<str>>,
}

#[derive(Hash)]
struct Asked<'a> {
    digest: &'a [u8; 32],
    audience: usize,
    role: Option<&'a str>,
}

impl Equivalent<Choice> for Asked<'_> {
    fn equivalent(&self, key: &Choice) -> bool {
        *self.digest == key.digest
            && self.audience == key.audience
            && self.role == key.role.as_deref()
    }
}

/// A principal and the snapshot that it was made from. The snapshot is no part of the key, so that the principals of an
/// old one give way to those of the new one.
#[derive(Debug, Clone)]
struct Made {
    snapshot: Arc<str>,
    identity: Arc<Identity>,
}

impl Weighter<Choice, Made> for Weight {
    fn weight(&self, key: &Choice, made: &Made) -> u64 {
        let token = made
            .identity
            .token
            .as_ref()
            .map_or(0, |token| token.weight());
        let role = key.role.as_ref().map_or(0, |role| role.len());
        let bytes = made.identity.weight().saturating_add(token);
        self.at_least(bytes.saturating_add(role).saturating_add(128))
    }
}

impl IdentityCache {
    /// An empty cache.
    pub fn new(size: Size) -> Self {
        let counters = Arc::<Counters>::default();
        Self {
            identities: Cache::with(
                size.entries,
                size.bytes,
                Weight::of(size),
                DefaultHashBuilder::default(),
                Evicted(Arc::clone(&counters)),
            ),
            counters,
            number: AtomicU64::new(recent::number()),
        }
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// The principal that was made of a token under this snapshot and choice.
    pub fn get(
        &self,
        token: &VerifiedToken,
        snapshot: &str,
        role: Option<&str>,
    ) -> Option<Arc<Identity>> {
        let (digest, audience) = (token.digest(), token.audience_at());
        let (number, at) = (self.number.load(Ordering::Relaxed), place(digest));
        let recent = IDENTITIES.with_borrow(|recent| {
            let known = recent.get(number, at).filter(|_| role.is_none())?;
            let same = known.digest == *digest
                && known.audience == audience
                && *known.made.snapshot == *snapshot;
            same.then(|| Arc::clone(&known.made.identity))
        });
        if recent.is_some() {
            self.counters.looked(true);
            return recent;
        }
        let asked = Asked {
            digest,
            audience,
            role,
        };
        let made = self.identities.get(&asked);
        let found = made.filter(|made| *made.snapshot == *snapshot);
        self.counters.looked(found.is_some());
        let made = found?;
        let identity = Arc::clone(&made.identity);
        if role.is_none() && identity.weight() <= HEAVIEST {
            let known = Remembered {
                digest: *digest,
                audience,
                made,
            };
            IDENTITIES.with_borrow_mut(|recent| recent.put(number, at, known));
        }
        Some(identity)
    }

    /// Keeps a principal.
    pub fn insert(
        &self,
        token: &VerifiedToken,
        snapshot: &str,
        role: Option<&str>,
        identity: Arc<Identity>,
    ) {
        let choice = Choice {
            digest: *token.digest(),
            audience: token.audience_at(),
            role: role.map(Into::into),
        };
        let made = Made {
            snapshot: snapshot.into(),
            identity,
        };
        self.identities.insert(choice, made);
    }

    /// Lets go of everything: what it holds keeps parts of an old snapshot in memory.
    pub fn clear(&self) {
        self.identities.clear();
        // Each thread lets go of its own when it remembers the next one.
        self.number.store(recent::number(), Ordering::Relaxed);
    }
}

/// Principals that were made of sessions before, by where the opened session lies.
#[derive(Debug)]
pub struct SessionCache(Cache<usize, OfSession, Weight>);

/// INVARIANT: the entry holds the session that lies at its address, so that no other can come to lie there.
#[derive(Debug, Clone)]
struct OfSession {
    session: Arc<Session>,
    made: Made,
}

impl Weighter<usize, OfSession> for Weight {
    fn weight(&self, _: &usize, of: &OfSession) -> u64 {
        // With the session; a policy takes several times the room of its text, which is no longer at hand.
        let policy = if of.session.policies.is_some() {
            64 * 1024
        } else {
            0
        };
        let claims = of.session.claims.as_deref().unwrap_or_default().iter();
        let claims = claims.map(|(name, values)| {
            let values = values.iter().map(|value| value.len().saturating_add(32));
            values.fold(name.len().saturating_add(64), usize::saturating_add)
        });
        let bytes = of.made.identity.weight().saturating_mul(2);
        let bytes = bytes.saturating_add(policy).saturating_add(512);
        self.at_least(claims.fold(bytes, usize::saturating_add))
    }
}

impl SessionCache {
    /// An empty cache.
    pub fn new(size: Size) -> Self {
        Self(Cache::with_weighter(
            size.entries,
            size.bytes,
            Weight::of(size),
        ))
    }

    /// The principal that was made of a session under this snapshot.
    pub fn get(&self, session: &Arc<Session>, snapshot: &str) -> Option<Arc<Identity>> {
        let found = self.0.get(&Arc::as_ptr(session).addr())?;
        let same = Arc::ptr_eq(&found.session, session) && *found.made.snapshot == *snapshot;
        same.then_some(found.made.identity)
    }

    /// Keeps a principal.
    pub fn insert(&self, session: &Arc<Session>, snapshot: &str, identity: &Arc<Identity>) {
        let of = OfSession {
            session: Arc::clone(session),
            made: Made {
                snapshot: snapshot.into(),
                identity: Arc::clone(identity),
            },
        };
        self.0.insert(Arc::as_ptr(session).addr(), of);
    }

    /// Lets go of everything, as [`IdentityCache::clear`].
    pub fn clear(&self) {
        self.0.clear();
    }
}
