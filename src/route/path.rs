//! The canonical path: made once from the raw request target, matched, judged and forwarded.
//!
//! Whatever could mean two things to two readers (an encoded slash, a path parameter, a backslash, an empty segment,
//! a control character) has no canonical form, and the request that holds it is refused. What is left is written in
//! one way only, so the upstream reads exactly what policy judged. Knows no routes and no query.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

/// Why a path has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Empty, `*`, or anything else that does not begin with a slash.
    #[error("the path does not begin with /")]
    NotAbsolute,
    /// A `?` or `#` in what should be a path alone.
    #[error("the path holds a query or a fragment")]
    Fragment,
    /// A raw byte outside 0x21 to 0x7E.
    #[error("the path holds a byte that is no visible ASCII character")]
    Byte,
    /// `\`, raw or escaped.
    #[error("the path holds a backslash")]
    Backslash,
    /// `//`.
    #[error("the path holds an empty segment")]
    EmptySegment,
    /// A `%` that two hexadecimal digits do not follow.
    #[error("the path holds a malformed escape")]
    BadEscape,
    /// An escaped control character.
    #[error("the path holds an escaped control character")]
    Control,
    /// Escapes that do not form UTF-8.
    #[error("the path's escapes are not UTF-8")]
    NotUtf8,
    /// More `..` than segments.
    #[error("the path climbs above /")]
    AboveRoot,
    /// `;` on a route that does not allow path parameters, or one that changes what is matched.
    #[error("the path holds a parameter (;)")]
    Parameters,
    /// `%2F` on a route that does not allow it, or one that changes what is matched.
    #[error("the path holds an encoded slash")]
    EncodedSlash,
    /// A `.`, `..` or empty part beside `;` or `%2F`.
    #[error("the path holds an empty or dot part beside an encoded slash or a parameter")]
    HiddenSegment,
}

/// A path in its one canonical form.
///
/// ```
/// use sidegate::route::CanonicalPath;
///
/// let path = CanonicalPath::new("/a/./b/../%63%2e/d%c3%a9")?;
/// assert_eq!(path.as_str(), "/a/c./d%C3%A9");
/// assert!(CanonicalPath::new("/a/..%2fadmin").is_err());
/// # Ok::<(), sidegate::route::PathError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CanonicalPath {
    text: Arc<str>,
    encoded_slash: bool,
    parameters: bool,
}

impl CanonicalPath {
    /// The canonical form of a raw path.
    ///
    /// # Errors
    /// See [`PathError`]: refused rather than repaired.
    pub fn new(raw: &str) -> Result<Self, PathError> {
        let path = Self::relaxed(raw)?;
        if path.encoded_slash {
            return Err(PathError::EncodedSlash);
        }
        if path.parameters {
            return Err(PathError::Parameters);
        }
        Ok(path)
    }

    /// As [`CanonicalPath::new`], but keeps `%2F` and `;` inside their segments, for routes that allow them. Whoever
    /// calls this must ask [`CanonicalPath::encoded_slash`] and [`CanonicalPath::parameters`].
    pub(in crate::route) fn relaxed(raw: &str) -> Result<Self, PathError> {
        if is_plain(raw) {
            return Ok(Self {
                text: raw.into(),
                encoded_slash: false,
                parameters: false,
            });
        }
        Writer::default().run(raw.as_bytes())
    }

    /// The same, to keep.
    pub fn shared(&self) -> &Arc<str> {
        &self.text
    }

    /// The whole path, as it goes upstream.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The segments as they stand, escapes included: `/` has one empty segment, `/a/` has `a` and an empty one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.text.split('/').skip(1)
    }

    /// Whether a segment holds `%2F`.
    pub fn encoded_slash(&self) -> bool {
        self.encoded_slash
    }

    /// Whether a segment holds a raw `;`.
    pub fn parameters(&self) -> bool {
        self.parameters
    }

    /// All that an upstream may take a path with `%2F` or `;` for: parameters stripped, slashes decoded, or both, in
    /// either order.
    pub(in crate::route) fn readings(&self) -> [String; 4] {
        let stripped = strip(&self.text);
        let decoded = self.text.replace("%2F", "/");
        [
            stripped.replace("%2F", "/"),
            strip(&decoded),
            stripped,
            decoded,
        ]
    }
}

impl fmt::Display for CanonicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for CanonicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Takes the escapes out of a canonical segment (or of several, with their slashes).
pub(in crate::route) fn decode(segment: &str) -> Cow<'_, str> {
    unescape(segment, false)
}

/// As [`decode`], but a kept `%2F` stays `%2F`, as it must in an ARN: decoded, it would name another resource.
pub(in crate::route) fn decode_for_arn(segment: &str) -> Cow<'_, str> {
    unescape(segment, true)
}

