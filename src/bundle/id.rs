//! Ids that a bundle does not give: derived, so that they stay the same as long as the name does.

use aws_lc_rs::digest::{SHA256, digest};

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .filter_map(|nibble| DIGITS.get(usize::from(nibble)))
        .map(|digit| char::from(*digit))
        .collect()
}

/// SHA-256.
pub(super) fn hash(text: &str) -> [u8; 32] {
    digest(&SHA256, text.as_bytes())
        .as_ref()
        .try_into()
        .unwrap_or_default()
}

/// The first `length` base32 characters (RFC 4648) of SHA-256; at most 51.
pub(super) fn base32(text: &str, length: usize) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut bits, mut held) = (0u32, 0u32);
    let mut out = String::with_capacity(length);
    for byte in hash(text) {
        bits = (bits << 8 | u32::from(byte)) & 0xffff;
        held = held.saturating_add(8);
        while held >= 5 {
            held = held.saturating_sub(5);
            let index = usize::try_from(bits >> held & 0x1f).unwrap_or_default();
            out.push(LETTERS.get(index).map_or('A', |letter| char::from(*letter)));
            if out.len() == length {
                return out;
            }
        }
    }
    out
}

/// A unique id as IAM makes them: a prefix (`AROA`, `AIDA`, `AGPA`, `ANPA`) and 17 characters.
pub(super) fn unique(prefix: &str, arn: &str) -> Box<str> {
    format!("{prefix}{}", base32(arn, 17)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_rfc_4648() {
        // `printf abc | openssl sha256 -binary | base32`
        assert_eq!(
            base32("abc", 51),
            "XJ4BNP4PAHH6UQKBIDPF3LRCEOYAGYNDSYLXVHFUCD7WD4QACWW"
        );
        assert_eq!(base32("abc", 17).len(), 17);
        assert_eq!(hex(&[0x0f, 0xa0]), "0fa0");
    }
}
