"""Redis, and replicas of the binary that share a bundle, a keyring and Redis."""

import datetime
import hashlib
import hmac
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "saml"))
import idp  # noqa: E402

PATIENCE = 60
ISSUER = "https://ci.example/x"
ROLE = "arn:aws:iam::555566667777:role/deploy"
ALICE = "arn:aws:iam::555566667777:user/alice"
DEVICE = "arn:aws:iam::555566667777:mfa/alice"
SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
KEY = ("AKIAALICEALICEALICE1", "alice-secret-alice-secret-alice-secret-1")
PASSWORD = "a password with a / and an @"


def eventually(what, done, patience=PATIENCE):
    """What `done` gives, and after how long."""
    began = time.monotonic()
    while True:
        value = done()
        took = time.monotonic() - began
        if value:
            return value, took
        if took > patience:
            raise AssertionError(f"waited {took:.1f} s in vain: {what}")
        time.sleep(0.005)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Redis:
    """Keeps nothing over a restart."""

    def __init__(self, folder):
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        self.program = shutil.which("redis-server") or shutil.which("valkey-server")
        self.process = None
        certificate, key = os.path.join(folder, "redis.crt"), os.path.join(folder, "redis.key")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            + ["-days", "2", "-subj", "/CN=redis", "-keyout", key, "-out", certificate]
            + ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"],
            check=True,
            capture_output=True,
        )
        self.certificate = certificate
        self.options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self.options += ["--dir", folder, "--requirepass", PASSWORD, "--daemonize", "no"]
        self.options += ["--tls-port", str(self.tls_port), "--tls-auth-clients", "no"]
        self.options += ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate]

    def start(self):
        self.process = subprocess.Popen([self.program, *self.options], stdout=subprocess.DEVNULL)
        eventually("Redis", lambda: self.ask("PING") == "PONG")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def signal(self, number):
        self.process.send_signal(number)

    def ask(self, *words):
        """One command; `None` when nobody answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as stream:
                answer = None
                lines = stream.makefile("rb")
                for command in (("AUTH", PASSWORD), words):
                    parts = [part.encode() for part in command]
                    text = b"*%d\r\n" % len(parts)
                    text += b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
                    stream.sendall(text)
                    answer = lines.readline()
                return answer.decode().strip().lstrip("+:")
        except OSError:
            return None

    def members(self):
        return int(self.ask("SCARD", "sidegate:revocations"))


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def statement(actions, **more):
    return {"Effect": "Allow", "Action": actions, **more}


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def bundle(jwks, login):
    app = "accounts/555566667777-app"
    provider = "arn:aws:iam::555566667777:oidc-provider/ci.example/x"
    account = {"accounts": ["555566667777"]}
    trust = statement("sts:AssumeRoleWithWebIdentity", Principal={"Federated": provider})
    trust["Condition"] = {"StringEquals": {"ci.example/x:sub": "main"}}
    use = document(statement("app:Use", Resource="arn:aws:app::555566667777:a"))
    everyone = statement("app:Use", Principal="*", Resource="arn:aws:app::555566667777:open")
    people = statement("sts:AssumeRoleWithSAML", Principal={"Federated": idp.PROVIDER})
    people["Condition"] = {"StringEquals": {"saml:aud": idp.RECIPIENT}}
    route = {"match": "GET /{name}", "action": "app:Use", "resource": "arn:{partition}:app::{account}:{name}"}
    routes = {"service": "app", "account": "555566667777", "region": "us-east-1", "upstream": "app", "routes": [route]}
    return {
        "organization.yaml": {
            "partition": "aws",
            "id": "o-testtesttest",
            "management_account": "555566667777",
            "root": account,
        },
        f"{app}/account.yaml": {"id": "555566667777", "name": "app"},
        f"{app}/roles/deploy.yaml": {"trust_policy": document(trust), "inline_policies": {"use": use}},
        f"{app}/roles/people.yaml": {"trust_policy": document(people)},
        f"{app}/users/alice.yaml": {"mfa_devices": [DEVICE], "inline_policies": {"use": use}},
        f"{app}/resources/open.yaml": {"resource": "arn:aws:app::555566667777:*", "policy": document(everyone)},
        "identity-providers/ci.jwks.json": jwks,
        "identity-providers/ci.yaml": {
            "type": "oidc",
            "account": "555566667777",
            "issuer": ISSUER,
            "audiences": ["app"],
            "keys": {"file": "ci.jwks.json"},
            "algorithms": ["ES256"],
            "map": {"role": "deploy", "session_name": "{claim:sub}"},
        },
        "identity-providers/login.xml": login.metadata(),
        "identity-providers/login.yaml": {
            "type": "saml",
            "account": "555566667777",
            "metadata": "login.xml",
            "audiences": [idp.AUDIENCE],
            "recipients": [idp.RECIPIENT],
        },
        "routes/app.yaml": routes,
    }


class World:
    def __init__(self, binary, folder, redis):
        self.binary, self.folder, self.redis = binary, folder, redis
        self.key = ec.generate_private_key(ec.SECP256R1())
        jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        jwks = {"keys": [{**jwk, "kid": "one", "use": "sig", "alg": "ES256"}]}
        self.login, self.assertions = idp.Provider(), 0
        for name, content in bundle(jwks, self.login).items():
            self.write(f"policies/{name}", content if isinstance(content, str) else json.dumps(content))
        access_key = {"id": KEY[0], "secret": KEY[1], "status": "Active", "user": ALICE}
        totp = {"totp": [{"device": DEVICE, "seed": SEED}]}
        self.write("credentials.yaml", json.dumps({"access_keys": [access_key], "sts_secrets": totp}))
        os.chmod(self.path("credentials.yaml"), 0o600)
        self.write("password", PASSWORD + "\n")
        subprocess.run([binary, "keyring", "new"], cwd=folder, check=True, capture_output=True)
        self.upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
        threading.Thread(target=self.upstream.serve_forever, daemon=True).start()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def token(self):
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": "app", "sub": "main", "iat": now, "exp": now + 600}
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": "one"})

    def assertion(self):
        """A SAML response that nobody has used, in base64."""
        self.assertions += 1
        now = datetime.datetime.now(datetime.timezone.utc)
        signed = self.login.sign(idp.assertion(now, id=f"_one-{self.assertions}"))
        return idp.encoded(idp.response(signed, now=now))

    def replica(self, name, keeps=True, tls=False, password="password"):
        scheme, port = ("rediss", self.redis.tls_port) if tls else ("redis", self.redis.port)
        shared = {"url": f"{scheme}://127.0.0.1:{port}/0", "password_file": f"../{password}"}
        if tls:
            shared["ca_file"] = self.redis.certificate
        settings = {
            "listeners": [{"name": "ingress", "address": "127.0.0.1:0"}],
            "upstreams": {"app": {"url": f"http://127.0.0.1:{self.upstream.server_address[1]}"}},
            "bundle": {"path": "../policies"},
            "health": {"address": "127.0.0.1:0"},
            "audit": {"file": "./audit/"},
            "keyring": "../keyring.yaml",
            "credentials": "../credentials.yaml",
            "sts": {"address": "127.0.0.1:0"},
            "admin": {"address": "127.0.0.1:0", "token_file": "./admin-token"},
            "state": {"redis": shared, **({"path": "./state"} if keeps else {})},
            "workers": 1,
        }
        self.write(f"{name}/sidegate.yaml", json.dumps(settings))
        return Replica(self, name)


class Replica:
    def __init__(self, world, name):
        self.world, self.name = world, name
        self.start()

    def start(self):
        self.log = []
        self.process = subprocess.Popen(
            [self.world.binary, "run"], cwd=self.world.path(self.name), stderr=subprocess.PIPE, text=True
        )
        lines, log = self.process.stderr, self.log
        threading.Thread(target=lambda: log.extend(lines), daemon=True).start()
        eventually(f"{self.name} is ready", lambda: self.process.poll() is not None or self.answers())

    def answers(self):
        return self.find("health") and self.get("health", "/readyz")[0] == 200

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def find(self, listener):
        for line in list(self.log):
            found = re.search(rf'listener="{listener}" address=(\S+)', line)
            if found:
                return found.group(1)
        return None

    def ask(self, listener, method, path, headers=None, body=None):
        address = self.find(listener)
        connection = http.client.HTTPConnection(address, timeout=PATIENCE)
        try:
            connection.request(method, path, body=body, headers={"Host": address, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def get(self, listener, path, **headers):
        return self.ask(listener, "GET", path, headers)

    def use(self, session, path="/a"):
        """The status of a request with a session's token."""
        return self.get("ingress", path, Authorization=f"Bearer {session[2]}")[0]

    def standing(self):
        text = self.get("health", "/readyz?verbose")[1]
        found = re.search(r"^redis (\w+)$", text, re.M)
        return found and found.group(1)

    def metric(self, name):
        found = re.search(rf"^{name} (\S+)$", self.get("health", "/metrics")[1], re.M)
        return found and float(found.group(1))

    def session(self):
        """(access key id, secret, token) of a new session of the role."""
        parameters = {
            "Version": "2011-06-15",
            "Action": "AssumeRoleWithWebIdentity",
            "RoleArn": ROLE,
            "RoleSessionName": "run",
            "WebIdentityToken": self.world.token(),
        }
        kind = {"content-type": "application/x-www-form-urlencoded"}
        status, text = self.ask("sts", "POST", "/", kind, urllib.parse.urlencode(parameters))
        assert status == 200, text
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        return tuple(re.search(f"<{name}>([^<]*)</{name}>", text).group(1) for name in names)

    def login(self, assertion):
        """The status and, refused, the code of AssumeRoleWithSAML."""
        parameters = {
            "Version": "2011-06-15",
            "Action": "AssumeRoleWithSAML",
            "RoleArn": idp.ROLE,
            "PrincipalArn": idp.PROVIDER,
            "SAMLAssertion": assertion,
        }
        kind = {"content-type": "application/x-www-form-urlencoded"}
        status, text = self.ask("sts", "POST", "/", kind, urllib.parse.urlencode(parameters))
        found = re.search("<Code>([^<]*)</Code>", text)
        return status, found and found.group(1)

    def revoke(self, **asked):
        with open(self.world.path(f"{self.name}/admin-token"), encoding="utf-8") as file:
            token = file.read()
        headers = {"Authorization": f"Bearer {token}", "content-type": "application/json"}
        status, text = self.ask("admin", "POST", "/api/sessions/revocations", headers, json.dumps(asked))
        assert status == 201, (status, text)
        return json.loads(text)

    def signed(self, service, method, path, body="", listener="sts"):
        """A request with alice's own key (Signature Version 4)."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        host = self.find(listener)
        scope = f"{stamp[:8]}/us-east-1/{service}/aws4_request"
        hashed = hashlib.sha256(body.encode()).hexdigest()
        lines = [method, path, "", f"host:{host}", f"x-amz-content-sha256:{hashed}", f"x-amz-date:{stamp}", ""]
        lines += ["host;x-amz-content-sha256;x-amz-date", hashed]
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, digest])
        key = ("AWS4" + KEY[1]).encode()
        for part in [*scope.split("/"), to_sign]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        names = "host;x-amz-content-sha256;x-amz-date"
        authorization = f"AWS4-HMAC-SHA256 Credential={KEY[0]}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
        headers = {"x-amz-date": stamp, "x-amz-content-sha256": hashed, "Authorization": authorization}
        if body:
            headers["content-type"] = "application/x-www-form-urlencoded"
        return self.ask(listener, method, path, headers, body or None)

    def second_factor(self, code):
        parameters = {
            "Version": "2011-06-15",
            "Action": "GetSessionToken",
            "SerialNumber": DEVICE,
            "TokenCode": code,
        }
        return self.signed("sts", "POST", "/", urllib.parse.urlencode(parameters))[0]


def code():
    """The device's code now."""
    digest = hmac.new(b"12345678901234567890", (int(time.time()) // 30).to_bytes(8, "big"), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"
