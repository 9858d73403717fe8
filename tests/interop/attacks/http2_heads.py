"""HTTP/2 request heads: pseudo-headers, connection headers, forbidden letters."""

from h2wire import fields
from http2_verdicts import either, refused


def pseudo_headers(world, suite):
    """Doubled, missing, late, unknown and ill-formed pseudo-headers."""
    mark = b"/public/" + world.canary().encode()
    m, s, a, p = (b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"app.test"), (b":path", mark)
    for case, header_list in {
        "no :method": [s, a, p],
        "no :path": [m, s, a],
        "no :scheme": [m, a, p],
        "nothing at all": [],
        "no pseudo-header": [(b"host", b"app.test")],
        ":method twice": [m, m, s, a, p],
        ":path twice": [m, s, a, p, p],
        ":path twice, differing": [m, s, a, (b":path", b"/public/x"), p],
        ":scheme twice": [m, s, s, a, p],
        ":authority twice": [m, s, a, (b":authority", b"locked.test"), p],
        ":authority twice, the same": [m, s, a, a, p],
        ":path after a field": [m, s, a, (b"x-a", b"b"), p],
        ":method after a field": [s, a, p, (b"x-a", b"b"), m],
        ":authority after a field": [m, s, p, (b"x-a", b"b"), a],
        ":status in a request": [m, s, a, p, (b":status", b"200")],
        "an unknown pseudo-header": [m, s, a, p, (b":evil", b"x")],
        ":protocol without CONNECT": [m, s, a, p, (b":protocol", b"websocket")],
        "an empty name": [m, s, a, p, (b"", b"x")],
        ":host": [m, s, a, p, (b":host", b"x")],
        "an upper-case pseudo-header": [m, s, a, (b":Path", mark)],
        "neither :authority nor host": [m, s, p],
        "an empty :authority": [m, s, (b":authority", b""), p],
    }.items():
        refused(world, suite, f"h2 {case}", header_list)
    for method in (
        b"",
        b" GET",
        b"GET ",
        b"G ET",
        b"GET\r\n",
        b"GET\x00",
        b"GET /admin/x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\xff",
        b"G(T",
    ):
        refused(world, suite, f"h2 :method {method[:20]!r}", fields(method=method, path=mark))
    for path in (
        b"",
        b"public/x",
        b"*",
        b"http://app.test/public/x",
        b"//public/x",
        b"?x",
        b"#x",
        # Not "/public/x#y": the HTTP/2 library cuts the fragment before anyone sees it; what is judged is still what is sent.
        b"/public/ x",
        b"/public/\x00x",
        b"/public/x\r\nX-Evil: y",
        b"/public/x HTTP/1.1\r\nHost: evil\r\n\r\n",
        b"/public/x\n",
        b"/public/\xc3\xa4",
        b"/public/x\x7f",
        b"/public//x",
        b"/public/%2f",
        b"/public/;x",
        b"/public/%zz",
        b"/public/\\x",
        b"/../public/x",
        b"/public/%00",
        b" /public/x",
        b"/public/x\t",
        b"app.test:443",
    ):
        refused(
            world, suite, f"h2 :path {path[:32]!r}", fields(path=path), statuses=(400, 404) if path == b"*" else (400,)
        )
    for authority in (
        b"user@app.test",
        b"app.test:x",
        b"app.test/x",
        b"app.test?x",
        b"app.test#x",
        b"app test",
        b"app.test\r\nX-Evil: y",
        b"app.test\x00",
        b"app.test,locked.test",
        b"app.test:99999",
        b"[::1",
        b"\xc3\xa4.test",
        b"app.test\\",
        b"app%2etest",
        b" app.test",
        b"app.test\t",
    ):
        refused(
            world, suite, f"h2 :authority {authority!r}", fields(authority=authority, path=mark), statuses=(400, 421)
        )
    for scheme in (b"", b"ht tp", b"http\r\n", b"javascript", b"file", b"http://x/?", b"\x00"):
        either(
            world,
            suite,
            f"h2 :scheme {scheme!r}",
            fields(scheme=scheme),
            lambda got: got.target == b"/public/x" and b"javascript" not in got.head and b"file" not in got.head,
        )
    for case, host in {
        "host that disagrees": b"locked.test",
        "host that agrees but for the port": b"app.test:81",
        "host with userinfo": b"x@app.test",
        "empty host": b"",
    }.items():
        refused(world, suite, f"h2 {case}", fields(path=mark, extra=[(b"host", host)]))
    refused(
        world,
        suite,
        "h2 locked.test in :authority, paths.test in host",
        fields(path=mark, authority=b"locked.test", extra=[(b"host", b"paths.test")]),
    )
    refused(
        world,
        suite,
        "h2 paths.test in :authority, locked.test in host",
        fields(path=mark, authority=b"paths.test", extra=[(b"host", b"locked.test")]),
    )
    refused(world, suite, "h2 host twice", fields(path=mark, extra=[(b"host", b"app.test"), (b"host", b"app.test")]))
    refused(
        world, suite, "h2 host twice without :authority", [m, s, p, (b"host", b"app.test"), (b"host", b"locked.test")]
    )

    def one_host(got):
        return got.values(b"host") == [b"app.test"]

    either(world, suite, "h2 host that agrees", fields(extra=[(b"host", b"app.test")]), one_host)
    either(world, suite, "h2 host alone", [m, s, (b":path", b"/public/x"), (b"host", b"app.test")], one_host)


