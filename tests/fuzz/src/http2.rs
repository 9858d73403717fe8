//! Anything that an HTTP/2 client could send, on its way to the parser: however it is cut, the parser gets the same; and
//! what it gets is in order, so that it would pass a second time as it is.
//!
//! Input: how it is cut (two bytes), then frames, each as its kind, its flags, its stream and its length (a byte each) and
//! its payload. With the highest bit of the kind set, the rest of the input is sent as it is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use sidegate::net::http2::Http2;
use tokio::io::{AsyncRead, ReadBuf};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Of a head: small, so that heads over it are found. What stands for a faulty one may be larger than that.
const LIMIT: usize = 200;
const AGAIN: usize = 1000;

/// A socket that yields its bytes in pieces of a size.
struct Pieces<'b>(&'b [u8], usize);

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = self.0.len().min(self.1).min(buffer.remaining());
        let (here, rest) = self.0.split_at(count);
        buffer.put_slice(here);
        self.0 = rest;
        Poll::Ready(Ok(()))
    }
}

/// What the parser gets, reading so many bytes at once.
fn through(sent: &[u8], limit: usize, size: usize, room: usize) -> Vec<u8> {
    let mut socket = Pieces(sent, size);
    let mut http2 = Http2::new(limit);
    let mut context = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    let mut space = vec![0; room];
    loop {
        let mut buffer = ReadBuf::new(&mut space);
        // After too many faults it waits for answers.
        let read = http2.poll_read(&mut socket, &mut context, &mut buffer);
        if read.is_pending() || buffer.filled().is_empty() {
            return all;
        }
        all.extend_from_slice(buffer.filled());
    }
}

fn frames(mut input: &[u8]) -> Vec<u8> {
    let mut sent = PREFACE.to_vec();
    while let [kind, flags, stream, length, rest @ ..] = input {
        if kind & 0x80 != 0 {
            sent.extend_from_slice(rest);
            break;
        }
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        sent.extend([
            0,
            0,
            u8::try_from(payload.len()).expect("a byte"),
            kind % 12,
            *flags,
        ]);
        sent.extend([0, 0, 0, *stream]);
        sent.extend_from_slice(payload);
        input = rest;
    }
    sent
}

pub(crate) fn target(input: &[u8]) {
    let [size, room, rest @ ..] = input else {
        return;
    };
    let (size, room) = (usize::from(*size) + 1, usize::from(*room) + 1);
    let sent = frames(rest);
    let got = through(&sent, LIMIT, usize::MAX, 100_000);
    assert_eq!(through(&sent, LIMIT, size, room), got);
    assert_eq!(through(&got, AGAIN, room, size), got);
}
