"""HTTP/1 header fields, methods, limits, Expect, Upgrade and Connection."""

import client
import support
from verdicts import either, marked, passed, refused

HOST = b"Host: app.test\r\n"
LINE = b"GET /public/CANARY HTTP/1.1\r\n"


def run(world, suite):
    """All field cases."""
    header_lines(world, suite)
    methods(world, suite)
    limits(world, suite)
    expectations(world, suite)
    upgrades(world, suite)
    nominated(world, suite)


def header_lines(world, suite):
    """Lines that are no header field."""
    for line in (
        b"no colon here",
        b"NoColon",
        b": empty name",
        b":",
        b" leading: space",
        b"\tleading: tab",
        b"Space : before",
        b"Tab\t: before",
        b"Sp ace: in",
        b"X: a\r\n folded",
        b"X: a\r\n\tfolded",
        b"X:\r\n ",
        b"X: a\x00b",
        b"X: \x00",
        b"X\x00: a",
        b"X: a\x01b",
        b"X: a\x1fb",
        b"X: a\x7fb",
        b"X: a\x08",
        b"X: a\x0bb",
        b"X: a\x0cb",
        b"X: a\x1b[31m",
        b"X: a\rb",
        b"X: a\r",
        b"X\r: a",
        b"X(: a",
        b"X@Y: a",
        b"X[]: a",
        b'X"Y: a',
        b"X/Y: a",
        b"X{: a",
        b"X,Y: a",
        b"X;Y: a",
        b"X=Y: a",
        b"X\\Y: a",
        b"X<: a",
        b"X?: a",
        b"X\x7f: a",
        b"\xc3\x84: a",
        b"X\xff: a",
        b"X\x01: a",
        b"X: y\rX-Sidegate-Principal-Arn: CANARY",
        b"\x0bX: a",
        b"X\x0b: a",
        b"\xef\xbb\xbfX: a",
    ):
        refused(world, suite, f"header line {line!r}", LINE + HOST + line + b"\r\n\r\n")
        first = LINE + line + b"\r\n" + HOST + b"\r\n"
        if line.startswith((b" ", b"\t")):
            refused(world, suite, f"first header line {line!r}", first)
    for line, value in (
        (b"X-Obs: a\xe9\xffb", b"a\xe9\xffb"),
        (b"X-Obs: \xf0\x9f\x98\x80", b"\xf0\x9f\x98\x80"),
        (b"X-Obs:", b""),
        (b"X-Obs:a\tb", b"a\tb"),
        (b"X-Obs: a:b: c", b"a:b: c"),
        (b"X-Obs: " + b"v" * 30_000, b"v" * 30_000),
        (b"!#$%&'*+-.^_`|~09: odd", None),
    ):
        data = b"GET /public/x HTTP/1.1\r\n" + HOST + line + b"\r\n\r\n"
        check = (lambda got, value=value: got.value(b"x-obs") == value) if value is not None else None
        either(world, suite, f"odd but legal header {line[:40]!r}", data, check=check)


def methods(world, suite):
    """Methods are words of exact case; TRACE and CONNECT are refused."""
    for method in ("get", "Get", "gET", "GETT", "GE", "HEAD", "POST", "G"):
        data = marked(world, f"{method} /getonly/CANARY HTTP/1.1\r\nHost: app.test\r\n\r\n".encode())
        refused(
            world,
            suite,
            f"{method} where only GET is routed",
            data,
            statuses=(400, 401, 403, 404, 405),
            closes=False,
            timeout=1.5,
        )
    for data in (
        b"TRACE /public/CANARY HTTP/1.1\r\n" + HOST + b"\r\n",
        b"TRACE /public/CANARY HTTP/1.1\r\n" + HOST + b"Max-Forwards: 0\r\n\r\n",
        b"CONNECT app.test:443 HTTP/1.1\r\nHost: app.test:443\r\n\r\n",
        b"CONNECT app.test:443 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"CONNECT /public/CANARY HTTP/1.1\r\n" + HOST + b"\r\n",
        b"CONNECT http://app.test/public/CANARY HTTP/1.1\r\n" + HOST + b"\r\n",
        b"CONNECT app.test HTTP/1.1\r\n" + HOST + b"\r\n",
        b"CONNECT app.test:443 HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello",
    ):
        refused(world, suite, f"{data[:48]!r}", data, statuses=(400, 405, 501), closes=False, timeout=1.5)
    either(
        world,
        suite,
        "a trace in another case is no TRACE",
        b"trace /public/x HTTP/1.1\r\n" + HOST + b"\r\n",
        method="trace",
    )
    data = (
        b"GET /public/x HTTP/1.1\r\n"
        + HOST
        + b"X-HTTP-Method-Override: CANARY\r\nX-HTTP-Method: CANARY\r\nX-Method-Override: CANARY\r\n\r\n"
    )
    passed(world, suite, "method overrides are removed", data)


