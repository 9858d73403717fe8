"""boto3, the AWS CLI and the AWS SDK for JavaScript against the STS of the real binary."""

import base64
import hmac
import json
import os
import shutil
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

import container
import readme
from world import ADMIN, ALICE, DEPLOY, DEVICE, EXTERNAL_ID, NEXT, PIPELINE, ROOT, SEED, World

HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS = []


def check(name, good, detail=""):
    RESULTS.append(good)
    print(("ok    " if good else "WRONG ") + name + ("" if good else f": {detail}"), flush=True)


def refused(name, status, code, call):
    try:
        answer = call()
    except ClientError as error:
        seen = (error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"])
        identified = bool(error.response["ResponseMetadata"].get("RequestId"))
        check(f"{name}: {status} {code}", seen == (status, code) and identified, error)
    else:
        check(f"{name}: {status} {code}", False, f"allowed: {answer}")


def get(world, path, token):
    request = urllib.request.Request(f"{world.proxy}/{path}", headers={"Host": "app", "Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, None


def encoded_message(world, token):
    """What a refusal keeps from its client."""
    request = urllib.request.Request(f"{world.proxy}/x", headers={"Host": "app", "Authorization": f"Bearer {token}"})
    try:
        urllib.request.urlopen(request, timeout=30).close()
    except urllib.error.HTTPError as error:
        return json.loads(error.read())["encodedAuthorizationMessage"]
    return ""


def client(world, credentials=None, **config):
    config = Config(retries={"max_attempts": 1}, **({} if credentials else {"signature_version": UNSIGNED}), **config)
    keys = {}
    if credentials:
        keys = {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials.get("SessionToken"),
        }
    return boto3.client("sts", endpoint_url=world.sts, region_name="us-east-1", config=config, **keys)


def with_boto3(world):
    web = client(world)

    def assume_pipeline(**more):
        usual = {"RoleArn": PIPELINE, "RoleSessionName": "run-1", "WebIdentityToken": world.token(who="dana")}
        return web.assume_role_with_web_identity(**{**usual, **more})

    answer = assume_pipeline()
    check("boto3 AssumeRoleWithWebIdentity", answer["SubjectFromWebIdentityToken"] == "main" and answer["Audience"] == "app", answer)
    check("  the session's ARN", answer["AssumedRoleUser"]["Arn"].endswith(":assumed-role/pipeline/run-1"), answer)
    check("  the source identity of the token", answer.get("SourceIdentity") == "dana", answer)
    lasts = answer["Credentials"]["Expiration"].timestamp() - time.time()
    check("  an hour", 3500 < lasts <= 3600, lasts)
    check("  a token under 1 KiB", len(answer["Credentials"]["SessionToken"]) < 1024)
    refused("  another subject", 403, "AccessDenied", lambda: assume_pipeline(WebIdentityToken=world.token(sub="branch")))
    refused("  no token", 400, "InvalidIdentityToken", lambda: assume_pipeline(WebIdentityToken="nonsense"))
    past = int(time.time()) - 1000
    refused("  an expired token", 400, "ExpiredTokenException", lambda: assume_pipeline(WebIdentityToken=world.token(iat=past, exp=past + 60)))
    refused("  another audience", 400, "InvalidIdentityToken", lambda: assume_pipeline(WebIdentityToken=world.token(aud="other")))
    refused("  too long", 400, "ValidationError", lambda: assume_pipeline(DurationSeconds=43200))

    answer_of_web = answer["Credentials"]
    pipeline = client(world, answer_of_web)
    who = pipeline.get_caller_identity()
    check("boto3 GetCallerIdentity", who["Arn"].endswith("/run-1") and who["Account"] == "111111111111", who)

    def assume(sts=pipeline, **more):
        usual = {"RoleArn": DEPLOY, "RoleSessionName": "release", "ExternalId": EXTERNAL_ID}
        return sts.assume_role(**{key: value for key, value in {**usual, **more}.items() if value is not None})

    answer = assume()
    deploy = answer["Credentials"]
    check("boto3 AssumeRole", answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::555566667777:assumed-role/deploy/release", answer)
    check("  an id with the session's name", answer["AssumedRoleUser"]["AssumedRoleId"].endswith(":release"), answer)
    check("  the source identity stays", answer["SourceIdentity"] == "dana", answer)
    refused("  another external id", 403, "AccessDenied", lambda: assume(ExternalId="other"))
    refused("  no external id", 403, "AccessDenied", lambda: assume(ExternalId=None))
    refused("  a role that does not exist", 403, "AccessDenied", lambda: assume(RoleArn=DEPLOY + "x"))
    refused("  another source identity", 403, "AccessDenied", lambda: assume(SourceIdentity="mallory"))
    refused("  chained, over an hour", 400, "ValidationError", lambda: assume(DurationSeconds=3601))
    refused("  a bad session name", 400, "ValidationError", lambda: assume(RoleSessionName="a b"))
    refused("  a malformed policy", 400, "MalformedPolicyDocument", lambda: assume(Policy='{"Version": "2012-10-17"}'))
    refused("  a wrong second factor", 403, "AccessDenied", lambda: assume(SerialNumber="arn:aws:iam::111111111111:mfa/x", TokenCode="123456"))
    noise = [{"Key": f"k{number}", "Value": os.urandom(100).hex()} for number in range(50)]
    refused("  too much to pack", 400, "PackedPolicyTooLarge", lambda: assume(Tags=noise))
    refused("  51 tags", 400, "ValidationError", lambda: assume(Tags=noise + [{"Key": "x", "Value": "y"}]))

    status, heard = get(world, "a", deploy["SessionToken"])
    heard = {name.lower(): value for name, value in (heard or {}).items()}
    check("the session token as a bearer", status == 200 and heard.get("x-sidegate-principal-arn", "").endswith("deploy/release"), (status, heard))
    check("  and the upstream does not get it", "authorization" not in heard, heard)
    check("  what the role may not", get(world, "x", deploy["SessionToken"])[0] == 403)
    check("  a changed token", get(world, "a", deploy["SessionToken"][:-1])[0] == 401)

    only_a = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "app:*", "Resource": "arn:aws:app::555566667777:a"}]})
    answer = assume(Policy=only_a)
    narrowed = answer["Credentials"]["SessionToken"]
    check("a session policy", (get(world, "a", narrowed)[0], get(world, "b", narrowed)[0]) == (200, 403))
    check("  its packed size", 0 < answer["PackedPolicySize"] < 100, answer)
    if "MinimumSessionTokenSize" in pipeline.meta.service_model.operation_model("AssumeRole").input_shape.members:
        answer = assume(MinimumSessionTokenSize=3000)
        token = answer["Credentials"]["SessionToken"]
        check("a token as long as it is asked to be", 3000 <= len(token) == answer["SessionTokenSize"] <= 3002, answer)
        check("  is as good as a short one", get(world, "a", token)[0] == 200)
    arns = [{"arn": "arn:aws:iam::555566667777:policy/only-b"}]
    narrowed = assume(PolicyArns=arns)["Credentials"]["SessionToken"]
    check("a managed session policy", (get(world, "a", narrowed)[0], get(world, "b", narrowed)[0]) == (403, 200))

    tagged = assume(Tags=[{"Key": "Stage", "Value": "blue"}], TransitiveTagKeys=["Stage"])["Credentials"]
    token = tagged["SessionToken"]
    check("session tags", (get(world, "c-blue", token)[0], get(world, "c-red", token)[0]) == (200, 403))
    chained = client(world, tagged)
    token = assume(chained, RoleArn=NEXT, ExternalId=None)["Credentials"]["SessionToken"]
    check("  transitive ones go down the chain", (get(world, "c-blue", token)[0], get(world, "c-red", token)[0]) == (200, 403))
    refused("  and are not overridden", 400, "ValidationError", lambda: assume(chained, RoleArn=NEXT, ExternalId=None, Tags=[{"Key": "stage", "Value": "red"}]))

    info = pipeline.get_access_key_info(AccessKeyId=deploy["AccessKeyId"])
    check("boto3 GetAccessKeyInfo", info["Account"] == "555566667777", info)
    refused("  of nobody's key", 400, "ValidationError", lambda: pipeline.get_access_key_info(AccessKeyId="AKIAIOSFODNN7EXAMPLE"))
    refused("  without permission", 403, "AccessDenied", lambda: client(world, deploy).get_access_key_info(AccessKeyId=deploy["AccessKeyId"]))
    refused("boto3 GetSessionToken with a session", 403, "AccessDenied", pipeline.get_session_token)
    refused("boto3 GetFederationToken with a session", 403, "AccessDenied", lambda: pipeline.get_federation_token(Name="alice"))
    refused("boto3 DecodeAuthorizationMessage of none", 400, "InvalidAuthorizationMessageException", lambda: pipeline.decode_authorization_message(EncodedMessage="nonsense"))
    message = encoded_message(world, answer_of_web["SessionToken"])
    decoded = json.loads(pipeline.decode_authorization_message(EncodedMessage=message)["DecodedMessage"])
    check("boto3 DecodeAuthorizationMessage", decoded["allowed"] is False and decoded["context"]["action"] == "app:Use", decoded)
    refused("  without permission", 403, "AccessDenied", lambda: client(world, deploy).decode_authorization_message(EncodedMessage=message))
    refused("boto3 AssumeRoleWithSAML of a provider that is none", 400, "InvalidIdentityToken", lambda: web.assume_role_with_saml(RoleArn=DEPLOY, PrincipalArn="arn:aws:iam::111111111111:saml-provider/x", SAMLAssertion="abcd"))

    refused("a wrong secret", 403, "SignatureDoesNotMatch", client(world, {**deploy, "SecretAccessKey": "x" * 40}).get_caller_identity)
    refused("a wrong token", 403, "InvalidClientTokenId", client(world, {**deploy, "SessionToken": deploy["SessionToken"][:-2]}).get_caller_identity)
    refused("another session's token", 403, "InvalidClientTokenId", client(world, {**deploy, "SessionToken": tagged["SessionToken"]}).get_caller_identity)
    refused("no signature", 403, "MissingAuthenticationToken", web.get_caller_identity)
    return answer["Credentials"], deploy


