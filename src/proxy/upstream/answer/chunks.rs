//! Chunked bodies (RFC 9112, section 7.1), decoded exactly as they are written there and no other way.

use bytes::{Buf, Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;

use super::{AnswerError, FIELDS, MOST, end_of_head, take};

/// Bytes of chunk extensions that one body may have.
const EXTENSIONS: usize = 16 * 1024;

/// Where in its chunks a body is.
#[derive(Debug, Default)]
pub struct Chunks {
    place: Place,
    /// Bytes of extensions so far.
    extensions: usize,
    /// How far the end of the trailers was looked for.
    scanned: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Digits of a size: its value, and how many there were.
    Size(u64, u8),
    /// Behind a size, up to the end of its line.
    Extension(u64),
    /// The line feed of a size's line.
    SizeEnd(u64),
    /// Bytes of a chunk, still to come.
    Data(u64),
    /// The carriage return behind a chunk, then its line feed.
    DataCr,
    DataLf,
    Trailers,
    Done,
}

impl Default for Place {
    fn default() -> Self {
        Self::Size(0, 0)
    }
}

impl Chunks {
    /// Whether the last chunk and the trailers came.
    pub(super) fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    /// The next piece out of what has come.
    pub(super) fn piece(
        &mut self,
        buffer: &mut BytesMut,
    ) -> Result<Option<Frame<Bytes>>, AnswerError> {
        self.pass_framing(buffer)?;
        match self.place {
            Place::Data(left) if !buffer.is_empty() => {
                let count = usize::try_from(left)
                    .unwrap_or(usize::MAX)
                    .min(buffer.len());
                let left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
                self.place = if left == 0 {
                    Place::DataCr
                } else {
                    Place::Data(left)
                };
                let data = take(buffer, count);
                // The end may have come with the last piece: then the client need not wait for it either.
                self.pass_framing(buffer)?;
                if self.place == Place::Trailers && buffer.starts_with(b"\r\n") {
                    buffer.advance(2);
                    self.place = Place::Done;
                }
                Ok(Some(Frame::data(data)))
            }
            Place::Trailers => self.trailers(buffer),
            Place::Size(..)
            | Place::Extension(_)
            | Place::SizeEnd(_)
            | Place::Data(_)
            | Place::DataCr
            | Place::DataLf
            | Place::Done => Ok(None),
        }
    }

    /// Reads framing up to the next data, the trailers, or the end of what has come.
    fn pass_framing(&mut self, buffer: &mut BytesMut) -> Result<(), AnswerError> {
        let mut passed = 0_usize;
        for &byte in &**buffer {
            if matches!(self.place, Place::Data(_) | Place::Trailers | Place::Done) {
                break;
            }
            if matches!(self.place, Place::Extension(_)) {
                self.extensions = self.extensions.saturating_add(1);
                if self.extensions > EXTENSIONS {
                    return Err(AnswerError::TooLarge);
                }
            }
            self.place = step(self.place, byte).ok_or(AnswerError::Framing)?;
            passed = passed.saturating_add(1);
        }
        buffer.advance(passed);
        Ok(())
    }

    fn trailers(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame<Bytes>>, AnswerError> {
        if buffer.starts_with(b"\r\n") {
            buffer.advance(2);
            self.place = Place::Done;
            return Ok(None);
        }
        let Some(end) = end_of_head(buffer, self.scanned) else {
            self.scanned = buffer.len();
            return if buffer.len() > MOST {
                Err(AnswerError::TooLarge)
            } else {
                Ok(None)
            };
        };
        if end > MOST {
            return Err(AnswerError::TooLarge);
        }
        let bytes = take(buffer, end);
        self.place = Place::Done;
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let Ok(httparse::Status::Complete((_, fields))) =
            httparse::parse_headers(&bytes, &mut fields)
        else {
            return Err(AnswerError::Malformed);
        };
        let mut map = HeaderMap::with_capacity(fields.len());
        for field in fields {
            let name = HeaderName::from_bytes(field.name.as_bytes());
            let value = HeaderValue::from_maybe_shared(bytes.slice_ref(field.value));
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(AnswerError::Malformed);
            };
            map.append(name, value);
        }
        Ok(Some(Frame::trailers(map)))
    }
}

/// The next place; `None` for what the RFC does not allow.
fn step(place: Place, byte: u8) -> Option<Place> {
    Some(match (place, byte) {
        (Place::Size(value, digits @ 0..16), byte) if byte.is_ascii_hexdigit() => {
            let digit = char::from(byte).to_digit(16)?;
            let value = value.checked_mul(16)?.checked_add(u64::from(digit))?;
            Place::Size(value, digits.saturating_add(1))
        }
        (Place::Size(size, 1..) | Place::Extension(size), b'\r') => Place::SizeEnd(size),
        (Place::Size(size, 1..), b';' | b' ' | b'\t')
        | (Place::Extension(size), b'\t' | 0x20..=0x7e | 0x80..) => Place::Extension(size),
        (Place::SizeEnd(0), b'\n') => Place::Trailers,
        (Place::SizeEnd(size), b'\n') => Place::Data(size),
        (Place::DataCr, b'\r') => Place::DataLf,
        (Place::DataLf, b'\n') => Place::Size(0, 0),
        _ => return None,
    })
}
