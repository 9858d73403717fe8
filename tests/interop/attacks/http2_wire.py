"""HTTP/2 as odd as it may be and still in order: padding, priorities, pieces of a byte, tables that shrink and forget,
trailers, many streams at once. What arrives is what the `hpack` library reads; what it cannot read ends the connection."""

import random
import struct

import hpack
import hpack.exceptions

from h2wire import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PRIORITY_FLAG,
    RST_STREAM,
    WINDOW_UPDATE,
    Wire,
    block,
    fields,
    frame,
)

COMPRESSION_ERROR, STREAM_CLOSED, ENHANCE_YOUR_CALM = 9, 5, 11


def run(world, suite):
    """Honest oddities first, then tables against the library's, then what must end a connection."""
    chance = random.Random(9113)
    for number in range(30):
        crowd(world, suite, chance, number)
    for number in range(120):
        tables(world, suite, chance, number)
    for number in range(120):
        huffman(world, suite, chance, number)
    ends(world, suite)
    burst(world, suite)
    one_too_many(world, suite)


def pieces_of(chance, payload):
    """The payload in one piece, in some, or byte by byte; perhaps with empty ones between."""
    size = chance.choice([len(payload) or 1, 1, 7, 40, 1000])
    cut = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
    if chance.random() < 0.3:
        cut.insert(chance.randrange(1, len(cut) + 1), b"")
    return cut


def head(chance, stream, payload, ends):
    """HEADERS, with what it may carry, and CONTINUATION."""
    first, *rest = pieces_of(chance, payload)
    flags = END_STREAM if ends else 0
    before, behind = b"", b""
    if chance.random() < 0.3:
        flags |= PRIORITY_FLAG
        before = struct.pack(">IB", chance.choice([0, stream + 2, 1 << 31]), chance.randrange(256))
    if chance.random() < 0.3:
        flags |= PADDED
        behind = bytes(chance.choice([0, 1, 255]))
        before = bytes([len(behind)]) + before
    if not rest:
        flags |= END_HEADERS
    sent = frame(HEADERS, flags, stream, before + first + behind)
    for at, piece in enumerate(rest):
        sent += frame(CONTINUATION, END_HEADERS if at == len(rest) - 1 else 0, stream, piece)
    return sent


def filler(chance, stream):
    """Frames that mean nothing."""
    return chance.choice(
        [
            b"",
            b"",
            frame(PRIORITY, 0, stream + 20, b"\0\0\0\0\x10"),
            frame(PING, 0, 0, b"12345678"),
            frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
            frame(0x7F, 0xFF, stream, b"nobody knows this kind"),
        ]
    )


def crowd(world, suite, chance, number):
    """Requests side by side on one connection, their frames mixed."""
    world.upstream.clear()
    wire, encoder = Wire(world.port), hpack.Encoder()
    wanted, queues = {}, []
    for stream in range(1, 2 * chance.randrange(2, 14), 2):
        path = f"/public/{number}-{stream}".encode()
        names = [(f"x-{chance.randrange(8)}".encode(), letters(chance)) for _ in range(chance.randrange(6))]
        body = bytes(chance.randrange(256) for _ in range(chance.choice([0, 0, 5, 3000])))
        trailer = letters(chance) if body and chance.random() < 0.5 else None
        if trailer:
            names.append((b"trailer", b"x-sum"))
        wanted[path] = (names, body, trailer)
        queues.append((stream, path, names, body, trailer))
    opened, later = b"", []
    for stream, path, names, body, trailer in queues:
        if chance.random() < 0.3:
            encoder.header_table_size = chance.choice([0, 100, 1000, 4096])
        coded = encoder.encode(fields(b"POST" if body else b"GET", path=path, extra=names), chance.random() < 0.5)
        opened += head(chance, stream, coded, ends=not body) + filler(chance, stream)
        if body:
            later.append(body_frames(chance, stream, body, trailer))
    # What a table keeps depends on the order of the heads: trailers use none.
    while later:
        queue = chance.choice(later)
        opened += queue.pop(0)
        if not queue:
            later.remove(queue)
    size = chance.choice([len(opened), 1000, 99, 10])
    for at in range(0, len(opened), size):
        wire.send(opened[at : at + size])
    wire.read(8.0, lambda it: len(it.ended) == len(wanted) or it.goaway is not None)
    statuses = [wire.status(stream) for stream, *_ in queues]
    suite.check(f"h2 crowd {number}: every request is served", statuses == [200] * len(wanted), repr(wire))
    for got in world.taken(0.05):
        names, body, trailer = wanted.pop(got.target, ([], None, None))
        kept = {name for name, _ in names if name != b"trailer"}
        same = all(got.values(name) == [value for other, value in names if other == name] for name in kept)
        sums = [value for name, value in got.trailers if name.lower() == b"x-sum"] if trailer else []
        suite.check(
            f"h2 crowd {number}: {got.target!r} arrives as it was sent",
            same and got.body == body and got.complete and sums == ([trailer] if trailer else []),
            f"{names!r} {got!r}",
        )
    suite.check(f"h2 crowd {number}: each arrives", not wanted, repr(list(wanted)))
    wire.close()


