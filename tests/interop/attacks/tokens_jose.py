"""JOSE headers: algorithms, key ids, critical and embedded members."""

import time

import keys
from keys import b64, claims, compact, sign, token
from support import MAIN
from token_verdicts import bad, show


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
        (ring.rs256, "RS256", "PS256"),
        (ring.rs256, "RS256", "RS384"),
        (ring.rsa, "RS256", "PS256"),
        (ring.rsa, "PS256", "RS256"),
        (world.key, "ES256", "ES384"),
        (world.key, "ES256", "EdDSA"),
        (ring.es384, "ES384", "ES256"),
        (ring.ed, "EdDSA", "ES256"),
        (ring.rsa, "RS256", "ES256"),
        (world.key, "ES256", "RS256"),
        (world.key, "ES256", "ES256K"),
        (world.key, "ES256", "es256"),
        (world.key, "ES256", "ES256 "),
        (world.key, "ES256", "ES512"),
        (ring.ed, "EdDSA", "Ed448"),
        (ring.rs256, "RS512", "RS256"),
        (world.key, "ES256", "HS256"),
        (world.key, "ES256", "PS256"),
        (world.key, "ES256", "dir"),
        (ring.rsa, "RS256", "RSA1_5"),
    ):
        head = {"alg": said, "typ": "JWT", "kid": key.kid}
        message = f"{b64(compact(head))}.{b64(compact(now))}".encode()
        bad(world, suite, f"signed {name}, says {said} ({key.kid})", keys.assemble(head, now, sign(name, key, message)))
    for key, name in (
        (ring.rs256, "PS256"),
        (ring.rs256, "RS512"),
        (ring.ps256, "RS256"),
        (ring.es384, "ES256"),
        (world.key, "ES384"),
        (ring.p521, "ES512"),
        (ring.p521, "ES256"),
        (ring.koblitz, "ES256"),
        (ring.koblitz, "ES256K"),
        (ring.weak, "RS256"),
        (ring.enc, "RS256"),
        (ring.enc, "PS256"),
        (ring.enc_ec, "ES256"),
        (ring.ops, "RS256"),
        (ring.ops_sign, "ES256"),
        (ring.oaep, "RS256"),
        (ring.oaep, "PS256"),
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
        "",
        "nobody",
        own.upper(),
        own + " ",
        " " + own,
        own + "\x00",
        own[:-1],
        "../../../../dev/null",
        "/dev/null",
        "file:///dev/null",
        "' OR '1'='1",
        "*",
        "0",
        "rsa-any",
        "stranger",
        "a" * 10_000,
        "\u202e" + own,
        "main-es256\n",
        "http://127.0.0.1:1/x",
    ):
        bad(world, suite, f"kid {kid[:24]!r}", token(world.key, "ES256", now, header={"alg": "ES256", "kid": kid}))
    for kid in (None, 1, True, [own], {"kid": own}):
        bad(world, suite, f"kid {kid!r}", token(world.key, "ES256", now, header={"alg": "ES256", "kid": kid}))
    bad(
        world,
        suite,
        "a stranger's key under an honest kid",
        token(ring.stranger, "ES256", now, header={"alg": "ES256", "kid": own}),
    )
    bad(world, suite, "a stranger's key under its own kid", token(ring.stranger, "ES256", now))
    bad(world, suite, "a stranger's key and no kid", token(ring.stranger, "ES256", now, header={"alg": "ES256"}))
    bad(world, suite, "HS256 with an empty secret and a file as kid", forged(b"", "HS256", "/dev/null", now))
    talk = show(world, token(world.key, "ES256", now, header={"alg": "ES256"}))
    suite.check("an honest token without kid is not an error of ours", talk.first.status in (200, 401), repr(talk))
    fetched, seconds = len(world.issuer.asked) - before, time.monotonic() - started
    suite.check(
        "unknown kids cost one fetch in ten seconds at most",
        fetched <= 2 + seconds / 10,
        f"{fetched} fetches in {seconds:.1f} s",
    )


def header_members(world, suite, ring):
    """crit, b64, embedded and referenced keys, and wrong types."""
    now, own = claims(MAIN), world.key.kid
    base = {"alg": "ES256", "typ": "JWT", "kid": own}
    for value in (
        ["exp"],
        ["b64"],
        ["unknown"],
        [],
        ["alg"],
        "exp",
        None,
        [1],
        {"exp": 1},
        True,
        ["exp", "exp"],
        ["http://example.com/x"],
        ["kid"],
    ):
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
        ("jku", evil),
        ("x5u", evil),
        ("jwk", {**ring.stranger.jwk()}),
        ("jwk", {**ring.stranger.jwk(), "kid": own}),
        ("x5c", [b64(b"certificate")]),
        ("x5t", "abc"),
        ("jku", world.issuer.url("/main.json@/evil.json")),
        ("url", evil),
        ("iss", evil),
    ):
        for kid in (own, "stranger", None):
            head = {"alg": "ES256", "typ": "JWT", name: value, **({"kid": kid} if kid else {})}
            bad(
                world, suite, f"{name} for a stranger's key, kid {kid}", token(ring.stranger, "ES256", now, header=head)
            )
    head = {"alg": "HS256", "typ": "JWT", "kid": own, "jwk": {"kty": "oct", "k": b64(b"secret")}}
    message = f"{b64(compact(head))}.{b64(compact(now))}".encode()
    bad(world, suite, "jwk with a symmetric key", keys.assemble(head, now, sign("HS256", b"secret", message)))
    suite.check(
        "no key was fetched for a token's word",
        not [path for path in world.issuer.asked if "evil" in path],
        repr(world.issuer.asked[-5:]),
    )
    for name, value in (("typ", 1), ("typ", ["JWT"]), ("typ", None)):
        bad(world, suite, f"{name} {value!r}", token(world.key, "ES256", now, header={**base, name: value}))
    deep = compact(base)[:-1] + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}"
    bad(world, suite, "a header 5000 deep", token(world.key, "ES256", now, header=deep))
    for name, head in {
        "kid twice": b'{"alg":"ES256","kid":"stranger","kid":"%s"}' % own.encode(),
        "alg twice": b'{"alg":"none","alg":"ES256","kid":"%s"}' % own.encode(),
        "alg twice, the same": b'{"alg":"ES256","alg":"ES256","kid":"%s"}' % own.encode(),
        "alg twice, escaped": b'{"alg":"ES256","\\u0061lg":"none","kid":"%s"}' % own.encode(),
        "an unknown member twice": b'{"alg":"ES256","x":1,"x":2,"kid":"%s"}' % own.encode(),
        "bytes after it": compact(base) + b"x",
        "a second object": compact(base) + b"{}",
        "a BOM before it": b"\xef\xbb\xbf" + compact(base),
        "a list": b"[" + compact(base) + b"]",
        "a string": b'"ES256"',
        "nothing": b"",
        "null": b"null",
        "NUL after it": compact(base) + b"\x00",
        "a comment": compact(base)[:-1] + b"/*x*/}",
        "a trailing comma": compact(base)[:-1] + b",}",
        "single quotes": compact(base).replace(b'"', b"'"),
        "bytes that are not UTF-8": compact(base)[:-1] + b',"x":"\xff"}',
        "a lone surrogate's name": compact(base)[:-1] + b',"\\ud800":1}',
        "Latin-1 kid": b'{"alg":"ES256","kid":"\xe9"}',
    }.items():
        bad(world, suite, f"header with {name}", token(world.key, "ES256", now, header=head))
