"""Wildcards and policy variables (iam-semantics.md, sections 3, 4 and 5).

A pattern becomes a list of tokens first and is matched afterwards, so that text which came out of a variable can
never act as a wildcard. Slow and plain on purpose: this is an oracle, not an engine.
"""

import re

STAR = object()
ANY = object()

# `${*}`, `${?}`, `${$}`, `${key}` or `${key, 'default'}`: comma, one space, single quotes (section 5).
VARIABLE = re.compile(r"\$\{(?:([*?$])|([^,'{}$*?]+)(?:, '([^']*)')?)\}")


class InvalidPolicy(Exception):
    """The policy should have been refused when it was loaded."""


def variable_value(context, key):
    """Section 5: the single-valued key's text; None where it has none. Multivalued keys cannot be used."""
    value = context.get(key.lower())
    return value if isinstance(value, str) else None


def tokens(text, context, *, variables, wildcards):
    """The pattern as characters, STAR and ANY; None is the null of section 5 (a variable without value or default)."""
    result = []
    position = 0
    while position < len(text):
        character = text[position]
        if variables and text.startswith("${", position):
            if "}" not in text[position:]:  # section 5: an unclosed `${` is literal
                result.extend(text[position:])
                return result
            form = VARIABLE.match(text, position)
            if form is None:
                raise InvalidPolicy(f"unknown variable form: {text[position:]}")
            position = form.end()
            if form[1]:
                result.append(form[1])
                continue
            value = variable_value(context, form[2])
            if value is None:
                value = form[3]
            if value is None:
                return None
            result.extend(value)
            continue
        if wildcards and character == "*":
            result.append(STAR)
        elif wildcards and character == "?":
            result.append(ANY)
        else:
            result.append(character)
        position += 1
    return result


def glob(pattern, text):
    """Whether the tokens match the whole text: STAR any run, also empty; ANY exactly one character (section 3)."""
    reachable = {0}
    for token in pattern:
        if token is STAR:
            reachable = set(range(min(reachable), len(text) + 1)) if reachable else set()
        else:
            reachable = {i + 1 for i in reachable if i < len(text) and (token is ANY or token == text[i])}
    return len(text) in reachable


def split_arn(text, *, variables):
    """The six colon parts of an ARN or ARN pattern, the sixth being the rest; None when there are fewer.

    Section 5: colons inside `${...}` do not count, since variable names contain them.
    """
    parts = [""]
    position = 0
    while position < len(text):
        end = text.find("}", position) if variables and text.startswith("${", position) else -1
        if end >= 0:
            parts[-1] += text[position : end + 1]
            position = end + 1
            continue
        if text[position] == ":" and len(parts) < 6:
            parts.append("")
        else:
            parts[-1] += text[position]
        position += 1
    if len(parts) < 6 or parts[0] != "arn":
        return None
    return parts


def action_matches(pattern, action):
    """Section 3: case-insensitive throughout; wildcards in the name part; `*` alone is everything."""
    return glob(tokens(pattern.lower(), {}, variables=False, wildcards=True), action.lower())


def completed(pattern):
    """AWS, `ARNs`: an incomplete ARN (fewer than six fields) is completed with `*` for every missing field."""
    return pattern if pattern == "*" else pattern + ":*" * (5 - min(5, pattern.count(":")))


def resource_matches(pattern, resource, context, variables):
    """An incomplete ARN with a star within it covers what either reading does: completed, and as it stands."""
    return any(whole_matches(reading, resource, context, variables) for reading in readings_of(pattern))


def resource_surely_matches(pattern, resource, context, variables):
    """What the NotResource of a Deny spares: what every reading covers. A star at the end reaches over what is missing."""
    readings = {pattern} if pattern.endswith("*") else readings_of(pattern)
    return all(whole_matches(reading, resource, context, variables) for reading in readings)


def readings_of(pattern):
    return {completed(pattern), pattern} if "*" in pattern else {completed(pattern)}


def whole_matches(pattern, resource, context, variables):
    """Section 3: case-sensitive glob over the whole text; section 5: variables after the fifth colon, null matches nothing."""
    parts = pattern.split(":", 5)
    after = parts.pop() if len(parts) == 6 else None
    before = ":".join(parts) + ("" if after is None else ":")
    before, after = tokens(before, context, variables=False, wildcards=True), after or ""
    after = tokens(after, context, variables=variables, wildcards=True)
    return after is not None and glob(before + after, resource)
