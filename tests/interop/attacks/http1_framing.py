"""HTTP/1 request framing: Content-Length, Transfer-Encoding, chunks, trailers, and what may follow them."""

import client
from verdicts import aborted, either, forwarded, passed, refused

SMUGGLED = b"GET /public/CANARY HTTP/1.1\r\nHost: app.test\r\n\r\n"
POST = b"POST /public/x HTTP/1.1\r\nHost: app.test\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"


def run(world, suite):
    """All framing cases."""
    lengths(world, suite)
    codings(world, suite)
    chunks(world, suite)
    trailers(world, suite)
    bodies(world, suite)
    pipelines(world, suite)


def lengths(world, suite):
    """Content-Length in every wrong form."""
    bad = [
        b"-5",
        b"+5",
        b"0x5",
        b"5 5",
        b"5,6",
        b"5, 6",
        b"",
        b"5;",
        b"5.0",
        b"5e0",
        b"1_0",
        b"\xd9\xa5",
        b"\xb2",
        b"'5'",
        b"18446744073709551621",
        b"18446744073709551616",
        b"-1",
        b"5\x0b",
        b"\x0c5",
        b"99999999999999999999999999",
        b"five",
    ]
    for value in bad:
        data = POST + b"Content-Length: " + value + b"\r\n\r\nhello" + SMUGGLED
        refused(world, suite, f"Content-Length {value!r}", data, statuses=(400, 413))
    for first, second in ((b"5", b"6"), (b"0", b"5"), (b"5", b"0"), (b"5", b"+5"), (b"5", b""), (b"5", b"5x")):
        data = POST + b"Content-Length: " + first + b"\r\nContent-Length: " + second + b"\r\n\r\nhello" + SMUGGLED
        refused(world, suite, f"Content-Length twice, {first!r} and {second!r}", data)
    for name, lines in {
        "Content-Length twice, the same": b"Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length list of the same": b"Content-Length: 5, 5\r\n",
        "Content-Length with leading zeros": b"Content-Length: 0005\r\n",
        "Content-Length in odd case, with tabs": b"cOnTeNt-LeNgTh:\t 5 \t\r\n",
        "Content_Length beside Content-Length": b"Content_Length: 60\r\nContent-Length: 5\r\n",
    }.items():
        either(world, suite, name, POST + lines + b"\r\nhello", method="POST", body=b"hello")
    for name, lines in {
        "Content-Length with a space before the colon": b"Content-Length : 5\r\n",
        "Content-Length after a space": b" Content-Length: 5\r\n",
        "Content-Length with NUL in its name": b"Content-Length\x00: 5\r\n",
        "Content-Length folded": b"Content-Length:\r\n 5\r\n",
        "Content-Length behind a bare CR": b"X: y\rContent-Length: 5\r\n",
    }.items():
        refused(world, suite, name, POST + lines + b"\r\nhello" + SMUGGLED)


