//! Revocations as requests ask for them: without a lock, and with one look when there are none.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::clock::Timestamp;

use super::revocation::{Revocations, Target};

/// What is refused now.
#[derive(Debug, Default)]
pub(super) struct Refused {
    current: ArcSwap<Table>,
    /// Whether the table says anything: most have none to say.
    any: AtomicBool,
    /// Counts the tables.
    generation: AtomicU64,
}

#[derive(Debug, Default)]
struct Table {
    keys: HashSet<Box<str>>,
    principals: HashMap<Box<str>, Timestamp>,
    everyone: Option<Timestamp>,
}

impl Refused {
    /// Takes these in place of those before.
    pub(super) fn replace(&self, revocations: &Revocations) {
        let mut table = Table::default();
        for one in revocations.iter() {
            match one.target {
                Target::Session(id) | Target::AccessKey(id) => {
                    table.keys.insert(id);
                }
                Target::Principal(name) => {
                    table.principals.insert(name, one.entry.before);
                }
                Target::Everyone => table.everyone = Some(one.entry.before),
            }
        }
        self.current.store(table.into());
        self.any.store(!revocations.is_empty(), Ordering::Release);
        // Last: whoever knows the new number sees the new table.
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// The number of the table: another one is another table. To be asked for before the table is.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether a session or an access key is.
    pub(super) fn key(&self, id: &str) -> bool {
        self.any.load(Ordering::Acquire) && self.current.load().keys.contains(id)
    }

    /// Whether a credential is that one of these principals has, and that was issued then.
    pub(super) fn issued<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        at: Timestamp,
    ) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let table = self.current.load();
        table.everyone.is_some_and(|before| at < before)
            || (!table.principals.is_empty()
                && names.into_iter().any(|name| {
                    let before = table.principals.get(name);
                    before.is_some_and(|before| at < *before)
                }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Revocation;

    #[test]
    fn each_target_refuses_what_it_names() {
        let at = Timestamp::from_seconds;
        let refused = Refused::default();
        assert!(!refused.key("ASIA1") && !refused.issued(["p"], at(0)));
        let mut all = Revocations::default();
        all.add(&Revocation::new(
            Target::Session("ASIA1".into()),
            at(9),
            at(9),
        ));
        all.add(&Revocation::new(
            Target::Principal("p".into()),
            at(50),
            at(60),
        ));
        let before = refused.generation();
        refused.replace(&all);
        assert_ne!(refused.generation(), before);
        assert!(refused.key("ASIA1") && !refused.key("ASIA2"));
        assert!(refused.issued(["x", "p"], at(49)));
        assert!(!refused.issued(["x", "p"], at(50)));
        assert!(!refused.issued(["x"], at(0)));
        all.add(&Revocation::new(Target::Everyone, at(40), at(60)));
        refused.replace(&all);
        assert!(refused.issued(["x"], at(39)) && !refused.issued(["x"], at(40)));
        assert!(refused.issued([], at(39)));
    }
}
