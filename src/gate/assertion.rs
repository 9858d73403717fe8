//! What the upstream is told of who asks: the `X-Sidegate-*` headers, a signed JWT among them.
//!
//! The JWT (`X-Sidegate-Identity`) lets an upstream check for itself that its caller came by Sidegate. It is signed with
//! a key of its own, never one of the STS; its public half is published as a JWKS. Signing costs tens of microseconds,
//! so the headers of a session are kept and made anew at half of the token's life. Decides nothing; reads no files.

mod claims;
mod key;

use std::cell::RefCell;
use std::fmt;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::header::{HeaderName, HeaderValue};
use quick_cache::{Equivalent, Weighter, sync::Cache};

use crate::authn::Identity;
use crate::authn::recent::{self, HEAVIEST, Recent};
use crate::clock::{Clock, Timestamp};

use claims::Claims;
pub use key::{KeyError, SigningKey};

/// How long a token is good for.
const LIFE: Duration = Duration::from_secs(5 * 60);
/// When it is renewed.
const HALF: Duration = Duration::from_secs(150);
/// How long a replaced key stays published: tokens that it signed may still be on their way.
const RETIRED: Duration = Duration::from_secs(10 * 60);
/// Sessions whose headers are kept.
const KEPT: usize = 10_000;
/// And what they may take, with the identities and tokens that they keep alive: in each of the two caches.
const BYTES: u64 = 16 * 1024 * 1024;

const IDENTITY: HeaderName = HeaderName::from_static("x-sidegate-identity");

/// The headers of one identity for one upstream.
pub type Headers = Arc<Told>;

/// Headers, and the same as HTTP/1 writes them.
pub struct Told {
    fields: Box<[(HeaderName, HeaderValue)]>,
    lines: Box<[u8]>,
}

impl Told {
    /// As lines of a head.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }
}

impl Deref for Told {
    type Target = [(HeaderName, HeaderValue)];

    fn deref(&self) -> &Self::Target {
        &self.fields
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Knows which of them are not to be seen; the lines do not.
        self.fields.fmt(f)
    }
}

impl FromIterator<(HeaderName, HeaderValue)> for Told {
    fn from_iter<I: IntoIterator<Item = (HeaderName, HeaderValue)>>(fields: I) -> Self {
        let fields: Box<[_]> = fields.into_iter().collect();
        let lines = fields
            .iter()
            .flat_map(|(name, value)| [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
        Self {
            lines: lines.flatten().copied().collect(),
            fields,
        }
    }
}

/// Makes the headers, and keeps them. One for the whole process.
#[derive(Debug)]
pub struct Assertions {
    clock: Clock,
    keys: LazyLock<ArcSwap<Keys>, Box<dyn FnOnce() -> ArcSwap<Keys> + Send>>,
    /// By the very identity, which lives in the authenticator's cache: what most requests find.
    seen: Cache<Seen, Kept, Weight>,
    /// Under which each thread remembers what it found there last.
    number: AtomicU64,
    /// By what is said, so that neither a reload nor an identity made anew for each request costs a signature.
    said: Cache<Box<[u8]>, Made, Weight>,
}

#[derive(Debug)]
struct Keys {
    current: SigningKey,
    retired: Vec<(SigningKey, Timestamp)>,
}

thread_local! {
    static RECENT: RefCell<Recent<(Seen, Kept)>> = const { RefCell::new(Recent::new()) };
}

/// INVARIANT: the entry holds the identity that stands at this address, so that no other can come to stand there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Seen {
    address: usize,
    upstream: Box<str>,
}

#[derive(Hash)]
struct Asked<'a> {
    address: usize,
    upstream: &'a str,
}

impl Equivalent<Seen> for Asked<'_> {
    fn equivalent(&self, key: &Seen) -> bool {
        self.address == key.address && *self.upstream == *key.upstream
    }
}

#[derive(Debug, Clone)]
struct Kept {
    made: Made,
    /// Keeps its address taken.
    identity: Arc<Identity>,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weight {
    /// No entry weighs less, so that the bytes bound the entries too.
    fn of(bytes: usize) -> u64 {
        let least = BYTES.checked_div(KEPT as u64).unwrap_or(1);
        u64::try_from(bytes).unwrap_or(u64::MAX).max(least)
    }
}

impl Weighter<Seen, Kept> for Weight {
    fn weight(&self, _: &Seen, kept: &Kept) -> u64 {
        let identity = &kept.identity;
        let token = identity.token.as_ref().map_or(0, |token| token.weight());
        let bytes = identity.weight().saturating_add(token);
        Self::of(bytes.saturating_add(kept.made.weight()))
    }
}

impl Weighter<Box<[u8]>, Made> for Weight {
    fn weight(&self, content: &Box<[u8]>, made: &Made) -> u64 {
        Self::of(content.len().saturating_add(made.weight()))
    }
}

#[derive(Debug, Clone)]
struct Made {
    headers: Headers,
    renew_at: Timestamp,
}

impl Made {
    /// The lines, the fields that say the same, and what holds them.
    fn weight(&self) -> usize {
        self.headers
            .lines
            .len()
            .saturating_mul(2)
            .saturating_add(512)
    }
}

impl Assertions {
    /// Signs with `key`.
    pub fn new(key: SigningKey, clock: Clock) -> Self {
        Self::later(|| key, clock)
    }

