"""Shows a token to Sidegate and judges: accepted, or refused on a protected and on a public route."""

PROTECTED, OPEN = "/orders/1", "/public/x"


def show(world, credential, target=PROTECTED, scheme="Bearer "):
    """The talk of one request with that Authorization value."""
    value = f"{scheme}{credential}".encode("latin-1")
    return world.talk(
        b"GET " + target.encode() + b" HTTP/1.1\r\nHost: app.test\r\nAuthorization: " + value + b"\r\n\r\n", timeout=6
    )


def good(world, suite, case, credential, **options):
    """An honest credential: 200, and the upstream is reached once."""
    talk = show(world, credential, **options)
    suite.check(case, talk.statuses == [200] and len(world.upstream.taken()) == 1, repr(talk))


def bad(world, suite, case, credential, statuses=(401,), **options):
    """Refused on both routes with a challenge, the upstream not reached."""
    for target in (PROTECTED, OPEN):
        talk = show(world, credential, target=target, **options)
        scheme = ("Bearer", "DPoP") if "DPoP" in case else "Bearer"  # RFC 9449, section 7.1
        challenged = talk.first.status != 401 or (talk.first.value("www-authenticate") or "").startswith(scheme)
        ok = len(talk.statuses) == 1 and talk.first.status in statuses and challenged and not world.upstream.taken()
        suite.check(
            f"{case} on {target}", ok, f"expected {statuses}, got {talk!r} {talk.first.value('www-authenticate')!r}"
        )
