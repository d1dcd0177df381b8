"""How a patch is found: the comparison of two documents, and the weighing of one way to write a change against another.

`patching` says what a patch is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from .align import Run, align, common_prefix
from .canonical import JSON, same
from .refs import Ref

Patch: TypeAlias = dict[str, Any]
"""A patch, see `patching`, with values as they are in memory."""

MAX_NESTING: Final = 32
"""How deep patches are nested; below, a change is a ``set``. Keeps stored text within `canonical.MAX_STORED_DEPTH`."""

# Characters of stored JSON, roughly: enough to tell which of two ways to write a change is the shorter one.
_SET_WEIGHT: Final = 8
_AT_WEIGHT: Final = 24
_RANGE_WEIGHT: Final = 12
_REF_WEIGHT: Final = 80


def diff(old: JSON, new: JSON) -> Patch | None:
    """Find a patch that makes ``new`` of ``old``; ``None`` where they are the same, exactly.

    The patch shares its values with ``new``. Adding to the end of a list always gives a patch for which `is_append`
    holds; otherwise whatever is not smaller than the new value becomes a ``set``.
    """
    found = _diff(old, new, MAX_NESTING)
    return found and found[0]


def append(old_length: int, items: list[JSON]) -> Patch:
    """Give the patch that adds items to the end of a list of ``old_length``."""
    kept = [[0, old_length]] if old_length else []
    return {"list": [*kept, {"add": items}]}


def is_append(patch: Patch, old_length: int) -> bool:
    """Tell whether all that a patch does to a list of ``old_length`` is to add items to its end."""
    if "list" not in patch:
        return False
    kept = 0
    added = False
    for piece in patch["list"]:
        if isinstance(piece, list):
            if added or piece[0] != kept:
                return False
            kept += piece[1]
        elif "add" in piece:
            added = True
        else:
            return False
    return kept == old_length


def appended(patch: Patch) -> list[JSON]:
    """Give the items that a patch for which `is_append` holds adds."""
    return [item for piece in patch["list"] if isinstance(piece, dict) for item in piece["add"]]


def added_to(patch: Patch, path: tuple[str, ...], old_length: int) -> list[Any] | None:
    """Give the items that a patch adds to the end of the list at ``path``, ``[]`` where it leaves the list alone.

    ``None`` where it does anything else to it, or the list is not of ``old_length``.
    """
    for key in path:
        if "set" in patch or "list" in patch or key in patch.get("put", ()) or key in patch.get("cut", ()):
            return None
        if key not in patch.get("sub", ()):
            return []
        patch = patch["sub"][key]
    return appended(patch) if is_append(patch, old_length) else None


_Found: TypeAlias = tuple[Patch, int]  # a patch and its weight


def _diff(old: JSON, new: JSON, nesting: int) -> _Found | None:
    if old is new:
        return None
    if nesting and isinstance(old, dict) and isinstance(new, dict):
        found = _diff_object(old, new, nesting - 1)
    elif nesting and isinstance(old, list) and isinstance(new, list):
        found = _diff_list(old, new, nesting - 1)
        if found and is_append(found[0], len(old)):
            return found  # even where a set is shorter: two appends can be rebased, two sets conflict
    elif same(old, new):
        return None
    else:
        return _set(new)
    return found if found is None or _outweighs(new, found[1] - _SET_WEIGHT) else _set(new)


def _set(value: JSON) -> _Found:
    return {"set": value}, _SET_WEIGHT + _weight(value)


def _diff_object(old: dict[str, JSON], new: dict[str, JSON], nesting: int) -> _Found | None:
    kept = _kept_keys(old, new)
    cut = [key for key in old if key not in kept]
    sub: dict[str, Patch] = {}
    put: dict[str, JSON] = {}
    weight = 2 + sum(len(key) + 3 for key in cut)
    for key, value in new.items():
        if key in kept:
            if (found := _diff(old[key], value, nesting)) is None:
                continue
            patch, cost = found
            if "set" not in patch:
                sub[key] = patch
                weight += cost + len(key) + 4
                continue
            cost -= _SET_WEIGHT
        else:
            cost = _weight(value)
        put[key] = value
        weight += cost + len(key) + 4
    members: Patch = {"cut": cut, "sub": sub, "put": put}
    patch = {name: member for name, member in members.items() if member}
    return (patch, weight + 9 * len(patch)) if patch else None


def _kept_keys(old: dict[str, JSON], new: dict[str, JSON]) -> dict[str, JSON] | set[str]:
    """Give the longest beginning of the new keys that the old ones hold in this order; others can only be appended."""
    if len(old) == len(new) and all(map(str.__eq__, old, new)):
        return new
    kept: set[str] = set()
    old_keys = iter(old)
    for key in new:
        if key not in old or key not in old_keys:  # the iterator moves on to the key, or to the end where it is behind
            break
        kept.add(key)
    return kept


def _diff_list(old: list[JSON], new: list[JSON], nesting: int) -> _Found | None:
    head = common_prefix(old, new)
    if head == len(old):
        if head == len(new):
            return None
        return append(head, new[head:]), _RANGE_WEIGHT * 2 + _weight(new[head:])
    pieces = _Pieces()
    old_end = new_end = 0
    for run in [*align(old, new, head), Run(len(old), len(new), 0)]:
        _diff_gap(pieces, old[old_end : run.old], old_end, new[new_end : run.new], nesting)
        pieces.keep(run.old, run.count)
        old_end, new_end = run.old + run.count, run.new + run.count
    return {"list": pieces.pieces}, pieces.weight


class _Pieces:
    """The pieces of a list's patch, joined where they meet, and their weight."""

    def __init__(self) -> None:
        self.pieces: list[Any] = []
        self.weight = 11

    def keep(self, start: int, count: int) -> None:
        if not count:
            return
        last = self.pieces[-1] if self.pieces else None
        if isinstance(last, list) and last[0] + last[1] == start:
            last[1] += count
            return
        self.pieces.append([start, count])
        self.weight += _RANGE_WEIGHT

    def add(self, items: Sequence[JSON]) -> None:
        if not items:
            return
        if not (self.pieces and isinstance(self.pieces[-1], dict) and "add" in self.pieces[-1]):
            self.pieces.append({"add": []})
            self.weight += _RANGE_WEIGHT
        self.pieces[-1]["add"].extend(items)
        self.weight += _weight(list(items))

    def patch(self, place: int, found: _Found) -> None:
        self.pieces.append({"at": place, "patch": found[0]})
        self.weight += _AT_WEIGHT + found[1]


