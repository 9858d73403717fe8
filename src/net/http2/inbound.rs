//! What an HTTP/2 client sends, on its way to the parser: heads and trailers are read before it sees them.
//!
//! As long as all of them are as they should be, they pass byte for byte; the parser and this read the same compression
//! side by side. From the first one on that is not, or that came in pieces, the parser gets them written anew, without
//! compression: what it has of the table is never used again. Where the client's frames or its compression cannot be
//! followed any further, the parser gets a frame that ends the connection, and nothing after it; the reason that the
//! client is told is put in on the way out. After too many faults nothing more is read, and the same is done once what
//! came before is answered, as far as that needs nothing more of the client.

use tokio::io::ReadBuf;

use crate::net::framing::Fault;
use crate::net::http2::anew::write;
use crate::net::http2::hpack::{Decoder, Fields};
use crate::net::http2::stand_in;
use crate::net::http2::streams::{Open, Sending};
use crate::net::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, FRAME, Frame, HEADERS, RST_STREAM, rules,
};

const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
const PUSH_PROMISE: u8 = 5;

// Why a connection ends (RFC 9113, 7).
const PROTOCOL_ERROR: u8 = 1;
const STREAM_CLOSED: u8 = 5;
const FRAME_SIZE_ERROR: u8 = 6;
const COMPRESSION_ERROR: u8 = 9;
const ENHANCE_YOUR_CALM: u8 = 11;

/// What every connection begins with.
const PREFACE: usize = 24;
/// A head that takes so many times its limit on the way, with the frames around its pieces, is not read to its end. One
/// within the limit may come byte by byte.
const BLOCK: usize = 16;
/// Faults of one connection; with one more it ends.
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
    /// The most bytes of one.
    most: usize,
    sending: Sending,
    /// Heads, and frames that belong to none, that were begun and ended so far.
    done: u64,
    /// What is held begins with a part of a head's frame, or of what every frame begins with.
    partial: bool,
    /// Whether heads are written anew.
    anew: bool,
    faults: u32,
    /// Nothing more is read.
    enough: bool,
    /// The connection has ended, for this reason.
    over: Option<u8>,
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
    /// The connection ends, for this reason.
    End(u8),
}

