#!/usr/bin/env python3
"""Sidegate beside other proxies: the same upstream, tokens and rules, one core each, interleaved. See ./run --help."""
import argparse
import json
import math
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE / ".cache"
KEYS, TOKENS, BUNDLES = CACHE / "keys", CACHE / "tokens", CACHE / "bundles"
RULES = json.loads((HERE / "rules.json").read_text())
PATH = "/api/orders/123"
UPSTREAM, AUTHORIZER, STS, FIRST = 18000, 18001, 18002, 18100

# Connections, tokens and protocol of each cell.
CELLS = {
    "c1": (1, "rs256-one"),
    "c50": (50, "rs256-one"),
    "c256": (256, "rs256-one"),
    "c50-5000-tokens": (50, "rs256-many"),
    "c50-5000-es256": (50, "es256-many"),
    "c50-session": (50, "session"),
    "h2-c50": (50, "rs256-one"),
    "rate": (20, "rs256-one"),
}


def arguments():
    parser = argparse.ArgumentParser(prog="benches/peers/run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2, help="length of one slice (default 2)")
    parser.add_argument("--repeats", type=int, default=5, help="interleaved repeats (default 5)")
    parser.add_argument("--only", default="", help="rows, with commas between (default: all)")
    parser.add_argument("--cells", default=",".join(CELLS), help="cells, with commas between (default: all)")
    parser.add_argument("--rate", type=int, default=0, help="requests/s of the cell `rate` (default: half of what nginx does at c50)")
    parser.add_argument("--proxy-cpu", default="0", help="core of whatever is measured")
    parser.add_argument("--load-cpu", default="1", help="core of load generator and upstream")
    parser.add_argument("--sidegate", default=str(HERE / "../../target/release/sidegate"), help="binary")
    parser.add_argument("--baseline", help="another binary of Sidegate, as a row `baseline`")
    parser.add_argument("--bare", default=str(HERE / "bare/target/release/sidegate-bare"), help="binary of the bare loop")
    parser.add_argument("--out", help="writes the table to this file, too")
    return parser.parse_args()


ARGS = arguments()
RUN = pathlib.Path(tempfile.mkdtemp(prefix="peers-"))
RUN.chmod(0o755)
STARTED = []


def spawn(name, command, cpu):
    log = open(RUN / f"{name}.log", "wb")
    process = subprocess.Popen(
        ["taskset", "-c", cpu] + command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=RUN
    )
    STARTED.append(process)
    return process


def family(pid):
    """A process and its descendants."""
    found, todo = [], [pid]
    while todo:
        current = todo.pop()
        found.append(current)
        try:
            for task in os.listdir(f"/proc/{current}/task"):
                children = pathlib.Path(f"/proc/{current}/task/{task}/children").read_text()
                todo += [int(child) for child in children.split()]
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def used(pid):
    """Seconds of processor time, user and system, of all threads and processes."""
    total = 0
    for process in family(pid):
        try:
            for task in os.listdir(f"/proc/{process}/task"):
                total += int(pathlib.Path(f"/proc/{process}/task/{task}/schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total / 1e9


def resident(pid, key="VmRSS"):
    """MiB."""
    total = 0
    for process in family(pid):
        status = pathlib.Path(f"/proc/{process}/status").read_text()
        total += int(re.search(key + r":\s+(\d+) kB", status)[1])
    return total / 1024


def busy(cpu):
    """How long a core has worked, and for whom else it was taken, in ticks."""
    for line in open("/proc/stat"):
        if line.startswith(f"cpu{cpu} "):
            ticks = [int(field) for field in line.split()[1:]]
            return sum(ticks[:8]) - ticks[3] - ticks[4], sum(ticks[:8])


def fill(name, **values):
    text = (HERE / "configs" / name).read_text()
    values = dict(
        UPSTREAM=UPSTREAM, PDP=AUTHORIZER, RUN=RUN, KEYS=KEYS, ISS=RULES["issuer"], AUD=RULES["audience"], **values
    )
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return text


def write(name, text):
    (RUN / name).write_text(text)
    return str(RUN / name)


def haproxy_rules():
    return "\n".join(
        f"  http-request allow if {{ var(txn.role) -m str {role} }} {{ method {method} }} {{ path_beg {prefix} }}"
        for role, method, prefix in RULES["rules"]
    )


FILTER = "type.googleapis.com/envoy.extensions.filters.http."
ROUTER = {"name": "envoy.filters.http.router", "typed_config": {"@type": FILTER + "router.v3.Router"}}


def envoy_jwt(cache):
    provider = {
        "issuer": RULES["issuer"], "audiences": [RULES["audience"]], "payload_in_metadata": "p", "forward": True,
        "local_jwks": {"inline_string": (KEYS / "jwks.json").read_text()},
    }
    if cache:
        provider["jwt_cache_config"] = {"jwt_cache_size": 8192, "jwt_max_token_size": 4096}
    claim = lambda role: {
        "metadata": {
            "filter": "envoy.filters.http.jwt_authn", "path": [{"key": "p"}, {"key": "role"}],
            "value": {"string_match": {"exact": role}},
        }
    }
    policies = {
        f"p{index:02d}": {
            "permissions": [{"and_rules": {"rules": [
                {"header": {"name": ":method", "string_match": {"exact": method}}},
                {"url_path": {"path": {"prefix": prefix}}},
            ]}}],
            "principals": [claim(role)],
        }
        for index, (role, method, prefix) in enumerate(RULES["rules"])
    }
    rules = [{"match": {"prefix": "/"}, "requires": {"provider_name": "x"}}]
    return [
        {"name": "envoy.filters.http.jwt_authn", "typed_config": {
            "@type": FILTER + "jwt_authn.v3.JwtAuthentication", "providers": {"x": provider}, "rules": rules}},
        {"name": "envoy.filters.http.rbac", "typed_config": {
            "@type": FILTER + "rbac.v3.RBAC", "rules": {"action": "ALLOW", "policies": policies}}},
        ROUTER,
    ]


def envoy_external():
    service = {
        "server_uri": {"uri": f"http://127.0.0.1:{AUTHORIZER}", "cluster": "pdp", "timeout": "5s"},
        "authorization_request": {"allowed_headers": {"patterns": [{"exact": "authorization"}]}},
    }
    return [
        {"name": "envoy.filters.http.ext_authz", "typed_config": {
            "@type": FILTER + "ext_authz.v3.ExtAuthz", "transport_api_version": "V3", "http_service": service}},
        ROUTER,
    ]


def envoy_binary():
    for path in CACHE.glob("venv/lib/python3*/site-packages/envoy/_bin/envoy"):
        return str(path)
    return shutil.which("envoy")


def envoy(name, filters):
    def command(port):
        config = write(f"{name}.yaml", fill("envoy.yaml", PORT=port, FILTERS=json.dumps(filters)))
        return [envoy_binary(), "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    return command


def sidegate(name, binary, bundle):
    def command(port):
        config = write(f"{name}.yaml", fill(
            "sidegate.yaml", PORT=port, HEALTH=port + 500, BUNDLE=BUNDLES / bundle, AUDIT=RUN / f"{name}-audit"
        ))
        binary_path = str(pathlib.Path(binary).resolve())
        if name == "sidegate":
            # It issues the token of the cell `c50-session`, too.
            subprocess.run([binary_path, "keyring", "new", "--keyring", str(RUN / "keyring.yaml")], check=True, capture_output=True)
            more = {"keyring": str(RUN / "keyring.yaml"), "sts": {"address": f"127.0.0.1:{STS}", "region": "us-east-1"}}
            pathlib.Path(config).write_text(pathlib.Path(config).read_text() + "".join(f"{key}: {json.dumps(value)}\n" for key, value in more.items()))
        return [binary_path, "run", "-c", config]
    return command


def session():
    """Keeps a session token, issued for the one JWT by Sidegate's STS."""
    form = {
        "Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleSessionName": "bench", "DurationSeconds": "3600",
        "RoleArn": "arn:aws:iam::555566667777:role/reader", "WebIdentityToken": (TOKENS / "rs256-one.txt").read_text().split()[0],
    }
    said = urllib.request.urlopen(f"http://127.0.0.1:{STS}/", urllib.parse.urlencode(form).encode(), timeout=10).read().decode()
    (RUN / "session.txt").write_text(re.search(r"<SessionToken>([^<]+)</SessionToken>", said)[1] + "\n")


def tokens(kind):
    """The file with a cell's tokens."""
    return (RUN if kind == "session" else TOKENS) / f"{kind}.txt"


def bare(*more):
    return lambda port: [ARGS.bare, f"127.0.0.1:{port}", f"127.0.0.1:{UPSTREAM}", *more]


def rows():
    """Name, command, whether it authorizes, and the protocols that it is asked in."""
    both, one, two = {"h1", "h2"}, {"h1"}, {"h2"}
    nginx = lambda port: ["nginx", "-c", write("nginx.conf", fill("nginx-plain.conf", PORT=port)), "-e", str(RUN / "nginx.err")]
    haproxy = lambda port: ["haproxy", "-db", "-f", write("plain.cfg", fill("haproxy-plain.cfg", PORT=port))]
    haproxy_jwt = lambda port: ["haproxy", "-db", "-f", write("jwt.cfg", fill("haproxy-jwt.cfg", PORT=port, ACLS=haproxy_rules()))]
    all_rows = [
        ("bare", bare(), False, one),
        ("bare-h2", bare("h2"), False, two),
        ("sidegate", sidegate("sidegate", ARGS.sidegate, "ten-rules"), True, both),
        ("sidegate-10000", sidegate("sidegate-10000", ARGS.sidegate, "ten-thousand"), True, both),
        ("nginx-plain", nginx, False, one),
        ("haproxy-plain", haproxy, False, both),
        ("haproxy-jwt", haproxy_jwt, True, both),
        ("envoy-plain", envoy("envoy-plain", [ROUTER]), False, both),
        ("envoy-jwt-rbac", envoy("envoy-jwt-rbac", envoy_jwt(False)), True, both),
        ("envoy-jwt-rbac-cache", envoy("envoy-jwt-rbac-cache", envoy_jwt(True)), True, both),
        ("envoy-ext-authz", envoy("envoy-ext-authz", envoy_external()), False, both),
    ]
    if ARGS.baseline:
        all_rows.insert(2, ("baseline", sidegate("baseline", ARGS.baseline, "ten-rules"), True, both))
    if envoy_binary() is None:
        print("no Envoy: its rows are left out")
        all_rows = [row for row in all_rows if not row[0].startswith("envoy")]
    wanted = set(filter(None, ARGS.only.split(",")))
    unknown = wanted - {row[0] for row in all_rows}
    if unknown:
        sys.exit(f"no such row: {', '.join(sorted(unknown))}")
    return [row for row in all_rows if not wanted or row[0] in wanted]


def wait_for(port, process, patience=20):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 0.3).close()
            return
        except OSError:
            time.sleep(0.05)
    logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in RUN.glob("*.log"))
    raise SystemExit(f"nothing listens on {port}\n{logs}")


def status(port, token=None, method="GET"):
    headers = {"Host": "app.test"}
    if token:
        headers["Authorization"] = "Bearer " + (TOKENS / f"{token}.txt").read_text().split()[0]
    request = urllib.request.Request(f"http://127.0.0.1:{port}{PATH}", headers=headers, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=5)
        return answer.status if answer.read() == b"ok" else "not the upstream's body"
    except urllib.error.HTTPError as error:
        return error.code


def decides(row):
    """Whether a row that authorizes does so, and another one forwards."""
    asked = [("rs256-one", "GET"), (None, "GET"), ("rs256-expired", "GET"), ("rs256-badsig", "GET"), ("rs256-guest", "GET"), ("rs256-one", "DELETE")]
    if row["protocols"] == {"h2"}:
        return ["not asked in HTTP/1"], True
    codes = [status(row["port"], token, method) for token, method in asked]
    return codes, codes == [200, 401, 401, 401, 403, 403] if row["authorizes"] else codes[0] == 200


def seconds(text):
    number, unit = re.match(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[unit]


def load(port, cell, length):
    """One slice: how many answers, how many of them bad, answers a second, microseconds at the 50th and 99th percentile."""
    connections, kind = CELLS[cell]
    pin = ["taskset", "-c", ARGS.load_cpu]
    url = f"http://127.0.0.1:{port}"
    if cell in ("rate", "h2-c50"):
        token = tokens(kind).read_text().split()[0]
        log = RUN / "h2load.tsv"
        log.unlink(missing_ok=True)
        length = max(1, round(length))
        # By number, not by time: it ends even when a peer answers 400 and closes.
        how = ["--h1", "-n", str(ARGS.rate * length), f"--rps={max(1, ARGS.rate // connections)}"] if cell == "rate" else ["-m", "4", "-D", str(length)]
        command = ["h2load", "-c", str(connections), "-t", "1", f"--log-file={log}", "-H", f"Authorization: Bearer {token}", *how]
        said = subprocess.run(pin + command + [url + PATH], capture_output=True, text=True, timeout=length * 5 + 10).stdout
        good = int(re.search(r"(\d+) 2xx", said)[1])
        bad = sum(int(count) for count in re.findall(r"(\d+) [345]xx", said)) + int(re.search(r"(\d+) failed", said)[1])
        times = sorted(int(line.split("\t")[2]) for line in open(log))
        rate = float(re.search(r"finished in .*?, ([\d.]+) req/s", said)[1])
        return {"n": max(good + bad, len(times)), "bad": bad, "rate": rate, "p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)]}
    env = dict(os.environ, TOKENS=str(tokens(kind)), URLPATH=PATH)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, math.ceil(length))}s", "--latency", "-s", str(HERE / "tokens.lua"), url]
    said = subprocess.run(pin + command, env=env, capture_output=True, text=True, timeout=length * 5 + 10).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    percentile = lambda which: seconds(re.search(rf"(?m)^\s+{which}%\s+(\S+)", said)[1]) * 1e6
    return {
        "n": int(re.search(r"(\d+) requests in", said)[1]),
        "bad": (int(bad[1]) if bad else 0) + (sum(map(int, errors.groups())) if errors else 0),
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]),
        "p50": percentile(50), "p99": percentile(99),
    }


