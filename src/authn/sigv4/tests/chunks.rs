//! Signed chunks and trailers.

use super::*;

/// The example of the S3 API Reference, "Signature calculations: transferring payload in multiple chunks".
fn aws_example() -> (chunked::Decoder, Vec<u8>, Vec<u8>) {
    let request = Text::read(
        "PUT /examplebucket/chunkObject.txt HTTP/1.1
Host:s3.amazonaws.com
X-Amz-Date:20130524T000000Z
X-Amz-Storage-Class:REDUCED_REDUNDANCY
Authorization:AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9
X-Amz-Content-Sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD
Content-Encoding:aws-chunked
X-Amz-Decoded-Content-Length:66560
Content-Length:66824
",
    );
    let expected = Expected {
        service: "s3",
        style: PathStyle::Verbatim,
        now: at("2013-05-24T00:00:00Z"),
        ..expected()
    };
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let Body::Chunks(decoder) = request.verify_by(secret, &expected).unwrap().body else {
        panic!("signed chunks");
    };
    let mut wire = Vec::new();
    for (size, signature) in [
        (
            65536,
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        ),
        (
            1024,
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        ),
        (
            0,
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ),
    ] {
        wire.extend(format!("{size:x};chunk-signature={signature}\r\n").into_bytes());
        wire.extend(vec![b'a'; size]);
        wire.extend(b"\r\n");
    }
    assert_eq!(wire.len(), 66824);
    (*decoder, wire, vec![b'a'; 66560])
}

fn decode(
    mut decoder: chunked::Decoder,
    wire: &[u8],
    piece: usize,
) -> Result<Vec<u8>, chunked::ChunkError> {
    let mut out = Vec::new();
    for bytes in wire.chunks(piece.max(1)) {
        decoder.push(bytes, &mut out)?;
    }
    decoder.finish().map(|()| out)
}

#[test]
fn chunks_of_the_documentation() {
    for piece in [7, 100, 65536, 100_000] {
        let (decoder, wire, data) = aws_example();
        assert_eq!(decode(decoder, &wire, piece), Ok(data), "{piece}");
        let (decoder, wire, _) = aws_example();
        assert_eq!(
            decode(decoder.framed(), &wire, piece),
            Ok(wire),
            "as it came"
        );
    }
    // Every kind of damage, at places all over the body.
    for at in [0, 3, 50, 90, 1000, 65624, 65626, 65720, 66735, 66800, 66823] {
        let (decoder, mut wire, _) = aws_example();
        wire[at] ^= 1;
        assert!(decode(decoder, &wire, 1000).is_err(), "bit at {at}");
        let (decoder, mut wire, _) = aws_example();
        wire.remove(at);
        assert!(decode(decoder, &wire, 1000).is_err(), "removed at {at}");
        let (decoder, wire, _) = aws_example();
        assert!(decode(decoder, &wire[..at], 1000).is_err(), "cut at {at}");
    }
    let (decoder, mut wire, _) = aws_example();
    wire.push(b'x');
    assert!(decode(decoder, &wire, 1000).is_err());
    // Without its second chunk.
    let (decoder, wire, _) = aws_example();
    let first = 65536 + 91;
    let without = [&wire[..first - 1], &wire[first - 1 + 1024 + 89..]].concat();
    assert!(decode(decoder, &without, 1000).is_err());
    let (decoder, _, _) = aws_example();
    assert!(decode(decoder, "f".repeat(200).as_bytes(), 10).is_err());
    let (decoder, _, _) = aws_example();
    let huge = format!(
        "{:x};chunk-signature={}\r\n",
        chunked::MAX_CHUNK + 1,
        "0".repeat(64)
    );
    assert!(decode(decoder, huge.as_bytes(), 10).is_err());
}

#[test]
fn unsigned_chunks() {
    let plain = b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n";
    let with_trailers = b"6\r\nhello!\r\n0\r\nx-amz-meta-a:AAAA\r\nb:c\r\n\r\n";
    for wire in [&plain[..], with_trailers] {
        for piece in [1, 2, 9, 1000] {
            let decoder = chunked::Decoder::unsigned;
            assert_eq!(decode(decoder(), wire, piece), Ok(b"hello!".to_vec()));
            assert_eq!(decode(decoder().framed(), wire, piece), Ok(wire.to_vec()));
        }
        for cut in 0..wire.len() {
            assert!(
                decode(chunked::Decoder::unsigned(), &wire[..cut], 5).is_err(),
                "{cut}"
            );
        }
        let more = [wire, b"x"].concat();
        assert!(decode(chunked::Decoder::unsigned(), &more, 5).is_err());
    }
    for wire in [
        "5;a=b\r\nhello\r\n",
        "-1\r\n",
        "\r\n",
        "5\r\nhello!\r\n",
        "fffffff\r\n",
    ] {
        assert!(
            decode(chunked::Decoder::unsigned(), wire.as_bytes(), 5).is_err(),
            "{wire}"
        );
    }
}

