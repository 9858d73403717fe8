//! An HTTP/1 answer, read out of bytes: its head, and where its body ends (RFC 9112, sections 6 and 7).
//!
//! The head's grammar is httparse's, as everywhere here. What could be read in two ways (lengths that differ, chunks
//! that are not exactly as the RFC writes them) is refused: the answer breaks off. Fields that are meant for the hop
//! between the upstream and us are left out while reading. Knows no sockets.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::response::Parts;
use http::{Response, StatusCode, Version};
use http_body::{Frame, SizeHint};
use hyper::ext::ReasonPhrase;
use memchr::{memchr, memchr_iter};
use smallvec::SmallVec;

pub use chunks::Chunks;

pub mod chunks;

/// The most bytes of a head, and of trailers.
pub(super) const MOST: usize = 64 * 1024;
/// The most answers that are only informational, before the one that counts.
const INFORMATIONAL: u32 = 32;
/// The most fields of a head.
const FIELDS: usize = 100;
/// Up to here bytes are copied out of the buffer, which so stays whole and is used again.
const COPIED: usize = 4096;

/// Why an answer cannot be relayed, or not to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// What came is no HTTP.
    #[error("it is no HTTP/1 answer")]
    Malformed,
    /// Its head or trailers are over the limit.
    #[error("its head or trailers are too large")]
    TooLarge,
    /// Where it ends cannot be said in one way only.
    #[error("its framing is not valid")]
    Framing,
    /// It ended too early.
    #[error("it broke off")]
    Truncated,
    /// It does not get beyond what is only informational.
    #[error("too many informational answers came before it")]
    Endless,
}

/// An answer's head.
#[derive(Debug)]
pub(in crate::proxy) struct Head {
    /// Status and fields.
    pub(in crate::proxy) parts: Parts,
    /// What follows it.
    pub(in crate::proxy) body: Framing,
    /// Whether the connection may serve another exchange after it.
    pub(in crate::proxy) keep: bool,
}

/// What of a body is still to come.
#[derive(Debug)]
pub enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunks(Chunks),
    /// Whatever comes until the connection ends.
    Close,
}

/// What of an answer was read before its head is there.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How far a head was looked for an end.
    scanned: usize,
    /// Informational answers, and their bytes.
    passed: u32,
    bytes: usize,
}

impl Seen {
    /// Whether nothing was.
    pub(super) fn is_nothing(&self) -> bool {
        self.passed == 0 && self.scanned == 0
    }
}

/// Reads the head of an answer, once it is there as a whole; informational ones are passed over, up to a bound.
/// `bodiless`: the answer has no body whatever it says, as the request was HEAD.
pub(super) fn head(
    buffer: &mut BytesMut,
    seen: &mut Seen,
    bodiless: bool,
) -> Result<Option<Head>, AnswerError> {
    loop {
        let before = buffer.len();
        // What comes byte by byte is not read anew for each of them: a head ends with a line.
        let new = buffer.get(seen.scanned..).unwrap_or_default();
        let read = match memchr(b'\n', new) {
            Some(_) => read(buffer, bodiless)?,
            None => None,
        };
        let Some(read) = read else {
            seen.scanned = before;
            return if before > MOST {
                Err(AnswerError::TooLarge)
            } else {
                Ok(None)
            };
        };
        seen.scanned = 0;
        let status = read.parts.status;
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Some(read));
        }
        seen.passed = seen.passed.saturating_add(1);
        let bytes = before.saturating_sub(buffer.len());
        seen.bytes = seen.bytes.saturating_add(bytes);
        if seen.passed > INFORMATIONAL || seen.bytes > MOST {
            return Err(AnswerError::Endless);
        }
    }
}

/// The first bytes of a buffer.
pub(super) fn take(buffer: &mut BytesMut, count: usize) -> Bytes {
    if count > COPIED {
        return buffer.split_to(count).freeze();
    }
    let bytes = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
    buffer.advance(bytes.len());
    bytes
}

/// Where a head ends: behind its first empty line.
fn end_of_head(bytes: &[u8], scanned: usize) -> Option<usize> {
    let from = scanned.saturating_sub(2);
    let rest = bytes.get(from..)?;
    memchr_iter(b'\n', rest).find_map(|at| {
        let (at, behind) = (at.saturating_add(1), rest.get(at.saturating_add(1)..)?);
        let line = match behind {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return None,
        };
        Some(from.saturating_add(at).saturating_add(line))
    })
}