fn unescape(segment: &str, keep_slash: bool) -> Cow<'_, str> {
    // Byte by byte: segments are too short for a quicker search to pay.
    let Some(first) = segment.bytes().position(|byte| byte == b'%') else {
        return Cow::Borrowed(segment);
    };
    let mut out = Vec::with_capacity(segment.len());
    let (plain, mut rest) = segment.split_at_checked(first).unwrap_or((segment, ""));
    out.extend_from_slice(plain.as_bytes());
    while let Some((&byte, tail)) = rest.as_bytes().split_first() {
        let escape = (byte == b'%')
            .then(|| escaped(tail))
            .flatten()
            .filter(|value| !(keep_slash && *value == b'/'));
        let taken = if let Some(value) = escape {
            out.push(value);
            3
        } else {
            out.push(byte);
            1
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    // INVARIANT: the escapes of a canonical path form UTF-8.
    Cow::Owned(String::from_utf8(out).unwrap_or_default())
}

/// The byte that the two hexadecimal digits at the start of `digits` stand for.
pub(in crate::route) fn escaped(digits: &[u8]) -> Option<u8> {
    let [high, low, ..] = digits else {
        return None;
    };
    let value = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(value(*high)?.checked_mul(16)?.checked_add(value(*low)?)?).ok()
}

fn strip(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 {
            out.push('/');
        }
        out.push_str(before_parameters(segment));
    }
    out
}

fn before_parameters(part: &str) -> &str {
    part.split_once(';').map_or(part, |(before, _)| before)
}

/// Whether a path is canonical at first sight: nothing in it that [`Writer`] would look at twice.
fn is_plain(raw: &str) -> bool {
    let mut before = 0;
    for byte in raw.bytes() {
        let plain =
            matches!(byte, 0x21..=0x7e) && !matches!(byte, b'%' | b';' | b'\\' | b'?' | b'#');
        if !plain || before == b'/' && matches!(byte, b'/' | b'.') {
            return false;
        }
        before = byte;
    }
    raw.starts_with('/')
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Writes the canonical form in one pass over the raw bytes.
#[derive(Default)]
struct Writer {
    out: String,
    /// Where the segment that is being written begins in `out`.
    segment: usize,
    /// The bytes of neighbouring escapes that must form UTF-8 together.
    run: SmallVec<[u8; 16]>,
    dots: bool,
    encoded_slash: bool,
    parameters: bool,
}

impl Writer {
    fn run(mut self, raw: &[u8]) -> Result<CanonicalPath, PathError> {
        let Some((b'/', mut rest)) = raw.split_first() else {
            return Err(PathError::NotAbsolute);
        };
        self.out.reserve(raw.len());
        self.out.push('/');
        self.segment = 1;
        let mut after_slash = true;
        while let Some((&byte, tail)) = rest.split_first() {
            rest = tail;
            if byte != b'%' {
                self.end_of_run()?;
            }
            match byte {
                b'/' if after_slash => return Err(PathError::EmptySegment),
                b'/' => {
                    self.end_of_segment(false)?;
                }
                b'%' => {
                    let value = escaped(tail).ok_or(PathError::BadEscape)?;
                    rest = tail.get(2..).unwrap_or_default();
                    self.escape(value)?;
                }
                b'\\' => return Err(PathError::Backslash),
                b'?' | b'#' => return Err(PathError::Fragment),
                0x21..=0x7e => {
                    self.parameters |= byte == b';';
                    self.out.push(char::from(byte));
                }
                _ => return Err(PathError::Byte),
            }
            after_slash = byte == b'/';
        }
        self.end_of_run()?;
        self.end_of_segment(true)?;
        if self.dots && (self.encoded_slash || self.parameters) {
            return Err(PathError::HiddenSegment);
        }
        Ok(CanonicalPath {
            text: self.out.into(),
            encoded_slash: self.encoded_slash,
            parameters: self.parameters,
        })
    }

    fn escape(&mut self, value: u8) -> Result<(), PathError> {
        if value < 0x80 {
            self.end_of_run()?;
        }
        match value {
            0x00..=0x1f | 0x7f => return Err(PathError::Control),
            b'\\' => return Err(PathError::Backslash),
            b'/' => self.encoded_slash = true,
            0x80.. => self.run.push(value),
            _ if is_unreserved(value) => {
                self.out.push(char::from(value));
                return Ok(());
            }
            _ => {}
        }
        self.out.push('%');
        for digit in [value >> 4, value & 15] {
            let digit = char::from_digit(u32::from(digit), 16).unwrap_or_default();
            self.out.push(digit.to_ascii_uppercase());
        }
        Ok(())
    }

    fn end_of_run(&mut self) -> Result<(), PathError> {
        if !self.run.is_empty() {
            std::str::from_utf8(&self.run).map_err(|_| PathError::NotUtf8)?;
            self.run.clear();
        }
        Ok(())
    }

    /// Resolves the segment that was just written; `last`: no slash follows it.
    fn end_of_segment(&mut self, last: bool) -> Result<(), PathError> {
        let segment = self.out.get(self.segment..).unwrap_or_default();
        match segment {
            "." => {
                self.dots = true;
                self.out.truncate(self.segment);
            }
            ".." => {
                self.dots = true;
                // The slash before this segment goes, and the segment before that slash.
                let parent = self
                    .out
                    .get(..self.segment.saturating_sub(1))
                    .and_then(|before| before.rfind('/'))
                    .ok_or(PathError::AboveRoot)?;
                self.out.truncate(parent.saturating_add(1));
            }
            _ => {
                if segment.contains(';') || segment.contains("%2F") {
                    let hidden = segment
                        .split("%2F")
                        .any(|part| matches!(before_parameters(part), "" | "." | ".."));
                    if hidden {
                        return Err(PathError::HiddenSegment);
                    }
                }
                if !last {
                    self.out.push('/');
                }
            }
        }
        self.segment = self.out.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
