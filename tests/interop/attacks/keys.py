"""Keys, JWKs and tokens made by hand, so that every rule of JOSE can be broken one at a time.

Signatures come from `cryptography`; PyJWT is used by the suites as the independent maker of honest tokens.
"""

import base64
import hashlib
import hmac
import json
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {
    "P-256": (ec.SECP256R1, 32),
    "P-384": (ec.SECP384R1, 48),
    "P-521": (ec.SECP521R1, 66),
    "secp256k1": (ec.SECP256K1, 32),
}


def b64(data):
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value):
    """JSON bytes; bytes go through as they are."""
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


class Key:
    """A private key, its id and its JWK members."""

    def __init__(self, kid, private, **members):
        self.kid = kid
        self.private = private
        self.members = members

    def pem(self):
        """PKCS#8, for PyJWT."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def public_pem(self):
        """SubjectPublicKeyInfo, for algorithm confusion."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def jwk(self):
        """The public JWK."""
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            found = {"kty": "RSA", "n": b64(number(numbers.n)), "e": b64(number(numbers.e))}
        elif isinstance(public, ec.EllipticCurvePublicKey):
            name = next(name for name, (curve, _) in CURVES.items() if curve.name == public.curve.name)
            numbers, size = public.public_numbers(), CURVES[name][1]
            found = {"kty": "EC", "crv": name, "x": b64(number(numbers.x, size)), "y": b64(number(numbers.y, size))}
        else:
            curve = "Ed448" if isinstance(public, ed448.Ed448PublicKey) else "Ed25519"
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            found = {"kty": "OKP", "crv": curve, "x": b64(raw)}
        return {**found, "kid": self.kid, **self.members}


def number(value, size=None):
    """A big-endian integer, as short as it goes or `size` bytes."""
    return value.to_bytes(size or (value.bit_length() + 7) // 8, "big")


def rsa_key(kid, bits=2048, exponent=65537, **members):
    """A new RSA key."""
    return Key(kid, rsa.generate_private_key(exponent, bits), **members)


def ec_key(kid, curve, **members):
    """A new EC key on the curve of that JWK name."""
    return Key(kid, ec.generate_private_key(CURVES[curve][0]()), **members)


def ed_key(kid, **members):
    """A new Ed25519 key."""
    return Key(kid, ed25519.Ed25519PrivateKey.generate(), **members)


def sign(algorithm, key, message, salt=None):
    """The JWS signature; `key` is a Key, or bytes for HMAC. The hash is that of the algorithm, whatever the curve."""
    if algorithm == "none":
        return b""
    digest = HASHES.get(algorithm[2:5])
    if algorithm.startswith("HS"):
        return hmac.new(key, message, getattr(hashlib, f"sha{algorithm[2:]}")).digest()
    if algorithm.startswith("RS"):
        return key.private.sign(message, padding.PKCS1v15(), digest())
    if algorithm.startswith("PS"):
        length = digest.digest_size if salt is None else salt
        return key.private.sign(message, padding.PSS(padding.MGF1(digest()), length), digest())
    if algorithm.startswith("ES"):
        size = next(size for curve, size in CURVES.values() if curve.name == key.private.curve.name)
        pair = utils.decode_dss_signature(key.private.sign(message, ec.ECDSA(digest())))
        return number(pair[0], size) + number(pair[1], size)
    return key.private.sign(message)


def assemble(header, payload, signature):
    """header.payload.signature; the first two as JSON values or raw bytes."""
    return f"{b64(compact(header))}.{b64(compact(payload))}.{b64(signature)}"


def token(key, algorithm, payload, header=None, **options):
    """A signed token; `header` replaces the whole header, else alg, typ and kid."""
    if header is None:
        header = {"alg": algorithm, "typ": "JWT", "kid": key.kid}
    message = f"{b64(compact(header))}.{b64(compact(payload))}".encode()
    return assemble(header, payload, sign(algorithm, key, message, **options))


def claims(issuer, **changes):
    """Honest claims; a change to `...` removes the claim."""
    now = int(time.time())
    base = {
        "iss": issuer,
        "aud": "blackbox",
        "sub": "mallory",
        "role": "reader",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    }
    base.update(changes)
    return {name: value for name, value in base.items() if value is not ...}
