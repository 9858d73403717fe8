use proptest::prelude::*;

use super::*;

/// What comes of an answer that arrives in pieces of `step` bytes: status, fields, body, trailers, whether the
/// connection is kept, and what was left.
type Came = (u16, Vec<String>, Vec<u8>, Option<HeaderMap>, bool, usize);

fn came(bytes: &[u8], step: usize, bodiless: bool) -> Result<Came, AnswerError> {
    let mut buffer = BytesMut::new();
    let (mut seen, mut rest) = (Seen::default(), bytes.chunks(step));
    let mut read = loop {
        buffer.extend_from_slice(rest.next().ok_or(AnswerError::Truncated)?);
        if let Some(read) = head(&mut buffer, &mut seen, bodiless)? {
            break read;
        }
    };
    let (mut body, mut trailers) = (Vec::new(), None);
    loop {
        if let Some(frame) = read.body.piece(&mut buffer)? {
            match frame.into_data() {
                Ok(data) => body.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        } else if read.body.is_done() {
            break;
        } else if let Some(more) = rest.next() {
            buffer.extend_from_slice(more);
        } else {
            read.body.closed()?;
        }
    }
    let left = rest
        .map(<[u8]>::len)
        .fold(buffer.len(), usize::saturating_add);
    let fields = read.parts.headers.iter();
    let fields = fields.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    let status = read.parts.status.as_u16();
    Ok((status, fields.collect(), body, trailers, read.keep, left))
}

/// The same however it arrives.
fn in_any_pieces(bytes: &[u8], bodiless: bool) -> Result<Came, AnswerError> {
    let whole = came(bytes, bytes.len(), bodiless);
    for step in 1..bytes.len() {
        assert_eq!(came(bytes, step, bodiless), whole, "in steps of {step}");
    }
    whole
}

fn answer(text: &str) -> Result<Came, AnswerError> {
    in_any_pieces(text.as_bytes(), false)
}

/// Body, whether the connection is kept, and what was left.
fn body(text: &str) -> Result<(String, bool, usize), AnswerError> {
    answer(text).map(|(_, _, body, _, keep, left)| (String::from_utf8(body).unwrap(), keep, left))
}

#[test]
fn an_answer_ends_where_its_framing_says() {
    let some = |text: &str, keep, left| Ok((text.to_owned(), keep, left));
    for (text, expected) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            some("ok", true, 0),
        ),
        (
            "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
            some("ok", true, 0),
        ),
        (
            "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            some("ok", true, 0),
        ),
        (
            "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n",
            some("", true, 0),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokmore",
            some("ok", true, 4),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
            some("ok", false, 0),
        ),
        (
            "HTTP/1.1 200 OK\r\nconnection: close\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n",
            some("", false, 0),
        ),
        (
            "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
            some("ok", false, 0),
        ),
        (
            "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
            some("ok", true, 0),
        ),
        (
            "HTTP/1.1 200 OK\r\n\r\nuntil the end",
            some("until the end", false, 0),
        ),
        (
            "HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\nHTTP/",
            some("", true, 5),
        ),
        (
            "HTTP/1.1 304 No\r\ntransfer-encoding: chunked\r\n\r\n",
            some("", true, 0),
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na",
            some("a", true, 0),
        ),
        (
            "HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\nx",
            some("", false, 1),
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            some("ok", true, 0),
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n2;a=b\r\nok\r\nA\r\n0123456789\r\n000\r\n\r\nx",
            some("ok0123456789", true, 1),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            some("", true, 0),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",
            some("ok", true, 0),
        ),
    ] {
        assert_eq!(body(text), expected, "{text}");
    }
    let head = in_any_pieces(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", true).unwrap();
    assert_eq!(
        (head.1, head.4, head.5),
        (vec!["content-length: 5".to_owned()], true, 0)
    );
}

#[test]
fn what_can_be_read_in_two_ways_breaks_off() {
    for (text, expected) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nok",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nok",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n0\r\n\r\n",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding:\r\n\r\n0\r\n\r\n",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok0\r\n\r\n",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11111111111111111\r\n",
            AnswerError::Framing,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
            AnswerError::Truncated,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
            AnswerError::Truncated,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok",
            AnswerError::Truncated,
        ),
        ("HTTP/1.1 200 OK\r\ncontent-le", AnswerError::Truncated),
        (
            "HTTP/1.1 200 OK\r\nfolded: a\r\n b\r\n\r\n",
            AnswerError::Malformed,
        ),
        ("HTTP/1.1 200 OK\r\nno name\r\n\r\n", AnswerError::Malformed),
        ("HTTP/2 200 OK\r\n\r\n", AnswerError::Malformed),
        ("HTTP/1.1 099 OK\r\n\r\n", AnswerError::Malformed),
        ("SSH-2.0-OpenSSH\r\n\r\n", AnswerError::Malformed),
    ] {
        assert_eq!(answer(text), Err(expected), "{text}");
    }
}

