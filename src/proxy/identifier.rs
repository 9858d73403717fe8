//! Random UUIDs as header values, made and written many at once: that is quicker than one for each request, and costs no
//! allocation for most.

use std::cell::RefCell;

use bytes::Bytes;
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
}

/// A block of ids, one behind the other.
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
        assert!(all.iter().all(|id| id.len() == 36));
        all.sort_by(|left, right| left.as_bytes().cmp(right.as_bytes()));
        all.dedup();
        assert_eq!(all.len(), 1000);
    }
}
