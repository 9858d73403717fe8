"""The README's `aws` commands, as they stand there, against the demo that it tells of."""

import json
import os
import re
import subprocess
import tempfile
import time

README = os.path.join(os.path.dirname(__file__), "..", "..", "..", "README.md")
WAIT = 60  # seconds, for the demo on a slow machine


def commands():
    """Every line of the README's shell blocks that begins with `aws`."""
    with open(README, encoding="utf-8") as file:
        blocks = re.findall(r"^```sh\n(.*?)^```", file.read(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("aws ")]


def run(check, binary, programs):
    """Starts the demo and runs them in their order; each with the credentials of the one before."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": folder}
        demo = subprocess.Popen(
            [os.path.abspath(binary), "demo"],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            told = os.path.join(folder, ".sidegate-demo", "env")
            begin = time.monotonic()
            while not os.path.exists(told) and time.monotonic() - begin < WAIT:
                time.sleep(0.1)
            ordered = commands()
            check("the README has `aws` commands", len(ordered) >= 2, ordered)
            environment["AWS_EC2_METADATA_DISABLED"] = "true"
            for command in ordered:
                shown = " ".join(command.split()[:3])
                script = f". {told}\n" + command.replace("http://127.0.0.1:9902", '"$GATE_STS"')
                done = subprocess.run(
                    ["sh", "-ec", script], env=environment, capture_output=True, text=True, timeout=120, check=False
                )
                check(f"README: {shown}", done.returncode == 0, done.stderr)
                if done.returncode == 0:
                    made = json.loads(done.stdout)["Credentials"]
                    environment["AWS_ACCESS_KEY_ID"] = made["AccessKeyId"]
                    environment["AWS_SECRET_ACCESS_KEY"] = made["SecretAccessKey"]
                    environment["AWS_SESSION_TOKEN"] = made["SessionToken"]
        finally:
            demo.terminate()
            demo.wait(WAIT)
