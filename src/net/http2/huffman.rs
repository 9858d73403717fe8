//! The Huffman code of HPACK (RFC 7541, appendix B), the decoding half.
//!
//! The code is canonical: the lengths alone say all of it, as codes of one length follow each other in the order of
//! their symbols.

use std::sync::LazyLock;

/// How many bits the code of each byte has; the last is that of the end of a string.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// The longest code.
const LONGEST: u8 = 30;
/// Codes up to this length are looked up, longer ones searched for: they are rare.
const SHORT: u32 = 10;

/// How many places the table of short codes has.
const PLACES: usize = 1 << SHORT;
/// Short codes that are read between two looks at the string: as many as a word with 56 bits surely holds.
const TOGETHER: usize = 5;

/// The string is not in this code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotHuffman;

/// What follows from the lengths.
struct Codes {
    /// By the first bits: a symbol and the length of its code, which is 0 where it is longer.
    short: Box<[(u8, u8); PLACES]>,
    /// The longer ones: the bits of the first code of a length, its length, and the symbols of that length.
    long: Vec<(u32, u8, Vec<u16>)>,
}

static CODES: LazyLock<Codes> = LazyLock::new(Codes::new);

impl Codes {
    fn new() -> Self {
        let mut codes = Self {
            short: Box::new([(0, 0); PLACES]),
            long: Vec::new(),
        };
        let mut code: u32 = 0;
        for length in 1..=LONGEST {
            code = code.wrapping_shl(1);
            let symbols: Vec<u16> = (0..=256_u16)
                .filter(|&symbol| LENGTHS.get(usize::from(symbol)) == Some(&length))
                .collect();
            let first = code;
            for &symbol in &symbols {
                codes.enter(code, length, symbol);
                code = code.wrapping_add(1);
            }
            if u32::from(length) > SHORT && !symbols.is_empty() {
                codes.long.push((first, length, symbols));
            }
        }
        codes
    }

    fn enter(&mut self, code: u32, length: u8, symbol: u16) {
        let Some(rest) = SHORT.checked_sub(u32::from(length)) else {
            return;
        };
        let from = usize::try_from(code.wrapping_shl(rest)).unwrap_or_default();
        let symbol = u8::try_from(symbol).unwrap_or_default();
        for entry in self
            .short
            .iter_mut()
            .skip(from)
            .take(1_usize.wrapping_shl(rest))
        {
            *entry = (symbol, length);
        }
    }

    /// The symbol that `bits` begin with and the length of its code, which is 0 where it is no short one.
    #[inline]
    fn short(&self, bits: u64) -> (u8, u32) {
        let at = usize::try_from(bits.wrapping_shr(64 - SHORT)).unwrap_or_default();
        let (symbol, length) = self.short.get(at).copied().unwrap_or_default();
        (symbol, u32::from(length))
    }

    /// The same for a longer one.
    #[cold]
    fn long(&self, bits: u64) -> Result<(u8, u32), NotHuffman> {
        for (first, length, symbols) in &self.long {
            let code = bits.wrapping_shr(64_u32.wrapping_sub(u32::from(*length)));
            // What is below the first code of a length has a shorter one, which was found before.
            let at = code.wrapping_sub(u64::from(*first));
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            if let Some(&symbol) = symbols.get(at) {
                // The end of a string may not be in one.
                let symbol = u8::try_from(symbol).map_err(|_| NotHuffman)?;
                return Ok((symbol, u32::from(*length)));
            }
        }
        Err(NotHuffman)
    }
}

/// Bits that were taken from a string, from the highest on. Behind them may stand the first of what comes next.
#[derive(Debug, Clone, Copy, Default)]
struct Bits {
    word: u64,
    count: u32,
}

impl Bits {
    /// Takes bytes until there are 56 bits or more; the string must have eight.
    #[inline]
    fn fill(&mut self, bytes: [u8; 8]) -> usize {
        self.word |= u64::from_be_bytes(bytes).wrapping_shr(self.count);
        let taken = 63_u32.wrapping_sub(self.count) / 8;
        // The same as adding eight for each byte taken.
        self.count |= 0b11_1000;
        taken as usize
    }

    /// Takes one byte; there must be room.
    #[inline]
    fn push(&mut self, byte: u8) {
        self.word |= u64::from(byte).wrapping_shl(56_u32.wrapping_sub(self.count));
        self.count = self.count.wrapping_add(8);
    }

    #[inline]
    fn drop(&mut self, length: u32) {
        self.word = self.word.wrapping_shl(length);
        self.count = self.count.wrapping_sub(length);
    }

