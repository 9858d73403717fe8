"""Requests that no SDK would sign: a signer made by hand breaks one rule of Signature Version 4 at a time."""

import base64
import datetime
import hashlib
import hmac
import random
import re
import socket
import urllib.parse
import zlib

from world import KEY, REGION, SECRET, Upstream

EMPTY = hashlib.sha256(b"").hexdigest()
HOST = [("Host", "app.test")]
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def stamp_of(shift=0):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=shift)
    return moment.strftime("%Y%m%dT%H%M%SZ")


def escape(text, safe="-._~"):
    return urllib.parse.quote(text, safe=safe)


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256)


class Signed:
    """One signed request: where it goes, its headers, and what chunks are signed with."""

    def __init__(self, method, path, query="", headers=(), payload=EMPTY, **more):
        self.stamp = more.get("stamp") or stamp_of()
        self.scope = more.get("scope") or f"{self.stamp[:8]}/{REGION}/app/aws4_request"
        expires = more.get("expires")
        headers = [*HOST, *headers] + ([] if expires is not None else [("X-Amz-Date", self.stamp)])
        values = {}
        for name, value in headers:
            values.setdefault(name.lower(), []).append(" ".join(value.split()))
        names = more.get("names") or sorted(values)
        if expires is not None:
            added = {
                "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
                "X-Amz-Credential": f"{KEY}/{self.scope}",
                "X-Amz-Date": self.stamp,
                "X-Amz-Expires": expires,
                "X-Amz-SignedHeaders": ";".join(names),
            }
            query += ("&" if query else "") + "&".join(f"{name}={escape(value)}" for name, value in added.items())
        pairs = [(pair.split("=", 1) + [""])[:2] for pair in query.split("&") if pair]
        pairs = sorted(tuple(escape(urllib.parse.unquote(part)) for part in pair) for pair in pairs)
        lines = [method, more.get("canonical_path") or escape(path, "/-._~"), "&".join("=".join(pair) for pair in pairs)]
        lines += [f"{name}:{','.join(values.get(name, ['']))}" for name in names] + ["", ";".join(names), payload]
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        self.key = f"AWS4{SECRET}".encode()
        for part in self.scope.split("/"):
            self.key = mac(self.key, part).digest()
        self.signature = mac(self.key, f"AWS4-HMAC-SHA256\n{self.stamp}\n{self.scope}\n{digest}").hexdigest()
        if expires is None:
            credential = f"Credential={KEY}/{self.scope}, SignedHeaders={';'.join(names)}, Signature={self.signature}"
            headers.append(("Authorization", f"AWS4-HMAC-SHA256 {credential}"))
        else:
            query += f"&X-Amz-Signature={self.signature}"
        self.method, self.headers = method, headers
        self.target = path + (f"?{query}" if query else "")

    def without(self, name):
        return [pair for pair in self.headers if pair[0].lower() != name]

    def head(self, name):
        return next(value for known, value in self.headers if known.lower() == name)


class Wire:
    """Sends bytes, and says what came of them."""

    def __init__(self, world, check):
        self.address, self.check = world.plain, check

    def answer(self, method, target, headers, body=b""):
        """The status, and the requests that reached the upstream whole."""
        headers = list(headers)
        if body and not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in headers):
            headers.append(("Content-Length", str(len(body))))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        data = f"{method} {target} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode("utf-8") + body
        before = len(Upstream.heard)
        host, port = self.address.split(":")
        found = b""
        with socket.create_connection((host, int(port)), timeout=60) as stream:
            try:
                stream.sendall(data)
            except OSError:
                pass  # It is refused before all of it was sent.
            try:
                while more := stream.recv(65536):
                    found += more
            except OSError:
                pass
        status = re.match(rb"HTTP/1\.1 (\d+)", found)
        return int(status[1]) if status else 0, [heard for heard in Upstream.heard[before:] if heard["whole"]]

    def refused(self, name, signed, headers=None, target=None, body=b"", method=None):
        status, heard = self.answer(method or signed.method, target or signed.target, headers or signed.headers, body)
        self.check(f"attack: {name}", status in (400, 401) and not heard, f"{status} {heard}")

    def passes(self, name, signed, headers=None, target=None, body=b""):
        status, heard = self.answer(signed.method, target or signed.target, headers or signed.headers, body)
        self.check(f"attack, harmless: {name}", status == 200 and len(heard) == 1, f"{status} {heard}")
        return heard


def run(world, check):
    wire = Wire(world, check)
    heads(wire)
    scopes_and_times(wire)
    presigned(wire)
    coverage(wire)
    paths(wire)
    bodies(wire)
    chunks(wire)
    trailers(wire)
    mutations(wire)