def plain_headers(world, suite):
    """Connection headers, forbidden letters, floods of fields."""
    mark = b"/public/" + world.canary().encode()
    for name, value in (
        (b"transfer-encoding", b"chunked"),
        (b"transfer-encoding", b"identity"),
        (b"connection", b"close"),
        (b"connection", b"x-evil"),
        (b"keep-alive", b"timeout=5"),
        (b"proxy-connection", b"keep-alive"),
        (b"upgrade", b"h2c"),
        (b"upgrade", b"websocket"),
        (b"te", b"gzip"),
        (b"te", b"trailers, gzip"),
        (b"X-Upper", b"x"),
        (b"x-A", b"x"),
        (b"x a", b"x"),
        (b"x:a", b"x"),
        (b"x\ra", b"x"),
        (b"x\na", b"x"),
        (b"x\x00a", b"x"),
        (b"x\xff", b"x"),
        (b" x", b"x"),
        (b"x ", b"x"),
        (b"x(", b"x"),
        (b"x\x7f", b"x"),
        (b"x-a", b"a\r\nx-sidegate-principal-arn: evil"),
        (b"x-a", b"a\nb"),
        (b"x-a", b"a\rb"),
        (b"x-a", b"a\x00b"),
        (b"x-a", b"a\r\n\r\nGET /public/smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n"),
        (b"x-a", b"a\x01b"),
        (b"x-a", b"a\x7fb"),
        (b"transfer-encoding: chunked\r\nx", b"y"),
        (b"http2-settings", b"AAMAAABk"),
        (b"Connection", b"close"),
        (b"Host", b"app.test"),
        (b"content-length", b"-1"),
        (b"content-length", b"+0"),
        (b"content-length", b"0,0"),
        (b"content-length", b"0x0"),
    ):
        if name == b"http2-settings":
            either(
                world,
                suite,
                "h2 http2-settings",
                fields(extra=[(name, value)]),
                lambda got: b"http2-settings" not in got.head.lower(),
            )
        else:
            refused(world, suite, f"h2 {name!r}: {value[:24]!r}", fields(path=mark, extra=[(name, value)]))
    for value in (b" a", b"a ", b"\ta"):
        refused(world, suite, f"h2 x-a: {value!r}", fields(path=mark, extra=[(b"x-a", value)]))
    refused(
        world,
        suite,
        "h2 two Authorization",
        fields(path=mark, extra=[(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")]),
    )
    refused(
        world,
        suite,
        "h2 101 fields",
        fields(path=mark, extra=[(b"x-f%d" % index, b"v") for index in range(101)]),
        statuses=(400, 431),
    )
    either(
        world,
        suite,
        "h2 cookies in 200 crumbs",
        fields(extra=[(b"cookie", b"a%d=b" % index) for index in range(200)]),
        lambda got: len(got.values(b"cookie")) <= 1,
    )
