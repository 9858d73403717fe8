"""Odd requests: targets, heads and framings, by hand and at random from a seed."""

import random

TARGETS = [
    "/", "/a", "/a/", "/a/b", "/a/./b", "/a/../b", "/./a", "/../a", "/a/..", "/a/.", "/a//b", "//a", "/a///", "/.", "/..",
    "/a/%2e%2e/b", "/a/%2E/b", "/%2e%2e/a", "/a/.%2e/b", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/a;b", "/a;b=c/d", "/a%3bb",
    "/%61", "/%41%42", "/a%20b", "/a%2520b", "/a%252fb", "/a%252e%252e/b", "/%25", "/%", "/%4", "/%zz", "/a%00b", "/a%0ab",
    "/a%0d%0ab", "/a%7fb", "/a+b", "/a%2bb", "/a*b", "/a?b", "/a?", "/a??b", "/a?b=/../c", "/a?b#c", "/a#b", "/a%23b", "/a%3fb",
    "/a%3Fb=c", "/%c3%a9", "/%C3%A9", "/%ff", "/%c0%ae%c0%ae/a", "/\u00e9", "/a:b", "/a@b", "/a,b", "/a=b", "/a&b", "/a'b", "/a(b)",
    "/a!b", "/a$b", "/a~b", "/a_b-c.d", "/...", "/.../a", "/a/.../b", "/a/..b", "/a/b..", "/a/.b", "/~a", "/%7ea", "/a|b", "/a^b", "/a`b",
    "/a{b}", "/a<b>", '/a"b', "/a%22b", "/a[b]", "/a%5Bb%5D", "*", "a", "http://HOST/a", "http://HOST", "http://HOST?b", "HTTP://HOST/a/../b",
    "https://HOST/a", "http://other.test/a", "http://u@HOST/a", "/a/%E2%80%AE", "/a%ef%bc%8fb", "/%ef%bc%8e%ef%bc%8e/a", "/a" * 500,
]
HEADS = [
    "GET /a HTTP/1.0\r\nHost: HOST\r\n", "GET /a HTTP/1.1\r\nhost:HOST\r\n", "GET /a HTTP/1.1\r\nHOST: HOST \r\n",
    "GET /a HTTP/1.1\r\nHost: HOST:80\r\n", "GET /a HTTP/1.1\r\nHost: HOST.\r\n", "GET /a HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n",
    "GET /a HTTP/1.1\r\nHost: HOST\r\nHost: other.test\r\n", "GET /a HTTP/1.1\r\n", "GET /a HTTP/1.1\r\nHost: HOST, other.test\r\n",
    "GET /a HTTP/1.1\nHost: HOST\n", "GET /a HTTP/1.1\r\nHost: HOST\r\nA: b\n", "GET  /a HTTP/1.1\r\nHost: HOST\r\n",
    "GET /a HTTP/1.1 \r\nHost: HOST\r\n", "GET /a b HTTP/1.1\r\nHost: HOST\r\n", "GET /a\tb HTTP/1.1\r\nHost: HOST\r\n",
    "GET\t/a\tHTTP/1.1\r\nHost: HOST\r\n", "get /a HTTP/1.1\r\nHost: HOST\r\n", "GeT /a HTTP/1.1\r\nHost: HOST\r\n",
    "PATCH /a HTTP/1.1\r\nHost: HOST\r\n", "HEAD /a HTTP/1.1\r\nHost: HOST\r\n", "OPTIONS * HTTP/1.1\r\nHost: HOST\r\n",
    "OPTIONS /a HTTP/1.1\r\nHost: HOST\r\n", "TRACE /a HTTP/1.1\r\nHost: HOST\r\n", "CONNECT HOST:80 HTTP/1.1\r\nHost: HOST\r\n",
    "PROPFIND /a HTTP/1.1\r\nHost: HOST\r\n", "M-SEARCH /a HTTP/1.1\r\nHost: HOST\r\n", "GET /a HTTP/1.1\r\n Host: HOST\r\n",
    "GET /a HTTP/1.1\r\nHost: HOST\r\nA: b\r\n c\r\n", "GET /a HTTP/1.1\r\nHost : HOST\r\n", "GET /a HTTP/1.1\r\nHost: HOST\r\nA : b\r\n",
    "GET /a HTTP/1.1\r\nHost: HOST\r\nA\r\n", "GET /a HTTP/1.1\r\nHost: HOST\r\n: b\r\n", "GET /a HTTP/1.1\r\nHost: HOST\r\nA: b\rc\r\n",
    "GET /a HTTP/1.1\r\nHost: HOST\r\nA: \x00\r\n", "GET /a HTTP/1.1\r\nHost: HOST\r\nA:\x0bb\r\n", "\r\nGET /a HTTP/1.1\r\nHost: HOST\r\n",
    "GET /a HTTP/1.2\r\nHost: HOST\r\n", "GET /a HTTP/2.0\r\nHost: HOST\r\n", "GET /a HTTP/1.1\r\nHost: HOST\r\nX_Case: other\r\n",
    "GET /a HTTP/1.1\r\nHost: HOST\r\nX-HTTP-Method-Override: DELETE\r\n", "GET /a HTTP/1.1\r\nHost: HOST\r\nX-Original-URL: /b\r\n",
    "GET /a HTTP/1.1\r\nHost: HOST\r\nX-Rewrite-URL: /b\r\n", "GET /a HTTP/1.1\r\nHost: HOST\r\nConnection: close, host\r\n",
    "GET /a HTTP/1.1\r\nHost: HOST\r\nConnection: x-other\r\n", "GET /a HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\n",
]
BODIES = [
    ("Content-Length: 3\r\n", "abc", 3), ("Content-Length: 0\r\n", "", 0), ("Content-Length: 03\r\n", "abc", 3),
    ("Content-Length: +3\r\n", "abc", 3), ("Content-Length: 3\r\nContent-Length: 3\r\n", "abc", 3),
    ("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd", 3), ("Content-Length: 3, 3\r\n", "abc", 3), ("Content-Length: 3 \r\n", "abc", 3),
    ("Content-Length: 0x3\r\n", "abc", 3), ("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", 3),
    ("Transfer-Encoding: Chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", 3), ("Transfer-Encoding: chunked\r\n", "03;x=y\r\nabc\r\n0\r\n\r\n", 3),
    ("Transfer-Encoding: chunked\r\n", "3 \r\nabc\r\n0\r\n\r\n", 3), ("Transfer-Encoding: chunked\r\n", "3\nabc\n0\n\n", 3),
    ("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nA: b\r\n\r\n", 3), ("Transfer-Encoding: chunked\r\n", "+3\r\nabc\r\n0\r\n\r\n", 3),
    ("Transfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n", 3), ("Transfer-Encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n", 3),
    ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "3\r\nabc\r\n0\r\n\r\n", 3), ("Transfer-Encoding: xchunked\r\n", "abc", 3),
    ("Transfer-Encoding: identity\r\n", "abc", 3), ("Transfer-Encoding: gzip, chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", 3),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", 3), ("Transfer-Encoding : chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", 3),
    ("Content_Length: 5\r\nContent-Length: 3\r\n", "abc", 3),
]
PIECES = [
    "/", "/", "/", "a", "B", ".", "..", "%2e", "%2E%2e", "%2f", "%5c", ";", "%3b", "%25", "%252e", "%61", "+", "%20", "%c3%a9", "~", "?", "=", "&",
    "%3f", "%23", "*", ":", "@", "//", "%", "%00", "\\", "c.d", "-", "_",
]


def targets(count, seed=7):
    """At random, out of what paths are made of."""
    choose = random.Random(seed)
    return ["/" + "".join(choose.choice(PIECES) for _ in range(choose.randint(1, 8))) for _ in range(count)]


def requests(count):
    """(bytes with HOST and CASE to be filled in, length of the body)."""
    end = "X-Case: CASE\r\nConnection: close\r\n\r\n"
    for target in TARGETS + targets(count):
        yield f"GET {target} HTTP/1.1\r\nHost: HOST\r\n{end}", 0
    for head in HEADS:
        yield head + (end if "Connection" not in head else end.replace("Connection: close\r\n", "")), 0
    for method in ("POST", "PUT", "GET", "DELETE"):
        for fields, body, length in BODIES:
            yield f"{method} /body HTTP/1.1\r\nHost: HOST\r\n{fields}{end}{body}", length
