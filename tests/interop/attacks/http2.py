"""HTTP/2 attacks: bodies, broken framing and tunnels here; heads and floods in files of their own."""

import random
import socket

import h2.config
import h2.connection
import h2.events

import http2_floods
import http2_heads
import support
from h2wire import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Wire,
    block,
    fields,
    frame,
)
from http2_verdicts import ask, either, refused


def run(world, suite):
    """Honest requests, malformed ones, broken framing, floods."""
    honest(world, suite)
    http2_heads.pseudo_headers(world, suite)
    http2_heads.plain_headers(world, suite)
    bodies(world, suite)
    framing(world, suite)
    tunnels(world, suite)
    grpc(world, suite)
    mutations(world, suite)
    http2_floods.run(world, suite)


def honest(world, suite):
    """The `h2` library as client, and our own frames."""
    bearer = f"Bearer {world.token()}"
    for method, path, body, extra in (
        ("GET", "/public/x", b"", []),
        ("POST", "/public/x?a=b", b"hello" * 1000, []),
        ("GET", "/orders/1", b"", [("authorization", bearer)]),
        ("HEAD", "/public/x", b"", []),
    ):
        world.upstream.clear()
        status, answer = library(world.port, method, path, body, extra)
        taken = world.taken()
        ok = (
            status == 200
            and len(taken) == 1
            and (taken[0].method.decode(), taken[0].target.decode(), taken[0].body) == (method, path, body)
        )
        ok = ok and taken[0].value(b"host") == b"app.test" and answer == (b"" if method == "HEAD" else b"ok")
        suite.check(f"honest {method} {path}", ok, f"{status} {answer!r} {taken!r}")
        if extra and taken:
            suite.check(
                "HTTP/2 identity",
                taken[0].value(b"x-sidegate-principal-arn") == support.ROLE_SESSION.encode()
                and not taken[0].values(b"authorization"),
                repr(taken),
            )
    for path, status in (("/admin/x", 401), ("/nowhere", 404), ("/orders/1", 401)):
        wire, taken = ask(world, fields(path=path.encode()))
        suite.check(f"{path} is {status}", wire.status(1) == status and not taken, f"{wire!r} {taken!r}")
    wire, taken = ask(
        world,
        fields(
            extra=[
                (b"x-sidegate-principal-arn", b"evil"),
                (b"x_sidegate_principal_arn", b"evil"),
                (b"x.sidegate.principal.arn", b"evil"),
                (b"x-forwarded-for", b"evil"),
                (b"x_remote_user", b"evil"),
                (b"te", b"trailers"),
                (b"cookie", b"a=b"),
                (b"cookie", b"c=d"),
            ]
        ),
    )
    ok = len(taken) == 1 and b"evil" not in taken[0].head
    suite.check("spoofed headers are removed", ok and wire.status(1) == 200, f"{wire!r} {taken!r}")
    suite.check("cookie crumbs are joined", bool(taken) and taken[0].values(b"cookie") in ([b"a=b; c=d"],), repr(taken))
    many = Wire(world.port)
    for stream in range(1, 200, 2):
        many.ask(
            stream,
            fields(path=f"/public/{stream}".encode() if stream % 4 == 1 else f"/admin/{world.canary()}".encode()),
        )
    many.read(5.0, lambda it: len(it.ended) >= 100)
    ok = all(many.status(stream) == (200 if stream % 4 == 1 else 401) for stream in range(1, 200, 2))
    suite.check("a hundred streams at once, each judged alone", ok, repr(many))
    many.close()


def library(port, method, path, body, extra):
    """(status, body) by the `h2` library."""
    connection = h2.connection.H2Connection(config=h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    connection.initiate_connection()
    head = [(":method", method), (":scheme", "http"), (":authority", "app.test"), (":path", path), *extra]
    connection.send_headers(1, head, end_stream=not body)
    if body:
        connection.send_data(1, body, end_stream=True)
    status, answer = None, b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as stream:
        while True:
            stream.sendall(connection.data_to_send())
            try:
                data = stream.recv(65536)
            except OSError:
                return status, answer
            if not data:
                return status, answer
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    status = int(dict(event.headers)[":status"])
                elif isinstance(event, h2.events.DataReceived):
                    answer += event.data
                elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset, h2.events.ConnectionTerminated)):
                    return status, answer