def codings(world, suite):
    """Transfer-Encoding: conflicts with a length, and every way of hiding it."""
    body = b"5\r\nhello\r\n0\r\n\r\n"
    te, length = b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n"
    refused(world, suite, "CL.TE", POST + length + te + b"\r\n" + b"0\r\n\r\n" + SMUGGLED)
    refused(world, suite, "TE.CL", POST + te + b"Content-Length: 4\r\n\r\n" + b"5c\r\n" + SMUGGLED + b"\r\n0\r\n\r\n")
    refused(world, suite, "CL 0 and TE", POST + b"Content-Length: 0\r\n" + te + b"\r\n" + body)
    refused(
        world,
        suite,
        "GET with CL and TE",
        b"GET /public/CANARY HTTP/1.1\r\nHost: app.test\r\n" + length + te + b"\r\n" + body,
    )
    bad = [
        b"xchunked",
        b"chunkedx",
        b"chunked, identity",
        b"identity, chunked",
        b"identity",
        b"gzip",
        b"gzip, chunked",
        b"chunked, chunked",
        b"chunked;q=1",
        b"chunked;foo",
        b'"chunked"',
        b"",
        b",",
        b"chunked,",
        b",chunked",
        b"chunk",
        b"\x0bchunked",
        b"chunked\x00",
        b"chunked\x0b",
        b"c hunked",
        b"chunked\xa0",
        b"\xef\xbb\xbfchunked",
        b"deflate",
        b"chunked chunked",
        b"[chunked]",
        b"chun\xe2\x84\xaaed",
        b"x-chunked",
        b"trailers",
        b"chunked\x7f",
    ]
    tolerated = {b"chunked,", b",chunked"}  # empty list members: a recipient must be able to read past them
    for value in bad:
        data = POST + b"Transfer-Encoding: " + value + b"\r\n\r\n"
        if value in tolerated:
            either(
                world,
                suite,
                f"Transfer-Encoding {value!r}",
                data + body,
                method="POST",
                body=b"hello",
                statuses=(400, 501),
            )
        else:
            refused(world, suite, f"Transfer-Encoding {value!r}", data + body + SMUGGLED, statuses=(400, 501))
            data = POST + b"Transfer-Encoding: " + value + b"\r\n" + length + b"\r\n"
            refused(
                world, suite, f"Transfer-Encoding {value!r} and a length", data + body + SMUGGLED, statuses=(400, 501)
            )
    pairs = [
        (b"chunked", b"identity"),
        (b"identity", b"chunked"),
        (b"chunked", b"chunked"),
        (b"chunked", b"x"),
        (b"x", b"chunked"),
        (b"chunked", b""),
        (b"", b"chunked"),
        (b"gzip", b"chunked"),
    ]
    for first, second in pairs:
        data = (
            POST + b"Transfer-Encoding: " + first + b"\r\nTransfer-encoding: " + second + b"\r\n\r\n" + body + SMUGGLED
        )
        refused(world, suite, f"Transfer-Encoding twice, {first!r} and {second!r}", data, statuses=(400, 501))
    for name, lines in {
        "a space before its colon": b"Transfer-Encoding : chunked\r\n",
        "a tab before its colon": b"Transfer-Encoding\t: chunked\r\n",
        "a leading space": b" Transfer-Encoding: chunked\r\n",
        "a fold": b"Transfer-Encoding:\r\n chunked\r\n",
        "a fold with a tab": b"Transfer-Encoding:\r\n\tchunked\r\n",
        "a bare CR before it": b"X: y\rTransfer-Encoding: chunked\r\n",
        "a bare CR in it": b"Transfer-Encoding: chunked\rX: y\r\n",
        "NUL in its name": b"Transfer-Encoding\x00: chunked\r\n",
        "no colon": b"Transfer-Encoding chunked\r\n",
        "a bare LF inside the value": b"Transfer-Encoding:\n chunked\r\n",
        "a fullwidth letter": b"Transfer-\xef\xbc\xa5ncoding: chunked\r\n",
    }.items():
        refused(world, suite, f"Transfer-Encoding with {name}", POST + length + lines + b"\r\n" + body + SMUGGLED)
    refused(
        world,
        suite,
        "Transfer-Encoding in HTTP/1.0",
        (POST + te).replace(b"1.1", b"1.0") + b"\r\n" + body,
        statuses=(400, 501),
    )
    for value in (b"chunked", b"Chunked", b"CHUNKED", b"\tchunked \t"):
        data = POST + b"transfer-encoding: " + value + b"\r\n\r\n" + body
        passed(world, suite, f"honest Transfer-Encoding {value!r}", data, method="POST", body=b"hello")
    alias = POST + b"Content-Length: 5\r\nTransfer_Encoding: chunked\r\n\r\nhello"
    either(world, suite, "Transfer_Encoding is no Transfer-Encoding", alias, method="POST", body=b"hello")
    refused(
        world,
        suite,
        "GET with a malformed Transfer-Encoding",
        b"GET /public/CANARY HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
        statuses=(400, 501),
    )


