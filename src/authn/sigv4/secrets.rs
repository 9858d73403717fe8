//! Signing keys: derived from a secret for a day, region and service, and kept, because deriving costs four HMACs.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use quick_cache::sync::Cache;

use crate::secret::Secret;

use super::Scope;

/// Secrets in use on one day are few; whoever has more derives some anew.
const CAPACITY: usize = 1024;

/// Derived keys, bounded in number. A changed secret is another key.
pub struct SigningKeys {
    derived: Cache<[u8; 32], hmac::Key>,
}

impl SigningKeys {
    /// None yet.
    pub fn new() -> Self {
        Self {
            derived: Cache::new(CAPACITY),
        }
    }

    pub(super) fn get(&self, secret: &Secret<Box<str>>, scope: &Scope) -> hmac::Key {
        let mut digest = Context::new(&SHA256);
        for part in [
            secret.expose(),
            scope.date(),
            scope.region(),
            scope.service(),
        ] {
            // The lengths keep the parts apart.
            digest.update(&part.len().to_le_bytes());
            digest.update(part.as_bytes());
        }
        let mut name = [0; 32];
        name.copy_from_slice(digest.finish().as_ref());
        if let Some(key) = self.derived.get(&name) {
            return key;
        }
        let key = derive(secret, scope);
        self.derived.insert(name, key.clone());
        key
    }
}

impl Default for SigningKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").finish_non_exhaustive()
    }
}

fn derive(secret: &Secret<Box<str>>, scope: &Scope) -> hmac::Key {
    let first = Secret::new(format!("AWS4{}", secret.expose()));
    let mut key = hmac::Key::new(HMAC_SHA256, first.expose().as_bytes());
    for part in [
        scope.date(),
        scope.region(),
        scope.service(),
        "aws4_request",
    ] {
        let tag = hmac::sign(&key, part.as_bytes());
        key = hmac::Key::new(HMAC_SHA256, tag.as_ref());
    }
    key
}
