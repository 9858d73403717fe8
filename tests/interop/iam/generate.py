"""A seeded generator of simulate-jsonl cases that are likely to matter.

Policies are made from the request they will judge (its action, resource, principal and context), then bent a little,
so that each of the three decisions comes up about as often. Every policy is valid by iam-semantics.md, except those
of `invalid_case`, which carry exactly one fault and expect an `error`.

    generate.py [--seed N] [--count N] [--invalid]
"""

import argparse
import json
import sys

from invalid import FAULTS
from situations import Situations
from vocabulary import (
    ACCOUNTS, ACTIONS, CROWD_ACTIONS, CROWD_RESOURCES, FAMILIES, KEYS, MULTIVALUED, POLICY_VALUES, RESOURCES, SERVICES, TRUST_ACTIONS, TRUST_RESOURCES,
)


class Generator(Situations):
    # ---- patterns around what the request holds ----

    def blur(self, text, start=0):
        """The text with a run or a character replaced by a wildcard, at or after `start`."""
        if len(text) <= start:
            return text + "*"
        cut = self.random.randint(start, len(text) - 1)
        roll = self.random.random()
        if roll < 0.4:
            return text[:cut] + "*"
        if roll < 0.6:
            end = self.random.randint(cut, len(text))
            return text[:cut] + "*" + text[end:]
        if roll < 0.9:
            return text[:cut] + "?" + text[cut + 1 :]
        return text[:cut] + "*?" + text[cut + 1 :]

    def action_pattern(self, action):
        roll = self.random.random()
        colon = action.index(":") + 1
        if roll < 0.25:
            pattern = action
        elif roll < 0.5:
            pattern = self.blur(action, colon)
        elif roll < 0.65:
            pattern = action[:colon] + "*"
        elif roll < 0.75:
            return "*"
        else:
            pattern = self.pick(TRUST_ACTIONS if action.lower().startswith("sts:") else ACTIONS)
        return self.odd_case(pattern) if self.chance(0.15) else pattern

    def with_variables(self, text, context, start=0):
        """Some part of the text after `start` that a context key holds becomes a variable; or one is just put there."""
        if "$" in text:  # another variable there would make an unknown form
            return text
        held = [(k, v) for k, values in context.items() for v in ([values] if isinstance(values, str) else values) if v and v in text[start:]]
        if held and self.chance(0.7):
            key, value = self.pick(held)
            name = self.odd_case(key) if self.chance(0.2) else key
            text = text[:start] + text[start:].replace(value, f"${{{name}{self.default()}}}", 1)
        elif self.chance(0.5):
            cut = self.random.randint(start, len(text))
            variable = self.pick(["*", "?", "$", "aws:username" + self.default(), "aws:PrincipalTag/none" + self.default()])
            text = f"{text[:cut]}${{{variable}}}{text[cut:]}"
        return text

    def default(self):
        return self.pick([", 'alice'", ", 'images'", ", '*'", ", ''"]) if self.chance(0.25) else ""

    def resource_pattern(self, request, kind):
        resource = request["resource"] if self.chance(0.8) else self.pick(TRUST_RESOURCES if "role/" in request["resource"] else RESOURCES)
        if resource == "*" or self.chance(0.25):
            return "*"
        fifth = len(resource) - len(resource.split(":", 5)[5])
        # The request's own `${aws:username}` stays as it is: literal under 2008, a variable under 2012.
        roll = self.random.random()
        if roll < 0.25:
            return resource
        if roll < 0.55:
            if "$" in resource:
                fifth = len(resource)
            return self.blur(resource, fifth)
        if roll < 0.8:
            return self.with_variables(resource, request["context"], fifth)
        if roll < 0.9:
            parts = resource.split(":", 5)
            parts[self.pick([1, 3, 4])] = "*"
            return ":".join(parts)
        if kind in ("identity", "boundary") and self.chance(0.5):
            parts = resource.split(":")[: self.pick([3, 4, 5])]  # an incomplete ARN
            if len(parts) > 3 and self.chance(0.3):
                parts[3] = "*"  # which may be meant to cross colons
                parts[-1] = self.pick(["*/a.txt", parts[-1]])
            return ":".join(parts)
        return ":".join(resource.split(":")[: self.pick([3, 4, 5])]) + ":*"

    # ---- conditions ----

    def policy_value(self, family, key, request):
        context = {k.lower(): v for k, v in request["context"].items()}
        present = context.get(key.lower())
        present = present if isinstance(present, list) else [present] if present is not None else []
        suited = KEYS[key][0] == family
        pool = []
        if suited:
            pool = KEYS[key][1] + [v for v in present if v in KEYS[key][1]] * 2
        elif family == "string":
            pool = KEYS[key][1]
        value = self.pick(pool) if pool and self.chance(0.7) else self.pick(POLICY_VALUES[family])
        if family == "string":
            if self.chance(0.2) and "$" not in value:
                value = self.blur(value)
            elif self.chance(0.25):
                value = self.with_variables(value, request["context"])
        elif family == "arn" and self.chance(0.2) and "$" not in value:
            value = self.with_variables(value, request["context"], len(value) - len(value.split(":", 5)[5]))
        elif family == "bool" and self.version == "2012-10-17" and self.chance(0.15):
            # Without variables the literal text would not parse, and the policy be invalid.
            value = self.pick(["${aws:SecureTransport}", "${aws:MultiFactorAuthPresent, 'true'}"])
        elif family == "bool" and self.chance(0.3) and value in ("true", "false"):
            value = value == "true"
        elif family == "numeric" and self.chance(0.3) and value.lstrip("-").isdigit() and str(int(value)) == value:
            value = int(value)
        return value

    def condition_entry(self, request):
        key = self.pick(list(KEYS))
        if self.chance(0.08):
            return self.pick(["Null", "Null", "null", "ForAnyValue:Null", "ForAllValues:Null"]), key, self.one_or_list(
                [self.pick(["true", "false", True, False]) for _ in range(1 if self.chance(0.95) else 2)]
            )
        family = KEYS[key][0] if self.chance(0.8) else self.pick(list(FAMILIES))
        operator = self.pick(FAMILIES[family])
        if self.chance(0.2):
            operator += "IfExists"
        if self.chance(0.7 if key in MULTIVALUED else 0.1):
            operator = self.pick(["ForAllValues:", "ForAnyValue:"]) + operator
        if self.chance(0.1):
            operator = self.odd_case(operator)
        values = [self.policy_value(family, key, request) for _ in range(self.pick([1, 1, 1, 2, 3]))]
        return operator, self.odd_case(key) if self.chance(0.15) else key, self.one_or_list(values)

    def condition(self, request):
        block = {}
        for _ in range(self.pick([1, 1, 1, 2, 2, 3])):
            operator, key, values = self.condition_entry(request)
            entries = block.setdefault(next((o for o in block if o.lower() == operator.lower()), operator), {})
            if not any(k.lower() == key.lower() for k in entries):
                entries[key] = values
        return block

    # ---- principals ----

    def principal_values(self, requester):
        """AWS values that often name the requester."""
        account = requester.get("account") or ACCOUNTS[0]
        own = [requester.get(k) for k in ("arn", "roleArn", "userArn") if requester.get(k) and requester["type"] != "federated"]
        own += [account, f"arn:aws:iam::{account}:root"]
        other = [
            "*", ACCOUNTS[1], f"arn:aws:iam::{ACCOUNTS[0]}:user/alice", f"arn:aws:iam::{account}:role/Reader",
            f"arn:aws:sts::{account}:assumed-role/Admin/sess-1", f"arn:aws:iam::{account}:role/svc/Reader", f"arn:aws:iam::{ACCOUNTS[0]}:user/bob",
        ]
        return [self.pick(own) if self.chance(0.7) else self.pick(other) for _ in range(self.pick([1, 1, 2, 3]))]

    def principal_element(self, requester):
        if self.chance(0.15):
            return "*"
        families = {}
        if requester["type"] == "service" or self.chance(0.1):
            families["Service"] = self.one_or_list(
                [requester["service"] if "service" in requester and self.chance(0.6) else self.pick(SERVICES) for _ in range(self.pick([1, 1, 2]))]
            )
        if requester["type"] == "federated" or self.chance(0.05):
            families["Federated"] = self.one_or_list(
                [requester["arn"] if requester["type"] == "federated" and self.chance(0.7) else "accounts.google.com"]
                + (["arn:aws:iam::111111111111:saml-provider/corp"] if self.chance(0.2) else [])
            )
        if not families or self.chance(0.2):
            families["AWS"] = self.one_or_list(self.principal_values(requester))
        return families

    # ---- documents ----

    def statement(self, kind, request, deny):
        effect = "Deny" if kind == "rcp" or self.chance(deny) else "Allow"
        statement = {"Effect": effect}
        if kind in ("resource", "trust"):
            if kind == "resource" and effect == "Deny" and self.chance(0.35):
                statement["NotPrincipal"] = self.principal_element(request["principal"])
            else:
                statement["Principal"] = self.principal_element(request["principal"])
        elif kind == "rcp":
            statement["Principal"] = "*"
        if self.plain:
            return self.plain_statement(statement, kind, request)
        action = request["action"]
        actions = [self.action_pattern(action) for _ in range(self.pick([1, 1, 2, 3]))]
        if kind == "trust":
            actions = [a for a in actions if a != "*"] or ["sts:*"]
        if kind == "rcp":
            actions = [a if a != "*" else action.split(":")[0] + ":*" for a in actions]
        negated = kind not in ("rcp", "trust") and self.chance(0.12)
        if negated:
            actions = [a for a in actions if a != "*"] or ["sqs:*"]
        statement["NotAction" if negated else "Action"] = self.one_or_list(actions)
        if kind != "trust":
            resources = [self.resource_pattern(request, kind) for _ in range(self.pick([1, 1, 2, 3]))]
            negated = self.chance(0.1)
            if negated:
                resources = [r for r in resources if r != "*"] or ["arn:aws:sqs:*"]
            statement["NotResource" if negated else "Resource"] = self.one_or_list(resources)
        if self.chance(0.65 if effect == "Deny" else 0.4):
            statement["Condition"] = self.condition(request)
        if self.chance(0.1):
            statement["Sid"] = f"S{self.random.randint(0, 10**9)}"
        return statement

    def plain_statement(self, statement, kind, request):
        matches = self.chance(0.8 if statement["Effect"] == "Allow" else 0.25)
        statement["Action"] = request["action"] if matches else "nothing:Matches"
        if kind != "trust":
            statement["Resource"] = "*"
        return statement

    def document(self, kind, request, deny=0.15):
        document = {}
        self.version = "2012-10-17" if kind == "rcp" else self.pick(["2012-10-17"] * 8 + ["2008-10-17", None])
        if self.version:
            document["Version"] = self.version
        statements = [self.statement(kind, request, deny) for _ in range(self.pick([1, 1, 2, 3]))]
        document["Statement"] = statements[0] if len(statements) == 1 and self.chance(0.3) else statements
        if kind in ("resource", "trust") and self.chance(0.05):
            document["Id"] = "doc-1"
        return document

    def full(self):
        return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

    def levels(self, kind, request):
        if self.chance(0.5):
            return []
        levels = []
        for _ in range(self.pick([1, 1, 2, 3])):
            level = []
            if kind == "scp" and self.chance(0.7):
                level.append(self.full())
            while self.chance(0.35):
                level.append(self.document(kind, request, 0.25))
            if kind == "scp" and not level and self.chance(0.7):
                level.append(self.full())
            levels.append(level)
        return levels

    def case(self):
        """Everything at once; one condition alone; the layers alone, with nothing else to miss; or a crowd of statements."""
        roll = self.random.random()
        if roll > 0.96:
            return self.crowded_case()
        return self.condition_case() if roll < 0.3 else self.layer_case() if roll < 0.6 else self.mixed_case()

    def condition_case(self):
        """One condition decides: an Allow that has it, or a Deny that has it beside an Allow of everything."""
        self.count += 1
        request = self.request(False)
        request["principal"] = {"type": "user", "account": ACCOUNTS[0], "arn": f"arn:aws:iam::{ACCOUNTS[0]}:user/alice", "name": "alice"}
        request["resourceAccount"] = ACCOUNTS[0]
        self.version = self.pick(["2012-10-17"] * 8 + ["2008-10-17", None])
        statement = {"Effect": self.pick(["Allow", "Deny"]), "Action": "*", "Resource": "*"}
        operator, key, values = self.condition_entry(request)
        if self.chance(0.8):
            # Make sure that the key is there.
            request["context"] = {k: v for k, v in request["context"].items() if k.lower() != key.lower()}
            request["context"][key] = self.context_value(next(k for k in KEYS if k.lower() == key.lower()))
        statement["Condition"] = {operator: {key: values}}
        document = {"Statement": [statement]}
        if self.version:
            document["Version"] = self.version
        identity = [{"name": "p0", "document": document}]
        if statement["Effect"] == "Deny":
            identity.append({"name": "full", "document": self.full()})
        policies = {"identity": identity, "resource": None, "resourceKind": None, "boundary": None, "session": None, "scps": [], "rcps": []}
        return {"id": f"s{self.seed}-{self.count}", "request": request, "policies": policies}

    def crowded_case(self):
        """Many statements, of which hardly one is about this action and resource."""
        self.count += 1
        self.version = "2012-10-17"
        request = self.request(False)
        request["principal"] = {"type": "user", "account": ACCOUNTS[0], "arn": f"arn:aws:iam::{ACCOUNTS[0]}:user/alice", "name": "alice"}
        request.update(action=self.pick(CROWD_ACTIONS), resource=self.pick(CROWD_RESOURCES), resourceAccount=ACCOUNTS[0])
        if self.chance(0.2):
            request["action"] = self.odd_case(request["action"])
        identity = [
            {"name": f"p{index}", "document": {"Version": "2012-10-17", "Statement": [self.crowd_statement(request) for _ in range(size)]}}
            for index, size in enumerate(self.pick([[40], [20, 20], [1, 5, 30], [10] * 5]))
        ]
        policies = {"identity": identity, "resource": None, "resourceKind": None, "boundary": None, "session": None, "scps": [], "rcps": []}
        return {"id": f"s{self.seed}-{self.count}", "request": request, "policies": policies}

    def crowd_statement(self, request):
        action, resource = request["action"], request["resource"]
        # Near misses: one half right, the other from the crowd.
        if self.chance(0.99):
            if self.chance(0.6):
                action = self.pick(CROWD_ACTIONS)
            else:
                resource = self.pick(CROWD_RESOURCES)
        roll = self.random.random()
        colon = action.index(":") + 1
        action = action if roll < 0.6 else self.blur(action, colon) if roll < 0.995 else "*"
        if self.chance(0.1):
            action = self.odd_case(action)
        roll = self.random.random()
        if resource != "*" and roll > 0.5:
            parts = resource.split(":", 5)
            if roll > 0.95:
                parts[self.pick([1, 3, 4])] = "*"
            elif roll > 0.75:
                parts[5] = self.with_variables(parts[5], request["context"])
            else:
                parts[5] = self.blur(parts[5])
            resource = ":".join(parts)
        statement = {"Effect": "Deny" if self.chance(0.2) else "Allow"}
        if self.chance(0.01) and action != "*":
            statement["NotAction"] = [action, "s:*", "s3:*", "sqs:*", "sns:*", "s3express:*"]
        else:
            statement["Action"] = self.one_or_list([action] + ([self.pick(CROWD_ACTIONS)] if self.chance(0.2) else []))
        if self.chance(0.01) and resource != "*":
            statement["NotResource"] = [resource, "arn:aws:s3:*", "arn:aws:sqs:*"]
        else:
            statement["Resource"] = self.one_or_list([resource] + ([self.pick(CROWD_RESOURCES[:-1])] if self.chance(0.2) else []))
        if self.chance(0.2):
            statement["Condition"] = self.condition(request)
        return statement

    def layer_case(self):
        """Who is asked, who is named, and which layers allow: statements either match plainly or do not."""
        self.plain = True
        try:
            return self.mixed_case()
        finally:
            self.plain = False

    def mixed_case(self):
        self.count += 1
        trust = self.chance(0.2)
        request = self.request(trust)
        kind = request["principal"]["type"]
        in_account = kind in ("user", "assumed-role", "federated-user", "role")
        policies = {"identity": [], "resource": None, "resourceKind": None, "boundary": None, "session": None, "scps": [], "rcps": []}
        if in_account:
            policies["identity"] = [
                {"name": f"p{i}", "document": self.document("identity", request)} for i in range(self.pick([0, 1, 1, 2, 3]))
            ]
            if self.chance(0.3):
                policies["boundary"] = self.document("boundary", request, 0.08) if self.chance(0.7) else self.full()
            if kind != "user" and self.chance(0.4):
                roll = self.random.random()
                policies["session"] = (
                    self.full() if roll < 0.3 else self.document("session", request, 0.08) if roll < 0.7
                    else [self.document("session", request, 0.05) for _ in range(self.pick([1, 2, 2]))]
                )
        if trust:
            policies["resource"], policies["resourceKind"] = self.document("trust", request, 0.12), "trust"
        elif self.chance(0.6) or not in_account:
            policies["resource"] = self.document("resource", request, 0.15)
            policies["resourceKind"] = self.pick(["resource", "resource", "resource", "mandatory", None])
        if in_account or kind == "root" or self.chance(0.3):
            policies["scps"] = self.levels("scp", request)
        policies["rcps"] = self.levels("rcp", request)
        return {"id": f"s{self.seed}-{self.count}", "request": request, "policies": policies}

    def invalid_case(self):
        """A valid case with one fault put into one of its policies: (case, the fault's name)."""
        while True:
            case = self.case()
            name, kinds, damage = self.pick(FAULTS)
            slots = [(kind, document) for kind, document in documents(case["policies"]) if kind in kinds]
            if not slots:
                continue
            kind, document = self.pick(slots)
            document["Statement"] = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
            if damage(document, self.pick(document["Statement"]), self.random) is not False:
                case["id"] += ":" + name
                return case, name


def documents(policies):
    """(kind, document) of every policy in a case."""
    for policy in policies["identity"]:
        yield "identity", policy["document"]
    for kind in ("boundary", "session"):
        value = policies[kind]
        for document in value if isinstance(value, list) else [value] if value else []:
            yield kind, document
    if policies["resource"]:
        yield "trust" if policies["resourceKind"] == "trust" else "resource", policies["resource"]
    for kind in ("scp", "rcp"):
        for level in policies[kind + "s"]:
            for document in level:
                yield kind, document


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--invalid", action="store_true")
    options = parser.parse_args()
    generator = Generator(options.seed)
    for _ in range(options.count):
        case = generator.invalid_case()[0] if options.invalid else generator.case()
        sys.stdout.write(json.dumps(case, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
