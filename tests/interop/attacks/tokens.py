"""JWT attacks. Each bad token is shown to a protected route and to a public one: 401 on both, never anonymous."""

import re
import time

import jwt

import client
import keys
import support
import tokens_jose
import tokens_json
import tokens_signature
from keys import b64, claims, token
from support import MAIN, NARROW
from token_verdicts import PROTECTED, bad, good, show


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
        held = [
            self.rsa,
            self.rs256,
            self.ps256,
            self.es384,
            self.ed,
            self.enc,
            self.enc_ec,
            self.ops,
            self.ops_sign,
            self.oaep,
            self.weak,
            self.cube,
            self.p521,
            self.koblitz,
        ]
        return [*(key.jwk() for key in held), {"kty": "oct", "kid": "oct", "k": b64(b"secret"), "alg": "HS256"}]


def run(world, suite, ring):
    """All token cases. The world must have been made with `ring`'s keys."""
    honest(world, suite, ring)
    schemes(world, suite)
    tokens_jose.algorithms(world, suite, ring)
    tokens_jose.key_ids(world, suite, ring)
    tokens_jose.header_members(world, suite, ring)
    tokens_json.run(world, suite)
    tokens_signature.spelling(world, suite)
    tokens_signature.signatures(world, suite, ring)
    tokens_signature.flips(world, suite)
    providers(world, suite, ring)
    places(world, suite)
    many(world, suite)
    answers(world, suite)


