"""HTTP/1 request lines, targets and Host."""

from verdicts import either, passed, refused

HOST = b"Host: app.test\r\n"
LINE = b"GET /public/CANARY HTTP/1.1\r\n"


def run(world, suite):
    """All cases of where a request goes."""
    request_lines(world, suite)
    targets(world, suite)
    hosts(world, suite)


def request_lines(world, suite):
    """Lines that are no request line, and versions that are none of ours."""
    for line in (
        b"GET  /public/CANARY HTTP/1.1",
        b"GET /public/CANARY  HTTP/1.1",
        b"GET\t/public/CANARY\tHTTP/1.1",
        b" GET /public/CANARY HTTP/1.1",
        b"GET /public/CANARY HTTP/1.1 ",
        b"GET /public/CANARY HTTP/1.1\t",
        b"GET /public/CANARY http/1.1",
        b"GET /public/CANARY HTTP/1,1",
        b"GET /public/CANARY HTTP/01.1",
        b"GET /public/CANARY HTTP/1.10",
        b"GET /public/CANARY HTTP/1",
        b"GET /public/CANARY HTTP/1.",
        b"GET /public/CANARY HTTP/.1",
        b"GET /public/CANARY HTTPS/1.1",
        b"GET /public/CANARY ICAP/1.0",
        b"GET /public/CANARY HTTP/1.1 HTTP/1.1",
        b"GET /public/CANARY x HTTP/1.1",
        b"GET /public/\x0bCANARY HTTP/1.1",
        b"GET /public/\x00CANARY HTTP/1.1",
        b"GET /public/CANARY HTTP/-1.1",
        b"GET /public/\x7fCANARY HTTP/1.1",
        b"G\x00ET /public/CANARY HTTP/1.1",
        b"GE T /public/CANARY HTTP/1.1",
        b"GET(/public/CANARY HTTP/1.1",
        b"G\xc3\x89T /public/CANARY HTTP/1.1",
        b"GET /public/CANARY\rHTTP/1.1",
        b"GET /public/CANARY HTTP/1.1\rX: y",
        b"GET/public/CANARY HTTP/1.1",
        b"/public/CANARY HTTP/1.1",
        b"GET HTTP/1.1",
        b"{} /public/CANARY HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /public/CANARY \x0cHTTP/1.1",
        b"GET /public/CANARY HTTP/1.1\x00",
        b"\xef\xbb\xbfGET /public/CANARY HTTP/1.1",
        b":method: GET",
    ):
        refused(world, suite, f"request line {line!r}", line + b"\r\n" + HOST + b"\r\n", silent=True)
    for version in (b"HTTP/2.0", b"HTTP/2", b"HTTP/3.0", b"HTTP/0.9", b"HTTP/9.9", b"HTTP/0.0"):
        data = b"GET /public/CANARY " + version + b"\r\n" + HOST + b"\r\n"
        refused(world, suite, f"version {version!r}", data, statuses=(400, 505), silent=True)
    refused(world, suite, "HTTP/0.9", b"GET /public/CANARY\r\n\r\n", statuses=(400, 505), silent=True)
    refused(world, suite, "HTTP/0.9 with an LF", b"GET /public/CANARY\n\n", statuses=(400, 505), silent=True)
    long = "G" * 10_000
    either(
        world, suite, "a method of 10 KiB", f"{long} /public/x HTTP/1.1\r\nHost: app.test\r\n\r\n".encode(), method=long
    )
    refused(world, suite, "NULs before the request", b"\x00\x00" + LINE + HOST + b"\r\n", silent=True)
    plain = b"GET /public/x HTTP/1.1\r\n" + HOST + b"\r\n"
    either(world, suite, "one empty line before the request", b"\r\n" + plain)
    either(world, suite, "version HTTP/1.2", plain.replace(b"1.1", b"1.2"), statuses=(400, 505))
    either(world, suite, "HTTP/1.0 with Host", plain.replace(b"1.1", b"1.0"))
    refused(world, suite, "HTTP/1.0 without Host", b"GET /public/x HTTP/1.0\r\n\r\n")
    for name, data in {
        "all lines": plain.replace(b"\r\n", b"\n"),
        "the request line": plain.replace(b"\r\n", b"\n", 1),
        "the last line": plain[:-2] + b"\n",
        "a header line": b"GET /public/x HTTP/1.1\r\nA: b\n" + HOST + b"\r\n",
    }.items():
        either(world, suite, f"bare LF ends {name}: refused, or forwarded with CRLF", data)