def body_frames(chance, stream, body, trailer):
    """DATA in pieces, padded or empty, and trailers behind it."""
    size = chance.choice([len(body), 1000, 7]) if len(body) < 100 else chance.choice([len(body), 1000])
    cut = [body[at : at + size] for at in range(0, len(body), size)]
    if chance.random() < 0.3:
        cut.insert(chance.randrange(len(cut)), b"")
    sent = []
    for at, piece in enumerate(cut):
        flags = END_STREAM if at == len(cut) - 1 and not trailer else 0
        if chance.random() < 0.3:
            padding = chance.randrange(256)
            sent.append(frame(DATA, flags | PADDED, stream, bytes([padding]) + piece + bytes(padding)))
        else:
            sent.append(frame(DATA, flags, stream, piece))
    if trailer:
        sent.append(head(chance, stream, block([(b"x-sum", trailer)]), ends=True))
    return sent


def letters(chance):
    """A value that may stand in a head."""
    alphabet = b"abcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/?%<>{}^|`\\\"#[]"
    return bytes(chance.choice(alphabet) for _ in range(chance.choice([1, 5, 30, 300])))


def text(chance, value):
    """A string of a block, in code or not."""
    if chance.random() < 0.5:
        coded = hpack.huffman.HuffmanEncoder(
            hpack.huffman_constants.REQUEST_CODES, hpack.huffman_constants.REQUEST_CODES_LENGTH
        ).encode(value)
        number = hpack.hpack.encode_integer(len(coded), 7)
        number[0] |= 0x80
        return bytes(number) + coded
    return bytes(hpack.hpack.encode_integer(len(value), 7)) + value


def tables(world, suite, chance, number):
    """Blocks of random instructions, one after the other in one connection; the library is asked what they say."""
    decoder = hpack.Decoder()
    wire, asked = Wire(world.port), {}
    world.upstream.clear()
    for stream in range(1, 2 * chance.randrange(2, 9), 2):
        path = f"/public/{number}-{stream}".encode()
        coded = b""
        for _ in range(chance.choice([0, 0, 0, 1, 2])):
            size = bytearray(hpack.hpack.encode_integer(chance.choice([0, 40, 64, 200, 4096, 4096, 4097]), 5))
            size[0] |= 0x20
            coded += bytes(size)
        coded += block(fields(path=path))
        for _ in range(chance.randrange(8)):
            if chance.random() < 0.4:
                index = bytearray(hpack.hpack.encode_integer(chance.choice([62, 63, 64, 65, 70, 15, 58]), 7))
                index[0] |= 0x80
                coded += bytes(index)
            else:
                kind, bits = chance.choice([(0x40, 6), (0x00, 4), (0x10, 4)])
                named = chance.choice([0, 0, 19, 62, 63])
                start = bytearray(hpack.hpack.encode_integer(named, bits))
                start[0] |= kind
                value = letters(chance) * chance.choice([1, 1, 1, 20])
                coded += bytes(start)
                coded += text(chance, f"x-{chance.randrange(9)}".encode()) if named == 0 else b""
                coded += text(chance, value[:3000])
        sent = head(chance, stream, coded, ends=True)
        try:
            expected = decoder.decode(coded, raw=True)
        except hpack.exceptions.HPACKError:
            expected = None
        wire.send(sent)
        wire.read(5.0, lambda it, stream=stream: it.finished(stream))
        if expected is None:
            suite.check(
                f"h2 table {number}: what cannot be read ends the connection",
                wire.goaway == COMPRESSION_ERROR and wire.status(stream) is None,
                f"{coded.hex()} {wire!r}",
            )
            break
        asked[path] = (wire.status(stream), expected)
    taken = {got.target: got for got in world.taken(0.05)}
    for path, (status, expected) in asked.items():
        got = taken.get(path)
        mine = [(bytes(name), bytes(value)) for name, value in expected if bytes(name).startswith(b"x-")]
        same = got is not None and all(
            got.values(name) == [value for other, value in mine if other == name] for name, _ in mine
        )
        # A request that says something twice that may stand once only is refused, and that is right.
        suite.check(
            f"h2 table {number}: what arrives is what the library reads",
            same if status == 200 else status in (400, 431) and got is None,
            f"{status} {expected!r} {got!r}",
        )
    wire.close()


