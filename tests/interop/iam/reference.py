"""A naive evaluator of simulate-jsonl cases, written from iam-semantics.md alone.

It exists to disagree: it shares no code and no author's reading with the Rust engine, and favours a literal rendering
of the rule book over everything else. It validates nothing but what it stumbles over.

    reference.py CASES.jsonl ...     decides plain cases, or checks corpus lines (`case` and `expect`)
"""

import json
import sys

from conditions import as_list, conditions_hold
from patterns import InvalidPolicy, action_matches, resource_matches, resource_surely_matches

ALLOWED, EXPLICIT, IMPLICIT = "allowed", "explicitDeny", "implicitDeny"

# Requesters that belong to an account and have identity policies, boundary, session policies and SCPs.
SESSIONS_AND_USERS = ("user", "assumed-role", "federated-user", "role")


# ---- principals (section 2) -------------------------------------------------------------------------------------


def grant_kinds(principal, requester):
    """Which kinds of grant (section 1) a Principal element holds for the requester; empty: it does not match."""
    if principal == "*":
        return {"everyone"}
    kinds = set()
    for family, values in principal.items():
        for value in as_list(values):
            kinds |= named_kinds(family, value, requester)
    return kinds


def named_kinds(family, value, requester):
    """One principal value. Comparison is exact; only a bare `*` (section 2)."""
    kind = requester["type"]
    if family == "AWS":
        if value == "*":
            return {"everyone"}
        if kind in ("service", "federated", "anonymous"):  # they belong to no account
            return set()
        account = requester["account"]
        if value in (account, f"arn:aws:iam::{account}:root"):
            return {"account"}
        if kind in ("user", "assumed-role", "federated-user") and value == requester["arn"]:
            return {"self"}
        if kind == "assumed-role" and value == requester["roleArn"]:
            return {"parent"}
        if kind == "role" and value == requester["arn"]:
            return {"parent"}
        if kind == "federated-user" and value == requester["userArn"]:
            return {"parent"}
    if family == "Service" and kind == "service" and value == requester["service"]:
        return {"self"}
    if family == "Federated" and kind == "federated" and value == requester["arn"]:
        return {"self"}
    return set()


def has_boundary(requester, policies):
    return requester["type"] in SESSIONS_AND_USERS and policies.get("boundary") is not None


def statement_kinds(statement, requester, policies):
    """The kinds of grant a resource-side statement holds; NotPrincipal hits whoever is not listed (section 2)."""
    if "NotPrincipal" in statement:
        listed = grant_kinds(statement["NotPrincipal"], requester)
        # With Deny it hits every requester that has a permissions boundary, listed or not.
        return set() if listed and not has_boundary(requester, policies) else {"everyone"}
    return grant_kinds(statement["Principal"], requester)


# ---- statements and documents (sections 1 and 3) ----------------------------------------------------------------


def statement_applies(statement, request, context, variables):
    """Action AND Resource AND every condition; the principal is looked at elsewhere (section 1)."""
    action = request["action"]
    if "Action" in statement:
        if not any([action_matches(p, action) for p in as_list(statement["Action"])]):
            return False
    elif any([action_matches(p, action) for p in as_list(statement["NotAction"])]):
        return False

    resource = request["resource"]
    if "Resource" in statement:
        if not any([resource_matches(p, resource, context, variables) for p in as_list(statement["Resource"])]):
            return False
    elif "NotResource" in statement:
        spares = resource_surely_matches if statement["Effect"] == "Deny" else resource_matches
        if any([spares(p, resource, context, variables) for p in as_list(statement["NotResource"])]):
            return False
    return conditions_hold(statement.get("Condition", {}), context, statement["Effect"], variables)


def applicable(documents, request, context):
    """The applicable statements of some documents, whatever their principal."""
    found = []
    for document in documents:
        variables = document.get("Version") == "2012-10-17"  # section 5
        for statement in as_list(document["Statement"]):
            if statement_applies(statement, request, context, variables):
                found.append(statement)
    return found


def has(effect, statements):
    return any(statement["Effect"] == effect for statement in statements)


