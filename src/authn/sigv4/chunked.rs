//! `aws-chunked` bodies, verified and undone: chunks that are signed one by one (Signature Version 4, "multiple chunks"),
//! or not signed at all, where a service allows that.
//!
//! Each chunk's signature is computed over the one before, so chunks cannot be changed, left out or put in another
//! order. A chunk is handed on only once its signature was verified, which is why its size is bounded.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use crate::authn::{hex, sha256};

use super::checksum::Checks;
use super::unhex;

/// The largest chunk; SDKs send 64 KiB to 1 MiB.
pub const MAX_CHUNK: usize = 1024 * 1024;
/// `100000;chunk-signature=` and 64 digits are 87 bytes.
const MAX_LINE: usize = 128;
const MAX_TRAILERS: usize = 8 * 1024;

/// Why a body is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// It is no `aws-chunked` body.
    #[error("the chunks cannot be read: {0}")]
    Malformed(&'static str),
    /// A chunk, or the trailers, have another signature.
    #[error("a chunk's signature is not that of its data")]
    Mismatch,
    /// A checksum behind the last chunk is that of other data.
    #[error("a checksum is not that of the data")]
    Checksum,
    /// It ended before its last chunk.
    #[error("the body ended before its last chunk")]
    Truncated,
}

/// Verifies the chunks of one body, as they come.
pub struct Decoder {
    /// `None`: chunks and trailers are not signed.
    key: Option<hmac::Key>,
    /// Time and scope, each with its line end.
    prefix: String,
    previous: [u8; 32],
    trailer: bool,
    /// Whether what is handed on keeps its chunks.
    framed: bool,
    checks: Checks,
    state: State,
    /// What came and was not handed on.
    pending: Vec<u8>,
}

/// A chunk's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    size: usize,
    signature: [u8; 32],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Data { line: Line },
    Trailers,
    Done,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("state", &self.state)
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}

impl Decoder {
    pub(super) fn new(key: hmac::Key, prefix: String, seed: [u8; 32], trailer: bool) -> Self {
        Self {
            key: Some(key),
            prefix,
            previous: seed,
            trailer,
            framed: false,
            checks: Checks::default(),
            state: State::Head,
            pending: Vec::new(),
        }
    }

    /// For chunks without signatures, behind which trailers follow.
    pub fn unsigned() -> Self {
        Self {
            key: None,
            prefix: String::new(),
            previous: [0; 32],
            trailer: true,
            framed: false,
            checks: Checks::default(),
            state: State::Head,
            pending: Vec::new(),
        }
    }

    /// Hands on what it verified as it came, chunk heads and trailers included: for whoever verifies it again.
    #[must_use]
    pub fn framed(mut self) -> Self {
        self.framed = true;
        self
    }

    /// Computes these checksums, and holds the trailers to them.
    #[must_use]
    pub(super) fn checking(mut self, checks: Checks) -> Self {
        self.checks = checks;
        self
    }

    /// Whether every checksum that was announced can be computed: whoever takes the trailers away must know.
    pub fn can_check(&self) -> bool {
        self.checks.are_known()
    }

    /// Whether the whole body came and is good.
    pub fn is_done(&self) -> bool {
        self.state == State::Done && self.pending.is_empty()
    }