def bodies(world, suite):
    """A length that lies, trailers that speak for us, data where none may be."""
    for length, body in ((b"5", b"hell"), (b"5", b"hello!"), (b"0", b"x"), (b"5", b"")):
        wire, taken = ask(world, fields(b"POST", extra=[(b"content-length", length)]), body)
        # A length of 0 is whole as soon as its head is; the bytes after it must go nowhere.
        whole = [item for item in taken if item.complete and (length != b"0" or item.body)]
        suite.check(
            f"h2 content-length {length!r} and {len(body)} bytes",
            wire.status(1) in (None, 400) and not whole,
            f"{wire!r} {taken!r}",
        )
    refused(
        world,
        suite,
        "h2 content-length twice, differing",
        fields(
            b"POST",
            path=b"/public/" + world.canary().encode(),
            extra=[(b"content-length", b"5"), (b"content-length", b"6")],
        ),
        b"hello",
    )
    either(
        world,
        suite,
        "h2 content-length twice, the same",
        fields(b"POST", extra=[(b"content-length", b"5")] * 2),
        lambda got: got.body == b"hello",
        b"hello",
    )
    either(
        world,
        suite,
        "h2 a body without a length",
        fields(b"POST"),
        lambda got: got.body == b"hello" and got.complete,
        b"hello",
    )
    either(
        world, suite, "h2 GET with a body", fields(b"GET"), lambda got: got.body == b"hello" and got.complete, b"hello"
    )
    for name, value in (
        (b"x-sidegate-principal-arn", b"evil"),
        (b"x_sidegate_principal_arn", b"evil"),
        (b"authorization", b"evil"),
        (b":path", b"/evil"),
        (b"content-length", b"73577537"),
        (b"transfer-encoding", b"evil"),
        (b"X-Upper", b"evil"),
        (b"connection", b"evil"),
        (b"host", b"evil"),
        (b"x-forwarded-for", b"evil"),
        (b"x-remote-user", b"evil"),
        (b"x-a", b"evil\r\nx-b: c"),
        (b":status", b"200"),
    ):
        world.upstream.clear()
        wire = Wire(world.port)
        wire.ask(1, fields(b"POST"), b"hello", end=False)
        wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block([(name, value)])))
        wire.read(3.0, lambda it: it.finished(1))
        arrived = b"".join(item.head + item.framing for item in world.taken())
        suite.check(
            f"h2 trailer {name!r}: {value!r} does not arrive",
            b"evil" not in arrived and b"73577537" not in arrived and (wire.status(1) in (200, 400, None)),
            f"{wire!r} {arrived!r}",
        )
        wire.close()
    world.upstream.clear()
    wire = Wire(world.port)
    wire.ask(1, fields(b"POST", extra=[(b"trailer", b"x-checksum")]), b"hello", end=False)
    wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block([(b"x-checksum", b"abc")])))
    wire.read(3.0, lambda it: it.finished(1))
    trailers = [item.trailers for item in world.taken()]
    suite.check(
        "h2 an honest trailer arrives",
        wire.status(1) == 200 and trailers and (b"x-checksum", b"abc") in [(n.lower(), v) for n, v in trailers[0]],
        f"{wire!r} {trailers}",
    )
    wire.close()
    world.upstream.clear()
    wire = Wire(world.port)
    wire.ask(1, fields(b"POST"), b"hello", end=False)
    wire.read(0.3, lambda it: it.finished(1))
    wire.send(frame(RST_STREAM, stream=1, payload=b"\0\0\0\x08"))
    wire.read(0.3)
    whole = [item for item in world.taken(0.1) if item.complete]
    suite.check("h2 a request reset in mid body is never whole", not whole, repr(whole))
    wire.close()