def heads(wire):
    signed = Signed("GET", "/a")
    wire.passes("the one that is changed", signed)
    line, rest = signed.head("authorization"), signed.without("authorization")
    digits = line[-64:]
    for name, changed in {
        "a comma at the end": line + ",",
        "semicolons": line.replace(", ", "; "),
        "quotes": line.replace("Signature=", 'Signature="') + '"',
        "capitals": line[:-64] + digits.upper(),
        "tabs": line.replace(", ", ",\t"),
        "a second signature": f"{line}, Signature={digits}",
        "another algorithm": line.replace("SHA256 ", "SHA512 "),
        "SigV4a": line.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        "version 2": f"AWS {KEY}:AAAA",
        "behind a bearer token": "Bearer x, " + line,
        "a digit more": line + "0",
        "a digit less": line[:-1],
        "nothing": line.split(" ")[0],
    }.items():
        wire.refused(f"Authorization with {name}", signed, rest + [("Authorization", changed)])
    wire.refused("two Authorization lines", signed, signed.headers + [("Authorization", line)])
    link = Signed("GET", "/a", expires="60")
    wire.refused("both forms", signed, target=link.target)
    wire.refused("a signed query with a bearer token", link, link.headers + [("Authorization", "Bearer x")])
    wire.refused("a signed query with an API key", link, link.headers + [("X-Api-Key", "sgk_abcd_" + "x" * 40)])
    wire.refused("a session token alone", link, HOST + [("X-Amz-Security-Token", "x")], target="/a")


def scopes_and_times(wire):
    day = stamp_of()[:8]
    for scope in (
        f"20200101/{REGION}/app/aws4_request", f"{day}/{REGION.upper()}/app/aws4_request",
        f"{day}/{REGION}/APP/aws4_request", f"{day}/{REGION}/app/aws4_REQUEST", f"{day}/{REGION}/app/aws4_request/",
        f"{day}//app/aws4_request", f"{day}/{REGION}./app/aws4_request", f"{day}/*/app/aws4_request",
        f"{day}/{REGION}/s3/aws4_request", f"{day}/{REGION}/app", f"{day}/eu-west-1/app/aws4_request",
    ):
        wire.refused(f"scope {scope}", Signed("GET", "/a", scope=scope))
        wire.refused(f"scope {scope}, presigned", Signed("GET", "/a", scope=scope, expires="60"))
    for stamp in (
        stamp_of(-310), stamp_of(310), stamp_of(86_400), stamp_of(-86_700), "20260230T000000Z", f"{day}T246000Z",
        stamp_of()[:-1], stamp_of() + "Z", stamp_of().lower(), f"{day}T120000+0000",
    ):
        wire.refused(f"time {stamp}", Signed("GET", "/a", stamp=stamp))
        scope = f"{day}/{REGION}/app/aws4_request"
        wire.refused(f"time {stamp}, today's scope", Signed("GET", "/a", stamp=stamp, scope=scope))
    dated = Signed("GET", "/a", headers=[("Date", "Mon, 23 Nov 2026 14:00:00 GMT")])
    wire.refused("Date in place of X-Amz-Date", dated, dated.without("x-amz-date"))


def presigned(wire):
    for expires in ("0", "-1", "604801", "+60", "60 ", " 60", "1e2", "0x3c", "", "9" * 30, "60.0", "\u0666\u0660"):
        wire.refused(f"X-Amz-Expires={expires}", Signed("GET", "/a", expires=expires))
    wire.passes("the longest life", Signed("GET", "/a", expires="604800", stamp=stamp_of(-604_000)))
    wire.refused("its time over", Signed("GET", "/a", expires="60", stamp=stamp_of(-63)))
    wire.refused("its time to come", Signed("GET", "/a", expires="600", stamp=stamp_of(310)))
    signed = Signed("GET", "/a", expires="600")
    target = signed.target
    for name, changed in {
        "a second signature": target + "&X-Amz-Signature=00",
        "a second life": target + "&X-Amz-Expires=700",
        "small letters": target.replace("X-Amz-Signature", "x-amz-signature"),
        "a name escaped twice": target.replace("X-Amz-Signature", "X%252DAmz-Signature"),
        "a plus": target + "&a=b+c",
        "a semicolon": target.replace("&X-Amz-Date", ";X-Amz-Date"),
        "one parameter more": target + "&a=b",
        "a session token": target + "&X-Amz-Security-Token=x",
        "a payload": target + "&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD",
        "no algorithm": target.replace("X-Amz-Algorithm=AWS4-HMAC-SHA256&", ""),
    }.items():
        wire.refused(f"presigned with {name}", signed, target=changed)
    heard = wire.passes("an escaped name", signed, target=target.replace("X-Amz-Signature", "X%2DAmz-Signature"))
    wire.check("attack: the escaped one is taken away too", heard and "?" not in heard[0]["target"], heard)


