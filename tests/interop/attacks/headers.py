"""Headers that lie: identity in every spelling, forwarded addresses, credentials, Via, request ids."""

import client
import support
import upstream

HOST = "Host: app.test"
SCOPE = "AKIAIOSFODNN7EXAMPLE/20240229/us-east-1/app/aws4_request"
# Removed because upstreams commonly believe them: who, and what.
BELIEVED = [
    "X-Remote-User",
    "X-Forwarded-User",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Access-Token",
    "X-Authenticated-User",
    "X-User-Id",
    "X-Principal",
    "X-Jwt-Payload",
    "X-Amzn-Oidc-Identity",
    "X-Amzn-Oidc-Data",
    "X-Amzn-Oidc-Accesstoken",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Original-URL",
    "X-Original-Method",
    "X-Rewrite-URL",
    "X-Forwarded-Uri",
    "X-Forwarded-Prefix",
    "X-Envoy-Original-Path",
    "X-Accel-Redirect",
]
FORWARDED = [
    "Forwarded",
    "X-Real-IP",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Forwarded-Scheme",
    "X-Forwarded-Method",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-By",
]


def run(world, suite):
    """All header cases."""
    honest(world, suite)
    spellings(world, suite)
    forwarded(world, suite)
    source_address(world, suite)
    credentials(world, suite)
    several(world, suite)
    request_ids(world, suite)
    answers(world, suite)


def ask(world, lines, target="/orders/1", token=True):
    """(talk, the one request at the upstream or None)."""
    head = [f"GET {target} HTTP/1.1", HOST]
    if token:
        head.append(f"Authorization: Bearer {world.token()}")
    talk = world.talk("\r\n".join([*head, *lines, "", ""]).encode("latin-1"))
    taken = world.taken()
    return talk, taken[0] if len(taken) == 1 else None


def names(received):
    """The lower-cased header names at the upstream, `_` and `.` read as `-`."""
    return [name.decode().lower().replace("_", "-").replace(".", "-") for name, _ in received.headers]


def honest(world, suite):
    """What an upstream is told about an identified request."""
    talk, got = ask(world, ["X-Mine: kept", "Cookie: a=b", "User-Agent: suite", "Accept: */*"])
    if not suite.check("an honest request with a token", talk.statuses == [200] and got is not None, repr(talk)):
        return
    for name, value in {
        "X-Sidegate-Principal-Arn": support.ROLE_SESSION,
        "X-Sidegate-Principal-Account": support.ACCOUNT,
        "X-Sidegate-Session-Name": "mallory",
        "X-Mine": "kept",
        "Cookie": "a=b",
        "User-Agent": "suite",
        "Host": "app.test",
    }.items():
        suite.check(f"the upstream's {name}", got.value(name.lower().encode()) == value.encode(), repr(got.headers))
    number = talk.first.value("x-sidegate-request-id")
    suite.check(
        "the request id is on both sides",
        number and got.value(b"x-sidegate-request-id") == number.encode(),
        f"{number} {got.headers}",
    )
    suite.check(
        "the credential is removed", not got.values(b"authorization") and b"Bearer" not in got.head, repr(got.headers)
    )
    suite.check(
        "Via on the way up", len(got.values(b"via")) == 1 and got.value(b"via").startswith(b"1.1 "), repr(got.headers)
    )
    record = world.audit_by_id({number}).get(number)
    suite.check(
        "the audit record names the principal",
        record and support.ROLE_SESSION in str(record.get("userIdentity")),
        repr(record),
    )
    suite.check(
        "the audit record names the peer", record and record.get("sourceIPAddress") == "127.0.0.1", repr(record)
    )
    talk, got = ask(world, ["Via: 1.0 fred, 1.1 p.example"])
    joined = b", ".join(got.values(b"via")) if got else b""
    suite.check("Via is appended to", joined.startswith(b"1.0 fred, 1.1 p.example, 1.1 "), f"{talk!r} {joined!r}")
    talk, got = ask(world, [], target="/public/x", token=False)
    there = got is not None and [
        name for name in names(got) if name.startswith("x-sidegate-") and name != "x-sidegate-request-id"
    ]
    arn = got.value(b"x-sidegate-principal-arn") if got else None
    suite.check(
        "anonymous has no name", got is not None and (not there or arn in (None, b"", b"anonymous", b"*")), repr(got)
    )