def measured(row, cell, length):
    """A slice with what the row's processes and the cores did meanwhile."""
    before, core, began = used(row["pid"]), busy(ARGS.proxy_cpu), time.monotonic()
    apart = used(AUTHORIZERS[0])
    slice_ = load(row["port"], cell, length)
    took = time.monotonic() - began
    after, core_after = used(row["pid"]), busy(ARGS.proxy_cpu)
    share = (core_after[0] - core[0]) / max(1, core_after[1] - core[1])
    slice_["us"] = (after - before) / slice_["n"] * 1e6
    slice_["apart"] = (used(AUTHORIZERS[0]) - apart) / slice_["n"] * 1e6
    slice_["others"] = max(0.0, share - (after - before) / took)
    slice_["rss"] = resident(row["pid"])
    return slice_


AUTHORIZERS = []


def start():
    upstream = spawn("upstream", ["nginx", "-c", write("upstream.conf", fill("upstream.nginx.conf")), "-e", str(RUN / "upstream.err")], ARGS.load_cpu)
    authorizer = spawn("authorizer", ["nginx", "-c", write("authorizer.conf", fill("nullpdp.nginx.conf")), "-e", str(RUN / "authorizer.err")], ARGS.proxy_cpu)
    wait_for(UPSTREAM, upstream)
    wait_for(AUTHORIZER, authorizer)
    AUTHORIZERS.append(authorizer.pid)
    started = {}
    for index, (name, command, authorizes, protocols) in enumerate(rows()):
        port = FIRST + index
        process = spawn(name, command(port), ARGS.proxy_cpu)
        wait_for(port, process)
        started[name] = {"port": port, "pid": process.pid, "authorizes": authorizes, "protocols": protocols, "sessions": name == "sidegate" or not authorizes}
    time.sleep(1)
    return started