def framing(world, suite):
    """Frames that break the protocol: a connection or stream error, and the process goes on."""
    head = block(fields(path=b"/public/" + world.canary().encode()))
    for case, data in {
        "DATA on stream 0": frame(DATA, 0, 0, b"x"),
        "DATA on an idle stream": frame(DATA, 0, 5, b"x"),
        "HEADERS on stream 0": frame(HEADERS, END_HEADERS | END_STREAM, 0, head),
        "HEADERS on an even stream": frame(HEADERS, END_HEADERS | END_STREAM, 2, head),
        "CONTINUATION alone": frame(CONTINUATION, END_HEADERS, 1, head),
        "a frame between HEADERS and CONTINUATION": frame(HEADERS, END_STREAM, 1, head[:9])
        + frame(PING, 0, 0, b"12345678"),
        "CONTINUATION of another stream": frame(HEADERS, END_STREAM, 1, head[:9])
        + frame(CONTINUATION, END_HEADERS, 3, head[9:]),
        "a frame of 1 MiB": frame(DATA, 0, 1, b"x" * 100, length=1 << 20),
        "SETTINGS of 5 bytes": frame(SETTINGS, 0, 0, b"12345"),
        "SETTINGS on a stream": frame(SETTINGS, 0, 1, b""),
        "SETTINGS ACK with a payload": frame(SETTINGS, 1, 0, b"123456"),
        "PING of 7 bytes": frame(PING, 0, 0, b"1234567"),
        "PING on a stream": frame(PING, 0, 1, b"12345678"),
        "RST_STREAM of an idle stream": frame(RST_STREAM, 0, 7, b"\0\0\0\0"),
        "RST_STREAM of 3 bytes": frame(RST_STREAM, 0, 1, b"\0\0\0"),
        "WINDOW_UPDATE of 0 on the connection": frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"),
        "WINDOW_UPDATE beyond 2^31": frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff") * 2,
        "PUSH_PROMISE from a client": frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + head),
        "padding longer than the frame": frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, b"\xff" + head[:20]),
        "HPACK index 0": frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x80"),
        "HPACK index out of the table": frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\x0f"),
        "HPACK integer without end": frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff" + b"\xff" * 40),
        "HPACK table of 4 GiB": frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x3f\xe1\xff\xff\xff\x0f" + head),
        "HPACK string cut short": frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x05ab"),
        "HPACK Huffman with the EOS": frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x84\xff\xff\xff\xff\x01x"),
        "ENABLE_PUSH 2": frame(SETTINGS, 0, 0, b"\0\2\0\0\0\2"),
        "a window of 2^31": frame(SETTINGS, 0, 0, b"\0\4\x80\0\0\0"),
        "a frame size of 1": frame(SETTINGS, 0, 0, b"\0\5\0\0\0\1"),
        "PRIORITY on itself": frame(HEADERS, END_HEADERS | END_STREAM | 32, 1, b"\0\0\0\1\x10" + head),
        "PRIORITY of 4 bytes": frame(PRIORITY, 0, 1, b"\0\0\0\0"),
        "GOAWAY on a stream": frame(GOAWAY, 0, 1, b"\0" * 8),
        "HTTP/1 after the preface": b"GET /public/x HTTP/1.1\r\nHost: app.test\r\n\r\n",
    }.items():
        world.upstream.clear()
        wire = Wire(world.port)
        wire.send(data)
        wire.read(2.0, lambda it: it.closed or it.goaway is not None or it.resets or it.status(1))
        ok = wire.closed or wire.goaway is not None or wire.resets or wire.status(1) == 400
        suite.check(f"h2 framing: {case}", bool(ok) and not world.taken(), f"{wire!r}")
        wire.close()
    wire = Wire(world.port)
    wire.ask(1, fields())
    wire.read(2.0, lambda it: it.finished(1))
    wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block(fields(path=b"/public/" + world.canary().encode()))))
    wire.read(0.5, lambda it: it.closed or it.goaway is not None or it.resets)
    suite.check("h2 HEADERS on a closed stream are not answered", len(wire.headers.get(1, [])) == 1, repr(wire))
    wire.close()
    wire = Wire(world.port)
    wire.ask(5, fields())
    wire.read(2.0, lambda it: it.finished(5))
    wire.ask(3, fields(path=b"/public/" + world.canary().encode()))
    wire.read(0.5, lambda it: it.closed or it.goaway is not None or it.resets)
    suite.check("h2 a stream id that goes back is not served", wire.status(3) in (None, 400), repr(wire))
    wire.close()
    for kind in (0x0A, 0x2A, 0xFF):
        wire = Wire(world.port)
        wire.send(frame(kind, 0xFF, 0, b"unknown"))
        wire.ask(1, fields())
        wire.read(2.0, lambda it: it.finished(1))
        suite.check(f"h2 an unknown frame {kind} is ignored", wire.status(1) == 200, repr(wire))
        wire.close()


