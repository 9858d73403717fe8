//! Random UUIDs as header values or text, made and written many at once: that is quicker than one for each request, and
//! costs no allocation for most.

use std::cell::RefCell;

use bytes::{Buf, Bytes};
use http::HeaderValue;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// Ids in one block: no more than a kibibyte of them, which whoever keeps one of them keeps whole.
const BLOCK: usize = 28;

/// A worker's source of ids.
#[derive(Debug, Default)]
pub struct Identifiers(RefCell<Bytes>);

impl Identifiers {
    /// A new id.
    pub fn next(&self) -> HeaderValue {
        let mut block = self.0.borrow_mut();
        if block.len() < Hyphenated::LENGTH {
            *block = written();
        }
        let id = block.split_to(Hyphenated::LENGTH);
        HeaderValue::from_maybe_shared(id).unwrap_or(HeaderValue::from_static("unknown"))
    }

    /// A new id that goes into no header.
    pub fn text(&self) -> Text {
        let mut block = self.0.borrow_mut();
        if block.len() < Hyphenated::LENGTH {
            *block = written();
        }
        let mut text = [0; Hyphenated::LENGTH];
        if let Some(id) = block.first_chunk() {
            text = *id;
        }
        block.advance(Hyphenated::LENGTH);
        Text(text)
    }
}

/// An id by itself.
#[derive(Debug, Clone, Copy)]
pub struct Text([u8; Hyphenated::LENGTH]);

impl Text {
    /// Letters, digits and hyphens.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A block of ids, one behind the other.
#[cold]
fn written() -> Bytes {
    let mut text = vec![0; Hyphenated::LENGTH.saturating_mul(BLOCK)];
    for place in text.chunks_exact_mut(Hyphenated::LENGTH) {
        Uuid::new_v4().hyphenated().encode_lower(place);
    }
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_look_like_uuids() {
        let identifiers = Identifiers::default();
        let mut all: Vec<_> = (0..1000).map(|_| identifiers.next()).collect();
        all.extend((0..100).map(|_| HeaderValue::from_str(identifiers.text().as_str()).unwrap()));
        assert!(all.iter().all(|id| id.len() == 36));
        all.sort_by(|left, right| left.as_bytes().cmp(right.as_bytes()));
        all.dedup();
        assert_eq!(all.len(), 1100);
    }
}
