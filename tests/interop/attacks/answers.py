"""Upstreams that answer badly: no answer is ever given to another request, none is passed on ambiguously."""

import re
import struct
import time

import client
import upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"


def run(world, suite):
    """All answers; each is followed by honest requests that must get their own."""
    world.upstream.answer = echo
    try:
        poisoned(world, suite)
        malformed(world, suite)
        cut(world, suite)
        interim(world, suite)
        early(world, suite)
        lost(world, suite)
    finally:
        world.upstream.answer = upstream.plain


def echo(received):
    """200 with the target as body."""
    body = b"" if received.method == b"HEAD" else received.target
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(received.target) + body


def ask(world, reply, method="GET", body=b"", timeout=3.0, **options):
    """The talk of one request that gets `reply`, after which the upstream is honest again."""
    world.upstream.answer = reply if callable(reply) else lambda _received: reply
    talk = world.talk(client.request(method, "/public/asked", body=body), methods=(method,), timeout=timeout, **options)
    world.upstream.answer = echo
    return talk


def own(world, suite, case):
    """Ten requests on one connection and four on new ones each get their own answer."""
    time.sleep(0.08)  # whatever the upstream still says, it says unasked, not as the next request's answer
    session, wrong = client.Session(world.port), []
    for index in range(14):
        target = f"/public/own{index}"
        data = client.request("GET", target)
        response = session.ask(data) if index < 10 else client.talk(world.port, data).first
        if (response.status, response.body) != (200, target.encode()):
            wrong.append((target, response))
    session.close()
    suite.check(f"after {case}: every request gets its own answer", not wrong, repr(wrong[:3]))


def poisoned(world, suite):
    """Bytes after an answer belong to nobody."""
    for case, method, reply in (
        ("a second answer", "GET", OK + FORGED),
        ("a second answer later", "GET", [OK, 0.02, FORGED]),
        ("more body than its length", "GET", OK + b"x" * 100),
        ("a body for HEAD", "HEAD", OK),
        ("a body and an answer for HEAD", "HEAD", OK + FORGED),
        ("a body for 204", "GET", b"HTTP/1.1 204 No Content\r\n\r\n" + FORGED),
        ("a body for 304", "GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n" + FORGED),
        ("204 with a length", "GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 73\r\n\r\n" + FORGED),
        (
            "an answer after the last chunk",
            "GET",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + FORGED,
        ),
        ("garbage after an answer", "GET", OK + b"\x00\xff garbage"),
        ("half an answer after an answer", "GET", OK + b"HTTP/1.1 200 OK\r\nContent-Le"),
        ("an interim answer after an answer", "GET", OK + b"HTTP/1.1 100 Continue\r\n\r\n"),
    ):
        talk = ask(world, reply, method, timeout=2.0)
        ok = talk.first.status in (200, 204, 304, 502) and b"forged" not in talk.raw
        suite.check(f"answer: {case}", ok, repr(talk.raw[:300]))
        own(world, suite, case)


def malformed(world, suite):
    """Heads that can be read in two ways, or in none: 502, or passed on in one way only."""
    line = b"HTTP/1.1 200 OK\r\n"
    for case, reply in {
        "two lengths that differ": line + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\nok",
        "a list of lengths that differ": line + b"Content-Length: 2, 40\r\n\r\nok",
        "a negative length": line + b"Content-Length: -2\r\n\r\nok",
        "a length with a plus": line + b"Content-Length: +2\r\n\r\nok",
        "a length in hex": line + b"Content-Length: 0x2\r\n\r\nok",
        "an empty length": line + b"Content-Length: \r\n\r\nok",
        "a huge length": line + b"Content-Length: 99999999999999999999\r\n\r\nok",
        "a length and chunks": line + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "an unknown coding": line + b"Transfer-Encoding: xchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "chunked twice": line + b"Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "chunked first": line + b"Transfer-Encoding: chunked, gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "a space before a colon": line + b"Content-Length : 2\r\n\r\nok",
        "a line without colon": line + b"nocolon\r\nContent-Length: 2\r\n\r\nok",
        "NUL in a value": line + b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\nok",
        "a bare CR in a value": line + b"X-A: a\rX-B: c\r\nContent-Length: 2\r\n\r\nok",
        "a folded line": line + b"X-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
        "an empty name": line + b": a\r\nContent-Length: 2\r\n\r\nok",
        "status 99": b"HTTP/1.1 99 X\r\nContent-Length: 2\r\n\r\nok",
        "status 1000": b"HTTP/1.1 1000 X\r\nContent-Length: 2\r\n\r\nok",
        "status 0": b"HTTP/1.1 000 X\r\nContent-Length: 2\r\n\r\nok",
        "status 999": b"HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/0.9": b"<html>ok</html>",
        "no status": b"HTTP/1.1 \r\n\r\n",
        "garbage": b"\x00\x01\x02\x03" * 100,
        "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
        "SSH": b"SSH-2.0-x\r\n",
        "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        "control letters in the reason": b"HTTP/1.1 200 O\x00\x1bK\r\nContent-Length: 2\r\n\r\nok",
        "a head of 1 MiB": line + b"X-A: " + b"a" * 1_048_576 + b"\r\nContent-Length: 2\r\n\r\nok",
        "5000 fields": line
        + b"".join(b"X-%d: a\r\n" % index for index in range(5000))
        + b"Content-Length: 2\r\n\r\nok",
    }.items():
        talk = ask(world, [reply, None], timeout=3.0)
        ok = len(talk.statuses) <= 1 and (talk.first.status in (502, 504) or clean(talk))
        suite.check(f"answer: {case}", ok, repr(talk.raw[:300]))
    own(world, suite, "malformed answers")