def chunks(world, suite):
    """Chunk framing: sizes, extensions, line ends, data longer or shorter than said."""
    head, end = CHUNKED + b"\r\n", b"0\r\n\r\n"
    for size in (
        b"-1",
        b"+5",
        b"0x5",
        b" 5",
        b"\t5",
        b"g",
        b"",
        b"5 5",
        b"5,5",
        b"FFFFFFFFFFFFFFFF1",
        b"10000000000000005",
        b"5\x00",
        b"5\x0b",
        b"\xb25",
        b"5_0",
        b"00000000000000000000000000000000g",
        b"FFFFFFFFFFFFFFFFF",
        b"5h",
        b"5-",
        b'5"a"',
    ):
        aborted(world, suite, f"chunk size {size!r}", head + size + b"\r\nhello\r\n" + end + SMUGGLED)
    for name, data in {
        "bare LF after the size": b"5\nhello\r\n" + end,
        "bare LF after the data": b"5\r\nhello\n" + end,
        "bare CR after the size": b"5\rhello\r\n" + end,
        "bare CR after the data": b"5\r\nhello\r" + end,
        "CR CR LF after the size": b"5\r\r\nhello\r\n" + end,
        "no line end after the data": b"5\r\nhello" + end,
        "data longer than its size": b"5\r\nhelloworld\r\n" + end,
        "data longer by a space": b"5\r\nhello \r\n" + end,
        "data shorter than its size": b"a\r\nhello\r\n" + end,
        "LF in an extension": b"5;a\nb\r\nhello\r\n" + end,
        "LF right after the semicolon": b"5;\nhello\r\n" + end,
        "CR in an extension": b"5;a\rb\r\nhello\r\n" + end,
        "CR right after the semicolon": b"5;\r\r\nhello\r\n" + end,
        "NUL in an extension": b"5;a\x00b\r\nhello\r\n" + end,
        "LF in a quoted extension": b'5;a="\n"\r\nhello\r\n' + end,
        "bare LF after the last chunk's size": b"5\r\nhello\r\n0\n\r\n",
        "bare LF for the closing line": b"5\r\nhello\r\n0\r\n\n",
        "CR without LF at the very end": b"5\r\nhello\r\n0\r\n\rX" + b"\r\n\r\n",
        "LF in the last chunk's extension": b"5\r\nhello\r\n0;a\nb\r\n\r\n",
        "an empty line before the last chunk": b"5\r\nhello\r\n\r\n" + end,
    }.items():
        aborted(world, suite, f"chunks: {name}", head + data + SMUGGLED)
    aborted(
        world,
        suite,
        "chunks: an extension of 70 KiB",
        head + b"5;" + b"a" * 70_000 + b"\r\nhello\r\n" + end,
        statuses=(400, 413, 431),
    )
    many = b"".join(b"1;" + b"e" * 900 + b"\r\nx\r\n" for _ in range(200))
    aborted(world, suite, "chunks: 180 KiB of extensions on 200 bytes", head + many + end, statuses=(400, 413, 431))
    aborted(world, suite, "chunks: the end never comes", head + b"5\r\nhello\r\n", half_close=True)
    aborted(world, suite, "chunks: the end comes inside a chunk", head + b"5\r\nhel", half_close=True)
    aborted(world, suite, "chunks: the end comes after '0'", head + b"5\r\nhello\r\n0", half_close=True)
    aborted(
        world, suite, "chunks: the end comes before the closing line", head + b"5\r\nhello\r\n0\r\n", half_close=True
    )
    for name, data in {
        "an extension": b"5;name=value\r\nhello\r\n" + end,
        "a quoted extension": b'5;name="a b;c"\r\nhello\r\n' + end,
        "leading zeros": b"0000005\r\nhello\r\n000\r\n\r\n",
        "hex in capitals": b"A\r\nhellohello\r\n" + end,
        "several chunks": b"2\r\nhe\r\n3\r\nllo\r\n" + end,
    }.items():
        body = b"hellohello" if "capitals" in name else b"hello"
        passed(world, suite, f"honest chunks with {name}", head + data, method="POST", body=body)
    either(world, suite, "a space after the chunk size", head + b"5 \r\nhello\r\n" + end, method="POST", body=b"hello")
    talk = world.talk(head, 0.05, b"5\r", 0.05, b"\nhel", 0.05, b"lo\r\n0", 0.05, b"\r\n\r\n")
    wrong = forwarded(world.taken(), "/public/x", "POST", b"hello", None)
    suite.check("honest chunks in small pieces", talk.statuses == [200] and wrong is None, f"{talk!r} {wrong}")


