"""HTTP/2 floods: the process lives, memory stays bounded, the connection is ended, others are served."""

import struct
import time

import hpack

import client
from h2wire import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Wire,
    block,
    fields,
    frame,
)

GROWTH = 32 * 1024  # KiB
SECONDS = 4.0


def run(world, suite):
    """Each flood alone, then the judgement on memory and service."""
    for name, flood, ends in (
        ("rapid reset", rapid_reset, True),
        ("rapid reset of denied requests", denied_reset, True),
        ("made to reset: a window of 0 after each request", made_reset, True),
        ("made to reset: a self-dependency", made_reset_priority, True),
        ("CONTINUATION without end", continuation, True),
        ("empty CONTINUATION without end", empty_continuation, True),
        # Answers that nobody reads hold the sender back; the write stall ends the connection, after the test.
        ("SETTINGS, unread", settings, False),
        ("PING, unread", ping, False),
        ("empty DATA", empty_data, True),
        ("WINDOW_UPDATE of 1", window_update, False),
        ("PRIORITY", priority, False),
        ("an HPACK bomb", hpack_bomb, True),
        ("HPACK table resizing", hpack_resize, False),
        ("header lists of 60 KiB on 200 streams", wide_heads, False),
        ("stalled windows", stalled, False),
        ("200 connections with 100 stalled bodies each", stalled_bodies, False),
        ("zero-length header names", empty_names, False),
    ):
        judge(world, suite, name, flood, ends)


def judge(world, suite, name, flood, ends):
    """Runs one flood and measures."""
    quiet(world)
    before = world.memory("VmRSS")
    world.forget_peak()
    wires = flood(world)
    grown = max(world.memory("VmHWM"), world.memory("VmRSS")) - before
    started = time.monotonic()
    answer = client.talk(world.port, client.request(), timeout=6)
    waited = time.monotonic() - started
    for wire in wires[:1]:
        wire.read(1.5, lambda it: it.closed or it.goaway not in (None, 0))
    first = wires[0]
    ended = first.closed or first.goaway is not None or not first.send(frame(PING, 0, 0, b"aliveyet"))
    for wire in wires:
        wire.close()
    suite.check(f"flood: {name}: the process lives", world.process.poll() is None)
    suite.check(f"flood: {name}: memory grows by 32 MiB at most", grown <= GROWTH, f"{grown} KiB over {before} KiB")
    suite.check(
        f"flood: {name}: an honest request within 5 s",
        answer.statuses == [200] and waited <= 5,
        f"{answer!r} after {waited:.2f} s",
    )
    if ends:
        suite.check(f"flood: {name}: the connection is ended", ended, repr(first))


def quiet(world):
    """Lets the last flood's upstream requests end."""
    time.sleep(0.1)
    world.upstream.clear()


def pour(wire, make, seconds=SECONDS, limit=400_000, read=True):
    """Sends `make(n)` again and again until the time, the count or the peer's patience is over."""
    deadline, count = time.monotonic() + seconds, 0
    wire.socket.settimeout(0.5)
    while time.monotonic() < deadline and count < limit:
        batch = b"".join(make(index) for index in range(count, count + 50))
        if not wire.send(batch):
            break
        count += 50
        if read and count % 500 == 0:
            wire.read(0.001, lambda it: it.goaway is not None)
            wire.socket.settimeout(0.5)
            if wire.goaway is not None or wire.closed:
                break
    return count


def rapid_reset(world):
    wire, head = Wire(world.port), block(fields())
    cancel = b"\0\0\0\x08"
    pour(
        wire,
        lambda n: frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, head) + frame(RST_STREAM, 0, 2 * n + 1, cancel),
    )
    return [wire]


def denied_reset(world):
    wire, head = Wire(world.port), block(fields(path=b"/admin/x"))
    pour(wire, lambda n: frame(HEADERS, END_HEADERS, 2 * n + 1, head) + frame(RST_STREAM, 0, 2 * n + 1, b"\0\0\0\x08"))
    return [wire]


def made_reset(world):
    wire, head = Wire(world.port), block(fields())
    pour(
        wire,
        lambda n: frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, head)
        + frame(WINDOW_UPDATE, 0, 2 * n + 1, b"\0\0\0\0"),
    )
    return [wire]