def limits(world, suite):
    """64 KiB of head, 100 fields, and targets in between."""

    def fields(count):
        return b"".join(b"X-F%d: v\r\n" % index for index in range(count))

    line = b"GET /public/x HTTP/1.1\r\n" + HOST
    passed(world, suite, "90 fields", line + fields(89) + b"\r\n")
    refused(world, suite, "101 fields and Host", LINE + HOST + fields(101) + b"\r\n", statuses=(431,))
    refused(world, suite, "5000 fields", LINE + HOST + fields(5000) + b"\r\n", statuses=(431,))
    passed(world, suite, "a head of 60 KiB", line + b"X-Big: " + b"v" * 60_000 + b"\r\n\r\n")
    refused(world, suite, "a head of 66 KiB", LINE + HOST + b"X-Big: " + b"v" * 66_000 + b"\r\n\r\n", statuses=(431,))
    refused(world, suite, "a head of 1 MiB", LINE + HOST + b"X-Big: " + b"v" * 1_048_576 + b"\r\n\r\n", statuses=(431,))
    refused(world, suite, "a head of 1 MiB without end", LINE + HOST + b"X-Big: " + b"v" * 1_048_576, statuses=(431,))
    refused(world, suite, "a name of 100 KiB", LINE + HOST + b"X" * 100_000 + b": v\r\n\r\n", statuses=(400, 431))
    for size in (70_000, 1_000_000):
        data = b"GET /public/CANARY" + b"a" * size + b" HTTP/1.1\r\n" + HOST + b"\r\n"
        refused(world, suite, f"a target of {size} bytes", data, statuses=(414, 431))
    long = "/public/" + "a" * 6000
    passed(world, suite, "a target of 6 KiB", f"GET {long} HTTP/1.1\r\nHost: app.test\r\n\r\n".encode(), target=long)
    deep = "/public/" + "/".join("a" * 3000)
    either(
        world,
        suite,
        "3000 segments",
        f"GET {deep} HTTP/1.1\r\nHost: app.test\r\n\r\n".encode(),
        target=deep,
        statuses=(400, 414),
    )
    query = "/public/x?" + "&".join(f"a{index}=b" for index in range(4000))
    either(
        world,
        suite,
        "4000 query names",
        f"GET {query} HTTP/1.1\r\nHost: app.test\r\n\r\n".encode(),
        target=query,
        statuses=(400, 414),
    )


def expectations(world, suite):
    """100 Continue comes after the decision, never before or instead."""
    head = b"POST /public/x HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    talk = world.talk(head, 0.3, b"hello")
    suite.check("100-continue, then 200", talk.interim == [100] and talk.statuses == [200], repr(talk))
    denied = marked(world, head.replace(b"/public/x", b"/admin/CANARY"))
    talk = world.talk(denied, timeout=1.5)
    suite.check("no 100 before a 401", talk.interim == [] and talk.statuses == [401] and not world.taken(), repr(talk))
    inner = marked(world, b"GET /public/CANARY HTTP/1.1\r\nHost: app.test\r\n\r\n")
    data = b"POST /admin/x HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(inner)
    talk = world.talk(data, 0.2, inner, until_close=True, timeout=1.5)
    suite.check("a refused expectation's body is no request", talk.statuses == [401] and not world.taken(), repr(talk))
    bad = head.replace(b"Host: app.test", b"Host: app.test\r\nBad Name: x")
    talk = world.talk(bad, timeout=1.5)
    suite.check("no 100 before a 400", talk.interim == [] and talk.statuses == [400] and not world.taken(), repr(talk))
    both = head.replace(b"Content-Length: 5", b"Content-Length: 5\r\nTransfer-Encoding: chunked")
    talk = world.talk(both, timeout=1.5)
    suite.check(
        "no 100 before a framing fault", talk.interim == [] and talk.statuses == [400] and not world.taken(), repr(talk)
    )
    old = head.replace(b"HTTP/1.1", b"HTTP/1.0")
    talk = world.talk(old, 0.2, b"hello", timeout=1.5)
    suite.check("no 100 for HTTP/1.0", talk.interim == [], repr(talk))
    for value in (b"100-Continue", b"100-continue, foo", b"foo", b"", b"200-ok"):
        data = b"POST /public/x HTTP/1.1\r\n" + HOST + b"Expect: " + value + b"\r\nContent-Length: 5\r\n\r\n"
        talk = world.talk(data, 0.2, b"hello", timeout=2.0)
        suite.check(f"Expect: {value.decode()}", talk.first.status in (200, 400, 417), repr(talk))