def trailers(world, suite):
    """Trailers: honest ones arrive, dangerous ones never, malformed ones end the request."""
    start = CHUNKED + b"Trailer: X-Checksum\r\n\r\n5\r\nhello\r\n0\r\n"
    _, taken = passed(
        world, suite, "an honest trailer's request", start + b"X-Checksum: abc\r\n\r\n", method="POST", body=b"hello"
    )
    arrived = [(name.lower(), value) for item in taken for name, value in item.trailers]
    suite.check("an honest trailer arrives", (b"x-checksum", b"abc") in arrived, repr(taken))
    for line in (
        b"X-Sidegate-Principal-Arn: CANARY",
        b"x_sidegate_principal_arn: CANARY",
        b"X.Sidegate.Principal.Arn: CANARY",
        b"X-Sidegate-Identity: CANARY",
        b"X-Sidegate-Request-Id: CANARY",
        b"Authorization: Bearer CANARY",
        b"Host: CANARY",
        b"Transfer-Encoding: CANARY",
        b"Cookie: CANARY",
        b"X-Forwarded-For: CANARY",
        b"X-Forwarded-User: CANARY",
        b"X-Remote-User: CANARY",
        b"X_Remote_User: CANARY",
        b"X-HTTP-Method-Override: CANARY",
        b"X-Original-URL: CANARY",
        b"Connection: CANARY",
        b"Forwarded: for=CANARY",
        b"X-Real-IP: CANARY",
        b"Content-Type: CANARY",
        b"Expect: CANARY",
    ):
        data = start + line + b"\r\n\r\n"
        either(world, suite, f"trailer {line!r} does not arrive", data, method="POST", body=b"hello")
    data = start + b"Content-Length: 73577537\r\nX-Checksum: abc\r\n\r\n"
    either(
        world,
        suite,
        "trailer Content-Length does not arrive",
        data,
        method="POST",
        body=b"hello",
        check=lambda got: b"73577537" not in got.framing,
    )
    for line in (
        b"no colon",
        b"X-Checksum : a",
        b": a",
        b"X-Checksum: a\x00b",
        b"X-Checksum: a\r\n folded",
        b"X-Checksum: a\nX-B: c",
        b"X-Checksum: a\rX-B: c",
        b" X-Checksum: a",
        b"X Checksum: a",
        b"X-Checksum: a\x01b",
        b"X-Ch\xe9cksum: a",
    ):
        aborted(world, suite, f"malformed trailer {line!r}", start + line + b"\r\n\r\n" + SMUGGLED)
    flood = b"".join(b"X-T%d: %s\r\n" % (index, b"v" * 100) for index in range(2000))
    aborted(world, suite, "200 KiB of trailers", start + flood + b"\r\n", statuses=(400, 413, 431))
    many = b"".join(b"X-T%d: v\r\n" % index for index in range(300))
    aborted(world, suite, "300 trailers", start + many + b"\r\n", statuses=(400, 413, 431))


def bodies(world, suite):
    """Bodies where none is usual, and lengths that lie."""
    for method in ("GET", "DELETE", "OPTIONS", "PUT", "PATCH"):
        data = client.request(method, body=b"hello")
        passed(world, suite, f"{method} with a body", data, method=method, body=b"hello")
    passed(world, suite, "HEAD", client.request("HEAD"), method="HEAD")
    passed(world, suite, "HEAD with a body", client.request("HEAD", body=b"hello"), method="HEAD", body=b"hello")
    passed(world, suite, "Content-Length 0", POST + b"Content-Length: 0\r\n\r\n", method="POST")
    passed(world, suite, "POST without a length", POST + b"\r\n", method="POST")
    for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        data = f"{method} /public/x HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        data += b"5\r\nhello\r\n0\r\n\r\n"
        passed(world, suite, f"{method} with a chunked body", data, method=method, body=b"hello")
    big = bytes(range(256)) * 4096
    passed(world, suite, "a body of 1 MiB, byte for byte", client.request("POST", body=big), method="POST", body=big)
    aborted(world, suite, "a body shorter than its length", POST + b"Content-Length: 50\r\n\r\nhello", half_close=True)
    talk = world.talk(
        POST + b"\r\nsmuggled body without a length CANARY\r\n\r\n".replace(b"CANARY", world.canary().encode()),
        want=2,
        until_close=True,
    )
    suite.check(
        "bytes after a request without a length are no body", talk.statuses == [200, 400] and talk.closed, repr(talk)
    )


