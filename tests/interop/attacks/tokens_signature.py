"""Signatures, the spelling of a token, and single flipped bits."""

import hashlib
import json
import random

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
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
    paddings(world, suite, ring)


def paddings(world, suite, ring):
    """RSA signatures by the right key over a block that is not quite as PKCS #1 has it (the classes of Wycheproof)."""
    key, now = ring.rsa, claims(MAIN)
    numbers = key.private.private_numbers()
    modulus = numbers.public_numbers.n

    def signed(name, block):
        head = {"alg": name, "typ": "JWT", "kid": key.kid}
        made = pow(int.from_bytes(block, "big"), numbers.d, modulus)
        return keys.assemble(head, now, made.to_bytes(256, "big"))

    head = {"alg": "RS256", "typ": "JWT", "kid": key.kid}
    message = f"{b64(compact(head))}.{b64(compact(now))}".encode()
    digest = hashlib.sha256(message).digest()
    oid = bytes.fromhex("0609608648016503040201")

    def wrapped(tag, content):
        return bytes([tag, len(content)]) + content

    def info(algorithm=oid + b"\x05\x00", value=digest):
        return wrapped(0x30, wrapped(0x30, algorithm) + wrapped(0x04, value))

    def block(inside, start=b"\x00\x01", fill=b"\xff", end=b"\x00", after=b""):
        room = 256 - len(start) - len(end) - len(inside) - len(after)
        return start + fill * room + end + inside + after

    good(world, suite, "RS256 made by hand", signed("RS256", block(info())))
    exact = info()
    for name, made in {
        "no NULL behind the algorithm": block(info(oid)),
        "two NULLs": block(info(oid + b"\x05\x00" * 2)),
        "a NULL of one byte": block(info(oid + b"\x05\x01\x00")),
        "another tag than NULL": block(info(oid + b"\x04\x00")),
        "SHA-1's name": block(info(bytes.fromhex("06052b0e03021a0500"))),
        "SHA-384's name": block(info(bytes.fromhex("06096086480165030402020500"))),
        "SHA-512's name and hash": block(
            info(bytes.fromhex("06096086480165030402030500"), hashlib.sha512(message).digest())
        ),
        "SHA-1": block(info(bytes.fromhex("06052b0e03021a0500"), hashlib.sha1(message).digest())),
        "a longer object identifier": block(info(b"\x06\x0a" + oid[2:] + b"\x01\x05\x00")),
        "a cut object identifier": block(info(b"\x06\x08" + oid[2:-1] + b"\x05\x00")),
        "no algorithm": block(wrapped(0x30, wrapped(0x04, digest))),
        "the bare hash": block(digest),
        "a cut hash": block(info(value=digest[:-1])),
        "a hash and more": block(info(value=digest + b"\x00")),
        "an empty hash": block(info(value=b"")),
        "a list behind the hash": block(wrapped(0x30, exact[2:] + b"\x05\x00")),
        "long lengths": block(b"\x30\x81" + exact[1:]),
        "longer lengths": block(b"\x30\x82\x00" + exact[1:]),
        "no end of lengths": block(b"\x30\x80" + exact[2:] + b"\x00\x00"),
        "another outer tag": block(b"\x31" + exact[1:]),
        "a byte behind it": block(exact, after=b"\x00"),
        "garbage behind it": block(exact, after=b"\xff" * 100),
        "garbage behind it, eight bytes of filling": (
            b"\x00\x01" + b"\xff" * 8 + b"\x00" + exact + b"\x41" * (256 - 11 - len(exact))
        ),
        "no filling": b"\x00\x01\x00" + exact + b"\x00" * (256 - 3 - len(exact)),
        "filling of zeros": block(exact, fill=b"\x00"),
        "filling of 0xfe": block(exact, fill=b"\xfe"),
        "one other byte in the filling": block(exact).replace(b"\xff" * 20, b"\xff" * 19 + b"\xfe", 1),
        "block type 0": block(exact, start=b"\x00\x00"),
        "block type 2": block(exact, start=b"\x00\x02"),
        "no end of the filling": block(exact, end=b""),
        "two ends of the filling": block(exact, end=b"\x00\x00"),
        "no first zero": b"\x01" + block(exact)[2:] + b"\x00",
        "one": (1).to_bytes(256, "big"),
    }.items():
        bad(world, suite, f"RS256 padding: {name}", signed("RS256", made))
    own = pow(int.from_bytes(block(info()), "big"), numbers.d, modulus)
    for name, value in {"the modulus more": own + modulus, "its negative": modulus - own}.items():
        if value < 2**2048:
            bad(world, suite, f"RS256 signature: {name}", keys.assemble(head, now, value.to_bytes(256, "big")))
    head = {"alg": "PS256", "typ": "JWT", "kid": key.kid}
    message = f"{b64(compact(head))}.{b64(compact(now))}".encode()
    for name, masked, digest in (
        ("a mask of SHA-1", hashes.SHA1(), hashes.SHA256()),
        ("a mask of SHA-384", hashes.SHA384(), hashes.SHA256()),
        ("SHA-1", hashes.SHA256(), hashes.SHA1()),
        ("SHA-512", hashes.SHA512(), hashes.SHA512()),
        ("SHA-384 with a mask of SHA-256", hashes.SHA256(), hashes.SHA384()),
    ):
        made = key.private.sign(message, padding.PSS(padding.MGF1(masked), 32), digest)
        bad(world, suite, f"PS256 with {name}", keys.assemble(head, now, made))
    honest = key.private.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    good(world, suite, "PS256 made by hand", keys.assemble(head, now, honest))
    opened = pow(int.from_bytes(honest, "big"), 65537, modulus).to_bytes(256, "big")
    for name, made in {
        "another last byte": opened[:-1] + b"\xcc",
        "a first bit": bytes([opened[0] ^ 0x80]) + opened[1:],
        "a salt changed": bytes([opened[0], opened[1] ^ 1]) + opened[2:],
    }.items():
        if int.from_bytes(made, "big") < modulus:
            bad(world, suite, f"PS256 padding: {name}", signed("PS256", made))


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