def coverage(wire):
    signed = Signed("GET", "/a", headers=[("X-Amz-Meta", "1"), ("X-Amz-List", "a"), ("X-Amz-List", "b")])
    wire.passes("a header in two lines", signed)
    for name in ("X-Amz-Other", "X-Amz-Security-Token", "x_amz_other", "x.amz.other", "X-Amz-", "x~amz~other",
                 "x!amz-other", "x-amz'other", "x*amz*other", "x|amz^other"):
        wire.refused(f"{name} added", signed, signed.headers + [(name, "x")])
    wire.refused("a header taken away", signed, signed.without("x-amz-meta"))
    wire.refused("a header twice", signed, signed.headers + [("X-Amz-Meta", "1")])
    swapped = signed.without("x-amz-list") + [("X-Amz-List", "b"), ("X-Amz-List", "a")]
    wire.refused("lines in another order", signed, swapped)
    wire.refused("a signed header of one hop", signed, signed.headers + [("Connection", "X-Amz-Meta")])
    wire.refused("an unsigned host", Signed("GET", "/a", names=["x-amz-date"]))
    plain = Signed("GET", "/a")
    for host in ("APP.TEST", "app.test:80", "app.test."):
        wire.refused(f"host {host}", plain, [("Host", host)] + plain.without("host"))


def paths(wire):
    for path in ("/a%20b", "/%61", "/a/%2e%2e/b"):
        wire.passes(f"{path}, encoded twice", Signed("GET", path))
        for kind, canonical in (("once", path), ("anew", escape(urllib.parse.unquote(path), "/-._~"))):
            wire.refused(f"{path}, encoded {kind}", Signed("GET", path, canonical_path=canonical))
    signed = Signed("GET", "/b")
    for path in ("/b/", "/b/.", "/%62", "//b", "/b/..", "/b/x/..", "/b;x", "/B", "/b%20", "/b/%2e", "/c/%2e%2e/b", "/b?x"):
        wire.refused(f"the signature of /b on {path}", signed, target=path)
    for path in ("/a/../b", "/./b", "/b/../b"):
        heard = wire.passes(f"the signature of /b on {path}", signed, target=path)
        wire.check(f"attack: {path} arrives as /b", heard and heard[0]["target"] == "/b", heard)


