//! Header compression (RFC 7541), the decoding half: blocks to lists of fields, and the table that lives with the
//! connection.
//!
//! Reads what is well-formed as compression, whatever the fields say: whether they may be sent is [`rules`]'s to judge.
//! The table is bounded by what HTTP/2 gives a client that was told nothing else; a list by the limit that it is made
//! with, beyond which fields are counted and not kept.
//!
//! [`rules`]: crate::net::http2::rules

use std::collections::VecDeque;

use crate::net::http2::huffman;

/// The most that the table may hold: the default of SETTINGS_HEADER_TABLE_SIZE, which we leave as it is.
const TABLE: usize = 4096;
/// What a field counts beside its name and its value, in the table and in a list.
const EXTRA: usize = 32;
/// A list keeps room for so many bytes, between two heads.
const ROOM: usize = 4096;

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
        if self.bytes.capacity() > ROOM {
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
#[derive(Debug)]
pub(super) struct Decoder {
    /// The newest first.
    table: VecDeque<Entry>,
    /// What its entries count.
    size: usize,
    /// What they may.
    most: usize,
    /// Whether a field of the block was read: from then on the table keeps its size.
    begun: bool,
    /// What is left of a value that is too large for any list or table.
    skip: usize,
}

#[derive(Debug)]
struct Entry {
    field: Box<[u8]>,
    /// Where the value begins.
    value: usize,
}

impl Entry {
    fn size(&self) -> usize {
        self.field.len().saturating_add(EXTRA)
    }

    fn name(&self) -> &[u8] {
        self.field.get(..self.value).unwrap_or_default()
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            table: VecDeque::new(),
            size: 0,
            most: TABLE,
            begun: false,
            skip: 0,
        }
    }
}

/// A string of a block.
enum Text {
    /// It stands in the list now.
    Read,
    /// It is longer than any that would be kept, and not even there as a whole.
    Huge,
}

impl Decoder {
    /// A block begins.
    pub(super) fn begin(&mut self) {
        self.begun = false;
        self.skip = 0;
    }

    /// Whether the block may end here.
    pub(super) fn at_end(&self) -> bool {
        self.skip == 0
    }

    /// Reads all fields that are there as a whole, and leaves the beginning of the next in `block`.
    pub(super) fn read(
        &mut self,
        block: &mut &[u8],
        fields: &mut Fields,
    ) -> Result<(), Unreadable> {
        if self.skip > 0 {
            let here = self.skip.min(block.len());
            self.skip = self.skip.saturating_sub(here);
            *block = block.get(here..).unwrap_or_default();
        }
        while !block.is_empty() {
            let mut rest = *block;
            let begin = fields.bytes.len();
            match self.field(&mut rest, fields, begin) {
                Ok(()) => *block = rest,
                Err(why) => {
                    fields.bytes.truncate(begin);
                    return match why {
                        Unreadable::Short => Ok(()),
                        Unreadable::Invalid => Err(why),
                    };
                }
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        block: &mut &[u8],
        fields: &mut Fields,
        begin: usize,
    ) -> Result<(), Unreadable> {
        let first = *block.first().ok_or(Unreadable::Short)?;
        if first & 0b1110_0000 == 0b0010_0000 {
            let most = integer(block, 5)?;
            if self.begun || most > TABLE {
                return Err(Unreadable::Invalid);
            }
            self.most = most;
            self.make_room(0);
            return Ok(());
        }
        if first & 0b1000_0000 != 0 {
            let index = integer(block, 7)?;
            self.begun = true;
            return self.indexed(index, fields);
        }
        let kept = first & 0b0100_0000 != 0;
        let index = integer(block, if kept { 6 } else { 4 })?;
        if index > 0 {
            let (name, _) = self.entry(index)?;
            fields.bytes.extend_from_slice(name);
        } else if let Text::Huge = string(block, &mut fields.bytes, usize::MAX)? {
            return Err(Unreadable::Short);
        }
        let value = fields.bytes.len();
        let huge = fields.limit.max(TABLE.saturating_mul(4));
        let text = string(block, &mut fields.bytes, huge)?;
        self.begun = true;
        if let Text::Huge = text {
            fields.bytes.truncate(begin);
            fields.count(fields.limit.saturating_add(1));
            // The code is at most thirty bits for eight: whatever it is, no table has room for it.
            if kept {
                self.make_room(usize::MAX);
            }
            self.skip = string_left(block);
            *block = &[];
            return Ok(());
        }
        if kept {
            self.keep(
                fields.bytes.get(begin..).unwrap_or_default(),
                value.saturating_sub(begin),
            );
        }
        fields.close(begin, value);
        Ok(())
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
        let at = index.checked_sub(1).ok_or(Unreadable::Invalid)?;
        if let Some((name, value)) = STATIC.get(at) {
            return Ok((name.as_bytes(), value.as_bytes()));
        }
        let entry = self.table.get(at.saturating_sub(STATIC.len()));
        let entry = entry.ok_or(Unreadable::Invalid)?;
        let value = entry.field.get(entry.value..).unwrap_or_default();
        Ok((entry.name(), value))
    }

    fn keep(&mut self, field: &[u8], value: usize) {
        let entry = Entry {
            field: field.into(),
            value,
        };
        let size = entry.size();
        // One that is larger than the whole table empties it.
        if self.make_room(size) {
            self.size = self.size.saturating_add(size);
            self.table.push_front(entry);
        }
    }

    /// Drops the oldest entries until there is room; whether there is.
    fn make_room(&mut self, size: usize) -> bool {
        while self.size.saturating_add(size) > self.most {
            let Some(oldest) = self.table.pop_back() else {
                return false;
            };
            self.size = self.size.saturating_sub(oldest.size());
        }
        true
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

/// Reads a string to the end of `text`, unless it is longer than `most` and not there as a whole: then it stays.
fn string(block: &mut &[u8], text: &mut Vec<u8>, most: usize) -> Result<Text, Unreadable> {
    let before = *block;
    let coded = *block.first().ok_or(Unreadable::Short)? & 0x80 != 0;
    let length = integer(block, 7)?;
    let Some((string, rest)) = block.split_at_checked(length) else {
        if length > most {
            *block = before;
            return Ok(Text::Huge);
        }
        return Err(Unreadable::Short);
    };
    if coded {
        huffman::decode(string, text).map_err(|_| Unreadable::Invalid)?;
    } else {
        text.extend_from_slice(string);
    }
    *block = rest;
    Ok(Text::Read)
}

/// How much of the string that begins here is still to come.
fn string_left(mut block: &[u8]) -> usize {
    let length = integer(&mut block, 7).unwrap_or_default();
    length.saturating_sub(block.len())
}

/// RFC 7541, appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
pub(super) mod tests;