def honest(world, suite, ring):
    """Every algorithm, made by PyJWT and by hand."""
    made = [(ring.rsa, name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")]
    made += [
        (ring.rs256, "RS256"),
        (ring.ps256, "PS256"),
        (world.key, "ES256"),
        (ring.es384, "ES384"),
        (ring.ed, "EdDSA"),
    ]
    for key, name in made:
        good(
            world,
            suite,
            f"honest {name} by {key.kid}, PyJWT",
            jwt.encode(claims(MAIN), key.pem(), name, headers={"kid": key.kid}),
        )
        good(world, suite, f"honest {name} by {key.kid}, by hand", token(key, name, claims(MAIN)))
    good(
        world,
        suite,
        "honest, no typ",
        token(world.key, "ES256", claims(MAIN), header={"alg": "ES256", "kid": world.key.kid}),
    )
    good(
        world,
        suite,
        "honest, typ at+jwt",
        token(world.key, "ES256", claims(MAIN), header={"alg": "ES256", "kid": world.key.kid, "typ": "at+jwt"}),
    )
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
        "",
        "Bearer",
        "Bearer ",
        "bearer\t",
        issued,
        f"Token {issued}",
        f"JWT {issued}",
        f"Basic {issued}",
        f"Bearer {issued} {issued}",
        f"Bearer {issued} x",
        f"Bearer {issued},{issued}",
        f"Bearer {issued}, Bearer {issued}",
        f"Bearer, {issued}",
        f"Bearer:{issued}",
        f"Bearer={issued}",
        f'Bearer "{issued}"',
        f"Bearer token={issued}",
        f"Bearer{issued}",
        f"BearerX {issued}",
        f"XBearer {issued}",
        f"Bearer Bearer {issued}",
        f"DPoP {issued}",
        f"MAC {issued}",
        f"Bearer {issued};x",
        f"Bearer {issued}\xa0",
        f"Bearer <{issued}>",
        f'"Bearer" {issued}',
        f"Bearer {issued[:-1]}\xe9",
    ):
        bad(
            world,
            suite,
            f"Authorization {value[:24]!r} ({len(value)})",
            value,
            scheme="",
            statuses=(401, 400) if not value.isascii() else (401,),
        )
    for value in (f"Bearer  {issued}", f"Bearer\t{issued}"):
        talk = show(world, value, scheme="")
        suite.check(f"odd space in {value[:9]!r}", talk.first.status in (200, 400, 401), repr(talk))


def providers(world, suite, ring):
    """One issuer's keys, algorithms and names are not another's."""
    alice = claims(NARROW, user="alice", role=...)
    good(world, suite, "the second issuer's user", token(ring.narrow, "ES256", alice))
    bad(world, suite, "the second issuer signed by the first's key", token(world.key, "ES256", alice))
    bad(world, suite, "the first issuer signed by the second's key", token(ring.narrow, "ES256", claims(MAIN)))
    bad(
        world,
        suite,
        "the second's key under the first's kid",
        token(ring.narrow, "ES256", claims(MAIN), header={"alg": "ES256", "kid": world.key.kid}),
    )
    bad(world, suite, "an algorithm that the issuer does not list", token(ring.narrow_rsa, "RS256", alice))
    # A value in an ARN is literal: alice may read orders/1, orders/7 and orders/a*b; a wildcard in her path is none.
    for target, status in {
        "/orders/7": 200,
        "/orders/%37": 200,
        "/orders/axb": 200,
        "/orders/a%2Ab": 200,
        "/orders/8": 403,
        "/orders/*": 403,
        "/orders/%2A": 403,
        "/orders/%3F": 403,
        "/orders/7%20": 403,
        "/orders/7*": 403,
        "/orders/$%7Baws:username%7D": 403,
        "/orders/77": 403,
        "/orders/%E2%80%8B7": 403,
        "/orders/7%0A": 400,
        "/orders/7%00": 400,
        "/orders/x%2F..%2F7": 400,
        "/orders/7;x": 400,
    }.items():
        talk = show(world, token(ring.narrow, "ES256", alice), target=target)
        reached = [item.target for item in world.taken()]
        suite.check(
            f"alice asks for {target}", talk.statuses == [status] and len(reached) == (status == 200), repr(talk)
        )
    for name, changes in {
        "a user that is not there": {"user": "nobody"},
        "no user claim": {"user": ...},
        "an empty user": {"user": ""},
        "a list as user": {"user": ["alice"]},
        "a user in another case": {"user": "Alice"},
        "a path as user": {"user": "../alice"},
        "an ARN as user": {"user": "arn:aws:iam::111111111111:root"},
        "a wildcard user": {"user": "*"},
        "a number as user": {"user": 1},
    }.items():
        talk = show(world, token(ring.narrow, "ES256", claims(NARROW, role=..., **{"user": "alice", **changes})))
        tolerated = (200, 403, 401) if isinstance(changes["user"], list) else (403, 401)
        suite.check(
            f"{name} is nobody",
            talk.first.status in tolerated and (talk.first.status == 200 or not world.taken()),
            repr(talk),
        )
    for name, changes in {
        "a role that is not there": {"role": "nobody"},
        "no role claim": {"role": ...},
        "an empty role": {"role": ""},
        "another account's role": {"role": "arn:aws:iam::111111111111:role/reader"},
        "a wildcard role": {"role": "*"},
        "a path as role": {"role": "../reader"},
        "no sub": {"sub": ...},
        "a role in another case": {"role": "Reader"},
        "a number as role": {"role": 7},
        "an object as role": {"role": {"a": "reader"}},
        "NUL in the role": {"role": "reader\u0000"},
        "a user as role": {"role": "alice"},
    }.items():
        talk = show(world, world.token(**changes))
        suite.check(f"{name} is nobody", talk.first.status in (401, 403) and not world.taken(), repr(talk))
    for session in (
        "a/b",
        "../x",
        "a b",
        "arn:aws:iam::1:root",
        "x" * 500,
        "\u00e4\u00f6",
        "a\r\nX-Sidegate-Principal-Arn: evil",
        "*",
        "${aws:username}",
        "\u0000",
    ):
        talk = show(world, world.token(sub=session))
        taken = world.taken()
        arns = [item.value(b"x-sidegate-principal-arn") or b"" for item in taken]
        prefix = f"arn:aws:sts::{support.ACCOUNT}:assumed-role/reader/".encode()
        clean = all(
            arn.startswith(prefix) and re.fullmatch(rb"[A-Za-z0-9+=,.@_-]{2,64}", arn[len(prefix) :]) for arn in arns
        )
        suite.check(
            f"session name from sub {session[:16]!r}",
            talk.first.status in (200, 401, 403) and clean,
            f"{talk!r} {arns}",
        )


def many(world, suite):
    """Distinct tokens, good and bad, cost bounded memory: what is cached is bounded in bytes too."""
    before, wrong = world.memory("VmRSS"), 0
    world.forget_peak()
    session = client.Session(world.port)
    for index in range(3000):
        made = world.token(filler="x" * 9000, jti=str(index)) if index % 3 == 0 else world.token(jti=str(index))
        if index % 2:
            made = made[:-6] + "AAAAAA"
        asked = client.request(target=PROTECTED, headers=[f"Authorization: Bearer {made}"])
        wrong += session.ask(asked).status != (401 if index % 2 else 200)
    session.close()
    grown = max(world.memory("VmHWM"), world.memory("VmRSS")) - before
    suite.check("3000 distinct tokens are each judged rightly", wrong == 0, f"{wrong} are not")
    suite.check("and cost 32 MiB at most", grown <= 32 * 1024, f"{grown} KiB")


def places(world, suite):
    """A token elsewhere than in Authorization is no credential."""
    issued = world.token()
    for query in (
        f"access_token={issued}",
        f"token={issued}",
        f"bearer={issued}",
        f"Authorization=Bearer%20{issued}",
        f"id_token={issued}",
        f"jwt={issued}",
    ):
        talk = world.talk(client.request(target=f"{PROTECTED}?{query}"))
        suite.check(
            f"a token in the query as {query.split('=')[0]}", talk.statuses == [401] and not world.taken(), repr(talk)
        )
    body = f"access_token={issued}".encode()
    talk = world.talk(client.request("POST", PROTECTED, ["Content-Type: application/x-www-form-urlencoded"], body))
    suite.check("a token in the body", talk.statuses == [401] and not world.taken(), repr(talk))
    for name in (
        "X-Authorization",
        "X-Access-Token",
        "X-Auth-Token",
        "Authentication",
        "X-Amzn-Oidc-Accesstoken",
        "Proxy-Authorization",
        "Sec-WebSocket-Protocol",
    ):
        talk = world.talk(client.request(target=PROTECTED, headers=[f"{name}: Bearer {issued}"]))
        suite.check(f"a token in {name}", talk.first.status in (400, 401) and not world.taken(), repr(talk))


def answers(world, suite):
    """What a refusal says, and what it keeps to itself; what is never written down."""
    none = world.talk(client.request(target=PROTECTED)).first
    challenge = none.value("www-authenticate") or ""
    suite.check(
        "no credential: a challenge without an error",
        challenge.startswith("Bearer") and "error" not in challenge,
        f"{challenge!r}",
    )
    suite.check(
        "no credential: code MissingAuthenticationToken",
        none.json().get("code") == "MissingAuthenticationToken",
        repr(none),
    )
    said = set()
    for made in (
        token(world.key, "ES256", claims(MAIN))[:-4] + "AAAA",
        world.token(aud="other"),
        world.token(iss="https://x.test"),
        world.token(iat=...)[:-9] + "AAAAAAAAA",
        "garbage",
        "a.b.c",
        keys.assemble({"alg": "none"}, claims(MAIN), b""),
    ):
        first = show(world, made).first
        text = first.value("www-authenticate") or ""
        said.add((text, first.json().get("code"), first.json().get("message")))
        suite.check('a bad token: error="invalid_token"', 'error="invalid_token"' in text, f"{text!r}")
        suite.check("a bad token: code InvalidToken", first.json().get("code") == "InvalidToken", repr(first))
        suite.check(
            "a bad token: requestId in the body and header",
            first.json().get("requestId", "") == first.value("x-sidegate-request-id"),
            repr(first),
        )
    suite.check("a client cannot tell which check failed", len(said) == 1, repr(said))
    first = show(world, world.token(exp=int(time.time()) - 3600, iat=int(time.time()) - 7200, nbf=...)).first
    suite.check(
        "an expired token: code ExpiredToken",
        first.status == 401 and first.json().get("code") == "ExpiredToken",
        repr(first),
    )
    first = show(world, world.token(), target="/admin/x").first
    message = first.json().get("message", "")
    resource = f"arn:aws:app::{support.ACCOUNT}:admin/x"
    words = f"User: {support.ROLE_SESSION} is not authorized to perform: app:Admin on resource: {resource}"
    suite.check(
        "403 is worded as IAM words it",
        first.status == 403 and first.json().get("code") == "AccessDenied" and message.startswith(words),
        repr(first),
    )
    now = int(time.time())
    ending = world.token(exp=now - 27, iat=now - 600, nbf=...)
    good(world, suite, "a token in its last seconds of leeway", ending)
    time.sleep(5)
    first = show(world, ending).first
    suite.check(
        "a cached token ends with its leeway",
        first.status == 401 and first.json().get("code") == "ExpiredToken",
        repr(first),
    )
    time.sleep(0.3)
    secret = world.token().split(".")[0]
    files = "".join(path.read_text(errors="replace") for path in (world.folder / "audit").rglob("*") if path.is_file())
    suite.check("no token in the audit", secret not in files and "Bearer " not in files, "found one")
    suite.check("no token in the log", secret not in world.log(), "found one")
