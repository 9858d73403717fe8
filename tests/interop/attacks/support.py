"""One world per suite: a bundle and a configuration in a temporary folder, an upstream, an issuer, one real Sidegate.

Everything is on 127.0.0.1. The binary is BLACKBOX_BINARY, else the newest of target/{release,debug}/sidegate.
"""

import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

import client
import keys
from upstream import Upstream

ACCOUNT = "555566667777"
MAIN = "https://idp.blackbox.test/main"
NARROW = "https://idp.blackbox.test/narrow"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
ROLE_SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/mallory"


def free_port():
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def binary():
    """The Sidegate to test."""
    named = os.environ.get("BLACKBOX_BINARY")
    if named:
        return named
    root = pathlib.Path(__file__).resolve().parents[3]
    built = [root / "target" / kind / "sidegate" for kind in ("release", "debug")]
    built = sorted((path for path in built if path.exists()), key=lambda path: path.stat().st_mtime)
    if not built:
        raise SystemExit("no sidegate binary: build one, or name it in BLACKBOX_BINARY")
    return str(built[-1])


def yaml(value, indent=0):
    """Block YAML of mappings and lists; scalars as JSON, which YAML reads alike."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        lines = []
        for name, item in value.items():
            nested = isinstance(item, (dict, list)) and item
            lines.append(
                f"{pad}{json.dumps(name)}:" + (f"\n{yaml(item, indent + 1)}" if nested else f" {json.dumps(item)}")
            )
        return "\n".join(lines)
    if isinstance(value, list) and value:
        return "\n".join(f"{pad}- {json.dumps(item)}" for item in value)
    return f"{pad}{json.dumps(value)}"


def document(*statements):
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def public(resource, **more):
    """A resource file that lets everyone in."""
    arn = f"arn:aws:app::{ACCOUNT}:{resource}"
    return {
        "resource": arn,
        "policy": document({"Effect": "Allow", "Principal": "*", "Action": "app:*", "Resource": arn, **more}),
    }


def trust(issuer):
    """Trusts the issuer's web identities."""
    name = issuer.removeprefix("https://")
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{name}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
        }
    )


def route(match, action, resource, **context):
    """One route of a service file; `context` are names and templates of app: keys."""
    found = {"match": match, "action": f"app:{action}", "resource": "arn:{partition}:app::{account}:" + resource}
    return {**found, "context": {f"app:{name}": value for name, value in context.items()}} if context else found


def provider(issuer, source, algorithms, mapping):
    """One OIDC provider file."""
    return {
        "type": "oidc",
        "account": ACCOUNT,
        "trusted_in": [ACCOUNT],
        "issuer": issuer,
        "audiences": ["blackbox"],
        "keys": source,
        "algorithms": algorithms,
        "map": mapping,
    }


