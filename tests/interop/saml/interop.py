"""Assertions of signxml and xmlsec1, shown to the STS of the real binary by boto3."""

import datetime
import itertools
import json
import os
import sys
import time
import urllib.error
import urllib.request

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec

import idp

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sts"))
from world import PATIENCE, World, document, statement, uses  # noqa: E402

RESULTS = []
NUMBERS = itertools.count()


def check(name, good, detail=""):
    RESULTS.append(good)
    print(("ok    " if good else "WRONG ") + name + ("" if good else f": {detail}"), flush=True)


def sts(world):
    config = Config(retries={"max_attempts": 1}, signature_version=UNSIGNED)
    return boto3.client("sts", endpoint_url=world.sts, region_name="us-east-1", config=config)


def assume(world, text, **more):
    usual = {"RoleArn": idp.ROLE, "PrincipalArn": idp.PROVIDER, "SAMLAssertion": text}
    return sts(world).assume_role_with_saml(**{**usual, **more})


def answer_of(world, text, **more):
    try:
        return 200, assume(world, text, **more)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]


def refused(world, name, text, status=400, code="InvalidIdentityToken", **more):
    seen = answer_of(world, text, **more)
    check(f"{name}: {status} {code}", seen == (status, code), seen)


def get(world, path, token):
    request = urllib.request.Request(f"{world.proxy}/{path}", headers={"Host": "app", "Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, None


def bundle(world, login):
    trust = [
        statement(
            "sts:AssumeRoleWithSAML",
            Principal={"Federated": idp.PROVIDER},
            Condition={"StringEquals": {"saml:aud": idp.RECIPIENT, "saml:sub_type": "persistent"}},
        ),
        statement(["sts:TagSession", "sts:SetSourceIdentity"], Principal={"Federated": idp.PROVIDER}),
    ]
    allowed = [uses("a", "c-${aws:PrincipalTag/Stage}"), {**uses("u-${saml:sub}")}]
    role = {"trust_policy": document(*trust), "inline_policies": {"use": document(*allowed)}, "max_session_duration": 43200}
    provider = {
        "type": "saml",
        "account": "555566667777",
        "metadata": "login.xml",
        "audiences": [idp.AUDIENCE],
        "recipients": [idp.RECIPIENT],
    }
    world.write("policies/identity-providers/login.xml", login.metadata())
    world.write("policies/accounts/555566667777-app/roles/people.yaml", json.dumps(role))
    world.write("policies/accounts/555566667777-app/roles/admins.yaml", json.dumps(role))
    world.write("policies/identity-providers/login.yaml", json.dumps(provider))


def until(world, login, wanted):
    """Waits until an assertion is answered so: a reload takes a second."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        seen = answer_of(world, signed(login))
        if (seen[0] == 200) == wanted:
            return True
        time.sleep(0.1)
    return False


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def signed(login, **more):
    return idp.encoded(idp.response(login.sign(idp.assertion(now(), id=f"_one-{next(NUMBERS)}", **more)), now=now()))


def main(binary):
    world = World(binary)
    login, stranger = idp.Provider(), idp.Provider()
    elliptic = idp.Provider(ec.generate_private_key(ec.SECP384R1()))
    try:
        bundle(world, login)
        check("the provider is taken over", until(world, login, True), world.log[-3:])
        run(world, login, stranger)
        world.write("policies/identity-providers/login.xml", elliptic.metadata())
        check("new metadata is taken over", until(world, elliptic, True))
        refused(world, "  and the old keys are gone", signed(login))
        world.write("policies/identity-providers/login.xml", elliptic.metadata(login))
        check("metadata with two keys", until(world, login, True) and until(world, elliptic, True))
        world.write("policies/identity-providers/login.xml", "<x/>")
        time.sleep(2)
        check("broken metadata changes nothing", until(world, login, True))
        world.write("policies/identity-providers/login.xml", login.metadata())
        check("mended metadata is taken over", until(world, elliptic, False))
        restarted(world, login)
    finally:
        world.stop()
    good = sum(RESULTS)
    print(f"{good} of {len(RESULTS)} cases as they should be")
    sys.exit(0 if good == len(RESULTS) else 1)


def restarted(world, login):
    """What was used stays used."""

    def restart():
        world.process.kill()
        world.process.wait()
        world.start()

    unused = signed(login)
    restart()
    refused(world, "without state: issued before the start", unused)
    config = json.loads(world.read("sidegate.yaml"))
    world.write("sidegate.yaml", json.dumps({**config, "state": {"path": "./state/"}}))
    restart()
    used, unused = signed(login), signed(login)
    check("with state: an assertion", answer_of(world, used)[0] == 200)
    restart()
    refused(world, "  is used up after kill -9 too", used)
    check("  and one that was not used is good", answer_of(world, unused)[0] == 200)


def run(world, login, stranger):
    for name, root in idp.good(login, now()):
        seen = answer_of(world, idp.encoded(root))
        check(name, seen[0] == 200 and seen[1]["Subject"] == "dana@login.example", seen)
    for name, root in itertools.chain(idp.bad_trees(login, stranger, now()), idp.wrappings(login, now())):
        refused(world, name, idp.encoded(root))
    for name, text in idp.bad_texts(login, now()):
        if text:
            refused(world, name, idp.base64.b64encode(text.encode()).decode())
    for name, root in idp.expired(login, now()):
        refused(world, name, idp.encoded(root), 400, "ExpiredTokenException")
    failed = idp.response(login.sign(idp.assertion(now())), now=now(), status="Responder")
    refused(world, "the provider reports a failure", idp.encoded(failed), 403, "IDPRejectedClaim")

    text = signed(login)
    answer = assume(world, text)
    check("the session's ARN", answer["AssumedRoleUser"]["Arn"].endswith(":assumed-role/people/dana"), answer)
    check("  what AWS tells of the assertion", (answer["SubjectType"], answer["Issuer"], answer["Audience"]) == ("persistent", idp.ENTITY, idp.RECIPIENT), answer)
    refused(world, "  the same again", text)
    token = answer["Credentials"]["SessionToken"]
    status, heard = get(world, "a", token)
    heard = {name.lower(): value for name, value in (heard or {}).items()}
    check("the session token as a bearer", status == 200 and heard.get("x-sidegate-principal-arn", "").endswith("people/dana"), (status, heard))
    check("  what the role may not", get(world, "x", token)[0] == 403)
    check("  a policy on saml:sub", (get(world, "u-dana@login.example", token)[0], get(world, "u-eve@login.example", token)[0]) == (200, 403))

    refused(world, "another role", signed(login), 403, "AccessDenied", RoleArn="arn:aws:iam::555566667777:role/admins")
    refused(world, "another provider", signed(login), PrincipalArn=idp.PROVIDER + "x")
    refused(world, "too long", signed(login), 400, "ValidationError", DurationSeconds=43201)
    refused(world, "a recipient that the role does not trust", signed(login, recipient="https://other.example"))
    lasts = assume(world, signed(login), DurationSeconds=43200)["Credentials"]["Expiration"].timestamp() - time.time()
    check("no longer than the provider's own session", 7100 < lasts <= 7201, lasts)
    more = idp.attribute(idp.ATTRIBUTES + "SessionDuration", "1800")
    lasts = assume(world, signed(login, more=more))["Credentials"]["Expiration"].timestamp() - time.time()
    check("the attribute SessionDuration", 1700 < lasts <= 1801, lasts)
    more = (
        idp.attribute(idp.ATTRIBUTES + "PrincipalTag:Stage", "blue")
        + idp.attribute(idp.ATTRIBUTES + "TransitiveTagKeys", "Stage")
        + idp.attribute(idp.ATTRIBUTES + "SourceIdentity", "dana")
    )
    answer = assume(world, signed(login, more=more))
    token = answer["Credentials"]["SessionToken"]
    check("session tags", (get(world, "c-blue", token)[0], get(world, "c-red", token)[0]) == (200, 403))
    check("source identity", answer.get("SourceIdentity") == "dana", answer)
    twice = idp.attribute(idp.ATTRIBUTES + "PrincipalTag:Stage", "blue", "red")
    refused(world, "a tag with two values", signed(login, more=twice))
    refused(world, "a session name that is none", signed(login, session="da na"))
    policy = json.dumps(document(uses("a")))
    token = assume(world, signed(login, more=more), Policy=policy)["Credentials"]["SessionToken"]
    check("a session policy", (get(world, "a", token)[0], get(world, "c-blue", token)[0]) == (200, 403))


if __name__ == "__main__":
    main(sys.argv[1])
