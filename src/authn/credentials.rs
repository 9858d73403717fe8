//! `credentials.yaml`: long-lived access keys, API keys, and what the STS checks (TOTP seeds, password hashes).
//!
//! [`Credentials`] is what the files said, complete and immutable; [`Store`] keeps the current one and follows the
//! files. Secrets live in [`Secret`], and no fault, log line or `Debug` shows one: faults name places and keys of the
//! format, never a value. Knows who a credential is of by ARN only; whether such a user exists is the directory's affair.

mod read;
mod store;

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::clock::Timestamp;
use crate::secret::Secret;

use super::sha256;
use super::verified::{ApiKey, KeyOwner};

pub use read::read as parse;
pub use store::{MAX_SIZE, OpenError, Status, Store, files};

/// All credentials that are known.
#[derive(Debug, Default)]
pub struct Credentials {
    access_keys: HashMap<Box<str>, AccessKey>,
    api_keys: HashMap<Box<str>, ApiKeyEntry>,
    sts: StsSecrets,
}

/// A long-lived access key.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// What signs with it.
    pub secret: Secret<Box<str>>,
    /// Whose it is: a user's or a root user's.
    pub owner: KeyOwner,
    /// An inactive one is refused.
    pub active: bool,
    /// When it was made.
    pub created: Option<Timestamp>,
}

/// An API key, of which only the hash is kept.
#[derive(Debug, Clone)]
pub struct ApiKeyEntry {
    hash: [u8; 32],
    /// The ARN of the user whose it is.
    pub user: Arc<str>,
    /// An inactive one is refused.
    pub active: bool,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it ends.
    pub expires: Timestamp,
}

/// A password, of which only hashes are kept: argon2id in PHC form.
#[derive(Debug, Clone)]
pub struct PasswordEntry {
    /// The password's.
    pub hash: Secret<Box<str>>,
    /// When it was set.
    pub changed: Option<Timestamp>,
    /// Those of the passwords before it, the latest first.
    pub former: Vec<Secret<Box<str>>>,
}

/// What the STS and the console check.
#[derive(Debug, Default)]
pub struct StsSecrets {
    /// The seeds of TOTP devices (base32), by the device's ARN.
    pub totp: HashMap<Box<str>, Secret<Box<str>>>,
    /// Passwords, by the user's ARN.
    pub passwords: HashMap<Box<str>, PasswordEntry>,
}

/// Why an API key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ApiKeyError {
    /// It is not `sgk_ID_SECRET`.
    Malformed,
    /// There is none of this id, or its secret is another.
    Unknown,
    /// It was switched off.
    Inactive,
    /// Its time is over.
    Expired,
}

impl Credentials {
    /// A long-lived access key, active or not.
    pub fn access_key(&self, id: &str) -> Option<&AccessKey> {
        self.access_keys.get(id)
    }

    /// All long-lived access keys, by their ids.
    pub fn access_keys(&self) -> impl Iterator<Item = (&str, &AccessKey)> {
        self.access_keys.iter().map(|(id, key)| (&**id, key))
    }

    /// All API keys, by their ids.
    pub fn api_keys(&self) -> impl Iterator<Item = (&str, &ApiKeyEntry)> {
        self.api_keys.iter().map(|(id, key)| (&**id, key))
    }

    /// What the STS and the console check.
    pub fn sts(&self) -> &StsSecrets {
        &self.sts
    }

    /// How many access keys and API keys there are.
    pub fn count(&self) -> (usize, usize) {
        (self.access_keys.len(), self.api_keys.len())
    }

    /// Whose API key this is; `key` is `ID_SECRET`.
    pub(super) fn api_key(&self, key: &[u8], now: Timestamp) -> Result<ApiKey, ApiKeyError> {
        let text = std::str::from_utf8(key).map_err(|_| ApiKeyError::Malformed)?;
        let (id, secret) = text.split_once('_').ok_or(ApiKeyError::Malformed)?;
        if !is_api_key_id(id) || !is_api_key_secret(secret) {
            return Err(ApiKeyError::Malformed);
        }
        // Hashed and compared whether or not there is such a key: the time taken tells nothing.
        let hash = sha256(secret.as_bytes());
        let known = self.api_keys.get(id);
        let expected = known.map_or(&[0; 32], |known| &known.hash);
        let same = verify_slices_are_equal(&hash, expected).is_ok();
        let known = known.filter(|_| same).ok_or(ApiKeyError::Unknown)?;
        if !known.active {
            return Err(ApiKeyError::Inactive);
        }
        if now >= known.expires {
            return Err(ApiKeyError::Expired);
        }
        Ok(ApiKey {
            user: Arc::clone(&known.user),
            expires_at: Some(known.expires),
        })
    }
}

/// 4 to 32 letters and digits.
fn is_api_key_id(text: &str) -> bool {
    (4..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// 32 to 128 of `A-Z a-z 0-9 _ -`: what a random secret of 24 bytes or more looks like in base64url.
fn is_api_key_secret(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (32..=128).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests;
