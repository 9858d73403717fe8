"""Sends the corpus through Sidegate to each upstream, and compares what was judged with what was understood.

For each request that reached an upstream: the method and the host are the same; the path that policy judged (the audit
record's) is byte for byte the one in the target that the upstream got; the resource in the judged ARN is the path that
the upstream makes of it; the body has the length that was sent; and the case is the one that was asked.
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

import corpus
import servers

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
ACCOUNT = "555566667777"
KINDS = ["nginx", "node", "stdlib", "aiohttp", "h11", "httptools", "sidegate"]
PATIENCE = 60
ANSWER = float(os.environ.get("ANSWER_TIMEOUT", "30"))


def binary():
    """The Sidegate to test."""
    if named := os.environ.get("BLACKBOX_BINARY"):
        return named
    built = [path for kind in ("release", "debug") if (path := ROOT / "target" / kind / "sidegate").exists()]
    return str(max(built, key=lambda path: path.stat().st_mtime))


def free_port():
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(port):
    """Until somebody listens there."""
    until = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > until:
            raise SystemExit(f"nobody listens on port {port}")
        time.sleep(0.05)


def write(path, value):
    """A JSON file, which YAML is too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def site(folder, port, upstreams):
    """A bundle that lets everyone in everywhere, and a configuration."""
    arn = f"arn:aws:app::{ACCOUNT}:*"
    allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "app:*", "Resource": arn}}
    bundle = folder / "policies"
    organization = {"partition": "aws", "id": "o-upstreams1", "management_account": ACCOUNT, "root": {"accounts": [ACCOUNT]}}
    write(bundle / "organization.yaml", organization)
    write(bundle / f"accounts/{ACCOUNT}-main/account.yaml", {"id": ACCOUNT, "name": "main"})
    write(bundle / f"accounts/{ACCOUNT}-main/resources/all.yaml", {"resource": arn, "policy": allow})
    for name in upstreams:
        resource = "arn:{partition}:app::{account}:"
        routes = [
            {"match": "ANY /", "action": "app:Use", "resource": resource + "/"},
            {"match": "ANY /{rest..}", "action": "app:Use", "resource": resource + "/{rest}"},
        ]
        service = {"service": name, "account": ACCOUNT, "region": "us-east-1", "hosts": [f"{name}.test"], "upstream": name}
        write(bundle / f"routes/{name}.yaml", {**service, "routes": routes})
    configuration = {
        "listeners": [{"name": "ingress", "address": f"127.0.0.1:{port}", "mode": "proxy"}],
        "upstreams": {name: {"url": f"http://127.0.0.1:{at}"} for name, at in upstreams.items()},
        "bundle": {"path": "./policies"},
        "health": {"address": "127.0.0.1:0"},
        "audit": {"file": "./audit/", "rotate_size": "1GiB"},
    }
    write(folder / "sidegate.yaml", configuration)


def start(folder, running):
    """Every upstream, a second Sidegate before one of them, and the Sidegate under test: its port."""
    ports = {kind: free_port() for kind in KINDS}
    outer = free_port()
    (folder / "nginx").mkdir()
    (folder / "nginx.conf").write_text(servers.NGINX.format(folder=folder / "nginx", port=ports["nginx"]))
    commands = [["nginx", "-p", str(folder / "nginx"), "-c", str(folder / "nginx.conf")]]
    commands.append(["node", str(HERE / "node.mjs"), str(ports["node"])])
    for kind in ("stdlib", "aiohttp", "h11", "httptools"):
        commands.append([sys.executable, "-B", str(HERE / "servers.py"), kind, str(ports[kind])])
    site(folder / "inner", ports["sidegate"], {"sidegate": ports["node"]})
    site(folder / "outer", outer, ports)
    for name in ("inner", "outer"):
        commands.append([binary(), "run", "-c", str(folder / name / "sidegate.yaml")])
    for number, command in enumerate(commands):
        log = (folder / f"{number}.log").open("wb")
        running.append(subprocess.Popen(command, stdout=log, stderr=log))
    for port in (*ports.values(), outer):
        wait_for(port)
    return outer


def is_whole(answer, bodiless):
    """Whether an answer has all of its body."""
    status, fields, body = parse(answer)
    if not fields:
        return False
    if bodiless:
        return True
    if "content-length" in fields:
        return len(body) >= int(fields["content-length"])
    return "transfer-encoding" in fields and answer.endswith(b"0\r\n\r\n")


