//! `keyring.yaml`: the keys that session tokens and refusals' messages are sealed with, and how they follow each other.
//!
//! Each key has an id that stands in clear in what it sealed, and four parts: one that opens and seals tokens, a pair
//! that signs them and verifies that, and a pair for messages. The newest key whose time has come seals; all that are
//! not retired open. A verify-only keyring lacks the parts that sign and that open messages. This module reads, writes
//! and changes the text; [`super::Keys`] makes it work. Reads no file.

mod read;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::source::Fault;

use super::{message, random};

/// Nobody needs more.
pub const MAX_KEYS: usize = 64;
/// No honest keyring is larger.
pub const MAX_BYTES: u64 = 256 * 1024;

/// All keys, in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    /// The keys.
    pub entries: Vec<Entry>,
}

/// One key.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Eight letters or digits, in clear in everything that the key sealed.
    pub id: Id,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it seals, unless a later one does.
    pub seals_from: Timestamp,
    /// When it was retired; its parts are gone then.
    pub retired: Option<Timestamp>,
    /// Its parts.
    pub parts: Option<Parts>,
}

/// A key's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub(super) [u8; 8]);

/// What a key is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Opens and seals tokens (AES-256-GCM-SIV).
    pub(super) token_key: Secret<[u8; 32]>,
    /// Verifies tokens (Ed25519).
    pub(super) verifying_key: [u8; 32],
    /// Signs tokens: the seed. None in a verify-only keyring.
    pub(super) signing_key: Option<Secret<[u8; 32]>>,
    /// Seals messages (X25519).
    pub(super) message_key: [u8; 32],
    /// Opens messages. None in a verify-only keyring.
    pub(super) message_secret: Option<Secret<[u8; 32]>>,
}

/// What a key is for at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// New tokens are sealed with it.
    Sealing,
    /// Tokens that it sealed are opened.
    Opening,
    /// It will seal; what others seal with it is opened already.
    Coming,
    /// Nothing is opened with it.
    Retired,
}

impl State {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sealing => "sealing",
            Self::Opening => "opening",
            Self::Coming => "coming",
            Self::Retired => "retired",
        }
    }
}

/// Why a keyring cannot be changed so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The system has no random bytes.
    #[error("the system has no random bytes")]
    NoRandom,
    /// It cannot issue, so a new key of it would be known to nobody else.
    #[error("a verify-only keyring gets its keys from the one that it was exported from")]
    VerifyOnly,
    /// It has no such key.
    #[error("the keyring has no key `{0}`: `sidegate keyring list` names them")]
    Unknown(String),
    /// It is the one that seals, now or soon.
    #[error("the key {0} seals tokens: `sidegate keyring rotate` first")]
    Sealing(Id),
    /// It is retired already.
    #[error("the key {0} is retired already")]
    Retired(Id),
    /// It is full.
    #[error("a keyring has at most {MAX_KEYS} keys: remove retired ones from the file")]
    Full,
}

impl Id {
    fn new() -> Option<Self> {
        let bytes: [u8; 8] = random().ok()?;
        let letters = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut id = [b'a'; 8];
        for (slot, byte) in id.iter_mut().zip(bytes) {
            *slot = *letters.get(usize::from(byte & 31))?;
        }
        Some(Self(id))
    }

    /// Of eight lower-case letters or digits.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 8] = text.as_bytes().try_into().ok()?;
        let fits = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        bytes.iter().all(fits).then_some(Self(bytes))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Entry {
    fn new(now: Timestamp, seals_from: Timestamp) -> Option<Self> {
        let seed: [u8; 32] = random().ok()?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
        let (message_key, message_secret) = message::generate()?;
        Some(Self {
            id: Id::new()?,
            created: now,
            seals_from,
            retired: None,
            parts: Some(Parts {
                token_key: Secret::new(random().ok()?),
                verifying_key: pair.public_key().as_ref().try_into().ok()?,
                signing_key: Some(Secret::new(seed)),
                message_key,
                message_secret: Some(message_secret),
            }),
        })
    }

    fn can_seal(&self) -> bool {
        let signs = |parts: &Parts| parts.signing_key.is_some();
        self.parts.as_ref().is_some_and(signs)
    }
}

impl Keyring {
    /// Reads a keyring's text; `file` names it in faults.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(text: &str, file: &str) -> Result<Self, Vec<Fault>> {
        read::read(text, file)
    }