def _diff_gap(pieces: _Pieces, old: list[JSON], start: int, new: list[JSON], nesting: int) -> None:
    """Write what stands between two runs: items that came, and items that are changed ones of the old gap.

    Of two gaps as long as each other every item is held against its counterpart. Otherwise from both ends, as long as
    the items prove to be related, since items came or went in one place more often than in several.
    """
    front: list[_Found | None] = []
    back: list[_Found | None] = []
    most = min(len(old), len(new))
    while len(front) < most:
        found = _diff_item(old[len(front)], new[len(front)], nesting)
        if found is None and len(old) != len(new):
            break
        front.append(found)
    while len(front) + len(back) < most:
        found = _diff_item(old[-1 - len(back)], new[-1 - len(back)], nesting)
        if found is None:
            break
        back.append(found)
    for place, found in enumerate(front):
        if found:
            pieces.patch(start + place, found)
        else:
            pieces.add(new[place : place + 1])
    pieces.add(new[len(front) : len(new) - len(back)])
    for place, found in enumerate(reversed(back), len(old) - len(back)):
        assert found
        pieces.patch(start + place, found)


def _diff_item(old: JSON, new: JSON, nesting: int) -> _Found | None:
    """Find a patch of a list's item that is smaller than the item; ``None`` where there is none."""
    if not (isinstance(old, dict) and isinstance(new, dict)) and not (isinstance(old, list) and isinstance(new, list)):
        return None
    found = _diff(old, new, nesting)
    return found if found and "set" not in found[0] and _outweighs(new, found[1] + _AT_WEIGHT) else None


def _weight(value: JSON) -> int:
    return _weigh(value, None)


def _outweighs(value: JSON, limit: int) -> bool:
    """Tell whether a value weighs more than ``limit``, looking at no more of it than that takes."""
    return _weigh(value, limit) > limit


def _weigh(value: JSON, limit: int | None) -> int:
    weight = 0
    waiting: list[JSON] = [value]
    while waiting and (limit is None or weight <= limit):
        value = waiting.pop()
        if isinstance(value, str):
            weight += len(value) + 3
        elif isinstance(value, dict):
            weight += 2 + sum(len(key) + 4 for key in value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            weight += 2
            waiting.extend(value)
        elif isinstance(value, Ref | memoryview):
            weight += _REF_WEIGHT
        else:
            weight += 6
    return weight
