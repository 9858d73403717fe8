//! Header compression (RFC 7541), the decoding half: blocks to lists of fields, and the table that lives with the
//! connection.
//!
//! Reads what is well-formed as compression, whatever the fields say: whether they may be sent is [`rules`]'s to judge.
//! The table is bounded by what HTTP/2 gives a client that was told nothing else; a list by the limit that it is made
//! with, beyond which fields are counted and not kept. No field is decoded before all of it is there: how long it is
//! stands before it, so that one in many pieces costs no more than in one.
//!
//! [`rules`]: crate::net::http2::rules

use crate::net::http2::huffman;
use table::{EXTRA, Table};

mod table;

/// A list keeps room for so many bytes, between two heads.
const ROOM: usize = 4096;
/// And for so many fields.
const PLACES: usize = 128;

/// Why a block cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It ends in the middle of a field.
    Short,
    /// It is not compression.
    Invalid,
}

/// The fields of a head or of trailers, as long as they are within the limit.
#[derive(Debug)]
pub(super) struct Fields {
    bytes: Vec<u8>,
    /// Where in `bytes` each field begins, and its value.
    places: Vec<(usize, usize)>,
    size: usize,
    limit: usize,
}

impl Fields {
    /// None yet; `limit` by the measure of RFC 9113, 6.5.2.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            places: Vec::new(),
            size: 0,
            limit,
        }
    }

    /// Forgets them.
    pub(super) fn clear(&mut self) {
        if self.bytes.capacity() > ROOM || self.places.capacity() > PLACES {
            self.bytes = Vec::new();
            self.places = Vec::new();
        }
        self.bytes.clear();
        self.places.clear();
        self.size = 0;
    }

    /// Whether there were more than the limit allows.
    pub(super) fn too_large(&self) -> bool {
        self.size > self.limit
    }

    /// Names and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let ends = self.places.iter().skip(1).map(|&(begin, _)| begin);
        let ends = ends.chain([self.bytes.len()]);
        self.places.iter().zip(ends).map(|(&(begin, value), end)| {
            (
                self.bytes.get(begin..value).unwrap_or_default(),
                self.bytes.get(value..end).unwrap_or_default(),
            )
        })
    }

    /// Adds a field.
    #[cfg(test)]
    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.close(begin, begin.saturating_add(name.len()));
    }

    /// Counts a field of that size; whether it is to be kept.
    fn count(&mut self, size: usize) -> bool {
        self.size = self.size.saturating_add(size);
        !self.too_large()
    }

    /// What was written behind `begin` is a field.
    fn close(&mut self, begin: usize, value: usize) {
        let size = self.bytes.len().saturating_sub(begin);
        if self.count(size.saturating_add(EXTRA)) {
            self.places.push((begin, value));
        } else {
            self.bytes.truncate(begin);
        }
    }
}

/// One side's state of the compression.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    table: Table,
    /// Whether a field of the block was read: from then on the table keeps its size.
    begun: bool,
    skip: Skip,
}

/// What is left of a field that is too large for any list or table.
#[derive(Debug, Clone, Copy, Default)]
enum Skip {
    #[default]
    Nothing,
    /// So much of its name, and its value.
    Name(usize),
    /// So much of its value.
    Value(usize),
}

/// A string of a block, as its beginning says.
#[derive(Debug, Clone, Copy)]
struct Text {
    coded: bool,
    length: usize,
}

impl Text {
    fn begin(block: &mut &[u8]) -> Result<Self, Unreadable> {
        let coded = *block.first().ok_or(Unreadable::Short)? & 0x80 != 0;
        let length = integer(block, 7)?;
        Ok(Self { coded, length })
    }

    /// The string as it is written, if it is there as a whole.
    fn whole<'b>(self, block: &mut &'b [u8]) -> Result<&'b [u8], Unreadable> {
        let (string, rest) = block
            .split_at_checked(self.length)
            .ok_or(Unreadable::Short)?;
        *block = rest;
        Ok(string)
    }

    /// Writes to the end of `text` what it says.
    fn decode(self, string: &[u8], text: &mut Vec<u8>) -> Result<(), Unreadable> {
        if self.coded {
            return huffman::decode(string, text).map_err(|_| Unreadable::Invalid);
        }
        text.extend_from_slice(string);
        Ok(())
    }
}

impl Decoder {
    /// A block begins.
    pub(super) fn begin(&mut self) {
        self.begun = false;
        self.skip = Skip::Nothing;
    }

    /// Whether the block may end here.
    pub(super) fn at_end(&self) -> bool {
        matches!(self.skip, Skip::Nothing)
    }

