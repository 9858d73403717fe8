//! Bytes, written as base64 (RFC 4648, section 4, padded). Compared piece by piece, without a copy on the heap.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

const CODE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);
/// Characters decoded at a time; a multiple of four.
const PIECE: usize = 1024;

/// Decodes a policy's value.
pub(crate) fn decode(text: &str) -> Option<Box<[u8]>> {
    CODE.decode(text).ok().map(Into::into)
}

/// Hands over the bytes piece by piece; `None` if the text is no base64.
fn pieces(text: &str, mut each: impl FnMut(&[u8])) -> Option<()> {
    let mut rest = text.as_bytes();
    loop {
        let (piece, behind) = rest.split_at_checked(PIECE).unwrap_or((rest, b""));
        if !behind.is_empty() && piece.contains(&b'=') {
            return None;
        }
        let mut buffer = [0u8; PIECE];
        let length = CODE.decode_slice(piece, &mut buffer).ok()?;
        each(buffer.get(..length).unwrap_or_default());
        if behind.is_empty() {
            return Some(());
        }
        rest = behind;
    }
}

/// Whether a request's base64 text stands for one of `wanted`; `None` if it is no base64.
pub(crate) fn any_equal(text: &str, wanted: &[Box<[u8]>]) -> Option<bool> {
    pieces(text, |_| {})?;
    Some(wanted.iter().any(|wanted| {
        let mut left: Option<&[u8]> = Some(wanted);
        let _ = pieces(text, |piece| {
            left = left.and_then(|left| left.strip_prefix(piece));
        });
        left.is_some_and(<[u8]>::is_empty)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_compared_not_letters() {
        let wanted = [decode("AQID").unwrap(), decode("AA==").unwrap()];
        assert_eq!(any_equal("AQID", &wanted), Some(true));
        assert_eq!(any_equal("AA==", &wanted), Some(true));
        // The same byte, with other trailing bits.
        assert_eq!(any_equal("AB==", &wanted), Some(true));
        assert_eq!(any_equal("AQIE", &wanted), Some(false));
        assert_eq!(any_equal("AQIDBA==", &wanted), Some(false));
        assert_eq!(any_equal("", &wanted), Some(false));
        for text in ["A", "AA", "AA=", "A===", "AQ ID", "A-__", "AA==AA=="] {
            assert_eq!(any_equal(text, &wanted), None, "{text}");
        }
    }

    #[test]
    fn long_values() {
        let bytes: Vec<u8> = (0..5_000u32)
            .map(|n| u8::try_from(n % 251).unwrap())
            .collect();
        let text = CODE.encode(&bytes);
        assert_eq!(any_equal(&text, &[bytes.clone().into()]), Some(true));
        let mut other = bytes;
        other[4_999] ^= 1;
        assert_eq!(any_equal(&text, &[other.into()]), Some(false));
    }
}
