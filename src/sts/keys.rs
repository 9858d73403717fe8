//! The keyring at work: issues session tokens and opens them.
//!
//! Opening costs one signature check each time: who remembers what was opened does so under [`Opened::generation`],
//! which another keyring changes. Whether a session was revoked, or its role is gone, is asked by others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::clock::Timestamp;
use crate::secret::Secret;

use super::keyring::{Id, Keyring};
use super::message::{self, MessageError};
use super::seal::{self, Key, OpenError};
use super::token::{Session, TooLarge};

/// A session out of a token that was verified.
#[derive(Debug)]
pub struct Opened {
    /// What the token holds.
    pub session: Session,
    /// By which keyring.
    pub generation: u64,
}

/// Why no session is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// Policies and tags do not fit.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The keyring is verify-only, or none of its keys seals yet.
    #[error("the keyring has no key that issues")]
    NoKey,
}

/// A session and its token.
#[derive(Debug)]
pub struct Issued {
    /// The session, with its access key.
    pub session: Session,
    /// How many of a hundred parts of what a token can hold its policies and tags take.
    pub packed: u32,
    /// The text. A credential: never to be logged.
    pub token: Secret<String>,
}

/// The keyring at work. One for the whole process.
#[derive(Debug)]
pub struct Keys {
    ring: ArcSwap<Ring>,
    generations: AtomicU64,
}

#[derive(Debug)]
struct Ring {
    keyring: Keyring,
    keys: Vec<Key>,
    generation: u64,
}

impl Ring {
    fn new(keyring: Keyring, generation: u64) -> Self {
        let keys = keyring.entries.iter().filter_map(|entry| {
            let parts = entry.parts.as_ref()?;
            Key::new(entry.id, parts)
        });
        Self {
            keys: keys.collect(),
            keyring,
            generation,
        }
    }

    fn key(&self, id: Id) -> Option<&Key> {
        self.keys.iter().find(|key| key.id() == id)
    }
}

impl Keys {
    /// Works with this keyring; an empty one opens nothing.
    pub fn new(keyring: Keyring) -> Self {
        Self {
            ring: ArcSwap::from_pointee(Ring::new(keyring, 0)),
            generations: AtomicU64::new(1),
        }
    }

    /// Works with another keyring from now on.
    pub fn replace(&self, keyring: Keyring) {
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        self.ring.store(Arc::new(Ring::new(keyring, generation)));
    }

    /// Whether it can issue now.
    pub fn can_issue(&self, now: Timestamp) -> bool {
        self.ring.load().keyring.sealing(now).is_some()
    }

    /// Draws an access key for a session that is asked for, and makes its token.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn issue(&self, asked: Session, now: Timestamp) -> Result<Issued, IssueError> {
        self.issue_padded(asked, now, 0)
    }

    /// The same, with a token of at least `least` letters.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn issue_padded(
        &self,
        asked: Session,
        now: Timestamp,
        least: usize,
    ) -> Result<Issued, IssueError> {
        let session = asked.with_key().ok_or(IssueError::NoKey)?;
        let ring = self.ring.load();
        let key = ring
            .keyring
            .sealing(now)
            .and_then(|entry| ring.key(entry.id))
            .ok_or(IssueError::NoKey)?;
        let (token, packed) = key.seal(&session, least)?.ok_or(IssueError::NoKey)?;
        Ok(Issued {
            session,
            packed,
            token: Secret::new(token),
        })
    }

    /// Changes with the keyring, and so with what it opens.
    pub fn generation(&self) -> u64 {
        self.ring.load().generation
    }

    /// The session of a token.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, token: &str, now: Timestamp) -> Result<Opened, OpenError> {
        let sealed = seal::parse(token)?;
        let ring = self.ring.load();
        let key = ring.key(sealed.id).ok_or(OpenError::UnknownKey)?;
        let session = key.open(sealed)?;
        if session.has_expired(now) {
            return Err(OpenError::Expired);
        }
        Ok(Opened {
            session,
            generation: ring.generation,
        })
    }

    /// Seals what a refusal keeps from the client. `None`: there is no key for it, or the text is too long.
    pub fn seal_message(&self, text: &str, now: Timestamp) -> Option<String> {
        let ring = self.ring.load();
        let entries = ring.keyring.entries.iter();
        // A verify-only keyring seals messages too: the newest key whose time has come.
        let entry = entries
            .filter(|entry| entry.parts.is_some() && entry.seals_from <= now)
            .max_by_key(|entry| entry.seals_from)?;
        message::seal(entry.id, entry.parts.as_ref()?, text)
    }

    /// Opens such a message.
    ///
    /// # Errors
    /// See [`MessageError`].
    pub fn open_message(&self, message: &str) -> Result<String, MessageError> {
        let (id, head, body) = message::parse(message)?;
        let ring = self.ring.load();
        let mut entries = ring.keyring.entries.iter();
        let secret = entries
            .find(|entry| entry.id == id)
            .and_then(|entry| entry.parts.as_ref()?.message_secret.as_ref())
            .ok_or(MessageError::UnknownKey)?;
        message::open(head, &body, secret)
    }
}

#[cfg(test)]
mod tests;
