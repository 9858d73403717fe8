//! What goes to an HTTP/2 client, on its way from the parser: no stream is reset for a fault of the client's without an
//! answer.
//!
//! The parser finds faults that no head shows, like a body of another length than was announced, and resets the stream
//! with PROTOCOL_ERROR. RFC 9113, 8.1.1, has a server send an answer before that if it likes: here goes a bare 400, the
//! one answer that needs nothing but the stream's number. It is written between two frames, and only where the client
//! waits for the answer still. Where we made the parser end the connection, its last frame is given the true reason.

use std::io::IoSlice;

use crate::net::http2::streams::Open;
use crate::net::http2::{DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, RST_STREAM};

const PROTOCOL_ERROR: [u8; 4] = [0, 0, 0, 1];
/// `:status: 400` of the table that everybody has, and `content-length: 0` in none.
const BAD_REQUEST: [u8; 5] = [0x8c, 0x0f, 0x0d, 0x01, b'0'];
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
    /// The last of ours: nothing of the parser's comes behind it.
    last: bool,
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

    /// Whether nothing more is written.
    pub(super) fn is_over(&self) -> bool {
        self.last && self.own().is_empty()
    }

    /// How many of the parser's bytes may be written before something of ours must be: it is made ready when that is
    /// none. `None`: all of them. `over`: why we end the connection, if we do.
    pub(super) fn before_own(
        &mut self,
        pieces: &[IoSlice<'_>],
        open: &mut Open,
        over: Option<u8>,
    ) -> Option<usize> {
        let mut place = self.place;
        let mut passed = 0_usize;
        for piece in pieces {
            let mut own = None;
            let found = place.go_on(piece, |frame, bytes| {
                own = Own::before(frame, bytes, open, over);
                own.is_some()
            });
            if let Some(at) = found {
                let before = passed.saturating_add(at);
                if before == 0
                    && let Some(own) = own
                {
                    self.make_ready(own, open);
                }
                return Some(before);
            }
            passed = passed.saturating_add(piece.len());
        }
        None
    }

    fn make_ready(&mut self, own: Own, open: &mut Open) {
        match own {
            Own::Refusal(stream) => {
                // The parser's reset is still to come.
                open.begin(stream);
                let flags = END_HEADERS | END_STREAM;
                Frame::write(&mut self.own, HEADERS, flags, stream, &BAD_REQUEST);
            }
            Own::End(payload) => {
                self.last = true;
                Frame::write(&mut self.own, GOAWAY, 0, 0, &payload);
            }
        }
    }

    /// So many of the parser's bytes were written.
    pub(super) fn was_written(
        &mut self,
        pieces: &[IoSlice<'_>],
        mut count: usize,
        open: &mut Open,
    ) {
        for piece in pieces {
            let part = piece.get(..count.min(piece.len())).unwrap_or_default();
            count = count.saturating_sub(part.len());
            self.place.go_on(part, |frame, _| {
                match frame.kind {
                    RST_STREAM => open.reset(frame.stream),
                    DATA | HEADERS if frame.flags & END_STREAM != 0 => open.remove(frame.stream),
                    // The parser sends no informational answers: whatever it sends first is the answer.
                    HEADERS => open.begin(frame.stream),
                    _ => {}
                }
                false
            });
        }
    }
}

/// What of ours takes the place before a frame of the parser's, or its own.
#[derive(Clone, Copy)]
enum Own {
    /// The answer to what came on this stream.
    Refusal(u32),
    /// The end of the connection: the last stream that was looked at, and the reason.
    End([u8; 8]),
}

impl Own {
    fn before(frame: &Frame, bytes: &[u8], open: &Open, over: Option<u8>) -> Option<Self> {
        let payload = frame.payload(bytes);
        match frame.kind {
            RST_STREAM => (payload == PROTOCOL_ERROR && open.waits(frame.stream))
                .then_some(Self::Refusal(frame.stream)),
            GOAWAY => match *payload.first_chunk::<8>()? {
                [a, b, c, d, 0, 0, 0, 1] => Some(Self::End([a, b, c, d, 0, 0, 0, over?])),
                _ => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
