//! The table of fields that lives with a connection (RFC 7541, 2.3), behind the one that everybody has.
//!
//! What it keeps stands in one piece of memory, one field behind the other: to keep one more costs no allocation once
//! there is room for as many as a client keeps.

use std::collections::VecDeque;

/// The most that the table may hold: the default of SETTINGS_HEADER_TABLE_SIZE, which we leave as it is.
pub(super) const MOST: usize = 4096;
/// What a field counts beside its name and its value, in the table and in a list.
pub(super) const EXTRA: usize = 32;

/// The table of one connection.
#[derive(Debug)]
pub(super) struct Table {
    /// The fields, and what is left of those that were dropped: the oldest first.
    bytes: Vec<u8>,
    /// The newest first.
    entries: VecDeque<Entry>,
    /// What they count.
    size: usize,
    /// What they may.
    most: usize,
}

/// Where in the bytes a field stands.
#[derive(Debug, Clone, Copy)]
struct Entry {
    begin: usize,
    value: usize,
    end: usize,
}

impl Entry {
    fn size(self) -> usize {
        self.end.saturating_sub(self.begin).saturating_add(EXTRA)
    }
}

impl Default for Table {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            entries: VecDeque::new(),
            size: 0,
            most: MOST,
        }
    }
}

impl Table {
    /// The name and the value of a number, from 1 on.
    pub(super) fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let at = index.checked_sub(1)?;
        if let Some((name, value)) = STATIC.get(at) {
            return Some((name.as_bytes(), value.as_bytes()));
        }
        let entry = self.entries.get(at.checked_sub(STATIC.len())?)?;
        Some((
            self.bytes.get(entry.begin..entry.value)?,
            self.bytes.get(entry.value..entry.end)?,
        ))
    }

    /// How much it may hold from now on.
    pub(super) fn resize(&mut self, most: usize) {
        self.most = most;
        self.make_room(0);
    }

    /// Keeps a field, whose value begins there.
    pub(super) fn keep(&mut self, field: &[u8], value: usize) {
        let size = field.len().saturating_add(EXTRA);
        // One that is larger than the whole table empties it.
        if !self.make_room(size) {
            return;
        }
        let end = self.bytes.len().saturating_add(field.len());
        if end > self.bytes.capacity() {
            self.tidy();
            self.grow(field.len());
        }
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(field);
        self.size = self.size.saturating_add(size);
        self.entries.push_front(Entry {
            begin,
            value: begin.saturating_add(value),
            end: self.bytes.len(),
        });
    }

    /// Drops the oldest entries until there is room; whether there is.
    pub(super) fn make_room(&mut self, size: usize) -> bool {
        while self.size.saturating_add(size) > self.most {
            let Some(oldest) = self.entries.pop_back() else {
                return false;
            };
            self.size = self.size.saturating_sub(oldest.size());
        }
        true
    }

    /// Moves the entries over what was dropped before them, if that is at least as much: so each byte is moved once for
    /// every one that is kept, whatever comes.
    fn tidy(&mut self) {
        let gone = self.entries.back();
        let gone = gone.map_or(self.bytes.len(), |oldest| oldest.begin);
        if gone < self.bytes.len().saturating_sub(gone) {
            return;
        }
        self.bytes.drain(..gone.min(self.bytes.len()));
        for entry in &mut self.entries {
            entry.begin = entry.begin.saturating_sub(gone);
            entry.value = entry.value.saturating_sub(gone);
            entry.end = entry.end.saturating_sub(gone);
        }
    }

    /// Makes memory for so many bytes more. Twice what the table may hold is enough for ever: half of it was dropped then.
    fn grow(&mut self, more: usize) {
        let end = self.bytes.len().saturating_add(more);
        let wanted = self.bytes.capacity().saturating_mul(2);
        let wanted = wanted.min(MOST.saturating_mul(2)).max(end);
        if end > self.bytes.capacity() {
            let free = wanted.saturating_sub(self.bytes.len());
            self.bytes.reserve_exact(free);
        }
    }

    /// What its entries count, how many they are, and how much memory their bytes take.
    #[cfg(test)]
    pub(super) fn state(&self) -> (usize, usize, usize) {
        let counted: usize = self.entries.iter().copied().map(Entry::size).sum();
        assert_eq!(self.size, counted);
        (self.size, self.entries.len(), self.bytes.capacity())
    }
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
