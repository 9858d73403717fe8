//! What the parser gets of what a client sends, however it is cut.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "tests end at the first thing that is not as it should be"
)]

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use tokio::io::AsyncRead;

use super::*;
use crate::net::http2::Http2;
use crate::net::http2::anew::write_length;

mod ends;

/// A socket that yields its bytes in pieces of a size.
struct Pieces<'b>(&'b [u8], usize);

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let count = self.0.len().min(self.1).min(buffer.remaining());
        let (here, rest) = self.0.split_at(count);
        buffer.put_slice(here);
        self.0 = rest;
        Poll::Ready(Ok(()))
    }
}

/// What the parser gets, reading so many bytes at once.
fn through(sent: &[u8], size: usize, room: usize) -> Vec<u8> {
    let mut socket = Pieces(sent, size);
    let mut http2 = Http2::new(64 * 1024);
    let mut context = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    loop {
        let mut space = vec![0; room];
        let mut buffer = ReadBuf::new(&mut space);
        let read = http2.poll_read(&mut socket, &mut context, &mut buffer);
        assert!(matches!(read, Poll::Ready(Ok(()))));
        if buffer.filled().is_empty() {
            return all;
        }
        all.extend_from_slice(buffer.filled());
    }
}

const PRI: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Frame::write(&mut bytes, kind, flags, stream, payload);
    bytes
}

/// A field that goes into the table.
fn kept(name: &str, value: &str) -> Vec<u8> {
    let mut block = vec![0x40];
    for text in [name, value] {
        write_length(&mut block, text.len());
        block.extend_from_slice(text.as_bytes());
    }
    block
}

/// `GET http://…/`, with more.
fn get(more: &[u8]) -> Vec<u8> {
    [&[0x82, 0x86, 0x84][..], more].concat()
}

/// The heads that a parser reads, one text each.
fn heads(mut sent: &[u8]) -> Vec<String> {
    sent = sent.strip_prefix(PRI).unwrap();
    let mut decoder = Decoder::default();
    let (mut heads, mut block) = (Vec::new(), Vec::new());
    while !sent.is_empty() {
        if sent == LAST {
            heads.push("END".to_owned());
            break;
        }
        let frame = Frame::of(sent).unwrap();
        if matches!(frame.kind, HEADERS | CONTINUATION) {
            assert!(frame.length <= FRAME);
            let payload = frame.payload(sent);
            let (payload, _) = match frame.kind {
                HEADERS => fragment(&frame, payload).unwrap(),
                _ => (payload, false),
            };
            block.extend_from_slice(payload);
            if frame.flags & END_HEADERS != 0 {
                let mut fields = Fields::new(1024 * 1024);
                decoder.begin();
                let mut rest = &block[..];
                decoder.read(&mut rest, &mut fields).unwrap();
                assert!(rest.is_empty());
                let mut text = frame.stream.to_string();
                for (name, value) in fields.iter() {
                    let value = match name {
                        b"x-sidegate-fault" => &value[value.len() - 1..],
                        _ => value,
                    };
                    let value = String::from_utf8_lossy(&value[..value.len().min(20)]);
                    text += &format!(" {}={value}", String::from_utf8_lossy(name));
                }
                heads.push(text);
                block.clear();
            }
        }
        sent = &sent[frame.size()..];
    }
    heads
}

const WHOLE: u8 = END_HEADERS | END_STREAM;

