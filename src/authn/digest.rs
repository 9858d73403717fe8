//! The SHA-256 of tokens, which name them wherever they are kept.
//!
//! Most tokens come many times over. Each thread remembers the digests of the last few: a token is compared byte for
//! byte with the one that is remembered, which costs a twentieth of hashing it anew and says the same. That a token
//! was seen says nothing of its being good; whoever asks for the digest judges that each time.
//!
//! The comparison ends where two tokens differ, which tells nobody anything: a token that is compared in vain takes the
//! other's place, so that nothing can be tried twice.

use std::cell::RefCell;

use super::sha256;

/// Tokens that a thread remembers, at most one of each last eight bytes modulo this.
const PLACES: usize = 256;
/// Longer tokens are hashed each time.
const LONGEST: usize = 2048;

#[derive(Debug, Default)]
struct Seen {
    token: Vec<u8>,
    digest: [u8; 32],
}

thread_local! {
    static SEEN: RefCell<Vec<Seen>> = const { RefCell::new(Vec::new()) };
}

/// The SHA-256 of a token.
pub(super) fn of_token(token: &[u8]) -> [u8; 32] {
    // A signature's last bytes are as good as random. Whoever makes them collide has tokens hashed, as all once were.
    let (Some(tail), 1..=LONGEST) = (token.last_chunk::<8>(), token.len()) else {
        return sha256(token);
    };
    let number = u64::from_le_bytes(*tail);
    let folded = number ^ (number >> 16) ^ (number >> 40);
    let at = usize::try_from(folded).unwrap_or_default() % PLACES;
    SEEN.with_borrow_mut(|seen| {
        if seen.is_empty() {
            seen.resize_with(PLACES, Seen::default);
        }
        let Some(place) = seen.get_mut(at) else {
            return sha256(token);
        };
        if place.token != token {
            place.digest = sha256(token);
            place.token.clear();
            place.token.extend_from_slice(token);
        }
        place.digest
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_digest_is_the_tokens_own_whatever_was_seen_before(
            heads in proptest::collection::vec("[ab]{0,3}", 1..40),
            tail in "[ab]{0,9}",
        ) {
            for head in heads {
                let token = format!("{head}{tail}");
                prop_assert_eq!(of_token(token.as_bytes()), sha256(token.as_bytes()));
            }
        }
    }

    #[test]
    fn long_and_short_ones_too() {
        for length in [0, 1, 7, 8, LONGEST, LONGEST + 1] {
            let mut token = vec![b'x'; length];
            assert_eq!(of_token(&token), sha256(&token));
            if let Some(first) = token.first_mut() {
                *first = b'y';
            }
            assert_eq!(of_token(&token), sha256(&token), "{length}");
        }
    }
}