#[test]
fn fields_of_the_hop_stay_here_and_trailers_go_on() {
    let text = "HTTP/1.1 200 Fine\r\nConnection: keep-alive, X-Secret, Content-Length\r\nKeep-Alive: timeout=5\r\n\
        Proxy-Connection: x\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\nContent-Length: 7\r\nX-Secret: 1\r\n\
        X-Twice: a\r\nX-Twice: b\r\nTrailer: t\r\n\r\n1\r\na\r\n0\r\nT: 1\r\nU: 2\r\n\r\n";
    let (_, fields, _, trailers, keep, _) = answer(text).unwrap();
    assert_eq!(fields, ["x-twice: a", "x-twice: b", "trailer: t"]);
    let trailers = trailers.unwrap();
    assert_eq!(
        (&trailers["t"], &trailers["u"], trailers.len()),
        (&"1".parse().unwrap(), &"2".parse().unwrap(), 2)
    );
    assert!(keep);
    let mut buffer = BytesMut::from("HTTP/1.1 200 Fine\r\ncontent-length: 0\r\n\r\n");
    let parts = head(&mut buffer, &mut Seen::default(), false)
        .unwrap()
        .unwrap()
        .parts;
    let reason = parts.extensions.get::<ReasonPhrase>().unwrap();
    assert_eq!(reason.as_bytes(), b"Fine");
}

#[test]
fn informational_answers_are_passed_over_up_to_a_bound() {
    let end = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    for (line, count, good) in [
        ("HTTP/1.1 102 Processing\r\n\r\n".to_owned(), 32, true),
        ("HTTP/1.1 102 Processing\r\n\r\n".to_owned(), 33, false),
        (
            format!("HTTP/1.1 103 Early\r\nlink: {}\r\n\r\n", "x".repeat(9000)),
            7,
            true,
        ),
        (
            format!("HTTP/1.1 103 Early\r\nlink: {}\r\n\r\n", "x".repeat(9000)),
            8,
            false,
        ),
    ] {
        let text = format!("{}{end}", line.repeat(count));
        for step in [7, 1000, text.len()] {
            let read = came(text.as_bytes(), step, false).map(|came| came.0);
            let expected = if good {
                Ok(200)
            } else {
                Err(AnswerError::Endless)
            };
            assert_eq!(read, expected, "{count} times {line:.30}");
        }
    }
}

#[test]
fn what_never_ends_is_given_up() {
    let mut endless = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
    endless.resize(MOST + 100, b'x');
    assert_eq!(came(&endless, 8192, false), Err(AnswerError::TooLarge));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(FIELDS + 1));
    assert_eq!(
        came(many.as_bytes(), 8192, false),
        Err(AnswerError::TooLarge)
    );
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let long = format!("{chunked}1;{}", "x".repeat(20_000));
    assert_eq!(
        came(long.as_bytes(), 512, false),
        Err(AnswerError::TooLarge)
    );
    let long = format!("{chunked}0\r\n{}", "x: y\r\n".repeat(20_000));
    assert_eq!(
        came(long.as_bytes(), 512, false),
        Err(AnswerError::TooLarge)
    );
}

proptest! {
    #[test]
    fn chunks_are_put_together_again(pieces in proptest::collection::vec("[ -~]{1,40}", 0..8), step in 1..50_usize) {
        let mut text = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for piece in &pieces {
            text.extend_from_slice(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes());
        }
        text.extend_from_slice(b"0\r\n\r\n");
        let (_, _, body, trailers, keep, left) = came(&text, step, false).unwrap();
        prop_assert_eq!(String::from_utf8(body).unwrap(), pieces.concat());
        prop_assert!(trailers.is_none() && keep && left == 0);
    }

    #[test]
    fn nothing_makes_it_panic(bytes in any::<Vec<u8>>(), chunked in any::<bool>(), step in 1..20_usize) {
        let _ = came(&bytes, step, false);
        let head: &[u8] = if chunked { b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" } else { b"HTTP/1.1 " };
        let _ = came(&[head, &bytes].concat(), step, false);
    }
}