def exchange(port, data):
    """The answer, or what there is of it when the connection ends."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as stream:
        stream.settimeout(ANSWER)
        with contextlib.suppress(OSError):
            stream.sendall(data)
            while not is_whole(answer, data.startswith(b"HEAD")) and (piece := stream.recv(65536)):
                answer += piece
    return answer


def parse(answer):
    """Status, fields and body of the last answer; what came before it is 100-continue."""
    while answer.startswith(b"HTTP/1.1 1"):
        answer = answer.partition(b"\r\n\r\n")[2]
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return "", {}, b""
    lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    status = lines[0].split(" ")[1] if lines[0].count(" ") else ""
    if "transfer-encoding" in fields and body.endswith(b"0\r\n\r\n"):
        whole, rest = b"", body
        while size := int(rest.partition(b"\r\n")[0], 16):
            rest = rest.partition(b"\r\n")[2]
            whole, rest = whole + rest[:size], rest[size + 2 :]
        body = whole
    return status, fields, body


def reading(kind, body):
    """What the upstream told, in one form."""
    if kind != "nginx":
        return json.loads(body)
    told = dict(line.split("=", 1) for line in body.decode("utf-8", "surrogateescape").splitlines() if "=" in line)
    return {**told, "length": None}


def differences(kind, case, length, told, record):
    """Where the two readings differ."""
    found = []
    judged = {"method": record["method"], "case": case, "host": f"{kind}.test", "raw path": record["path"]}
    host = (told.get("host") or "").lower().removesuffix(":80").removesuffix(".")
    raw = (told.get("raw") or "").split("?", 1)[0]
    # Node's and uvicorn's readings of raw targets are the bytes as they came.
    understood = {"method": told.get("method"), "case": told.get("case"), "host": host, "raw path": raw}
    resource = record["resources"][0]["ARN"].split(":", 5)[5]
    judged["path"], understood["path"] = resource, told.get("path")
    if told.get("length") is not None:
        judged["length"], understood["length"] = length, int(told["length"] or 0)
    for name, value in judged.items():
        if understood[name] != value:
            found.append(f"{name}: judged {value!r}, understood {understood[name]!r}")
    return found


def records(folder):
    """The audit records by request."""
    text = (folder / "outer/audit/audit.jsonl").read_text()
    return {record["requestID"]: record for record in map(json.loads, text.splitlines())}


def play(folder, port, count):
    """Sends everything to everyone; (kind, case, bytes, length, id, reading) of what was answered by an upstream."""
    reached, refused, without = [], 0, []
    for number, (text, length) in enumerate(corpus.requests(count)):
        for kind in KINDS:
            case = f"{kind}-{number}"
            data = text.replace("HOST", f"{kind}.test").replace("CASE", case).encode("utf-8")
            status, fields, body = parse(exchange(port, data))
            if "x-upstream" in fields and status == "200":
                told = None if data.startswith(b"HEAD") else reading(kind, body)
                reached.append((kind, case, data, length, fields.get("x-sidegate-request-id"), told))
            elif status.startswith(("4", "5")) and "x-sidegate-request-id" in fields:
                refused += 1
            else:
                without.append((kind, data, status))
    return reached, refused, without


def main(count):
    """Prints what differs and a count."""
    running = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        try:
            port = start(folder, running)
            reached, refused, without = play(folder, port, count)
            time.sleep(1)
            known = records(folder)
        finally:
            for process in running:
                process.send_signal(signal.SIGKILL)
                process.wait()
    failed = 0
    for kind, case, data, length, request, told in reached:
        found = ["no audit record"] if request not in known else []
        if told is not None and not found:
            found = differences(kind, case, length, told, known[request])
        failed += bool(found)
        for difference in found:
            print(f"{kind}: {data[:120]!r}: {difference}")
    for kind, data, status in without:
        failed += 1
        print(f"{kind}: {data[:120]!r}: neither refused nor answered ({status!r})")
    by_kind = ", ".join(f"{kind} {sum(entry[0] == kind for entry in reached)}" for kind in KINDS)
    print(f"{len(reached)} reached an upstream ({by_kind}), {refused} were refused; {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