def spread(slices, key, digits=0):
    values = [slice_[key] for slice_ in slices]
    return " - ".join(f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values)))


def table(started, results, cells):
    lines = []
    for cell in cells:
        lines += ["", f"**{cell}**" + (f", {ARGS.rate} requests/s asked for" if cell == "rate" else ""), "",
                  "| row | CPU µs/request | × bare | requests/s | p50 µs | p99 µs | RSS MiB | others on the core |",
                  "|---|---|---|---|---|---|---|---|"]
        reference = results.get(("bare-h2" if cell.startswith("h2") else "bare", cell))
        for name in started:
            slices = results.get((name, cell))
            if not slices:
                continue
            if sum(s["bad"] for s in slices) * 1000 > sum(s["n"] for s in slices):
                lines.append(f"| {name} | not valid: {sum(s['bad'] for s in slices)} of {sum(s['n'] for s in slices)} answers were bad |||||||")
                continue
            extra = statistics.median(s["apart"] for s in slices)
            extra = f" (+ {extra:.1f} authorizer)" if name == "envoy-ext-authz" else ""
            ratio = "-"
            if reference:
                # Paired: both slices of one repeat met about the same noise.
                pairs = [s["us"] / r["us"] for s, r in zip(slices, reference)]
                ratio = f"{min(pairs):.2f} - {statistics.median(pairs):.2f} - {max(pairs):.2f}"
            others = max(s["others"] for s in slices) * 100
            lines.append(
                f"| {name} | {spread(slices, 'us', 1)}{extra} | {ratio} | {spread(slices, 'rate')} | {spread(slices, 'p50')} "
                f"| {spread(slices, 'p99')} | {spread(slices, 'rss', 1)} | ≤ {others:.0f} % |"
            )
    return lines