def bodies(wire):
    body = b"hello"
    right = hashlib.sha256(body).hexdigest()
    for payload in ("UNSIGNED-PAYLOAD", "unsigned-payload", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", right.upper(), EMPTY, "",
                    "STREAMING-AWS4-HMAC-SHA256-EVENTS", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"):
        signed = Signed("POST", "/a", headers=[("X-Amz-Content-Sha256", payload)], payload=payload)
        wire.refused(f"payload {payload}", signed, body=body)
    signed = Signed("POST", "/a", payload=right)
    wire.passes("a hash that is not in the head", signed, body=body)
    wire.refused("another body", signed, body=b"hellx")
    wire.refused("no body", signed)
    unsigned = Signed("GET", "/a", headers=[("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")], payload="UNSIGNED-PAYLOAD")
    wire.passes("nothing unsigned", unsigned)
    wire.refused("GET with an unsigned body", unsigned, body=b"x")
    chunked = unsigned.headers + [("Transfer-Encoding", "chunked")]
    wire.refused("GET with an unsigned body of no length", unsigned, chunked, body=b"1\r\nx\r\n0\r\n\r\n")
    twice = [("X-Amz-Content-Sha256", right), ("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")]
    wire.refused("two payloads", Signed("POST", "/a", headers=twice, payload=right), body=body)


def coded(parts, trailing=None, headers=(), mode=None, length=None):
    """A request of signed chunks, and its chunks: size, signature, line end, data, line end."""
    mode = mode or SIGNED + ("-TRAILER" if trailing is not None else "")
    size = sum(map(len, parts)) if length is None else length
    said = [("X-Amz-Content-Sha256", mode), ("Content-Encoding", "aws-chunked"), ("X-Amz-Decoded-Content-Length", str(size))]
    signed = Signed("PUT", "/a", headers=[*said, *headers], payload=mode)
    before, made = signed.signature, []
    start = lambda kind: f"{kind}\n{signed.stamp}\n{signed.scope}\n{before}\n"
    for data in [*parts, b""]:
        text = start("AWS4-HMAC-SHA256-PAYLOAD") + f"{EMPTY}\n{hashlib.sha256(data).hexdigest()}"
        before = mac(signed.key, text).hexdigest()
        made.append([b"%x" % len(data), b";chunk-signature=" + before.encode(), b"\r\n", data, b"\r\n"])
    if trailing is not None:
        made[-1][4] = b""
        lines = "".join(f"{name}:{value}\n" for name, value in trailing)
        text = start("AWS4-HMAC-SHA256-TRAILER") + hashlib.sha256(lines.encode()).hexdigest()
        last = mac(signed.key, text).hexdigest()
        made.append([lines.replace("\n", "\r\n").encode() + f"x-amz-trailer-signature:{last}\r\n\r\n".encode()])
    return signed, made


def joined(made):
    return b"".join(b"".join(chunk) for chunk in made)


PARTS = [b"A" * 70_000, b"B" * 9000, b"C" * 10]


def chunks(wire):
    signed, made = coded(PARTS)
    wire.passes("chunks", signed, body=joined(made))
    changes = {
        "another signature": lambda size, sign, line, data, end: (size, sign[:-1] + (b"1" if sign[-1:] == b"0" else b"0"), line, data, end),
        "a signature in capitals": lambda size, sign, line, data, end: (size, sign[:17] + sign[17:].upper(), line, data, end),
        "no signature": lambda size, sign, line, data, end: (size, b"", line, data, end),
        "an empty signature": lambda size, sign, line, data, end: (size, sign[:17], line, data, end),
        "two signatures": lambda size, sign, line, data, end: (size, sign + sign, line, data, end),
        "an extension before": lambda size, sign, line, data, end: (size, b";a=b" + sign, line, data, end),
        "an extension behind": lambda size, sign, line, data, end: (size, sign + b";a=b", line, data, end),
        "a space": lambda size, sign, line, data, end: (size, b" " + sign, line, data, end),
        "a sign": lambda size, sign, line, data, end: (b"+" + size, sign, line, data, end),
        "0x": lambda size, sign, line, data, end: (b"0x" + size, sign, line, data, end),
        "a larger size": lambda size, sign, line, data, end: (b"%x" % (int(size, 16) + 1), sign, line, data, end),
        "a smaller size": lambda size, sign, line, data, end: (b"%x" % (int(size, 16) - 1), sign, line, data, end),
        "no size": lambda size, sign, line, data, end: (b"", sign, line, data, end),
        "a huge size": lambda size, sign, line, data, end: (b"f" * 16, sign, line, data, end),
        "a size that wraps": lambda size, sign, line, data, end: (b"1" + size.rjust(16, b"0"), sign, line, data, end),
        "a bare line feed": lambda size, sign, line, data, end: (size, sign, b"\n", data, end),
        "a bare return": lambda size, sign, line, data, end: (size, sign, b"\r", data, end),
        "no line end": lambda size, sign, line, data, end: (size, sign, line, data, b""),
        "a line feed behind": lambda size, sign, line, data, end: (size, sign, line, data, b"\n"),
        "other data": lambda size, sign, line, data, end: (size, sign, line, b"x" + data[1:], end),
        "more data": lambda size, sign, line, data, end: (size, sign, line, data + b"x", end),
    }
    for at in range(len(made)):
        for name, change in changes.items():
            other = list(made)
            other[at] = change(*made[at])
            wire.refused(f"chunk {at} with {name}", signed, body=joined(other))
        wire.refused(f"chunk {at} left out", signed, body=joined(made[:at] + made[at + 1 :]))
        wire.refused(f"chunk {at} twice", signed, body=joined(made[: at + 1] + made[at:]))
        other = list(made)
        other[at - 1], other[at] = other[at], other[at - 1]
        wire.refused(f"chunk {at} before the one before", signed, body=joined(other))
        wire.refused(f"an end before chunk {at}", signed, body=joined(made[:at]) + b"0\r\n\r\n")
    whole = joined(made)
    for name, body in {
        "a byte more": whole + b"x", "a line end more": whole + b"\r\n", "a second body": whole * 2, "nothing": b"",
        "a trailer that was not asked for": whole[:-2] + b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n", "no chunks": b"A" * 100,
    }.items():
        wire.refused(f"chunks with {name}", signed, body=body)
    for length in (0, 1, 79_009, 79_011, 10**30, -1, "", "0x10"):
        other, chunks_of = coded(PARTS, length=length)
        wire.refused(f"a decoded length of {length}", other, body=joined(chunks_of))
    wire.refused("no decoded length", signed, signed.without("x-amz-decoded-content-length"), body=whole)
    other, _ = coded(PARTS, headers=[("X-Amz-Meta", "1")])
    wire.refused("the chunks of another request", other, body=whole)
    large, chunks_of = coded([b"a" * (1024 * 1024 + 1)])
    wire.refused("a chunk over the limit", large, body=joined(chunks_of))
    small, chunks_of = coded([b"a"] * 3000)
    wire.passes("many small chunks", small, body=joined(chunks_of))


def trailers(wire):
    crc = base64.b64encode(zlib.crc32(b"".join(PARTS)).to_bytes(4, "big")).decode()
    announced = [("X-Amz-Trailer", "x-amz-checksum-crc32")]
    right = [("x-amz-checksum-crc32", crc)]
    signed, made = coded(PARTS, right, announced)
    whole, last = joined(made), b"".join(made[-1])
    wire.passes("trailers", signed, body=whole)
    checksum, signature = last.split(b"\r\n")[:2]
    end = b"\r\n"
    for name, changed in {
        "another signature": last[:-5] + (b"1" if last[-5:-4] == b"0" else b"0") + last[-4:],
        "no signature": checksum + end * 2, "the signature alone": signature + end * 2, "an empty line": end, "nothing": b"",
        "one before": b"x-evil:1" + end + last, "one behind": last[:-2] + b"x-evil:1" + end * 2,
        "the signature first": signature + end + checksum + end * 2, "two signatures": last[:-2] + signature + end * 2,
        "a checksum twice": checksum + end + last, "a byte more": last + b"x", "bare line feeds": last.replace(end, b"\n"),
        "another checksum": last.replace(crc.encode(), b"AAAAAA=="), "a long one": b"x-a:" + b"a" * 9000 + end + last,
        "a folded one": checksum + end + b" b" + end + signature + end * 2,
    }.items():
        wire.refused(f"trailers with {name}", signed, body=whole[: -len(last)] + changed)
    for name, trailing, headers in (
        ("a wrong checksum, signed", [("x-amz-checksum-crc32", "AAAAAA==")], announced),
        ("one that was not announced", right, []),
        ("an announced one missing", [], announced),
        ("another one announced", right, [("X-Amz-Trailer", "x-amz-checksum-sha256")]),
        ("an unknown algorithm", [("x-amz-checksum-foo", "AA==")], [("X-Amz-Trailer", "x-amz-checksum-foo")]),
    ):
        other, chunks_of = coded(PARTS, trailing, headers)
        wire.refused(f"trailers with {name}", other, body=joined(chunks_of))
    other, chunks_of = coded(PARTS, None, [], SIGNED + "-TRAILER")
    wire.refused("trailers that do not come", other, body=joined(chunks_of))
    other, chunks_of = coded(PARTS, right, announced, SIGNED)
    wire.refused("trailers that nobody spoke of", other, body=joined(chunks_of))
    more = right + [("x-sidegate-identity", "evil")]
    other, chunks_of = coded(PARTS, more, [("X-Amz-Trailer", "x-amz-checksum-crc32,x-sidegate-identity")])
    heard = wire.passes("a trailer that claims an identity", other, body=joined(chunks_of))
    wire.check("attack: it goes no further", heard and "evil" not in str(heard[0]["headers"]), heard)


def mutations(wire):
    """Bytes changed, taken away and put in, anywhere. The names of trailers have no case."""
    chance, parts = random.Random(7), [b"A" * 300, b"B" * 200]
    crc = base64.b64encode(zlib.crc32(b"".join(parts)).to_bytes(4, "big")).decode()
    signed, made = coded(parts, [("x-amz-checksum-crc32", crc)], [("X-Amz-Trailer", "x-amz-checksum-crc32")])
    whole, wrong = joined(made), []
    for _ in range(500):
        body, at = bytearray(whole), chance.randrange(len(whole))
        kind = chance.randrange(3)
        if kind == 0:
            body[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del body[at : at + chance.randrange(1, 4)]
        else:
            body[at:at] = bytes([chance.randrange(256)]) * chance.randrange(1, 3)
        if bytes(body).lower() == whole.lower():
            continue
        status, heard = wire.answer("PUT", signed.target, signed.headers, bytes(body))
        if status not in (400, 401) or heard:
            wrong.append((status, kind, at, bytes(body[max(0, at - 8) : at + 8])))
    wire.check("attack: 500 changed bodies are refused", not wrong, wrong[:3])
