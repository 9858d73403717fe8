//! The bytes inside a session token: numbers and texts one after the other, in one way only.
//!
//! Numbers are LEB128 in their shortest form, texts are UTF-8 behind their length. The reader refuses every other
//! writing of the same thing, and whoever reads must come to the end.

/// The bytes are nothing that the writer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Appends.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn number(&mut self, mut number: u64) {
        loop {
            let low = u8::try_from(number & 0x7f).unwrap_or_default();
            number >>= 7;
            if number == 0 {
                self.0.push(low);
                return;
            }
            self.0.push(low | 0x80);
        }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.raw(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}

/// Takes from the front.
#[derive(Debug)]
pub(super) struct Reader<'b>(pub(super) &'b [u8]);

impl<'b> Reader<'b> {
    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn raw(&mut self, length: usize) -> Result<&'b [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.raw(N)?.try_into().map_err(|_| Malformed)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                // A longer writing of the same number is another text of the same meaning.
                return if byte == 0 && shift > 0 {
                    Err(Malformed)
                } else {
                    Ok(number)
                };
            }
        }
        Err(Malformed)
    }

    /// How many of something follow, each of at least one byte.
    pub(super) fn count(&mut self) -> Result<usize, Malformed> {
        let count = usize::try_from(self.number()?).map_err(|_| Malformed)?;
        if count > self.0.len() {
            return Err(Malformed);
        }
        Ok(count)
    }

    /// What is left, which is there and all zeros.
    pub(super) fn padding(self) -> Result<(), Malformed> {
        let padded = !self.0.is_empty() && self.0.iter().all(|byte| *byte == 0);
        padded.then_some(()).ok_or(Malformed)
    }

    pub(super) fn bytes(&mut self) -> Result<&'b [u8], Malformed> {
        let length = self.count()?;
        self.raw(length)
    }

    pub(super) fn text(&mut self) -> Result<Box<str>, Malformed> {
        let text = std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)?;
        Ok(text.into())
    }

    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_writing_only() {
        for bytes in [&[0x80, 0x00][..], &[0xff, 0x80, 0x00], &[0x80], &[0xff; 10]] {
            assert_eq!(Reader(bytes).number(), Err(Malformed), "{bytes:?}");
        }
        assert_eq!(Reader(&[5, 1]).bytes(), Err(Malformed));
        assert_eq!(Reader(&[1, 0xff]).text(), Err(Malformed));
        assert_eq!(Reader(&[0]).end(), Err(Malformed));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number in 0..(1_u64 << 63), text in ".*") {
            let mut writer = Writer::default();
            writer.number(number);
            writer.text(&text);
            let mut reader = Reader(&writer.0);
            prop_assert_eq!(reader.number(), Ok(number));
            prop_assert_eq!(&*reader.text().unwrap(), &*text);
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn what_is_read_is_what_would_be_written(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut reader = Reader(&bytes);
            if let Ok(number) = reader.number() {
                let mut writer = Writer::default();
                writer.number(number);
                let taken = bytes.len().saturating_sub(reader.0.len());
                prop_assert_eq!(&writer.0[..], &bytes[..taken]);
            }
        }
    }
}
