"""Faults that make a valid policy one that IAM refuses (iam-semantics.md, sections 2, 4, 5 and 6).

Each is (name, the kinds of policy it applies to, a function that puts it in). A function may return False: not here.
"""

EVERY = ("identity", "boundary", "session", "resource", "trust", "scp", "rcp")
PRINCIPALS = ("identity", "boundary", "session")
IN_PRINCIPAL_ELEMENT = ("resource", "trust")
WITH_RESOURCE = ("identity", "boundary", "session", "resource", "scp", "rcp")


def put(**members):
    def damage(_document, statement, _random):
        statement.update(members)

    return damage


def drop(*names):
    def damage(_document, statement, _random):
        for name in names:
            statement.pop(name, None)

    return damage


def condition(operator, key, *values):
    """One of the values, which cannot be read, under the operator."""

    def damage(_document, statement, random):
        statement["Condition"] = {operator: {key: random.choice(values)}}

    return damage


def document_member(name, value):
    def damage(document, _statement, _random):
        document[name] = value

    return damage


def swap(wanted, other, value):
    """Both of two elements that exclude each other."""

    def damage(_document, statement, _random):
        if wanted not in statement:
            return False
        statement[other] = value
        return None

    return damage


def not_principal(statement):
    return "NotPrincipal" in statement


def allow_not_principal(_document, statement, _random):
    statement.pop("Principal", None)
    statement["NotPrincipal"] = {"AWS": "111111111111"}
    statement["Effect"] = "Allow"


def trust_not_principal(_document, statement, _random):
    statement.pop("Principal", None)
    statement["NotPrincipal"] = {"AWS": "111111111111"}
    statement["Effect"] = "Deny"


def principal(value):
    def damage(_document, statement, _random):
        if not_principal(statement):
            return False
        statement["Principal"] = value
        return None

    return damage


def resource(*values):
    def damage(document, statement, random):
        statement.pop("NotResource", None)
        statement["Resource"] = random.choice(values)
        document["Version"] = "2012-10-17"

    return damage


def action(*values):
    def damage(_document, statement, random):
        statement.pop("NotAction", None)
        statement["Action"] = random.choice(values)

    return damage


def not_action(_document, statement, _random):
    statement.pop("Action", None)
    statement["NotAction"] = "sqs:*"


def same_sid(document, statement, _random):
    twin = dict(statement)
    twin["Sid"] = statement["Sid"] = "Same"
    document["Statement"].append(twin)


def bad_variable(_document, statement, random):
    statement["Condition"] = {"StringEquals": {"aws:username": random.choice(["${}", "${aws:username, x}", "${aws:username,'x'}", "${ aws:username }"])}}
    _document["Version"] = "2012-10-17"