def upgrades(world, suite):
    """No upgrade that no route allows: never 101, never a word of it at the upstream."""
    settings = b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
    for name, lines in {
        "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" + settings,
        "h2c without Connection": b"Upgrade: h2c\r\n" + settings,
        "h2c, with only Upgrade nominated": b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + settings,
        "h2c in a list": b"Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n" + settings,
        "h2": b"Connection: Upgrade\r\nUpgrade: h2\r\n",
        "TLS": b"Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n",
        "websocket on no websocket route": b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "an unknown protocol": b"Connection: Upgrade\r\nUpgrade: mallory\r\n",
    }.items():
        talk = world.talk(b"GET /public/x HTTP/1.1\r\n" + HOST + lines + b"\r\n", timeout=2.0)
        heads = b"".join(item.head.lower() for item in world.taken())
        clean = b"\r\nupgrade:" not in heads and b"http2-settings" not in heads
        suite.check(
            f"Upgrade: {name}",
            101 not in talk.interim and talk.first.status in (200, 400) and clean,
            f"{talk!r} {heads!r}",
        )
    # What follows an upgrade is a request like any other, until a 101 has been seen (which no route allows here).
    for protocol in (b"websocket", b"mallory", b"h2c"):
        first = b"GET /public/1 HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"
        second = marked(world, b"GET /admin/CANARY HTTP/1.1\r\n" + HOST + b"\r\n")
        talk = world.talk(first + second, want=2, timeout=1.0)
        suite.check(f"a denied request behind Upgrade: {protocol.decode()}", 101 not in talk.interim, repr(talk))
    preface = b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"
    refused(world, suite, "an HTTP/2 preface with a fault", preface, silent=True)
    after = world.talk(
        client.request(), 0.1, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", want=2, until_close=True, timeout=1.5
    )
    suite.check(
        "an HTTP/2 preface in mid connection",
        after.statuses in ([200], [200, 400], [200, 505]) and after.closed,
        repr(after),
    )


def nominated(world, suite):
    """Connection: names what is dropped on this hop, and can drop neither ours nor what the request lives by."""
    bearer = f"Authorization: Bearer {world.token()}\r\n".encode()
    line = b"GET /orders/1 HTTP/1.1\r\n" + HOST + bearer
    ours = support.ROLE_SESSION.encode()
    for names in (
        b"Authorization",
        b"X-Sidegate-Principal-Arn",
        b"Host",
        b"authorization, x-sidegate-principal-arn, x-sidegate-principal-account, host",
        b"Via",
        b"X-Sidegate-Request-Id",
        b"keep-alive, x_sidegate_principal_arn",
        b"close, X-Sidegate-Principal-Arn",
    ):
        either(
            world,
            suite,
            f"Connection: {names.decode()}",
            line + b"Connection: " + names + b"\r\n\r\n",
            target="/orders/1",
            check=lambda got: got.value(b"x-sidegate-principal-arn") == ours and got.value(b"host") == b"app.test",
        )
    data = (
        b"POST /orders/1 HTTP/1.1\r\n" + HOST + bearer + b"Connection: Content-Length\r\nContent-Length: 5\r\n\r\nhello"
    )
    either(world, suite, "Connection: Content-Length", data, target="/orders/1", method="POST", body=b"hello")
    data = (
        b"POST /orders/1 HTTP/1.1\r\n"
        + HOST
        + bearer
        + b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    either(world, suite, "Connection: Transfer-Encoding", data, target="/orders/1", method="POST", body=b"hello")
    data = (
        b"GET /public/x HTTP/1.1\r\n"
        + HOST
        + b"Connection: X-Drop\r\nConnection: x-also\r\nX-Drop: CANARY\r\nX-Also: CANARY\r\nX-Keep: kept\r\n\r\n"
    )
    passed(world, suite, "nominated headers are dropped", data, check=lambda got: got.value(b"x-keep") == b"kept")
    hops = b"".join(
        name + b": CANARY\r\n"
        for name in (b"Keep-Alive", b"Proxy-Connection", b"Proxy-Authorization", b"Proxy-Authenticate")
    )
    either(
        world,
        suite,
        "hop-by-hop headers are dropped",
        b"GET /public/x HTTP/1.1\r\n" + HOST + hops + b"\r\n",
        statuses=(400, 401),
    )
    data = b"GET /public/x HTTP/1.1\r\n" + HOST + b"TE: trailers, gzip\r\nConnection: TE\r\n\r\n"
    passed(world, suite, "TE says at most trailers", data, check=lambda got: got.values(b"te") in ([], [b"trailers"]))