#[test]
fn what_is_in_order_passes_byte_for_byte() {
    let sent = [
        PRI.to_vec(),
        frame(4, 0, 0, &[]),
        frame(HEADERS, END_HEADERS, 1, &get(&kept("a", "b"))),
        frame(0, 0, 1, &[7; 5000]),
        frame(8, 0, 0, &[0, 0, 1, 0]),
        frame(HEADERS, WHOLE | PADDED | PRIORITY, 3, &{
            let mut payload = vec![2, 0, 0, 0, 1, 9];
            payload.extend(get(&[0xbe]));
            payload.extend([0, 0]);
            payload
        }),
        // Trailers.
        frame(HEADERS, WHOLE, 1, &[0xbe]),
        frame(3, 0, 3, &[0, 0, 0, 8]),
    ]
    .concat();
    for (size, room) in [(1, 100), (7, 3), (100, 100), (6000, 40), (100_000, 100_000)] {
        assert_eq!(through(&sent, size, room), sent, "{size} {room}");
    }
    let read = heads(&sent);
    assert_eq!(read[1], "3 :method=GET :scheme=http :path=/ a=b");
}

#[test]
fn a_fault_is_marked_and_the_others_go_on() {
    let sent = [
        PRI.to_vec(),
        frame(HEADERS, WHOLE, 1, &get(&kept("a", "b"))),
        frame(
            HEADERS,
            END_HEADERS,
            3,
            &get(&[kept("Bad", "x"), kept("c", "d")].concat()),
        ),
        frame(0, END_STREAM, 3, b"body"),
        // From the table: what stood in the faulty head, and before it.
        frame(HEADERS, END_HEADERS, 5, &get(&[0xbe, 0xc0])),
        // Trailers.
        frame(HEADERS, WHOLE, 5, &[0x82]),
        frame(HEADERS, END_HEADERS, 7, &get(&kept("content-length", "5"))),
        frame(HEADERS, END_HEADERS, 7, &[0xbf]),
        frame(HEADERS, WHOLE, 9, &get(&[0xbe])),
        frame(
            HEADERS,
            WHOLE | PRIORITY,
            11,
            &[&[0, 0, 0, 11, 9], &get(&[])[..]].concat(),
        ),
    ]
    .concat();
    let expected = [
        "1 :method=GET :scheme=http :path=/ a=b",
        "3 :method=GET :scheme=http :path=/ x-sidegate-fault=m",
        "5 :method=GET :scheme=http :path=/ c=d a=b",
        "5 x-sidegate-fault=m",
        "7 :method=GET :scheme=http :path=/ content-length=5",
        "7 x-sidegate-fault=m",
        "9 :method=GET :scheme=http :path=/ x-sidegate-fault=m",
        "11 :method=GET :scheme=http :path=/ x-sidegate-fault=m",
    ];
    for (size, room) in [(1, 100), (7, 3), (33, 100), (100_000, 100_000)] {
        assert_eq!(
            heads(&through(&sent, size, room)),
            expected,
            "{size} {room}"
        );
    }
}

/// A head in pieces, each with so many bytes.
fn in_pieces(stream: u32, block: &[u8], size: usize) -> Vec<u8> {
    let pieces: Vec<_> = block.chunks(size).collect();
    let last = pieces.len() - 1;
    let mut bytes = Vec::new();
    for (at, piece) in pieces.into_iter().enumerate() {
        let kind = if at == 0 { HEADERS } else { CONTINUATION };
        let ends = if at == 0 { END_STREAM } else { 0 };
        let done = if at == last { END_HEADERS } else { 0 };
        bytes.extend(frame(kind, ends | done, stream, piece));
    }
    bytes
}

