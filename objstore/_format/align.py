"""Which items of a list are items of another one, so that a change of a list is told by what is new in it."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any, Final

from .canonical import JSON, exact_bytes, refs_in, same
from .refs import Ref

_CHUNK: Final = 16  # items compared at once: fewer calls, and still little to look at again where a chunk differs


@dataclass(frozen=True, slots=True)
class Run:
    """``count`` items of the new list from ``new`` on are those of the old list from ``old`` on."""

    old: int
    new: int
    count: int


def align(old: Sequence[JSON], new: Sequence[JSON], head: int) -> list[Run]:
    """Find runs of items that are the same in both lists, in the order of the new one, which they need not fill.

    Insertions, deletions and moves of blocks all end one run and begin another. Every item is compared exactly,
    and a `Ref` in it is the same as what it names. ``head`` is what `common_prefix` found.
    """
    tail = _common_suffix(old, new, min(len(old), len(new)) - head)
    runs = [Run(0, 0, head)] if head else []
    old_end, new_end = len(old) - tail, len(new) - tail
    # With one item on each side, or none on one, there is nothing to find: they are known to differ.
    if (old_end - head) * (new_end - head) > 1:
        runs += _matches(old[head:old_end], new[head:new_end], head)
    if tail:
        runs.append(Run(old_end, new_end, tail))
    return runs


def common_prefix(old: Sequence[JSON], new: Sequence[JSON]) -> int:
    """Count the items at the beginning that are the same."""
    most = min(len(old), len(new))
    very = [*map(is_, old, new)]  # mostly all but the new ones: nothing is quicker to see
    count = very.index(False) if False in very else most
    while count < most and _all_same(old[count : count + _CHUNK], new[count : count + _CHUNK]):
        count += _CHUNK
    while count < most and same(old[count], new[count]):
        count += 1
    return min(count, most)


def _common_suffix(old: Sequence[JSON], new: Sequence[JSON], most: int) -> int:
    count = 0
    while count + _CHUNK <= most:
        old_end, new_end = len(old) - count, len(new) - count
        if not _all_same(old[old_end - _CHUNK : old_end], new[new_end - _CHUNK : new_end]):
            break
        count += _CHUNK
    while count < most and same(old[-1 - count], new[-1 - count]):
        count += 1
    return count


def _all_same(a: Sequence[JSON], b: Sequence[JSON]) -> bool:
    return len(a) == len(b) and (all(map(is_, a, b)) or same(list(a), list(b)))


def _matches(old: Sequence[JSON], new: Sequence[JSON], offset: int) -> Iterator[Run]:
    old_prints, new_prints = _fingerprints(old, new)
    places: dict[bytes, list[int]] = {}
    for old_place, fingerprint in enumerate(old_prints):
        places.setdefault(fingerprint, []).append(old_place)
    start = count = 0
    before = -1  # the old place that the last found item came from; the run goes on at the next one
    for position, fingerprint in enumerate(new_prints):
        place = _best(places.get(fingerprint, ()), before)
        if count and place != start + count:
            yield Run(start + offset, position - count + offset, count)
            count = 0
        if place is not None:
            start, count = (start, count + 1) if count else (place, 1)
            before = place
    if count:
        yield Run(start + offset, len(new) - count + offset, count)


def _best(places: Sequence[int], before: int) -> int | None:
    """Choose among equal items: the next one in the old order, else the first, so that runs are long."""
    if not places:
        return None
    index = bisect_right(places, before)
    return places[index if index < len(places) else 0]


def _fingerprints(old: Sequence[JSON], new: Sequence[JSON]) -> tuple[list[bytes], list[bytes]]:
    try:
        return [exact_bytes(item) for item in old], [exact_bytes(item) for item in new]
    except ValueError:  # there are references, and what they name may stand on the other side in full
        sizes = frozenset(ref.size for ref in refs_in([*old, *new]))
        return [exact_bytes(_named(item, sizes)) for item in old], [exact_bytes(_named(item, sizes)) for item in new]


def _named(value: JSON, sizes: frozenset[int]) -> Any:
    """Put a digest, as a tuple, which JSON has not, for every reference and for all that a reference could name."""
    if isinstance(value, Ref):
        return (value.digest, value.kind)
    if isinstance(value, dict):
        return {key: _named(member, sizes) for key, member in value.items()}
    if isinstance(value, list):
        return [_named(item, sizes) for item in value]
    if isinstance(value, memoryview) and len(value) in sizes:
        return (hashlib.sha256(value).hexdigest(), "bytes")
    if isinstance(value, str) and len(value) * 4 >= min(sizes) and len(value.encode()) in sizes:
        return (hashlib.sha256(value.encode()).hexdigest(), "text")
    return value
