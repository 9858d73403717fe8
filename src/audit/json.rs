//! Writes JSON objects straight into a byte buffer, without building a value first. Knows no record.

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

    /// Writes a key, which needs no escapes, and returns the buffer to write its value to.
    fn key(&mut self, key: &'static str) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A string.
    pub(super) fn text(&mut self, key: &'static str, text: &str) {
        string(self.key(key), text.as_bytes());
    }

    /// A string, or nothing.
    pub(super) fn maybe(&mut self, key: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// A string of bytes that may be no UTF-8: what is none becomes U+FFFD.
    pub(super) fn lossy(&mut self, key: &'static str, bytes: &[u8]) {
        let out = self.key(key);
        if let Ok(text) = std::str::from_utf8(bytes) {
            string(out, text.as_bytes());
        } else {
            string(out, String::from_utf8_lossy(bytes).as_bytes());
        }
    }

    /// What `value` displays, of which no character needs an escape: a number, an address, a time.
    pub(super) fn plain(&mut self, key: &'static str, value: impl std::fmt::Display) {
        use std::io::Write;
        let out = self.key(key);
        out.push(b'"');
        // Writing to a vector cannot fail.
        let _ = write!(out, "{value}");
        out.push(b'"');
    }

    /// A number.
    pub(super) fn number(&mut self, key: &'static str, value: u64) {
        use std::io::Write;
        let _ = write!(self.key(key), "{value}");
    }

    /// An object.
    pub(super) fn object(&mut self, key: &'static str, members: impl FnOnce(&mut Object<'_>)) {
        Object::write(self.key(key), members);
    }

    /// A list of objects.
    pub(super) fn objects<T>(
        &mut self,
        key: &'static str,
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

/// Bytes that a reader or a terminal could take for more than a character.
fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\' || byte == 0x7f
}

/// Writes UTF-8 as a JSON string.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    // Sixteen at a time without a branch in between, which the compiler turns into vector instructions; nearly all
    // texts need no escape.
    let clean = text.chunks(16).all(|chunk| {
        !chunk
            .iter()
            .fold(false, |any, byte| any | needs_escape(*byte))
    });
    if clean {
        out.extend_from_slice(text);
    } else {
        escaped(out, text);
    }
    out.push(b'"');
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
                Object::write(&mut out, |object| object.text("key", &text));
                prop_assert!(!out.iter().any(|byte| *byte < 0x20 || *byte == 0x7f));
                let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
                prop_assert_eq!(value["key"].as_str(), Some(text.as_str()));
            }
        }

        #[test]
        fn any_bytes_give_valid_json(bytes in any::<Vec<u8>>()) {
            let mut out = Vec::new();
            Object::write(&mut out, |object| object.lossy("key", &bytes));
            let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(value["key"].as_str().unwrap(), &*String::from_utf8_lossy(&bytes));
        }
    }
}