#[test]
fn heads_in_pieces_are_joined_and_large_ones_refused() {
    let large = |size: usize| get(&kept("a", &"x".repeat(size)));
    for (size, piece, expected) in [
        (10, 3, "1 :method=GET :scheme=http :path=/ a=xxxxxxxxxx"),
        (
            60_000,
            FRAME,
            "1 :method=GET :scheme=http :path=/ a=xxxxxxxxxxxxxxxxxxxx",
        ),
        (
            66_000,
            FRAME,
            "1 :method=GET :scheme=http :path=/ x-sidegate-fault=l",
        ),
        (
            900_000,
            FRAME,
            "1 :method=GET :scheme=http :path=/ x-sidegate-fault=l",
        ),
        (1_100_000, FRAME, "END"),
        // Small pieces are no fault: of an honest head, down to a byte each.
        (
            60_000,
            250,
            "1 :method=GET :scheme=http :path=/ a=xxxxxxxxxxxxxxxxxxxx",
        ),
        (
            60_000,
            1,
            "1 :method=GET :scheme=http :path=/ a=xxxxxxxxxxxxxxxxxxxx",
        ),
        (110_000, 1, "END"),
    ] {
        let sent = [
            PRI.to_vec(),
            in_pieces(1, &large(size), piece),
            frame(HEADERS, WHOLE, 3, &get(&kept("c", "d"))),
        ]
        .concat();
        let mut all = vec![expected];
        if expected != "END" {
            all.push("3 :method=GET :scheme=http :path=/ c=d");
        }
        for size in [1000, 1_000_000] {
            assert_eq!(heads(&through(&sent, size, 8000)), all, "{size}");
        }
    }
    let many: Vec<u8> = (0..9000)
        .flat_map(|_| kept("a", &"x".repeat(100)))
        .collect();
    let sent = [PRI.to_vec(), in_pieces(1, &get(&many), FRAME)].concat();
    let expected = ["1 :method=GET :scheme=http :path=/ x-sidegate-fault=l"];
    assert_eq!(heads(&through(&sent, 5000, 8000)), expected);
}

/// What stands between a head and its end has its bound, even if it is nothing.
#[test]
fn pieces_without_anything_in_them_have_an_end() {
    let begun = [PRI.to_vec(), frame(HEADERS, END_STREAM, 1, &get(&[]))].concat();
    let done = frame(CONTINUATION, END_HEADERS, 1, &[]);
    for (count, expected) in [
        (100_000, "1 :method=GET :scheme=http :path=/"),
        (120_000, "END"),
    ] {
        let crumbs = frame(CONTINUATION, 0, 1, &[]).repeat(count);
        let sent = [&begun[..], &crumbs, &done].concat();
        assert_eq!(heads(&through(&sent, 5000, 8000)), [expected]);
    }
}

#[test]
fn where_frames_cannot_be_followed_the_connection_ends() {
    for odd in [
        // In the middle of a head: another frame, another stream's piece.
        [frame(HEADERS, 0, 1, &get(&[])), frame(6, 0, 0, &[0; 8])].concat(),
        [
            frame(HEADERS, 0, 1, &get(&[])),
            frame(CONTINUATION, END_HEADERS, 3, &[]),
        ]
        .concat(),
        [
            frame(HEADERS, 0, 1, &get(&[])),
            frame(CONTINUATION, 0, 1, &vec![0; FRAME + 1]),
        ]
        .concat(),
        // Compression that is none, or not all of it.
        frame(HEADERS, WHOLE, 1, &get(&[0x80])),
        frame(HEADERS, WHOLE, 1, &get(&[0x40])),
        // Padding without end, no priority where one is said to be, streams that are no client's.
        frame(HEADERS, WHOLE | PADDED, 1, &[9, 0x82]),
        frame(HEADERS, WHOLE | PADDED, 1, &[]),
        frame(HEADERS, WHOLE | PRIORITY, 1, &[0; 4]),
        frame(HEADERS, WHOLE, 2, &get(&[])),
        frame(HEADERS, WHOLE, 0, &get(&[])),
        frame(PUSH_PROMISE, WHOLE, 1, &[0; 8]),
    ] {
        let sent = [PRI.to_vec(), odd, frame(HEADERS, WHOLE, 5, &get(&[]))].concat();
        for size in [1, 20_000] {
            assert_eq!(heads(&through(&sent, size, 8000)), ["END"]);
        }
    }
}

