#!/usr/bin/env python3
"""Keys, tokens and Sidegate's bundles for the comparison, below .cache; keys that are there already are kept.

usage: material.py
"""
import base64
import json
import os
import pathlib
import shutil
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE / ".cache"
KEYS, TOKENS, BUNDLES = CACHE / "keys", CACHE / "tokens", CACHE / "bundles"
RULES = json.loads((HERE / "rules.json").read_text())
DISTINCT = 5000
ACCOUNT = "555566667777"
DAY = 86400


def number(value, length=None):
    length = length or (value.bit_length() + 7) // 8
    return base64.urlsafe_b64encode(value.to_bytes(length, "big")).rstrip(b"=").decode()


def key(name, make):
    path = KEYS / f"{name}.pem"
    if not path.exists():
        path.write_bytes(
            make().private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        os.chmod(path, 0o600)
    loaded = serialization.load_pem_private_key(path.read_bytes(), None)
    (KEYS / f"{name}.pub.pem").write_bytes(
        loaded.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return loaded


def keys_and_tokens():
    KEYS.mkdir(parents=True, exist_ok=True)
    TOKENS.mkdir(parents=True, exist_ok=True)
    rs = key("rs256", lambda: rsa.generate_private_key(65537, 2048))
    es = key("es256", lambda: ec.generate_private_key(ec.SECP256R1()))
    untrusted = key("untrusted", lambda: rsa.generate_private_key(65537, 2048))
    r, e = rs.public_key().public_numbers(), es.public_key().public_numbers()
    jwks = [
        {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "rs1", "n": number(r.n), "e": number(r.e)},
        {"kty": "EC", "use": "sig", "alg": "ES256", "kid": "es1", "crv": "P-256", "x": number(e.x, 32), "y": number(e.y, 32)},
    ]
    (KEYS / "jwks.json").write_text(json.dumps({"keys": jwks}))
    now = int(time.time())

    def mint(key, algorithm, kid, subject, role="reader", lifetime=30 * DAY):
        claims = {
            "iss": RULES["issuer"], "aud": RULES["audience"], "sub": subject, "role": role,
            "iat": now, "nbf": now - 60, "exp": now + lifetime, "jti": f"{subject}-{now}",
            "tenant": "t-" + subject[-1], "email": f"{subject}@example.test",
        }
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})

    def write(name, tokens):
        (TOKENS / name).write_text("".join(token + "\n" for token in tokens))

    subjects = [f"user{index:05d}" for index in range(DISTINCT)]
    write("rs256-many.txt", [mint(rs, "RS256", "rs1", subject) for subject in subjects])
    write("es256-many.txt", [mint(es, "ES256", "es1", subject) for subject in subjects])
    one = subjects[0]
    write("rs256-one.txt", [mint(rs, "RS256", "rs1", one)])
    write("rs256-guest.txt", [mint(rs, "RS256", "rs1", one, role="guest")])
    write("rs256-expired.txt", [mint(rs, "RS256", "rs1", one, lifetime=-3600)])
    write("rs256-badsig.txt", [mint(untrusted, "RS256", "rs1", one)])


def trust():
    host = RULES["issuer"].removeprefix("https://")
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{host}:aud": RULES["audience"]}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def action(method, prefix):
    """What a rule of the peers is in IAM's words."""
    parts = [part for part in prefix.split("/") if part]
    return f"app:{method.capitalize()}{parts[-1].capitalize()}"


def resource(prefix, rest="*"):
    return f"arn:aws:app::{ACCOUNT}:{prefix.strip('/')}/{rest}"


def inline(role):
    """The rules of one role: each allows a method on a prefix."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": action(method, prefix), "Resource": resource(prefix)}
            for owner, method, prefix in RULES["rules"]
            if owner == role
        ],
    }


def bundle(name, policies=0):
    """The ten rules as IAM roles; with `policies` more, each a managed policy of its own, ten of them on every role."""
    root = BUNDLES / name
    shutil.rmtree(root, ignore_errors=True)
    account = root / "accounts" / f"{ACCOUNT}-app"

    def write(path, value):
        path.parent.mkdir(parents=True, exist_ok=True)
        # JSON is YAML.
        path.write_text(json.dumps(value, indent=1))

    write(root / "organization.yaml", {
        "partition": "aws", "id": "o-peerspeers", "management_account": ACCOUNT, "root": {"accounts": [ACCOUNT]},
    })
    write(account / "account.yaml", {"id": ACCOUNT, "name": "app"})
    write(root / "identity-providers" / "issuer.yaml", {
        "type": "oidc", "account": ACCOUNT, "trusted_in": [ACCOUNT], "issuer": RULES["issuer"],
        "audiences": [RULES["audience"]], "keys": {"file": "jwks.json"}, "algorithms": ["RS256", "ES256"],
        "map": {"role": "{claim:role}", "session_name": "{claim:sub}"},
    })
    shutil.copy(KEYS / "jwks.json", root / "identity-providers" / "jwks.json")
    for index in range(policies):
        write(account / "policies" / f"p{index:05d}.json", {
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Action": ["app:GetThing", "app:ListThings"],
                "Resource": f"arn:aws:app::{ACCOUNT}:thing/{index}/*",
                "Condition": {"StringEquals": {"aws:PrincipalTag/team": f"t{index % 7}"}},
            }],
        })
    for position, role in enumerate(dict.fromkeys(owner for owner, _, _ in RULES["rules"])):
        more = range(position * 10, position * 10 + 10) if policies else []
        write(account / "roles" / f"{role}.yaml", {
            "trust_policy": trust(), "inline_policies": {"rules": inline(role)},
            "managed_policies": [f"p{index:05d}" for index in more],
        })
    # The others are somebody's, too.
    for index in range(100, policies, 10):
        write(account / "roles" / f"r{index:05d}.yaml", {
            "trust_policy": trust(), "managed_policies": [f"p{more:05d}" for more in range(index, min(index + 10, policies))],
        })
    methods = ["GET", "POST", "PUT", "DELETE"]
    routes = [
        {"match": f"{method} {prefix.rstrip('/')}/{{id}}", "action": action(method, prefix),
         "resource": resource(prefix, "{id}")}
        for prefix in dict.fromkeys(prefix for _, _, prefix in RULES["rules"])
        for method in methods
    ]
    write(root / "routes" / "app.yaml", {
        "service": "app", "account": ACCOUNT, "region": "us-east-1", "upstream": "app", "routes": routes,
    })


keys_and_tokens()
bundle("ten-rules")
bundle("ten-thousand", 10_000)
print(f"{DISTINCT} distinct tokens of each algorithm; bundles of 10 rules and of 10,000 policies")
