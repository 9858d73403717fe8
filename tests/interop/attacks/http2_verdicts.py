"""What may become of an HTTP/2 request: refused, or served and passed on exactly."""

from h2wire import Wire


def ask(world, header_list, body=None, stream=1):
    """(wire, the upstream's requests) after one request on a new connection."""
    world.upstream.clear()
    wire = Wire(world.port)
    wire.ask(stream, header_list, body)
    wire.read(3.0, lambda it: it.finished(stream))
    taken = world.taken()
    wire.close()
    return wire, taken


def refused(world, suite, case, header_list, body=None, statuses=(400,)):
    """400, a stream error or a connection error; nothing at the upstream."""
    wire, taken = ask(world, header_list, body)
    ok = wire.status(1) in statuses or (wire.status(1) is None and (wire.resets.get(1) or wire.goaway or wire.closed))
    suite.check(case, bool(ok) and not taken, f"{wire!r} upstream {taken!r}")


def either(world, suite, case, header_list, check, body=None):
    """Refused as above, or served with `check` holding for the one request at the upstream."""
    wire, taken = ask(world, header_list, body)
    if wire.status(1) == 200:
        suite.check(case, len(taken) == 1 and check(taken[0]), f"{wire!r} upstream {taken!r}")
    else:
        ok = wire.status(1) in (400, 421, 431) or wire.resets.get(1) or wire.goaway or wire.closed
        suite.check(case, bool(ok) and not taken, f"{wire!r} upstream {taken!r}")
