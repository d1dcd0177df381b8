"""What each level of zstd makes of what is stored, and how fast: ``python -m tests.benchmarks.levels``.

Of each kind: bytes of the frames for each byte of text, and megabytes of text a second, the best of several runs.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import zstandard

import objstore
from objstore._format.state import LEAF_BYTES

from .workload import encoded, turns

_LEVELS = (-5, -3, -1, 1, 2, 3, 4, 6)
_RUNS = 5
_SHORT = 3_000
_SAMPLES = Path(__file__).parent.parent / "data" / "a3s-2.2.0"


def _corpora() -> dict[str, list[bytes]]:
    lines = [encoded(turn) for turn in turns(0, 200)]
    all_of_it = b",".join(lines)
    code = "".join(path.read_text() for path in sorted(Path(objstore.__file__).parent.rglob("*.py")))
    shown = [json.dumps(code[start : start + _SHORT]).encode() for start in range(0, len(code), _SHORT)]
    return {
        "turns, 3 KB": [line for line in lines if len(line) < 2 * _SHORT],
        "turns, 200 KB": [line for line in lines if len(line) >= 2 * _SHORT],
        "leaves": [all_of_it[start : start + LEAF_BYTES] for start in range(0, len(all_of_it), LEAF_BYTES)],
        "code, 3 KB": shown,
        "code, a leaf": [b",".join(shown)[:LEAF_BYTES]],
        "tests/data": [path.read_bytes() for path in sorted(_SAMPLES.rglob("*.json"))],
    }


def _measured(level: int, texts: Sequence[bytes]) -> tuple[float, float]:
    """Give bytes for each byte, and megabytes a second."""
    raw, stored, best = sum(map(len, texts)), 0, 0.0
    for _ in range(_RUNS):
        began = time.process_time()
        stored = sum(len(zstandard.ZstdCompressor(level=level).compress(text)) for text in texts)
        best = max(best, raw / (time.process_time() - began) / 1e6)
    return stored / raw, best


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    corpora = _corpora()
    print("level" + "".join(f"{name:>16}" for name in corpora))
    for level in _LEVELS:
        found = (_measured(level, texts) for texts in corpora.values())
        print(f"{level:5}" + "".join(f"{share:9.3f}{speed:7.0f}" for share, speed in found))


if __name__ == "__main__":
    main()