def main():
    began = time.monotonic()
    started = start()
    for name, row in started.items():
        row["idle"] = resident(row["pid"])
        codes, good = decides(row)
        print(f"{name:22} {row['idle']:7.1f} MiB idle   {codes} {'' if good else '  <-- NOT WHAT THE RULES SAY'}", flush=True)
        if not good:
            sys.exit(1)
    cells = ARGS.cells.split(",")
    if "sidegate" in started:
        session()
    else:
        cells = [cell for cell in cells if "session" not in cell]
    fits = lambda row, cell: ("h2" if cell.startswith("h2") else "h1") in row["protocols"] and (row["authorizes"] or "5000" not in cell) and (row["sessions"] or "session" not in cell)
    for row in started.values():
        first = "h2-c50" if row["protocols"] == {"h2"} else "c50-5000-tokens" if row["authorizes"] else "c50"
        load(row["port"], first, 1)
    results = {}
    for cell in cells:
        if cell == "rate" and not ARGS.rate:
            known = results.get(("nginx-plain", "c50")) or results.get(("bare", "c50"))
            ARGS.rate = max(1000, round(statistics.median(s["rate"] for s in known) / 2 / 100) * 100) if known else 4000
        for repeat in range(ARGS.repeats):
            for name, row in started.items():
                if fits(row, cell):
                    results.setdefault((name, cell), []).append(measured(row, cell, ARGS.seconds))
        print(f"{cell} done after {time.monotonic() - began:.0f} s", flush=True)
    lines = [f"min - median - max over {ARGS.repeats} interleaved repeats of {ARGS.seconds:g} s; CPU is user + system of all threads; "
             "× bare compares the slices of the same repeat; `others` is what else ran on the proxy's core, at worst."]
    lines += table(started, results, cells)
    text = "\n".join(lines) + "\n"
    print(text)
    if ARGS.out:
        pathlib.Path(ARGS.out).write_text(text)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
try:
    main()
finally:
    for process in STARTED:
        if process.poll() is None:
            process.terminate()
    for process in STARTED:
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    shutil.rmtree(RUN, ignore_errors=True)