def grpc(world, suite):
    """A refusal in gRPC's words: HTTP 200, no body, the status in one head."""
    extra = [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
    bearer = (b"authorization", b"Bearer " + world.token().encode())
    for case, path, more, wanted in (
        ("no credential", b"/admin/x", [], "16"),
        ("a bad token", b"/orders/1", [(b"authorization", b"Bearer x")], "16"),
        ("denied", b"/admin/x", [bearer], "7"),
        ("no route", b"/nowhere", [], "12"),
        ("a malformed path", b"/public//x", [], "3"),
    ):
        wire, taken = ask(world, fields(b"POST", path=path, extra=[*extra, *more]), b"\0\0\0\0\0")
        heads = wire.headers.get(1, [])
        status = dict(heads[-1]).get("grpc-status") if heads else None
        ok = wire.status(1) == 200 and status == wanted and len(heads) == 1 and not wire.data.get(1) and not taken
        suite.check(f"grpc: {case} is {wanted}", ok, f"{wire!r} {heads!r} {taken!r}")


def mutations(world, suite, count=1500):
    """Seeded changes of sound frames: the process lives, what arrives is sound, and nothing denied arrives."""
    chance, worst = random.Random(9113), []
    denied = fields(b"POST", path=b"/admin/smuggled")
    seed = [
        frame(HEADERS, END_HEADERS, 1, block(fields(b"POST", extra=[(b"x-a", b"b"), (b"content-length", b"5")]))),
        frame(DATA, END_STREAM, 1, b"hello"),
        frame(HEADERS, END_HEADERS | END_STREAM, 3, block(denied)),
        frame(HEADERS, 0, 5, block(fields())[:12])
        + frame(CONTINUATION, END_HEADERS | END_STREAM, 5, block(fields())[12:]),
        frame(PING, 0, 0, b"12345678") + frame(WINDOW_UPDATE, 0, 0, b"\0\0\1\0"),
    ]
    for _ in range(count):
        frames = list(seed)
        for _ in range(chance.choice((1, 1, 2, 3))):
            place = chance.randrange(len(frames))
            data = bytearray(frames[place])
            kind = chance.randrange(4)
            if kind == 0:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            elif kind == 1:
                data[chance.randrange(len(data))] = chance.choice(b"\0\1\2\4\x05\x08\x09\x20\x7f\x80\xff\r\n:")
            elif kind == 2:
                frames.insert(chance.randrange(len(frames)), bytes(data))
            else:
                del data[chance.randrange(len(data)) :]
            frames[place] = bytes(data)
        world.upstream.clear()
        wire = Wire(world.port)
        wire.send(b"".join(frames))
        wire.socket.shutdown(socket.SHUT_WR)
        wire.read(1.0)
        worst += [(frames, item) for item in world.upstream.taken() if b"smuggled" in item.target]
        wire.close()
    suite.check(f"h2 none of {count} mutations gets a denied request through", not worst, f"{len(worst)}: {worst[:2]}")
    suite.check("h2 the process lives after the mutations", world.process.poll() is None)


def tunnels(world, suite):
    """CONNECT and TRACE, plain and extended, where no route allows them."""
    mark = b"/public/" + world.canary().encode()
    refused(
        world,
        suite,
        "h2 CONNECT",
        [(b":method", b"CONNECT"), (b":authority", b"app.test:443")],
        statuses=(400, 405, 501),
    )
    refused(world, suite, "h2 CONNECT with :path", fields(b"CONNECT", path=mark), statuses=(400, 405, 501))
    refused(
        world,
        suite,
        "h2 extended CONNECT",
        fields(b"CONNECT", path=mark, extra=[])[:1]
        + [(b":protocol", b"websocket")]
        + fields(b"CONNECT", path=mark)[1:],
        statuses=(400, 405, 501),
    )
    refused(world, suite, "h2 TRACE", fields(b"TRACE", path=mark), statuses=(400, 405, 501))
    refused(
        world,
        suite,
        "h2 get in lower case where only GET is routed",
        fields(b"get", path=b"/getonly/" + world.canary().encode()),
        statuses=(400, 404, 405),
    )
