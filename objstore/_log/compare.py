"""What changed between two commits, as data that people can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from .._format import canonical, patching
from .._format.align import Run, align, common_prefix
from .._format.canonical import JSON


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changed.

    Attributes:
        path: Where: names of members and places in lists, of the new state (of the old one for what was removed).
        kind: What became of it.
        old: The value before, ``None`` for what was added.
        new: The value after, ``None`` for what was removed.
    """

    path: tuple[str | int, ...]
    kind: Literal["added", "changed", "removed"]
    old: JSON
    new: JSON


@dataclass(frozen=True, slots=True)
class Diff:
    """What changed from one commit of a session to another.

    Attributes:
        id: The session.
        old: The number of the one commit.
        new: The number of the other.
        differences: In the order of the new state.
    """

    id: str
    old: int
    new: int
    differences: tuple[Difference, ...]


def differences(old: JSON, new: JSON, path: tuple[str | int, ...] = ()) -> Iterator[Difference]:
    """Walk over what changed between two values."""
    if canonical.same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old:
            if key not in new:
                yield Difference((*path, key), "removed", old[key], None)
        for key, value in new.items():
            if key not in old:
                yield Difference((*path, key), "added", None, value)
            else:
                yield from differences(old[key], value, (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _items(old, new, path)
    else:
        yield Difference(path, "added" if old is None else "removed" if new is None else "changed", old, new)


def _items(old: list[JSON], new: list[JSON], path: tuple[str | int, ...]) -> Iterator[Difference]:
    patch = patching.diff(old, new) or {}
    pieces: Iterable[Any] = patch.get("list") or _aligned(old, new)
    kept: set[int] = set()
    end = place = 0
    for piece in pieces:
        if isinstance(piece, list):
            start, count = piece
            for index in range(start, start + count):
                if index >= end:
                    kept.add(index)
                    end = index + 1
                else:  # it stood before what stands before it now: it went there and came here
                    yield Difference((*path, place), "added", None, old[index])
                place += 1
        elif "add" in piece:
            for item in piece["add"]:
                yield Difference((*path, place), "added", None, item)
                place += 1
        else:
            index = piece["at"]
            kept.add(index)
            end = max(end, index + 1)
            yield from differences(old[index], patching.apply(piece["patch"], old[index]), (*path, place))
            place += 1
    for index, item in enumerate(old):
        if index not in kept:
            yield Difference((*path, index), "removed", item, None)


def _aligned(old: list[JSON], new: list[JSON]) -> Iterator[Any]:
    """Give the pieces of a list that a patch sets, which is shorter to write but tells nothing of the items."""
    end = 0
    for run in [*align(old, new, common_prefix(old, new)), Run(len(old), len(new), 0)]:
        yield {"add": new[end : run.new]}
        yield [run.old, run.count]
        end = run.new + run.count