/// From the first byte of a frame of a head to the last one of the head.
#[test]
fn a_head_that_is_under_way_is_known() {
    let mut http2 = Http2::new(64 * 1024);
    let mut context = Context::from_waker(Waker::noop());
    let mut next = |bytes: &[u8]| {
        let mut rest = Pieces(bytes, usize::MAX);
        loop {
            let mut space = [0; 1000];
            let mut buffer = ReadBuf::new(&mut space);
            let _ = http2.poll_read(&mut rest, &mut context, &mut buffer);
            if buffer.filled().is_empty() {
                return http2.under_way();
            }
        }
    };
    assert_eq!(next(&PRI[..10]), Some(0));
    assert_eq!(next(&PRI[10..]), None);
    let head = frame(HEADERS, END_STREAM, 1, &get(&[]));
    assert_eq!(next(&head[..2]), Some(0));
    assert_eq!(next(&head[2..10]), Some(0));
    assert_eq!(next(&head[10..]), Some(0));
    let more = frame(CONTINUATION, END_HEADERS, 1, &kept("a", "b"));
    assert_eq!(next(&more[..3]), Some(0));
    assert_eq!(next(&more[3..]), None);
    // What is no head's may take its time.
    let post = frame(HEADERS, END_HEADERS, 3, &get(&[]));
    assert_eq!(next(&post[..11]), Some(1));
    assert_eq!(
        next(&[&post[11..], &frame(8, 0, 0, &[0, 0, 1, 0])[..10]].concat()),
        None
    );
    assert_eq!(next(&[0, 1, 0]), None);
    let trailers = frame(HEADERS, WHOLE, 3, &kept("a", "b"));
    assert_eq!(next(&trailers[..11]), Some(3));
    assert_eq!(next(&trailers[11..]), None);
}

/// Small frames that the table makes large ones of are not all made ready at once.
#[test]
fn little_is_made_ready_at_once() {
    let mut http2 = Http2::new(64 * 1024);
    let mut sent = [
        PRI.to_vec(),
        frame(HEADERS, WHOLE, 1, &get(&kept("A", "b"))),
    ]
    .concat();
    sent.extend(frame(
        HEADERS,
        WHOLE,
        3,
        &get(&kept("a", &"x".repeat(3000))),
    ));
    for number in 2..400 {
        sent.extend(frame(HEADERS, WHOLE, number * 2 + 1, &get(&[0xbe; 20])));
    }
    let mut socket = Pieces(&sent, 20_000);
    let mut context = Context::from_waker(Waker::noop());
    let mut total = 0;
    loop {
        let mut space = [0; 8000];
        let mut buffer = ReadBuf::new(&mut space);
        let _ = http2.poll_read(&mut socket, &mut context, &mut buffer);
        total += buffer.filled().len();
        assert!(http2.inbound.ready.len() < READY + 64 * 1024);
        if buffer.filled().is_empty() {
            break;
        }
    }
    assert!(total > 398 * 60_000, "{total}");
}

proptest! {
    /// Whatever comes, and however: nothing panics, and the cuts change nothing.
    #[test]
    fn cuts_change_nothing(
        frames in prop::collection::vec(
            (
                prop::sample::select(vec![0, HEADERS, HEADERS, HEADERS, CONTINUATION, 3, 5, 8]),
                prop::sample::select(vec![0, 1, 4, 5, 5, 5, 13, 37]),
                0..12_u32,
                prop::collection::vec(
                    prop_oneof![
                        Just(get(&[])),
                        Just(get(&kept("a", "b"))),
                        Just(kept("A", "b")),
                        Just(vec![0xbe]),
                        prop::collection::vec(any::<u8>(), 0..5),
                    ],
                    0..4,
                ),
            ),
            0..12,
        ),
        size in 1..50_usize,
        room in 1..50_usize,
    ) {
        let mut sent = PRI.to_vec();
        for (kind, flags, stream, payload) in frames {
            sent.extend(frame(kind, flags, stream, &payload.concat()));
        }
        prop_assert_eq!(through(&sent, size, room), through(&sent, usize::MAX, 100_000));
    }
}
