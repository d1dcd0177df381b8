"""The same parsers, fed by coverage: python -m tests.fuzz.guided [options of libFuzzer]. Needs atheris."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

atheris: Any = import_module("atheris")  # it has no types, and need not be there

with atheris.instrument_imports(include=["objstore"]):
    from tests.fuzz.targets import TARGETS


def feed(data: bytes) -> None:
    """Let the first byte choose the parser."""
    if data:
        targets = list(TARGETS.values())
        targets[data[0] % len(targets)](data[1:])


if __name__ == "__main__":
    atheris.Setup(sys.argv, feed)
    atheris.Fuzz()
