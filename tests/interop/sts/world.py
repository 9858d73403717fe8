"""A bundle, an issuer's key, an upstream and the binary, in a temporary folder."""

import http.server
import json
import os
import re
import subprocess
import tempfile
import threading
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

ISSUER = "https://ci.example/x"
PROVIDER = "arn:aws:iam::111111111111:oidc-provider/ci.example/x"
PIPELINE = "arn:aws:iam::111111111111:role/ci/pipeline"
DEPLOY = "arn:aws:iam::555566667777:role/deploy"
NEXT = "arn:aws:iam::555566667777:role/next"
EXTERNAL_ID = "secret-7"
POD = "arn:aws:iam::555566667777:role/pod"
ADMIN = "arn:aws:iam::555566667777:role/admin"
DEVICE = "arn:aws:iam::555566667777:mfa/alice"
SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
ALICE = {"AccessKeyId": "AKIAALICEALICEALICE1", "SecretAccessKey": "alice-secret-alice-secret-alice-secret-1"}
ROOT = {"AccessKeyId": "AKIAROOTROOTROOTROO1", "SecretAccessKey": "root-secret-root-secret-root-secret-0001"}
PATIENCE = 60


def statement(actions, **more):
    return {"Effect": "Allow", "Action": actions, **more}


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def uses(*names):
    return statement("app:Use", Resource=[f"arn:aws:app::555566667777:{name}" for name in names])


ALL = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
WEB = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"]


