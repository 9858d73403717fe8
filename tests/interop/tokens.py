"""JWT attacks. Each bad token is shown to a protected route and to a public one: 401 on both, never anonymous."""

import hashlib
import json
import random
import re
import time

import jwt
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

import client
import keys
import support
import tokens_json
from keys import b64, claims, compact, sign, token
from support import MAIN, NARROW

PROTECTED, OPEN = "/orders/1", "/public/x"


class Keyring:
    """The keys of the main issuer, honest and doubtful, and one that is nobody's."""

    def __init__(self):
        self.rsa = keys.rsa_key("rsa-any")
        self.rs256 = keys.rsa_key("rsa-rs256", alg="RS256", use="sig")
        self.ps256 = keys.rsa_key("rsa-ps256", alg="PS256")
        self.es384 = keys.ec_key("ec-384", "P-384")
        self.ed = keys.ed_key("ed", key_ops=["verify"])
        self.enc = keys.rsa_key("use-enc", use="enc")
        self.enc_ec = keys.ec_key("use-enc-ec", "P-256", use="enc")
        self.ops = keys.rsa_key("ops-encrypt", key_ops=["encrypt"])
        self.ops_sign = keys.ec_key("ops-wrap", "P-256", key_ops=["wrapKey", "deriveBits"])
        self.oaep = keys.rsa_key("alg-oaep", alg="RSA-OAEP")
        self.weak = keys.rsa_key("weak", bits=1024)
        self.cube = keys.rsa_key("cube", exponent=3)
        self.p521 = keys.ec_key("p521", "P-521")
        self.koblitz = keys.ec_key("secp256k1", "secp256k1")
        self.stranger = keys.ec_key("stranger", "P-256")
        self.stranger_rsa = keys.rsa_key("stranger-rsa")
        self.narrow = keys.ec_key("narrow-es256", "P-256")
        self.narrow_rsa = keys.rsa_key("narrow-rsa")

    def published(self):
        """The JWKs of the main issuer, beside the world's own ES256 key."""
        held = [self.rsa, self.rs256, self.ps256, self.es384, self.ed, self.enc, self.enc_ec, self.ops, self.ops_sign, self.oaep, self.weak, self.cube,
                self.p521, self.koblitz]
        return [*(key.jwk() for key in held), {"kty": "oct", "kid": "oct", "k": b64(b"secret"), "alg": "HS256"}]


def run(world, suite, ring):
    """All token cases. The world must have been made with `ring`'s keys."""
    honest(world, suite, ring)
    schemes(world, suite)
    algorithms(world, suite, ring)
    key_ids(world, suite, ring)
    header_members(world, suite, ring)
    tokens_json.run(world, suite, bad, good)
    spelling(world, suite)
    signatures(world, suite, ring)
    flips(world, suite)
    providers(world, suite, ring)
    places(world, suite)
    answers(world, suite)


def show(world, credential, target=PROTECTED, scheme="Bearer "):
    """The talk of one request with that Authorization value."""
    value = f"{scheme}{credential}".encode("latin-1")
    return world.talk(b"GET " + target.encode() + b" HTTP/1.1\r\nHost: app.test\r\nAuthorization: " + value + b"\r\n\r\n", timeout=6)


def good(world, suite, case, credential, **options):
    """An honest credential: 200, and the upstream is reached once."""
    talk = show(world, credential, **options)
    suite.check(case, talk.statuses == [200] and len(world.upstream.taken()) == 1, repr(talk))


def bad(world, suite, case, credential, statuses=(401,), **options):
    """Refused on both routes with a challenge, the upstream not reached."""
    for target in (PROTECTED, OPEN):
        talk = show(world, credential, target=target, **options)
        challenged = talk.first.status != 401 or (talk.first.value("www-authenticate") or "").startswith("Bearer")
        ok = len(talk.statuses) == 1 and talk.first.status in statuses and challenged and not world.upstream.taken()
        suite.check(f"{case} on {target}", ok, f"expected {statuses}, got {talk!r} {talk.first.value('www-authenticate')!r}")


