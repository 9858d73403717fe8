//! Between an HTTP/2 client and the parser (hyper's h2): no malformed head without an answer.
//!
//! h2 answers what the protocol forbids with a reset of the stream, or with the end of the connection and of all else
//! that goes on in it; nobody behind it learns of that. So heads and trailers are read here first (`inbound`): one that
//! breaks the rules is replaced by one that is in order and marked (`stand_in`), and is refused, recorded and counted
//! like every other. What h2 alone can find is answered on its way out (`outbound`). Faults in the frames themselves,
//! or in the compression, still end the connection: nobody can say then which request is meant. So does what comes on a
//! stream that its client has ended: RFC 9113, 5.1, has it end that stream, and 5.4.1 the connection too if one likes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use inbound::Inbound;
use outbound::Outbound;
use streams::Open;

pub use stand_in::fault;

mod anew;
mod hpack;
mod huffman;
mod inbound;
mod outbound;
mod rules;
mod stand_in;
mod streams;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// The most that a frame holds, as we allow no more than the protocol does by itself.
const FRAME: usize = 16 * 1024;
/// How much is read at once where it cannot go to the parser directly.
const SPACE: usize = 4096;

/// What a frame begins with.
#[derive(Debug)]
struct Frame {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    /// How many bytes that is.
    const HEAD: usize = 9;
    /// The bits of a stream's number.
    const STREAM: u32 = 0x7fff_ffff;

    /// The frame that these bytes begin with, if enough of it is there.
    fn of(bytes: &[u8]) -> Option<Self> {
        let ([a, b, c, kind, flags, stream @ ..], _) = bytes.split_first_chunk::<9>()?;
        let length = u32::from_be_bytes([0, *a, *b, *c]);
        Some(Self {
            length: usize::try_from(length).ok()?,
            kind: *kind,
            flags: *flags,
            stream: u32::from_be_bytes(*stream) & Self::STREAM,
        })
    }

    /// How many bytes it has in all.
    fn size(&self) -> usize {
        self.length.saturating_add(Self::HEAD)
    }

    /// What it holds, of the bytes that begin with it.
    fn payload<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        bytes.get(Self::HEAD..self.size()).unwrap_or_default()
    }

    /// Writes one whose payload is short enough for any.
    fn write(to: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap_or_default();
        let [_, length @ ..] = length.to_be_bytes();
        to.extend_from_slice(&length);
        to.extend_from_slice(&[kind, flags]);
        to.extend_from_slice(&stream.to_be_bytes());
        to.extend_from_slice(payload);
    }
}

/// What is kept of a connection.
#[derive(Debug)]
pub struct Http2 {
    inbound: Inbound,
    outbound: Outbound,
    open: Open,
    /// Who reads goes on when all is answered.
    reader: Option<Waker>,
}

impl Http2 {
    /// At its beginning. `limit`: how large a head may be.
    pub fn new(limit: usize) -> Self {
        Self {
            inbound: Inbound::new(limit),
            outbound: Outbound::default(),
            open: Open::default(),
            reader: None,
        }
    }

    /// The number of the head that has begun and not ended, if one has.
    pub(super) fn under_way(&self) -> Option<u64> {
        self.inbound.under_way()
    }

    /// Ends the connection: the head that is under way takes too long.
    pub(super) fn give_up(&mut self) {
        self.inbound.give_up();
    }

    /// Whether the client has sent a head, or trailers, that were replaced.
    pub(super) fn found_faults(&self) -> bool {
        self.inbound.found_faults()
    }

    /// Reads from `socket` what the parser gets.
    pub fn poll_read(
        &mut self,
        mut socket: impl AsyncRead + Unpin,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (inbound, open) = (&mut self.inbound, &mut self.open);
        while buffer.remaining() > 0 && !inbound.give(buffer, open) && inbound.is_over().is_none() {
            if inbound.is_enough() {
                if !open.is_empty() {
                    self.reader = Some(context.waker().clone());
                    return Poll::Pending;
                }
                inbound.give_up();
                continue;
            }
            if inbound.holds() {
                let mut space = [0; SPACE];
                let mut space = ReadBuf::new(&mut space);
                ready!(Pin::new(&mut socket).poll_read(context, &mut space))?;
                if space.filled().is_empty() {
                    break;
                }
                inbound.hold(space.filled());
                continue;
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut socket).poll_read(context, buffer))?;
            let came = buffer.filled().get(before..).unwrap_or_default();
            if came.is_empty() {
                break;
            }
            let passed = inbound.pass(came, open);
            buffer.set_filled(before.saturating_add(passed));
            if passed > 0 {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes to `socket` what the parser says.
    pub fn poll_write(
        &mut self,
        mut socket: impl AsyncWrite + Unpin,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            while !self.outbound.own().is_empty() {
                let own = Pin::new(&mut socket).poll_write(context, self.outbound.own());
                match ready!(own)? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    count => self.outbound.own_was_written(count),
                }
            }
            if self.outbound.is_over() {
                return Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()));
            }
            let over = self.inbound.is_over();
            let wrote = match self.outbound.before_own(pieces, &mut self.open, over) {
                Some(0) => continue,
                Some(most) => {
                    let first = pieces.iter().find(|piece| !piece.is_empty());
                    let first = first.map_or(&[][..], |piece| piece);
                    let first = first.get(..most).unwrap_or(first);
                    Pin::new(&mut socket).poll_write(context, first)
                }
                None => match pieces {
                    [only] => Pin::new(&mut socket).poll_write(context, only),
                    _ => Pin::new(&mut socket).poll_write_vectored(context, pieces),
                },
            };
            let count = ready!(wrote)?;
            self.outbound.was_written(pieces, count, &mut self.open);
            if self.open.is_empty()
                && let Some(reader) = self.reader.take()
            {
                reader.wake();
            }
            return Poll::Ready(Ok(count));
        }
    }
}
