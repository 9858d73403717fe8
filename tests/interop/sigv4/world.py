"""A sidegate with two services (one that signs as S3 does) over HTTP and HTTPS, and an upstream that stores objects."""

import datetime
import ipaddress
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
OTHER_KEY = "AKIAI44QH8DHBEXAMPLE"
REGION = "us-east-1"
ALICE = "arn:aws:iam::555566667777:user/alice"
PATIENCE = 60


class Upstream(BaseHTTPRequestHandler):
    """Stores what is PUT, answers it to GET, and tells everybody else what it received."""

    protocol_version = "HTTP/1.1"
    objects: dict = {}
    heard: list = []

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_one(self):
        if self.headers.get("Transfer-Encoding"):
            raise RuntimeError("a body without a length")
        length = int(self.headers.get("Content-Length") or 0)
        body = b"" if length > 2**30 else self.rfile.read(length)
        whole = len(body) == length
        heard = {"method": self.command, "target": self.path, "headers": dict(self.headers), "whole": whole}
        heard["body"] = body
        Upstream.heard.append(heard)
        if not whole:
            self.close_connection = True
            return
        if not self.path.startswith("/store/"):
            told = dict(heard, body=body.decode("latin-1"))
            self.answer(200, json.dumps(told).encode())
            return
        key = urllib.parse.unquote(self.path.split("?")[0])
        if self.command == "PUT":
            Upstream.objects[key] = body
            self.answer(200, headers=[("ETag", '"00000000000000000000000000000000"')])
        elif self.command == "DELETE":
            Upstream.objects.pop(key, None)
            self.answer(204)
        elif key in Upstream.objects:
            told = [("ETag", '"0"'), ("Last-Modified", "Mon, 23 Nov 2026 05:00:00 GMT")]
            self.answer(200, Upstream.objects[key], told)
        else:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one


def certificate(folder):
    """A certificate for 127.0.0.2 that is its own authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sidegate test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.2"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "tls.key").write_bytes(pem)


FILES = {
    "policies/organization.yaml": 'partition: aws\nid: o-testtesttest\nmanagement_account: "111111111111"\n'
    'root: { accounts: ["111111111111", "555566667777"] }\n',
    "policies/accounts/111111111111-management/account.yaml": 'id: "111111111111"\nname: management\n',
    "policies/accounts/555566667777-app/account.yaml": 'id: "555566667777"\nname: app\n',
    "policies/accounts/555566667777-app/users/alice.yaml": "inline_policies:\n"
    '  all: { Version: "2012-10-17", Statement: [ { Effect: Allow, Action: ["app:*", "store:*"], Resource: "*" } ] }\n',
    "policies/accounts/555566667777-app/users/bob.yaml": "tags: { team: none }\n",
    "policies/routes/app.yaml": 'service: app\naccount: "555566667777"\nregion: us-east-1\nupstream: app\n'
    "hosts: [app.test]\nroutes:\n"
    '- { match: "ANY /{rest..}", action: "app:Use", resource: "arn:{partition}:app::{account}:{rest}" }\n'
    '- { match: "ANY /", action: "app:Use", resource: "arn:{partition}:app::{account}:root" }\n',
    "policies/routes/store.yaml": 'service: store\nsigning_name: s3\naccount: "555566667777"\nregion: us-east-1\n'
    'upstream: app\nhosts: ["127.0.0.1", "127.0.0.2"]\nroutes:\n'
    '- { match: "ANY /{bucket}/{key..}", action: "store:Use", resource: "arn:{partition}:store::{account}:{bucket}/{key}" }\n',
    "credentials.yaml": "access_keys:\n"
    f'- {{ id: {KEY}, secret: "{SECRET}", user: "{ALICE}" }}\n'
    f'- {{ id: {OTHER_KEY}, secret: "{SECRET}x", user: "arn:aws:iam::555566667777:user/bob" }}\n',
}


class Server(ThreadingHTTPServer):
    """With room for connections that come faster than they are taken."""

    request_queue_size = 128


class World:
    def __init__(self, binary):
        self.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.folder.name)
        self.server = Server(("127.0.0.1", 0), Upstream)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        for name, text in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        os.chmod(folder / "credentials.yaml", 0o600)
        certificate(folder)
        self.ca = str(folder / "tls.crt")
        (folder / "sidegate.yaml").write_text(
            'listeners:\n- { name: plain, address: "127.0.0.1:0" }\n'
            '- { name: secure, address: "127.0.0.2:0", tls: { certificate: tls.crt, key: tls.key } }\n'
            # A connection attempt that a busy machine drops is repeated after one second.
            f'upstreams: {{ app: {{ url: "http://127.0.0.1:{self.server.server_port}", connect_timeout: 20s }} }}\n'
            "bundle: { path: ./policies }\nhealth: { address: '127.0.0.1:0' }\naudit: { file: ./audit/ }\n"
            "credentials: ./credentials.yaml\n"
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SIDEGATE_")}
        self.process = subprocess.Popen(
            [binary, "run", "-c", str(folder / "sidegate.yaml")],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            cwd=folder,
            env=environment,
        )
        self.log = []
        threading.Thread(target=self.follow, daemon=True).start()
        self.plain, self.secure, self.health = map(self.address, ("plain", "secure", "health"))
        self.wait_until_ready()

    def follow(self):
        for line in self.process.stderr:
            self.log.append(line)

    def wait_for(self, what, done):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = done()
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f"waited in vain for {what}:\n{''.join(self.log)}")

    def address(self, name):
        def find():
            for line in list(self.log):
                found = re.search(rf'listening.*listener="?{name}"? address=(\S+)', line)
                if found:
                    return found.group(1)
            return None

        return self.wait_for(f"listener {name}", find)

    def wait_until_ready(self):
        def ready():
            try:
                return urllib.request.urlopen(f"http://{self.health}/readyz", timeout=5).status == 200
            except OSError:
                return False

        self.wait_for("readiness", ready)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.server.shutdown()