def spellings(world, suite):
    """X-Sidegate-* and the believed names, in every case and with `_` and `.`."""
    ours = [
        "X-Sidegate-Principal-Arn",
        "X-Sidegate-Principal-Account",
        "X-Sidegate-Session-Name",
        "X-Sidegate-Source-Identity",
        "X-Sidegate-Request-Id",
        "X-Sidegate-Identity",
        "X-Sidegate-Anything",
        "X-Sidegate-",
    ]
    for name in ours:
        lower = name.lower()
        for spelled in {
            name,
            lower,
            name.upper(),
            lower.replace("-", "_"),
            name.replace("-", "."),
            name.replace("-", "_"),
            "X-Sidegate_" + name[11:],
            "X_Sidegate-" + name[11:],
            "x.sidegate_" + lower[11:],
            "x_sidegate." + lower[11:].replace("-", "_"),
            name.upper().replace("-", "_"),
            "x-sidegate." + lower[11:],
            name.replace("-", "~"),
            name.replace("-", "!"),
            "x|sidegate^" + lower[11:],
        }:
            spoof(world, suite, spelled, lower)
    for name in BELIEVED:
        lower = name.lower()
        for spelled in {
            name,
            lower,
            name.upper(),
            lower.replace("-", "_"),
            name.replace("-", "."),
            name.replace("-", "_", 1),
            name.replace("-", "~"),
        }:
            spoof(world, suite, spelled, lower)
    for count in (2, 50):
        word = world.canary()
        talk, got = ask(world, [f"X-Sidegate-Principal-Arn: {word}"] * count)
        clean = got is not None and got.values(b"x-sidegate-principal-arn") == [support.ROLE_SESSION.encode()]
        suite.check(f"the spoof {count} times", clean or talk.first.status == 400, f"{talk!r} {got!r}")
    word = world.canary()
    talk, got = ask(world, [f"X-Sidegate-Principal-Arn: {word}", "Connection: X-Sidegate-Principal-Arn"])
    clean = got is not None and got.values(b"x-sidegate-principal-arn") == [support.ROLE_SESSION.encode()]
    suite.check("the spoof nominated in Connection", clean or talk.first.status == 400, f"{talk!r} {got!r}")
    talk, got = ask(world, ["X-Sidegate-Role: arn:aws:iam::555566667777:role/reader"])
    suite.check(
        "X-Sidegate-Role does not go on", got is not None and "x-sidegate-role" not in names(got), f"{talk!r} {got!r}"
    )
    talk, got = ask(world, ["X-Sidegate-Role: arn:aws:iam::555566667777:role/admin"])
    suite.check("a role not offered is 403", talk.statuses == [403] and got is None, f"{talk!r} {got!r}")
    talk, got = ask(world, ["X-Sidegate-Role: arn:aws:iam::555566667777:role/reader"] * 2)
    suite.check(
        "X-Sidegate-Role twice is refused", talk.first.status in (400, 403) and got is None, f"{talk!r} {got!r}"
    )
    talk, got = ask(world, ["X-Sidegate-Role: arn:aws:iam::555566667777:role/reader"], target="/public/x", token=False)
    suite.check(
        "X-Sidegate-Role without a credential is refused",
        talk.first.status in (400, 401, 403) and got is None,
        f"{talk!r} {got!r}",
    )


def spoof(world, suite, spelled, lower):
    """Sends one spoofed header on an anonymous and on an identified request; neither may carry it on."""
    for target, token in (("/public/x", False), ("/orders/1", True)):
        word = world.canary()
        talk, got = ask(world, [f"{spelled}: {word}"], target=target, token=token)
        case = f"{spelled} {'with' if token else 'without'} a token"
        if talk.statuses != [200]:
            suite.check(case, talk.first.status == 400 and got is None, f"{talk!r} {got!r}")
            continue
        clean = got is not None and word.encode() not in got.head
        twice = got is not None and names(got).count(lower) > 1
        suite.check(case, clean and not twice, f"{talk!r} {got!r}")


