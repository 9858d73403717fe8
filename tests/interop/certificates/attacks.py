"""Certificates and bindings that somebody bends to be somebody else: all made with openssl, shown by curl."""

import base64
import hashlib
import json
import time

BACKEND = "URI:spiffe://prod.example/role/backend"
LEAF = "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n"


def made(site, name, extensions, above, subject=None, chain=()):
    """A certificate with these extensions as they are, and what its holder shows."""
    site.certificate(name, subject or f"/O=Interop/CN={name}", extensions, above)
    site.write(f"{name}.chain", "".join((site.folder / f"{part}.pem").read_text() for part in (name, *chain)))
    return name


def chains(site):
    """What does not lead to the authority is no connection; 0 is that."""
    names = f"subjectAltName={BACKEND}\n"
    # Another authority of the very same name.
    made(site, "twin", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n", None, "/O=Interop/CN=root")
    site.expect("issued by a twin of the authority", site.curl(made(site, "twins", LEAF + names, "twin")), 0)
    chain = ("twin",)
    site.expect("with the twin beside it", site.curl(made(site, "twins-too", LEAF + names, "twin", chain=chain)), 0)
    # A workload's own certificate is no authority.
    site.expect("issued by a workload", site.curl(made(site, "child", LEAF + names, "workload", chain=("workload",))), 0)
    site.expect("made by itself", site.curl(made(site, "selfmade", LEAF + names, None)), 0)
    # An authority may not be a client.
    site.write("issuing.chain", (site.folder / "issuing.pem").read_text())
    site.expect("the authority below itself", site.curl("issuing"), 0)
    for name, extensions, status in (
        ("server-only", "extendedKeyUsage=serverAuth\n", 0),
        ("code-signing", "extendedKeyUsage=codeSigning\n", 0),
        ("client", "extendedKeyUsage=clientAuth\n", 200),
        ("both", "extendedKeyUsage=serverAuth,clientAuth\n", 200),
        ("unknown-critical", "1.3.6.1.4.1.55555.1=critical,ASN1:UTF8String:x\n", 0),
        ("unknown", "1.3.6.1.4.1.55555.1=ASN1:UTF8String:x\n", 200),
    ):
        site.expect(name, site.curl(made(site, name, LEAF + names + extensions, "root")), status)


def identifiers(site):
    """The authority vouches for the certificate, and its id is none, or another one."""
    for at, (uri, status) in enumerate((
        ("spiffe://prod.example/role/backend", 200),
        ("SPIFFE://prod.example/role/backend", 401),
        ("spiffe://PROD.example/role/backend", 401),
        ("spiffe://prod.example:443/role/backend", 401),
        ("spiffe://user@prod.example/role/backend", 401),
        ("spiffe://prod.example//role/backend", 401),
        ("spiffe://prod.example/role//backend", 401),
        ("spiffe://prod.example/role/backend/", 401),
        ("spiffe://prod.example/x/../role/backend", 401),
        ("spiffe://prod.example/./role/backend", 401),
        ("spiffe://prod.example/role/backen%64", 401),
        ("spiffe://prod.example/role/backend?x", 401),
        ("spiffe://prod.example/role/backend#x", 401),
        ("spiffe://prod.example.evil.example/role/backend", 401),
        ("spiffe://evil.example/prod.example/role/backend", 401),
        ("spiffe:/prod.example/role/backend", 401),
        ("spiffe:prod.example/role/backend", 401),
        ("spiffe:///role/backend", 401),
        ("http://prod.example/role/backend", 401),
        (" spiffe://prod.example/role/backend", 401),
        ("spiffe://prod.example/role/Backend", 403),
        ("spiffe://prod.example/role/role/backend", 403),
        ("spiffe://prod.example/role/backend2", 403),
        ("spiffe://prod.example/rolebackend", 403),
    )):
        name = made(site, f"id{at}", f"{LEAF}subjectAltName=@names\n[names]\nURI.1=\"{uri}\"\n", "root")
        site.expect(f"the id {uri}", site.curl(name), status)
    several = "subjectAltName=@names\n[names]\nURI.1=spiffe://prod.example/role/backend\n"
    for name, more, status in (
        ("one-twice", "URI.2=spiffe://prod.example/role/backend\n", 401),
        ("one-and-a-page", "URI.2=https://prod.example/\n", 401),
        ("one-and-a-host", "DNS.1=app.example\nIP.1=127.0.0.1\nemail.1=a@prod.example\n", 200),
    ):
        site.expect(name, site.curl(made(site, name, LEAF + several + more, "root")), status)
    signer = "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature,keyCertSign\n"
    site.expect("one that may sign", site.curl(made(site, "signer", signer + several, "root")), 401)
    subject = "/O=Interop/CN=spiffe:\\/\\/prod.example\\/role\\/backend"
    site.expect("an id in the subject alone", site.curl(made(site, "subject", LEAF, "root", subject)), 401)


def bindings(site, token):
    """A token that is bound to this very certificate, said in ways that are not RFC 8705's."""
    der = base64.b64decode("".join((site.folder / "plain.pem").read_text().split("-----")[2].split()))
    right = site.fingerprint("plain")
    padded = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode()

    def b64(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    def ask(cnf, client="plain", scheme="Bearer", headers=()):
        return site.curl(client, headers=[f"Authorization: {scheme} {token(cnf)}", *headers])

    site.expect("bound as RFC 8705 has it", ask({"x5t#S256": right}), 200)
    for what, cnf in {
        "padded": {"x5t#S256": padded},
        "in hexadecimal digits": {"x5t#S256": hashlib.sha256(der).hexdigest()},
        "by SHA-1": {"x5t": b64(hashlib.sha1(der).digest())},
        "by SHA-512": {"x5t#S512": b64(hashlib.sha512(der).digest())},
        "cut": {"x5t#S256": b64(hashlib.sha256(der).digest()[:16])},
        "empty": {"x5t#S256": ""},
        "null": {"x5t#S256": None},
        "a list": {"x5t#S256": [right]},
        "another case": {"x5t#s256": right},
        "the authority's": {"x5t#S256": site.fingerprint("root")},
        "and something unknown": {"x5t#S256": right, "jwe": "x"},
        "and a key": {"x5t#S256": right, "jkt": b64(hashlib.sha256(b"x").digest())},
        "no object": right,
        "a list of objects": [{"x5t#S256": right}],
    }.items():
        site.expect(f"bound {what}", ask(cnf), 401)
    site.expect("as DPoP, without a proof", ask({"x5t#S256": right}, scheme="DPoP"), 401)
    # Headers that proxies use to tell of certificates are nobody's word here.
    text = base64.b64encode(der).decode()
    pem = (site.folder / "plain.pem").read_text().replace("\n", "%0A")
    for header in (f"Client-Cert: :{text}:", f"X-Forwarded-Client-Cert: Cert={pem}", f"X-SSL-Client-Cert: {pem}"):
        name = header.partition(":")[0]
        site.expect(f"{name} in place of the certificate", ask({"x5t#S256": right}, client=None, headers=[header]), 401)
        site.expect(f"{name} says nobody", site.curl(None, headers=[header]), 401)


def proofs(site, keys, token, sign, proof):
    """Proofs that a library would not make."""
    key, other = keys
    bound = token({"jkt": key.thumbprint()})
    public = {name: value for name, value in json.loads(key.export_public()).items() if name != "kid"}
    claims = {"htm": "GET", "htu": f"https://app.example:{site.port}/b",
              "ath": base64.urlsafe_b64encode(hashlib.sha256(bound.encode()).digest()).rstrip(b"=").decode()}
    count = iter(range(1000))

    def ask(header, payload=(), by=key, path="/b"):
        now = {"jti": f"made {next(count)}", "iat": int(time.time()) + 1}
        head = {"typ": "dpop+jwt", "jwk": public} | header
        made = sign(by, "ES256", head, claims | now | dict(payload))
        return site.curl(None, path=path, headers=[f"Authorization: DPoP {bound}", f"DPoP: {made}"])

    site.expect("a proof made by hand", ask({}), 200)
    site.expect("with a query", ask({}, path="/b?x=1"), 200)
    site.expect("a host in capitals", ask({}, {"htu": f"HTTPS://APP.EXAMPLE:{site.port}/b"}), 200)
    private = json.loads(key.export_private())
    for what, header in {
        "a private key": {"jwk": private},
        "another key in its header": {"jwk": {**public, "x": json.loads(other.export_public())["x"]}},
        "a key by reference": {"jku": "https://evil.example/keys", "jwk": None},
        "only a key's name": {"kid": "one", "jwk": None},
        "no type": {"typ": None},
        "an access token's type": {"typ": "at+jwt"},
    }.items():
        site.expect(f"a proof with {what}", ask(header), 401)
    site.expect("a proof by another key", ask({}, by=other), 401)
    for what, payload in {
        "another path": {"htu": f"https://app.example:{site.port}/c"},
        "a longer path": {"htu": f"https://app.example:{site.port}/b/"},
        "another port": {"htu": "https://app.example:1/b"},
        "somebody before the host": {"htu": f"https://app.example:{site.port}@evil.example/b"},
        "plain HTTP": {"htu": f"http://app.example:{site.port}/b"},
        "no address": {"htu": ""},
        "a list of addresses": {"htu": [claims["htu"]]},
        "a method in another case": {"htm": "get"},
        "no hash of the token": {"ath": ""},
        "a time ahead": {"iat": int(time.time()) + 90},
        "a time that is text": {"iat": str(int(time.time()) + 1)},
        "a time of long ago": {"iat": int(time.time()) - 120},
        "no id": {"jti": ""},
        "an id that is a number": {"jti": 7},
        "an id of 10 KiB": {"jti": "x" * 10240},
        "an end that is past": {"exp": int(time.time()) - 1},
    }.items():
        site.expect(f"a proof for {what}", ask({}, payload), 401)
    # A proof is no token, and a token no proof.
    shown = proof(key, "ES256", site, bound)
    site.expect("a proof as the token", site.curl(None, headers=[f"Authorization: Bearer {shown}"]), 401)
    twice = [f"Authorization: DPoP {bound}", f"DPoP: {bound}"]
    site.expect("the token as the proof", site.curl(None, headers=twice), 401)
    unbound = token(None)
    made = [f"Authorization: DPoP {unbound}", f"DPoP: {proof(key, 'ES256', site, unbound)}"]
    site.expect("a token that names no key", site.curl(None, headers=made), 401)


def run(site, issuer, token, sign, proof, keys):
    def bound(cnf):
        return token(issuer, cnf)

    chains(site)
    identifiers(site)
    bindings(site, bound)
    proofs(site, keys, bound, sign, proof)
