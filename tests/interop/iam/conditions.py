"""Conditions (iam-semantics.md, section 4): operators, set operators, IfExists, Null, missing and unparsable values."""

import base64
import binascii
import datetime
import decimal
import fractions
import ipaddress
import re

from patterns import VARIABLE, InvalidPolicy, glob, split_arn, tokens


class Unparsable(Exception):
    """A request value that does not parse under the operator (section 4, `Values that do not parse`)."""


def condition_text(value):
    """Section 4: values may be unquoted numbers and booleans; they become text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def as_list(value):
    return value if isinstance(value, list) else [value]


# ---- values -----------------------------------------------------------------------------------------------------


def number(text):
    """Section 4, Numeric*: decimal or integer, sign allowed, compared as exact decimals."""
    if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text):
        raise Unparsable(text)
    return decimal.Decimal(text)


DATE = re.compile(
    r"(\d{4})-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?)?", re.ASCII
)


def instant(text):
    """Section 4, Date*: W3C profile of ISO 8601, or epoch seconds (a bare four-digit number too). Exact seconds.

    The rule book does not say whether epoch seconds may have a sign or a fraction: read like a number here.
    """
    if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text):
        return fractions.Fraction(text)
    form = DATE.fullmatch(text)
    if form is None:
        raise Unparsable(text)
    year, month, day, hour, minute, second, fraction, zone = form.groups()
    try:
        days = datetime.date(int(year), int(month), int(day or 1)).toordinal() - datetime.date(1970, 1, 1).toordinal()
        datetime.time(int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        raise Unparsable(text) from None
    seconds = fractions.Fraction(days * 86400 + int(hour or 0) * 3600 + int(minute or 0) * 60 + int(second or 0))
    if fraction:
        seconds += fractions.Fraction("0" + fraction)
    if zone and zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 23 or minutes > 59:
            raise Unparsable(text)
        offset = hours * 3600 + minutes * 60
        seconds += offset if zone[0] == "-" else -offset
    return seconds


def boolean(text):
    """Section 4, Bool: true or false, case-insensitive."""
    if text.lower() not in ("true", "false"):
        raise Unparsable(text)
    return text.lower() == "true"


def binary(text):
    """Section 4, BinaryEquals: base64 in the policy; simulate-jsonl: base64 in the request too."""
    if len(text) % 4:
        raise Unparsable(text)  # which Python takes where there is more padding than is needed
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unparsable(text) from None


def address(text):
    """Section 4, IP: compared by value; IPv4-mapped IPv6 is normalised to IPv4."""
    if "%" in text:
        raise Unparsable(text)
    try:
        value = ipaddress.ip_address(text)
    except ValueError:
        raise Unparsable(text) from None
    return getattr(value, "ipv4_mapped", None) or value


def network(text):
    """Section 4, IP: no prefix means /32 or /128; host bits of the policy value are masked; /0 is accepted."""
    base, slash, prefix = text.partition("/")
    if slash and not re.fullmatch(r"[0-9]{1,3}", prefix):
        raise Unparsable(text)
    address(base)  # raises for anything but an address
    mapped = getattr(ipaddress.ip_address(base), "ipv4_mapped", None)
    if mapped is not None and slash:
        prefix = str(int(prefix) - 96)
    try:
        return ipaddress.ip_network(f"{mapped or base}/{prefix}" if slash else str(mapped or base), strict=False)
    except ValueError:
        raise Unparsable(text) from None


def arn(text):
    """Section 4: a value that is not an ARN under an ARN operator is a value that does not parse."""
    parts = split_arn(text, variables=False)
    if parts is None:
        raise Unparsable(text)
    return parts


# ---- operators --------------------------------------------------------------------------------------------------


def equal_tokens(value, pattern):
    return list(value) == pattern


def string_equals(value, policy, context, variables):
    """Exact, case-sensitive; wildcards are literal characters; null matches nothing (section 5)."""
    pattern = tokens(policy, context, variables=variables, wildcards=False)
    return pattern is not None and list(value) == pattern


def string_equals_ignore_case(value, policy, context, variables):
    """Simple lower-casing of both sides."""
    pattern = tokens(policy, context, variables=variables, wildcards=False)
    return pattern is not None and simple_lower(value) == simple_lower("".join(pattern))


def simple_lower(text):
    """One letter for each: the full mapping has two for U+0130, and knows final sigmas."""
    return "".join("i" if c == "\u0130" else c.lower() for c in text)


def string_like(value, policy, context, variables):
    """Case-sensitive glob over the whole value."""
    pattern = tokens(policy, context, variables=variables, wildcards=True)
    return pattern is not None and glob(pattern, value)


def arn_like(value, policy, context, variables):
    """ArnEquals = ArnLike: glob on each of the six colon parts separately; the sixth is the rest."""
    parts = arn(value)
    if variables and VARIABLE.fullmatch(policy) and policy not in ("${*}", "${?}", "${$}"):
        whole = tokens(policy, context, variables=True, wildcards=False)
        return whole is not None and arn("".join(whole)) == parts
    patterns = split_arn(policy, variables=variables)
    if patterns is None:
        raise InvalidPolicy(f"no ARN: {policy}")
    patterns = [tokens(part, context, variables=variables, wildcards=True) for part in patterns]
    return all(pattern is not None and glob(pattern, part) for pattern, part in zip(patterns, parts))


def bool_equals(value, policy, context, variables):
    """Bool supports variables (section 4, table); a null variable matches nothing."""
    pattern = tokens(policy, context, variables=variables, wildcards=False)
    value = boolean(value)
    return pattern is not None and value == boolean("".join(pattern))


def compared(parse, test):
    """An operator without variables: both sides are parsed, then compared. `LessThan`: request less than policy."""

    def operator(value, policy, _context, _variables):
        return test(parse(value), policy_value(parse, policy))

    return operator


def policy_value(parse, text):
    """A policy value that does not parse makes the policy invalid when it is loaded (section 4)."""
    try:
        return parse(text)
    except Unparsable as fault:
        raise InvalidPolicy(f"does not parse: {fault}") from None


def ip_member(value, policy, _context, _variables):
    """CIDR membership; the two families never match each other."""
    value, policy = address(value), policy_value(network, policy)
    return value.version == policy.version and value in policy


# name -> (whether negated, the positive test)
OPERATORS = {
    "stringequals": (False, string_equals),
    "stringnotequals": (True, string_equals),
    "stringequalsignorecase": (False, string_equals_ignore_case),
    "stringnotequalsignorecase": (True, string_equals_ignore_case),
    "stringlike": (False, string_like),
    "stringnotlike": (True, string_like),
    "arnequals": (False, arn_like),
    "arnlike": (False, arn_like),
    "arnnotequals": (True, arn_like),
    "arnnotlike": (True, arn_like),
    "bool": (False, bool_equals),
    "binaryequals": (False, compared(binary, lambda a, b: a == b)),
    "ipaddress": (False, ip_member),
    "notipaddress": (True, ip_member),
}
for family, parse in (("numeric", number), ("date", instant)):
    OPERATORS[family + "equals"] = (False, compared(parse, lambda a, b: a == b))
    OPERATORS[family + "notequals"] = (True, compared(parse, lambda a, b: a == b))
    OPERATORS[family + "lessthan"] = (False, compared(parse, lambda a, b: a < b))
    OPERATORS[family + "lessthanequals"] = (False, compared(parse, lambda a, b: a <= b))
    OPERATORS[family + "greaterthan"] = (False, compared(parse, lambda a, b: a > b))
    OPERATORS[family + "greaterthanequals"] = (False, compared(parse, lambda a, b: a >= b))


def satisfies(value, policies, negated, test, context, variables):
    """One request value against all policy values: OR, and NOR for negated operators (section 4).

    Where a variable stands for what does not parse, the other values are judged as usual; none of them matching, the
    condition cannot be read.
    """
    fault = None
    for policy in policies:
        try:
            if test(value, policy, context, variables):
                return not negated
        except Unparsable as found:
            fault = found
    if fault is not None:
        raise fault
    return negated


def condition_holds(operator, key, policies, context, effect, variables):
    """One `operator: {key: values}` entry of a Condition, for a statement with this effect (section 4)."""
    name = operator.lower()  # operator names compare without case
    quantifier = None
    for prefix in ("forallvalues:", "foranyvalue:"):
        if name.startswith(prefix):
            quantifier, name = prefix, name[len(prefix) :]
    policies = [condition_text(policy) for policy in as_list(policies)]
    present = context.get(key.lower())
    # An empty list is no value, and an empty string as the only value counts as empty for Null and the set operators.
    absent = present is None or present == []
    empty = absent or present in ("", [""])

    if name == "null":
        # Presence; set operators before it quantify nothing.
        return any([policy_value(boolean, policy) == empty for policy in policies])

    if_exists = name.endswith("ifexists")
    name = name.removesuffix("ifexists")
    if name not in OPERATORS:
        raise InvalidPolicy(f"unknown operator {operator}")
    negated, test = OPERATORS[name]

    try:
        if quantifier == "forallvalues:":
            if empty:
                return True
            return all([satisfies(v, policies, negated, test, context, variables) for v in as_list(present)])
        if quantifier == "foranyvalue:":
            if empty:  # IfExists changes nothing here
                return False
            return any([satisfies(v, policies, negated, test, context, variables) for v in as_list(present)])
        if absent:
            return if_exists or negated
        if isinstance(present, list):  # a multivalued key without a set operator never matches
            return False
        return satisfies(present, policies, negated, test, context, variables)
    except Unparsable:
        # Never grounds an allow: does not match in an Allow and matches in a Deny.
        return effect == "Deny"


def conditions_hold(block, context, effect, variables):
    """All operators AND, all keys in an operator AND (section 4)."""
    return all(
        [
            condition_holds(operator, key, policies, context, effect, variables)
            for operator, entries in block.items()
            for key, policies in entries.items()
        ]
    )
