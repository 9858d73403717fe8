"""A raw HTTP/1 client: sends bytes as given, reads what comes back, judges nothing."""

import json
import socket
import time


class Response:
    """One response, headers as (lower-cased name, value)."""

    def __init__(self, status, headers, body, whole):
        self.status = status
        self.headers = headers
        self.body = body
        self.whole = whole

    def values(self, name):
        """Every value of the header `name`."""
        return [value for key, value in self.headers if key == name.lower()]

    def value(self, name):
        """The first value of the header `name`, or None."""
        found = self.values(name)
        return found[0] if found else None

    def json(self):
        """The body as JSON, or an empty mapping."""
        try:
            read = json.loads(self.body)
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}

    def __repr__(self):
        return f"<{self.status} {self.body[:200]!r}>"


class Talk:
    """What came back on one connection."""

    def __init__(self, raw, closed, seconds, methods):
        self.raw = raw
        self.closed = closed
        self.seconds = seconds
        everything = parse(raw, methods, closed)
        self.interim = [item.status for item in everything if item.status < 200]
        self.responses = [item for item in everything if item.status >= 200]

    @property
    def statuses(self):
        """The final statuses in order."""
        return [item.status for item in self.responses]

    @property
    def first(self):
        """The first final response, or one with status 0."""
        return self.responses[0] if self.responses else Response(0, [], b"", False)

    def __repr__(self):
        return f"{self.statuses} closed={self.closed} after {self.seconds:.2f}s {self.raw[:160]!r}"


def talk(port, *parts, want=1, timeout=3.0, until_close=False, half_close=False, methods=()):
    """Sends the parts (bytes, or a pause in seconds) and reads until `want` final responses are whole, or the end."""
    started = time.monotonic()
    raw, closed = b"", False
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for part in parts:
                if isinstance(part, (int, float)):
                    time.sleep(part)
                else:
                    connection.sendall(part)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the peer has had enough; what it said is read below
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            whole = [item for item in parse(raw, methods, False) if item.whole and item.status >= 200]
            if len(whole) >= want and not until_close:
                break
            connection.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = connection.recv(65536)
            except TimeoutError:
                break
            except OSError:
                closed = True
                break
            if not data:
                closed = True
                break
            raw += data
    return Talk(raw, closed, time.monotonic() - started, methods)


def parse(raw, methods=(), closed=False):
    """The responses in `raw`; `methods` are the requests' methods in order, for HEAD."""
    found, rest, number = [], raw, 0
    while rest.startswith(b"HTTP/1.") and b"\r\n\r\n" in rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        status = int(lines[0].split(b" ")[1])
        headers = []
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            headers.append((name.decode("latin-1").lower(), value.strip().decode("latin-1")))
        fields = dict(headers)
        method = methods[number] if number < len(methods) else "GET"
        if status < 200 or status in (204, 304) or method == "HEAD":
            body, whole = b"", True
        elif "chunked" in fields.get("transfer-encoding", ""):
            body, rest, whole = unchunk(rest)
        elif "content-length" in fields:
            size = int(fields["content-length"])
            body, rest, whole = rest[:size], rest[size:], len(rest) >= size
        else:
            body, rest, whole = rest, b"", closed
        found.append(Response(status, headers, body, whole))
        if status >= 200:
            number += 1
        if not whole:
            break
    return found


def unchunk(rest):
    """(body, what follows, whether the body is whole)."""
    body = b""
    while b"\r\n" in rest:
        line, _, rest = rest.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            while b"\r\n" in rest:
                trailer, _, rest = rest.partition(b"\r\n")
                if not trailer:
                    return body, rest, True
            return body, rest, False
        if len(rest) < size + 2:
            return body + rest[:size], b"", False
        body, rest = body + rest[:size], rest[size + 2 :]
    return body, rest, False


def request(method="GET", target="/public/x", headers=(), body=b"", host="app.test", version="HTTP/1.1"):
    """An ordinary request's bytes; a body gets its Content-Length."""
    lines = [f"{method} {target} {version}".encode("latin-1")]
    if host is not None:
        lines.append(f"Host: {host}".encode("latin-1"))
    for line in headers:
        lines.append(line if isinstance(line, bytes) else line.encode("latin-1"))
    if body:
        lines.append(f"Content-Length: {len(body)}".encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class Session:
    """One keep-alive connection for many well-formed exchanges; reconnects when closed."""

    def __init__(self, port):
        self.port = port
        self.connection = None

    def ask(self, data, method="GET", timeout=5.0):
        """Sends one request and reads its response (status 0 when none came)."""
        for fresh in (False, True):
            if self.connection is None:
                self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                fresh = True
            response = self._once(data, method)
            if response is not None or fresh:
                return response or Response(0, [], b"", False)
        return Response(0, [], b"", False)

    def _once(self, data, method):
        raw, ended = b"", False
        try:
            self.connection.sendall(data)
        except OSError:
            ended = True
        while True:
            found = [item for item in parse(raw, (method,), ended) if item.status >= 200]
            if found and found[0].whole:
                if ended or found[0].value("connection") == "close":
                    self.close()
                return found[0]
            if ended:
                self.close()
                return None
            try:
                more = self.connection.recv(65536)
            except OSError:
                more = b""
            ended = not more
            raw += more

    def close(self):
        """Drops the connection."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
