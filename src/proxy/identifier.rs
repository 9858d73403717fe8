//! Request ids: random UUIDs as header values, carved from blocks so that most cost no allocation.

use std::cell::RefCell;

use bytes::BytesMut;
use http::HeaderValue;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// Ids in one block.
const BLOCK: usize = 64;

/// A worker's source of ids.
#[derive(Debug, Default)]
pub struct Identifiers(RefCell<BytesMut>);

impl Identifiers {
    /// A new id.
    pub fn next(&self) -> HeaderValue {
        let mut text = [0; Hyphenated::LENGTH];
        let text = Uuid::new_v4().hyphenated().encode_lower(&mut text);
        let mut block = self.0.borrow_mut();
        if block.capacity() < text.len() {
            *block = BytesMut::with_capacity(Hyphenated::LENGTH.saturating_mul(BLOCK));
        }
        block.extend_from_slice(text.as_bytes());
        let bytes = block.split().freeze();
        HeaderValue::from_maybe_shared(bytes).unwrap_or(HeaderValue::from_static("unknown"))
    }
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
