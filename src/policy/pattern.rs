//! Globs: `*` is any run of characters, `?` exactly one, everything else itself.
//!
//! A pattern is a byte string in which two bytes that UTF-8 never uses stand for the wildcards, so literal `*` and `?`
//! (from `${*}` or from a variable's value) need no escape. Between two stars lies a segment of fixed length in
//! characters, so the leftmost fit of each segment is as good as any and nothing is ever tried again. Segments
//! without `?` are found by `memmem`, long ones with `?` by a block comparison: no pattern has a bad worst case.
//! Knows nothing of variables, ARNs or case.

use memchr::{memchr, memchr2, memmem, memrchr};
use smallvec::SmallVec;

/// `?`
const ANY: u8 = 0xff;
/// `*`
const RUN: u8 = 0xfe;
/// Segments up to this length are compared byte by byte at each place where their first byte stands.
const SHORT: usize = 24;
/// Places that the block comparison tries at a time.
const BLOCK: usize = 256;

/// Puts a pattern together.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    bytes: SmallVec<[u8; 256]>,
    any: bool,
    runs: usize,
}

impl Builder {
    /// Text that matches itself.
    pub(crate) fn literal(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Text in which `*` and `?` are wildcards.
    pub(crate) fn glob(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = memchr2(b'*', b'?', rest.as_bytes()) {
            let (literal, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.literal(literal);
            if behind.starts_with('*') {
                self.run();
            } else {
                self.any();
            }
            rest = behind.get(1..).unwrap_or_default();
        }
        self.literal(rest);
    }

    /// `?`
    pub(crate) fn any(&mut self) {
        self.any = true;
        // `*?` and `?*` mean the same; with the star last, every segment but the first begins with a literal.
        if self.bytes.last() == Some(&RUN) {
            self.bytes.pop();
            self.bytes.push(ANY);
            self.bytes.push(RUN);
        } else {
            self.bytes.push(ANY);
        }
    }

    /// `*`
    pub(crate) fn run(&mut self) {
        if self.bytes.last() != Some(&RUN) {
            self.runs = self.runs.saturating_add(1);
            self.bytes.push(RUN);
        }
    }

    /// Bytes that every text has that fits what is built so far, or more.
    pub(crate) fn least(&self) -> usize {
        self.bytes.len().saturating_sub(self.runs)
    }

    /// Whether the pattern as built so far matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        if self.runs == 0 && !self.any {
            &*self.bytes == text.as_bytes()
        } else {
            glob(&self.bytes, text, self.any)
        }
    }

    /// The text built so far, if it holds no wildcard.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// The finished pattern.
    pub(crate) fn finish(self) -> Pattern {
        let shape = match (self.runs, self.any) {
            (0, false) => Shape::Exact,
            (1, false) if self.bytes.len() == 1 => Shape::Everything,
            (1, false) if self.bytes.last() == Some(&RUN) => Shape::Prefix,
            (_, any) => Shape::Glob { any },
        };
        Pattern {
            bytes: self.bytes.as_slice().into(),
            shape,
        }
    }
}

/// A piece of a pattern, for whoever compares patterns with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'p> {
    /// A character that matches itself.
    Char(char),
    /// `?`
    Any,
    /// `*`; no two follow each other, and no `?` follows one.
    Run,
    /// The value of a variable: its key and default.
    Variable(&'p str, Option<&'p str>),
}

/// A finished pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    bytes: Box<[u8]>,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Everything,
    Exact,
    Prefix,
    Glob { any: bool },
}

