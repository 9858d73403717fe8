"""Requests through the proxy at an even pace, without and with a flood of AssumeRole calls.

The flood asks as fast as it is answered, over several connections, from processes of the lowest priority: what they take
of the machine is not the proxy's affair. Prints the latencies, and how many sessions were made a second. Fails where
the flood makes the 99th hundredth slower than BOUND times what it was, and slower than FLOOR.
"""

import http.client
import multiprocessing
import os
import socket
import sys
import time
import urllib.parse

import boto3
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop", "sts"))
from world import DEPLOY, EXTERNAL_ID, PIPELINE, World  # noqa: E402

SECONDS = 10
PACE = 300
FLOODERS = 4
BOUND = 2.0
FLOOR = 0.005


def assume_pipeline(world):
    web = boto3.client("sts", endpoint_url=world.sts, region_name="us-east-1", config=Config(signature_version=UNSIGNED))
    answer = web.assume_role_with_web_identity(RoleArn=PIPELINE, RoleSessionName="run", WebIdentityToken=world.token())
    return answer["Credentials"]


def call(world, keys):
    """One signed AssumeRole call, as bytes; good for five minutes."""
    form = {"Version": "2011-06-15", "Action": "AssumeRole", "RoleArn": DEPLOY, "RoleSessionName": "release", "ExternalId": EXTERNAL_ID}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    request = AWSRequest("POST", world.sts + "/", data=urllib.parse.urlencode(form), headers=kind)
    found = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    SigV4Auth(found, "sts", "us-east-1").add_auth(request)
    body = request.body.encode() if isinstance(request.body, str) else request.body
    lines = ["POST / HTTP/1.1", f"Host: {urllib.parse.urlsplit(world.sts).netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items() if name.lower() not in ("host", "content-length")]
    return "\r\n".join([*lines, "", ""]).encode() + body


def flood(address, message, end, made):
    os.nice(19)
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        count = 0
        while time.monotonic() < end:
            stream.sendall(message)
            answer = b""
            while not answer.endswith(b"Response>"):
                answer += stream.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200"), answer
            count += 1
        with made.get_lock():
            made.value += count


def probe(world, token):
    """Latencies of requests at an even pace, sorted, in seconds."""
    address = urllib.parse.urlsplit(world.proxy).netloc
    connection = http.client.HTTPConnection(address)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    headers = {"Host": "app", "Authorization": f"Bearer {token}"}
    times = []
    due = time.perf_counter()
    for _ in range(SECONDS * PACE):
        due += 1 / PACE
        time.sleep(max(0.0, due - time.perf_counter()))
        began = time.perf_counter()
        connection.request("GET", "/x", headers=headers)
        answer = connection.getresponse()
        answer.read()
        times.append(time.perf_counter() - began)
        assert answer.status == 403, answer.status
    return sorted(times)


def told(name, times):
    at = [times[min(len(times) - 1, int(len(times) * part))] * 1e6 for part in (0.5, 0.9, 0.99, 0.999)]
    print(f"{name:<24} p50 {at[0]:7.0f} us   p90 {at[1]:7.0f} us   p99 {at[2]:7.0f} us   p99.9 {at[3]:7.0f} us", flush=True)
    return at[2] / 1e6


def main():
    world = World(sys.argv[1])
    try:
        keys = assume_pipeline(world)
        message = call(world, keys)
        address = urllib.parse.urlsplit(world.sts).netloc
        probe(world, keys["SessionToken"])
        quiet = told("without a flood", probe(world, keys["SessionToken"]))
        made = multiprocessing.Value("Q", 0)
        began = time.monotonic()
        end = began + SECONDS + 1
        flooders = [multiprocessing.Process(target=flood, args=(address, message, end, made)) for _ in range(FLOODERS)]
        for one in flooders:
            one.start()
        time.sleep(0.5)
        flooded = told("with a flood", probe(world, keys["SessionToken"]))
        for one in flooders:
            one.join()
        rate = made.value / (time.monotonic() - began)
        print(f"the flood: {rate:.0f} AssumeRole calls a second over {FLOODERS} connections", flush=True)
        good = all(one.exitcode == 0 for one in flooders) and flooded <= max(quiet * BOUND, FLOOR)
        print("the proxy's own traffic is not slowed" if good else "WRONG: the flood slows the proxy's own traffic")
        sys.exit(0 if good else 1)
    finally:
        world.stop()


main()
