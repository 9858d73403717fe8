//! The process's ledger: what it knows in memory, and what it keeps.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::{Clock, Timestamp};

use super::Settings;
use super::compact::Refused;
use super::fact::{Fact, KeyUsed, Used};
use super::journal::{Journal, OpenError};
use super::last_used::{LastUse, LastUsed};
use super::once::{Kind, Once};
use super::revocation::{MOST, Revocation, Revocations};

/// What must not be forgotten. One for the whole process.
#[derive(Debug)]
pub struct Ledger {
    clock: Clock,
    refused: Refused,
    revocations: Mutex<Revocations>,
    once: Once,
    last_used: LastUsed,
    journal: Option<Journal>,
}

/// Why nothing is revoked, or not for good.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// A restart would bring it back.
    #[error(
        "there is nowhere to keep a revocation: set `state.path` (or `state.redis`), or write into the bundle what a revocation would say: a statement {{Effect: Deny, Action: \"*\", Resource: \"*\", Condition: {{DateLessThan: {{\"aws:TokenIssueTime\": \"TIME\"}}}}}} in a policy of the role or user, or in an SCP for everyone"
    )]
    Nowhere,
    /// There are too many.
    #[error(
        "there are {MOST} revocations in force; revoke by principal or issue time, of which one does for many sessions"
    )]
    Full,
    /// It is in force, until a restart.
    #[error("it is revoked in this process, and a restart would forget it: {0}")]
    Unkept(std::io::Error),
}

impl Default for Ledger {
    /// One that keeps nothing, by the machine's clock.
    fn default() -> Self {
        Self::volatile(Clock::machine())
    }
}

