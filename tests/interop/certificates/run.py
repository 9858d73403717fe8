"""Client certificates and bound tokens against the real binary, with nobody's code but openssl's, curl's and jwcrypto's."""

import base64
import hashlib
import http.server
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid

from jwcrypto import jwk, jws

import attacks

ACCOUNT = "555566667777"
ISSUER = "https://idp.example"
PATIENCE = 60


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = "".join(f"{name}: {value}\n" for name, value in self.headers.items()).lower().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def eventually(what, done):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if (value := done()) is not None:
            return value
        time.sleep(0.1)
    sys.exit(f"waited in vain: {what}")


class Site:
    def __init__(self, folder, binary):
        self.folder, self.binary = pathlib.Path(folder), binary
        self.ran = self.failed = 0

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def authority(self, name, above=None):
        extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
        self.certificate(name, f"/O=Interop/CN={name}", extensions, above)
        self.write(f"{name}.db/index.txt", "")
        self.write(f"{name}.db/crlnumber", "01\n")
        self.write(
            f"{name}.cnf",
            f"[ca]\ndefault_ca=it\n[it]\ndatabase={name}.db/index.txt\ncrlnumber={name}.db/crlnumber\n"
            f"default_md=sha256\ndefault_crl_days=30\ncertificate={name}.pem\nprivate_key={name}.key\n",
        )
        self.list_revoked(name)

    def certificate(self, name, subject, extensions, above):
        self.write(f"{name}.ext", extensions)
        self.openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", f"{name}.key")
        self.openssl("req", "-new", "-key", f"{name}.key", "-subj", subject, "-out", f"{name}.csr")
        signer = ["-CA", f"{above}.pem", "-CAkey", f"{above}.key", "-CAcreateserial"] if above else ["-signkey", f"{name}.key"]
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-days", "30", "-sha256", "-extfile", f"{name}.ext", *signer, "-out", f"{name}.pem")

    def leaf(self, name, names, above, chain=()):
        self.certificate(name, f"/O=Interop/CN={name}", f"basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nsubjectAltName={names}\n", above)
        parts = [self.folder / f"{part}.pem" for part in (name, *chain)]
        self.write(f"{name}.chain", "".join(part.read_text() for part in parts))

    def list_revoked(self, authority, *revoked):
        for name in revoked:
            self.openssl("ca", "-config", f"{authority}.cnf", "-revoke", f"{name}.pem")
        self.openssl("ca", "-config", f"{authority}.cnf", "-gencrl", "-out", f"{authority}.crl.next")
        (self.folder / f"{authority}.crl.next").rename(self.folder / f"{authority}.crl")

    def fingerprint(self, name):
        text = (self.folder / f"{name}.pem").read_text()
        der = base64.b64decode("".join(text.split("-----")[2].split()))
        return b64(hashlib.sha256(der).digest())

    def curl(self, client, path="/b", headers=(), more=()):
        """Status and body; 0 where there is no connection for this client."""
        show = ["--cert", f"{client}.chain", "--key", f"{client}.key"] if client else []
        lines = [part for header in headers for part in ("-H", header)]
        ran = subprocess.run(
            ["curl", "-sS", "--max-time", "30", "--cacert", "root.pem", "--resolve", f"app.example:{self.port}:127.0.0.1",
             *show, *lines, *more, "-w", "\n%{http_code} %{http_version}", f"https://app.example:{self.port}{path}"],
            cwd=self.folder, capture_output=True, text=True)
        if ran.returncode != 0:
            return 0, ran.stderr
        body, _, end = ran.stdout.rpartition("\n")
        return int(end.split()[0]), body + end

    def expect(self, what, got, status, says=""):
        self.ran += 1
        if got[0] != status or says not in got[1]:
            self.failed += 1
            print(f"FAILED {what}: {got[0]} in place of {status} {says!r}\n{got[1]}")

    def bundle(self, keys):
        self.write("policies/organization.yaml", f'id: o-interop1234\nmanagement_account: "{ACCOUNT}"\nroot: {{ accounts: ["{ACCOUNT}"] }}\n')
        account = f"policies/accounts/{ACCOUNT}-app"
        self.write(f"{account}/account.yaml", f'id: "{ACCOUNT}"\nname: app\n')
        self.write("policies/routes/app.yaml", f'service: app\naccount: "{ACCOUNT}"\nregion: us-east-1\nupstream: app\nroutes:\n'
                   '- { match: "GET /{name}", action: "app:Use", resource: "arn:{partition}:app::{account}:{name}" }\n')
        allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "app:Use", "Resource": f"arn:aws:app::{ACCOUNT}:b"}}
        trust = {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:spiffe-provider/prod.example"},
            "Condition": {"StringLike": {"prod.example:sub": "spiffe://prod.example/role/*"}}}}
        self.write(f"{account}/roles/backend.yaml", json.dumps({"trust_policy": trust, "inline_policies": {"use": allow}}))
        self.write(f"{account}/users/alice.yaml", json.dumps({"inline_policies": {"use": allow}}))
        self.write("policies/identity-providers/mesh.yaml",
                   f'type: spiffe\naccount: "{ACCOUNT}"\ntrust_domain: prod.example\nauthorities: root.pem\nmap: {{ role: "{{claim:path|strip:/role/}}" }}\n')
        self.write("policies/identity-providers/root.pem", (self.folder / "root.pem").read_text())
        self.write("policies/identity-providers/idp.yaml",
                   f'type: oidc\naccount: "{ACCOUNT}"\nissuer: "{ISSUER}"\naudiences: [app]\nkeys: {{ file: idp.json }}\nmap: {{ user: "{{claim:sub}}" }}\n')
        self.write("policies/identity-providers/idp.json", keys)

    def start(self, upstream):
        self.write("sidegate.yaml", "listeners:\n- name: ingress\n  address: 127.0.0.1:0\n  tls: { certificate: server.chain, key: server.key, "
                   "client_certificates: optional, client_ca: [root.pem], client_crl: [root.crl, issuing.crl] }\n"
                   f"upstreams: {{ app: {{ url: \"http://127.0.0.1:{upstream}\" }} }}\nbundle: {{ path: policies }}\n"
                   "health: { address: \"127.0.0.1:0\" }\naudit: { file: audit }\n")
        log = open(self.folder / "log", "wb")
        process = subprocess.Popen([self.binary, "run", "-c", "sidegate.yaml"], cwd=self.folder, stdout=log, stderr=log)

        def port():
            if process.poll() is not None:
                sys.exit((self.folder / "log").read_text())
            found = re.search(r'listener="ingress" address=127\.0\.0\.1:(\d+)', (self.folder / "log").read_text())
            return int(found[1]) if found else None

        self.port = eventually("the listener", port)
        eventually("an answer", lambda: self.curl(None)[0] or None)
        return process


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(key, algorithm, header, payload):
    made = jws.JWS(json.dumps(payload))
    made.add_signature(key, alg=algorithm, protected=json.dumps({"alg": algorithm, **header}))
    return made.serialize(compact=True)