    /// Signs with a key that is made when it is first needed, or by [`Assertions::prepare`]: the first random numbers
    /// of a process can take a tenth of a second.
    pub fn later(key: impl FnOnce() -> SigningKey + Send + 'static, clock: Clock) -> Self {
        let keys = move || {
            ArcSwap::from_pointee(Keys {
                current: key(),
                retired: Vec::new(),
            })
        };
        Self {
            clock,
            keys: LazyLock::new(Box::new(keys)),
            seen: Cache::with_weighter(KEPT, BYTES, Weight),
            number: AtomicU64::new(recent::number()),
            said: Cache::with_weighter(KEPT, BYTES, Weight),
        }
    }

    /// Makes the key, if there is none yet; whoever needs it meanwhile waits.
    pub fn prepare(&self) {
        LazyLock::force(&self.keys);
    }

    /// Signs with another key from now on; the one before stays published for a while. Does nothing if it is the same.
    pub fn replace(&self, key: SigningKey) {
        let now = self.clock.now();
        let before = self.keys.load_full();
        if before.current.id() == key.id() {
            return;
        }
        let mut retired: Vec<_> = before
            .retired
            .iter()
            .filter(|(old, until)| *until > now && old.id() != key.id())
            .cloned()
            .collect();
        retired.push((before.current.clone(), now.plus(RETIRED)));
        self.keys.store(Arc::new(Keys {
            current: key,
            retired,
        }));
        self.seen.clear();
        self.said.clear();
        self.number.store(recent::number(), Ordering::Release);
    }

    /// The public keys, as RFC 7517 has them.
    pub fn jwks(&self) -> String {
        let now = self.clock.now();
        let keys = self.keys.load();
        let retired = keys.retired.iter().filter(|(_, until)| *until > now);
        let all: Vec<_> = std::iter::once(&keys.current)
            .chain(retired.map(|(key, _)| key))
            .map(SigningKey::public)
            .collect();
        serde_json::json!({ "keys": all }).to_string()
    }

    /// The headers that tell `upstream` who asks. Without a token only if it cannot be signed, which the key's check at
    /// the start rules out.
    pub fn of(&self, identity: &Arc<Identity>, upstream: &str, now: Timestamp) -> Headers {
        let address = Arc::as_ptr(identity).addr();
        let asked = Asked { address, upstream };
        let number = self.number.load(Ordering::Acquire);
        // The bits below are the same for all.
        let at = address >> 5;
        let recent = RECENT.with_borrow(|recent| {
            let (seen, kept) = recent.get(number, at)?;
            let good = asked.equivalent(seen) && now < kept.made.renew_at;
            good.then(|| Arc::clone(&kept.made.headers))
        });
        if let Some(headers) = recent {
            return headers;
        }
        if let Some(kept) = self.seen.get(&asked)
            && now < kept.made.renew_at
        {
            let headers = Arc::clone(&kept.made.headers);
            if identity.weight().saturating_add(kept.made.weight()) <= HEAVIEST {
                let upstream = upstream.into();
                let seen = Seen { address, upstream };
                RECENT.with_borrow_mut(|recent| recent.put(number, at, (seen, kept)));
            }
            return headers;
        }
        let made = self.made(identity, upstream, now);
        if identity.is_lasting() {
            let seen = Seen {
                address,
                upstream: upstream.into(),
            };
            let kept = Kept {
                made: made.clone(),
                identity: Arc::clone(identity),
            };
            self.seen.insert(seen, kept);
        }
        made.headers
    }

    fn made(&self, identity: &Identity, upstream: &str, now: Timestamp) -> Made {
        let claims = Claims::of(identity, upstream);
        let content = claims.content(identity.expires_at);
        if let Some(made) = self.said.get(&content)
            && now < made.renew_at
        {
            return made;
        }
        let full = now.plus(LIFE);
        let (expires, renew_at) = match identity.expires_at {
            Some(end) if end < full => (end, end),
            _ => (full, now.plus(HALF)),
        };
        let token = self.keys.load().current.sign(&claims.timed(now, expires));
        let headers = plain(identity)
            .chain(token.and_then(|token| {
                let mut value = HeaderValue::try_from(token).ok()?;
                value.set_sensitive(true);
                Some((IDENTITY, value))
            }))
            .collect::<Told>();
        let made = Made {
            headers: Arc::new(headers),
            renew_at,
        };
        self.said.insert(content, made.clone());
        made
    }
}

/// The headers that are no token.
fn plain(identity: &Identity) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    [
        ("x-sidegate-principal-arn", Some(identity.principal.name())),
        ("x-sidegate-principal-account", identity.principal.account()),
        ("x-sidegate-session-name", identity.session_name.as_deref()),
        (
            "x-sidegate-source-identity",
            identity.source_identity.as_deref(),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| {
        let value = HeaderValue::from_str(value?).ok()?;
        Some((HeaderName::from_static(name), value))
    })
}

#[cfg(test)]
mod tests;
