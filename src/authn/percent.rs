//! Percent escapes (RFC 3986, section 2.1), undone.

/// Without percent escapes; what is no escape stays.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let hex = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let mut ahead = bytes.clone();
        if byte == b'%'
            && let (Some(high), Some(low)) = (hex(ahead.next()), hex(ahead.next()))
            && let Ok(value) = u8::try_from((high << 4) | low)
        {
            bytes = ahead;
            out.push(value);
        } else {
            out.push(byte);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        for (text, bytes) in [
            ("a%2Db%2d", &b"a-b-"[..]),
            ("%41%zz%4", b"A%zz%4"),
            ("%ff%00", b"\xff\0"),
            ("%2541", b"%41"),
            ("+%", b"+%"),
        ] {
            assert_eq!(decode(text), bytes, "{text}");
        }
    }
}
