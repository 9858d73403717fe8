"""Signatures of real signers against the real binary; prints a line a group and a count, and ends with 1 on a failure."""

import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse
from datetime import timedelta
from unittest import mock

import boto3
import botocore.auth
import botocore.compat
import botocore.config
import botocore.exceptions
import botocore.httpchecksum
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import attacks
from world import ALICE, KEY, OTHER_KEY, REGION, SECRET, Upstream, World

GOOD = Credentials(KEY, SECRET)
passed = 0
failed = []


def check(name, good, told=""):
    global passed
    if good:
        passed += 1
    else:
        failed.append(name)
        print(f"FAILED: {name} {told}")


def send(world, method, target, headers, body=b""):
    """Sends exactly this."""
    connection = http.client.HTTPConnection(world.plain, timeout=60)
    connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    headers = list(headers)
    if body and not any(name.lower() == "content-length" for name, _ in headers):
        headers.append(("Content-Length", str(len(body))))
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders(body or None)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    try:
        told = json.loads(text)
    except ValueError:
        told = {}
    return answer.status, told


def botocore_signed(auth, credentials, method, url, headers, body, service="app", region=REGION, shift=0, **more):
    """The request as botocore signs it: target and headers."""
    request = AWSRequest(method=method, url=url, headers=dict(headers), data=body)
    real = botocore.auth.get_current_datetime
    with mock.patch.object(botocore.auth, "get_current_datetime", lambda *a, **k: real(*a, **k) + timedelta(seconds=shift)):
        auth(credentials, service, region, **more).add_auth(request)
    parts = urllib.parse.urlsplit(request.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    signed = [("Host", parts.netloc)] + [(k, v) for k, v in request.headers.items() if k.lower() != "host"]
    return target, signed


# Paths and queries as they are sent. Those that Sidegate refuses to read (`//`, `;`, `%2f`) are not here.
PATHS = ["/", "/a", "/a/", "/a/b.c~d_e-f", "/a%20b", "/%C3%BC/%E2%82%AC", "/a%2Bb", "/a+b", "/a:b@c", "/(x)!*'", "/a=b&c,d",
         "/%25", "/a%2520b", "/A/a", "/a/./b", "/a/../b", "/$"]
QUERIES = ["", "a=1", "b=2&a=1", "a=2&a=1", "a=&b", "a", "a=%20x", "a=%2B", "%C3%BC=%E2%82%AC", "a=b%3Dc", "A=1&a=1&aa=1",
           "a=-_.~", "a=%2F/", "a=b%26c", "Action=List&Version=2010-05-08"]
HEADERS = [{}, {"X-Amz-Meta-A": "  b   c  "}, {"X-Plain": "x"}, {"Content-Type": "text/plain; charset=utf-8"},
           {"X-Amz-Target": "A.b", "X-A": "1", "X-B": "2"}]


def accepted(world, name, target, headers, method="GET", body=b""):
    status, told = send(world, method, target, headers, body)
    good = status == 200 and told.get("headers", {}).get("x-sidegate-principal-arn") == ALICE
    good = good and told["body"].encode("latin-1") == body and "X-Amz-Signature" not in told["target"]
    good = good and not any(name.lower() == "authorization" for name in told["headers"])
    check(name, good, f"{status} {told}")


def refused(world, name, code, target, headers, method="GET", body=b"", status=401):
    before = len(Upstream.heard)
    found, told = send(world, method, target, headers, body)
    check(name, (found, told.get("code")) == (status, code) and len(Upstream.heard) == before, f"{found} {told}")


def botocore_requests(world):
    url = "http://app.test"
    for path in PATHS:
        for query in QUERIES:
            # botocore signs the URL's query as it stands, in the order in which it must be canonical; AWSRequest.params are
            # encoded by it. A URL with an unescaped value or another order would not be signed as AWS verifies it.
            pairs = sorted(pair if "=" in pair else f"{pair}=" for pair in query.split("&") if pair)
            if path in ("/a/./b", "/a/../b", "/a=b&c,d", "/(x)!*'", "/a:b@c", "/a+b", "/$") and query:
                continue
            if "/" in query:
                continue
            full = url + path + ("?" + "&".join(pairs) if pairs else "")
            target, headers = botocore_signed(SigV4Auth, GOOD, "GET", full, {}, b"")
            accepted(world, f"botocore {path}?{query}", target, headers)
    for headers in HEADERS:
        for body in (b"", b"hello", bytes(range(256)), b"x" * 100_000):
            target, signed = botocore_signed(SigV4Auth, GOOD, "POST", f"{url}/a", headers, body)
            accepted(world, f"botocore POST {headers} {len(body)}", target, signed, "POST", body)
            target, signed = botocore_signed(S3SigV4Auth, GOOD, "POST", f"{url}/a", headers, body)
            accepted(world, f"botocore declared {headers} {len(body)}", target, signed, "POST", body)
    for query in QUERIES:
        if "/" in query:
            continue
        full = f"{url}/a?{query}"
        target, signed = botocore_signed(SigV4QueryAuth, GOOD, "GET", full, {}, b"", expires=300)
        accepted(world, f"botocore presigned ?{query}", target, signed)


def refusals(world):
    url = "http://app.test/a?b=1"
    sign = lambda credentials=GOOD, body=b"hello", **more: botocore_signed(
        SigV4Auth, credentials, "POST", url, {"X-Amz-Meta-A": "b"}, body, **more
    )
    presign = lambda **more: botocore_signed(SigV4QueryAuth, GOOD, "GET", url, {}, b"", expires=30, **more)
    mismatch = "SignatureDoesNotMatch"
    target, headers = sign()
    accepted(world, "the one that is changed", target, headers, "POST", b"hello")
    refused(world, "another path", mismatch, "/b?b=1", headers, "POST", b"hello")
    refused(world, "another query", mismatch, "/a?b=2", headers, "POST", b"hello")
    refused(world, "a longer query", mismatch, "/a?b=1&c", headers, "POST", b"hello")
    refused(world, "another method", mismatch, target, headers, "PUT", b"hello")
    refused(world, "another body", mismatch, target, headers, "POST", b"hellp")
    refused(world, "no body", mismatch, target, headers, "POST")
    other = [(k, "c" if k == "X-Amz-Meta-A" else v) for k, v in headers]
    refused(world, "another header", mismatch, target, other, "POST", b"hello")
    less = [(k, v) for k, v in headers if k != "X-Amz-Meta-A"]
    refused(world, "a header less", mismatch, target, less, "POST", b"hello")
    more = headers + [("X-Amz-Meta-A", "b")]
    refused(world, "a header twice", mismatch, target, more, "POST", b"hello")
    for name in ("X-Amz-Extra", "x_amz_extra"):
        refused(world, f"an unsigned {name}", mismatch, target, headers + [(name, "x")], "POST", b"hello")
    both = headers + [("X-Api-Key", "sgk_a_b")]
    refused(world, "two credentials", "InvalidRequest", target, both, "POST", b"hello", 400)
    refused(world, "two signatures", "InvalidRequest", target + "&X-Amz-Signature=0", headers, "POST", b"hello", 400)
    for name, credentials, code in [
        ("another secret", Credentials(KEY, SECRET + "x"), mismatch),
        ("another's secret", Credentials(OTHER_KEY, SECRET), mismatch),
        ("an unknown key", Credentials("AKIAUNKNOWNUNKNOWN00", SECRET), "InvalidToken"),
        ("a key with a token", Credentials(KEY, SECRET, "token"), "InvalidToken"),
        ("a session key without its token", Credentials("ASIAIOSFODNN7EXAMPLE", SECRET), "InvalidToken"),
    ]:
        target, headers = sign(credentials)
        refused(world, name, code, target, headers, "POST", b"hello")
    target, headers = sign(Credentials(OTHER_KEY, SECRET + "x"))
    refused(world, "who may not", "AccessDenied", target, headers, "POST", b"hello", 403)
    for shift in (-310, 310):
        target, headers = sign(shift=shift)
        refused(world, f"a clock off by {shift}s", "ExpiredToken", target, headers, "POST", b"hello")
    target, headers = sign(region="eu-west-1")
    refused(world, "another region", "InvalidToken", target, headers, "POST", b"hello")
    target, headers = sign(service="s3")
    refused(world, "another service", "InvalidToken", target, headers, "POST", b"hello")
    target, headers = presign()
    accepted(world, "the presigned one", target, headers)
    accepted(world, "the presigned one again", target, headers)
    refused(world, "presigned, another path", mismatch, target.replace("/a?", "/b?"), headers)
    refused(world, "presigned, another life", mismatch, target.replace("Expires=30", "Expires=31"), headers)
    refused(world, "presigned, with a body", mismatch, target, headers, "GET", b"x")
    target, headers = presign(shift=-31)
    refused(world, "presigned and over", "ExpiredToken", target, headers)
    target, headers = presign(shift=310)
    refused(world, "presigned in the future", "ExpiredToken", target, headers)


def s3(world, secure):
    scheme, address = ("https", world.secure) if secure else ("http", world.plain)
    client = lambda **credentials: boto3.client(
        "s3",
        endpoint_url=f"{scheme}://{address}",
        region_name=REGION,
        aws_access_key_id=credentials.get("key", KEY),
        aws_secret_access_key=credentials.get("secret", SECRET),
        verify=world.ca if secure else None,
        config=botocore.config.Config(
            s3={"addressing_style": "path", **credentials.get("s3", {})}, retries={"max_attempts": 1}, signature_version="s3v4"
        ),
    )
    name = f"boto3 s3 {scheme}"
    one = client()
    large = os.urandom(3_000_000)
    for key, body in [
        ("plain.txt", b"hello"), ("empty", b""), ("a b/ü+%25&=@:,$!'()*~.txt", b"odd"), ("large", large), ("a/b/c", b"deep"),
    ]:
        try:
            one.put_object(Bucket="store", Key=key, Body=body, Metadata={"a": "b  c"})
            check(f"{name} put {key}", Upstream.objects.get(f"/store/{key}") == body)
            got = one.get_object(Bucket="store", Key=key)["Body"].read()
            check(f"{name} get {key}", got == body)
            one.head_object(Bucket="store", Key=key)
            check(f"{name} head {key}", True)
        except botocore.exceptions.ClientError as error:
            check(f"{name} {key}", False, error)
    with tempfile.TemporaryFile() as file:
        file.write(large)
        for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
            file.seek(0)
            one.put_object(Bucket="store", Key="streamed", Body=file, ChecksumAlgorithm=algorithm)
            check(f"{name} streamed {algorithm}", Upstream.objects.pop("/store/streamed", None) == large)
            head = str(Upstream.heard[-1]["headers"]).lower()
            check(f"{name} plain head {algorithm}", "aws-chunked" not in head and "x-amz-trailer" not in head, head)
            # Over TLS it comes behind the body, which is not signed; else it stands in the head, and stays there.
            stays = f"x-amz-checksum-{algorithm.lower()}" in head
            check(f"{name} checksum {algorithm}", stays != secure, head)
        file.seek(0)
        if secure:
            with mock.patch.object(botocore.httpchecksum.Sha256Checksum, "digest", lambda _: bytes(32)):
                try:
                    one.put_object(Bucket="store", Key="damaged", Body=file, ChecksumAlgorithm="SHA256")
                    check(f"{name} a wrong checksum", False)
                except botocore.exceptions.ClientError as error:
                    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                    check(f"{name} a wrong checksum", status == 400, error)
            check(f"{name} nothing damaged was stored", "/store/damaged" not in Upstream.objects)
    for signed in (True, False):
        payload = client(s3={"payload_signing_enabled": signed})
        try:
            payload.put_object(Bucket="store", Key="payload", Body=b"payload")
        except botocore.exceptions.ClientError:
            pass
        # Unsigned bodies are taken over TLS only.
        stored = Upstream.objects.pop("/store/payload", None) == b"payload"
        check(f"{name} payload_signing_enabled={signed}", stored == (signed or secure))
    url = one.generate_presigned_url("get_object", {"Bucket": "store", "Key": "plain.txt"}, 60)
    status, body = fetch(world, "GET", url)
    check(f"{name} presigned get", (status, body) == (200, b"hello"), status)
    check(f"{name} presigned query is gone", "X-Amz" not in Upstream.heard[-1]["target"])
    url = one.generate_presigned_url("put_object", {"Bucket": "store", "Key": "up"}, 60)
    status, body = fetch(world, "PUT", url, b"up")
    # Nothing of the body is signed: S3 takes that over TLS, and so does a service with `signing_name: s3`.
    check(f"{name} presigned put", (status == 200) == secure, (status, body))
    for what, other in [("secret", client(secret="x" * 40)), ("key", client(key="AKIAUNKNOWNUNKNOWN00"))]:
        try:
            other.put_object(Bucket="store", Key="never", Body=b"x")
            check(f"{name} wrong {what}", False)
        except botocore.exceptions.ClientError as error:
            check(f"{name} wrong {what}", error.response["ResponseMetadata"]["HTTPStatusCode"] == 401, error)
    check(f"{name} nothing was stored", "/store/never" not in Upstream.objects)
    one.delete_object(Bucket="store", Key="large")
    check(f"{name} delete", "/store/large" not in Upstream.objects)


def fetch(world, method, url, body=None):
    import ssl

    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=world.ca)
        connection = http.client.HTTPSConnection(parts.netloc, context=context, timeout=60)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.request(method, f"{parts.path}?{parts.query}", body=body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def cli(world):
    aws = str(pathlib.Path(sys.executable).parent / "aws")
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "file"
        file.write_bytes(b"by the command line" * 1000)
        environment = dict(
            os.environ, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_DEFAULT_REGION=REGION, HOME=folder,
            AWS_MAX_ATTEMPTS="1", AWS_EC2_METADATA_DISABLED="true",
        )
        for scheme, address in (("http", world.plain), ("https", world.secure)):
            base = [aws, "--endpoint-url", f"{scheme}://{address}", "--ca-bundle", world.ca]
            back = pathlib.Path(folder) / "back"
            for command in (
                ["s3", "cp", str(file), "s3://store/cli"],
                ["s3", "cp", "s3://store/cli", str(back)],
                ["s3api", "head-object", "--bucket", "store", "--key", "cli"],
            ):
                done = subprocess.run(base + command, env=environment, capture_output=True, text=True, timeout=300)
                check(f"aws {scheme} {' '.join(command[:2])}", done.returncode == 0, done.stderr)
            check(f"aws {scheme} brings it back", back.exists() and back.read_bytes() == file.read_bytes())
            wrong = dict(environment, AWS_SECRET_ACCESS_KEY=SECRET + "x")
            done = subprocess.run(
                base + ["s3api", "head-object", "--bucket", "store", "--key", "cli"],
                env=wrong, capture_output=True, text=True, timeout=300,
            )
            check(f"aws {scheme} with another secret", done.returncode != 0 and "401" in done.stderr, done.stderr)


def crate(world, signer):
    process = subprocess.Popen([signer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def sign(method, path, query, headers=(), body="", presigned=False, declared=False, secret=SECRET):
        url = f"http://app.test{path}" + (f"?{query}" if query else "")
        asked = {
            "method": method, "url": url, "headers": [["host", "app.test"], *headers], "body": body, "key": KEY,
            "secret": secret, "service": "app", "presigned": presigned, "declared": declared,
        }
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        signed = json.loads(process.stdout.readline())
        added = "&".join(
            f"{urllib.parse.quote(name, safe='~')}={urllib.parse.quote(value, safe='~')}" for name, value in signed["query"]
        )
        query = "&".join(part for part in (query, added) if part)
        return path + (f"?{query}" if query else ""), [("host", "app.test"), *headers, *signed["headers"]]

    for presigned in (False, True):
        for path in PATHS:
            for query in ("", "b=2&a=1&a=0", "a=%20x%2B&%C3%BC=%E2%82%AC"):
                target, headers = sign("GET", path, query, presigned=presigned)
                accepted(world, f"aws-sigv4 {presigned} {path}?{query}", target, headers)
        target, headers = sign("GET", "/a", "b=1", presigned=presigned)
        refused(world, f"aws-sigv4 {presigned} changed", "SignatureDoesNotMatch", target.replace("b=1", "b=2"), headers)
        target, headers = sign("GET", "/a", "b=1", presigned=presigned, secret="x")
        refused(world, f"aws-sigv4 {presigned} secret", "SignatureDoesNotMatch", target, headers)
    for declared in (False, True):
        more = [("x-amz-meta-a", " b   c "), ("content-type", "text/plain")]
        target, headers = sign("POST", "/a", "", more, "hello", declared=declared)
        accepted(world, f"aws-sigv4 body {declared}", target, headers, "POST", b"hello")
        refused(world, f"aws-sigv4 body {declared} changed", "SignatureDoesNotMatch", target, headers, "POST", b"hellp")
    process.stdin.close()
    process.wait(timeout=60)


def javascript(world):
    here = pathlib.Path(__file__).parent
    environment = dict(os.environ, NODE_EXTRA_CA_CERTS=world.ca)
    done = subprocess.run(
        ["node", str(here / "sdk.mjs"), world.plain, world.secure, KEY, SECRET, ALICE],
        env=environment, capture_output=True, text=True, timeout=300,
    )
    check("javascript ran to its end", done.returncode == 0, done.stderr)
    for line in done.stdout.splitlines():
        if line.startswith("["):
            check(*json.loads(line))


def main():
    binary, signer = sys.argv[1:]
    world = World(binary)
    try:
        for name, group in [
            ("botocore", lambda: botocore_requests(world)),
            ("refusals", lambda: refusals(world)),
            ("attacks", lambda: attacks.run(world, check)),
            ("boto3 s3 over http", lambda: s3(world, False)),
            ("boto3 s3 over https", lambda: s3(world, True)),
            ("aws", lambda: cli(world)),
            ("aws-sigv4", lambda: crate(world, signer)),
            ("javascript", lambda: javascript(world)),
        ]:
            before = passed
            group()
            print(f"{name}: {passed - before} as they should be")
        log = "".join(world.log)
        check("no secret in the log", SECRET not in log)
    finally:
        world.stop()
    print(f"sigv4 interop: {passed} passed, {len(failed)} failed")
    if failed:
        print("".join(world.log)[-4000:])
    sys.exit(1 if failed else 0)


main()
