"""What a route reads is read once and in one way; what the operator's listener shows is little."""

import random
import urllib.error
import urllib.request

import client
from h2wire import Wire, fields
from support import MAIN


def run(world, suite):
    """Query names, headers, the health listener and the metrics."""
    queries(world, suite)
    tiers(world, suite)
    health(world, suite)
    series(world, suite)


def queries(world, suite):
    """/param is open to everyone whose `channel` is `web`."""
    for query, statuses in {
        "channel=web": [200],
        "a=b&channel=web&c=d": [200],
        "channel=app": [401],
        "": [401],
        "channel": [401],
        "channel=": [401],
        "Channel=web": [401],
        "channel=WEB": [401],
        "channel=web&channel=web": [400],
        "channel=app&channel=web": [400],
        "channel=web&channel=app": [400],
        "channel=web&chann%65l=app": [400],
        "%63hannel=app&channel=web": [400],
        "channel=web&channel": [400],
        "channel=web&channel=": [400],
        "channel=web%00": [401, 400],
        "channel=web%0d%0a": [401, 400],
        "channel=web;channel=app": [401, 400],
        "channel=web+": [401],
        "channel=web%20": [401],
        "channel=%zz": [401, 400],
        "channel=web%": [401, 400],
        "channel=%ff": [401, 400],
        "channel=*": [401],
        "channel=w%2ab": [401],
        "xchannel=web": [401],
        "channel.x=web": [401],
        "channel%00=web": [401, 400],
        "?channel=web": [401],
        "channel=web?": [401],
        "channel%3dweb": [401],
        "a=%26channel%3dweb": [401],
        "a=b%26channel=web": [401],
        "c%68annel=web": [200, 401],
    }.items():
        target = f"/param/1?{query}"
        talk = world.talk(client.request(target=target))
        taken = [item.target.decode() for item in world.taken()]
        ok = (
            len(talk.statuses) == 1
            and talk.first.status in statuses
            and taken == ([target] if talk.first.status == 200 else [])
        )
        suite.check(f"query {query!r}", ok, f"expected {statuses}, got {talk!r}, upstream {taken}")


def tiers(world, suite):
    """/tier is open to everyone whose `X-Tier` is `gold`."""
    for lines, statuses in (
        (["X-Tier: gold"], [200]),
        (["x-tier:gold "], [200]),
        (["X-Tier: silver"], [401]),
        ([], [401]),
        (["X-Tier:"], [401]),
        (["X-Tier: gold", "X-Tier: gold"], [400]),
        (["X-Tier: silver", "X-Tier: gold"], [400]),
        (["X-Tier: gold", "x_tier: silver"], [400]),
        (["x_tier: gold", "X-Tier: silver"], [400]),
        (["X_TIER: silver", "X-Tier: gold"], [400]),
        (["X-Tier: gold, silver"], [401]),
        (["X-Tier: gold,"], [401]),
        (["X-Tier: Gold"], [401]),
        (["X-Tier: gold\xff"], [401, 400]),
        (["X-Tier2: gold"], [401]),
        (["X-Tier: *"], [401]),
        (["Trailer: X-Tier"], [401]),
    ):
        talk = world.talk(client.request(target="/tier/1", headers=lines))
        taken = world.taken()
        ok = len(talk.statuses) == 1 and talk.first.status in statuses and len(taken) == (talk.first.status == 200)
        suite.check(f"headers {lines}", ok, f"expected {statuses}, got {talk!r}, upstream {taken}")
    data = b"POST /tier/1 HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Tier: gold\r\n\r\n"
    talk = world.talk(data)
    suite.check("a trailer is no header", talk.statuses == [401] and not world.taken(), repr(talk))
    world.upstream.clear()
    wire = Wire(world.port)
    wire.ask(1, fields(path=b"/tier/1", extra=[(b"x-tier", b"silver"), (b"x-tier", b"gold")]))
    wire.read(2.0, lambda it: it.finished(1))
    suite.check("the header twice over HTTP/2", wire.status(1) == 400 and not world.taken(), repr(wire))
    wire.close()


def fetch(world, path, method="GET"):
    """(status, text) from the health listener."""
    request = urllib.request.Request(f"http://127.0.0.1:{world.health}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=3) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def health(world, suite):
    """/livez, /readyz, /metrics, the JWKS, nothing else; no place or address in what it says."""
    for path in ("/livez", "/readyz", "/metrics", "/readyz?verbose"):
        suite.check(f"health {path}", fetch(world, path)[0] == 200, path)
    for path in (
        "/",
        "/console",
        "/api",
        "/api/v1/users",
        "/public/x",
        "/debug/pprof",
        "//metrics",
        "/metrics/",
        "/livez/../metrics",
        "/%6cetrics",
        "/config",
        "/.env",
        "/readyz/x",
    ):
        suite.check(f"health {path} is not there", fetch(world, path)[0] in (400, 404), repr(fetch(world, path)))
    for method in ("POST", "PUT", "DELETE", "TRACE"):
        status = fetch(world, "/livez", method)[0]
        suite.check(f"health {method} /livez", status in (400, 404, 405, 501), str(status))
    text = fetch(world, "/readyz?verbose")[1]
    hidden = [
        word
        for word in ("http:", "https:", "127.0.0.1", str(world.folder), "policies", ".json", "error:")
        if word in text
    ]
    suite.check("health verbose shows no address, path or error", not hidden, f"{hidden} in {text!r}")
    suite.check("health verbose names the providers", "main" in text and "narrow" in text, text)


def series(world, suite):
    """A flood of strange requests adds no series: a label never holds a client's word, and all are few."""
    chance = random.Random(5)
    session = client.Session(world.port)
    issuers = ("https://zqx.test/", MAIN)
    for _ in range(900):
        word = "zqx" + "".join(chance.choice("abcdefgh") for _ in range(12))
        where = chance.choice(("/public/", "/admin/", "/", "/orders/", "/public//", "/param/"))
        lines = [f"User-Agent: {word}", f"X-{word}: {word}", f"X-Request-Id: {word}"]
        if chance.random() < 0.4:
            scheme = chance.choice(("Bearer", "Basic", word))
            issuer = chance.choice(issuers)
            lines.append(
                f"Authorization: {scheme} {chance.choice((word, world.token(sub=word, iss=issuer, role=word)))}"
            )
        host = chance.choice(("app.test", f"{word}.test", "paths.test", "locked.test"))
        method = chance.choice(("GET", "POST", word.upper()))
        session.ask(client.request(method, f"{where}{word}?{word}={word}", lines, host=host))
    session.close()
    text = fetch(world, "/metrics")[1]
    strange = [line for line in text.splitlines() if "zqx" in line.lower()]
    suite.check("a flood of strange requests puts no word of theirs into the metrics", not strange, repr(strange[:3]))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    suite.check("the series stay few", 10 < len(lines) < 1000, f"{len(lines)} series")
    wanted = (
        "sidegate_decisions_total",
        "sidegate_decision_seconds",
        "sidegate_authentications_total",
        "sidegate_request_seconds",
        "sidegate_upstream_seconds",
        "sidegate_cache_events_total",
        "sidegate_snapshot_info",
        "sidegate_snapshot_loaded_timestamp_seconds",
        "sidegate_reload_failed",
        "sidegate_jwks_age_seconds",
        "sidegate_audit_records_total",
        "sidegate_connections",
    )
    missing = [name for name in wanted if name not in text]
    suite.check("the metrics have their names", not missing, repr(missing))
