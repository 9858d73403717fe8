"""A raw HTTP/2 connection: frames as given, header lists as given, what comes back by stream."""

import socket
import struct
import time

import hpack

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED, PRIORITY_FLAG, ACK = 1, 4, 8, 32, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """One frame's bytes; `length` may lie."""
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """An HPACK literal that is not indexed: any bytes, no table."""
    return b"\x00" + _string(name) + _string(value)


def _string(data):
    return hpack.hpack.encode_integer(len(data), 7) + data


def block(fields):
    """A header block of literals."""
    return b"".join(literal(bytes(name), bytes(value)) for name, value in fields)


def fields(method=b"GET", path=b"/public/x", authority=b"app.test", scheme=b"http", extra=()):
    """An ordinary request's header list."""
    return [(b":method", method), (b":scheme", scheme), (b":authority", authority), (b":path", path), *extra]


class Wire:
    """One connection with prior knowledge."""

    def __init__(self, port, settings=b"", timeout=5.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.decoder = hpack.Decoder()
        self.buffer = b""
        self.headers, self.data, self.ended, self.resets = {}, {}, set(), {}
        self.goaway = None
        self.closed = False
        self.acks = 0
        self.auto = True
        self.send(PREFACE + frame(SETTINGS, payload=settings))

    def send(self, data):
        """Sends, and notes a peer that has gone. True when sent."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def ask(self, stream, header_list, body=None, end=True):
        """HEADERS (and DATA) of a request."""
        flags = END_HEADERS | (END_STREAM if body is None and end else 0)
        sent = frame(HEADERS, flags, stream, block(header_list))
        if body is not None:
            sent += frame(DATA, END_STREAM if end else 0, stream, body)
        return self.send(sent)

    def read(self, seconds=2.0, until=None):
        """Reads until `until(self)` holds, the peer closes, or the time is over."""
        deadline = time.monotonic() + seconds
        while not self.closed and not (until and until(self)):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                break
            except OSError:
                data = b""
            if not data:
                self.closed = True
            self.buffer += data
            self._frames()
        return self

    def _frames(self):
        while len(self.buffer) >= 9:
            size = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + size:
                return
            kind, flags = self.buffer[3], self.buffer[4]
            stream = int.from_bytes(self.buffer[5:9], "big") & 0x7FFFFFFF
            payload, self.buffer = self.buffer[9 : 9 + size], self.buffer[9 + size :]
            self._frame(kind, flags, stream, payload)

    def _frame(self, kind, flags, stream, payload):
        if kind == HEADERS:
            try:
                self.headers.setdefault(stream, []).append([(str(n), str(v)) for n, v in self.decoder.decode(payload)])
            except hpack.HPACKError:
                self.headers.setdefault(stream, []).append([])
            if flags & END_STREAM:
                self.ended.add(stream)
        elif kind == DATA:
            self.data[stream] = self.data.get(stream, b"") + payload
            if flags & END_STREAM:
                self.ended.add(stream)
            if self.auto and payload:
                grant = struct.pack(">I", len(payload))
                self.send(frame(WINDOW_UPDATE, stream=0, payload=grant))
        elif kind == RST_STREAM:
            self.resets[stream] = int.from_bytes(payload, "big")
            self.ended.add(stream)
        elif kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        elif kind == SETTINGS and not flags & ACK and self.auto:
            self.send(frame(SETTINGS, ACK))
        elif kind in (SETTINGS, PING) and flags & ACK:
            self.acks += 1

    def status(self, stream):
        """The final status of a stream, or None."""
        for head in self.headers.get(stream, []):
            status = dict(head).get(":status", "")
            if status and not status.startswith("1"):
                return int(status)
        return None

    def finished(self, stream):
        """Whether the stream has ended, or the connection has."""
        return stream in self.ended or self.closed or self.goaway not in (None, 0)

    def close(self):
        """Drops the connection."""
        self.socket.close()

    def __repr__(self):
        statuses = {stream: self.status(stream) for stream in self.headers}
        return f"<h2 statuses={statuses} resets={self.resets} goaway={self.goaway} closed={self.closed}>"
