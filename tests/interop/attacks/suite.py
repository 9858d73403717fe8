"""Counts cases and prints one line for each that fails."""


class Suite:
    """The cases of one file. A case passes or fails; nothing is skipped."""

    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failed = 0

    def check(self, case, ok, detail=""):
        """Counts `case`, and prints it with `detail` when it fails. Returns `ok`."""
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAIL {self.name}: {case} -- {shorten(detail)}", flush=True)
        return ok


def shorten(value, limit=400):
    """`value` on one line, cut to `limit` characters."""
    text = value if isinstance(value, str) else repr(value)
    text = text.replace("\r", "\\r").replace("\n", "\\n")
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"
