"""Runs the suites named, or all; a closing line counts the cases. Exit 1 when one failed."""

import sys
import time
import traceback

import answers
import headers
import http1
import http2
import http2_wire
import paths
import routes
import slow
import tokens
from suite import Suite
from support import World


def with_keys(world_keys):
    """The token suite's world holds its keys."""
    return World(world_keys.published(), [world_keys.narrow.jwk(), world_keys.narrow_rsa.jwk()])


def token_suite(suite):
    """The token suite, which brings its own keys."""
    ring = tokens.Keyring()
    return with_keys(ring), lambda world: tokens.run(world, suite, ring)


def plain_suite(module):
    """A suite that needs nothing but a world."""
    return lambda suite: (World(), lambda world: module.run(world, suite))


SUITES = {
    "http1": plain_suite(http1),
    "paths": plain_suite(paths),
    "headers": plain_suite(headers),
    "routes": plain_suite(routes),
    "answers": plain_suite(answers),
    "tokens": token_suite,
    "http2": plain_suite(http2),
    "http2_wire": plain_suite(http2_wire),
    "slow": plain_suite(slow),
}


def main(names):
    """Runs each and sums up."""
    passed = failed = 0
    for name in names or SUITES:
        suite, started = Suite(name), time.monotonic()
        world, play = SUITES[name](suite)
        try:
            play(world)
        except Exception:  # a broken case must not hide the suites after it
            suite.check("the suite itself runs to its end", False, traceback.format_exc())
        finally:
            world.close(suite)
        print(f"{name}: {suite.passed} passed, {suite.failed} failed, {time.monotonic() - started:.0f} s", flush=True)
        passed, failed = passed + suite.passed, failed + suite.failed
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