def code(seconds=0):
    """The second factor's code now (RFC 6238)."""
    step = struct.pack(">q", int(time.time() + seconds) // 30)
    tag = hmac.new(base64.b32decode(SEED), step, "sha1").digest()
    at = tag[-1] & 15
    return f"{(struct.unpack('>I', tag[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def signed(world, path, credentials, **changed):
    """A request to the proxy, signed as botocore signs."""
    keys = {**credentials, **changed}
    request = AWSRequest("GET", f"{world.proxy}/{path}", headers={"Host": "app"})
    found = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"))
    SigV4Auth(found, "app", "us-east-1").add_auth(request)
    request = urllib.request.Request(request.url, headers=dict(request.headers))
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def presigned(world, credentials, method):
    """A call whose signature and parameters stand in its URL."""
    url = client(world, credentials).generate_presigned_url("get_caller_identity", HttpMethod=method)
    request = urllib.request.Request(url, method=method, data=b"" if method == "POST" else None)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def with_own_keys(world, deploy):
    """Users and root users, second factors, and signatures against the proxy."""
    alice, root = client(world, ALICE), client(world, ROOT)
    check("a user's own key", alice.get_caller_identity()["Arn"].endswith(":user/alice"))
    for method in ("GET", "POST"):
        status, said = presigned(world, ALICE, method)
        check(f"a presigned {method}", status == 200 and ":user/alice" in said, said)
    status, said = presigned(world, deploy, "GET")
    check("  never of a session whose token is a bearer", status == 403 and "InvalidClientTokenId" in said, said)
    check("a root user's own key", root.get_caller_identity()["Arn"].endswith(":root"))
    answer = alice.get_session_token()["Credentials"]
    lasts = answer["Expiration"].timestamp() - time.time()
    check("boto3 GetSessionToken", 43_100 < lasts <= 43_200, lasts)
    bare = client(world, answer)
    check("  is the user", bare.get_caller_identity()["Arn"].endswith(":user/alice"))
    refused("  makes no other", 403, "AccessDenied", bare.get_session_token)
    refused("  without a second factor", 403, "AccessDenied", lambda: bare.assume_role(RoleArn=ADMIN, RoleSessionName="xy"))
    lasts = root.get_session_token(DurationSeconds=129_600)["Credentials"]["Expiration"].timestamp() - time.time()
    check("  of root an hour", 3500 < lasts <= 3600, lasts)
    refused("  too long", 400, "ValidationError", lambda: alice.get_session_token(DurationSeconds=129_601))
    refused("root assumes no role", 403, "AccessDenied", lambda: root.assume_role(RoleArn=ADMIN, RoleSessionName="xy"))
    now = code()
    shown = alice.get_session_token(SerialNumber=DEVICE, TokenCode=now)["Credentials"]
    refused("a code is good once", 403, "AccessDenied", lambda: alice.get_session_token(SerialNumber=DEVICE, TokenCode=now))
    refused("a wrong code", 403, "AccessDenied", lambda: alice.get_session_token(SerialNumber=DEVICE, TokenCode="000000"))
    admin = client(world, shown).assume_role(RoleArn=ADMIN, RoleSessionName="xy")["Credentials"]
    check("with a second factor", client(world, admin).get_caller_identity()["Arn"].endswith("/admin/xy"))
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "app:*", "Resource": "arn:aws:app::555566667777:a"}]})
    answer = alice.get_federation_token(Name="guest", Policy=policy)
    guest = answer["Credentials"]
    check("boto3 GetFederationToken", answer["FederatedUser"]["Arn"].endswith(":federated-user/guest"), answer)
    check("  may what both say", (get(world, "a", guest["SessionToken"])[0], get(world, "b", guest["SessionToken"])[0]) == (200, 403))
    refused("  assumes no role", 403, "AccessDenied", lambda: client(world, guest).assume_role(RoleArn=ADMIN, RoleSessionName="xy"))
    nothing = alice.get_federation_token(Name="nobody")["Credentials"]["SessionToken"]
    check("  without a policy nothing", get(world, "a", nothing)[0] == 403)
    answer = root.get_federation_token(Name="guest", Policy=policy, DurationSeconds=129_600)
    lasts = answer["Credentials"]["Expiration"].timestamp() - time.time()
    check("boto3 GetFederationToken of root: an hour", 3500 < lasts <= 3600, lasts)
    narrowed = answer["Credentials"]
    check("  may what the session policy says", (signed(world, "a", narrowed), signed(world, "b", narrowed)) == (200, 403))
    nothing = root.get_federation_token(Name="nobody")["Credentials"]
    check("  without a policy nothing", signed(world, "a", nothing) == 403)
    check("a session's signature against the proxy", (signed(world, "a", deploy), signed(world, "x", deploy)) == (200, 403))
    check("  with another secret", signed(world, "a", deploy, SecretAccessKey="x" * 40) == 401)
    check("  with another token", signed(world, "a", deploy, SessionToken=guest["SessionToken"]) == 401)
    check("  of a role with `bearer: false`", (signed(world, "a", admin), get(world, "a", admin["SessionToken"])[0]) == (200, 401))
    check("  of a user's own key", signed(world, "a", ALICE) == 200)
    check("  never of a root user's", signed(world, "a", ROOT) == 401)


