//! What one file says, before its references are followed.
//!
//! Reading a file depends on nothing but its path and text, so that a reload reads again only what changed: a
//! [`Memo`] keeps what was read by the text's hash. Faults are kept with it, and reported each time.

pub(super) mod account;
pub(super) mod document;
pub(super) mod field;
pub(super) mod organization;
pub(super) mod permission_set;
pub(super) mod policy_about;
pub(super) mod principal;
pub(super) mod resource;

use std::collections::HashMap;
use std::sync::Arc;

use crate::source::{Fault, Node, Report, json, yaml};

/// SHA-256 of a text.
pub(super) type Hash = [u8; 32];

/// What came of reading a file: the value, unless a fault left none, and the faults.
#[derive(Debug)]
pub(super) struct Read<T> {
    pub(super) value: Option<T>,
    pub(super) faults: Vec<Fault>,
}

/// What was read from which file, kept from one load to the next.
#[derive(Debug)]
pub(super) struct Memo<T> {
    former: HashMap<Key, (Hash, Arc<Read<T>>)>,
    current: HashMap<Key, (Hash, Arc<Read<T>>)>,
}

/// A file, and what it was read as (a policy document may serve under several names).
pub(super) type Key = (Arc<str>, Box<str>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self {
            former: HashMap::new(),
            current: HashMap::new(),
        }
    }
}

impl<T> Memo<T> {
    /// Begins a load: what the last one did not ask for is forgotten.
    pub(super) fn turn(&mut self) {
        self.former.extend(self.current.drain());
    }

    /// Ends a load that succeeded or failed: only what it asked for is kept.
    pub(super) fn settle(&mut self) {
        self.former = HashMap::new();
        self.current.shrink_to_fit();
    }

    /// What `make` makes of the file, or made of the same text before. The flag says whether it was made anew.
    pub(super) fn get(
        &mut self,
        key: Key,
        hash: &Hash,
        make: impl FnOnce(&mut Report) -> Option<T>,
    ) -> (Arc<Read<T>>, bool) {
        if let Some((_, read)) = self.current.get(&key) {
            return (Arc::clone(read), false);
        }
        if let Some((former, read)) = self.former.remove(&key)
            && former == *hash
        {
            self.current.insert(key, (former, Arc::clone(&read)));
            return (read, false);
        }
        let mut report = Report::on(&key.0);
        let value = make(&mut report);
        let read = Arc::new(Read {
            value,
            faults: report.into_faults(),
        });
        self.current.insert(key, (*hash, Arc::clone(&read)));
        (read, true)
    }
}

/// Reads a text as its file's name says: `.json` as JSON, all else as YAML.
pub(super) fn node(path: &str, text: &str, report: &mut Report) -> Option<Node> {
    if is_json(path) {
        json::read(text, report)
    } else {
        yaml::read(text, report)
    }
}

pub(super) fn is_json(path: &str) -> bool {
    super::layout::extension(path) == Some("json")
}
