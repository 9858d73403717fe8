"""One world a drill: a bundle that lets everyone in, a configuration, an upstream, one real Sidegate."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
ACCOUNT = "555566667777"
# What anything may take on a machine that does other things too.
PATIENCE = 30


def binary():
    """The Sidegate to test."""
    if named := os.environ.get("BLACKBOX_BINARY"):
        return named
    built = [path for kind in ("release", "debug") if (path := ROOT / "target" / kind / "sidegate").exists()]
    return str(max(built, key=lambda path: path.stat().st_mtime))


def eventually(what, check, patience=PATIENCE):
    """Until `check` is true; how long that took."""
    began = time.monotonic()
    while not check():
        if time.monotonic() - began > patience:
            raise AssertionError(f"waited {patience} s in vain: {what}")
        time.sleep(0.02)
    return time.monotonic() - began


class Upstream(socketserver.ThreadingTCPServer):
    """Says ok to every request; `mode` may be changed while it runs."""

    allow_reuse_address = daemon_threads = True
    request_queue_size = 1024

    def __init__(self, port=0):
        self.mode = "ok"
        super().__init__(("127.0.0.1", port), Handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        """Nobody listens any more, and kept connections end."""
        self.mode = "gone"
        self.shutdown()
        self.server_close()


class Handler(socketserver.StreamRequestHandler):
    """One connection to the upstream."""

    def handle(self):
        with contextlib.suppress(OSError):
            while self.rfile.readline():
                while self.rfile.readline().strip():
                    pass
                match self.server.mode:
                    case "ok":
                        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    case "torn":
                        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)
                        return
                    case "garbage":
                        self.wfile.write(os.urandom(64))
                        return
                    case "gone":
                        return
                    case "silent":
                        time.sleep(PATIENCE)
                        return


class World:
    """Use as a context."""

    def __init__(self, configuration=None, listener=None, descriptors=None, preload=None):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self._folder.name)
        self.upstream = Upstream()
        self.descriptors, self.preload = descriptors, preload
        self.process = None
        self._write(configuration or {}, listener or {})

    def _write(self, configuration, listener):
        arn = f"arn:aws:app::{ACCOUNT}:*"
        allow = {"Effect": "Allow", "Principal": "*", "Action": "app:*", "Resource": arn}
        root = {"accounts": [ACCOUNT]}
        files = {
            "policies/organization.yaml": {"partition": "aws", "id": "o-faults1234", "management_account": ACCOUNT, "root": root},
            f"policies/accounts/{ACCOUNT}-main/account.yaml": {"id": ACCOUNT, "name": "main"},
            f"policies/accounts/{ACCOUNT}-main/resources/all.yaml": {
                "resource": arn,
                "policy": {"Version": "2012-10-17", "Statement": allow},
            },
            "policies/routes/app.yaml": {
                "service": "app",
                "account": ACCOUNT,
                "region": "us-east-1",
                "upstream": "app",
                "routes": [
                    {"match": "GET,POST /{name}", "action": "app:Use", "resource": "arn:{partition}:app::{account}:{name}"}
                ],
            },
            "sidegate.yaml": {
                "listeners": [{"name": "ingress", "address": "127.0.0.1:0", "mode": "proxy", **listener}],
                "upstreams": {"app": {"url": f"http://127.0.0.1:{self.upstream.port}", "response_timeout": "2s"}},
                "bundle": {"path": "./policies"},
                "health": {"address": "127.0.0.1:0"},
                **configuration,
            },
        }
        for name, value in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value))

    def __enter__(self):
        self.start()
        return self

    def start(self):
        """Starts Sidegate and waits until it is ready; how long that took."""
        self.log = self.folder / "log"
        limits = f"ulimit -n {self.descriptors}; " if self.descriptors else ""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SIDEGATE_")}
        if self.preload:
            environment |= self.preload
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", f'{limits}exec "$0" run -c sidegate.yaml', binary()],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env=environment,
                restore_signals=False,
            )
        self.ingress, self.health = None, None
        return eventually("readiness", self._is_ready)

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"it ended: {self.log.read_text()}")
        for line in self.log.read_text().splitlines():
            if " listening" in line and "address=" in line:
                port = int(line.split("address=")[1].split()[0].rsplit(":", 1)[1])
                if 'listener="health"' in line:
                    self.health = port
                elif 'listener="ingress"' in line:
                    self.ingress = port
        return self.ingress and self.health and ask(self.health, "/readyz") == 200

    def __exit__(self, *failure):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if failure[0]:
            print(self.log.read_text()[-4000:])
        self.upstream.close()
        self._folder.cleanup()

    def resident(self):
        """Resident memory in bytes."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def processor(self):
        """Seconds of processor time so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def honest(self):
        """Whether an honest request is served."""
        return ask(self.ingress, "/a") == 200

    def records(self, torn=0):
        """Every whole audit record. Each kill may have torn the one that was being written, which the next start ends with
        a line feed; a torn line more than that is a fault."""
        text = (self.folder / "audit/audit.jsonl").read_bytes()
        whole = []
        for line in text.split(b"\n")[:-1]:
            try:
                whole.append(json.loads(line))
            except ValueError:
                torn -= 1
                assert torn >= 0, f"a torn record: {line[:80]!r} ({len(line)} bytes)"
        return whole


def ask(port, target, timeout=PATIENCE):
    """The status of one request, `None` when there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        response.read()
        return response.status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def connect(port, source=None):
    """A connection, perhaps from another address of the loopback network."""
    stream = socket.socket()
    if source:
        stream.bind((source, 0))
    stream.settimeout(PATIENCE)
    stream.connect(("127.0.0.1", port))
    return stream