def clean(talk):
    """Whether a client can read the one answer in one way only."""
    head = talk.raw.partition(b"\r\n\r\n")[0]
    lines = head.split(b"\r\n")
    named = all(re.fullmatch(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*", line) for line in lines[1:])
    first = talk.first
    framed = len(first.values("content-length")) + len(first.values("transfer-encoding")) <= 1
    return (
        200 <= first.status <= 999
        and named
        and framed
        and re.fullmatch(rb"HTTP/1\.1 [0-9]{3} [^\x00-\x08\x0a-\x1f\x7f]*", lines[0]) is not None
    )


def cut(world, suite):
    """An answer that was cut never looks whole."""
    line = b"HTTP/1.1 200 OK\r\n"
    for case, reply in {
        "a body shorter than its length": line + b"Content-Length: 50\r\n\r\nok",
        "chunks without the last": line + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        "a chunk cut": line + b"Transfer-Encoding: chunked\r\n\r\n9\r\nok",
        "a malformed chunk size": line + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nxyz\r\nok\r\n0\r\n\r\n",
        "chunk data longer than its size": line + b"Transfer-Encoding: chunked\r\n\r\n2\r\nokokok\r\n0\r\n\r\n",
        "a bare LF in chunk framing": line + b"Transfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n",
    }.items():
        talk = ask(world, [reply, None], timeout=3.0, until_close=True)
        ok = talk.first.status == 502 or (talk.closed and not talk.first.whole)
        suite.check(f"answer: {case}", ok, repr(talk))
    own(world, suite, "cut answers")
    reset_answer = line + b"Content-Length: 50\r\n\r\nok"
    talk = ask(world, [reset_answer, 0.05, None], timeout=3.0, until_close=True)
    suite.check("answer: cut after a pause", talk.closed and not talk.first.whole, repr(talk))
    talk = ask(world, [line + b"\r\nuntil the end", None], timeout=3.0)
    suite.check(
        "answer: delimited by its end",
        talk.first.status == 200 and talk.first.body == b"until the end" and clean(talk),
        repr(talk),
    )
    trailers = (
        line + b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n"
        b"X-Sidegate-Request-Id: forged\r\nContent-Length: 9\r\n\r\n"
    )
    talk = ask(world, trailers)
    suite.check(
        "answer: forged trailers do not pass",
        talk.first.body == b"ok" and b"forged" not in talk.raw and b"Content-Length: 9" not in talk.raw,
        repr(talk.raw),
    )


def interim(world, suite):
    """1xx answers: none is taken for the final one, none opens a tunnel."""
    for case, reply in {
        "103 then 200": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK,
        "100 then 200": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        "102 then 200": b"HTTP/1.1 102 Processing\r\n\r\n" + OK,
        "fifty 103 then 200": b"HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n" * 50 + OK,
    }.items():
        talk = ask(world, reply)
        suite.check(
            f"answer: {case}", talk.statuses in ([200], [502]) and 101 not in talk.interim, repr(talk.raw[:300])
        )
    own(world, suite, "interim answers")
    talk = ask(
        world,
        [b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: mallory\r\n\r\n" + FORGED, 0.1, None],
        timeout=3.0,
    )
    suite.check(
        "answer: an unasked 101 opens no tunnel",
        talk.interim == [] and talk.statuses == [502] and b"forged" not in talk.raw,
        repr(talk.raw[:300]),
    )
    own(world, suite, "an unasked 101")


def early(world, suite):
    """An answer before the request's body has ended; the rest of the body is no request."""
    inner = f"GET /public/{world.canary()} HTTP/1.1\r\nHost: app.test\r\n\r\n".encode()
    usual = world.upstream._read_head

    def impatient(received):
        length, chunked = usual(received)
        return (0, False) if received.target == b"/public/impatient" else (length, chunked)

    world.upstream._read_head = impatient
    world.upstream.answer = lambda received: (
        [b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", None]
        if received.target == b"/public/impatient"
        else echo(received)
    )
    head = f"POST /public/impatient HTTP/1.1\r\nHost: app.test\r\nContent-Length: {len(inner) + 20}\r\n\r\n".encode()
    talk = world.talk(head, 0.2, inner, until_close=True, timeout=2.0)
    targets = [item.target for item in world.taken(0.05)]
    world.upstream._read_head, world.upstream.answer = usual, echo
    suite.check(
        "answer: before the body's end",
        talk.first.status in (413, 502) and targets == [b"/public/impatient"],
        f"{talk!r} {targets}",
    )
    own(world, suite, "an early answer")


def lost(world, suite):
    """No answer at all: 502, quickly, and a POST is sent once."""
    for method, most in (("POST", 1), ("PUT", 2), ("GET", 2)):
        started = time.monotonic()
        talk = ask(world, None, method, b"once" if method != "GET" else b"")
        sent = len([item for item in world.taken(0.05) if item.target == b"/public/asked"])
        ok = (
            talk.statuses == [502]
            and talk.first.json().get("code") == "UpstreamUnavailable"
            and time.monotonic() - started < 2
        )
        suite.check(f"answer: none to {method} is 502", ok, repr(talk))
        suite.check(f"answer: {method} was sent {most} times at most", 1 <= sent <= most, f"{sent} times")

    def reset(received):
        return [struct.pack("B", 72), None]  # 'H', then the end

    talk = ask(world, reset)
    suite.check("answer: one letter, then the end, is 502", talk.statuses == [502], repr(talk))
    own(world, suite, "lost answers")