impl Pattern {
    /// Whether the whole of `text` fits.
    #[inline]
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self.shape {
            Shape::Everything => true,
            Shape::Exact => *self.bytes == *text.as_bytes(),
            Shape::Prefix => self
                .bytes
                .split_last()
                .is_some_and(|(_, prefix)| text.as_bytes().starts_with(prefix)),
            Shape::Glob { any } => glob(&self.bytes, text, any),
        }
    }

    /// What every matching text begins with.
    pub(crate) fn prefix(&self) -> &[u8] {
        let end = self.bytes.iter().position(|byte| *byte >= RUN);
        self.bytes
            .get(..end.unwrap_or(self.bytes.len()))
            .unwrap_or_default()
    }

    /// The text, if the pattern holds no wildcard.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// Whether it matches every text.
    pub(crate) fn is_everything(&self) -> bool {
        self.shape == Shape::Everything
    }

    /// Its pieces.
    pub(crate) fn pieces(&self) -> Vec<Piece<'_>> {
        let mut pieces = Vec::with_capacity(self.bytes.len());
        for part in self.bytes.split_inclusive(|byte| *byte >= RUN) {
            let (text, mark) = match part.split_last() {
                Some((&ANY, text)) => (text, Some(Piece::Any)),
                Some((&RUN, text)) => (text, Some(Piece::Run)),
                _ => (part, None),
            };
            let text = std::str::from_utf8(text).unwrap_or_default();
            pieces.extend(text.chars().map(Piece::Char));
            pieces.extend(mark);
        }
        pieces
    }
}

/// The general case. `any`: the pattern holds a `?`.
fn glob(pattern: &[u8], text: &str, any: bool) -> bool {
    let text = text.as_bytes();
    let (Some(first), Some(last)) = (memchr(RUN, pattern), memrchr(RUN, pattern)) else {
        return fit(pattern, text) == Some(text.len());
    };
    let head = pattern.get(..first).unwrap_or_default();
    let tail = pattern.get(last.saturating_add(1)..).unwrap_or_default();
    let middle = pattern
        .get(first.saturating_add(1)..last)
        .unwrap_or_default();
    let Some(rest) = fit(head, text).and_then(|at| text.get(at..)) else {
        return false;
    };
    let Some(mut rest) = fit_end(tail, rest, any).and_then(|end| rest.get(..end)) else {
        return false;
    };
    let mut segments = middle;
    while !segments.is_empty() {
        let end = memchr(RUN, segments).unwrap_or(segments.len());
        let segment = segments.get(..end).unwrap_or_default();
        segments = segments.get(end.saturating_add(1)..).unwrap_or_default();
        let Some(behind) = find(segment, rest, any) else {
            return false;
        };
        rest = rest.get(behind..).unwrap_or_default();
    }
    true
}

/// Tells tests of each byte that is looked at; costs nothing elsewhere.
#[inline]
fn spend(steps: usize) {
    #[cfg(test)]
    tests::STEPS.set(tests::STEPS.get().saturating_add(steps));
    let _ = steps;
}

/// How many bytes a segment takes at the very start of `text`, if it fits there.
#[inline]
fn fit(segment: &[u8], text: &[u8]) -> Option<usize> {
    let mut at = 0usize;
    for &byte in segment {
        spend(1);
        let next = *text.get(at)?;
        if byte == ANY {
            at = at.saturating_add(width(next));
        } else if byte == next {
            at = at.saturating_add(1);
        } else {
            return None;
        }
    }
    Some(at)
}

/// Where a segment begins that takes exactly the end of `text`.
fn fit_end(segment: &[u8], text: &[u8], any: bool) -> Option<usize> {
    if !any {
        spend(segment.len());
        return text
            .ends_with(segment)
            .then(|| text.len().saturating_sub(segment.len()));
    }
    let mut characters = segment.iter().filter(|byte| is_start(**byte)).count();
    let mut at = text.len();
    while characters > 0 {
        spend(1);
        at = at.checked_sub(1)?;
        if is_start(*text.get(at)?) {
            characters = characters.saturating_sub(1);
        }
    }
    let rest = text.get(at..)?;
    (fit(segment, rest)? == rest.len()).then_some(at)
}