fn read(buffer: &mut BytesMut, bodiless: bool) -> Result<Option<Head>, AnswerError> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
    let mut answer = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut answer,
        buffer,
        &mut fields,
    );
    let end = match parsed {
        Ok(httparse::Status::Complete(end)) if end <= MOST => end,
        Ok(httparse::Status::Partial) => return Ok(None),
        Ok(httparse::Status::Complete(_)) | Err(httparse::Error::TooManyHeaders) => {
            return Err(AnswerError::TooLarge);
        }
        Err(_) => return Err(AnswerError::Malformed),
    };
    let code = answer.code.ok_or(AnswerError::Malformed)?;
    let status = StatusCode::from_u16(code).map_err(|_| AnswerError::Malformed)?;
    let persistent = answer.version == Some(1);
    let reason = answer
        .reason
        .filter(|reason| status.canonical_reason() != Some(reason))
        .and_then(|reason| ReasonPhrase::try_from(reason.as_bytes()).ok());
    let base = buffer.as_ptr().addr();
    let head = Bytes::copy_from_slice(buffer.get(..end).unwrap_or_default());
    let mut lines = Lines::default();
    // One more: our id of the request.
    let mut map = HeaderMap::with_capacity(answer.headers.len().saturating_add(1));
    for field in &*answer.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let name = name.map_err(|_| AnswerError::Malformed)?;
        let from = match field.value {
            [] => 0,
            value => value.as_ptr().addr().saturating_sub(base),
        };
        let place = from..from.saturating_add(field.value.len());
        let value = head.get(place.clone()).map(|_| head.slice(place));
        let value = HeaderValue::from_maybe_shared(value.ok_or(AnswerError::Malformed)?);
        let value = value.map_err(|_| AnswerError::Malformed)?;
        if lines.go_on(&name, &value)? {
            map.append(name, value);
        }
    }
    buffer.advance(end);
    for name in &lines.named {
        map.remove(name);
    }
    if lines.chunked {
        // Chunks override a length, which then says nothing true (RFC 9112, 6.3).
        map.remove(CONTENT_LENGTH);
    }
    let body = lines.framing(status, persistent, bodiless)?;
    let keep = match body {
        Framing::Close => false,
        Framing::Length(_) | Framing::Chunks(_) => {
            !lines.close
                && (persistent || lines.keep_alive)
                && status != StatusCode::SWITCHING_PROTOCOLS
        }
    };
    let mut parts = Response::new(()).into_parts().0;
    parts.status = status;
    parts.version = Version::HTTP_11;
    parts.headers = map;
    if let Some(reason) = reason {
        parts.extensions.insert(reason);
    }
    Ok(Some(Head { parts, body, keep }))
}

/// What the lines of a head say of the hop.
#[derive(Default)]
struct Lines {
    close: bool,
    keep_alive: bool,
    /// Its transfer coding, if it has one, which is chunks.
    chunked: bool,
    length: Option<u64>,
    /// Fields that Connection names: they go no further.
    named: SmallVec<[HeaderName; 2]>,
}

impl Lines {
    /// Notes a line; whether it goes on to the client.
    fn go_on(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<bool, AnswerError> {
        match name.as_str() {
            "connection" => {
                for token in tokens(value) {
                    if token.eq_ignore_ascii_case(b"close") {
                        self.close = true;
                    } else if token.eq_ignore_ascii_case(b"keep-alive") {
                        self.keep_alive = true;
                    } else if let Ok(named) = HeaderName::from_bytes(token)
                        && named != CONTENT_LENGTH
                    {
                        self.named.push(named);
                    }
                }
                Ok(false)
            }
            "keep-alive" | "proxy-connection" | "te" | "upgrade" => Ok(false),
            "transfer-encoding" => {
                // Another coding would reach the client undone and unnamed, as nobody here undoes it.
                let mut codings = tokens(value);
                let chunks = codings
                    .next()
                    .is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"));
                if self.chunked || !chunks || codings.next().is_some() {
                    return Err(AnswerError::Framing);
                }
                self.chunked = true;
                Ok(false)
            }
            "content-length" => {
                let length = number(value.as_bytes()).ok_or(AnswerError::Framing)?;
                match self.length.replace(length) {
                    None => Ok(true),
                    Some(same) if same == length => Ok(false),
                    Some(_) => Err(AnswerError::Framing),
                }
            }
            _ => Ok(true),
        }
    }

    fn framing(
        &self,
        status: StatusCode,
        persistent: bool,
        bodiless: bool,
    ) -> Result<Framing, AnswerError> {
        if bodiless
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED
        {
            return Ok(Framing::Length(0));
        }
        match (self.chunked, self.length) {
            // HTTP/1.0 knows no such coding.
            (true, _) if !persistent => Err(AnswerError::Framing),
            (true, _) => Ok(Framing::Chunks(Chunks::default())),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::Close),
        }
    }
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value
        .as_bytes()
        .split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

impl Framing {
    /// Whether nothing more comes.
    pub fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunks(chunks) => chunks.is_done(),
            Self::Close => false,
        }
    }

    /// What is known of the size of what still comes.
    pub fn size_hint(&self) -> SizeHint {
        match self {
            Self::Length(left) => SizeHint::with_exact(*left),
            Self::Chunks(_) | Self::Close => SizeHint::default(),
        }
    }

    /// The next piece out of what has come; `None` when more must come first, or nothing more does.
    pub(super) fn piece(
        &mut self,
        buffer: &mut BytesMut,
    ) -> Result<Option<Frame<Bytes>>, AnswerError> {
        let count = match self {
            Self::Chunks(chunks) => return chunks.piece(buffer),
            Self::Length(left) => {
                let count = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(buffer.len());
                *left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
                count
            }
            Self::Close => buffer.len(),
        };
        Ok((count > 0).then(|| Frame::data(take(buffer, count))))
    }

    /// The connection has ended.
    pub(super) fn closed(&mut self) -> Result<(), AnswerError> {
        match self {
            Self::Close => {
                *self = Self::Length(0);
                Ok(())
            }
            _ if self.is_done() => Ok(()),
            Self::Length(_) | Self::Chunks(_) => Err(AnswerError::Truncated),
        }
    }
}

#[cfg(test)]
mod tests;
