//! Finds keys that stand twice in one object. Knows nothing of the text they come from.

use std::collections::HashMap;

use crate::source::Entry;

/// The keys of one object and the lines of their first places. A few are compared one by one; many go into a map.
#[derive(Default)]
pub(super) struct Seen {
    lines: HashMap<Box<str>, u32>,
    /// How many entries are in the map.
    added: usize,
}

impl Seen {
    const FEW: usize = 16;

    /// The line where `key` stands already among `entries`.
    pub(super) fn first_line(&mut self, entries: &[Entry], key: &str) -> Option<u32> {
        if entries.len() < Self::FEW {
            let same = entries.iter().find(|entry| &*entry.key == key)?;
            return Some(same.key_span.start.line);
        }
        // Entries come one at a time: those that are not in the map yet are added first.
        for entry in entries.iter().skip(self.added) {
            self.lines
                .entry(entry.key.clone())
                .or_insert(entry.key_span.start.line);
        }
        self.added = entries.len();
        self.lines.get(key).copied()
    }
}
