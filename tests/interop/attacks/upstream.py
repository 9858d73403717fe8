"""An upstream that trusts nothing and remembers every byte.

Reads HTTP/1.1 by the letter: whatever is not CRLF-clean, singly framed and well named is noted as an anomaly, so that
each request of every suite also tests that what Sidegate writes can be read in one way only.
"""

import re
import socket
import threading
import time

NAME = re.compile(rb"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$")
LINE = re.compile(rb"^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP/1\.1$")


class Received:
    """One request as it arrived; `complete` only when its body ended as its framing says."""

    def __init__(self, connection, head):
        self.connection = connection
        self.head = head
        self.method = self.target = b""
        self.headers = []
        self.framing = b""
        self.body = b""
        self.trailers = []
        self.complete = False

    def values(self, name):
        """Every value of the header `name`."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def value(self, name):
        """The only value of the header `name`, or None."""
        found = self.values(name)
        return found[0] if len(found) == 1 else None

    def __repr__(self):
        state = "complete" if self.complete else "CUT"
        return f"<{self.head!r} body={self.body[:80]!r} trailers={self.trailers!r} {state}>"


class Upstream:
    """Listens on a free loopback port; `answer(received)` gives the bytes to reply with.

    Or a list of bytes, pauses in seconds (float) and None, which closes the connection.
    """

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.requests = []
        self.connections = []
        self.anomalies = []
        self.answer = plain
        self.stall = threading.Event()  # cleared: bodies are not read
        self.stall.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def clear(self):
        """Forgets the requests so far; the raw bytes and the anomalies are kept."""
        with self.lock:
            self.requests = []

    def taken(self):
        """The requests since the last `clear`."""
        with self.lock:
            return list(self.requests)

    def saw(self, needle):
        """Whether these bytes ever arrived, on any connection."""
        with self.lock:
            return any(needle in bytes(raw) for raw in self.connections)

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw = bytearray()
            with self.lock:
                self.connections.append(raw)
                number = len(self.connections)
            threading.Thread(target=self._serve, args=(connection, number, raw), daemon=True).start()

    def _serve(self, connection, number, raw):
        reader = Reader(connection, raw)
        try:
            while self._one(connection, number, reader):
                pass
        except (EOFError, OSError):
            pass
        finally:
            if reader.buffer:
                self._note(f"left over on connection {number}: {reader.buffer[:200]!r}", reader)
            connection.close()

    def _note(self, what, reader=None):
        if reader is not None and reader.inside_body:
            return  # a request cut short on purpose
        with self.lock:
            self.anomalies.append(what)

    def _one(self, connection, number, reader):
        reader.inside_body = False
        head = reader.until(b"\r\n\r\n")
        received = Received(number, head)
        reader.inside_body = True
        with self.lock:
            self.requests.append(received)
        length, chunked = self._read_head(received)
        self.stall.wait(60)
        if chunked:
            read_chunks(reader, received)
        elif length:
            received.body = received.framing = reader.exactly(length)
        received.complete = True
        reader.inside_body = False
        reply = self.answer(received)
        for part in reply if isinstance(reply, list) else [reply]:
            if part is None:
                return False
            if isinstance(part, float):
                time.sleep(part)
            else:
                connection.sendall(part)
        return True

    def _read_head(self, received):
        lines = received.head[:-4].split(b"\r\n")
        line = LINE.match(lines[0])
        if line:
            received.method, received.target = line.group(1), line.group(2)
        else:
            self._note(f"request line {lines[0]!r}")
        for text in lines[1:]:
            name, colon, value = text.partition(b":")
            if not colon or not NAME.match(name) or re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value):
                self._note(f"header line {text!r}")
            received.headers.append((name, value.strip(b" \t")))
        if len(received.values(b"host")) != 1:
            self._note(f"Host lines: {received.values(b'host')!r} in {received.head!r}")
        lengths, codings = received.values(b"content-length"), received.values(b"transfer-encoding")
        if len(lengths) + len(codings) > 1:
            self._note(f"framing: {lengths!r} {codings!r} in {received.head!r}")
        if codings and codings != [b"chunked"]:
            self._note(f"transfer-encoding {codings!r}")
        if lengths and not re.match(rb"^[0-9]{1,18}$", lengths[0]):
            self._note(f"content-length {lengths!r}")
            return 0, False
        return (int(lengths[0]) if lengths else 0), bool(codings)


class Reader:
    """A socket read by delimiter or by count, every byte kept in `raw`."""

    def __init__(self, connection, raw):
        self.connection = connection
        self.raw = raw
        self.buffer = b""
        self.inside_body = False

    def _more(self):
        data = self.connection.recv(65536)
        if not data:
            raise EOFError
        self.raw += data
        self.buffer += data

    def until(self, mark):
        """The bytes up to and with `mark`."""
        while mark not in self.buffer:
            self._more()
        end = self.buffer.index(mark) + len(mark)
        taken, self.buffer = self.buffer[:end], self.buffer[end:]
        return taken

    def exactly(self, count):
        """The next `count` bytes."""
        while len(self.buffer) < count:
            self._more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken


def read_chunks(reader, received):
    """Reads a chunked body strictly; EOFError when the framing is not that of RFC 9112."""
    while True:
        line = reader.until(b"\r\n")
        received.framing += line
        size = line[:-2].split(b";")[0]
        if not re.match(rb"^[0-9a-fA-F]{1,15}$", size) or b"\n" in line[:-2] or b"\r" in line[:-2]:
            raise EOFError
        if int(size, 16) == 0:
            break
        data = reader.exactly(int(size, 16) + 2)
        received.framing += data
        if data[-2:] != b"\r\n":
            raise EOFError
        received.body += data[:-2]
    while True:
        line = reader.until(b"\r\n")
        received.framing += line
        if line == b"\r\n":
            return
        name, _, value = line[:-2].partition(b":")
        received.trailers.append((name, value.strip(b" \t")))


def plain(received):
    """200 with a short body, or none for HEAD."""
    body = b"" if received.method == b"HEAD" else b"ok"
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n" + body
