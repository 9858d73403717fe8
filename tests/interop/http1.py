"""HTTP/1 attacks over raw sockets: framing, heads and fields."""

import http1_fields
import http1_framing
import http1_head


def run(world, suite):
    """All three parts."""
    http1_framing.run(world, suite)
    http1_head.run(world, suite)
    http1_fields.run(world, suite)
