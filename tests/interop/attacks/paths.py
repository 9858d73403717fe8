"""Path confusion: every spelling is refused, or judged and forwarded as one canonical path.

The oracle below is written from the specification alone. For each target: no canonical form means 400 and nothing at
the upstream; else the decision is that of the canonical path, the upstream receives exactly that, and the audit record
names exactly that.
"""

import pathlib
import random

import client

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
HEX = b"0123456789abcdefABCDEF"
# Visible, but in no URI: a reader of URIs may refuse them before the path is looked at.
NO_URI = frozenset(b'"<>^`{|}[]')

WRITTEN = pathlib.Path(__file__).with_name("paths.txt").read_text().splitlines()
ATOMS = (
    "/ / / // . .. /./ /../ /.. /. %2e %2E %2e%2e %2f %2F %5c %5C \\ ; ;a=b %3b %3B %00 %0a %1f %7f admin "
    "/admin/ /admin/x %61dmin adm%69n %41 % %2 %zz %25 %252e %252f %255c %c0%ae %c0%af %c3%a4 %C3%a4 %ff "
    "%e2%82%ac %20 a b x public ~ %7e %7E - _ %5f %2d + %2b @ : * ! ' ( %22 %3c %3f %23 , = & $ %40 "
).split()


def canonical(path):
    """The canonical path of DESIGN, or None where it has none. `path` is a str of latin-1 characters."""
    raw = path.encode("latin-1")
    if (
        not raw.startswith(b"/")
        or any(not 0x21 <= byte <= 0x7E for byte in raw)
        or b"#" in raw
        or b"\\" in raw
        or b";" in raw
    ):
        return None
    written, decoded, index = bytearray(), bytearray(), 0
    while index < len(raw):
        byte = raw[index]
        if byte != 0x25:
            written.append(byte)
            decoded.append(byte)
            index += 1
            continue
        pair = raw[index + 1 : index + 3]
        if len(pair) != 2 or any(digit not in HEX for digit in pair):
            return None
        value = int(pair, 16)
        if value < 0x20 or value == 0x7F or value in b"/\\":
            return None
        written += bytes([value]) if value in UNRESERVED else b"%" + pair.upper()
        decoded.append(value)
        index += 3
    try:
        decoded.decode()
    except UnicodeDecodeError:
        return None
    parts = written.decode().split("/")[1:]
    if any(part == "" for part in parts[:-1]):
        return None
    kept = []
    for place, part in enumerate(parts):
        if part in (".", ".."):
            if part == "..":
                if not kept:
                    return None
                kept.pop()
            if place == len(parts) - 1:
                kept.append("")
        else:
            kept.append(part)
    return "/" + "/".join(kept)


def run(world, suite):
    """The written corpus, every byte in several places, then seeded random ones; at the end the audit records."""
    self_test(suite)
    asked = []
    session = client.Session(world.port)
    for target in WRITTEN:
        asked.append(one(world, suite, session, target))
    for byte in range(256):
        for target in (
            f"/a%{byte:02x}b",
            f"/a%{byte:02X}b",
            f"/%{byte:02x}",
            f"/a/..%{byte:02x}/admin/x",
            f"/admin%{byte:02x}/x",
        ):
            asked.append(one(world, suite, session, target))
        if byte not in b"\r\n":
            asked.append(one(world, suite, session, "/a" + chr(byte) + "b"))
    chance = random.Random(20240229)
    for _ in range(2500):
        target = "/" + "".join(chance.choice(ATOMS) for _ in range(chance.randint(1, 9)))
        asked.append(one(world, suite, session, target))
    audited(world, suite, [item for item in asked if item is not None])
    session.close()


def self_test(suite):
    """The oracle's own laws, so that it cannot quietly bless everything."""
    for given, wanted in {
        "/a/%2e%2e/%61dmin": "/admin",
        "/%2f": None,
        "/a/..": "/",
        "/..": None,
        "/%c3%a4": "/%C3%A4",
        "/%c0%ae": None,
        "/a/./b/": "/a/b/",
        "/a%3bb": "/a%3Bb",
        "/a//b": None,
        "/%252e": "/%252e",
        "/%7E": "/~",
    }.items():
        suite.check(f"oracle: {given}", canonical(given) == wanted, repr(canonical(given)))


def split(target):
    """(path, query with its '?') of a target in origin or absolute form."""
    if target.startswith("http://paths.test"):
        target = target.removeprefix("http://paths.test")
        if not target.startswith("/"):
            target = "/" + target
    path, mark, query = target.partition("?")
    return path, mark + query


def one(world, suite, session, target):
    """Sends one target and judges status and forwarded bytes. Returns what the audit must say, or None."""
    path, query = split(target)
    wanted = canonical(path) if all(0x21 <= ord(letter) <= 0x7E for letter in query) and "#" not in query else None
    world.upstream.clear()
    response = session.ask(f"GET {target} HTTP/1.1\r\nHost: paths.test\r\n\r\n".encode("latin-1"))
    got = [item.target.decode("latin-1") for item in world.upstream.taken()]
    case = f"path {target!r}"
    if wanted is None or response.status == 400:
        tolerated = wanted is None or any(ord(letter) in NO_URI for letter in target)
        suite.check(
            case,
            response.status == 400 and not got and tolerated,
            f"canonical {wanted!r}, got {response!r}, upstream {got}",
        )
        return None
    if wanted == "/admin" or (wanted.startswith("/admin/") and wanted != "/admin/"):
        suite.check(
            case,
            response.status == 401 and not got,
            f"canonical {wanted!r} is denied, got {response!r}, upstream {got}",
        )
    elif wanted.endswith("/"):
        # Whether a closing slash is a segment of {rest..} is the route's business; what goes on must still be exact.
        ok = (response.status == 200 and got == [wanted + query]) or (response.status in (401, 404) and not got)
        suite.check(case, ok, f"canonical {wanted!r}, got {response!r}, upstream {got}")
    else:
        ok = response.status == 200 and got == [wanted + query]
        suite.check(case, ok, f"canonical {wanted!r}, got {response!r}, upstream {got}")
    if response.status == 404:
        return None
    return target, wanted, response.value("x-sidegate-request-id")


def audited(world, suite, asked):
    """Each decision's audit record names the canonical path."""
    records = world.audit_by_id({number for _, _, number in asked if number})
    for target, wanted, number in asked:
        record = records.get(number)
        found = record.get("path") if record else None
        suite.check(f"audit of path {target!r}", found == wanted, f"expected {wanted!r}, record {number}: {found!r}")
