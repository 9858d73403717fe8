//! What an HTTP/2 client sends, on its way to the parser: heads and trailers are read before it sees them.
//!
//! As long as all of them are as they should be, they pass byte for byte; the parser and this read the same compression
//! side by side. From the first one on that is not, or that came in pieces, the parser gets them written anew, without
//! compression: what it has of the table is never used again. Where the client's frames or its compression cannot be
//! followed any further, the parser gets a frame that ends the connection, and nothing after it.

use tokio::io::ReadBuf;

use crate::net::framing::Fault;
use crate::net::http2::hpack::{Decoder, Fields};
use crate::net::http2::outbound::Unanswered;
use crate::net::http2::stand_in::{self, Field};
use crate::net::http2::{CONTINUATION, END_HEADERS, END_STREAM, Frame, HEADERS, RST_STREAM, rules};

const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
const PUSH_PROMISE: u8 = 5;

/// What every connection begins with.
const PREFACE: usize = 24;
/// The most that a frame holds, as we allow no more than the protocol does by itself.
const FRAME: usize = 16 * 1024;
/// The most bytes of a head, with whatever is not kept of them.
const BLOCK: usize = 1024 * 1024;
/// What each piece of a head counts at least: who sends it in crumbs makes us begin anew with each.
const PIECE: usize = 4096;
/// Faults of one connection; after more of them it ends.
const FAULTS: u32 = 128;
/// How much is made ready for the parser at once, but for the last head.
const READY: usize = 16 * 1024;

/// A frame that no connection goes on after: it continues a head that none is of.
const LAST: [u8; 9] = [0, 0, 0, CONTINUATION, 0, 0, 0, 0, 1];

/// The reading of one connection.
#[derive(Debug)]
pub(super) struct Inbound {
    /// Bytes that pass whatever they are: the preface, and what frames hold that are of no interest here.
    untouched: usize,
    /// Read, and not passed on: it begins with a frame that is not there as a whole, or that others are ready before.
    held: Vec<u8>,
    /// For the parser.
    ready: Vec<u8>,
    /// How much of that it took.
    taken: usize,
    decoder: Decoder,
    fields: Fields,
    /// A head of which more is to come.
    block: Option<Block>,
    /// How large the undecoded rest of one may be.
    rest: usize,
    /// The newest stream.
    newest: u32,
    /// Whether heads are written anew.
    anew: bool,
    faults: u32,
    over: bool,
}

#[derive(Debug)]
struct Block {
    stream: u32,
    ends: bool,
    /// Its priority is that it comes after itself.
    circular: bool,
    rest: Vec<u8>,
    counted: usize,
}

/// What to do with the bytes that come next.
enum Next {
    /// So many pass.
    Pass(usize),
    /// More must come first.
    Wait,
    /// They begin with this frame of a head, which is there as a whole.
    Head(Frame),
    /// The connection ends.
    End,
}

/// What becomes of a frame of a head.
enum Becomes {
    Itself,
    /// What stands in `ready` now, if anything does.
    Other,
    End,
}