def with_cli(world, deploy):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": world.folder,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def aws(*arguments, credentials=None):
        variables = dict(environment)
        if credentials:
            variables["AWS_ACCESS_KEY_ID"] = credentials["AccessKeyId"]
            variables["AWS_SECRET_ACCESS_KEY"] = credentials["SecretAccessKey"]
            if "SessionToken" in credentials:
                variables["AWS_SESSION_TOKEN"] = credentials["SessionToken"]
        program = os.path.join(HERE, ".venv", "bin", "aws")
        command = [program, "sts", *arguments, "--endpoint-url", world.sts, "--output", "json"]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr

    code, out, err = aws("assume-role-with-web-identity", "--role-arn", PIPELINE, "--role-session-name", "cli", "--web-identity-token", world.token(who="dana"))
    check("aws sts assume-role-with-web-identity", code == 0, err)
    pipeline = json.loads(out)["Credentials"]
    code, out, err = aws("get-caller-identity", credentials=pipeline)
    check("aws sts get-caller-identity", code == 0 and json.loads(out)["Arn"].endswith("/pipeline/cli"), err)
    arguments = ["assume-role", "--role-arn", DEPLOY, "--role-session-name", "cli", "--tags", "Key=Stage,Value=blue", "--duration-seconds", "900"]
    code, out, err = aws(*arguments, "--external-id", EXTERNAL_ID, credentials=pipeline)
    check("aws sts assume-role", code == 0, err)
    token = json.loads(out)["Credentials"]["SessionToken"]
    check("  and its token against the proxy", (get(world, "c-blue", token)[0], get(world, "c-red", token)[0]) == (200, 403))
    code, _, err = aws(*arguments, credentials=pipeline)
    check("  without the external id", code != 0 and "(AccessDenied)" in err and "is not authorized to perform: sts:AssumeRole" in err, err)
    code, out, err = aws("get-access-key-info", "--access-key-id", deploy["AccessKeyId"], credentials=pipeline)
    check("aws sts get-access-key-info", code == 0 and json.loads(out)["Account"] == "555566667777", err)
    code, out, err = aws("get-session-token", "--duration-seconds", "900", credentials=ALICE)
    check("aws sts get-session-token", code == 0 and json.loads(out)["Credentials"]["AccessKeyId"].startswith("ASIA"), err)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "app:*", "Resource": "arn:aws:app::555566667777:a"}]})
    code, out, err = aws("get-federation-token", "--name", "guest", "--policy", policy, "--tags", "Key=Stage,Value=blue", credentials=ALICE)
    check("aws sts get-federation-token", code == 0 and json.loads(out)["FederatedUser"]["Arn"].endswith("/guest"), err)
    token = json.loads(out)["Credentials"]["SessionToken"]
    check("  and its token against the proxy", (get(world, "a", token)[0], get(world, "b", token)[0]) == (200, 403))
    code, out, err = aws("decode-authorization-message", "--encoded-message", encoded_message(world, pipeline["SessionToken"]), credentials=pipeline)
    check("aws sts decode-authorization-message", code == 0 and json.loads(json.loads(out)["DecodedMessage"])["allowed"] is False, err)
    code, _, err = aws("assume-role-with-saml", "--role-arn", DEPLOY, "--principal-arn", "arn:aws:iam::111111111111:saml-provider/x", "--saml-assertion", "abcd")
    check("aws sts assume-role-with-saml: InvalidIdentityToken", code != 0 and "InvalidIdentityToken" in err, err)
    for name, arguments, error in [
        ("get-session-token", [], "AccessDenied"),
        ("get-federation-token", ["--name", "alice"], "AccessDenied"),
        ("decode-authorization-message", ["--encoded-message", "nonsense"], "InvalidAuthorizationMessage"),
    ]:
        code, _, err = aws(name, *arguments, credentials=pipeline)
        check(f"aws sts {name}: {error}", code != 0 and error in err, err)


