//! Policy documents that came before: cases of one run mostly share theirs, and reading one costs more than judging it.
//!
//! A document is known by its very text and by the kind it was read as. Only sound ones are, so that a case with a
//! fault is always read whole, and its message is the same as ever. Known text may stand where no document belongs, as a
//! condition for one: a case of which anything was passed over that was not then taken as a document is read whole, too.
//! What came once is only noted, and kept when it comes again; what is kept is bounded, and thrown away whole when it is
//! full.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::policy::{Document, Kind};
use crate::source::Position;

/// Bytes of the texts that are kept.
const MOST_KEPT: usize = 16 << 20;
/// Notes of what came once: a power of two.
const NOTES: usize = 1 << 16;
const NOTES_MASK: usize = NOTES - 1;

/// What is known.
pub(super) struct Known {
    hasher: RandomState,
    notes: Box<[u64]>,
    kept: HashMap<u64, Kept>,
    bytes: usize,
}

struct Kept {
    text: Box<str>,
    documents: Vec<(Kind, Document)>,
}

/// The documents of one case.
#[derive(Default)]
pub(super) struct Found<'l> {
    all: Vec<Place<'l>>,
}

struct Place<'l> {
    start: Position,
    text: &'l str,
    hash: u64,
    /// It was passed over, and stands in the tree as an empty object.
    known: bool,
    /// It was asked for as a document.
    taken: Cell<bool>,
}

/// A document of a case.
pub(super) enum Lookup {
    /// Read before.
    Known(Document),
    /// To be read from the tree.
    Unknown,
    /// Passed over, though it was never read as this kind: the case must be read whole.
    Other,
}

impl Known {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            notes: vec![0; NOTES].into(),
            kept: HashMap::new(),
            bytes: 0,
        }
    }

    /// Looks at an object of a case; its length if it is known.
    pub(super) fn look<'l>(
        &self,
        line: &'l str,
        rest: &str,
        start: Position,
        found: &mut Found<'l>,
    ) -> Option<usize> {
        if !like_a_document(rest) {
            return None;
        }
        let at = line.len().checked_sub(rest.len())?;
        let text = line.get(at..)?.get(..length(rest)?)?;
        let hash = self.hasher.hash_one(text);
        let known = (self.kept.get(&hash)).is_some_and(|kept| &*kept.text == text);
        found.all.push(Place {
            start,
            text,
            hash,
            known,
            taken: Cell::new(false),
        });
        known.then_some(text.len())
    }

    /// The document of a case that begins here.
    pub(super) fn get(&self, found: &Found<'_>, start: Position, kind: Kind) -> Lookup {
        let Some(place) = found.at(start).filter(|place| place.known) else {
            return Lookup::Unknown;
        };
        let kept = self.kept.get(&place.hash);
        let known =
            kept.and_then(|kept| kept.documents.iter().find(|(as_kind, _)| *as_kind == kind));
        match known {
            Some((_, document)) => {
                place.taken.set(true);
                Lookup::Known(document.clone())
            }
            None => Lookup::Other,
        }
    }

    /// Takes over a document that was read without a fault.
    pub(super) fn add(&mut self, found: &Found<'_>, start: Position, document: &Document) {
        let Some(place) = found.at(start) else {
            return;
        };
        if !self.came_before(place.hash) {
            return;
        }
        if self.bytes.saturating_add(place.text.len()) > MOST_KEPT {
            self.kept.clear();
            self.bytes = 0;
        }
        let kept = self.kept.entry(place.hash).or_insert_with(|| {
            self.bytes = self.bytes.saturating_add(place.text.len());
            Kept {
                text: place.text.into(),
                documents: Vec::new(),
            }
        });
        // Another text of the same hash is simply never kept.
        let kind = document.kind();
        if &*kept.text == place.text && kept.documents.iter().all(|(other, _)| *other != kind) {
            kept.documents.push((kind, document.clone()));
        }
    }

    fn came_before(&mut self, hash: u64) -> bool {
        let note = usize::try_from(hash)
            .ok()
            .and_then(|hash| self.notes.get_mut(hash & NOTES_MASK));
        note.is_some_and(|note| std::mem::replace(note, hash) == hash)
    }
}

impl Found<'_> {
    /// Whether all that was passed over was taken as a document: what was not is missing from the tree.
    pub(super) fn all_taken(&self) -> bool {
        self.all
            .iter()
            .all(|place| !place.known || place.taken.get())
    }

    fn at(&self, start: Position) -> Option<&Place<'_>> {
        self.all.iter().find(|place| place.start == start)
    }
}

/// Whether an object begins as policies do.
fn like_a_document(rest: &str) -> bool {
    let inside = rest
        .strip_prefix('{')
        .unwrap_or_default()
        .trim_ascii_start();
    ["\"Version\"", "\"Statement\"", "\"Id\""]
        .iter()
        .any(|key| inside.starts_with(key))
}

/// How long the object is that the text begins with, if it ends. Whether it is sound JSON is not asked: it is compared
/// with what was.
fn length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0usize, 0usize);
    loop {
        let found = at.saturating_add(memchr::memchr3(b'{', b'}', b'"', bytes.get(at..)?)?);
        at = found.saturating_add(1);
        match bytes.get(found)? {
            b'{' => depth = depth.saturating_add(1),
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at = behind_string(bytes, at)?,
        }
    }
}

fn behind_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = at.saturating_add(memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?);
        if bytes.get(found) == Some(&b'"') {
            return Some(found.saturating_add(1));
        }
        at = found.saturating_add(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_their_ends() {
        for (text, end) in [
            ("{}x", Some(2)),
            (r#"{"a":{"b":"}"}} }"#, Some(15)),
            (r#"{"a\"}":1}{"#, Some(10)),
            (r#"{"a\\"}"#, Some(7)),
            (r#"{"a"#, None),
            (r#"{"a\"#, None),
            ("{", None),
        ] {
            assert_eq!(length(text), end, "{text}");
        }
    }
}