def bundle(jwks):
    app = "accounts/555566667777-app"
    management = "accounts/111111111111-management"
    return {
        "organization.yaml": {
            "partition": "aws",
            "id": "o-testtesttest",
            "management_account": "111111111111",
            "root": {"accounts": ["111111111111", "555566667777"]},
        },
        f"{management}/account.yaml": {"id": "111111111111", "name": "management"},
        f"{app}/account.yaml": {"id": "555566667777", "name": "app"},
        "identity-providers/ci.jwks.json": jwks,
        "identity-providers/ci.yaml": {
            "type": "oidc",
            "account": "111111111111",
            "issuer": ISSUER,
            "audiences": ["app"],
            "trusted_in": ["111111111111", "555566667777"],
            "keys": {"file": "ci.jwks.json"},
            "algorithms": ["ES256"],
            "map": {"role": "nothing", "session_name": "{claim:sub}", "source_identity": "{claim:who}"},
        },
        f"{management}/roles/pipeline.yaml": {
            "path": "/ci/",
            "trust_policy": document(
                statement(
                    WEB,
                    Principal={"Federated": PROVIDER},
                    Condition={"StringEquals": {"ci.example/x:sub": "main"}},
                )
            ),
            "inline_policies": {
                "sts": document(
                    statement(ALL, Resource=[DEPLOY, NEXT]),
                    statement(["sts:GetAccessKeyInfo", "sts:DecodeAuthorizationMessage"], Resource="*"),
                )
            },
        },
        f"{app}/roles/deploy.yaml": {
            "trust_policy": document(
                statement(
                    ALL,
                    Principal={"AWS": PIPELINE},
                    Condition={"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
                )
            ),
            "inline_policies": {
                "use": document(uses("a", "b", "c-${aws:PrincipalTag/Stage}"), statement(ALL, Resource=NEXT))
            },
            "max_session_duration": 7200,
        },
        f"{app}/roles/next.yaml": {
            "trust_policy": document(statement(ALL, Principal={"AWS": DEPLOY})),
            "inline_policies": {"use": document(uses("a", "c-${aws:PrincipalTag/Stage}"))},
        },
        f"{app}/users/alice.yaml": {
            "mfa_devices": [DEVICE],
            "inline_policies": {
                "sts": document(
                    uses("a", "b"),
                    statement(["sts:AssumeRole", "sts:GetFederationToken", "sts:TagSession"], Resource="*"),
                )
            },
        },
        f"{app}/roles/admin.yaml": {
            "trust_policy": document(
                statement(
                    "sts:AssumeRole",
                    Principal={"AWS": "555566667777"},
                    Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}},
                )
            ),
            "inline_policies": {"use": document(uses("a"))},
            "bearer": False,
        },
        f"{app}/roles/pod.yaml": {
            "trust_policy": document(
                statement(
                    WEB,
                    Principal={"Federated": PROVIDER.replace("111111111111", "555566667777")},
                    Condition={"StringEquals": {"ci.example/x:sub": "system:serviceaccount:shop:orders"}},
                )
            ),
            "inline_policies": {"use": document(uses("a"))},
        },
        f"{app}/policies/only-b.json": document(uses("b")),
        "routes/app.yaml": {
            "service": "app",
            "account": "555566667777",
            "region": "us-east-1",
            "upstream": "app",
            "routes": [
                {
                    "match": "GET /{name}",
                    "action": "app:Use",
                    "resource": "arn:{partition}:app::{account}:{name}",
                }
            ],
        },
    }


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class World:
    def __init__(self, binary, central=None):
        """With `central`, a sidecar that has its bundle and keys, and cannot issue."""
        self.binary = binary
        self._folder = tempfile.TemporaryDirectory()
        self.folder = self._folder.name
        self.key = central.key if central else ec.generate_private_key(ec.SECP256R1())
        jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        jwks = {"keys": [{**jwk, "kid": "one", "use": "sig", "alg": "ES256"}]}
        for name, content in bundle(jwks).items():
            self.write(f"policies/{name}", json.dumps(content))
        self.upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        threading.Thread(target=self.upstream.serve_forever, daemon=True).start()
        self.write(
            "sidegate.yaml",
            json.dumps(
                {
                    "listeners": [{"name": "ingress", "address": "127.0.0.1:0"}],
                    "upstreams": {"app": {"url": f"http://127.0.0.1:{self.upstream.server_address[1]}"}},
                    "bundle": {"path": "./policies"},
                    "health": {"address": "127.0.0.1:0"},
                    "audit": {"file": "./audit/"},
                    "keyring": "./keyring.yaml",
                    "credentials": "./credentials.yaml",
                    "sts": {
                        "address": "127.0.0.1:0",
                        "container_roles": [POD],
                        "container_token_file": "./guard",
                        "web_identity_token_file": "./pod-token",
                        **({"remote": central.sts} if central else {}),
                    },
                }
            ),
        )
        keys = [(ALICE, {"user": "arn:aws:iam::555566667777:user/alice"}), (ROOT, {"root": "555566667777"})]
        credentials = {
            "access_keys": [
                {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"], "status": "Active", **owner}
                for key, owner in keys
            ],
            "sts_secrets": {"totp": [{"device": DEVICE, "seed": SEED}]},
        }
        self.write("credentials.yaml", json.dumps(credentials))
        os.chmod(os.path.join(self.folder, "credentials.yaml"), 0o600)
        if central:
            central.keyring("export", "--verify-only", os.path.join(self.folder, "keyring.yaml"))
        else:
            self.keyring("new")
        pod = {"kubernetes.io": {"pod": {"name": "orders-7d9f"}}}
        self.write("pod-token", self.token(sub="system:serviceaccount:shop:orders", **pod))
        self.start()

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()

    def keyring(self, *arguments):
        command = [self.binary, "keyring", *arguments]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout

    def start(self):
        self.log = []
        self.process = subprocess.Popen(
            [self.binary, "run", "-c", "sidegate.yaml"], cwd=self.folder, stderr=subprocess.PIPE, text=True
        )
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()
        self.sts = "http://" + self.address("sts")
        self.proxy = "http://" + self.address("ingress")

    def address(self, name):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for line in list(self.log):
                found = re.search(rf'listener="{name}" address=(\S+)', line)
                if found:
                    return found.group(1)
            time.sleep(0.05)
        raise SystemExit(f"no listener {name}:\n{''.join(self.log)}")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.upstream.shutdown()
        self._folder.cleanup()

    def token(self, **claims):
        now = int(time.time())
        all_claims = {"iss": ISSUER, "aud": "app", "sub": "main", "iat": now, "exp": now + 600, **claims}
        return jwt.encode(all_claims, self.key, algorithm="ES256", headers={"kid": "one"})
