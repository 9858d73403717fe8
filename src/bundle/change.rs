//! What a new bundle adds, changes and takes away, file by file.
//!
//! A file that is deleted is no fault, and yet a Deny may have gone with it: whoever watches reloads is to see it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use super::files::Files;
use crate::arn::AccountId;

/// Which files a bundle has, and what is in them, as hashes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Listing(BTreeMap<Arc<str>, [u8; 32]>);

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listing of {} files", self.0.len())
    }
}

/// How one bundle differs from another, by the paths of its files, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Files that are new.
    pub added: Vec<Arc<str>>,
    /// Files that say something else.
    pub changed: Vec<Arc<str>>,
    /// Files that are gone.
    pub removed: Vec<Arc<str>>,
}

impl Listing {
    /// Of the files of a bundle.
    pub(super) fn of(files: &Files) -> Self {
        Self(
            files
                .hashes()
                .map(|(path, hash)| (Arc::clone(path), *hash))
                .collect(),
        )
    }

    /// The folder of an account: `accounts/ID-NAME`.
    pub fn account_folder(&self, account: AccountId) -> Option<&str> {
        let head = format!("accounts/{account}-");
        let from = (Bound::Included(head.as_str()), Bound::Unbounded);
        let (path, _) = self.0.range::<str, _>(from).next()?;
        let (folder, _) = path.strip_prefix("accounts/")?.split_once('/')?;
        path.get(..folder.len().saturating_add("accounts/".len()))
            .filter(|path| path.starts_with(&head))
    }

    /// What a newer bundle changed.
    pub fn change_to(&self, newer: &Self) -> Change {
        let missing = |from: &Self, other: &Self| {
            let gone = from.0.keys().filter(|path| !other.0.contains_key(*path));
            gone.map(Arc::clone).collect()
        };
        let is_changed = |(path, hash): &(&Arc<str>, &[u8; 32])| {
            self.0.get(*path).is_some_and(|before| before != *hash)
        };
        let changed = newer.0.iter().filter(is_changed);
        Change {
            added: missing(newer, self),
            changed: changed.map(|(path, _)| Arc::clone(path)).collect(),
            removed: missing(self, newer),
        }
    }
}

/// Paths that a line names; a bundle may have hundreds of thousands.
const NAMED: usize = 20;

/// Some paths for people, of very many the first.
pub fn named(paths: &[Arc<str>]) -> String {
    let first: Vec<&str> = paths.iter().take(NAMED).map(|path| &**path).collect();
    let mut text = first.join(", ");
    let more = paths.len().saturating_sub(NAMED);
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(all: &[(&str, &str)]) -> Listing {
        let mut files = Files::new();
        for (path, text) in all {
            files.insert(path, text.as_bytes().to_vec());
        }
        Listing::of(&files)
    }

    #[test]
    fn what_is_new_other_or_gone() {
        let before = listing(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let after = listing(&[("a", "1"), ("b", "2"), ("d", "1")]);
        let paths =
            |all: &[&str]| -> Vec<Arc<str>> { all.iter().map(|path| (*path).into()).collect() };
        let change = before.change_to(&after);
        assert_eq!(change.added, paths(&["d"]));
        assert_eq!(change.changed, paths(&["b"]));
        assert_eq!(change.removed, paths(&["c"]));
        assert_eq!(after.change_to(&after), Change::default());
        assert_eq!(named(&change.removed), "c");
        let many: Vec<Arc<str>> = (0..23).map(|number| format!("f{number}").into()).collect();
        assert!(named(&many).ends_with(", f19 and 3 more"));
    }
}
