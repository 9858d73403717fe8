"""Claims of every wrong type, value and spelling."""

import time

from keys import claims, compact, token
from support import MAIN
from token_verdicts import bad, good

YEAR = 366 * 86_400


def run(world, suite):
    """Times, audiences, issuers, and JSON that can be read in two ways."""

    def refuse(case, **options):
        changes = options.pop("claims", {})
        bad(world, suite, case, world.token(**changes), **options)

    times(world, suite, refuse)
    audiences(world, suite, refuse)
    texts(world, suite)


def times(world, suite, refuse):
    """exp, nbf and iat: required or not, of the right type, within leeway and bounds."""
    now = int(time.time())
    wrong = [
        "",
        "1",
        str(now + 600),
        f"{now + 600}.0",
        "never",
        True,
        False,
        None,
        [],
        [now + 600],
        {},
        {"a": 1},
        "9999999999",
        "null",
        " ",
        "0x7fffffff",
    ]
    for value in wrong:
        refuse(f"exp {value!r}", claims={"exp": value})
    for value in [item for item in wrong if item is not False]:
        refuse(f"nbf {value!r}", claims={"nbf": value})
        refuse(f"iat {value!r}", claims={"iat": value})
    refuse("nbf False", claims={"nbf": False})
    refuse("iat False", claims={"iat": False})
    refuse("no exp", claims={"exp": ...})
    for value in (0, -1, -(2**31), -(2**63), -(2**64), 1, now - 40, now - 3600, -1e300):
        refuse(f"exp {value}", claims={"exp": value, "iat": now - 7200, "nbf": now - 7200})
    for value in (
        2**31 + 10**9,
        2**32,
        2**33,
        2**53,
        2**63 - 1,
        2**63,
        2**64 - 1,
        2**64,
        2**64 + now + 600,
        10**30,
        1e300,
        now * 1000,
        now + YEAR + 3600,
    ):
        refuse(f"exp {value} is over 366 days away", claims={"exp": value})
        refuse(f"exp {value}, without iat", claims={"exp": value, "iat": ..., "nbf": ...})
    refuse(
        "a life of over 366 days that is nearly over",
        claims={"iat": now - YEAR - 3600, "nbf": now - 60, "exp": now + 600},
    )
    for value in (now + 40, now + 3600, now + 86_400, 2**33, 2**63, 2**64, 1e300, 10**30):
        refuse(f"nbf {value} in the future", claims={"nbf": value})
        refuse(f"iat {value} in the future", claims={"iat": value, "nbf": ...})
    refuse("exp before iat", claims={"iat": now, "nbf": ..., "exp": now - 31})
    for name, changes in {
        "exp 20 s ago, within leeway": {"exp": now - 10, "iat": now - 700, "nbf": ...},
        "nbf 20 s ahead, within leeway": {"nbf": now + 15},
        "iat 20 s ahead, within leeway": {"iat": now + 15, "nbf": ...},
        "no iat": {"iat": ...},
        "no nbf": {"nbf": ...},
        "neither": {"iat": ..., "nbf": ...},
        "a life of 300 days": {"exp": now + 300 * 86_400},
    }.items():
        good(world, suite, f"honest: {name}", world.token(**changes))
    for text in (
        b"1e400",
        b"-1e400",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999999999",
        b"0123456789",
        b"+%d" % (now + 600),
        b"%d." % (now + 600),
        b"0x7fffffff",
        b"1_000",
    ):
        raw = compact(claims(MAIN)).replace(b'"exp":%d' % claims(MAIN)["exp"], b'"exp":' + text)
        refuse_raw(world, suite, f"exp written {text.decode()}", raw)


def refuse_raw(world, suite, case, raw):
    """Shows a token of these payload bytes, which must be refused."""
    bad(world, suite, case, token(world.key, "ES256", raw))