impl Ledger {
    /// Knows what an earlier run kept.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(settings: &Settings, clock: Clock) -> Result<Self, OpenError> {
        let mut ledger = Self::volatile(clock);
        let now = ledger.clock.now();
        if let Some(folder) = &settings.path {
            let journal = Journal::open(folder, |fact| ledger.remember(fact, now))?;
            ledger.journal = Some(journal);
        }
        let mut revocations = ledger.revocations();
        revocations.expire(now);
        if !revocations.is_empty() {
            ledger.refused.replace(&revocations);
        }
        drop(revocations);
        Ok(ledger)
    }

    /// Keeps nothing.
    pub fn volatile(clock: Clock) -> Self {
        Self {
            clock,
            refused: Refused::default(),
            revocations: Mutex::default(),
            once: Once::default(),
            last_used: LastUsed::default(),
            journal: None,
        }
    }

    fn remember(&self, fact: Fact, now: Timestamp) {
        match fact {
            Fact::Revoked(revocation) => {
                self.revocations().add(&revocation);
            }
            Fact::Used(used) => {
                if now < used.until {
                    self.once.first(&used, now);
                }
            }
            Fact::KeyUsed(KeyUsed { key, last }) => self.last_used.take(&key, last),
        }
    }

    fn revocations(&self) -> MutexGuard<'_, Revocations> {
        self.revocations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Another number is other revocations. To be asked for before they are.
    pub fn generation(&self) -> u64 {
        self.refused.generation()
    }

    /// Whether a session or an access key is revoked, by its id.
    pub fn is_revoked_key(&self, id: &str) -> bool {
        self.refused.key(id)
    }

    /// Whether credentials of one of these principals that were issued then are revoked.
    pub fn is_revoked<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        issued_at: Timestamp,
    ) -> bool {
        self.refused.issued(names, issued_at)
    }

    /// Whether a revocation would outlive the process.
    pub fn keeps(&self) -> bool {
        self.journal.is_some()
    }

    /// Revokes: at once in this process, and kept when this returns. Writes to the disk, and so may block.
    ///
    /// # Errors
    /// See [`RevokeError`].
    pub fn revoke(&self, revocation: &Revocation) -> Result<(), RevokeError> {
        let Some(journal) = &self.journal else {
            return Err(RevokeError::Nowhere);
        };
        {
            let mut revocations = self.revocations();
            if !revocations.has_room(&revocation.target) {
                return Err(RevokeError::Full);
            }
            revocations.add(revocation);
            self.refused.replace(&revocations);
        }
        journal
            .append(&[Fact::Revoked(revocation.clone())], true)
            .map_err(RevokeError::Unkept)
    }

    /// Everything that is revoked.
    pub fn in_force(&self) -> Vec<Revocation> {
        let now = self.clock.now();
        let all = self.revocations();
        all.iter().filter(|one| now < one.entry.until).collect()
    }

    /// How much is revoked.
    pub fn count(&self) -> usize {
        self.revocations().len()
    }

    /// Uses a code or an id; whether this is its first use. It is remembered until then.
    pub fn first(&self, kind: Kind, id: &str, until: Timestamp) -> bool {
        let used = Used {
            kind,
            id: id.into(),
            until,
        };
        if !self.once.first(&used, self.clock.now()) {
            return false;
        }
        let Some(journal) = &self.journal else {
            return true;
        };
        // Written, not synced: a machine without power is up again when the code is old.
        let kept = journal.append(&[Fact::Used(used)], false);
        if let Err(error) = &kept {
            tracing::error!(%error, kind = kind.word(), "refused: that it was used cannot be kept");
        }
        kept.is_ok()
    }

    /// A long-lived access key was used.
    pub fn touch(&self, key: &str, service: &str, region: &str, now: Timestamp) {
        self.last_used.touch(key, service, region, now);
    }

    /// When a key was used last, as far as known.
    pub fn last_use(&self, key: &str) -> Option<LastUse> {
        self.last_used.get(key)
    }

    /// When which key was used last.
    pub fn last_uses(&self) -> Vec<(Box<str>, LastUse)> {
        let all = self.last_used.all().into_iter();
        let mut all: Vec<_> = all.map(|used| (used.key, used.last)).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }

    /// Lets go of what has expired, and brings to the disk what may wait. Blocks; to be called every few seconds, and
    /// at the end.
    pub fn tidy(&self) {
        let now = self.clock.now();
        {
            let mut revocations = self.revocations();
            if revocations.expire(now) {
                self.refused.replace(&revocations);
            }
        }
        let Some(journal) = &self.journal else {
            return;
        };
        let fresh: Vec<Fact> = (self.last_used.fresh().into_iter())
            .map(Fact::KeyUsed)
            .collect();
        let mut result = Ok(());
        if !fresh.is_empty() {
            result = journal.append(&fresh, false);
        }
        let count = self
            .count()
            .saturating_add(self.once.all(now).len())
            .saturating_add(self.last_used.all().len());
        let result = result.and_then(|()| {
            if journal.is_wasteful(count) {
                journal.rewrite(|| self.facts(now))
            } else {
                journal.sync()
            }
        });
        if let Err(error) = result {
            tracing::error!(%error, "the state cannot be written");
        }
    }

    fn facts(&self, now: Timestamp) -> Vec<Fact> {
        let revoked: Vec<Revocation> = self.revocations().iter().collect();
        let revoked = revoked.into_iter().map(Fact::Revoked);
        let used = self.once.all(now).into_iter().map(Fact::Used);
        let keys = self.last_used.all().into_iter().map(Fact::KeyUsed);
        revoked.chain(used).chain(keys).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::state::Target;

    const NOW: i64 = 1_800_000_000;

    fn open(folder: &Path) -> (Ledger, Clock) {
        let clock = Clock::fixed(Timestamp::from_seconds(NOW));
        let settings = Settings {
            path: Some(folder.to_owned()),
        };
        (Ledger::open(&settings, clock.clone()).unwrap(), clock)
    }

    fn session(id: &str) -> Revocation {
        let now = Timestamp::from_seconds(NOW);
        Revocation::new(Target::Session(id.into()), now, now)
    }

    #[test]
    fn a_restart_forgets_nothing_that_counts() {
        let folder = tempfile::tempdir().unwrap();
        let later = Timestamp::from_seconds(NOW + 60);
        {
            let (ledger, clock) = open(folder.path());
            let before = ledger.generation();
            ledger.revoke(&session("ASIA1")).unwrap();
            assert!(ledger.is_revoked_key("ASIA1"));
            assert_ne!(ledger.generation(), before);
            assert!(ledger.first(Kind::Totp, "alice 123456", later));
            assert!(!ledger.first(Kind::Totp, "alice 123456", later));
            ledger.touch("AKIA1", "orders", "us-east-1", clock.now());
            ledger.tidy();
        }
        let (ledger, clock) = open(folder.path());
        assert!(ledger.is_revoked_key("ASIA1") && !ledger.is_revoked_key("ASIA2"));
        assert!(!ledger.first(Kind::Totp, "alice 123456", later));
        assert!(ledger.first(Kind::Saml, "alice 123456", later));
        assert_eq!(&*ledger.last_use("AKIA1").unwrap().service, "orders");
        assert_eq!(ledger.in_force(), [session("ASIA1")]);
        clock.set(clock.now().plus(Duration::from_secs(40 * 3600)));
        ledger.tidy();
        assert!(!ledger.is_revoked_key("ASIA1"));
        assert_eq!(ledger.count(), 0);
    }

    #[test]
    fn without_a_place_to_keep_it_nothing_is_revoked() {
        let ledger = Ledger::default();
        let error = ledger.revoke(&session("ASIA1")).unwrap_err();
        assert!(error.to_string().contains("aws:TokenIssueTime"), "{error}");
        assert!(!ledger.is_revoked_key("ASIA1"));
        let later = Timestamp::from_seconds(i64::MAX / 1000);
        assert!(ledger.first(Kind::Saml, "a", later));
        assert!(!ledger.first(Kind::Saml, "a", later));
    }

    #[test]
    fn rewriting_keeps_what_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, clock) = open(folder.path());
        ledger.revoke(&session("ASIA1")).unwrap();
        for number in 0..10_100 {
            let until = Timestamp::from_seconds(NOW + 1);
            assert!(ledger.first(Kind::Saml, &number.to_string(), until));
        }
        clock.set(Timestamp::from_seconds(NOW + 2));
        let size = || {
            let file = folder.path().join("ledger.jsonl");
            std::fs::metadata(file).unwrap().len()
        };
        let before = size();
        ledger.tidy();
        assert!(size() < 1_000 && before > 100_000, "{} {before}", size());
        drop(ledger);
        assert!(open(folder.path()).0.is_revoked_key("ASIA1"));
    }
}
