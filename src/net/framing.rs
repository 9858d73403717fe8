//! Where HTTP/1 messages begin and end, read more strictly than the parser does.
//!
//! The parser (hyper, httparse) makes a request out of the bytes; this watches the same bytes go by and finds what the
//! parser hides from its user: a fragment in the target, Content-Length beside Transfer-Encoding, a length given twice,
//! line feeds without carriage return, oddities of chunk framing. It decides nothing else and makes nothing: a request
//! passes only if both readings accept it, so a difference between the two can only refuse.
//!
//! A fault in a head is reported for that request, by its number; a fault in a body ends the bytes right before it.

use memchr::memchr;

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A line feed without carriage return.
    BareLineFeed,
    /// A `#` in the request line.
    Fragment,
    /// A line that begins with a space or tab.
    FoldedLine,
    /// Content-Length and Transfer-Encoding together.
    LengthAndChunks,
    /// More than one Content-Length or Transfer-Encoding line.
    RepeatedFraming,
    /// A Content-Length that is no number.
    InvalidLength,
    /// A chunk size line, chunk end or trailer that is not exactly as RFC 9112 writes it.
    ChunkFraming,
    /// This reading and the parser's differ about where the request begins.
    Disagreement,
    /// An HTTP/2 head that is over the limit by its decoded size (RFC 9113, 6.5.2).
    TooLarge,
    /// An HTTP/2 head, or trailers, that the protocol forbids (RFC 9113, 8).
    Http2,
}

/// The state of one connection's reading.
#[derive(Debug)]
pub struct Scanner {
    state: State,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    /// Complete heads so far.
    heads: u64,
    /// Bytes of the current head or trailer section.
    section: usize,
    limit: usize,
    length: Option<u64>,
    chunked: bool,
    request_line_seen: bool,
    faulty_head: Option<(u64, Fault)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Lines of a head.
    Head,
    /// Bytes of a body with a length, still to come.
    Length(u64),
    /// Chunk size: value and number of digits.
    Size(u64, u8),
    /// Blanks between a chunk size and `;`.
    Blank(u64),
    /// A chunk extension; how many there may be is the parser's to bound.
    Extension(u64),
    /// The line feed of a chunk size line.
    SizeEnd(u64),
    /// Bytes of a chunk, still to come.
    Data(u64),
    /// The carriage return, then the line feed after a chunk.
    DataCr,
    DataLf,
    /// Lines of a trailer section.
    Trailers,
    /// Nothing is read any more: after a fault, over the limit, or another protocol.
    Off,
}

impl Scanner {
    /// At the beginning of a connection; sections over `limit` bytes are left to the parser to refuse.
    pub fn new(limit: usize) -> Self {
        Self {
            state: State::Head,
            partial: Vec::new(),
            heads: 0,
            section: 0,
            limit,
            length: None,
            chunked: false,
            request_line_seen: false,
            faulty_head: None,
        }
    }

    /// How many bytes a head may have.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Reads no more: the connection now speaks another protocol.
    pub fn stop(&mut self) {
        self.state = State::Off;
        self.partial = Vec::new();
    }

    /// Whether a head has begun and not ended.
    pub fn mid_head(&self) -> bool {
        self.state == State::Head && self.section > 0
    }

    /// Whether more of heads came than `requests` requests were made of.
    pub fn ahead_of(&self, requests: u64) -> bool {
        self.heads != requests || self.section > 0 || self.state == State::Off
    }

    /// What is wrong with the head of the request of that number, the first being 1.
    pub fn head_fault(&self, number: u64) -> Result<(), Fault> {
        match self.faulty_head {
            Some((faulty, fault)) if faulty <= number => Err(fault),
            _ if self.heads < number && self.state != State::Off => Err(Fault::Disagreement),
            _ => Ok(()),
        }
    }

