"""Smaller cases that still show a disagreement: one part dropped at a time."""

import copy

# Without these a statement or a request is no longer one.
REQUIRED = {"Effect", "Statement", "request", "policies", "principal", "action", "resource", "type", "account", "arn", "roleArn", "userArn",
            "service", "name", "document", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "id"}
NULLABLE = {"boundary", "session", "resourceKind"}


def reductions(value, path=()):
    """Paths into the case, each with what may stand there instead (a list of replacements; DROP: leave it out)."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in NULLABLE or (key == "resource" and isinstance(inner, dict)):
                if inner is not None:
                    yield path + (key,), None
            elif key not in REQUIRED and path[:1] != ("policies",) or key in ("Condition", "Sid", "Id"):
                yield path + (key,), DROP
            elif len(path) > 1 and "Condition" in path and len(value) > 1:
                yield path + (key,), DROP
            yield from reductions(inner, path + (key,))
    elif isinstance(value, list):
        emptiable = path and path[-1] in ("identity", "scps", "rcps") or len(path) > 1 and path[-2] in ("scps", "rcps") or path[:2] == ("request", "context")
        if len(value) > 1 or emptiable:
            for index in range(len(value)):
                yield path + (index,), DROP
        for index, inner in enumerate(value):
            yield from reductions(inner, path + (index,))
        if len(value) == 1 and isinstance(value[0], (str, bool, int)) and path[:2] != ("request", "context"):
            yield path, value[0]


DROP = object()


def replaced(case, path, replacement):
    case = copy.deepcopy(case)
    at = case
    for step in path[:-1]:
        at = at[step]
    if replacement is DROP:
        del at[path[-1]]
    else:
        at[path[-1]] = replacement
    return case


def minimise(case, disagree):
    """`disagree` takes a list of cases and says of each whether reference and engine still differ."""
    while True:
        smaller = [replaced(case, path, replacement) for path, replacement in reductions(case)]
        for index, candidate in enumerate(smaller):
            candidate["id"] = str(index)
        kept = next((c for c, differs in zip(smaller, disagree(smaller)) if differs), None)
        if kept is None:
            return case
        case = kept
