"""Slow and silent clients: each is ended within its bound, and others are served meanwhile."""

import selectors
import socket
import threading
import time

import client
import keys
from h2wire import END_HEADERS, END_STREAM, HEADERS, Wire, block, fields, frame


def run(world, suite):
    """Every slow client at once, and an honest one beside them that must not notice."""
    results = {}
    cases = {
        "a head at one byte a second": (drip_head, 13),
        "a head that stops": (
            lambda port, stop: wait_for_end(port, b"GET /public/x HTTP/1.1\r\nHost: app.test\r\nX-A: b", stop),
            13,
        ),
        "a silent connection": (lambda port, stop: wait_for_end(port, b"", stop), 15),
        "one byte of protocol detection": (lambda port, stop: wait_for_end(port, b"P", stop), 15),
        "half an HTTP/2 preface": (lambda port, stop: wait_for_end(port, b"PRI * HTTP/2.0\r\n\r\nSM", stop), 15),
        "a head that stops after its first line": (
            lambda port, stop: wait_for_end(port, b"GET /public/x HTTP/1.1\r\n", stop),
            13,
        ),
        "a body that stops": (
            lambda port, stop: wait_for_end(
                port, b"POST /public/x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100\r\n\r\nhello", stop
            ),
            19,
        ),
        "a chunk that stops": (
            lambda port, stop: wait_for_end(
                port, b"POST /public/x HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", stop
            ),
            19,
        ),
        "a chunk size that stops": (
            lambda port, stop: wait_for_end(
                port, b"POST /public/x HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5", stop
            ),
            19,
        ),
        "a denied request whose body never comes": (
            lambda port, stop: wait_for_end(
                port, b"POST /admin/x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100\r\n\r\n", stop, answered=True
            ),
            19,
        ),
        "an expectation whose body never comes": (
            lambda port, stop: wait_for_end(
                port,
                b"POST /public/x HTTP/1.1\r\nHost: app.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
                stop,
            ),
            19,
        ),
        "idle keep-alive": (lambda port, stop: wait_for_end(port, client.request(), stop, answered=True), 66),
        "half-open in mid head": (half_open_head, 3),
        "half-open in mid body": (half_open_body, 3),
        "HTTP/2 headers without end": (h2_open_headers, 13),
        "HTTP/2 half a frame of a head": (h2_half_frame, 13),
        "HTTP/2 silent after the preface": (h2_silent, 70),
        "HTTP/2 body that stops": (h2_stopped_body, 22),
        "trailers that stop": (
            lambda port, stop: wait_for_end(
                port,
                b"POST /public/x HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: b",
                stop,
            ),
            19,
        ),
        "a second head that stops": (
            lambda port, stop: wait_for_end(port, client.request() + b"GET /pub", stop, answered=True),
            16,
        ),
    }
    stop = time.monotonic() + 75
    workers = [
        threading.Thread(
            target=lambda name=name, play=play: results.__setitem__(name, play(world.port, stop)), daemon=True
        )
        for name, (play, _) in cases.items()
    ]
    for worker in workers:
        worker.start()
    crowd = threading.Thread(target=lambda: results.__setitem__("crowd", slowloris(world.port)), daemon=True)
    crowd.start()
    slowest, wrong = beside(world, workers)
    for worker in [*workers, crowd]:
        worker.join(90)
    for name, (_, bound) in cases.items():
        seconds, raw = results.get(name) or (None, b"")
        suite.check(
            f"slow: {name} is ended within {bound} s",
            seconds is not None and seconds <= bound,
            f"after {seconds} s, {raw[:80]!r}",
        )
        if seconds is not None and (
            "head" in name and "second" not in name and "half" not in name and "HTTP/2" not in name
        ):
            suite.check(
                f"slow: {name} gets 408 or a silent close",
                raw == b"" or raw.startswith(b"HTTP/1.1 408"),
                repr(raw[:80]),
            )
    for name in ("a body that stops", "a chunk that stops"):
        raw = (results.get(name) or (0, b""))[1]
        suite.check(
            f"slow: {name} gets 408 or a silent close", raw == b"" or raw.startswith(b"HTTP/1.1 408"), repr(raw[:80])
        )
    ended, of = results.get("crowd", (0, 1))
    suite.check("slow: 300 slow heads are all ended within 13 s", ended == of, f"{ended} of {of}")
    suite.check("slow: honest requests are served all the while", not wrong, repr(wrong[:3]))
    suite.check("slow: and within a second each", slowest < 1.0, f"{slowest:.2f} s")
    whole = [
        item for item in world.upstream.taken() if item.complete and item.target != b"/orders/beside" and item.body
    ]
    suite.check("slow: no cut body looked complete", not whole, repr(whole[:3]))
    patient(world, suite)
    greedy(world, suite)
    crowded_health(world, suite)


