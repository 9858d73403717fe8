//! Access key ids and secrets of sessions.
//!
//! An id is `ASIA` and sixteen letters that hold the account and 40 random bits, so that whoever meets one can say whose
//! it is without a store (GetAccessKeyInfo). A secret is 240 random bits.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::arn::AccountId;
use crate::secret::Secret;

use super::random;

/// What ids of sessions begin with.
pub const PREFIX: &str = "ASIA";
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The number behind an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(pub(super) [u8; 10]);

impl Id {
    pub(super) fn new(account: AccountId) -> Option<Self> {
        let number: u64 = account.as_str().parse().ok()?;
        let mut bytes = [0; 10];
        let (of_account, drawn) = bytes.split_at_mut_checked(5)?;
        of_account.copy_from_slice(number.to_be_bytes().get(3..)?);
        drawn.copy_from_slice(&random::<5>().ok()?);
        Some(Self(bytes))
    }

    pub(super) fn text(self) -> Box<str> {
        let bits = self
            .0
            .iter()
            .fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
        let mut text = String::from(PREFIX);
        for place in (0..16_u32).rev() {
            let index = (bits >> place.saturating_mul(5)) & 31;
            let letter = usize::try_from(index).ok().and_then(|at| LETTERS.get(at));
            text.push(char::from(*letter.unwrap_or(&b'A')));
        }
        text.into()
    }

    fn parse(text: &str) -> Option<Self> {
        let letters = text.strip_prefix(PREFIX)?.as_bytes();
        if letters.len() != 16 {
            return None;
        }
        let mut bits = 0_u128;
        for letter in letters {
            let value = LETTERS.iter().position(|known| known == letter)?;
            bits = (bits << 5) | u128::try_from(value).ok()?;
        }
        let bytes = bits.to_be_bytes();
        Some(Self(bytes.get(6..)?.try_into().ok()?))
    }
}

/// The account of a session's access key id; `None`: it is none of ours.
pub fn account(access_key: &str) -> Option<AccountId> {
    let Id(bytes) = Id::parse(access_key)?;
    let of_account = bytes.iter().take(5);
    let number = of_account.fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    AccountId::parse(&format!("{number:012}"))
}

/// The secret as its holder writes it.
pub(super) fn secret(bytes: &[u8; 30]) -> Secret<Box<str>> {
    Secret::new(STANDARD.encode(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_account() {
        for account_id in ["000000000000", "555566667777", "999999999999"] {
            let id = Id::new(AccountId::parse(account_id).unwrap()).unwrap();
            let text = id.text();
            assert_eq!(text.len(), 20);
            assert!(text.starts_with(PREFIX));
            assert_eq!(Id::parse(&text), Some(id));
            assert_eq!(account(&text).unwrap().as_str(), account_id);
        }
    }

    #[test]
    fn foreign_ids_tell_nothing() {
        for text in [
            "",
            "ASIA",
            "AKIAIOSFODNN7EXAMPLE",
            "ASIAIOSFODNN7EXAMPL",
            "ASIAaaaaaaaaaaaaaaaa",
            "ASIA7777777777777777",
        ] {
            assert_eq!(account(text), None, "{text}");
        }
    }
}