def targets(world, suite):
    """The four forms of a target, and what is none of them."""
    for target in (
        b"/public/CANARY#x",
        b"/public/CANARY#",
        b"#",
        b"public/CANARY",
        b"*/CANARY",
        b"app.test:80",
        b"//public/CANARY",
        b"?CANARY",
        b"http:/public/CANARY",
        b"http:///public/CANARY",
        b"http://",
        b"http:CANARY",
        b"://app.test/CANARY",
        b"/public/CA\xe9NARY",
        b"http://user@app.test/public/CANARY",
        b"http://user:pw@app.test/public/CANARY",
        b"http://app.test@evil.test/public/CANARY",
        b"http://app.test:x/public/CANARY",
        b"http://app.test:99999/public/CANARY",
        b"http://app.test\\@evil.test/public/CANARY",
        b"http://app.test#/public/CANARY",
        b"http://[::1/public/CANARY",
        b"http://app_test /public/CANARY",
        b"/public/x?a=CANARY\xff",
        b"/public/x?q=\x01CANARY",
        b"/public/x?q=CANARY#frag",
        b"\\public\\CANARY",
        b"\xef\xbc\x8fpublic/CANARY",
        b"http://evil.test/public/CANARY",
        b"http://locked.test/public/CANARY",
        b"http://app.test:81/public/CANARY",
        b"http://app.test./public/CANARY",
    ):
        refused(
            world,
            suite,
            f"target {target!r}",
            b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n",
            closes=False,
            timeout=1.5,
        )
    for target in (
        b"ftp://app.test/public/CANARY",
        b"file:///public/CANARY",
        b"javascript:CANARY",
        b"ws://app.test/public/CANARY",
    ):
        refused(
            world,
            suite,
            f"target {target!r}",
            b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n",
            statuses=(400, 421),
            closes=False,
            timeout=1.5,
        )
    for method in (b"GET", b"POST", b"OPTIONS"):
        data = method + b" * HTTP/1.1\r\n" + HOST + b"\r\n"
        statuses = (400, 404, 401, 405) if method == b"OPTIONS" else (400,)
        refused(world, suite, f"{method.decode()} *", data, statuses=statuses, closes=False, timeout=1.5)

    def same_host(got):
        return got.value(b"host") == b"app.test"

    for absolute in ("http://app.test/public/x", "HTTP://app.test/public/x", "http://APP.test/public/x"):
        data = f"GET {absolute} HTTP/1.1\r\nHost: app.test\r\n\r\n".encode()
        either(
            world,
            suite,
            f"{absolute} agreeing with Host",
            data,
            check=lambda got: got.value(b"host").lower() == b"app.test",
        )
    passed(
        world,
        suite,
        "absolute-form agreeing with Host",
        b"GET http://app.test/public/x HTTP/1.1\r\n" + HOST + b"\r\n",
        check=same_host,
    )
    either(
        world,
        suite,
        "absolute-form https on a plaintext listener",
        b"GET https://app.test/public/x HTTP/1.1\r\n" + HOST + b"\r\n",
        check=same_host,
    )
    either(
        world,
        suite,
        "absolute-form with port 80",
        b"GET http://app.test:80/public/x HTTP/1.1\r\nHost: app.test\r\n\r\n",
    )
    data = b"GET http://app.test/public/x HTTP/1.1\r\n\r\n"
    refused(world, suite, "absolute-form without Host", data)
    passed(
        world,
        suite,
        "query as it came",
        b"GET /public/x?a=%2e%2E/..//;&b=%zz&a=%00 HTTP/1.1\r\n" + HOST + b"\r\n",
        target="/public/x?a=%2e%2E/..//;&b=%zz&a=%00",
    )
    passed(world, suite, "an empty query", b"GET /public/x? HTTP/1.1\r\n" + HOST + b"\r\n", target="/public/x?")
    for name, first, second in (
        ("locked.test in the line, paths.test in Host", b"locked.test", b"paths.test"),
        ("paths.test in the line, locked.test in Host", b"paths.test", b"locked.test"),
        ("app.test in the line, locked.test in Host", b"app.test", b"locked.test"),
    ):
        refused(
            world,
            suite,
            name,
            b"GET http://" + first + b"/CANARY HTTP/1.1\r\nHost: " + second + b"\r\n\r\n",
            closes=False,
            timeout=1.5,
        )