def with_javascript(world):
    if not shutil.which("node"):
        print("skipped: node is not installed", flush=True)
        return
    run = client(world).assume_role_with_web_identity(RoleArn=PIPELINE, RoleSessionName="refused", WebIdentityToken=world.token())
    given = json.dumps(
        {
            "endpoint": world.sts,
            "token": world.token(who="dana"),
            "pipeline": PIPELINE,
            "deploy": DEPLOY,
            "external": EXTERNAL_ID,
            "message": encoded_message(world, run["Credentials"]["SessionToken"]),
            "alice": ALICE,
        }
    )
    done = subprocess.run(["node", os.path.join(HERE, "client.mjs"), given], capture_output=True, text=True, timeout=180, cwd=HERE)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    check("node ends well", done.returncode == 0 and len(lines) > 5, done.stderr)
    for line in lines:
        check(f"JavaScript {line['name']}", line["good"], line.get("detail"))
    for token in [line["token"] for line in lines if "token" in line]:
        check("  and its token against the proxy", get(world, "a", token)[0] == 200)


def rotation(world, deploy):
    """Old tokens stay good until their key is retired; new ones are sealed with the new key."""
    web = client(world)
    old = deploy["SessionToken"].split("_")[1]
    world.keyring("rotate")
    end = time.monotonic() + 60
    new = old
    while new == old and time.monotonic() < end:
        time.sleep(0.2)
        answer = web.assume_role_with_web_identity(RoleArn=PIPELINE, RoleSessionName="run-2", WebIdentityToken=world.token())
        new = answer["Credentials"]["SessionToken"].split("_")[1]
    check("rotation: new tokens have the new key", new != old)
    check("  and old ones stay good", get(world, "a", deploy["SessionToken"])[0] == 200)
    world.keyring("retire", old)
    while get(world, "a", deploy["SessionToken"])[0] == 200 and time.monotonic() < end:
        time.sleep(0.2)
    check("  until their key is retired", get(world, "a", deploy["SessionToken"])[0] == 401)
    refused("  for signatures too", 403, "InvalidClientTokenId", client(world, deploy).get_caller_identity)


def main():
    world = World(sys.argv[1])
    try:
        _, deploy = with_boto3(world)
        with_own_keys(world, deploy)
        with_cli(world, deploy)
        with_javascript(world)
        sidecar = World(sys.argv[1], world)
        try:
            container.run(check, world, sidecar)
        finally:
            sidecar.stop()
        rotation(world, deploy)
        readme.run(check, sys.argv[1], os.path.join(HERE, ".venv", "bin"))
        written = "".join(world.read(f"audit/{name}") for name in os.listdir(os.path.join(world.folder, "audit")) if name.endswith(".jsonl"))
        secrets = [deploy["SecretAccessKey"], deploy["SessionToken"]]
        check("no secret is logged or recorded", not any(secret in written or secret in "".join(world.log) for secret in secrets))
        check("calls are on record", written.count('"eventName":"AssumeRole"') > 10, written[-500:])
    finally:
        world.stop()
    wrong = RESULTS.count(False)
    print(f"{len(RESULTS) - wrong} of {len(RESULTS)} checks hold")
    sys.exit(1 if wrong else 0)


main()
