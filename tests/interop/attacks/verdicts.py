"""The four things that may become of an HTTP/1 request: refused, aborted, passed on exactly, or either of two.

In the bytes of a case, CANARY stands for a word that must never reach the upstream.
"""

REFUSALS = (400,)


def marked(world, data):
    """`data` with CANARY replaced by a fresh forbidden word."""
    return data.replace(b"CANARY", world.canary().encode()) if b"CANARY" in data else data


def refused(world, suite, name, data, statuses=REFUSALS, closes=True, silent=False, timeout=3.0):
    """One refusal, the connection closed, nothing at the upstream. `silent`: closing without a word is fine too."""
    talk = world.talk(marked(world, data), until_close=closes, timeout=timeout)
    taken = world.taken()
    quiet = silent and not talk.statuses and talk.closed
    ok = (quiet or (len(talk.statuses) == 1 and talk.first.status in statuses)) and not taken
    suite.check(name, ok and (talk.closed or not closes), f"expected {statuses}, got {talk!r}, upstream {taken!r}")


def aborted(world, suite, name, data, half_close=False, statuses=REFUSALS):
    """A fault in the body: refusal, close, no complete request at the upstream. An EOF in a body needs no answer."""
    talk = world.talk(marked(world, data), until_close=True, timeout=3.0, half_close=half_close)
    taken = world.taken(0.03)
    answered = len(talk.statuses) == 1 and talk.first.status in statuses
    ok = (answered or (half_close and not talk.statuses)) and talk.closed
    whole = [item for item in taken if item.complete]
    ok = ok and not whole and len(taken) <= 1
    suite.check(name, ok, f"expected {statuses}, close and no whole request, got {talk!r}, upstream {taken!r}")


def passed(world, suite, name, data, target="/public/x", method="GET", body=b"", then=(), check=None, **options):
    """Served with 200 and passed on exactly once; `then` are the statuses that follow on the connection."""
    wanted = [200, *then]
    methods = (method,) if method == "HEAD" else ()
    talk = world.talk(marked(world, data), want=len(wanted), methods=methods, **options)
    taken = world.taken()
    detail = forwarded(taken, target, method, body, check)
    ok = talk.statuses == wanted and detail is None
    suite.check(name, ok, f"expected {wanted}, got {talk!r}; upstream: {detail or 'as expected'}")
    return talk, taken


def either(world, suite, name, data, target="/public/x", method="GET", body=b"", check=None, statuses=REFUSALS):
    """Refused with no whole request at the upstream, or served and passed on exactly."""
    talk = world.talk(marked(world, data), timeout=3.0)
    taken = world.taken()
    if talk.statuses[:1] == [200]:
        detail = forwarded(taken, target, method, body, check)
        suite.check(name, detail is None, f"{talk!r}; upstream: {detail}")
    else:
        ok = talk.first.status in statuses or (not talk.statuses and talk.closed)
        suite.check(name, ok and not any(item.complete for item in taken), f"{talk!r}; upstream {taken!r}")


def forwarded(taken, target, method, body, check):
    """None when exactly this one request was received whole; else what is wrong."""
    if len(taken) != 1:
        return f"{len(taken)} requests {taken!r}"
    got = taken[0]
    if (got.method, got.target) != (method.encode(), target.encode("latin-1")):
        return f"{got.method!r} {got.target!r}"
    if not got.complete or got.body != body:
        return f"complete={got.complete} body {got.body[:200]!r}"
    if check is not None and not check(got):
        return f"the check on {got!r}"
    return None