def wait_for_end(port, data, stop, answered=False):
    """(seconds until the peer closed, what it said); seconds counted from the answer when one is awaited."""
    started = time.monotonic()
    raw = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(data)
        while time.monotonic() < stop:
            connection.settimeout(max(0.05, stop - time.monotonic()))
            try:
                more = connection.recv(65536)
            except TimeoutError:
                return None, raw
            except OSError:
                more = b""
            if not more:
                return round(time.monotonic() - started, 1), raw
            raw += more
            if answered:
                started = time.monotonic()
    return None, raw


def drip_head(port, stop):
    """One byte a second, so that only a bound on the whole head ends it."""
    started, raw = time.monotonic(), b""
    text = b"GET /public/x HTTP/1.1\r\nHost: app.test\r\nX-Slow: " + b"a" * 200
    with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        for byte in text:
            try:
                connection.sendall(bytes([byte]))
                more = connection.recv(4096)
                raw += more
                if not more:
                    return round(time.monotonic() - started, 1), raw
            except TimeoutError:
                pass
            except OSError:
                return round(time.monotonic() - started, 1), raw
            if time.monotonic() > stop:
                break
    return None, raw


def slowloris(port, count=300):
    """(how many of the crowd were ended in time, of how many)."""
    crowd = selectors.DefaultSelector()
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=5)
        connection.setblocking(False)
        connection.send(b"GET /public/x HTTP/1.1\r\nHost: app.test\r\n")
        crowd.register(connection, selectors.EVENT_READ)
    deadline, ended, drip = time.monotonic() + 13, 0, time.monotonic()
    while ended < count and time.monotonic() < deadline:
        for key, _ in crowd.select(0.2):
            try:
                data = key.fileobj.recv(4096)
            except OSError:
                data = b""
            if not data:
                crowd.unregister(key.fileobj)
                key.fileobj.close()
                ended += 1
        if time.monotonic() - drip > 1:
            drip = time.monotonic()
            for key in list(crowd.get_map().values()):
                try:
                    key.fileobj.send(b"X")
                except OSError:
                    pass
    for key in list(crowd.get_map().values()):
        key.fileobj.close()
    return ended, count


def half_open_head(port, stop):
    """FIN in mid head."""
    return half_open(port, b"GET /public/x HTTP/1.1\r\nHost: app")


def half_open_body(port, stop):
    """FIN in mid body."""
    return half_open(port, b"POST /public/x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100\r\n\r\nhello")


def half_open(port, data):
    """(seconds until the peer closed too, what it said)."""
    started, raw = time.monotonic(), b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        try:
            while more := connection.recv(4096):
                raw += more
        except TimeoutError:
            return None, raw
        except OSError:
            pass
    return round(time.monotonic() - started, 1), raw


def h2_end(wire, stop, stream=None):
    """(seconds until the connection, or the stream, was ended, a note)."""
    started = time.monotonic()
    wire.read(stop - started, lambda it: it.closed or it.goaway is not None or (stream and stream in it.ended))
    seconds = round(time.monotonic() - started, 1)
    done = wire.closed or wire.goaway is not None or (stream in wire.ended if stream else False)
    wire.close()
    return (seconds if done else None), repr(wire).encode()


def h2_open_headers(port, stop):
    """HEADERS without END_HEADERS, then nothing."""
    wire = Wire(port)
    wire.send(frame(HEADERS, END_STREAM, 1, block(fields())[:20]))
    return h2_end(wire, stop)


def h2_half_frame(port, stop):
    """A part of HEADERS, then nothing."""
    wire = Wire(port)
    wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block(fields()))[:20])
    return h2_end(wire, stop)


def h2_silent(port, stop):
    """A preface and nothing more."""
    return h2_end(Wire(port), stop)


def h2_stopped_body(port, stop):
    """A request whose body stops."""
    wire = Wire(port)
    wire.ask(1, fields(b"POST"), b"hello", end=False)
    return h2_end(wire, stop, stream=1)


def beside(world, workers):
    """(slowest seconds, the wrong answers) of honest requests while the slow ones are at it."""
    slowest, wrong = 0.0, []
    while any(worker.is_alive() for worker in workers):
        started = time.monotonic()
        data = client.request(target="/orders/beside", headers=[f"Authorization: Bearer {world.token()}"])
        answer = client.talk(world.port, data, timeout=5)
        slowest = max(slowest, time.monotonic() - started)
        if answer.statuses != [200]:
            wrong.append(answer)
        time.sleep(0.25)
    return slowest, wrong