impl Inbound {
    /// At the beginning of a connection. `limit`: the size of a head.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            untouched: PREFACE,
            held: Vec::new(),
            ready: Vec::new(),
            taken: 0,
            decoder: Decoder::default(),
            fields: Fields::new(limit),
            block: None,
            rest: limit.saturating_mul(2).saturating_add(FRAME),
            newest: 0,
            anew: false,
            faults: 0,
            over: false,
        }
    }

    /// Whether a fault was found.
    pub(super) fn found_faults(&self) -> bool {
        self.faults > 0
    }

    /// Whether nothing more is to be read.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether what is read next comes behind something that is held.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Gives the parser of what is ready for it; whether anything was.
    pub(super) fn give(&mut self, buffer: &mut ReadBuf<'_>, open: &mut Unanswered) -> bool {
        if self.taken == self.ready.len() {
            self.taken = 0;
            self.ready.clear();
            if self.ready.capacity() > READY {
                self.ready = Vec::new();
            }
            if self.holds() {
                self.go_on(open);
            }
        }
        let ready = self.ready.get(self.taken..).unwrap_or_default();
        let count = ready.len().min(buffer.remaining());
        buffer.put_slice(ready.get(..count).unwrap_or_default());
        self.taken = self.taken.saturating_add(count);
        count > 0
    }

    /// Takes what was read behind what is held.
    pub(super) fn hold(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// How many of these bytes pass as they are; what stands behind them was taken. Only when nothing is held.
    pub(super) fn pass(&mut self, came: &[u8], open: &mut Unanswered) -> usize {
        let mut at = 0_usize;
        while let Some(rest) = came.get(at..)
            && !rest.is_empty()
        {
            let behind = match self.next(rest, open) {
                Next::Pass(count) => {
                    at = at.saturating_add(count);
                    continue;
                }
                Next::Wait => rest,
                Next::Head(frame) => match self.head(&frame, frame.payload(rest), open) {
                    Becomes::Itself => {
                        at = at.saturating_add(frame.size());
                        continue;
                    }
                    Becomes::Other => rest.get(frame.size()..).unwrap_or_default(),
                    Becomes::End => {
                        self.end();
                        Default::default()
                    }
                },
                Next::End => {
                    self.end();
                    Default::default()
                }
            };
            self.hold(behind);
            break;
        }
        at.min(came.len())
    }

    /// Makes ready what may be of what is held.
    fn go_on(&mut self, open: &mut Unanswered) {
        let mut held = std::mem::take(&mut self.held);
        let mut at = 0_usize;
        while let Some(rest) = held.get(at..)
            && !rest.is_empty()
            && self.ready.len() < READY
        {
            let done = match self.next(rest, open) {
                Next::Pass(count) => {
                    let passed = rest.get(..count).unwrap_or_default();
                    self.ready.extend_from_slice(passed);
                    count
                }
                Next::Wait => break,
                Next::Head(frame) => match self.head(&frame, frame.payload(rest), open) {
                    Becomes::Itself => {
                        let whole = rest.get(..frame.size()).unwrap_or_default();
                        self.ready.extend_from_slice(whole);
                        frame.size()
                    }
                    Becomes::Other => frame.size(),
                    Becomes::End => return self.end(),
                },
                Next::End => return self.end(),
            };
            at = at.saturating_add(done);
        }
        held.drain(..at.min(held.len()));
        if !held.is_empty() || held.capacity() <= READY {
            self.held = held;
        }
    }

    fn end(&mut self) {
        self.over = true;
        self.held = Vec::new();
        self.block = None;
        self.ready.extend_from_slice(&LAST);
    }

    /// Looks at what comes next, which is something.
    fn next(&mut self, bytes: &[u8], open: &mut Unanswered) -> Next {
        if self.over {
            return Next::End;
        }
        if self.untouched > 0 {
            let count = self.untouched.min(bytes.len());
            self.untouched = self.untouched.saturating_sub(count);
            return Next::Pass(count);
        }
        let Some(frame) = Frame::of(bytes) else {
            return Next::Wait;
        };
        let goes_on = self.block.is_some();
        let is_head = frame.kind == if goes_on { CONTINUATION } else { HEADERS };
        if is_head && frame.length <= FRAME {
            return if bytes.len() < frame.size() {
                Next::Wait
            } else {
                Next::Head(frame)
            };
        }
        // A client pushes nothing, and what it would push is compressed too.
        if goes_on || frame.kind == PUSH_PROMISE {
            return Next::End;
        }
        if frame.kind == RST_STREAM {
            open.remove(frame.stream);
        }
        self.untouched = frame.length;
        Next::Pass(Frame::HEAD)
    }

    /// Reads a frame of a head or of trailers.
    fn head(&mut self, frame: &Frame, payload: &[u8], open: &mut Unanswered) -> Becomes {
        let (mut block, first) = match self.block.take() {
            Some(block) if block.stream != frame.stream => return Becomes::End,
            Some(mut block) => {
                block.rest.extend_from_slice(payload);
                (block, false)
            }
            None => {
                let Some((fragment, circular)) = fragment(frame, payload) else {
                    return Becomes::End;
                };
                self.decoder.begin();
                self.fields.clear();
                let block = Block {
                    stream: frame.stream,
                    ends: frame.flags & END_STREAM != 0,
                    circular,
                    rest: Vec::new(),
                    counted: 0,
                };
                if frame.flags & END_HEADERS != 0 {
                    let mut rest = fragment;
                    let read = self.decoder.read(&mut rest, &mut self.fields);
                    if read.is_err() || !rest.is_empty() || !self.decoder.at_end() {
                        return Becomes::End;
                    }
                    return self.judge(&block, true, open);
                }
                let rest = fragment.to_vec();
                (Block { rest, ..block }, true)
            }
        };
        let counted = if first {
            payload.len()
        } else {
            payload.len().max(PIECE)
        };
        block.counted = block.counted.saturating_add(counted);
        let mut rest = block.rest.as_slice();
        let read = self.decoder.read(&mut rest, &mut self.fields);
        let left = rest.len();
        if read.is_err() || left > self.rest || block.counted > BLOCK {
            return Becomes::End;
        }
        if frame.flags & END_HEADERS != 0 {
            if left > 0 || !self.decoder.at_end() {
                return Becomes::End;
            }
            return self.judge(&block, false, open);
        }
        block.rest.drain(..block.rest.len().saturating_sub(left));
        self.block = Some(block);
        Becomes::Other
    }

    /// Judges a head, or trailers, that are read. `whole`: in one frame.
    fn judge(&mut self, block: &Block, whole: bool, open: &mut Unanswered) -> Becomes {
        let (stream, ends) = (block.stream, block.ends);
        if stream.is_multiple_of(2) {
            return Becomes::End;
        }
        let begins = stream > self.newest;
        if begins {
            self.newest = stream;
            open.add(stream);
        }
        let verdict = match (block.circular, begins) {
            (true, _) => Err(Fault::Http2),
            (false, true) => rules::head(&self.fields, ends),
            (false, false) => rules::trailers(&self.fields, ends),
        };
        let becomes = match verdict {
            Ok(()) if whole && !self.anew => Becomes::Itself,
            Ok(()) => {
                self.anew = true;
                write(&mut self.ready, stream, ends, self.fields.iter());
                Becomes::Other
            }
            Err(_) if self.faults >= FAULTS => Becomes::End,
            Err(fault) => {
                self.anew = true;
                self.faults = self.faults.saturating_add(1);
                let mark = stand_in::mark(fault);
                let told = if begins {
                    stand_in::head(&self.fields, &mark)
                } else {
                    stand_in::trailers(&mark).to_vec()
                };
                write(&mut self.ready, stream, ends || !begins, told.into_iter());
                Becomes::Other
            }
        };
        self.fields.clear();
        becomes
    }
}

