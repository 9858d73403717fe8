"""HTTP/1 attacks over raw sockets: framing, heads, fields, and seeded mutations."""

import http1_fields
import http1_framing
import http1_fuzz
import http1_head


def run(world, suite):
    """All four parts."""
    http1_framing.run(world, suite)
    http1_head.run(world, suite)
    http1_fields.run(world, suite)
    http1_fuzz.run(world, suite)
