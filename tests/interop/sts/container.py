"""What an application in the pod does: boto3 with nothing but the two variables of the container credential provider."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest


def main(region, sts, proxy):
    """Prints who it is, and what the service behind its sidecar answers."""
    session = boto3.Session(region_name=region)
    credentials = session.get_credentials()
    who = session.client("sts", endpoint_url=sts).get_caller_identity()["Arn"]
    statuses = []
    for path in ["a", "b"]:
        request = AWSRequest("GET", f"{proxy}/{path}")
        SigV4Auth(credentials, "app", region).add_auth(request)
        sent = urllib.request.Request(request.url, headers=dict(request.headers))
        try:
            with urllib.request.urlopen(sent, timeout=30) as answer:
                statuses.append(answer.status)
        except urllib.error.HTTPError as error:
            statuses.append(error.code)
    print(json.dumps({"method": credentials.method, "who": who, "statuses": statuses}))


def run(check, world, sidecar):
    """The same application, with a sidecar that issues and with one that asks the STS of another."""
    for name, here in [("", world), (" from a sidecar that cannot issue", sidecar)]:
        container = "http://" + here.address("sts")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": here.folder,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{container}/credentials/pod",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": os.path.join(here.folder, "guard"),
        }
        command = [sys.executable, "-B", os.path.abspath(__file__), "us-east-1", world.sts, here.proxy]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
        check(f"boto3 with container credentials{name}", done.returncode == 0, done.stderr)
        answer = json.loads(done.stdout or "{}")
        check("  by the container provider", answer.get("method") == "container-role", answer)
        check("  called as the pod", str(answer.get("who")).endswith(":assumed-role/pod/orders-7d9f"), answer)
        check("  another service lets it, and lets it do no more", answer.get("statuses") == [200, 403], answer)
        environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = os.path.join(here.folder, "pod-token")
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
        check("  and nothing without the guard's token", done.returncode != 0, done.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