/// The end of the leftmost place in `text` where a middle segment fits. It begins with a literal byte.
fn find(segment: &[u8], text: &[u8], any: bool) -> Option<usize> {
    let (&first, _) = segment.split_first()?;
    if segment.len() == 1 {
        // The next byte is often the one: a call into memchr costs more than looking.
        if text.first() == Some(&first) {
            spend(1);
            return Some(1);
        }
        let found = memchr(first, text).map(|at| at.saturating_add(1));
        spend(found.unwrap_or(text.len()));
        return found;
    }
    let wild = any && memchr(ANY, segment).is_some();
    if segment.len() > SHORT {
        if !wild {
            let found = memmem::find(text, segment).map(|at| at.saturating_add(segment.len()));
            // The library promises linear time.
            spend(found.unwrap_or(text.len()).saturating_add(segment.len()));
            return found;
        }
        if text.is_ascii() {
            return find_block(segment, text).map(|at| at.saturating_add(segment.len()));
        }
        if segment.len().saturating_mul(text.len()) > 16_384 {
            return find_wide(segment, text);
        }
    }
    let mut from = 0usize;
    loop {
        let rest = text.get(from..)?;
        let skipped = memchr(first, rest);
        spend(skipped.unwrap_or(rest.len()));
        let at = from.saturating_add(skipped?);
        if let Some(length) = fit(segment, text.get(at..)?) {
            return Some(at.saturating_add(length));
        }
        from = at.saturating_add(1);
    }
}

/// Leftmost fit among many places at once: each byte of the segment rules out places, a block of them in one sweep
/// that the compiler turns into vector instructions.
fn find_block<T: Copy + PartialEq + From<u8>>(segment: &[T], text: &[T]) -> Option<usize> {
    let any = T::from(ANY);
    let places = text.len().checked_sub(segment.len())?.saturating_add(1);
    let mut base = 0usize;
    while base < places {
        let count = places.saturating_sub(base).min(BLOCK);
        let mut alive = [1u8; BLOCK];
        for (offset, &wanted) in segment.iter().enumerate() {
            if wanted == any {
                continue;
            }
            spend(count);
            let from = base.saturating_add(offset);
            let window = text.get(from..from.saturating_add(count))?;
            let mut left = 0u8;
            for (place, &found) in alive.iter_mut().zip(window) {
                *place &= u8::from(found == wanted);
                left |= *place;
            }
            if left == 0 {
                break;
            }
        }
        if let Some(at) = alive.iter().take(count).position(|place| *place == 1) {
            return Some(base.saturating_add(at));
        }
        base = base.saturating_add(count);
    }
    None
}

/// The same for texts beyond ASCII, where characters differ in length: both sides become characters first.
fn find_wide(segment: &[u8], text: &[u8]) -> Option<usize> {
    spend(text.len().saturating_add(segment.len()));
    let characters: Vec<u32> = std::str::from_utf8(text)
        .ok()?
        .chars()
        .map(|character| shifted(u32::from(character)))
        .collect();
    let mut wanted: Vec<u32> = Vec::with_capacity(segment.len());
    for piece in segment.split_inclusive(|byte| *byte == ANY) {
        let (literal, any) = match piece.split_last() {
            Some((&ANY, literal)) => (literal, true),
            _ => (piece, false),
        };
        let literal = std::str::from_utf8(literal).ok()?;
        wanted.extend(
            literal
                .chars()
                .map(|character| shifted(u32::from(character))),
        );
        if any {
            wanted.push(u32::from(ANY));
        }
    }
    let at = find_block(&wanted, &characters)?;
    let end = at.saturating_add(wanted.len());
    let text = std::str::from_utf8(text).ok()?;
    Some(
        text.char_indices()
            .nth(end)
            .map_or(text.len(), |(index, _)| index),
    )
}

/// Characters from U+00FF on move up by one, so that no character is the mark of `?`.
fn shifted(character: u32) -> u32 {
    character.saturating_add(u32::from(character >= u32::from(ANY)))
}

/// Whether a byte begins a character (or is a wildcard's mark).
fn is_start(byte: u8) -> bool {
    !(0x80..0xc0).contains(&byte)
}

/// The length of the character that a byte begins.
#[inline]
fn width(byte: u8) -> usize {
    match byte {
        0..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
    }
}

#[cfg(test)]
mod tests;