def huffman(world, suite, chance, number):
    """Any bytes as a string in code."""
    length = chance.randrange(1, 12)
    coded = bytes(chance.choice([chance.randrange(256), 0xFF, 0x1F]) for _ in range(length))
    if number % 4 == 0:
        # A good one, with one bit of its end turned or not.
        good = bytearray(text(chance, letters(chance)[:20]))
        good[-1] ^= chance.choice([0, 0, 1, 0x80])
        string = bytes(good)
    else:
        string = bytes([0x80 | length]) + coded
    payload = block(fields(path=b"/public/%d" % number)) + b"\x00\x03x-h" + string
    try:
        expected = bytes(hpack.Decoder().decode(payload, raw=True)[-1][1])
    except hpack.exceptions.HPACKError:
        expected = None
    world.upstream.clear()
    wire = Wire(world.port)
    wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, payload))
    wire.read(5.0, lambda it: it.finished(1))
    taken = world.taken()
    if expected is None:
        good = wire.goaway == COMPRESSION_ERROR and not taken
    elif wire.status(1) == 200:
        good = [got.values(b"x-h") for got in taken] == [[expected]]
    else:
        plain = all(32 <= byte < 127 for byte in expected) and expected.strip() == expected
        good = wire.status(1) == 400 and not plain and not taken
    suite.check(f"h2 huffman {number}: {string.hex()}", good, f"{expected!r} {wire!r} {taken!r}")
    wire.close()


def ends(world, suite):
    """What the client is told when a connection ends, and that another one does not notice."""
    other = Wire(world.port)
    whole = END_HEADERS | END_STREAM
    plain = block(fields())
    for case, why, sent in (
        ("HEADERS twice", STREAM_CLOSED, frame(HEADERS, whole, 1, plain) * 2),
        ("DATA behind the end", STREAM_CLOSED, frame(HEADERS, whole, 1, plain) + frame(DATA, 0, 1, b"x")),
        (
            "trailers behind a reset",
            STREAM_CLOSED,
            frame(HEADERS, END_HEADERS, 1, plain) + frame(RST_STREAM, 0, 1, b"\0\0\0\x08") + frame(HEADERS, whole, 1, b""),
        ),
        ("a block that is cut short", COMPRESSION_ERROR, frame(HEADERS, whole, 1, plain[:-1])),
        ("a size behind a field", COMPRESSION_ERROR, frame(HEADERS, whole, 1, plain + b"\x20")),
        ("a name of a megabyte", COMPRESSION_ERROR, frame(HEADERS, whole, 1, plain + b"\x00\x7f\xff\xff\x3f")),
        (
            "crumbs without end",
            ENHANCE_YOUR_CALM,
            frame(HEADERS, END_STREAM, 1, plain) + frame(CONTINUATION, 0, 1, b"") * 120_000,
        ),
    ):
        wire = Wire(world.port, timeout=20.0)
        wire.send(sent)
        wire.read(15.0, lambda it: it.goaway is not None)
        suite.check(f"h2 {case} ends the connection for {why}", wire.goaway == why, repr(wire))
        wire.close()
    other.ask(1, fields())
    other.read(5.0, lambda it: it.finished(1))
    suite.check("h2 others do not notice", other.status(1) == 200, repr(other))
    other.close()


def burst(world, suite):
    """Hundreds of faulty heads in one write, an honest one among the first."""
    wire = Wire(world.port)
    sent = b""
    for stream in range(1, 800, 2):
        sent += frame(
            HEADERS,
            END_HEADERS | END_STREAM,
            stream,
            block(fields(extra=[] if stream == 21 else [(b"Upper", b"x")])),
        )
    wire.send(sent)
    wire.read(8.0, lambda it: it.goaway is not None)
    statuses = [wire.status(stream) for stream in range(1, 259, 2)]
    suite.check(
        "h2 a burst of faulty heads: each of 128 is answered, and the honest one",
        statuses == [400] * 10 + [200] + [400] * 118 and wire.goaway == ENHANCE_YOUR_CALM,
        repr(wire),
    )
    wire.close()


def one_too_many(world, suite):
    """More streams than are allowed at once: those over it are refused alone, whatever of them is still on its way."""
    for case, last in (
        ("data", lambda stream: frame(DATA, END_STREAM, stream, b"x")),
        ("trailers", lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, block([(b"x-sum", b"a")]))),
        ("a reset", lambda stream: frame(RST_STREAM, 0, stream, b"\0\0\0\x08")),
    ):
        wire, streams = Wire(world.port), range(1, 601, 2)
        for stream in streams:
            wire.ask(stream, fields(b"POST"), end=False)
        wire.read(5.0, lambda it: len(it.resets) >= 44)
        refused = sorted(wire.resets)
        for stream in streams:
            wire.send(last(stream) if stream in refused else frame(DATA, END_STREAM, stream, b"y"))
        wire.read(10.0, lambda it: len(it.ended) >= len(streams) or it.goaway is not None)
        served = [stream for stream in streams if wire.status(stream) == 200]
        suite.check(
            f"h2 one too many, with {case} on its way: the others are served",
            len(refused) == 44 and len(served) == 256 and wire.goaway is None,
            f"{len(served)} served, {len(refused)} refused, GOAWAY {wire.goaway}",
        )
        wire.close()
