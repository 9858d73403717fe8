//! What a client gets of what the parser says, however it is cut.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use tokio::io::AsyncWrite;

use super::*;
use crate::net::http2::Http2;

/// A socket that takes so many bytes at once.
struct Slow(Vec<u8>, usize);

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = bytes.len().min(self.1);
        self.0.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| piece.iter().copied())
            .collect();
        let count = all.len().min(self.1);
        self.0.extend_from_slice(&all[..count]);
        Poll::Ready(Ok(count))
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Frame::write(&mut bytes, kind, flags, stream, payload);
    bytes
}

fn reset(stream: u32, code: u8) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &[0, 0, 0, code])
}

fn bad_request(stream: u32) -> Vec<u8> {
    frame(HEADERS, 5, stream, &BAD_REQUEST)
}

/// What the client gets, where the parser writes so many bytes at once, perhaps in two halves, and the socket takes so
/// many.
fn through(open: &[u32], said: &[u8], written: usize, halved: bool, taken: usize) -> Vec<u8> {
    let mut http2 = Http2::new(1000);
    for stream in open {
        http2.open.add(*stream);
    }
    let mut socket = Slow(Vec::new(), taken);
    let mut context = Context::from_waker(Waker::noop());
    let mut rest = said;
    while !rest.is_empty() {
        let piece = &rest[..written.min(rest.len())];
        let (one, other) = piece.split_at(if halved { piece.len() / 2 } else { 0 });
        let pieces = [IoSlice::new(one), IoSlice::new(other)];
        let wrote = http2.poll_write(&mut socket, &mut context, &pieces);
        let Poll::Ready(Ok(count)) = wrote else {
            panic!("{wrote:?}")
        };
        assert!(count > 0);
        rest = &rest[count..];
    }
    socket.0
}

#[test]
fn only_who_waits_for_an_answer_gets_one() {
    let answer = |stream| frame(HEADERS, 4, stream, &[0x88]);
    let before = [
        frame(4, 0, 0, &[0; 6]),
        answer(3),
        frame(0, 0, 3, &[RST_STREAM; 300]),
    ]
    .concat();
    let cases = [
        (reset(1, 1), [bad_request(1), reset(1, 1)].concat()),
        (reset(1, 8), reset(1, 8)),
        // It has its answer; it was never opened.
        (reset(3, 1), reset(3, 1)),
        (reset(7, 1), reset(7, 1)),
        (
            [reset(1, 1), reset(1, 1), reset(5, 1)].concat(),
            [
                bad_request(1),
                reset(1, 1),
                reset(1, 1),
                bad_request(5),
                reset(5, 1),
            ]
            .concat(),
        ),
        (
            [reset(1, 8), reset(1, 1)].concat(),
            [reset(1, 8), reset(1, 1)].concat(),
        ),
    ];
    for (said, expected) in cases {
        let said = [&before[..], &said, &frame(6, 0, 0, &[0; 8])].concat();
        let expected = [&before[..], &expected, &frame(6, 0, 0, &[0; 8])].concat();
        // The parser never cuts a frame by itself: it writes anew what the socket did not take.
        for taken in [1, 5, 13, 1000] {
            assert_eq!(
                through(&[1, 3, 5], &said, usize::MAX, false, taken),
                expected,
                "{taken}"
            );
        }
    }
}

proptest! {
    /// Whatever is said, and however it is cut: but for our answers nothing is added, lost or moved.
    #[test]
    fn all_else_arrives_as_it_was_said(
        frames in prop::collection::vec(
            (prop::sample::select(vec![0, HEADERS, RST_STREAM, 4]), 0..8_u32, 0..3_u8, 0..40_usize),
            0..12,
        ),
        written in 1..200_usize,
        taken in 1..50_usize,
    ) {
        let mut said = Vec::new();
        for (kind, stream, code, length) in frames {
            if kind == RST_STREAM {
                said.extend(reset(stream, code));
            } else {
                said.extend(frame(kind, 4, stream, &vec![1; length]));
            }
        }
        let got = through(&[1, 3, 5], &said, written, true, taken);
        let (mut rest, mut without) = (&got[..], Vec::new());
        while !rest.is_empty() {
            let frame = Frame::of(rest).unwrap();
            let (whole, behind) = rest.split_at(frame.size());
            if whole != bad_request(frame.stream) {
                without.extend_from_slice(whole);
            }
            rest = behind;
        }
        prop_assert_eq!(without, said);
    }
}
