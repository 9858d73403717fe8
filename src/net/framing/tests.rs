#![expect(clippy::arithmetic_side_effects, reason = "tests may overflow")]

use proptest::prelude::*;

use super::*;

const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

fn read(text: &str) -> (Scanner, Result<(), (usize, Fault)>) {
    let mut scanner = Scanner::new(64 * 1024);
    let outcome = scanner.read(text.as_bytes());
    (scanner, outcome)
}

fn head_fault(text: &str) -> Fault {
    let (scanner, outcome) = read(text);
    assert_eq!(outcome, Ok(()));
    scanner.head_fault(1).unwrap_err()
}

#[test]
fn heads_are_counted_through_bodies_and_pipelines() {
    let text = format!(
        "{GET}POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n#\n\n#POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
         3;a=\"b\"\r\n#\n#\r\n000a \t;x\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n\r\n{GET}"
    );
    let (scanner, outcome) = read(&text);
    assert_eq!(outcome, Ok(()));
    assert_eq!(scanner.heads, 4);
    assert_eq!(scanner.head_fault(4), Ok(()));
    assert_eq!(scanner.head_fault(5), Err(Fault::Disagreement));
    assert!(!scanner.mid_head());
}

#[test]
fn faults_of_a_head_are_found() {
    for (text, fault) in [
        ("GET /a#b HTTP/1.1\r\n\r\n", Fault::Fragment),
        ("GET /a HTTP/1.1\nHost: a\r\n\r\n", Fault::BareLineFeed),
        ("GET /a HTTP/1.1\r\nHost: a\n\r\n", Fault::BareLineFeed),
        ("GET /a HTTP/1.1\r\nHost: a\r\n\n", Fault::BareLineFeed),
        ("\nGET /a HTTP/1.1\r\n\r\n", Fault::BareLineFeed),
        ("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", Fault::FoldedLine),
        (
            "POST / HTTP/1.1\r\ncontent-length: 1\r\nContent-Length: 1\r\n\r\n",
            Fault::RepeatedFraming,
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            Fault::LengthAndChunks,
        ),
        (
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nContent-Length: 0\r\n\r\n",
            Fault::LengthAndChunks,
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            Fault::RepeatedFraming,
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
            Fault::InvalidLength,
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
            Fault::InvalidLength,
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
            Fault::InvalidLength,
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
            Fault::InvalidLength,
        ),
    ] {
        assert_eq!(head_fault(text), fault, "{text:?}");
    }
}

#[test]
fn a_faulty_head_behind_a_good_request_spoils_only_itself() {
    let (scanner, outcome) = read(&format!("{GET}GET /# HTTP/1.1\r\n\r\n"));
    assert_eq!(outcome, Ok(()));
    assert_eq!(scanner.head_fault(1), Ok(()));
    assert_eq!(scanner.head_fault(2), Err(Fault::Fragment));
    assert_eq!(scanner.head_fault(3), Err(Fault::Fragment));
}

#[test]
fn faults_of_chunks_end_the_bytes_before_them() {
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (body, good) in [
        ("3\nabc\r\n", 1),
        ("3\r\nabcd\r\n", 6),
        ("3\r\nabc\n", 6),
        ("0x3\r\nabc\r\n", 1),
        ("\r\n", 0),
        ("-1\r\n", 0),
        ("3 \r\nabc\r\n", 2),
        ("3;a\u{1}\r\nabc\r\n", 3),
        ("3;a\nabc\r\n", 3),
        ("11111111111111111\r\n", 16),
        ("0\r\nA: b\nC: d\r\n\r\n", 3),
        ("0\r\n\n", 3),
        ("0\r\nA: b\r\n c\r\n\r\n", 9),
        ("0;\r\n\rX", 6),
    ] {
        let (_, outcome) = read(&format!("{head}{body}"));
        let found = outcome.map_err(|(at, _)| at - head.len());
        if body == "0;\r\n\rX" {
            assert_eq!(found, Ok(()), "an unfinished line is no fault yet");
        } else {
            assert_eq!(found, Err(good), "{body:?}");
        }
    }
}

#[test]
fn sections_over_the_limit_are_left_to_the_parser() {
    let mut scanner = Scanner::new(100);
    assert_eq!(scanner.read(&[b'a'; 200]), Ok(()));
    assert_eq!(scanner.partial.len(), 0);
    assert_eq!(scanner.read(b"\n#\n"), Ok(()));
}

#[test]
fn an_unfinished_head_is_noticed() {
    let mut scanner = Scanner::new(1000);
    assert!(!scanner.mid_head());
    scanner.read(b"G").unwrap();
    assert!(scanner.mid_head());
    scanner.read(b"ET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(!scanner.mid_head());
}

proptest! {
    /// However the bytes are cut, the reading is the same.
    #[test]
    fn cuts_change_nothing(text in "([GPa#: 0-3;]|\r\n|\n|\r\n\r\n|Content-Length: |Transfer-Encoding: chunked\r\n| HTTP/1.1\r\n){0,40}", cut in 1usize..9) {
        let (whole, outcome) = read(&text);
        let mut parts = Scanner::new(64 * 1024);
        let mut at = 0;
        let mut cut_outcome = Ok(());
        for part in text.as_bytes().chunks(cut) {
            cut_outcome = parts.read(part).map_err(|(here, fault)| (at + here, fault));
            if cut_outcome.is_err() { break }
            at += part.len();
        }
        prop_assert_eq!(outcome.is_err(), cut_outcome.is_err());
        prop_assert_eq!(whole.heads, parts.heads);
        prop_assert_eq!(whole.faulty_head, parts.faulty_head);
        prop_assert_eq!(whole.state, parts.state);
    }
}
