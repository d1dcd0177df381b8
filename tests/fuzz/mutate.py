"""Damage, drawn by a seed: of bytes without knowing what they are, and of JSON knowing its structure."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

TOKENS = (
    b"{}", b"[]", b"null", b"-1", b"1e999", b"NaN", b"\\ud800", b"\xff", b"\xef\xbb\xbf", b'"="', b'{"=list":""}',
    b"[" * 600, b'{"a":' * 600, b"9" * 5_000, b'"self":"', b"\x28\xb5\x2f\xfd", b"\x00" * 9,
)  # fmt: skip
"""What parsers stumble over."""


def nested(depth: int) -> Any:
    """Make a value that is nested this deep."""
    value: Any = 0
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 10**9, 2**63, 10**10, 10**30, 10**600, 1.5, -0.0, 1e308,
    "", "0", "x", "=", "\0", "\u2028", "x" * 300, "../../x", "f" * 64,
    "2026-01-01", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59",
    [], [[]], [0], [0, 1], [0, 10**9], [-1, 1], [10**20, 10**20], ["a", 1, 2, 3], {}, {"": 0}, {"a": {}},
    {"=": "f" * 64}, {"=": "f" * 64 + ".zst"}, {"=bytes": "f" * 64}, {"=list": "f" * 64 + ".zst"},
    {"=": 0}, {"=x": "y"}, {"==": "y"}, {"=": "f" * 64, "a": 1},
    {"set": 0}, {"set": {"=list": "f" * 64}}, {"list": [[0, 10**9]]}, {"list": [{"at": 0}]},
    {"list": [{"at": 0, "patch": {"set": 1}}]}, {"add": 0}, {"cut": ["session"]}, {"put": {"session": None}},
    {"sub": {"session": {"set": None}}}, nested(50), nested(450),
)  # fmt: skip
"""Values that stand where others should."""


def of_bytes(data: bytes, rng: random.Random) -> bytes:
    """Damage bytes in up to four places."""
    found = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        place = rng.randrange(len(found) + 1)
        match rng.randrange(6):
            case 0 if found:
                found[place % len(found)] ^= 1 << rng.randrange(8)
            case 1:
                del found[place:]
            case 2:
                del found[place : place + rng.randrange(1, 9)]
            case 3:
                found[place:place] = rng.choice(TOKENS)
            case 4:
                found[place:place] = found[rng.randrange(len(found) + 1) :][:40]
            case _:
                found[place : place + 4] = rng.randbytes(4)
    return bytes(found)


def of_json(value: Any, rng: random.Random) -> Any:
    """Copy a document and change it in one to three places: other values, missing, added and exchanged members."""
    changed = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        changed = _change(changed, rng)
    return changed


def _change(value: Any, rng: random.Random) -> Any:
    if not isinstance(value, dict | list) or not value or rng.random() < 0.02:
        return copy.deepcopy(rng.choice(ODD))
    parent: Any = value
    while True:
        place: Any = rng.choice(list(parent)) if isinstance(parent, dict) else rng.randrange(len(parent))
        child = parent[place]
        if not isinstance(child, dict | list) or not child or rng.random() < 0.3:
            break
        parent = child
    match rng.randrange(6):
        case 0:
            del parent[place]
        case 1 if isinstance(parent, dict):
            parent[rng.choice(("", "=", "=list", "x", "set", "list", "cut", "self", "a" * 300))] = parent.pop(place)
        case 2 if isinstance(parent, list):
            parent.insert(place, copy.deepcopy(rng.choice(ODD)))
        case 3 if isinstance(parent, list):
            parent.append(copy.deepcopy(child))
        case 4 if type(child) is int:
            parent[place] = child + rng.choice((-(10**9), -2, -1, 1, 2, 10**9, 10**12))
        case 4 if type(child) is str and child:
            cut = rng.randrange(len(child))
            parent[place] = child[:cut] + rng.choice(("", "=", "\0", "z", "\u00e9")) + child[cut + 1 :]
        case _:
            parent[place] = copy.deepcopy(rng.choice(ODD))
    return value


def text(value: Any) -> bytes:
    """Write JSON as objstore does."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