def token(issuer, cnf):
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "app", "sub": "alice", "iat": now, "exp": now + 600}
    return sign(issuer, "ES256", {"kid": issuer["kid"], "typ": "JWT"}, claims | ({"cnf": cnf} if cnf else {}))


def proof(key, algorithm, site, bound, **changed):
    public = json.loads(key.export_public())
    public.pop("kid", None)
    payload = {"jti": str(uuid.uuid4()), "htm": "GET", "htu": f"https://app.example:{site.port}/b", "iat": int(time.time()) + 1,
               "ath": b64(hashlib.sha256(bound.encode()).digest())}
    return sign(key, algorithm, {"typ": "dpop+jwt", "jwk": public}, payload | changed)


def certificates(site):
    backend = "x-sidegate-principal-arn: arn:aws:sts::555566667777:assumed-role/backend/"
    for protocol in ("--http1.1", "--http2"):
        for client in ("workload", "below"):
            got = site.curl(client, more=[protocol])
            site.expect(f"{client} {protocol}", got, 200, backend)
        site.expect(f"nobody {protocol}", site.curl(None, more=[protocol]), 401)
        site.expect(f"two ids {protocol}", site.curl("twice", more=[protocol]), 401)
        site.expect(f"another trust domain {protocol}", site.curl("foreign", more=[protocol]), 401)
        site.expect(f"no id {protocol}", site.curl("plain", more=[protocol]), 401)
    site.expect("another root", site.curl("stranger"), 0)
    site.expect("TLS 1.2", site.curl("workload", more=["--tls-max", "1.2"]), 200, backend)
    site.list_revoked("issuing", "below")
    eventually("the revocation", lambda: True if site.curl("below")[0] == 0 else None)
    site.expect("revoked", site.curl("below"), 0)
    site.expect("not revoked", site.curl("workload"), 200, backend)