#[test]
fn signed_trailers() {
    let head = "PUT /x HTTP/1.1\nHost:example.com\nX-Amz-Trailer:x-amz-checksum-crc32c\n";
    let mut request = Text::read(head);
    let kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
    let seed = sign(&mut request, kind, PathStyle::Normalized);
    let (_, scope) = Scope::read("A/20150830/us-east-1/service/aws4_request").unwrap();
    let key = SigningKeys::new().get(&Secret::new(SECRET.into()), &scope);
    let next = |kind: &str, previous: &str, rest: &str| {
        let text = format!("{kind}\n20150830T123600Z\n{scope}\n{previous}\n{rest}");
        hex(hmac::sign(&key, text.as_bytes()).as_ref())
    };
    let chunk = |previous: &str, data: &[u8]| {
        let rest = format!("{}\n{}", hex(&sha256(b"")), hex(&sha256(data)));
        next("AWS4-HMAC-SHA256-PAYLOAD", previous, &rest)
    };
    let first = chunk(&hex(&seed), b"hello");
    let last = chunk(&first, b"");
    let wire = |checksum: &str| {
        let trailer = hex(&sha256(
            format!("x-amz-checksum-crc32c:{checksum}\n").as_bytes(),
        ));
        let end = next("AWS4-HMAC-SHA256-TRAILER", &last, &trailer);
        format!(
            "5;chunk-signature={first}\r\nhello\r\n0;chunk-signature={last}\r\n\
             x-amz-checksum-crc32c:{checksum}\r\nx-amz-trailer-signature:{end}\r\n\r\n"
        )
    };
    let decoder = || match request.verify(&expected()).unwrap().body {
        Body::Chunks(decoder) => *decoder,
        Body::Hash(_) | Body::Anything => panic!("signed chunks"),
    };
    let good = wire("mnG7TA==");
    for piece in [1, 9, 1000] {
        assert_eq!(
            decode(decoder(), good.as_bytes(), piece),
            Ok(b"hello".to_vec())
        );
        // Signed, and of other data; whoever gets the chunks as they came finds that out for themselves.
        let wrong = wire("4VOKvw==");
        let refused = decode(decoder(), wrong.as_bytes(), piece);
        assert_eq!(refused, Err(chunked::ChunkError::Checksum));
        let framed = decode(decoder().framed(), wrong.as_bytes(), piece);
        assert_eq!(framed, Ok(wrong.into_bytes()));
    }
    for (from, to) in [
        ("mnG7TA", "mnG7TB"),
        ("x-amz-checksum-crc32c:mnG7TA==\r\n", ""),
        ("x-amz-trailer-signature", "x-amz-trailer-signatur"),
        ("hello", "hallo"),
    ] {
        let changed = good.replace(from, to);
        assert!(decode(decoder(), changed.as_bytes(), 50).is_err(), "{from}");
    }
}

#[test]
fn announced_checksums_of_unsigned_chunks() {
    let decoder = |announced: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-trailer", HeaderValue::from_static(announced));
        chunked::Decoder::unsigned().checking(super::super::checksum::Checks::announced(&headers))
    };
    let wire = |trailers: &str| format!("2\r\nhe\r\n3\r\nllo\r\n0\r\n{trailers}\r\n");
    let crc32c = "x-amz-checksum-crc32c";
    let right = wire("x-amz-checksum-crc32c:mnG7TA==\r\n");
    for piece in [1, 4, 1000] {
        let found = decode(decoder(crc32c), right.as_bytes(), piece);
        assert_eq!(found, Ok(b"hello".to_vec()));
    }
    for (announced, trailers) in [
        (crc32c, ""),
        (crc32c, "x-amz-checksum-crc32c:4VOKvw==\r\n"),
        (crc32c, "x-amz-checksum-crc32c\r\n"),
        (crc32c, "x-amz-checksum-crc32:mnG7TA==\r\n"),
        ("x-amz-meta-a", "x-amz-checksum-crc32c:mnG7TA==\r\n"),
    ] {
        let refused = decode(decoder(announced), wire(trailers).as_bytes(), 9);
        assert!(refused.is_err(), "{announced} {trailers}");
    }
    assert!(decoder(crc32c).can_check() && !decoder("x-amz-checksum-xxhash64").can_check());
}