    /// Takes bytes of the body, and appends the data that they complete to `out`.
    ///
    /// # Errors
    /// See [`ChunkError`]; the body must then be given up.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ChunkError> {
        while !bytes.is_empty() {
            // So much at a time that what is pending stays bounded.
            let (now, later) = bytes.split_at(bytes.len().min(MAX_CHUNK));
            self.pending.extend_from_slice(now);
            bytes = later;
            while self.step(out)? {}
        }
        Ok(())
    }

    /// Ends the body.
    ///
    /// # Errors
    /// [`ChunkError::Truncated`], when its last chunk (and its trailers) did not come.
    pub fn finish(self) -> Result<(), ChunkError> {
        if self.is_done() {
            Ok(())
        } else {
            Err(ChunkError::Truncated)
        }
    }

    /// One step, if enough is pending.
    fn step(&mut self, out: &mut Vec<u8>) -> Result<bool, ChunkError> {
        match self.state {
            State::Head => {
                let Some(line) = self.line()? else {
                    return Ok(false);
                };
                self.state = State::Data {
                    line: head(&line, self.key.is_some())?,
                };
                if self.framed {
                    // Says nothing by itself: the data, and the end, come verified or not at all.
                    out.extend_from_slice(&line);
                    out.extend_from_slice(b"\r\n");
                }
                Ok(true)
            }
            State::Data { line } => self.data(line, out),
            State::Trailers => self.trailers(out),
            State::Done if self.pending.is_empty() => Ok(false),
            State::Done => Err(ChunkError::Malformed("something follows the last chunk")),
        }
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, ChunkError> {
        let end = memchr::memmem::find(&self.pending, b"\r\n");
        match end {
            Some(at) if at <= MAX_LINE => {
                let line = self.pending.drain(..at).collect();
                self.pending.drain(..2);
                Ok(Some(line))
            }
            None if self.pending.len() <= MAX_LINE => Ok(None),
            Some(_) | None => Err(ChunkError::Malformed("a chunk's head is too long")),
        }
    }

    fn data(&mut self, line: Line, out: &mut Vec<u8>) -> Result<bool, ChunkError> {
        let Line { size, signature } = line;
        // The last chunk's line end stands behind the trailers.
        let with_end = if size == 0 && self.trailer {
            0
        } else {
            size.saturating_add(2)
        };
        if self.pending.len() < with_end {
            return Ok(false);
        }
        let data = self.pending.get(..size).unwrap_or_default();
        let end = self.pending.get(size..with_end).unwrap_or_default();
        if with_end > 0 && end != b"\r\n" {
            return Err(ChunkError::Malformed("a chunk is longer than its size"));
        }
        if self.key.is_some() {
            let text = format!("{}\n{}", hex(&sha256(b"")), hex(&sha256(data)));
            self.verify("AWS4-HMAC-SHA256-PAYLOAD", &text, signature)?;
        }
        if !self.framed {
            let data = self.pending.get(..size).unwrap_or_default();
            self.checks.update(data);
        }
        let kept = if self.framed { with_end } else { size };
        out.extend_from_slice(self.pending.get(..kept).unwrap_or_default());
        self.pending.drain(..with_end);
        if size == 0 && !self.trailer && !self.framed {
            self.checks.finish()?;
        }
        self.state = match (size, self.trailer) {
            (0, true) => State::Trailers,
            (0, false) => State::Done,
            _ => State::Head,
        };
        Ok(true)
    }

    /// `name:value` a line, then `x-amz-trailer-signature`, then an empty line.
    fn trailers(&mut self, out: &mut Vec<u8>) -> Result<bool, ChunkError> {
        // No trailers at all are an empty line.
        let none = self.key.is_none() && self.pending == b"\r\n";
        let end = if none {
            Some(0)
        } else {
            memchr::memmem::find(&self.pending, b"\r\n\r\n")
        };
        let Some(end) = end else {
            if self.pending.len() > MAX_TRAILERS {
                return Err(ChunkError::Malformed("the trailers are too long"));
            }
            return Ok(false);
        };
        let block: Vec<u8> = self.pending.drain(..end).collect();
        let line_ends: Vec<u8> = self.pending.drain(..if none { 2 } else { 4 }).collect();
        if self.framed {
            out.extend_from_slice(&block);
            out.extend_from_slice(&line_ends);
        }
        let text = std::str::from_utf8(&block)
            .map_err(|_| ChunkError::Malformed("the trailers are no text"))?;
        let lines = if self.key.is_some() {
            self.signed_trailers(text)?
        } else {
            text
        };
        // Whoever gets the chunks as they came compares for themselves.
        if !self.framed {
            for (name, value) in trailers(lines)? {
                self.checks.trailer(&name, value)?;
            }
            self.checks.finish()?;
        }
        self.state = State::Done;
        Ok(true)
    }

    /// Verifies the signature of trailers, which is the last of them; the others.
    fn signed_trailers<'t>(&mut self, text: &'t str) -> Result<&'t str, ChunkError> {
        let (lines, last) = text.rsplit_once("\r\n").unwrap_or(("", text));
        let signature = last
            .strip_prefix("x-amz-trailer-signature:")
            .and_then(|value| unhex(value.trim_matches(' ')))
            .ok_or(ChunkError::Malformed(
                "the trailers end without a signature",
            ))?;
        let mut canonical = String::new();
        for (name, value) in trailers(lines)? {
            canonical.push_str(&name);
            canonical.push(':');
            canonical.push_str(value);
            canonical.push('\n');
        }
        let text = hex(&sha256(canonical.as_bytes()));
        self.verify("AWS4-HMAC-SHA256-TRAILER", &text, signature)?;
        Ok(lines)
    }

    fn verify(&mut self, kind: &str, rest: &str, signature: [u8; 32]) -> Result<(), ChunkError> {
        let text = format!("{kind}\n{}{}\n{rest}", self.prefix, hex(&self.previous));
        let key = self.key.as_ref().ok_or(ChunkError::Mismatch)?;
        let computed = hmac::sign(key, text.as_bytes());
        verify_slices_are_equal(computed.as_ref(), &signature).map_err(|_| ChunkError::Mismatch)?;
        self.previous = signature;
        Ok(())
    }
}

/// `name:value` a line: names in lower case, values without the spaces around them.
fn trailers(lines: &str) -> Result<Vec<(String, &str)>, ChunkError> {
    let lines = lines.split("\r\n").filter(|line| !line.is_empty());
    let pairs = lines.map(|line| {
        let (name, value) = line
            .split_once(':')
            .ok_or(ChunkError::Malformed("a trailer has no colon"))?;
        Ok((name.to_ascii_lowercase(), value.trim_matches(' ')))
    });
    pairs.collect()
}

/// `SIZE;chunk-signature=SIGNATURE`, or `SIZE` alone if chunks are not signed; the size in hexadecimal digits.
fn head(line: &[u8], signed: bool) -> Result<Line, ChunkError> {
    const FAULT: ChunkError = ChunkError::Malformed("a chunk's head is not SIZE;chunk-signature=…");
    let text = std::str::from_utf8(line).map_err(|_| FAULT)?;
    let (size, signature) = if signed {
        let (size, signature) = text.split_once(";chunk-signature=").ok_or(FAULT)?;
        (size, unhex(signature).ok_or(FAULT)?)
    } else {
        (text, [0; 32])
    };
    if size.is_empty() || !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(FAULT);
    }
    let size = usize::from_str_radix(size, 16).map_err(|_| FAULT)?;
    if size > MAX_CHUNK {
        return Err(ChunkError::Malformed("a chunk is too large"));
    }
    Ok(Line { size, signature })
}