    /// Reads what came. With a fault in a body: how many of `bytes` come before it.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), (usize, Fault)> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = bytes.len().saturating_sub(rest.len());
            rest = match self.state {
                State::Off => return Ok(()),
                State::Head | State::Trailers => {
                    self.read_line(rest).map_err(|fault| (at, fault))?
                }
                State::Length(left) | State::Data(left) => self.skip(rest, left),
                State::Size(..)
                | State::Blank(_)
                | State::Extension(_)
                | State::SizeEnd(_)
                | State::DataCr
                | State::DataLf => {
                    let Some((&byte, after)) = rest.split_first() else {
                        return Ok(());
                    };
                    let Some(next) = chunk_step(self.state, byte) else {
                        self.stop();
                        return Err((at, Fault::ChunkFraming));
                    };
                    self.state = next;
                    after
                }
            };
        }
        Ok(())
    }

    /// Passes over body bytes.
    fn skip<'a>(&mut self, bytes: &'a [u8], left: u64) -> &'a [u8] {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left.saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
        self.state = match (self.state, left) {
            (State::Length(_), 0) => State::Head,
            (State::Length(_), left) => State::Length(left),
            (_, 0) => State::DataCr,
            (_, left) => State::Data(left),
        };
        bytes.get(here..).unwrap_or_default()
    }

    /// Reads up to the end of a line, or keeps what there is of it. The error is a fault in a trailer section.
    fn read_line<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Fault> {
        let end = match bytes {
            // The line that ends a head: no search is worth it.
            [b'\r', b'\n', ..] => Some(1),
            _ => memchr(b'\n', bytes),
        };
        let taken = end.map_or(bytes.len(), |end| end.saturating_add(1));
        self.section = self.section.saturating_add(taken);
        if self.section > self.limit {
            self.stop();
            return Ok(&[]);
        }
        let (line, rest) = bytes.split_at_checked(taken).unwrap_or((bytes, &[]));
        if end.is_none() {
            self.partial.extend_from_slice(line);
            return Ok(rest);
        }
        if self.partial.is_empty() {
            self.line(line)?;
        } else {
            let mut whole = std::mem::take(&mut self.partial);
            whole.extend_from_slice(line);
            self.line(&whole)?;
        }
        Ok(rest)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let checked = match line.strip_suffix(b"\r\n") {
            None => Err(Fault::BareLineFeed),
            Some(line) if self.state == State::Trailers => self.trailer_line(line),
            Some(line) => self.head_line(line),
        };
        let Err(fault) = checked else { return Ok(()) };
        self.fault(fault)
    }

    #[cold]
    fn fault(&mut self, fault: Fault) -> Result<(), Fault> {
        let in_head = self.state == State::Head;
        self.stop();
        if in_head {
            self.faulty_head = Some((self.heads.saturating_add(1), fault));
            Ok(())
        } else {
            Err(fault)
        }
    }

    fn head_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        if !self.request_line_seen {
            // Empty lines before a request line are skipped, as the parser does (RFC 9112, 2.2).
            self.request_line_seen = !line.is_empty();
            return match memchr(b'#', line) {
                Some(_) => Err(Fault::Fragment),
                None => Ok(()),
            };
        }
        match line.first() {
            None => self.end_head(),
            Some(b' ' | b'\t') => return Err(Fault::FoldedLine),
            Some(b'c' | b'C') => {
                if let Some(value) = field(line, b"content-length") {
                    if self.length.is_some() {
                        return Err(Fault::RepeatedFraming);
                    }
                    self.length = Some(number(value).ok_or(Fault::InvalidLength)?);
                }
            }
            Some(b't' | b'T') => {
                if field(line, b"transfer-encoding").is_some() {
                    if self.chunked {
                        return Err(Fault::RepeatedFraming);
                    }
                    self.chunked = true;
                }
            }
            Some(_) => {}
        }
        if self.chunked && self.length.is_some() {
            return Err(Fault::LengthAndChunks);
        }
        Ok(())
    }

    fn end_head(&mut self) {
        self.heads = self.heads.saturating_add(1);
        self.section = 0;
        self.request_line_seen = false;
        self.state = match (
            std::mem::take(&mut self.chunked),
            self.length.take().unwrap_or(0),
        ) {
            (true, _) => State::Size(0, 0),
            (false, 0) => State::Head,
            (false, length) => State::Length(length),
        };
    }

    #[inline(never)]
    fn trailer_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        match line.first() {
            None => {
                self.section = 0;
                self.state = State::Head;
                Ok(())
            }
            Some(b' ' | b'\t') => Err(Fault::FoldedLine),
            Some(_) => Ok(()),
        }
    }
}

/// The value of a header line, if it is that field's. `name` is in lower case.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    found.eq_ignore_ascii_case(name).then_some(value)
}

fn number(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The next state of chunk framing; `None` for what RFC 9112, 7.1 does not allow.
#[inline(never)]
fn chunk_step(state: State, byte: u8) -> Option<State> {
    Some(match (state, byte) {
        (State::Size(value, digits @ 0..16), byte) if byte.is_ascii_hexdigit() => {
            let digit = char::from(byte).to_digit(16)?;
            State::Size(
                value.checked_mul(16)?.checked_add(u64::from(digit))?,
                digits.saturating_add(1),
            )
        }
        (State::Size(size, 1..) | State::Extension(size), b'\r') => State::SizeEnd(size),
        (State::Size(size, 1..) | State::Blank(size), b';')
        | (State::Extension(size), b'\t' | 0x20..=0x7e | 0x80..) => State::Extension(size),
        (State::Size(size, 1..) | State::Blank(size), b' ' | b'\t') => State::Blank(size),
        (State::SizeEnd(0), b'\n') => State::Trailers,
        (State::SizeEnd(size), b'\n') => State::Data(size),
        (State::DataCr, b'\r') => State::DataLf,
        (State::DataLf, b'\n') => State::Size(0, 0),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