def honest(world, suite, ring):
    """Every algorithm, made by PyJWT and by hand."""
    made = [(ring.rsa, name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")]
    made += [(ring.rs256, "RS256"), (ring.ps256, "PS256"), (world.key, "ES256"), (ring.es384, "ES384"), (ring.ed, "EdDSA")]
    for key, name in made:
        good(world, suite, f"honest {name} by {key.kid}, PyJWT", jwt.encode(claims(MAIN), key.pem(), name, headers={"kid": key.kid}))
        good(world, suite, f"honest {name} by {key.kid}, by hand", token(key, name, claims(MAIN)))
    good(world, suite, "honest, no typ", token(world.key, "ES256", claims(MAIN), header={"alg": "ES256", "kid": world.key.kid}))
    good(world, suite, "honest, typ at+jwt", token(world.key, "ES256", claims(MAIN), header={"alg": "ES256", "kid": world.key.kid, "typ": "at+jwt"}))
    good(world, suite, "honest, twice", world.token())
    issued = world.token()
    for _ in range(3):
        good(world, suite, "honest, the same again", issued)


def schemes(world, suite):
    """The Authorization line itself."""
    issued = world.token()
    for scheme in ("Bearer ", "bearer ", "BEARER ", "bEaReR "):
        good(world, suite, f"scheme {scheme!r}", issued, scheme=scheme)
    for value in (
        "", "Bearer", "Bearer ", "bearer\t", issued, f"Token {issued}", f"JWT {issued}", f"Basic {issued}", f"Bearer {issued} {issued}", f"Bearer {issued} x",
        f"Bearer {issued},{issued}", f"Bearer {issued}, Bearer {issued}", f"Bearer, {issued}", f"Bearer:{issued}", f"Bearer={issued}", f"Bearer \"{issued}\"",
        f"Bearer token={issued}", f"Bearer{issued}", f"BearerX {issued}", f"XBearer {issued}", f"Bearer Bearer {issued}", f"DPoP {issued}", f"MAC {issued}",
        f"Bearer {issued};x", f"Bearer {issued}\xa0", f"Bearer <{issued}>", f"\"Bearer\" {issued}", f"Bearer {issued[:-1]}\xe9",
    ):
        bad(world, suite, f"Authorization {value[:24]!r} ({len(value)})", value, scheme="", statuses=(401, 400) if not value.isascii() else (401,))
    for value in (f"Bearer  {issued}", f"Bearer\t{issued}"):
        talk = show(world, value, scheme="")
        suite.check(f"odd space in {value[:9]!r}", talk.first.status in (200, 400, 401), repr(talk))


def algorithms(world, suite, ring):
    """`alg` is the key's, not the token's."""
    now = claims(MAIN)
    for name in ("none", "None", "NONE", "nOnE", "", "n\u043ene"):
        for kid in (world.key.kid, None):
            head = {"alg": name, "typ": "JWT", **({"kid": kid} if kid else {})}
            bad(world, suite, f"alg {name!r}, kid {kid}, no signature", keys.assemble(head, now, b""))
            bad(world, suite, f"alg {name!r}, kid {kid}, a signature", keys.assemble(head, now, b"x" * 64))
    bad(world, suite, "alg none with two dots and no more", f"{b64(compact({'alg': 'none'}))}.{b64(compact(now))}.")
    bad(world, suite, "alg none without the last dot", f"{b64(compact({'alg': 'none'}))}.{b64(compact(now))}")
    for key in (world.key, ring.rsa, ring.rs256, ring.ed):
        for secret in (key.public_pem(), key.public_pem().strip(), compact(key.jwk()), b"", b"secret", b"\x00"):
            for name in ("HS256", "HS384", "HS512"):
                bad(world, suite, f"{name} with {key.kid}'s public {secret[:11]!r}", forged(secret, name, key.kid, now))
    bad(world, suite, "HS256 with the published symmetric key", forged(b"secret", "HS256", "oct", now))
    for key, name, said in (
        (ring.rs256, "RS256", "PS256"), (ring.rs256, "RS256", "RS384"), (ring.rsa, "RS256", "PS256"), (ring.rsa, "PS256", "RS256"), (world.key, "ES256", "ES384"),
        (world.key, "ES256", "EdDSA"), (ring.es384, "ES384", "ES256"), (ring.ed, "EdDSA", "ES256"), (ring.rsa, "RS256", "ES256"), (world.key, "ES256", "RS256"),
        (world.key, "ES256", "ES256K"), (world.key, "ES256", "es256"), (world.key, "ES256", "ES256 "), (world.key, "ES256", "ES512"), (ring.ed, "EdDSA", "Ed448"),
        (ring.rs256, "RS512", "RS256"), (world.key, "ES256", "HS256"), (world.key, "ES256", "PS256"), (world.key, "ES256", "dir"), (ring.rsa, "RS256", "RSA1_5"),
    ):
        head = {"alg": said, "typ": "JWT", "kid": key.kid}
        message = f"{b64(compact(head))}.{b64(compact(now))}".encode()
        bad(world, suite, f"signed {name}, says {said} ({key.kid})", keys.assemble(head, now, sign(name, key, message)))
    for key, name in (
        (ring.rs256, "PS256"), (ring.rs256, "RS512"), (ring.ps256, "RS256"), (ring.es384, "ES256"), (world.key, "ES384"), (ring.p521, "ES512"), (ring.p521, "ES256"),
        (ring.koblitz, "ES256"), (ring.koblitz, "ES256K"), (ring.weak, "RS256"), (ring.enc, "RS256"), (ring.enc, "PS256"), (ring.enc_ec, "ES256"), (ring.ops, "RS256"),
        (ring.ops_sign, "ES256"), (ring.oaep, "RS256"), (ring.oaep, "PS256"),
    ):
        bad(world, suite, f"key {key.kid} may not verify {name}", token(key, name, now))
    for value in (None, 256, True, ["ES256"], {"a": 1}, 0):
        bad(world, suite, f"alg {value!r}", token(world.key, "ES256", now, header={"alg": value, "kid": world.key.kid}))
    bad(world, suite, "no alg", token(world.key, "ES256", now, header={"kid": world.key.kid}))


def forged(secret, name, kid, payload):
    """An HMAC token."""
    head = {"alg": name, "typ": "JWT", "kid": kid}
    message = f"{b64(compact(head))}.{b64(compact(payload))}".encode()
    return keys.assemble(head, payload, sign(name, secret, message))


def key_ids(world, suite, ring):
    """`kid` names a published key, exactly. Unknown ones cost at most one fetch in ten seconds, together."""
    now, before, started = claims(MAIN), len(world.issuer.asked), time.monotonic()
    own = world.key.kid
    for kid in (
        "", "nobody", own.upper(), own + " ", " " + own, own + "\x00", own[:-1], "../../../../dev/null", "/dev/null", "file:///dev/null", "' OR '1'='1", "*", "0",
        "rsa-any", "stranger", "a" * 10_000, "\u202e" + own, "main-es256\n", "http://127.0.0.1:1/x",
    ):
        bad(world, suite, f"kid {kid[:24]!r}", token(world.key, "ES256", now, header={"alg": "ES256", "kid": kid}))
    for kid in (None, 1, True, [own], {"kid": own}):
        bad(world, suite, f"kid {kid!r}", token(world.key, "ES256", now, header={"alg": "ES256", "kid": kid}))
    bad(world, suite, "a stranger's key under an honest kid", token(ring.stranger, "ES256", now, header={"alg": "ES256", "kid": own}))
    bad(world, suite, "a stranger's key under its own kid", token(ring.stranger, "ES256", now))
    bad(world, suite, "a stranger's key and no kid", token(ring.stranger, "ES256", now, header={"alg": "ES256"}))
    bad(world, suite, "HS256 with an empty secret and a file as kid", forged(b"", "HS256", "/dev/null", now))
    talk = show(world, token(world.key, "ES256", now, header={"alg": "ES256"}))
    suite.check("an honest token without kid is not an error of ours", talk.first.status in (200, 401), repr(talk))
    fetched, seconds = len(world.issuer.asked) - before, time.monotonic() - started
    suite.check("unknown kids cost one fetch in ten seconds at most", fetched <= 2 + seconds / 10, f"{fetched} fetches in {seconds:.1f} s")


def header_members(world, suite, ring):
    """crit, b64, embedded and referenced keys, and wrong types."""
    now, own = claims(MAIN), world.key.kid
    base = {"alg": "ES256", "typ": "JWT", "kid": own}
    for value in (["exp"], ["b64"], ["unknown"], [], ["alg"], "exp", None, [1], {"exp": 1}, True, ["exp", "exp"], ["http://example.com/x"], ["kid"]):
        head = {**base, "crit": value, "b64": True, "exp": 1, "unknown": 1}
        bad(world, suite, f"crit {value!r}", token(world.key, "ES256", now, header=head))
    bad(world, suite, "b64 false", token(world.key, "ES256", now, header={**base, "b64": False}))
    head = {**base, "b64": False, "crit": ["b64"]}
    bad(world, suite, "b64 false in crit", token(world.key, "ES256", now, header=head))
    raw = f"{b64(compact(head))}.".encode() + compact(now).replace(b" ", b"")
    bad(world, suite, "b64 false, the payload unencoded", f"{raw.decode()}.{b64(sign('ES256', world.key, raw))}")
    world.issuer.publish("/evil.json", [{**ring.stranger.jwk(), "kid": own}, ring.stranger.jwk()])
    evil = world.issuer.url("/evil.json")
    for name, value in (
        ("jku", evil), ("x5u", evil), ("jwk", {**ring.stranger.jwk()}), ("jwk", {**ring.stranger.jwk(), "kid": own}), ("x5c", [b64(b"certificate")]), ("x5t", "abc"),
        ("jku", world.issuer.url("/main.json@/evil.json")), ("url", evil), ("iss", evil),
    ):
        for kid in (own, "stranger", None):
            head = {"alg": "ES256", "typ": "JWT", name: value, **({"kid": kid} if kid else {})}
            bad(world, suite, f"{name} for a stranger's key, kid {kid}", token(ring.stranger, "ES256", now, header=head))
    head = {"alg": "HS256", "typ": "JWT", "kid": own, "jwk": {"kty": "oct", "k": b64(b"secret")}}
    message = f"{b64(compact(head))}.{b64(compact(now))}".encode()
    bad(world, suite, "jwk with a symmetric key", keys.assemble(head, now, sign("HS256", b"secret", message)))
    suite.check("no key was fetched for a token's word", not [path for path in world.issuer.asked if "evil" in path], repr(world.issuer.asked[-5:]))
    for name, value in (("typ", 1), ("typ", ["JWT"]), ("typ", None), ("cty", 1)):
        bad(world, suite, f"{name} {value!r}", token(world.key, "ES256", now, header={**base, name: value}), statuses=(401,) if name == "typ" else (200, 401))
    deep = compact(base)[:-1] + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}"
    bad(world, suite, "a header 5000 deep", token(world.key, "ES256", now, header=deep))
    for name, head in {
        "kid twice": b'{"alg":"ES256","kid":"stranger","kid":"%s"}' % own.encode(), "alg twice": b'{"alg":"none","alg":"ES256","kid":"%s"}' % own.encode(),
        "alg twice, the same": b'{"alg":"ES256","alg":"ES256","kid":"%s"}' % own.encode(), "alg twice, escaped": b'{"alg":"ES256","\\u0061lg":"none","kid":"%s"}' % own.encode(),
        "an unknown member twice": b'{"alg":"ES256","x":1,"x":2,"kid":"%s"}' % own.encode(), "bytes after it": compact(base) + b"x", "a second object": compact(base) + b"{}",
        "a BOM before it": b"\xef\xbb\xbf" + compact(base), "a list": b"[" + compact(base) + b"]", "a string": b'"ES256"', "nothing": b"", "null": b"null",
        "NUL after it": compact(base) + b"\x00", "a comment": compact(base)[:-1] + b"/*x*/}", "a trailing comma": compact(base)[:-1] + b",}", "single quotes": compact(base).replace(b'"', b"'"),
        "bytes that are not UTF-8": compact(base)[:-1] + b',"x":"\xff"}', "a lone surrogate's name": compact(base)[:-1] + b',"\\ud800":1}', "Latin-1 kid": b'{"alg":"ES256","kid":"\xe9"}',
    }.items():
        bad(world, suite, f"header with {name}", token(world.key, "ES256", now, header=head))


def spelling(world, suite):
    """base64url has one spelling, and a token three parts of it."""
    issued = world.token()
    header, payload, signature = issued.split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(signature[-1])
    for step in range(1, 4):  # 64 bytes leave four unused bits in the last letter
        bad(world, suite, f"trailing bits {step} in the signature", f"{header}.{payload}.{signature[:-1]}{alphabet[(last & ~15) | step]}")
    for index, part in enumerate((header, payload)):
        unused = {2: 4, 3: 2}.get(len(part) % 4)
        if unused:
            other = part[:-1] + alphabet[alphabet.index(part[-1]) ^ 1]
            changed = [header, payload, signature]
            changed[index] = other
            bad(world, suite, f"trailing bits in part {index}", ".".join(changed))
    def padded(part):
        return part + "=" * (-len(part) % 4)
    for name, made in {
        "padding on each part": ".".join(map(padded, (header, payload, signature))), "padding on the signature": f"{header}.{payload}.{padded(signature)}",
        "padding on the payload": f"{header}.{payload}=.{signature}", "padding alone after": f"{issued}=", "four paddings": f"{issued}====", "+ and / in place of - and _": issued.replace("-", "+").replace("_", "/"),
        "an extra dot at the end": f"{issued}.", "an extra dot before": f".{issued}", "two dots in the middle": f"{header}..{payload}.{signature}", "four parts": f"{issued}.{signature}",
        "five parts": f"{header}.{payload}.{signature}.{payload}.{signature}", "one part": header, "two parts": f"{header}.{payload}", "only dots": "..", "one dot": ".",
        "no signature": f"{header}.{payload}.", "no payload": f"{header}..{signature}", "no header": f".{payload}.{signature}", "a stray % in it": f"{header}.{payload}%.{signature}",
        "percent escapes": issued.replace(".", "%2e", 1), "one letter less": issued[:-1], "two letters less": issued[:-2], "one letter more": issued + "A", "four letters more": issued + "AAAA",
        "a letter of another alphabet": f"{header}.{payload}.{signature[:-1]}~", "parts swapped": f"{payload}.{header}.{signature}", "the signature twice": f"{header}.{payload}.{signature}{signature}",
        "JSON serialization": json.dumps({"protected": header, "payload": payload, "signature": signature}, separators=(",", ":")), "a JWE's shape": "a.b.c.d.e", "garbage": "x" * 300,
        "a quote after it": f"{issued}'", "a comma after it": f"{issued},", "a fragment after it": f"{issued}#x",
    }.items():
        if made == issued:
            continue
        bad(world, suite, f"spelling: {name}", made)
    good(world, suite, "and the token itself still passes", issued)
    for size, passes in ((15_000, True), (17_000, False), (40_000, False)):
        made = world.token(filler="x" * (size * 3 // 4 - 300))
        if passes:
            good(world, suite, f"a token of {len(made)} bytes", made)
        else:
            bad(world, suite, f"a token of {len(made)} bytes", made, statuses=(400, 401))


def signatures(world, suite, ring):
    """Signatures in the wrong shape, of the right message."""
    now = claims(MAIN)
    head = {"alg": "ES256", "typ": "JWT", "kid": world.key.kid}
    message = f"{b64(compact(head))}.{b64(compact(now))}".encode()
    raw = sign("ES256", world.key, message)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    zero, top = b"\0" * 32, order.to_bytes(32, "big")
    for name, made in {
        "DER": encode_dss_signature(r, s), "a byte more": raw + b"\0", "a byte before": b"\0" + raw, "65 bytes, recoverable": raw + b"\1", "a byte less": raw[:-1], "padded to 96": raw + b"\0" * 32,
        "each half padded": b"\0" + raw[:32] + b"\0" + raw[32:], "r and s swapped": raw[32:] + raw[:32], "zero": zero + zero, "r zero": zero + raw[32:], "s zero": raw[:32] + zero,
        "r and s the order": top + top, "s the order": raw[:32] + top, "r one, s one": (1).to_bytes(32, "big") * 2, "half": raw[:32], "empty": b"", "one zero": b"\0", "all ones": b"\xff" * 64,
        "s plus the order": raw[:32] + ((s + order) % 2**256).to_bytes(32, "big"), "a hundred times": raw * 100,
    }.items():
        bad(world, suite, f"ES256 signature: {name}", keys.assemble(head, now, made))
    for key, name in ((ring.rsa, "RS256"), (ring.rsa, "PS256"), (ring.ed, "EdDSA"), (ring.es384, "ES384")):
        head = {"alg": name, "typ": "JWT", "kid": key.kid}
        message = f"{b64(compact(head))}.{b64(compact(now))}".encode()
        raw = sign(name, key, message)
        for what, made in {
            "a byte more": raw + b"\0", "a byte before": b"\0" + raw, "a byte less": raw[:-1], "zero": b"\0" * len(raw), "all ones": b"\xff" * len(raw), "empty": b"", "twice": raw + raw,
            "reversed": raw[::-1],
        }.items():
            bad(world, suite, f"{name} signature: {what}", keys.assemble(head, now, made))
    head = {"alg": "EdDSA", "typ": "JWT", "kid": ring.ed.kid}
    message = f"{b64(compact(head))}.{b64(compact(now))}".encode()
    raw = sign("EdDSA", ring.ed, message)
    lower = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(raw[32:], "little") + lower
    bad(world, suite, "EdDSA signature: S plus the order", keys.assemble(head, now, raw[:32] + scalar.to_bytes(32, "little")))
    for salt in (0, 20, 64, 222):
        bad(world, suite, f"PS256 with a salt of {salt}", token(ring.rsa, "PS256", now, salt=salt))
    bad(world, suite, "RS256 forged for exponent 3", keys.assemble(*cube_root(ring.cube, now)))


def cube_root(key, payload):
    """(header, payload, signature): a PKCS#1 v1.5 forgery with garbage after the hash, for exponent 3."""
    head = {"alg": "RS256", "typ": "JWT", "kid": key.kid}
    message = f"{b64(compact(head))}.{b64(compact(payload))}".encode()
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")
    block = b"\x00\x01" + b"\xff" * 8 + b"\x00" + prefix + hashlib.sha256(message).digest()
    target = int.from_bytes(block + b"\xff" * (256 - len(block)), "big")
    low, high = 0, 1 << 700
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= target else (low, middle - 1)
    return head, payload, low.to_bytes(256, "big")


def flips(world, suite):
    """One bit of a cached, honest token changed: refused, and the honest one still passes."""
    issued = world.token()
    good(world, suite, "before the flips", issued)
    chance = random.Random(7)
    raw, wrong = issued.encode(), []
    places = chance.sample(range(len(raw) * 8), 600)
    places += range((len(raw) - 4) * 8, len(raw) * 8)
    for place in places:
        changed = bytearray(raw)
        changed[place // 8] ^= 1 << (place % 8)
        talk = show(world, changed.decode("latin-1"))
        if talk.first.status not in (400, 401) or world.upstream.taken():
            wrong.append((place, talk))
    suite.check(f"each of {len(places)} flipped bits is refused", not wrong, repr(wrong[:3]))
    good(world, suite, "after the flips", issued)


def providers(world, suite, ring):
    """One issuer's keys, algorithms and names are not another's."""
    alice = claims(NARROW, user="alice", role=...)
    good(world, suite, "the second issuer's user", token(ring.narrow, "ES256", alice))
    bad(world, suite, "the second issuer signed by the first's key", token(world.key, "ES256", alice))
    bad(world, suite, "the first issuer signed by the second's key", token(ring.narrow, "ES256", claims(MAIN)))
    bad(world, suite, "the second's key under the first's kid", token(ring.narrow, "ES256", claims(MAIN), header={"alg": "ES256", "kid": world.key.kid}))
    bad(world, suite, "an algorithm that the issuer does not list", token(ring.narrow_rsa, "RS256", alice))
    for name, changes in {
        "a user that is not there": {"user": "nobody"}, "no user claim": {"user": ...}, "an empty user": {"user": ""}, "a list as user": {"user": ["alice"]}, "a user in another case": {"user": "Alice"},
        "a path as user": {"user": "../alice"}, "an ARN as user": {"user": "arn:aws:iam::111111111111:root"}, "a wildcard user": {"user": "*"}, "a number as user": {"user": 1},
    }.items():
        talk = show(world, token(ring.narrow, "ES256", claims(NARROW, role=..., **{"user": "alice", **changes})))
        tolerated = (200, 403, 401) if isinstance(changes["user"], list) else (403, 401)
        suite.check(f"{name} is nobody", talk.first.status in tolerated and (talk.first.status == 200 or not world.taken()), repr(talk))
    for name, changes in {
        "a role that is not there": {"role": "nobody"}, "no role claim": {"role": ...}, "an empty role": {"role": ""}, "another account's role": {"role": "arn:aws:iam::111111111111:role/reader"},
        "a wildcard role": {"role": "*"}, "a path as role": {"role": "../reader"}, "no sub": {"sub": ...}, "a role in another case": {"role": "Reader"}, "a number as role": {"role": 7},
        "an object as role": {"role": {"a": "reader"}}, "NUL in the role": {"role": "reader\u0000"}, "a user as role": {"role": "alice"},
    }.items():
        talk = show(world, world.token(**changes))
        suite.check(f"{name} is nobody", talk.first.status in (401, 403) and not world.taken(), repr(talk))
    for session in ("a/b", "../x", "a b", "arn:aws:iam::1:root", "x" * 500, "\u00e4\u00f6", "a\r\nX-Sidegate-Principal-Arn: evil", "*", "${aws:username}", "\u0000"):
        talk = show(world, world.token(sub=session))
        taken = world.taken()
        arns = [item.value(b"x-sidegate-principal-arn") or b"" for item in taken]
        prefix = f"arn:aws:sts::{support.ACCOUNT}:assumed-role/reader/".encode()
        clean = all(arn.startswith(prefix) and re.fullmatch(rb"[A-Za-z0-9+=,.@_-]{2,64}", arn[len(prefix):]) for arn in arns)
        suite.check(f"session name from sub {session[:16]!r}", talk.first.status in (200, 401, 403) and clean, f"{talk!r} {arns}")


def places(world, suite):
    """A token elsewhere than in Authorization is no credential."""
    issued = world.token()
    for query in (f"access_token={issued}", f"token={issued}", f"bearer={issued}", f"Authorization=Bearer%20{issued}", f"id_token={issued}", f"jwt={issued}"):
        talk = world.talk(client.request(target=f"{PROTECTED}?{query}"))
        suite.check(f"a token in the query as {query.split('=')[0]}", talk.statuses == [401] and not world.taken(), repr(talk))
    body = f"access_token={issued}".encode()
    talk = world.talk(client.request("POST", PROTECTED, ["Content-Type: application/x-www-form-urlencoded"], body))
    suite.check("a token in the body", talk.statuses == [401] and not world.taken(), repr(talk))
    for name in ("X-Authorization", "X-Access-Token", "X-Auth-Token", "Authentication", "X-Amzn-Oidc-Accesstoken", "Proxy-Authorization", "Sec-WebSocket-Protocol"):
        talk = world.talk(client.request(target=PROTECTED, headers=[f"{name}: Bearer {issued}"]))
        suite.check(f"a token in {name}", talk.first.status in (400, 401) and not world.taken(), repr(talk))


def answers(world, suite):
    """What a refusal says, and what it keeps to itself; what is never written down."""
    none = world.talk(client.request(target=PROTECTED)).first
    challenge = none.value("www-authenticate") or ""
    suite.check("no credential: a challenge without an error", challenge.startswith("Bearer") and "error" not in challenge, f"{challenge!r}")
    suite.check("no credential: code MissingAuthenticationToken", none.json().get("code") == "MissingAuthenticationToken", repr(none))
    said = set()
    for made in (
        token(world.key, "ES256", claims(MAIN))[:-4] + "AAAA", world.token(aud="other"), world.token(iss="https://x.test"), world.token(iat=...)[:-9] + "AAAAAAAAA", "garbage", "a.b.c",
        keys.assemble({"alg": "none"}, claims(MAIN), b""),
    ):
        first = show(world, made).first
        text = first.value("www-authenticate") or ""
        said.add((text, first.json().get("code"), first.json().get("message")))
        suite.check("a bad token: error=\"invalid_token\"", 'error="invalid_token"' in text, f"{text!r}")
        suite.check("a bad token: code InvalidToken", first.json().get("code") == "InvalidToken", repr(first))
        suite.check("a bad token: requestId in the body and header", first.json().get("requestId") == first.value("x-sidegate-request-id") != None, repr(first))  # noqa: E711
    suite.check("a client cannot tell which check failed", len(said) == 1, repr(said))
    first = show(world, world.token(exp=int(time.time()) - 3600, iat=int(time.time()) - 7200, nbf=...)).first
    suite.check("an expired token: code ExpiredToken", first.status == 401 and first.json().get("code") == "ExpiredToken", repr(first))
    first = show(world, world.token(), target="/admin/x").first
    message = first.json().get("message", "")
    words = f"User: {support.ROLE_SESSION} is not authorized to perform: app:Admin on resource: arn:aws:app::{support.ACCOUNT}:admin/x"
    suite.check("403 is worded as IAM words it", first.status == 403 and first.json().get("code") == "AccessDenied" and message.startswith(words), repr(first))
    good(world, suite, "a token to look for", world.token(jti="lookforthis"))
    time.sleep(0.3)
    secret = world.token().split(".")[0]
    files = "".join(path.read_text(errors="replace") for path in (world.folder / "audit").rglob("*") if path.is_file())
    suite.check("no token in the audit", secret not in files and "Bearer " not in files, "found one")
    suite.check("no token in the log", secret not in world.log(), "found one")
