//! Tokens that were verified before: the signature is checked once.
//!
//! What is kept is the verification alone, under the SHA-256 of the whole token and the provider as it was configured;
//! never a principal, never a decision, never a refusal (a flood of bad tokens finds nothing to fill). Bounded in
//! entries and bytes. Whoever takes a token out judges again what may have changed since: expiry, the key, the
//! audience. Knows no clock.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::jwt::VerifiedToken;

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

/// The cache.
#[derive(Debug)]
pub struct TokenCache {
    tokens: Cache<Key, Arc<VerifiedToken>, Weight>,
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

impl Weighter<Key, Arc<VerifiedToken>> for Weight {
    fn weight(&self, _: &Key, token: &Arc<VerifiedToken>) -> u64 {
        let bytes = token.weight().saturating_add(size_of::<Key>());
        u64::try_from(bytes).unwrap_or(u64::MAX).max(self.least)
    }
}

impl TokenCache {
    /// An empty cache.
    pub fn new(size: Size) -> Self {
        let entries = u64::try_from(size.entries.max(1)).unwrap_or(u64::MAX);
        let least = size.bytes.checked_div(entries).unwrap_or(1).max(1);
        Self {
            tokens: Cache::with_weighter(size.entries, size.bytes, Weight { least }),
        }
    }

    /// A token that was verified before.
    pub fn get(&self, key: &Key) -> Option<Arc<VerifiedToken>> {
        self.tokens.get(key)
    }

    /// Keeps a verified token.
    pub fn insert(&self, key: Key, token: Arc<VerifiedToken>) {
        self.tokens.insert(key, token);
    }

    /// Drops a token.
    pub fn remove(&self, key: &Key) {
        self.tokens.remove(key);
    }

    /// How many tokens, and their weight in bytes.
    pub fn size(&self) -> (usize, u64) {
        (self.tokens.len(), self.tokens.weight())
    }
}