/// What of a HEADERS frame is compressed, and whether the stream is said to come after itself.
fn fragment<'p>(frame: &Frame, mut payload: &'p [u8]) -> Option<(&'p [u8], bool)> {
    let mut padding = 0;
    if frame.flags & PADDED != 0 {
        let (length, rest) = payload.split_first()?;
        (padding, payload) = (usize::from(*length), rest);
    }
    let mut circular = false;
    if frame.flags & PRIORITY != 0 {
        let (after, rest) = payload.split_first_chunk::<4>()?;
        circular = u32::from_be_bytes(*after) & Frame::STREAM == frame.stream;
        payload = rest.get(1..)?;
    }
    let length = payload.len().checked_sub(padding)?;
    Some((payload.get(..length)?, circular))
}

/// Writes a head, or trailers, so that no table is needed to read them.
fn write<'f>(
    ready: &mut Vec<u8>,
    stream: u32,
    ends: bool,
    fields: impl Iterator<Item = Field<'f>>,
) {
    let mut block = Vec::new();
    for (name, value) in fields {
        // Literal, in no table, ever.
        block.push(0x10);
        for text in [name, value] {
            write_length(&mut block, text.len());
            block.extend_from_slice(text);
        }
    }
    let mut pieces = block.chunks(FRAME).peekable();
    let first = pieces.next().unwrap_or_default();
    let mut flags = if ends { END_STREAM } else { 0 };
    let (mut kind, mut piece) = (HEADERS, Some(first));
    while let Some(payload) = piece {
        piece = pieces.next();
        if piece.is_none() {
            flags |= END_HEADERS;
        }
        Frame::write(ready, kind, flags, stream, payload);
        (kind, flags) = (CONTINUATION, 0);
    }
}

/// RFC 7541, 5.1, behind a bit that says that the text is written as it is.
fn write_length(block: &mut Vec<u8>, length: usize) {
    let small = u8::try_from(length).unwrap_or(u8::MAX).min(0x7f);
    block.push(small);
    let Some(mut rest) = length.checked_sub(0x7f) else {
        return;
    };
    while rest > 0x7f {
        let low = u8::try_from(rest & 0x7f).unwrap_or_default();
        block.push(low | 0x80);
        rest = rest.wrapping_shr(7);
    }
    block.push(u8::try_from(rest).unwrap_or_default());
}

#[cfg(test)]
mod tests;
