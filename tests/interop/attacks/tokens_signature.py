"""Signatures, the spelling of a token, and single flipped bits."""

import hashlib
import json
import random

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

import keys
from keys import b64, claims, compact, sign, token
from support import MAIN
from token_verdicts import bad, good, show


def spelling(world, suite):
    """base64url has one spelling, and a token three parts of it."""
    issued = world.token()
    header, payload, signature = issued.split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(signature[-1])
    for step in range(1, 4):  # 64 bytes leave four unused bits in the last letter
        bad(
            world,
            suite,
            f"trailing bits {step} in the signature",
            f"{header}.{payload}.{signature[:-1]}{alphabet[(last & ~15) | step]}",
        )
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
        "padding on each part": ".".join(map(padded, (header, payload, signature))),
        "padding on the signature": f"{header}.{payload}.{padded(signature)}",
        "padding on the payload": f"{header}.{payload}=.{signature}",
        "padding alone after": f"{issued}=",
        "four paddings": f"{issued}====",
        "+ and / in place of - and _": issued.replace("-", "+").replace("_", "/"),
        "an extra dot at the end": f"{issued}.",
        "an extra dot before": f".{issued}",
        "two dots in the middle": f"{header}..{payload}.{signature}",
        "four parts": f"{issued}.{signature}",
        "five parts": f"{header}.{payload}.{signature}.{payload}.{signature}",
        "one part": header,
        "two parts": f"{header}.{payload}",
        "only dots": "..",
        "one dot": ".",
        "no signature": f"{header}.{payload}.",
        "no payload": f"{header}..{signature}",
        "no header": f".{payload}.{signature}",
        "a stray % in it": f"{header}.{payload}%.{signature}",
        "percent escapes": issued.replace(".", "%2e", 1),
        "one letter less": issued[:-1],
        "two letters less": issued[:-2],
        "one letter more": issued + "A",
        "four letters more": issued + "AAAA",
        "a letter of another alphabet": f"{header}.{payload}.{signature[:-1]}~",
        "parts swapped": f"{payload}.{header}.{signature}",
        "the signature twice": f"{header}.{payload}.{signature}{signature}",
        "JSON serialization": json.dumps(
            {"protected": header, "payload": payload, "signature": signature}, separators=(",", ":")
        ),
        "a JWE's shape": "a.b.c.d.e",
        "garbage": "x" * 300,
        "a quote after it": f"{issued}'",
        "a comma after it": f"{issued},",
        "a fragment after it": f"{issued}#x",
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
        "DER": encode_dss_signature(r, s),
        "a byte more": raw + b"\0",
        "a byte before": b"\0" + raw,
        "65 bytes, recoverable": raw + b"\1",
        "a byte less": raw[:-1],
        "padded to 96": raw + b"\0" * 32,
        "each half padded": b"\0" + raw[:32] + b"\0" + raw[32:],
        "r and s swapped": raw[32:] + raw[:32],
        "zero": zero + zero,
        "r zero": zero + raw[32:],
        "s zero": raw[:32] + zero,
        "r and s the order": top + top,
        "s the order": raw[:32] + top,
        "r one, s one": (1).to_bytes(32, "big") * 2,
        "half": raw[:32],
        "empty": b"",
        "one zero": b"\0",
        "all ones": b"\xff" * 64,
        "s plus the order": raw[:32] + ((s + order) % 2**256).to_bytes(32, "big"),
        "a hundred times": raw * 100,
    }.items():
        bad(world, suite, f"ES256 signature: {name}", keys.assemble(head, now, made))
    for key, name in ((ring.rsa, "RS256"), (ring.rsa, "PS256"), (ring.ed, "EdDSA"), (ring.es384, "ES384")):
        head = {"alg": name, "typ": "JWT", "kid": key.kid}
        message = f"{b64(compact(head))}.{b64(compact(now))}".encode()
        raw = sign(name, key, message)
        for what, made in {
            "a byte more": raw + b"\0",
            "a byte before": b"\0" + raw,
            "a byte less": raw[:-1],
            "zero": b"\0" * len(raw),
            "all ones": b"\xff" * len(raw),
            "empty": b"",
            "twice": raw + raw,
            "reversed": raw[::-1],
        }.items():
            bad(world, suite, f"{name} signature: {what}", keys.assemble(head, now, made))
    head = {"alg": "EdDSA", "typ": "JWT", "kid": ring.ed.kid}
    message = f"{b64(compact(head))}.{b64(compact(now))}".encode()
    raw = sign("EdDSA", ring.ed, message)
    lower = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(raw[32:], "little") + lower
    bad(
        world,
        suite,
        "EdDSA signature: S plus the order",
        keys.assemble(head, now, raw[:32] + scalar.to_bytes(32, "little")),
    )
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