    /// Reads all fields that are there as a whole, and leaves the beginning of the next in `block`.
    pub(super) fn read(
        &mut self,
        block: &mut &[u8],
        fields: &mut Fields,
    ) -> Result<(), Unreadable> {
        while !block.is_empty() {
            let mut rest = *block;
            let read = if self.at_end() {
                self.field(&mut rest, fields)
            } else {
                self.pass_over(&mut rest)
            };
            match read {
                Ok(()) => *block = rest,
                Err(Unreadable::Short) => return Ok(()),
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    /// Goes on with what is too large.
    fn pass_over(&mut self, block: &mut &[u8]) -> Result<(), Unreadable> {
        let mut left_of = |length: usize| {
            let here = length.min(block.len());
            *block = block.get(here..).unwrap_or_default();
            length.saturating_sub(here)
        };
        self.skip = match self.skip {
            Skip::Nothing => Skip::Nothing,
            Skip::Name(0) => Skip::value(Text::begin(block)?.length),
            Skip::Name(length) => Skip::Name(left_of(length)),
            Skip::Value(length) => Skip::value(left_of(length)),
        };
        Ok(())
    }

    fn field(&mut self, block: &mut &[u8], fields: &mut Fields) -> Result<(), Unreadable> {
        let first = *block.first().ok_or(Unreadable::Short)?;
        if first & 0b1110_0000 == 0b0010_0000 {
            let most = integer(block, 5)?;
            if self.begun || most > table::MOST {
                return Err(Unreadable::Invalid);
            }
            self.table.resize(most);
            return Ok(());
        }
        if first & 0b1000_0000 != 0 {
            let index = integer(block, 7)?;
            self.begun = true;
            return self.indexed(index, fields);
        }
        let kept = first & 0b0100_0000 != 0;
        let index = integer(block, if kept { 6 } else { 4 })?;
        self.literal(index, kept, block, fields)
    }

    /// A field whose value stands here, and its name too unless it has a number.
    fn literal(
        &mut self,
        index: usize,
        kept: bool,
        block: &mut &[u8],
        fields: &mut Fields,
    ) -> Result<(), Unreadable> {
        let huge = fields.limit.max(table::MOST.saturating_mul(4));
        let mut name = None;
        let mut length = 0;
        if index == 0 {
            let text = Text::begin(block)?;
            length = text.length;
            if length > huge {
                self.too_large(Skip::Name(length), kept, fields);
                return Ok(());
            }
            name = Some((text, text.whole(block)?));
        }
        let value = Text::begin(block)?;
        if length.saturating_add(value.length) > huge {
            self.too_large(Skip::value(value.length), kept, fields);
            return Ok(());
        }
        let string = value.whole(block)?;
        self.begun = true;
        let begin = fields.bytes.len();
        match name {
            Some((text, string)) => text.decode(string, &mut fields.bytes)?,
            None => fields.bytes.extend_from_slice(self.entry(index)?.0),
        }
        let behind = fields.bytes.len();
        value.decode(string, &mut fields.bytes)?;
        if kept {
            let field = fields.bytes.get(begin..).unwrap_or_default();
            self.table.keep(field, behind.saturating_sub(begin));
        }
        fields.close(begin, behind);
        Ok(())
    }

    /// A field of which nothing will be kept.
    fn too_large(&mut self, skip: Skip, kept: bool, fields: &mut Fields) {
        self.begun = true;
        self.skip = skip;
        fields.count(fields.limit.saturating_add(1));
        // The code is at most thirty bits for eight: whatever it is, no table has room for it.
        if kept {
            self.table.make_room(usize::MAX);
        }
    }

    /// A field that the table has.
    fn indexed(&self, index: usize, fields: &mut Fields) -> Result<(), Unreadable> {
        let (name, value) = self.entry(index)?;
        let size = name.len().saturating_add(value.len());
        if fields.count(size.saturating_add(EXTRA)) {
            let begin = fields.bytes.len();
            fields.bytes.extend_from_slice(name);
            fields.places.push((begin, fields.bytes.len()));
            fields.bytes.extend_from_slice(value);
        }
        Ok(())
    }

    fn entry(&self, index: usize) -> Result<(&[u8], &[u8]), Unreadable> {
        self.table.get(index).ok_or(Unreadable::Invalid)
    }
}

impl Skip {
    /// So much of a value, if there is any.
    fn value(length: usize) -> Self {
        if length == 0 {
            Self::Nothing
        } else {
            Self::Value(length)
        }
    }
}

/// Reads a number whose first bits stand in the last `prefix` bits of a byte.
fn integer(block: &mut &[u8], prefix: u32) -> Result<usize, Unreadable> {
    let mask = u8::MAX.wrapping_shr(8_u32.wrapping_sub(prefix));
    let (first, mut rest) = block.split_first().ok_or(Unreadable::Short)?;
    let mut value = usize::from(first & mask);
    if first & mask == mask {
        // Four more are more than anybody needs.
        for shift in [0, 7, 14, 21] {
            let (byte, behind) = rest.split_first().ok_or(Unreadable::Short)?;
            rest = behind;
            let part = usize::from(byte & 0x7f).wrapping_shl(shift);
            value = value.saturating_add(part);
            if byte & 0x80 == 0 {
                *block = rest;
                return Ok(value);
            }
        }
        return Err(Unreadable::Invalid);
    }
    *block = rest;
    Ok(value)
}

#[cfg(test)]
pub(super) mod tests;