def greedy(world, suite):
    """What nobody reads is not kept: uploads to a stalled upstream, answers to stalled clients, denied bodies."""
    before = world.memory("VmRSS")
    world.forget_peak()
    usual, world.upstream.answer = (
        world.upstream.answer,
        lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n" + b"x" * 67_108_864,
    )
    readers = []
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", world.port), timeout=5)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(client.request())
        readers.append(connection)
    time.sleep(2.0)
    grown = max(world.memory("VmHWM"), world.memory("VmRSS")) - before
    suite.check("slow: 20 unread answers of 64 MiB cost 16 MiB at most", grown <= 16_384, f"{grown} KiB")
    for connection in readers:
        connection.close()
    world.upstream.answer = usual
    head = b"POST /admin/x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1073741824\r\n\r\n"
    sent, started = 0, time.monotonic()
    with socket.create_connection(("127.0.0.1", world.port), timeout=2) as connection:
        try:
            connection.sendall(head)
            while sent < 268_435_456 and time.monotonic() - started < 8:
                sent += connection.send(b"x" * 65_536)
        except OSError:
            pass
    suite.check("slow: a refused gigabyte is not swallowed", sent < 67_108_864, f"{sent} bytes went in")
    grown = max(world.memory("VmHWM"), world.memory("VmRSS")) - before
    suite.check("slow: nor kept", grown <= 16_384, f"{grown} KiB")
    world.forget_peak()
    before = world.memory("VmRSS")
    world.upstream.stall.clear()
    writers = []
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", world.port), timeout=1)
        connection.sendall(b"POST /public/x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 67108864\r\n\r\n")
        writers.append(connection)
    for connection in writers:
        connection.settimeout(0.2)
        try:
            for _ in range(1024):
                connection.send(b"x" * 65_536)
        except OSError:
            pass
    grown = max(world.memory("VmHWM"), world.memory("VmRSS")) - before
    suite.check(
        "slow: 20 uploads of 64 MiB that the upstream does not read cost 16 MiB at most",
        grown <= 16_384,
        f"{grown} KiB",
    )
    for connection in writers:
        connection.close()
    world.upstream.stall.set()
    time.sleep(0.3)


def crowded_health(world, suite):
    """Silent connections to the health listener, renewed as they end, must not make kubelet's probes fail."""
    stop = time.monotonic() + 6

    def crowd():
        held = []
        while time.monotonic() < stop:
            try:
                connection = socket.create_connection(("127.0.0.1", world.health), timeout=1)
            except OSError:
                continue
            held.append(connection)
            if len(held) > 200:
                held.pop(0).close()
                time.sleep(0.005)
        for connection in held:
            connection.close()

    crowds = threading.Thread(target=crowd, daemon=True)
    crowds.start()
    time.sleep(0.5)
    wrong, count = [], 0
    while time.monotonic() < stop - 0.5:
        count += 1
        try:
            answer = client.talk(world.health, b"GET /livez HTTP/1.1\r\nHost: kubelet\r\n\r\n", timeout=1.0)
            if answer.statuses != [200]:
                wrong.append(answer)
        except OSError as error:
            wrong.append(error)
        time.sleep(0.2)
    crowds.join(5)
    suite.check(
        "slow: 200 silent connections do not stop the probes", not wrong, f"{len(wrong)} of {count}: {wrong[:2]}"
    )


def patient(world, suite):
    """Slowness within the bounds is served: a dripping body, a head in pieces."""
    parts = [b"POST /public/x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 6\r\n\r\n"]
    for letter in b"abcdef":
        parts += [0.5, bytes([letter])]
    talk = world.talk(*parts, timeout=6)
    taken = world.taken()
    suite.check(
        "a dripping body within its bounds is served",
        talk.statuses == [200] and len(taken) == 1 and taken[0].body == b"abcdef",
        f"{talk!r} {taken!r}",
    )
    data = client.request(
        headers=[
            f"Authorization: Bearer {keys.token(world.key, 'ES256', keys.claims('https://idp.blackbox.test/main'))}"
        ]
    )
    pieces = []
    for index in range(0, len(data), 40):
        pieces += [data[index : index + 40], 0.02]
    talk = world.talk(*pieces, timeout=5)
    suite.check("a head in pieces is served", talk.statuses == [200], repr(talk))
