"""Holds `sidegate simulate --jsonl` against the reference on generated cases.

    differential.py [BINARY] [--seed N] [--count N] [--invalid N] [--show N]

Disagreements are printed minimised, with both answers. Exit 1 on any. The last line is `N passed, N failed`.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import time

from generate import Generator
from minimise import minimise
from patterns import InvalidPolicy
from reference import decide

CHUNK = 5000


def default_binary():
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "target")
    for profile in ("debug", "release"):
        path = os.path.normpath(os.path.join(root, profile, "sidegate"))
        if os.path.exists(path):
            return path
    sys.exit("differential.py: no target/debug/sidegate and no target/release/sidegate: build first, or name the binary")


class Engine:
    def __init__(self, binary):
        self.binary = binary
        self.seconds = 0.0

    def answers(self, cases):
        """id -> the answer's object, for distinct ids."""
        text = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)
        started = time.monotonic()
        run = subprocess.run([self.binary, "simulate", "--jsonl"], input=text.encode(), stdout=subprocess.PIPE, check=False)
        self.seconds += time.monotonic() - started
        if run.returncode != 0:
            sys.exit(f"differential.py: {self.binary} simulate --jsonl ended with {run.returncode}")
        answers = {}
        for line in run.stdout.decode().splitlines():
            answer = json.loads(line)
            if answer["id"] in answers:
                sys.exit(f"differential.py: two answers for {answer['id']}")
            answers[answer["id"]] = answer
        return answers


def expected(case):
    try:
        return decide(case)
    except InvalidPolicy:
        return "error"


def answered(answer):
    if answer is None:
        return "no answer"
    return "error" if "error" in answer else answer.get("decision", "no decision")


def kind_of(name, want, answer):
    """Disagreements alike enough to be counted as one."""
    fault = name.partition(":")[2]
    detail = re.sub(r"`[^`]*`|[0-9]+|(?<=under )\S+", "_", answer["error"]) if answer and "error" in answer else answered(answer)
    return f"reference {want}{' for ' + fault if fault else ''}, engine {detail}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", nargs="?")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--invalid", type=int, help="cases with an invalid policy besides (default: a twentieth of count)")
    parser.add_argument("--show", type=int, default=5, help="disagreements to minimise and print")
    options = parser.parse_args()
    engine = Engine(options.binary or default_binary())
    generator = Generator(options.seed)
    invalid = options.count // 20 if options.invalid is None else options.invalid

    passed = failed = 0
    decisions, faults, wrong = collections.Counter(), collections.Counter(), []
    left, left_invalid = options.count, invalid
    while left or left_invalid:
        cases = [(case := generator.case(), expected(case)) for _ in range(min(left, CHUNK))]
        left -= len(cases)
        if not left and left_invalid:
            broken = [generator.invalid_case() for _ in range(left_invalid)]
            cases += [(case, "error") for case, _ in broken]
            faults.update(name for _, name in broken)
            left_invalid = 0
        answers = engine.answers([case for case, _ in cases])
        for case, want in cases:
            decisions[want] += 1
            if answered(answers.get(case["id"])) == want:
                passed += 1
            else:
                failed += 1
                wrong.append((case, want, answers.get(case["id"])))

    def disagree(candidates):
        answers = engine.answers(candidates)
        return [(w := expected(c)) != (a := answered(answers[c["id"]])) and "error" not in (w, a) for c in candidates]

    kinds = collections.Counter(kind_of(case["id"], want, answer) for case, want, answer in wrong)
    for kind, count in kinds.most_common():
        print(f"{count} x {kind}")
    for case, want, answer in wrong[: options.show]:
        print(f"--- {case['id']}: reference {want}, engine {json.dumps(answer, ensure_ascii=False)}")
        if want != "error" and answered(answer) != "error":
            name, case = case["id"], minimise(case, disagree)
            print(f"    minimised: reference {expected(case)}, engine {json.dumps(engine.answers([case])[case['id']], ensure_ascii=False)}")
            case["id"] = name
        print(json.dumps(case, ensure_ascii=False))
    print(", ".join(f"{count} {name}" for name, count in sorted(decisions.items())))
    if faults:
        print(f"{len(faults)} kinds of invalid policy")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
