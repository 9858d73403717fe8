//! What is revoked. A set that only grows, but for what has expired: to join two, in any order and as often as one
//! likes, gives the same.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Timestamp;

/// Revocations that are kept: each is made by a person or a program of theirs.
pub const MOST: usize = 100_000;

const HOUR: u64 = 3600;
/// No session lasts longer than 36 hours; one more for clocks that differ.
const SESSION: Duration = Duration::from_secs(37 * HOUR);
/// No provider's token lasts longer than 366 days.
const TOKEN: Duration = Duration::from_secs(367 * 24 * HOUR);

/// What is refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "target", content = "id", rename_all = "snake_case")]
pub enum Target {
    /// A session, by its access key id (ASIA…).
    Session(Box<str>),
    /// A long-lived access key (AKIA…).
    AccessKey(Box<str>),
    /// Credentials of this principal that were issued before a time: an ARN, or a service's name.
    Principal(Box<str>),
    /// Whoever's credentials that were issued before a time.
    Everyone,
}

/// A target, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// What is refused.
    #[serde(flatten)]
    pub target: Target,
    /// The rest.
    #[serde(flatten)]
    pub entry: Entry,
}

/// Since when, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Credentials that were issued before are refused; of keys all are.
    #[serde(with = "milliseconds")]
    pub before: Timestamp,
    /// When it was revoked.
    #[serde(with = "milliseconds")]
    pub at: Timestamp,
    /// When nothing is left to refuse.
    #[serde(with = "milliseconds")]
    pub until: Timestamp,
}

impl Revocation {
    /// A revocation that is made now.
    pub fn new(target: Target, before: Timestamp, now: Timestamp) -> Self {
        let until = match &target {
            Target::Session(_) => now.plus(SESSION),
            // Nobody knows when it is thrown away.
            Target::AccessKey(_) => Timestamp::from_milliseconds(i64::MAX),
            Target::Principal(_) | Target::Everyone => now.max(before).plus(TOKEN),
        };
        let entry = Entry {
            before,
            at: now,
            until,
        };
        Self { target, entry }
    }
}

impl Revocation {
    /// As people and programs are told of it.
    pub fn told(&self) -> Value {
        let (kind, id) = match &self.target {
            Target::Session(id) => ("session", Some(id)),
            Target::AccessKey(id) => ("access_key", Some(id)),
            Target::Principal(name) => ("principal", Some(name)),
            Target::Everyone => ("everyone", None),
        };
        let Entry { before, at, until } = self.entry;
        let by_time = matches!(self.target, Target::Principal(_) | Target::Everyone);
        let ends = until != Timestamp::from_milliseconds(i64::MAX);
        json!({
            "target": kind,
            "id": id,
            "issued_before": by_time.then(|| before.rfc3339()),
            "revoked_at": at.rfc3339(),
            "until": ends.then(|| until.rfc3339()),
        })
    }
}

/// All revocations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revocations(BTreeMap<Target, Entry>);

impl Revocations {
    /// Adds one; whether that changes anything. Of two for one target the stricter of each part counts.
    pub fn add(&mut self, revocation: &Revocation) -> bool {
        let new = revocation.entry;
        let Some(known) = self.0.get_mut(&revocation.target) else {
            self.0.insert(revocation.target.clone(), new);
            return true;
        };
        let joined = Entry {
            before: known.before.max(new.before),
            at: known.at.max(new.at),
            until: known.until.max(new.until),
        };
        let changed = *known != joined;
        *known = joined;
        changed
    }

    /// Lets go of those that have nothing left to refuse; whether there were any.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let before = self.0.len();
        self.0.retain(|_, entry| now < entry.until);
        self.0.len() < before
    }

    /// Whether there is room for this one.
    pub fn has_room(&self, target: &Target) -> bool {
        self.0.len() < MOST || self.0.contains_key(target)
    }

    /// What is known of a target.
    pub fn get(&self, target: &Target) -> Option<&Entry> {
        self.0.get(target)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them, in an order that stays.
    pub fn iter(&self) -> impl Iterator<Item = Revocation> {
        self.0.iter().map(|(target, entry)| Revocation {
            target: target.clone(),
            entry: *entry,
        })
    }
}