    /// A keyring with one new key, which seals at once.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn new(now: Timestamp) -> Result<Self, ChangeError> {
        let entry = Entry::new(now, now).ok_or(ChangeError::NoRandom)?;
        Ok(Self {
            entries: vec![entry],
        })
    }

    /// Adds a key that seals from then on: whoever has the keyring by then opens what it seals.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn rotate(&mut self, now: Timestamp, seals_from: Timestamp) -> Result<Id, ChangeError> {
        if !self.entries.iter().any(Entry::can_seal) {
            return Err(ChangeError::VerifyOnly);
        }
        if self.entries.len() >= MAX_KEYS {
            return Err(ChangeError::Full);
        }
        let entry = Entry::new(now, seals_from).ok_or(ChangeError::NoRandom)?;
        let id = entry.id;
        self.entries.push(entry);
        Ok(id)
    }

    /// Retires a key: its parts are thrown away, and what it sealed is refused.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn retire(&mut self, id: &str, now: Timestamp) -> Result<Id, ChangeError> {
        let sealing = self.sealing(now).map(|entry| entry.id);
        let entry = Id::parse(id)
            .and_then(|id| self.entries.iter_mut().find(|entry| entry.id == id))
            .ok_or_else(|| ChangeError::Unknown(id.to_owned()))?;
        if entry.retired.is_some() {
            return Err(ChangeError::Retired(entry.id));
        }
        if sealing == Some(entry.id) {
            return Err(ChangeError::Sealing(entry.id));
        }
        entry.retired = Some(now);
        entry.parts = None;
        Ok(entry.id)
    }

    /// The same without the parts that issue and that open messages.
    #[must_use]
    pub fn verify_only(&self) -> Self {
        let entries = self.entries.iter().map(|entry| Entry {
            parts: entry.parts.as_ref().map(|parts| Parts {
                signing_key: None,
                message_secret: None,
                ..parts.clone()
            }),
            ..entry.clone()
        });
        Self {
            entries: entries.collect(),
        }
    }

    /// Whether no key of it can issue.
    pub fn is_verify_only(&self) -> bool {
        !self.entries.iter().any(Entry::can_seal)
    }

    /// The key that seals: the newest whose time has come.
    pub fn sealing(&self, now: Timestamp) -> Option<&Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.can_seal() && entry.seals_from <= now)
            .max_by_key(|entry| entry.seals_from)
    }

    /// What a key is for.
    pub fn state(&self, entry: &Entry, now: Timestamp) -> State {
        if entry.retired.is_some() {
            State::Retired
        } else if self.sealing(now).map(|found| found.id) == Some(entry.id) {
            State::Sealing
        } else if entry.seals_from > now && entry.can_seal() {
            State::Coming
        } else {
            State::Opening
        }
    }

    /// The text of its file. Holds secrets: for a file that only its owner reads.
    pub fn text(&self) -> Secret<String> {
        let mut out = String::from(
            "# Sidegate's keyring: whoever reads it can use every session token it opens, and without the\n\
             # lines `signing_key` issue none. Change it with `sidegate keyring`; keep it as a secret, mode 0600.\n\
             version: 1\nkeys:\n",
        );
        for entry in &self.entries {
            entry.write(&mut out);
        }
        Secret::new(out)
    }
}

impl Entry {
    fn write(&self, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  - id: {}", self.id);
        let mut line = |key: &str, value: String| {
            let _ = writeln!(out, "    {key}: {value}");
        };
        line("created", format!("\"{}\"", self.created.rfc3339()));
        line("seals_from", format!("\"{}\"", self.seals_from.rfc3339()));
        if let Some(time) = self.retired {
            line("retired", format!("\"{}\"", time.rfc3339()));
        }
        let Some(parts) = &self.parts else {
            return;
        };
        let base64 = |bytes: &[u8; 32]| STANDARD.encode(bytes);
        line("token_key", base64(parts.token_key.expose()));
        line("verifying_key", base64(&parts.verifying_key));
        if let Some(key) = &parts.signing_key {
            line("signing_key", base64(key.expose()));
        }
        line("message_key", base64(&parts.message_key));
        if let Some(key) = &parts.message_secret {
            line("message_secret", base64(key.expose()));
        }
    }
}
