//! `aws-chunked` bodies on their way: verified chunk by chunk, and undone for the upstream, which gets the plain body.
//!
//! Nothing of a chunk goes on before it was verified, and the last of what was verified waits for the end of the body:
//! whatever goes wrong, the upstream never holds what it could take for the whole. Trailers hold checksums that the client
//! computed: they are compared here and go no further. Where credentials are forwarded the body is passed on as it came, since the
//! upstream verifies it itself.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRAILER};

use crate::authn::sigv4::chunked::{ChunkError, Decoder};
use crate::outcome::Reason;

const DECODED_LENGTH: HeaderName = HeaderName::from_static("x-amz-decoded-content-length");

/// What undoes one body.
#[derive(Debug)]
pub struct Coding {
    decoder: Decoder,
    /// How much is still to come, as it goes on; `None`: nobody said.
    left: Option<u64>,
    /// Verified, and waiting for what comes behind it.
    held: Bytes,
}

/// Why a body is given up.
#[derive(Debug, thiserror::Error)]
pub enum CodingError {
    /// A chunk, or its signature.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// It is longer or shorter than announced.
    #[error("the decoded body is not as long as its head says")]
    Length,
}

impl CodingError {
    /// What the client is told.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Chunk(ChunkError::Mismatch) => Reason::SignatureMismatch,
            Self::Chunk(
                ChunkError::Malformed(_) | ChunkError::Checksum | ChunkError::Truncated,
            )
            | Self::Length => Reason::MalformedRequest,
        }
    }
}

impl Coding {
    /// Writes the head of the plain body in place of the coded one's, unless the body stays as it came.
    ///
    /// # Errors
    /// When the head does not say how long the plain body is, or announces a checksum that cannot be compared.
    pub fn new(decoder: Decoder, fields: &mut HeaderMap, as_it_came: bool) -> Result<Self, Reason> {
        if as_it_came {
            return Ok(Self {
                decoder: decoder.framed(),
                left: fields.get(CONTENT_LENGTH).and_then(number),
                held: Bytes::new(),
            });
        }
        let mut lengths = fields.get_all(DECODED_LENGTH).iter();
        let length = match (lengths.next(), lengths.next()) {
            (Some(length), None) => number(length),
            _ => None,
        };
        let length = length.ok_or(Reason::MalformedRequest)?;
        if !decoder.can_check() {
            return Err(Reason::MalformedRequest);
        }
        let codings = other_codings(fields)?;
        for name in [
            CONTENT_ENCODING,
            CONTENT_LENGTH,
            DECODED_LENGTH,
            TRAILER,
            HeaderName::from_static("x-amz-content-sha256"),
            HeaderName::from_static("x-amz-trailer"),
            // It says that a checksum comes along.
            HeaderName::from_static("x-amz-sdk-checksum-algorithm"),
        ] {
            fields.remove(name);
        }
        if let Some(codings) = codings {
            fields.insert(CONTENT_ENCODING, codings);
        }
        fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
        Ok(Self {
            decoder,
            left: Some(length),
            held: Bytes::new(),
        })
    }

    /// How long what is still to come is.
    pub fn length(&self) -> Option<u64> {
        let held = u64::try_from(self.held.len()).ok()?;
        self.left?.checked_add(held)
    }

    /// Takes what came; what may go on, which may be nothing yet.
    ///
    /// # Errors
    /// See [`CodingError`]; the body must then be given up.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Bytes, CodingError> {
        let mut out = Vec::new();
        self.decoder.push(bytes, &mut out)?;
        if out.is_empty() {
            return Ok(Bytes::new());
        }
        if let Some(left) = &mut self.left {
            let more = u64::try_from(out.len()).unwrap_or(u64::MAX);
            *left = left.checked_sub(more).ok_or(CodingError::Length)?;
        }
        Ok(std::mem::replace(&mut self.held, Bytes::from(out)))
    }

    /// The end of what came: the rest, if it was the end of the body.
    ///
    /// # Errors
    /// When it was not.
    pub fn finish(&mut self) -> Result<Bytes, CodingError> {
        if !self.decoder.is_done() {
            return Err(ChunkError::Truncated.into());
        }
        if self.left.is_some_and(|left| left > 0) {
            return Err(CodingError::Length);
        }
        Ok(std::mem::take(&mut self.held))
    }
}

/// Digits alone.
fn number(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The content codings but `aws-chunked`, if any.
fn other_codings(fields: &HeaderMap) -> Result<Option<HeaderValue>, Reason> {
    let mut others: Vec<&str> = Vec::new();
    for value in fields.get_all(CONTENT_ENCODING) {
        let text = value.to_str().map_err(|_| Reason::MalformedRequest)?;
        let codings = text.split(',').map(str::trim);
        others
            .extend(codings.filter(|coding| {
                !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked")
            }));
    }
    if others.is_empty() {
        return Ok(None);
    }
    let value = HeaderValue::from_str(&others.join(", "));
    value.map(Some).map_err(|_| Reason::MalformedRequest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_becomes_that_of_the_plain_body() {
        let mut fields = HeaderMap::new();
        for (name, value) in [
            ("content-encoding", "aws-chunked, gzip"),
            ("content-length", "100"),
            ("x-amz-decoded-content-length", "5"),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
            ("x-amz-meta-a", "b"),
        ] {
            fields.append(name, HeaderValue::from_static(value));
        }
        let mut kept = fields.clone();
        let coding = Coding::new(Decoder::unsigned(), &mut fields, false).unwrap();
        assert_eq!(coding.length(), Some(5));
        assert_eq!(fields["content-encoding"], "gzip");
        assert_eq!(fields["content-length"], "5");
        assert_eq!(fields.len(), 3);
        assert!(Coding::new(Decoder::unsigned(), &mut kept, true).is_ok());
        assert_eq!(kept.len(), 6, "as it came");
        for length in ["", "-5", "5.0", "+5", "99999999999999999999999"] {
            let mut fields = HeaderMap::new();
            let length = HeaderValue::from_static(length);
            fields.insert("x-amz-decoded-content-length", length);
            assert!(Coding::new(Decoder::unsigned(), &mut fields, false).is_err());
        }
        let mut none = HeaderMap::new();
        assert!(Coding::new(Decoder::unsigned(), &mut none, false).is_err());
    }

    fn coding(length: &'static str) -> Coding {
        let mut fields = HeaderMap::new();
        let length = HeaderValue::from_static(length);
        fields.insert("x-amz-decoded-content-length", length);
        Coding::new(Decoder::unsigned(), &mut fields, false).unwrap()
    }

    #[test]
    fn the_last_piece_waits_for_the_end() {
        let mut good = coding("8");
        assert_eq!(good.push(b"3\r\nabc\r\n").unwrap(), "");
        assert_eq!(good.push(b"5\r\ndefgh\r\n").unwrap(), "abc");
        assert!(good.finish().is_err(), "not the end yet");
        assert_eq!(good.push(b"0\r\nx-amz-meta-a:AAAA\r\n\r\n").unwrap(), "");
        assert_eq!(good.finish().unwrap(), "defgh");

        let mut long = coding("7");
        assert!(long.push(b"8\r\nabcdefgh\r\n").is_err());
        let mut short = coding("4");
        assert_eq!(short.push(b"3\r\nabc\r\n0\r\n\r\n").unwrap(), "");
        assert!(short.finish().is_err());
    }
}
