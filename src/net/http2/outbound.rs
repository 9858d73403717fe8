//! What goes to an HTTP/2 client, on its way from the parser: no stream is reset for a fault of the client's without an
//! answer.
//!
//! The parser finds faults that no head shows, like a body of another length than was announced, and resets the stream
//! with PROTOCOL_ERROR. RFC 9113, 8.1.1, has a server send an answer before that if it likes: here goes a bare 400, the
//! one answer that needs nothing but the stream's number. It is written between two frames, and only where the client
//! waits for the answer still.

use std::io::IoSlice;

use crate::net::http2::{END_HEADERS, END_STREAM, Frame, HEADERS, RST_STREAM};

const PROTOCOL_ERROR: [u8; 4] = [0, 0, 0, 1];
/// `:status: 400` of the table that everybody has, and `content-length: 0` in none.
const BAD_REQUEST: [u8; 5] = [0x8c, 0x0f, 0x0d, 0x01, b'0'];
/// The most streams that are followed. The parser lets a client open fewer at a time.
const FOLLOWED: usize = 1024;

/// Streams that a client has opened and got no answer on.
#[derive(Debug, Default)]
pub(super) struct Unanswered(Vec<u32>);

impl Unanswered {
    /// The client has opened it. Its number is higher than any before.
    pub(super) fn add(&mut self, stream: u32) {
        if self.0.len() >= FOLLOWED {
            self.0.remove(0);
        }
        self.0.push(stream);
    }

    /// It was answered, or reset.
    pub(super) fn remove(&mut self, stream: u32) {
        if let Ok(at) = self.0.binary_search(&stream) {
            self.0.remove(at);
        }
    }

    fn holds(&self, stream: u32) -> bool {
        self.0.binary_search(&stream).is_ok()
    }
}

/// Where in the frames of one connection the writing is.
#[derive(Debug, Default, Clone, Copy)]
struct Place {
    /// Bytes of the current frame still to come.
    payload: usize,
    /// The beginning of a frame's head, of which a part was written.
    head: [u8; Frame::HEAD],
    head_length: usize,
}

/// The writing of one connection.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    place: Place,
    /// Ours, to be written before anything else is.
    own: Vec<u8>,
    own_written: usize,
}

impl Place {
    /// Goes on over these bytes. For each frame `stop` is asked, with the bytes from its beginning on: where it says so,
    /// this ends, and yields how far it got.
    fn go_on(
        &mut self,
        bytes: &[u8],
        mut stop: impl FnMut(&Frame, &[u8]) -> bool,
    ) -> Option<usize> {
        let mut at = 0_usize;
        while let Some(rest) = bytes.get(at..)
            && !rest.is_empty()
        {
            if self.payload > 0 {
                let count = self.payload.min(rest.len());
                self.payload = self.payload.saturating_sub(count);
                at = at.saturating_add(count);
                continue;
            }
            let missing = Frame::HEAD.saturating_sub(self.head_length);
            let part = rest.get(..missing.min(rest.len())).unwrap_or_default();
            let places = self.head.iter_mut().skip(self.head_length);
            for (place, byte) in places.zip(part) {
                *place = *byte;
            }
            let begun = self.head_length > 0;
            self.head_length = self.head_length.saturating_add(part.len());
            if self.head_length == Frame::HEAD
                && let Some(frame) = Frame::of(&self.head)
            {
                self.head_length = 0;
                if stop(&frame, rest) && !begun {
                    return Some(at);
                }
                self.payload = frame.length;
            }
            at = at.saturating_add(part.len());
        }
        None
    }
}

impl Outbound {
    /// What is ours to be written now.
    pub(super) fn own(&self) -> &[u8] {
        self.own.get(self.own_written..).unwrap_or_default()
    }

    /// So much of it was.
    pub(super) fn own_was_written(&mut self, count: usize) {
        self.own_written = self.own_written.saturating_add(count);
        if self.own().is_empty() {
            self.own = Vec::new();
            self.own_written = 0;
        }
    }

    /// How many of the parser's bytes may be written before something of ours must be: it is made ready when that is
    /// none. `None`: all of them.
    pub(super) fn before_own(
        &mut self,
        pieces: &[IoSlice<'_>],
        open: &mut Unanswered,
    ) -> Option<usize> {
        let mut place = self.place;
        let mut passed = 0_usize;
        for piece in pieces {
            let mut faulty = 0;
            let found = place.go_on(piece, |frame, bytes| {
                faulty = frame.stream;
                is_for_a_fault(frame, bytes) && open.holds(frame.stream)
            });
            if let Some(at) = found {
                let before = passed.saturating_add(at);
                if before == 0 {
                    open.remove(faulty);
                    let flags = END_HEADERS | END_STREAM;
                    Frame::write(&mut self.own, HEADERS, flags, faulty, &BAD_REQUEST);
                }
                return Some(before);
            }
            passed = passed.saturating_add(piece.len());
        }
        None
    }

    /// So many of the parser's bytes were written.
    pub(super) fn was_written(
        &mut self,
        pieces: &[IoSlice<'_>],
        mut count: usize,
        open: &mut Unanswered,
    ) {
        for piece in pieces {
            let part = piece.get(..count.min(piece.len())).unwrap_or_default();
            count = count.saturating_sub(part.len());
            self.place.go_on(part, |frame, _| {
                // The parser sends no informational answers: whatever it sends first is the answer.
                if matches!(frame.kind, HEADERS | RST_STREAM) {
                    open.remove(frame.stream);
                }
                false
            });
        }
    }
}

fn is_for_a_fault(frame: &Frame, bytes: &[u8]) -> bool {
    frame.kind == RST_STREAM && frame.payload(bytes) == PROTOCOL_ERROR
}

#[cfg(test)]
mod tests;
