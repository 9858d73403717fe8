"""Seeded mutations of sound requests. Whatever they become, Sidegate and the upstream read them alike.

Each seed carries, somewhere in its body, a request for /admin that policy denies. If a mutation makes it a request of
its own, Sidegate must see it too, and refuse; it never reaches the upstream as a request. The upstream's own strict
reading of every byte is judged at the end of the suite.
"""

import random

import client

INNER = b"GET /admin/smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n"
SEEDS = [
    b"POST /public/a HTTP/1.1\r\nHost: app.test\r\nContent-Length: %d\r\n\r\n" % len(INNER) + INNER,
    b"POST /public/b HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(INNER)
    + INNER
    + b"\r\n0\r\n\r\n",
    b"POST /public/c HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n%x\r\n"
    % len(INNER)
    + INNER
    + b"\r\n0\r\nX-T: v\r\n\r\n",
    b"POST /public/d HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\nX-Data: GET /admin/smuggled HTTP/1.1\r\n"
    b"\r\nhello" + INNER,
    b"GET /public/e?x=%0d%0a HTTP/1.1\r\nHost: app.test\r\nConnection: keep-alive\r\nX-A: b\r\n\r\n" + INNER,
]
PIECES = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n\n",
    b"\r\r\n",
    b" ",
    b"\t",
    b"\x0b",
    b"\x0c",
    b"\x00",
    b":",
    b";",
    b",",
    b"\xa0",
    b"\x85",
    b"\xff",
    b"0",
    b"1",
    b"a",
    b"F",
    b"-",
    b"+",
    b"_",
    b"x",
    b'"',
    b"=",
    b"\x7f",
    b"chunked",
    b"identity",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 1000\r\n",
    b"0\r\n\r\n",
    b"5\r\n",
    b"Host: app.test\r\n",
    b"Host: locked.test\r\n",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b"Upgrade: h2c\r\n",
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"GET ",
    b"/../",
    b"//",
    b"#",
    b"?",
    b"%2f",
    b"@",
]


def run(world, suite, count=4000):
    """`count` mutations; one case each for what may never be seen at the upstream."""
    chance = random.Random(20260101)
    world.upstream.clear()
    smuggled, unanswered = [], []
    for _ in range(count):
        data = mutate(chance, chance.choice(SEEDS))
        talk = client.talk(world.port, data, until_close=True, half_close=True, timeout=1.5)
        if not talk.closed:
            unanswered.append(data)
        # An upstream's 200 for the inner request would mean that two readings differed.
        smuggled += [(data, item) for item in world.upstream.taken() if b"/admin/smuggled" in item.target]
        world.upstream.clear()
    suite.check(
        f"fuzz: none of {count} mutations smuggles a denied request", not smuggled, f"{len(smuggled)}: {smuggled[:2]}"
    )
    suite.check(
        f"fuzz: each of {count} connections ends when its client has ended",
        not unanswered,
        f"{len(unanswered)}: {unanswered[:2]}",
    )


def mutate(chance, data):
    """One to three changes: a piece inserted, put in place, removed or doubled."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3))):
        place = chance.randrange(len(data))
        kind = chance.randrange(4)
        if kind == 0:
            data = data[:place] + chance.choice(PIECES) + data[place:]
        elif kind == 1:
            piece = chance.choice(PIECES)
            data = data[:place] + piece + data[place + len(piece) :]
        elif kind == 2:
            data = data[:place] + data[place + chance.choice((1, 1, 2, 4)) :]
        else:
            end = data.find(b"\r\n", place) + 2
            data = data[:end] + data[place:end] + data[end:] if end > 1 else data
    return data