def hosts(world, suite):
    """Host: exactly one, and a host it must be."""
    for name, lines in {
        "no Host": b"",
        "Host twice, the same": HOST + HOST,
        "Host twice, differing": HOST + b"Host: locked.test\r\n",
        "Host twice, in two cases": HOST + b"hOsT: paths.test\r\n",
        "Host twice, one empty": HOST + b"Host:\r\n",
        "a space before Host's colon": b"Host : app.test\r\n",
        "Host folded": b"Host:\r\n app.test\r\n",
        "Host on a line with a space before": b"A: b\r\n Host: app.test\r\n",
    }.items():
        refused(world, suite, name, LINE + lines + b"\r\n")
    for value in (
        b"",
        b"user@app.test",
        b"user:pw@app.test",
        b"app.test:x",
        b"app.test:-1",
        b"app.test:99999",
        b"app.test:80:80",
        b"app test",
        b"app.test/",
        b"app.test/public",
        b"app.test?x",
        b"app.test#x",
        b"app.test, locked.test",
        b"app.test,locked.test",
        b"app.test\\",
        b"app.test;x",
        b"<app.test>",
        b"[::1",
        b"::1]",
        b"[::1]x",
        b"[zz]",
        b"app.test\x0b",
        b"app\x00.test",
        b"app%2etest",
        b"app%00.test",
        b"\xc3\xa4pp.test",
        b"app.test\xa0",
        b"app.test:80 ,x",
        b"http://app.test",
        b"app.test\tx",
        b'app.test"',
        b"app.test^",
        b"app.test{x}",
        b"app.test`x`",
        b"app..test",
        b".app.test",
        b".",
        b":80",
        b"app.test: 80",
        b"app.test :80",
        b"[::1]:x",
        b'"app.test"',
        b"app.test|x",
        b"a" * 300 + b".test",
    ):
        refused(
            world,
            suite,
            f"Host {value[:40]!r}",
            LINE + b"Host: " + value + b"\r\n\r\n",
            statuses=(400, 421),
            closes=False,
            timeout=1.5,
        )

    def unchanged(value):
        return lambda got: got.value(b"host") == value

    for value in (b"app.test", b"app.test:80", b"APP.TEST", b"app.test.", b"127.0.0.1:8080", b"[::1]", b"[::1]:8080"):
        passed(
            world,
            suite,
            f"honest Host {value!r}",
            b"GET /public/x HTTP/1.1\r\nHost: " + value + b"\r\n\r\n",
            check=unchanged(value),
        )
    either(world, suite, "Host with an empty port", b"GET /public/x HTTP/1.1\r\nHost: app.test:\r\n\r\n")
    for value in (
        b"locked.test",
        b"LOCKED.test",
        b"locked.test.",
        b"locked.test:80",
        b"LoCkEd.TeSt.:8080",
        b"\tlocked.test ",
    ):
        refused(
            world,
            suite,
            f"Host {value!r} is locked",
            LINE + b"Host: " + value + b"\r\n\r\n",
            statuses=(400, 401),
            closes=False,
            timeout=1.5,
        )