def forwarded(world, suite):
    """An untrusted peer's word about where a request comes from is dropped or replaced."""
    for name in FORWARDED:
        for spelled in (name, name.upper(), name.replace("-", "_"), name.replace("-", ".")):
            word = world.canary()
            talk, got = ask(world, [f"{spelled}: {word}"])
            suite.check(
                f"{spelled} from an untrusted peer",
                got is not None and word.encode() not in got.head or talk.first.status == 400,
                f"{talk!r} {got!r}",
            )
    talk, got = ask(
        world,
        [
            "X-Forwarded-For: 6.6.6.6",
            "X-Forwarded-For: 6.6.6.7",
            "Forwarded: for=6.6.6.6;proto=https",
            "X-Forwarded-Proto: https",
        ],
    )
    clean = got is not None and b"6.6.6." not in got.head and b"https" not in got.head
    suite.check("forwarded addresses and scheme do not go on", clean, f"{talk!r} {got!r}")
    number = talk.first.value("x-sidegate-request-id")
    record = world.audit_by_id({number}).get(number) or {}
    suite.check("the audit's address is the peer's", record.get("sourceIPAddress") == "127.0.0.1", repr(record))


def source_address(world, suite):
    """aws:SourceIp cannot be spoofed: /internal is open to 10/8 and 6.6.6/24 only."""
    for line in (
        "X-Forwarded-For: 10.0.0.1",
        "X-Real-IP: 10.0.0.1",
        "Forwarded: for=10.0.0.1",
        "X-Client-IP: 10.0.0.1",
        "True-Client-IP: 10.0.0.1",
        "CF-Connecting-IP: 10.0.0.1",
        "X-Forwarded-For: 127.0.0.1, 10.0.0.1",
        "X-Forwarded-For: 10.0.0.1, 127.0.0.1",
        "X-Envoy-External-Address: 10.0.0.1",
        "X-Cluster-Client-IP: 10.0.0.1",
        "X_Forwarded_For: 10.0.0.1",
        "X-Originating-IP: 10.0.0.1",
        "X-Forwarded: for=10.0.0.1",
        "Fastly-Client-IP: 10.0.0.1",
        "X-A: b",
    ):
        talk, got = ask(world, [line], target="/internal/x", token=False)
        suite.check(f"aws:SourceIp and {line}", talk.statuses == [401] and got is None, f"{talk!r} {got!r}")
    data = b"PROXY TCP4 10.0.0.1 10.0.0.2 1000 80\r\nGET /internal/x HTTP/1.1\r\nHost: app.test\r\n\r\n"
    talk = world.talk(data, timeout=2.0)
    suite.check("a PROXY line from an unlisted peer", talk.first.status in (0, 400) and not world.taken(), repr(talk))
    second = b"\r\n\r\n\x00\r\nQUIT\n" + bytes([0x21, 0x11, 0, 12, 10, 0, 0, 1, 10, 0, 0, 2, 3, 232, 0, 80])
    talk = world.talk(second + b"GET /internal/x HTTP/1.1\r\nHost: app.test\r\n\r\n", timeout=2.0)
    suite.check(
        "a PROXY v2 header from an unlisted peer", talk.first.status in (0, 400) and not world.taken(), repr(talk)
    )


def credentials(world, suite):
    """A credential that cannot be read is 401, also where anonymous would do; the application's own headers pass."""
    for line in (
        "X-Api-Key: sgk_abc_def",
        "X-Api-Key: sgk_",
        "X-Amz-Security-Token: abc",
        f"Authorization: AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature={'0' * 64}",
        "Authorization: AWS4-HMAC-SHA256",
        "Authorization: AWS4-ECDSA-P256-SHA256 Credential=a",
        "Authorization: Basic dXNlcjpwYXNz",
        "Authorization: Negotiate abc",
        "Authorization: DPoP abc.def.ghi",
        "Authorization: sgk_abc_def",
        "Authorization: AWS AKIA:sig",
    ):
        for target in ("/public/x", "/orders/1"):
            talk, got = ask(world, [line], target=target, token=False)
            suite.check(
                f"{line[:48]} on {target}",
                talk.statuses == [401] and got is None and talk.first.value("www-authenticate"),
                f"{talk!r} {got!r}",
            )
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20240229%2Fus-east-1%2Fapp%2Faws4_request&X-Amz-Date=20240229T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature="
        + "0" * 64
    )
    talk, got = ask(world, [], target=f"/public/x?{query}", token=False)
    suite.check(
        "a presigned query that cannot be verified", talk.statuses == [401] and got is None, f"{talk!r} {got!r}"
    )
    talk, got = ask(world, ["X-Api-Key: mine"], target="/public/x", token=False)
    suite.check(
        "an X-Api-Key of the application's own goes on",
        got is not None and got.value(b"x-api-key") == b"mine",
        f"{talk!r} {got!r}",
    )


