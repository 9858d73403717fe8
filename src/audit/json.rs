//! Writes JSON objects straight into a byte buffer, without building a value first. Knows no record.

/// A key as it stands in an object behind another member: one piece to copy in place of three.
macro_rules! key {
    ($key:literal) => {
        $crate::audit::json::Key(concat!(",\"", $key, "\":"))
    };
}
pub(super) use key;

/// Made by [`key!`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Key(pub(super) &'static str);

/// An object being written; [`Object::write`] opens and closes it.
#[derive(Debug)]
pub(super) struct Object<'b> {
    out: &'b mut Vec<u8>,
    empty: bool,
}

impl Object<'_> {
    /// Writes an object whose members `members` adds.
    pub(super) fn write(out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
        out.push(b'{');
        members(&mut Object { out, empty: true });
        out.push(b'}');
    }

    /// Writes members as they stand behind others.
    pub(super) fn go_on(out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
        members(&mut Object { out, empty: false });
    }

    /// Members that [`Object::go_on`] wrote.
    pub(super) fn members(&mut self, written: &[u8]) {
        self.out.extend_from_slice(written);
    }

    /// Writes a key, and returns the buffer to write its value to.
    fn key(&mut self, Key(key): Key) -> &mut Vec<u8> {
        let key = key.as_bytes();
        let key = if self.empty {
            key.get(1..).unwrap_or(key)
        } else {
            key
        };
        self.empty = false;
        self.out.extend_from_slice(key);
        self.out
    }

    /// A string.
    pub(super) fn text(&mut self, key: Key, text: &str) {
        string(self.key(key), text.as_bytes());
    }

    /// A string, or nothing.
    pub(super) fn maybe(&mut self, key: Key, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// A string of bytes that may be no UTF-8: what is none becomes U+FFFD.
    pub(super) fn lossy(&mut self, key: Key, bytes: &[u8]) {
        let out = self.key(key);
        if let Ok(text) = std::str::from_utf8(bytes) {
            string(out, text.as_bytes());
        } else {
            string(out, String::from_utf8_lossy(bytes).as_bytes());
        }
    }

    /// An address.
    pub(super) fn address(&mut self, key: Key, address: std::net::IpAddr) {
        use std::io::Write;
        let out = self.key(key);
        out.push(b'"');
        match address {
            // By hand: it is written for every request.
            std::net::IpAddr::V4(address) => {
                for (index, octet) in address.octets().into_iter().enumerate() {
                    if index > 0 {
                        out.push(b'.');
                    }
                    decimal_octet(out, octet);
                }
            }
            // Writing to a vector cannot fail.
            std::net::IpAddr::V6(address) => drop(write!(out, "{address}")),
        }
        out.push(b'"');
    }

    /// A value that is written already.
    pub(super) fn written(&mut self, key: Key, value: &[u8]) {
        self.key(key).extend_from_slice(value);
    }

    /// Bytes of ASCII that need no escape.
    pub(super) fn ascii(&mut self, key: Key, text: &[u8]) {
        let out = self.key(key);
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    }

    /// A number.
    pub(super) fn number(&mut self, key: Key, value: u64) {
        decimal(self.key(key), value);
    }

    /// An object.
    pub(super) fn object(&mut self, key: Key, members: impl FnOnce(&mut Object<'_>)) {
        Object::write(self.key(key), members);
    }

    /// A list of objects.
    pub(super) fn objects<T>(
        &mut self,
        key: Key,
        items: &[T],
        mut members: impl FnMut(&T, &mut Object<'_>),
    ) {
        let out = self.key(key);
        out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            Object::write(out, |object| members(item, object));
        }
        out.push(b']');
    }
}

fn decimal_octet(out: &mut Vec<u8>, value: u8) {
    if value >= 100 {
        out.push(b'0' | (value / 100));
    }
    if value >= 10 {
        out.push(b'0' | (value / 10 % 10));
    }
    out.push(b'0' | (value % 10));
}

fn decimal(out: &mut Vec<u8>, value: u64) {
    let (mut digits, mut at, mut rest) = ([0; 20], 20_usize, value);
    loop {
        at = at.saturating_sub(1);
        if let Some(digit) = digits.get_mut(at) {
            *digit = b'0' | u8::try_from(rest % 10).unwrap_or_default();
        }
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// Bytes that a reader or a terminal could take for more than a character.
fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\' || byte == 0x7f
}

/// Writes UTF-8 as a JSON string.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    if is_clean(text) {
        out.extend_from_slice(text);
    } else {
        escaped(out, text);
    }
    out.push(b'"');
}

/// Whether no byte needs an escape, as in nearly all texts. Looks at eight bytes at a time, without a branch in
/// between; the last eight may overlap those before.
fn is_clean(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk::<8>() else {
        return !text.iter().any(|byte| needs_escape(*byte));
    };
    let (words, _) = text.as_chunks::<8>();
    let found = words
        .iter()
        .fold(to_escape(*last), |found, word| found | to_escape(*word));
    found == 0
}

/// Not zero when one of eight bytes needs an escape ("Bit Twiddling Hacks": a byte less than n, a byte equal to n).
fn to_escape(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    let less = |word: u64, than: u64| word.wrapping_sub(ONES.wrapping_mul(than)) & !word;
    let equal = |word: u64, to: u8| less(word ^ ONES.wrapping_mul(to.into()), 1);
    let word = u64::from_ne_bytes(bytes);
    (less(word, 0x20) | equal(word, b'"') | equal(word, b'\\') | equal(word, 0x7f)) & TOPS
}

fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for &byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte if needs_escape(byte) => {
                out.extend_from_slice(b"\\u00");
                for half in [byte >> 4, byte & 0xf] {
                    out.extend(HEX.get(usize::from(half)));
                }
            }
            byte => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in any::<String>(), controls in "[\\x00-\\x7f]{0,40}") {
            for text in [text, controls] {
                let mut out = Vec::new();
                Object::write(&mut out, |object| object.text(key!("key"), &text));
                prop_assert!(!out.iter().any(|byte| *byte < 0x20 || *byte == 0x7f));
                let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
                prop_assert_eq!(value["key"].as_str(), Some(text.as_str()));
            }
        }

        #[test]
        fn numbers_and_addresses_are_as_displayed(number in any::<u64>(), small in 0..200_u64, v4 in any::<[u8; 4]>(), v6 in any::<[u8; 16]>()) {
            for number in [number, small, 0, u64::MAX] {
                let mut out = Vec::new();
                decimal(&mut out, number);
                prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
            }
            for address in [std::net::IpAddr::from(v4), std::net::IpAddr::from(v6)] {
                let mut out = Vec::new();
                Object::write(&mut out, |object| object.address(key!("a"), address));
                prop_assert_eq!(String::from_utf8(out).unwrap(), format!("{{\"a\":\"{address}\"}}"));
            }
        }

        #[test]
        fn any_bytes_give_valid_json(bytes in any::<Vec<u8>>()) {
            let mut out = Vec::new();
            Object::write(&mut out, |object| object.lossy(key!("key"), &bytes));
            let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(value["key"].as_str().unwrap(), &*String::from_utf8_lossy(&bytes));
        }
    }
}