def pipelines(world, suite):
    """Several requests in one write: each is judged alone."""

    def ask(target, method="GET", extra=b"", body=b""):
        return marked_request(method, target, extra, body)

    denied = "/admin/CANARY"
    for name, parts, statuses, arrives in (
        ("allowed, denied", [ask("/public/1"), ask(denied)], [200, 401], ["/public/1"]),
        ("denied, allowed", [ask(denied), ask("/public/2")], [401, 200], ["/public/2"]),
        (
            "allowed, denied, allowed",
            [ask("/public/1"), ask(denied), ask("/public/2")],
            [200, 401, 200],
            ["/public/1", "/public/2"],
        ),
        (
            "allowed, malformed",
            [ask("/public/1"), b"GET /public/CANARY HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n"],
            [200, 400],
            ["/public/1"],
        ),
        ("allowed, no route", [ask("/public/1"), ask("/nowhere/CANARY")], [200, 404], ["/public/1"]),
        (
            "two with bodies",
            [ask("/public/1", "POST", body=b"one"), ask("/public/2", "POST", body=b"two")],
            [200, 200],
            ["/public/1", "/public/2"],
        ),
    ):
        data = b"".join(parts).replace(b"CANARY", world.canary().encode())
        talk = world.talk(data, want=len(statuses))
        targets = [item.target.decode() for item in world.taken()]
        suite.check(
            f"pipeline: {name}", talk.statuses == statuses and targets == arrives, f"{talk!r} upstream {targets}"
        )
    for name, method in (("POST", "POST"), ("GET", "GET")):
        inner = b"GET /public/CANARY HTTP/1.1\r\nHost: app.test\r\n\r\n".replace(b"CANARY", world.canary().encode())
        talk = world.talk(marked_request(method, "/admin/x", b"", inner), until_close=True, timeout=1.0)
        suite.check(
            f"pipeline: the body of a denied {name} is no request",
            talk.statuses == [401] and not world.taken(),
            repr(talk),
        )
        inner = b"GET /public/CANARY HTTP/1.1\r\nHost: app.test\r\n\r\n".replace(b"CANARY", world.canary().encode())
        chunk = b"%x\r\n" % len(inner) + inner + b"\r\n0\r\n\r\n"
        data = f"{method} /admin/x HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunk
        talk = world.talk(data, until_close=True, timeout=1.0)
        suite.check(
            f"pipeline: the chunks of a denied {name} are no request",
            talk.statuses == [401] and not world.taken(),
            repr(talk),
        )
    talk = world.talk(ask("/admin/x", "HEAD") + ask("/public/1"), want=2, methods=("HEAD",), timeout=2.0)
    suite.check("pipeline: a refused HEAD has no body", talk.statuses == [401, 200], repr(talk.raw))
    answered = world.talk(*[ask(f"/public/{index}") for index in range(50)], want=50)
    targets = [item.target.decode() for item in world.taken()]
    wanted = [f"/public/{index}" for index in range(50)]
    suite.check(
        "pipeline: fifty in order", answered.statuses == [200] * 50 and targets == wanted, f"{answered.statuses}"
    )


def marked_request(method, target, extra, body):
    """A request's bytes, where CANARY may stand in the target."""
    head = f"{method} {target} HTTP/1.1\r\nHost: app.test\r\n".encode() + extra
    if body:
        head += f"Content-Length: {len(body)}\r\n".encode()
    return head + b"\r\n" + body