FAULTS = [
    ("effect-case", EVERY, put(Effect="allow")),
    ("effect-unknown", EVERY, put(Effect="Permit")),
    ("effect-missing", EVERY, drop("Effect")),
    ("action-missing", EVERY, drop("Action", "NotAction")),
    ("action-and-not-action", EVERY, swap("Action", "NotAction", "s3:GetObject")),
    ("resource-and-not-resource", WITH_RESOURCE, swap("Resource", "NotResource", "arn:aws:s3:::x")),
    ("resource-missing", PRINCIPALS + ("scp", "rcp"), drop("Resource", "NotResource")),
    ("resource-in-trust", ("trust",), put(Resource="*")),
    ("resource-no-arn", WITH_RESOURCE, resource("logs/a.txt", "?", "logs/*", "*logs*", "")),
    ("resource-service-wildcard", WITH_RESOURCE, resource("arn:aws:s*:::logs/*", "arn:aws:?3:::logs")),
    ("resource-variable-early", WITH_RESOURCE, resource("arn:aws:s3:${aws:username}::logs", "arn:aws:${aws:username}:::logs")),
    ("resource-incomplete", ("session", "resource", "scp", "rcp"), resource("arn:aws:sqs", "arn:aws:sqs:us-east-1", "arn:aws:sqs:us-east-1:111111111111", "arn:aws:sqs:*:111111111111", "arn:aws:s3:*/a.txt")),
    ("principal-in-identity", PRINCIPALS + ("scp",), put(Principal="*")),
    ("principal-missing", ("resource", "trust", "rcp"), drop("Principal", "NotPrincipal")),
    ("principal-and-not-principal", ("resource",), swap("Principal", "NotPrincipal", {"AWS": "111111111111"})),
    ("principal-partial-wildcard", IN_PRINCIPAL_ELEMENT, principal({"AWS": "arn:aws:iam::111111111111:user/*"})),
    ("principal-unknown-family", IN_PRINCIPAL_ELEMENT, principal({"Aws": "111111111111"})),
    ("not-principal-allow", ("resource",), allow_not_principal),
    ("not-principal-trust", ("trust",), trust_not_principal),
    ("rcp-allow", ("rcp",), put(Effect="Allow")),
    ("rcp-principal", ("rcp",), put(Principal={"AWS": "111111111111"})),
    ("rcp-bare-star-action", ("rcp",), put(Action="*")),
    ("rcp-version", ("rcp",), document_member("Version", "2008-10-17")),
    ("version-unknown", EVERY, document_member("Version", "2020-01-01")),
    ("id-in-identity", PRINCIPALS, document_member("Id", "x")),
    ("unknown-member", EVERY, document_member("Comment", "x")),
    ("unknown-statement-member", EVERY, put(Comment="x")),
    ("member-case", EVERY, lambda _d, s, _r: False if "Action" not in s else (s.update(action=s.pop("Action")), None)[1]),
    ("statement-empty", EVERY, document_member("Statement", [])),
    ("statement-text", EVERY, document_member("Statement", "Allow")),
    ("statement-missing", EVERY, lambda d, _s, _r: (d.pop("Statement"), None)[1]),
    ("action-no-colon", EVERY, action("GetObject", "**", "", "?")),
    ("action-two-colons", EVERY, action("s3:s3:GetObject", "s3:*:x")),
    ("action-empty-half", EVERY, action("s3:", ":GetObject", ":")),
    ("action-service-wildcard", EVERY, action("s*:GetObject", "?3:GetObject")),
    ("rcp-not-action", ("rcp",), not_action),
    ("condition-keys-case", EVERY, put(Condition={"StringEquals": {"aws:username": "alice", "AWS:UserName": "bob"}})),
    ("operator-unknown", EVERY, condition("StringMatches", "aws:username", "alice")),
    ("operator-null-if-exists", EVERY, condition("NullIfExists", "aws:username", "true")),
    ("set-operator-unknown", EVERY, condition("ForSomeValues:StringEquals", "aws:username", "alice")),
    ("value-number", EVERY, condition("NumericEquals", "s3:max-keys", "ten", "1,000", "", "${aws:MultiFactorAuthAge}")),
    ("value-date", EVERY, condition("DateLessThan", "aws:CurrentTime", "yesterday", "2024-13-01", "2024-02-30", "")),
    ("value-bool", EVERY, condition("Bool", "aws:SecureTransport", "yes", "", "1")),
    ("value-ip", EVERY, condition("IpAddress", "aws:SourceIp", "203.0.113.0/33", "203.0.113.256", "host", "", "::/129")),
    ("value-binary", EVERY, condition("BinaryEquals", "custom:Blob", "@@@", "a")),
    ("value-arn", EVERY, condition("ArnLike", "aws:SourceArn", "alice", "arn:aws:s3")),
    ("value-null", EVERY, condition("Null", "aws:username", "yes", "")),
    ("value-object", EVERY, condition("StringEquals", "aws:username", {"a": "b"}, None)),
    ("variable-form", EVERY, bad_variable),
    ("sid-duplicate", PRINCIPALS, same_sid),
    ("sid-characters", PRINCIPALS, put(Sid="not a sid")),
    ("character", EVERY, condition("StringEquals", "aws:username", "\u0100lice", "\u4e2d")),
]