/// What becomes of a frame of a head.
enum Becomes {
    Itself,
    /// What stands in `ready` now, if anything does.
    Other,
    /// Nothing more is read.
    Enough,
    End(u8),
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
            most: limit.saturating_mul(BLOCK),
            sending: Sending::default(),
            done: 0,
            partial: false,
            anew: false,
            faults: 0,
            enough: false,
            over: None,
        }
    }

    /// Whether a fault was found.
    pub(super) fn found_faults(&self) -> bool {
        self.faults > 0
    }

    /// Why the connection ends, if it does: nothing more is to be read.
    pub(super) fn is_over(&self) -> Option<u8> {
        self.over
    }

    /// Whether it ends as soon as what came is answered: until then nothing more is to be read.
    pub(super) fn is_enough(&self) -> bool {
        self.enough && self.over.is_none()
    }

    /// The number of the head that has begun and not ended, if one has. The client's first words count as one.
    pub(super) fn under_way(&self) -> Option<u64> {
        let preface = self.done == 0 && self.untouched > 0;
        let begun = preface || self.partial || self.block.is_some();
        (begun && !self.enough && self.over.is_none()).then_some(self.done)
    }

    /// Ends the connection of a client that asks too much, or takes too long.
    pub(super) fn give_up(&mut self) {
        if self.over.is_none() {
            self.end(ENHANCE_YOUR_CALM);
        }
    }

    /// Whether what is read next comes behind something that is held.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Gives the parser of what is ready for it; whether anything was.
    pub(super) fn give(&mut self, buffer: &mut ReadBuf<'_>, open: &mut Open) -> bool {
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
    pub(super) fn pass(&mut self, came: &[u8], open: &mut Open) -> usize {
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
                    Becomes::Enough => Default::default(),
                    Becomes::End(why) => self.end(why),
                },
                Next::End(why) => self.end(why),
            };
            self.hold(behind);
            break;
        }
        at.min(came.len())
    }

    /// Makes ready what may be of what is held.
    fn go_on(&mut self, open: &mut Open) {
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
                    Becomes::Enough => return,
                    Becomes::End(why) => {
                        self.end(why);
                        return;
                    }
                },
                Next::End(why) => {
                    self.end(why);
                    return;
                }
            };
            at = at.saturating_add(done);
        }
        held.drain(..at.min(held.len()));
        if !held.is_empty() || held.capacity() <= READY {
            self.held = held;
        }
    }

    /// Nothing is left to be looked at.
    fn end(&mut self, why: u8) -> &'static [u8] {
        self.over = Some(why);
        self.held = Vec::new();
        self.block = None;
        self.ready.extend_from_slice(&LAST);
        &[]
    }

    /// Looks at what comes next, which is something.
    fn next(&mut self, bytes: &[u8], open: &mut Open) -> Next {
        self.partial = false;
        if let Some(why) = self.over {
            return Next::End(why);
        }
        if self.untouched > 0 {
            let count = self.untouched.min(bytes.len());
            self.untouched = self.untouched.saturating_sub(count);
            return Next::Pass(count);
        }
        let Some(frame) = Frame::of(bytes) else {
            self.partial = true;
            return Next::Wait;
        };
        let goes_on = self.block.is_some();
        let is_head = frame.kind == if goes_on { CONTINUATION } else { HEADERS };
        if is_head && frame.length > FRAME {
            return Next::End(FRAME_SIZE_ERROR);
        }
        if is_head {
            self.partial = bytes.len() < frame.size();
            return if self.partial {
                Next::Wait
            } else {
                Next::Head(frame)
            };
        }
        // A client pushes nothing, and what it would push is compressed too.
        if goes_on || frame.kind == PUSH_PROMISE {
            return Next::End(PROTOCOL_ERROR);
        }
        match frame.kind {
            DATA if self.sending.has_ended(frame.stream) => return Next::End(STREAM_CLOSED),
            DATA if frame.flags & END_STREAM != 0 => self.sending.remove(frame.stream),
            RST_STREAM => {
                self.sending.remove(frame.stream);
                open.remove(frame.stream);
            }
            _ => {}
        }
        self.untouched = frame.length;
        self.done = self.done.saturating_add(1);
        Next::Pass(Frame::HEAD)
    }

    /// Reads a frame of a head or of trailers.
    fn head(&mut self, frame: &Frame, payload: &[u8], open: &mut Open) -> Becomes {
        let mut block = match self.block.take() {
            Some(block) if block.stream != frame.stream => return Becomes::End(PROTOCOL_ERROR),
            Some(mut block) => {
                block.rest.extend_from_slice(payload);
                block
            }
            None => {
                let (fragment, circular) = match fragment(frame, payload) {
                    Ok(found) => found,
                    Err(why) => return Becomes::End(why),
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
                        return Becomes::End(COMPRESSION_ERROR);
                    }
                    return self.judge(&block, true, open);
                }
                let rest = fragment.to_vec();
                Block { rest, ..block }
            }
        };
        block.counted = block.counted.saturating_add(frame.size());
        if block.counted > self.most {
            return Becomes::End(ENHANCE_YOUR_CALM);
        }
        let mut rest = block.rest.as_slice();
        let read = self.decoder.read(&mut rest, &mut self.fields);
        let left = rest.len();
        let ends = frame.flags & END_HEADERS != 0;
        if read.is_err() || ends && (left > 0 || !self.decoder.at_end()) {
            return Becomes::End(COMPRESSION_ERROR);
        }
        if ends {
            return self.judge(&block, false, open);
        }
        block.rest.drain(..block.rest.len().saturating_sub(left));
        self.block = Some(block);
        Becomes::Other
    }

    /// Judges a head, or trailers, that are read. `whole`: in one frame.
    fn judge(&mut self, block: &Block, whole: bool, open: &mut Open) -> Becomes {
        let (stream, ends) = (block.stream, block.ends);
        self.done = self.done.saturating_add(1);
        if stream.is_multiple_of(2) {
            return Becomes::End(PROTOCOL_ERROR);
        }
        if self.sending.has_ended(stream) {
            return Becomes::End(STREAM_CLOSED);
        }
        let begins = self.sending.is_new(stream);
        if !begins && open.was_reset(stream) {
            // Sent before the client could know. The parser would end the connection for it.
            self.anew = true;
            self.sending.remove(stream);
            self.fields.clear();
            return Becomes::Other;
        }
        let verdict = match (block.circular, begins) {
            (true, _) => Err(Fault::Http2),
            (false, true) => rules::head(&self.fields, ends),
            (false, false) => rules::trailers(&self.fields, ends),
        };
        if verdict.is_err() && self.faults >= FAULTS {
            self.enough = true;
            return Becomes::Enough;
        }
        if begins {
            self.sending.add(stream);
            open.add(stream);
        }
        if ends || !begins {
            // Nothing comes behind trailers, whatever they say.
            self.sending.remove(stream);
        }
        let becomes = match verdict {
            Ok(()) if whole && !self.anew => Becomes::Itself,
            Ok(()) => {
                self.anew = true;
                write(&mut self.ready, stream, ends, self.fields.iter());
                Becomes::Other
            }
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

/// What of a HEADERS frame is compressed, and whether the stream is said to come after itself; or why there is no such
/// frame.
fn fragment<'p>(frame: &Frame, mut payload: &'p [u8]) -> Result<(&'p [u8], bool), u8> {
    let mut padding = 0;
    if frame.flags & PADDED != 0 {
        let (length, rest) = payload.split_first().ok_or(FRAME_SIZE_ERROR)?;
        (padding, payload) = (usize::from(*length), rest);
    }
    let mut circular = false;
    if frame.flags & PRIORITY != 0 {
        let (priority, rest) = payload.split_first_chunk::<5>().ok_or(FRAME_SIZE_ERROR)?;
        let [after @ .., _] = *priority;
        circular = u32::from_be_bytes(after) & Frame::STREAM == frame.stream;
        payload = rest;
    }
    let length = payload.len().checked_sub(padding).ok_or(PROTOCOL_ERROR)?;
    Ok((payload.get(..length).unwrap_or_default(), circular))
}

#[cfg(test)]
mod tests;