def several(world, suite):
    """More than one credential is 400 InvalidRequest."""
    good = f"Authorization: Bearer {world.token()}"
    for case, lines, target in (
        ("two Authorization lines, the same", [good, good], "/orders/1"),
        ("two Authorization lines, one empty", [good, "Authorization:"], "/orders/1"),
        ("two Authorization lines in two cases", [good, good.replace("Authorization", "aUTHORIZATION")], "/orders/1"),
        ("two Authorization lines, one Basic", ["Authorization: Basic eDp5", good], "/public/x"),
        ("Authorization and X-Api-Key", [good, "X-Api-Key: sgk_a_b"], "/orders/1"),
        (
            "Authorization and a presigned query",
            [good],
            "/orders/1?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00",
        ),
        ("two X-Api-Key", ["X-Api-Key: sgk_a_b", "X-Api-Key: sgk_c_d"], "/public/x"),
    ):
        talk, got = ask(world, lines, target=target, token=False)
        ok = talk.statuses == [400] and got is None and talk.first.json().get("code") == "InvalidRequest"
        suite.check(case, ok, f"{talk!r} {got!r}")
    talk, got = ask(
        world,
        [good.replace("Authorization", "Authorization_X"), "Proxy-Authorization: " + good[15:]],
        target="/orders/1",
        token=False,
    )
    suite.check(
        "a token in another header is none", talk.first.status in (400, 401) and got is None, f"{talk!r} {got!r}"
    )
    talk, got = ask(
        world, [f"Cookie: token={world.token()}; authorization={world.token()}"], target="/orders/1", token=False
    )
    suite.check("a token in a cookie is none by default", talk.statuses == [401] and got is None, f"{talk!r} {got!r}")


def request_ids(world, suite):
    """X-Request-Id is the client's and passes; ours is our own."""
    talk, got = ask(world, ["X-Request-Id: mine-1"])
    number = talk.first.value("x-sidegate-request-id")
    suite.check(
        "X-Request-Id passes unchanged",
        got is not None and got.value(b"x-request-id") == b"mine-1",
        f"{talk!r} {got!r}",
    )
    record = world.audit_by_id({number}).get(number) or {}
    suite.check(
        "the audit has both ids",
        record.get("clientRequestId") == "mine-1" and record.get("requestID") == number,
        repr(record),
    )
    for value in ("x" * 129, "x" * 5000, "a\xe9b", "a\tb", "", 'a"b\\c{}'):
        talk, got = ask(world, [f"X-Request-Id: {value}"])
        number = talk.first.value("x-sidegate-request-id")
        record = world.audit_by_id({number}).get(number) or {}
        said = record.get("clientRequestId")
        fine = said is None or (len(said) <= 128 and all(0x20 < ord(letter) < 0x7F for letter in said))
        suite.check(
            f"odd X-Request-Id {value[:20]!r} is not copied into the audit",
            talk.statuses == [200] and bool(record) and fine,
            f"{talk!r} {record!r}",
        )
    seen = {ask(world, [], target="/public/x", token=False)[0].first.value("x-sidegate-request-id") for _ in range(20)}
    suite.check("each request has its own id", len(seen) == 20 and None not in seen, repr(seen))


def answers(world, suite):
    """What an upstream answers cannot speak for Sidegate, nor for the hop."""

    def answer(_received):
        return (
            b"HTTP/1.1 200 OK\r\nX-Sidegate-Request-Id: forged\r\nx_sidegate_request_id: forged\r\n"
            b"X-Own: kept\r\nKeep-Alive: timeout=9\r\nX-Drop: hop\r\nConnection: X-Drop\r\n"
            b"Proxy-Connection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
        )

    world.upstream.answer = answer
    try:
        talk = world.talk(client.request())
    finally:
        world.upstream.answer = upstream.plain
    first = talk.first
    suite.check(
        "the answer carries our request id once",
        len(first.values("x-sidegate-request-id")) == 1 and first.value("x-sidegate-request-id") != "forged",
        repr(first.headers),
    )
    suite.check("an upstream's own header passes", first.value("x-own") == "kept", repr(first.headers))
    dropped = [name for name in ("x-drop", "keep-alive", "proxy-connection") if first.value(name) is not None]
    suite.check("the answer's hop-by-hop headers are dropped", not dropped, repr(first.headers))
    suite.check(
        "Via on the way back, or none",
        all(value.startswith("1.1 ") for value in first.values("via")),
        repr(first.headers),
    )