    /// Whether they are the beginning of the end's code. No other code begins with seven ones and ends there.
    fn is_padding(self) -> bool {
        self.count == 0
            || self.word.wrapping_shr(64_u32.wrapping_sub(self.count))
                == 1_u64.wrapping_shl(self.count).wrapping_sub(1)
    }
}

/// Decodes a string behind what `text` has already.
pub(super) fn decode(string: &[u8], text: &mut Vec<u8>) -> Result<(), NotHuffman> {
    let codes = &*CODES;
    let (mut string, mut bits) = (string, Bits::default());
    while let Some(bytes) = string.first_chunk() {
        let taken = bits.fill(*bytes);
        string = string.get(taken..).unwrap_or_default();
        let (mut symbols, mut read) = ([0; TOGETHER], 0_usize);
        for place in &mut symbols {
            let (symbol, length) = codes.short(bits.word);
            bits.drop(length);
            *place = symbol;
            // A longer one stays where it is until it is the first.
            read = read.wrapping_add(usize::from(length > 0));
        }
        let before = text.len();
        text.extend_from_slice(&symbols);
        text.truncate(before.saturating_add(read));
        if read == 0 {
            let (symbol, length) = codes.long(bits.word)?;
            bits.drop(length);
            text.push(symbol);
        }
    }
    decode_end(codes, string, bits, text)
}

/// Decodes the last bytes of a string, behind `bits` of it.
fn decode_end(
    codes: &Codes,
    string: &[u8],
    mut bits: Bits,
    text: &mut Vec<u8>,
) -> Result<(), NotHuffman> {
    let mut string = string.iter();
    loop {
        while bits.count <= 56
            && let Some(&byte) = string.next()
        {
            bits.push(byte);
        }
        if bits.count < 8 && bits.is_padding() {
            return Ok(());
        }
        let (symbol, length) = match codes.short(bits.word) {
            (_, 0) => codes.long(bits.word)?,
            short => short,
        };
        if length > bits.count {
            return Err(NotHuffman);
        }
        bits.drop(length);
        text.push(symbol);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The other half.
    pub(in crate::net::http2) fn encode(text: &[u8]) -> Vec<u8> {
        let mut codes = vec![(0_u32, 0_u8); 257];
        let mut code = 0_u32;
        for length in 1..=LONGEST {
            code <<= 1;
            for symbol in 0..257 {
                if LENGTHS[symbol] == length {
                    codes[symbol] = (code, length);
                    code = code.wrapping_add(1);
                }
            }
        }
        assert_eq!(codes[256], (0x3fff_ffff, 30));
        let mut bits: Vec<bool> = Vec::new();
        for &byte in text {
            let (code, length) = codes[usize::from(byte)];
            bits.extend((0..length).rev().map(|at| code >> at & 1 == 1));
        }
        while !bits.len().is_multiple_of(8) {
            bits.push(true);
        }
        let byte = |bits: &[bool]| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
        bits.chunks(8).map(byte).collect()
    }

    fn decoded(string: &[u8]) -> Result<Vec<u8>, NotHuffman> {
        let mut text = Vec::new();
        decode(string, &mut text).map(|()| text)
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        for (string, text) in [
            (
                &b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..],
                "www.example.com",
            ),
            (b"\xa8\xeb\x10\x64\x9c\xbf", "no-cache"),
            (b"\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f", "custom-key"),
            (b"", ""),
        ] {
            assert_eq!(decoded(string), Ok(text.as_bytes().to_vec()));
            assert_eq!(encode(text.as_bytes()), string);
        }
    }

    #[test]
    fn what_is_no_string_is_refused() {
        for string in [
            // Padding: of zeros, of a whole byte, of the code of the end.
            &b"\x18"[..],
            b"\xa8\xeb\x10\x64\x9c\xbf\xff",
            b"\xff",
            b"\xff\xff\xff\xff",
            b"\xff\xff\xff\xfc",
        ] {
            assert_eq!(decoded(string), Err(NotHuffman), "{string:x?}");
        }
    }

    #[test]
    fn long_codes_are_read_wherever_they_stand() {
        for before in 0..40 {
            for long in [&b"\0"[..], b"\n", b"\xff\x16\0", b"<", b"\\|"] {
                let text = [&vec![b'e'; before], long, b"token~", long, b"Z"].concat();
                assert_eq!(decoded(&encode(&text)), Ok(text));
            }
        }
    }

    proptest! {
        #[test]
        fn every_text_is_read_as_it_was_written(text: Vec<u8>) {
            prop_assert_eq!(decoded(&encode(&text)), Ok(text));
        }

        #[test]
        fn no_two_strings_are_one_text(string: Vec<u8>) {
            if let Ok(text) = decoded(&string) {
                prop_assert_eq!(encode(&text), string);
            }
        }
    }
}