def made_reset_priority(world):
    wire, head = Wire(world.port), block(fields())

    def make(n):
        stream = 2 * n + 1
        return (
            frame(HEADERS, END_HEADERS, stream, head)
            + frame(DATA, END_STREAM, stream, b"")
            + frame(DATA, END_STREAM, stream, b"x")
        )

    pour(wire, make)
    return [wire]


def continuation(world):
    wire = Wire(world.port)
    wire.send(frame(HEADERS, END_STREAM, 1, block(fields())))
    junk = block([(b"x-junk", b"v" * 4000)])
    pour(wire, lambda n: frame(CONTINUATION, 0, 1, junk), limit=100_000)
    return [wire]


def empty_continuation(world):
    wire = Wire(world.port)
    wire.send(frame(HEADERS, END_STREAM, 1, block(fields())))
    pour(wire, lambda n: frame(CONTINUATION, 0, 1, b""))
    return [wire]


def settings(world):
    wire = Wire(world.port)
    pour(wire, lambda n: frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65_535 + n % 100)), read=False, limit=1_000_000)
    return [wire]


def ping(world):
    wire = Wire(world.port)
    pour(wire, lambda n: frame(PING, 0, 0, struct.pack(">Q", n)), read=False, limit=1_000_000)
    return [wire]


def empty_data(world):
    wire = Wire(world.port)
    wire.ask(1, fields(b"POST"), end=False)
    pour(wire, lambda n: frame(DATA, 0, 1, b""))
    return [wire]


def window_update(world):
    wire = Wire(world.port)
    wire.ask(1, fields(b"POST"), end=False)
    pour(wire, lambda n: frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"), limit=200_000)
    return [wire]


def priority(world):
    wire = Wire(world.port)
    pour(wire, lambda n: frame(PRIORITY, 0, 2 * n + 1, b"\0\0\0\0\x10"), limit=200_000)
    return [wire]


def hpack_bomb(world):
    """A 4 KiB entry in the dynamic table, then named thousands of times in one block, on many streams."""
    wire, encoder = Wire(world.port), hpack.Encoder()
    first = encoder.encode(fields(extra=[(b"x-bomb", b"b" * 3900)]), huffman=False)
    wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, first))
    again = block(fields()) + b"\xbe" * 16_000
    pour(wire, lambda n: frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 3, again), limit=2_000)
    return [wire]


def hpack_resize(world):
    wire = Wire(world.port)
    update = b"\x20\x3f\xe1\x1f" * 1000
    pour(wire, lambda n: frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, update + block(fields())), limit=20_000)
    return [wire]


def empty_names(world):
    wire = Wire(world.port)
    junk = block(fields()) + b"\x00\x00\x00" * 5000
    pour(wire, lambda n: frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, junk), limit=20_000)
    return [wire]


def wide_heads(world):
    """Heads just under the limit on as many streams as one connection may hold, none of them finished."""
    wire = Wire(world.port)
    wide = block(fields(b"POST", extra=[(b"x-wide", b"w" * 60_000)]))
    for stream in range(1, 400, 2):
        sent = frame(HEADERS, 0, stream, wide[:16_000])
        for start in range(16_000, len(wide), 16_000):
            last = start + 16_000 >= len(wide)
            sent += frame(CONTINUATION, END_HEADERS if last else 0, stream, wide[start : start + 16_000])
        if not wire.send(sent):
            break
    wire.read(1.0)
    return [wire]


def stalled(world):
    """Big answers asked for on every stream, no window to send them in."""
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n" + b"x" * 4_194_304
    usual, world.upstream.answer = world.upstream.answer, lambda _received: big
    try:
        wire = Wire(world.port, settings=struct.pack(">HI", 4, 0))
        wire.auto = False
        for stream in range(1, 400, 2):
            if not wire.ask(stream, fields()):
                break
        wire.read(2.0, lambda it: False)
    finally:
        world.upstream.answer = usual
    return [wire]


def stalled_bodies(world):
    """Uploads that send a little and stop: many streams on some connections."""
    wires = []
    for _ in range(40):
        wire = Wire(world.port)
        for stream in range(1, 100, 2):
            if not wire.ask(stream, fields(b"POST"), b"x" * 100, end=False):
                break
        wires.append(wire)
    time.sleep(1.0)
    return wires