def audiences(world, suite, refuse):
    """aud and iss: present, exact, of the right type."""
    for value in (
        "other",
        "",
        "blackbox ",
        " blackbox",
        "Blackbox",
        "blackbo",
        "blackboxx",
        "*",
        "blackbox,other",
        "blackbox other",
        "blackbox/",
        "https://blackbox",
        "blackbox\u0000",
        None,
        True,
        1,
        0,
        [],
        ["other"],
        [""],
        [["blackbox"]],
        [1],
        ["other", 1],
        [None],
        {"blackbox": 1},
        {},
        ["blackbox", 1],
        ["blackbox", None],
        ["blackbox", ["x"]],
        "bl\u0430ckbox",
    ):
        refuse(f"aud {value!r}", claims={"aud": value})
    refuse("no aud", claims={"aud": ...})
    good(world, suite, "honest: aud as a list of one", world.token(aud=["blackbox"]))
    good(world, suite, "honest: aud among others", world.token(aud=["other", "blackbox", "third"]))
    for value in (
        "",
        "https://idp.blackbox.test",
        MAIN + "/",
        MAIN.upper(),
        MAIN + " ",
        " " + MAIN,
        "http" + MAIN[5:],
        MAIN + "?",
        MAIN + "#",
        MAIN + "/../narrow",
        MAIN + "\u0000",
        "https://evil.test/main",
        MAIN.replace("https://", "https://user@"),
        MAIN.replace("blackbox.test", "blackbox.test:443"),
        MAIN.replace("main", "m%61in"),
        [MAIN],
        {"iss": MAIN},
        None,
        True,
        1,
        [],
        "*",
        MAIN[8:],
        "https://idp.blackbox.test/narrow",
        "https://idp.blackbox.test/" + "x" * 4000,
    ):
        refuse(f"iss {str(value)[:48]!r}", claims={"iss": value})
    refuse("no iss", claims={"iss": ...})


def texts(world, suite):
    """JSON that two readers could read differently."""
    honest = claims(MAIN)
    base = compact(honest)
    exp = honest["exp"]
    inner = base[:-1]
    for name, raw in {
        "exp twice": inner + b',"exp":%d}' % (exp + 1),
        "exp twice, the same": inner + b',"exp":%d}' % exp,
        "exp twice, escaped": inner + b',"\\u0065xp":%d}' % exp,
        "an expired exp first": b'{"exp":1,' + base[1:],
        "an expired exp last": inner + b',"exp":1}',
        "iss twice": inner + b',"iss":"https://evil.test"}',
        "aud twice": b'{"aud":"other",' + base[1:],
        "sub twice": inner + b',"sub":"admin"}',
        "role twice": inner + b',"role":"reader"}',
        "an unknown claim twice": inner + b',"x":1,"x":2}',
        "a nested claim twice": inner + b',"realm_access":{"roles":["a"],"roles":["b"]}}',
        "a member twice in a list": inner + b',"list":[{"a":1,"a":2}]}',
        "an escaped name twice": inner + b',"r\\u006fle":"admin"}',
        "bytes after it": base + b"x",
        "a brace after it": base + b"}",
        "a second object": base + base,
        "NUL after it": base + b"\x00",
        "a BOM before it": b"\xef\xbb\xbf" + base,
        "UTF-16": base.decode().encode("utf-16"),
        "a list": b"[" + base + b"]",
        "a string": b'"x"',
        "a number": b"1",
        "null": b"null",
        "true": b"true",
        "nothing": b"",
        "only spaces": b"   ",
        "a trailing comma": inner + b",}",
        "a comment": inner + b"/**/}",
        "single quotes": base.replace(b'"', b"'"),
        "names without quotes": base.replace(b'"iss"', b"iss"),
        "NaN": inner + b',"x":NaN}',
        "bytes that are not UTF-8": inner + b',"x":"\xff\xfe"}',
        "overlong UTF-8": inner + b',"x":"\xc0\xaf"}',
        "a raw line end in a string": inner + b',"x":"a\nb"}',
        "a raw NUL in a string": inner + b',"x":"a\x00b"}',
        "a bad escape": inner + b',"x":"\\x41"}',
        "an unclosed string": inner + b',"x":"a}',
        "an unclosed object": inner,
        "5000 deep": inner + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        "4000 deep objects": inner + b',"x":' + b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"}",
        "a leading zero": inner + b',"x":01}',
        "a lone surrogate": inner + b',"x":"\\ud800"}',
        "encoded surrogates": inner + b',"x":"\xed\xa0\x80"}',
    }.items():
        bad(world, suite, f"claims: {name}", token(world.key, "ES256", raw))
    good(
        world,
        suite,
        "honest: spaces and line ends between members",
        token(world.key, "ES256", base.replace(b",", b" ,\r\n\t ")),
    )
    good(
        world,
        suite,
        "honest: escapes in a value",
        token(world.key, "ES256", base.replace(b"mallory", b"m\\u0061llory")),
    )
    good(
        world,
        suite,
        "honest: odd but sound claims",
        world.token(nested={"a": [1, 2.5, None, True, {"b": "\u20ac"}]}, big=2**70, tiny=1e-9, empty=""),
    )