def bundle(jwks_url, jwks_file):
    """The files of the bundle, as relative path -> value."""
    service = {"account": ACCOUNT, "region": "us-east-1", "upstream": "app"}
    here = f"accounts/{ACCOUNT}-main"
    private = f"arn:aws:app::{ACCOUNT}:orders/*"
    few = [f"arn:aws:app::{ACCOUNT}:orders/{name}" for name in ("1", "7", "a*b")]
    return {
        "organization.yaml": {
            "partition": "aws",
            "id": "o-blackbox",
            "management_account": "111111111111",
            "root": {"id": "r-bb01", "accounts": ["111111111111", ACCOUNT]},
        },
        "accounts/111111111111-management/account.yaml": {"id": "111111111111", "name": "management"},
        f"{here}/account.yaml": {"id": ACCOUNT, "name": "main"},
        f"{here}/roles/reader.yaml": {
            "trust_policy": trust(MAIN),
            "inline_policies": {"orders": document({"Effect": "Allow", "Action": "app:*", "Resource": private})},
        },
        f"{here}/users/alice.yaml": {
            "inline_policies": {"few": document({"Effect": "Allow", "Action": "app:*", "Resource": few})}
        },
        f"{here}/resources/public.yaml": public("public/*"),
        f"{here}/resources/internal.yaml": public(
            "internal/*", Condition={"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "6.6.6.0/24"]}}
        ),
        f"{here}/resources/param.yaml": public("param/*", Condition={"StringEquals": {"app:Channel": "web"}}),
        f"{here}/resources/tier.yaml": public("tier/*", Condition={"StringEquals": {"app:Tier": "gold"}}),
        "identity-providers/main.yaml": provider(
            MAIN, {"url": jwks_url}, ALGORITHMS, {"role": "{claim:role}", "session_name": "{claim:sub}"}
        ),
        "identity-providers/narrow.yaml": provider(NARROW, {"file": jwks_file}, ["ES256"], {"user": "{claim:user}"}),
        "routes/app.yaml": {
            "service": "app",
            **service,
            "hosts": "any",
            "routes": [
                route("ANY /public/{rest..}", "Public", "public/{rest}"),
                route("ANY /admin/{rest..}", "Admin", "admin/{rest}"),
                route("ANY /internal/{rest..}", "Internal", "internal/{rest}"),
                route("ANY /orders/{id}", "Order", "orders/{id}"),
                route("GET /getonly/{id}", "Public", "public/{id}"),
                route("ANY /param/{id}", "Param", "param/{id}", Channel="{query:channel}"),
                route("ANY /tier/{id}", "Tier", "tier/{id}", Tier="{header:x-tier}"),
            ],
        },
        "routes/paths.yaml": {
            "service": "paths",
            **service,
            "hosts": ["paths.test"],
            "routes": [
                route("ANY /{rest..}", "Public", "public/{rest}"),
                route("ANY /admin", "Admin", "admin/root"),
                route("ANY /admin/{rest..}", "Admin", "admin/{rest}"),
            ],
        },
        "routes/locked.yaml": {
            "service": "locked",
            **service,
            "hosts": ["locked.test"],
            "routes": [route("ANY /{rest..}", "Locked", "locked/{rest}")],
        },
    }


class Issuer:
    """Serves key sets by path and counts who asks for what."""

    def __init__(self):
        self.documents = {}
        self.asked = []
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked.append(self.path)
                body = issuer.documents.get(self.path)
                self.send_response(200 if body is not None else 404)
                body = body or b"{}"
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        """The loopback URL of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def publish(self, path, jwks):
        """Serves the key set at the path."""
        self.documents[path] = json.dumps({"keys": jwks}).encode()


class World:
    """Makes everything, starts Sidegate and waits until it is ready. Close it when done."""

    def __init__(self, main_jwks=None, narrow_jwks=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sidegate-blackbox-"))
        self.upstream = Upstream()
        self.issuer = Issuer()
        self.key = keys.ec_key("main-es256", "P-256", alg="ES256", use="sig")
        self.issuer.publish("/main.json", [self.key.jwk(), *(main_jwks or [])])
        self.forbidden = []
        self.process = None
        files = bundle(self.issuer.url("/main.json"), "narrow.jwks.json")
        self.narrow_key = keys.ec_key("narrow-own", "P-256")
        narrow = json.dumps({"keys": [self.narrow_key.jwk(), *(narrow_jwks or [])]})
        for name, value in files.items():
            self._write(f"policies/{name}", yaml(value) + "\n")
        # A relative file is read from beside the provider's own file.
        self._write("policies/identity-providers/narrow.jwks.json", narrow)
        for _ in range(3):
            if self._start():
                return
        raise SystemExit(f"sidegate did not become ready; its log:\n{self.log()}")

    def _write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _start(self):
        self.port, self.health = free_port(), free_port()
        self._write(
            "sidegate.yaml",
            (
                "listeners:\n"
                f"  - {{ name: ingress, address: 127.0.0.1:{self.port}, mode: proxy }}\n"
                "upstreams:\n"
                f"  app: {{ url: http://127.0.0.1:{self.upstream.port} }}\n"
                "bundle: { path: ./policies }\n"
                f"health: {{ address: 127.0.0.1:{self.health} }}\n"
                "audit: { file: ./audit/ }\n"
            ),
        )
        # SIDEGATE_… variables override the configuration: none may come in from outside.
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SIDEGATE_")}
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [binary(), "run", "-c", "sidegate.yaml"],
                cwd=self.folder,
                env=clean,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.health}/readyz", timeout=1) as answer:
                    if answer.status == 200:
                        return True
            except OSError:
                time.sleep(0.02)
        self.stop()
        return False

    def stop(self):
        """Ends the process: SIGTERM twice is Sidegate's own way of ending at once."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is not None:
                return
            self.process.send_signal(number)
            try:
                self.process.wait(0.3 if number == signal.SIGTERM else 5)
            except subprocess.TimeoutExpired:
                continue

    def log(self):
        """What Sidegate wrote."""
        return (self.folder / "log").read_text(errors="replace")

    def audit(self):
        """Every audit record so far; `torn` counts the lines that are none."""
        records, self.torn = [], 0
        for path in sorted((self.folder / "audit").rglob("*")):
            if path.is_file():
                for line in path.read_text(errors="replace").split("\n"):
                    try:
                        record = json.loads(line)
                    except ValueError:
                        self.torn += bool(line)
                        continue
                    if isinstance(record, dict) and "eventName" in record:
                        records.append(record)
        return records

    def audit_by_id(self, wanted, timeout=3.0):
        """requestID -> record, waiting until all `wanted` ids are written or the time is over."""
        deadline = time.monotonic() + timeout
        while True:
            found = {record.get("requestID"): record for record in self.audit()}
            if wanted <= found.keys() or time.monotonic() > deadline:
                return found
            time.sleep(0.05)

    def memory(self, field):
        """VmRSS or VmHWM in KiB."""
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith(field + ":"):
                return int(line.split()[1])
        return 0

    def forget_peak(self):
        """Sets VmHWM back to what is in use now."""
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as file:
            file.write("5")

    def token(self, **changes):
        """An honest token of the main issuer."""
        return keys.token(self.key, "ES256", keys.claims(MAIN, **changes))

    def talk(self, *parts, **options):
        """`client.talk` with this Sidegate, the upstream's list of requests emptied first."""
        self.upstream.clear()
        return client.talk(self.port, *parts, **options)

    def taken(self, settle=0.01):
        """What the upstream has received since the last `talk`."""
        time.sleep(settle)
        return self.upstream.taken()

    def canary(self):
        """A word that must never reach the upstream; judged at the end."""
        word = f"canary{len(self.forbidden):06d}z"
        self.forbidden.append(word.encode())
        return word

    def close(self, suite):
        """The closing checks that hold for every suite, then the end of the process."""
        honest = client.talk(self.port, client.request(), timeout=5)
        suite.check("an honest request is served at the end", honest.statuses == [200], repr(honest))
        suite.check("the process lives", self.process.poll() is None, f"exit {self.process.poll()}")
        suite.check("no panic in the log", "panicked" not in self.log(), self.log()[-400:])
        anomalies = self.upstream.anomalies
        suite.check(
            "the upstream could read everything in one way only", not anomalies, f"{len(anomalies)}: {anomalies[:4]}"
        )
        with self.upstream.lock:
            everything = b"\0".join(bytes(raw) for raw in self.upstream.connections)
        leaked = [word for word in self.forbidden if word in everything]
        suite.check("nothing forbidden reached the upstream", not leaked, f"{leaked[:10]}")
        self.stop()
        self.audit()
        suite.check("every line of the audit is JSON", self.torn == 0, f"{self.torn} are not")
        if suite.failed and os.environ.get("BLACKBOX_KEEP"):
            print(f"kept {self.folder}", flush=True)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.upstream.listener.close()
        self.issuer.server.shutdown()