# ---- layers (section 1) -----------------------------------------------------------------------------------------


def is_service_linked(requester):
    """Section 1: SCPs and RCPs do not act on service-linked roles; their path is /aws-service-role/."""
    role = {"assumed-role": "roleArn", "role": "arn"}.get(requester["type"])
    return role is not None and ":role/aws-service-role/" in requester[role]


def resource_account(request):
    """simulate-jsonl: null means the ARN's account, else the principal's."""
    if request.get("resourceAccount"):
        return request["resourceAccount"]
    parts = request["resource"].split(":", 5)
    if len(parts) == 6 and parts[4]:
        return parts[4]
    return request["principal"].get("account")


OPEN = ("sts:getcalleridentity", "sts:getsessiontoken")


def decide(case):
    """The decision of one simulate-jsonl case."""
    request, policies = case["request"], case["policies"]
    requester = request["principal"]
    context = {key.lower(): value for key, value in request.get("context", {}).items()}
    # Section 1: these need no permission, and no policy can stop them.
    if request["action"].lower() in OPEN and requester["type"] != "anonymous":
        return ALLOWED

    def statements(documents):
        return applicable(documents, request, context)

    # Which layers act on this requester (section 1, special requesters).
    kind = requester["type"]
    in_account = kind in SESSIONS_AND_USERS
    service_linked = is_service_linked(requester)
    identity = statements([p["document"] for p in policies.get("identity") or []] if in_account else [])
    boundary = statements([policies["boundary"]] if has_boundary(requester, policies) else [])
    session_given = in_account and policies.get("session") is not None
    session = statements(as_list(policies["session"]) if session_given else [])
    scps_act = (in_account or kind == "root") and not service_linked
    scps = [statements(level) for level in (policies.get("scps") or [] if scps_act else [])]
    rcps = [statements(level) for level in (policies.get("rcps") or [] if not service_linked else [])]
    resource = statements([policies["resource"]] if policies.get("resource") else [])
    resource = [(s, kinds) for s in resource if (kinds := statement_kinds(s, requester, policies))]

    # 1. Any applicable Deny in any layer that acts.
    everything = identity + boundary + session + sum(scps, []) + sum(rcps, []) + [s for s, _ in resource]
    if has("Deny", everything):
        return EXPLICIT

    # 2. The layers must add up to an allow. RCPFullAWSAccess stands on every level, so Q always holds.
    grants = set()
    for statement, kinds in resource:
        if statement["Effect"] == "Allow":
            grants |= kinds
    if kind in ("service", "anonymous", "federated"):
        return ALLOWED if grants else IMPLICIT  # the resource (or trust) policy alone decides

    C = all(has("Allow", level) for level in scps)
    I = kind == "root" or has("Allow", identity)
    B = not has_boundary(requester, policies) or has("Allow", boundary)
    S = has("Allow", session) if session_given else kind != "federated-user"
    if not C:
        return IMPLICIT

    mandatory = policies.get("resourceKind") in ("trust", "mandatory")
    if resource_account(request) != requester["account"]:
        return ALLOWED if grants and I and B and S else IMPLICIT
    by_identity = I and B and S
    allowed = (
        (by_identity and not mandatory)
        or "self" in grants
        or ("parent" in grants and B and S)
        or "everyone" in grants
        or ("account" in grants and by_identity)
    )
    return ALLOWED if allowed else IMPLICIT


# ---- command ----------------------------------------------------------------------------------------------------


def main(paths):
    wrong = total = 0
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            for line in filter(str.strip, lines):
                case = json.loads(line)
                if "expect" not in case:
                    print(json.dumps({"id": case["id"], "decision": decide(case)}))
                elif case["expect"] != "error" and "case" in case:
                    total += 1
                    try:
                        got = decide(case["case"])
                    except InvalidPolicy as fault:
                        got = f"error: {fault}"
                    if got != case["expect"]:
                        wrong += 1
                        print(f"{path}: {case['id']}: expected {case['expect']}, got {got}\n    {case['why']}")
    if total:
        print(f"{total - wrong} passed, {wrong} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
