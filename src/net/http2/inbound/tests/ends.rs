//! How connections end, and what their clients are told.

use super::*;
use crate::net::http2::GOAWAY;

/// What the parser does with its last frame, and what the client is told then.
fn told(http2: &mut Http2) -> u8 {
    let mut socket = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    let mut said = Vec::new();
    Frame::write(&mut said, GOAWAY, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 1]);
    let pieces = [std::io::IoSlice::new(&said)];
    let wrote = http2.poll_write(&mut socket, &mut context, &pieces);
    assert!(matches!(wrote, Poll::Ready(Ok(17))));
    assert_eq!(socket[..16], said[..16]);
    socket[16]
}

/// How a connection ends on which that is sent; 1 is what the parser itself says.
fn end_of(sent: &[u8]) -> u8 {
    let mut http2 = Http2::new(64 * 1024);
    let mut socket = Pieces(sent, 10_000);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let mut space = [0; 8000];
        let mut buffer = ReadBuf::new(&mut space);
        let _ = http2.poll_read(&mut socket, &mut context, &mut buffer);
        if buffer.filled().is_empty() {
            return told(&mut http2);
        }
    }
}

#[test]
fn a_client_is_told_why_its_connection_ends() {
    let after = |sent: &[Vec<u8>]| end_of(&[PRI.to_vec(), sent.concat()].concat());
    let post = || frame(HEADERS, END_HEADERS, 1, &get(&[]));
    let whole = || frame(HEADERS, WHOLE, 1, &get(&[]));
    for (sent, why) in [
        (
            vec![frame(HEADERS, WHOLE, 1, &get(&[0x80]))],
            COMPRESSION_ERROR,
        ),
        (
            vec![frame(HEADERS, WHOLE, 1, &get(&[0x40]))],
            COMPRESSION_ERROR,
        ),
        (
            vec![
                frame(HEADERS, 0, 1, &get(&[])),
                frame(CONTINUATION, END_HEADERS, 1, &[0xbe]),
            ],
            COMPRESSION_ERROR,
        ),
        (vec![frame(HEADERS, WHOLE, 2, &get(&[]))], PROTOCOL_ERROR),
        (
            vec![frame(HEADERS, 0, 1, &get(&[])), frame(6, 0, 0, &[0; 8])],
            PROTOCOL_ERROR,
        ),
        (
            vec![frame(HEADERS, WHOLE | PADDED, 1, &[9, 0x82])],
            PROTOCOL_ERROR,
        ),
        (
            vec![frame(HEADERS, WHOLE | PRIORITY, 1, &[0; 4])],
            FRAME_SIZE_ERROR,
        ),
        (
            vec![frame(HEADERS, WHOLE, 1, &vec![0; FRAME + 1])],
            FRAME_SIZE_ERROR,
        ),
        (
            vec![in_pieces(
                1,
                &get(&kept("a", &"x".repeat(1_100_000))),
                FRAME,
            )],
            ENHANCE_YOUR_CALM,
        ),
        // On what its client has ended, whether it is answered or not.
        (vec![whole(), whole()], STREAM_CLOSED),
        (
            vec![whole(), frame(DATA, END_STREAM, 1, b"x")],
            STREAM_CLOSED,
        ),
        (
            vec![
                post(),
                frame(DATA, END_STREAM, 1, b"x"),
                frame(HEADERS, WHOLE, 1, &[]),
            ],
            STREAM_CLOSED,
        ),
        (
            vec![
                post(),
                frame(HEADERS, WHOLE, 1, &[]),
                frame(DATA, END_STREAM, 1, b"x"),
            ],
            STREAM_CLOSED,
        ),
        (
            vec![
                post(),
                frame(RST_STREAM, 0, 1, &[0; 4]),
                frame(HEADERS, WHOLE, 1, &[]),
            ],
            STREAM_CLOSED,
        ),
        // The parser finds these.
        (vec![frame(DATA, 0, 7, b"x")], PROTOCOL_ERROR),
        (
            vec![
                post(),
                frame(DATA, 0, 1, b"x"),
                frame(HEADERS, WHOLE, 1, &[]),
            ],
            PROTOCOL_ERROR,
        ),
    ] {
        assert_eq!(after(&sent), why, "{sent:x?}");
    }
}

/// After too many faults nothing more is read, what came before is answered, and then the connection ends.
#[test]
fn many_faults_end_the_connection_once_all_are_answered() {
    let mut sent = PRI.to_vec();
    for number in 0..200 {
        sent.extend(frame(HEADERS, WHOLE, number * 2 + 1, &get(&kept("A", "b"))));
    }
    for size in [1000, 100_000] {
        let mut http2 = Http2::new(64 * 1024);
        let mut socket = Pieces(&sent, size);
        let mut context = Context::from_waker(Waker::noop());
        let mut all = Vec::new();
        let mut answered = 0;
        loop {
            let mut space = [0; 1000];
            let mut buffer = ReadBuf::new(&mut space);
            let read = http2.poll_read(&mut socket, &mut context, &mut buffer);
            if read.is_pending() {
                // The first comes to its end in two pieces.
                let number = answered * 2 + 1;
                let mut said = frame(HEADERS, END_HEADERS, number, &[0x8c]);
                said.extend(frame(DATA, END_STREAM, number, b"{}"));
                let pieces = [std::io::IoSlice::new(&said)];
                let _ = http2.poll_write(Vec::new(), &mut context, &pieces);
                answered += 1;
            } else if buffer.filled().is_empty() {
                break;
            }
            all.extend_from_slice(buffer.filled());
        }
        assert_eq!(answered, 128);
        let read = heads(&all);
        assert_eq!(read.len(), 129);
        assert_eq!(read[128], "END");
        assert_eq!(told(&mut http2), ENHANCE_YOUR_CALM);
    }
}

/// What comes on a stream that was reset from here came before the client could know: its fields count, and nothing else
/// of it.
#[test]
fn trailers_behind_a_reset_of_ours_are_dropped() {
    let mut http2 = Http2::new(64 * 1024);
    let mut context = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    let mut next = |http2: &mut Http2, bytes: &[u8]| {
        let mut rest = Pieces(bytes, usize::MAX);
        loop {
            let mut space = [0; 1000];
            let mut buffer = ReadBuf::new(&mut space);
            let _ = http2.poll_read(&mut rest, &mut context, &mut buffer);
            if buffer.filled().is_empty() {
                return;
            }
            all.extend_from_slice(buffer.filled());
        }
    };
    let post = frame(HEADERS, END_HEADERS, 1, &get(&[]));
    next(&mut http2, &[PRI, &post].concat());
    let mut said = Vec::new();
    Frame::write(&mut said, RST_STREAM, 0, 1, &[0, 0, 0, 7]);
    let pieces = [std::io::IoSlice::new(&said)];
    let mut other = Context::from_waker(Waker::noop());
    let _ = http2.poll_write(Vec::new(), &mut other, &pieces);
    let trailers = frame(HEADERS, WHOLE, 1, &kept("a", "b"));
    let behind = frame(HEADERS, WHOLE, 3, &get(&[0xbe]));
    next(&mut http2, &[trailers, behind].concat());
    let expected = [
        "1 :method=GET :scheme=http :path=/",
        "3 :method=GET :scheme=http :path=/ a=b",
    ];
    assert_eq!(heads(&all), expected);
}