/// Times as numbers.
pub(super) mod milliseconds {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::clock::Timestamp;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference"
    )]
    pub(in crate::state) fn serialize<S: Serializer>(
        time: &Timestamp,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_i64(time.milliseconds())
    }

    pub(in crate::state) fn deserialize<'d, D: Deserializer<'d>>(
        from: D,
    ) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp::from_milliseconds)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn target() -> impl Strategy<Value = Target> {
        let name = prop::sample::select(vec!["a", "b", "c"]).prop_map(Box::<str>::from);
        prop_oneof![
            name.clone().prop_map(Target::Session),
            name.clone().prop_map(Target::AccessKey),
            name.prop_map(Target::Principal),
            Just(Target::Everyone),
        ]
    }

    fn revocation() -> impl Strategy<Value = Revocation> {
        let time = || (0_i64..50).prop_map(Timestamp::from_seconds);
        (target(), time(), time(), time()).prop_map(|(target, before, at, until)| Revocation {
            target,
            entry: Entry { before, at, until },
        })
    }

    fn of(all: &[Revocation]) -> Revocations {
        let mut made = Revocations::default();
        for one in all {
            made.add(one);
        }
        made
    }

    proptest! {
        #[test]
        fn joining_is_commutative_associative_and_idempotent(
            one in prop::collection::vec(revocation(), 0..12),
            other in prop::collection::vec(revocation(), 0..12),
            third in prop::collection::vec(revocation(), 0..12),
        ) {
            let in_order = |parts: &[&[Revocation]]| of(&parts.concat());
            let joined = in_order(&[&one, &other, &third]);
            prop_assert_eq!(&in_order(&[&third, &other, &one]), &joined);
            prop_assert_eq!(&in_order(&[&other, &one, &other, &third, &one]), &joined);
            // What two made of their parts, joined, is what one makes of all.
            let (mut left, right) = (in_order(&[&one, &other]), in_order(&[&other, &third]));
            for one in right.iter() {
                left.add(&one);
            }
            prop_assert_eq!(&left, &joined);
            for again in joined.iter() {
                prop_assert!(!left.add(&again));
            }
        }

        /// Nothing that is added makes anything less revoked.
        #[test]
        fn joining_only_ever_refuses_more(
            known in prop::collection::vec(revocation(), 0..12),
            new in revocation(),
        ) {
            let before = of(&known);
            let mut after = before.clone();
            after.add(&new);
            for old in before.iter() {
                let now = after.get(&old.target).unwrap();
                prop_assert!(now.before >= old.entry.before && now.until >= old.entry.until);
            }
            prop_assert!(after.get(&new.target).unwrap().before >= new.entry.before);
        }

        #[test]
        fn what_is_written_is_read_again(one in revocation()) {
            let text = serde_json::to_string(&one).unwrap();
            prop_assert_eq!(serde_json::from_str::<Revocation>(&text).unwrap(), one);
        }
    }

    #[test]
    fn what_has_nothing_left_to_refuse_goes() {
        let now = Timestamp::from_seconds(1_000);
        let session = Revocation::new(Target::Session("ASIA".into()), now, now);
        let key = Revocation::new(Target::AccessKey("AKIA".into()), now, now);
        let everyone = Revocation::new(Target::Everyone, now, now);
        let mut all = of(&[session, key, everyone]);
        assert!(!all.expire(now.plus(Duration::from_secs(36 * HOUR))));
        assert!(all.expire(now.plus(Duration::from_secs(37 * HOUR))));
        assert_eq!(all.len(), 2);
        assert!(all.expire(now.plus(Duration::from_secs(400 * 24 * HOUR))));
        assert!(all.get(&Target::AccessKey("AKIA".into())).is_some());
    }
}