def tokens(site, issuer):
    alice = f"x-sidegate-principal-arn: arn:aws:iam::{ACCOUNT}:user/alice\n"
    bound = token(issuer, {"x5t#S256": site.fingerprint("plain")})
    bearer = [f"Authorization: Bearer {bound}"]
    site.expect("bound to its certificate", site.curl("plain", headers=bearer), 200, alice)
    site.expect("bound to another one", site.curl("workload", headers=bearer), 401)
    site.expect("bound, without one", site.curl(None, headers=bearer), 401)
    for algorithm, key in (
        ("ES256", jwk.JWK.generate(kty="EC", crv="P-256")),
        ("ES384", jwk.JWK.generate(kty="EC", crv="P-384")),
        ("EdDSA", jwk.JWK.generate(kty="OKP", crv="Ed25519")),
        ("PS256", jwk.JWK.generate(kty="RSA", size=2048)),
        ("RS256", jwk.JWK.generate(kty="RSA", size=2048)),
    ):
        bound = token(issuer, {"jkt": key.thumbprint()})

        def ask(made, scheme="DPoP"):
            return site.curl(None, headers=[f"Authorization: {scheme} {bound}", f"DPoP: {made}"])

        first = proof(key, algorithm, site, bound)
        site.expect(f"{algorithm} proof", ask(first), 200, alice)
        site.expect(f"{algorithm} again", ask(first), 401)
        site.expect(f"{algorithm} as Bearer", ask(proof(key, algorithm, site, bound), "Bearer"), 401)
        for changed in ({"htm": "POST"}, {"htu": "https://app.example/b"}, {"ath": b64(b"x" * 32)}, {"iat": int(time.time()) - 120}):
            site.expect(f"{algorithm} {changed}", ask(proof(key, algorithm, site, bound, **changed)), 401)


def main(binary):
    with tempfile.TemporaryDirectory() as folder:
        site = Site(folder, pathlib.Path(binary).resolve())
        issuer = jwk.JWK.generate(kty="EC", crv="P-256", kid="one", use="sig", alg="ES256")
        site.authority("root")
        site.authority("issuing", "root")
        site.authority("other")
        site.leaf("server", "DNS:app.example", "root")
        backend = "URI:spiffe://prod.example/role/backend"
        site.leaf("workload", backend, "root")
        site.leaf("below", backend, "issuing", ["issuing"])
        site.leaf("twice", f"{backend},URI:spiffe://prod.example/role/other", "root")
        site.leaf("foreign", "URI:spiffe://test.example/role/backend", "root")
        site.leaf("plain", "DNS:plain.example", "root")
        site.leaf("stranger", backend, "other")
        site.bundle(json.dumps({"keys": [json.loads(issuer.export_public())]}))
        upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        process = site.start(upstream.server_address[1])
        try:
            certificates(site)
            tokens(site, issuer)
            keys = [jwk.JWK.generate(kty="EC", crv="P-256") for _ in range(2)]
            attacks.run(site, issuer, token, sign, proof, keys)
        finally:
            process.kill()
            process.wait()
            if site.failed:
                print((site.folder / "log").read_text())
        print(f"{site.ran - site.failed} of {site.ran} as they should be")
        sys.exit(1 if site.failed else 0)


main(sys.argv[1])
