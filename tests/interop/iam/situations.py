"""Who asks for what, with which context: the requests that the generated policies will judge."""

import random

from vocabulary import ACCOUNTS, ACTIONS, KEYS, MULTIVALUED, RESOURCES, SERVICES, TRUST_ACTIONS, TRUST_RESOURCES, UNPARSABLE


class Situations:
    """Seeded dice, and requests thrown with them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.count = 0
        self.seed = seed
        self.version = "2012-10-17"  # of the document being made
        self.plain = False  # statements without conditions and odd patterns

    # ---- small dice ----

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, items):
        return self.random.choice(items)

    def some(self, items, most):
        return [self.pick(items) for _ in range(self.random.randint(1, most))]

    def odd_case(self, text):
        return "".join(c.upper() if self.chance(0.5) else c.lower() for c in text)

    def one_or_list(self, values):
        return values[0] if len(values) == 1 and self.chance(0.7) else values

    # ---- requests ----

    def principal(self, trust):
        account = self.pick(ACCOUNTS) if self.chance(0.3) else ACCOUNTS[0]
        kinds = ["user"] * 5 + ["assumed-role"] * 6 + ["federated-user"] * 3 + ["service", "anonymous", "role", "root"] * 2
        kind = self.pick(kinds + (["federated"] * 6 if trust else []))
        if kind == "user":
            name, path = self.pick([("alice", "/"), ("bob", "/eng/")])
            return {"type": kind, "account": account, "arn": f"arn:aws:iam::{account}:user{path}{name}", "name": name}
        if kind in ("assumed-role", "role"):
            name, path = self.pick(
                [("Admin", "/"), ("Admin", "/"), ("Reader", "/svc/"), ("Reader", "/svc/"),
                 ("AWSServiceRoleForLogs", "/aws-service-role/logs.amazonaws.com/")]
            )
            role = f"arn:aws:iam::{account}:role{path}{name}"
            if kind == "role":
                return {"type": kind, "account": account, "arn": role, "name": name}
            session = self.pick(["sess-1", "sess-2"])
            return {
                "type": kind, "account": account, "arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
                "roleArn": role, "name": name, "session": session,
            }
        if kind == "federated-user":
            return {
                "type": kind, "account": account, "arn": f"arn:aws:sts::{account}:federated-user/alice", "name": "alice",
                "userArn": f"arn:aws:iam::{account}:user/alice",
            }
        if kind == "federated":
            arn = self.pick(
                [f"arn:aws:iam::{account}:oidc-provider/idp.example", f"arn:aws:iam::{account}:saml-provider/corp", "accounts.google.com"]
            )
            return {"type": kind, "account": account, "arn": arn}
        if kind == "service":
            return {"type": kind, "account": None, "arn": None, "service": self.pick(SERVICES)}
        if kind == "anonymous":
            return {"type": kind, "account": None, "arn": None}
        return {"type": "root", "account": account, "arn": f"arn:aws:iam::{account}:root"}

    def context_value(self, key):
        family, values = KEYS[key]
        if key in MULTIVALUED:
            roll = self.random.random()
            if roll < 0.07:
                return []
            if roll < 0.12:
                return [""]
            if roll < 0.2:
                return self.pick(values)
            return list(dict.fromkeys(self.some(values, 3)))
        roll = self.random.random()
        if roll < 0.07:
            return self.pick(UNPARSABLE[family])
        if roll < 0.1:
            return ""
        if roll < 0.13:
            return self.some(values, 2)
        if roll < 0.14:
            return [self.pick(values), self.pick(UNPARSABLE[family]) or "x"]
        return self.pick(values)

    def request(self, trust):
        context = {}
        for key in KEYS:
            if self.chance(0.6):
                context[self.odd_case(key) if self.chance(0.1) else key] = self.context_value(key)
        action = self.pick(TRUST_ACTIONS if trust else ACTIONS)
        request = {
            "principal": self.principal(trust),
            "action": self.odd_case(action) if self.chance(0.1) else action,
            "resource": self.pick(TRUST_RESOURCES if trust else RESOURCES),
            "resourceAccount": self.pick([None, None, ACCOUNTS[0], ACCOUNTS[0], ACCOUNTS[1]]),
            "context": context,
        }
        if trust:
            request["resourceAccount"] = self.pick([None, request["resource"].split(":")[4]])
        return request
