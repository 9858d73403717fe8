"""HTTP/1 attacks over raw sockets: framing and heads."""

import http1_framing
import http1_head


def run(world, suite):
    """Both halves."""
    http1_framing.run(world, suite)
    http1_head.run(world, suite)
