"""Values in memory and values in storage: spilling big ones to objects, cutting long lists into leaves, and back.

In memory a document is JSON in which a big text or raw bytes may stand as a `Ref`. In storage it is JSON in which
``{"=": name}`` is a text, ``{"=bytes": name}`` raw bytes, an item ``{"=list": name}`` of a list the items of a leaf,
and a user's key that begins with ``=`` has one more (docs/format.md, "Values").
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any

from . import canonical, patching, zstd
from .canonical import JSON
from .commit import Table
from .naming import is_object_name
from .patching import Patch
from .refs import Ref

LEAF_BYTES = 768 * 1024
TEXT_BYTES = 256 * 1024
MAX_TEXT_BYTES = 2**30
MAX_ITEMS = 2**26
"""Items that leaves put into the lists of one state, and by which ranges make them longer: few bytes can name many."""

CROWDED_BYTES = 16 * 2**20
SHORT_TEXT_BYTES = 4 * 1024
"""From where on texts become objects in what would be crowded otherwise: a commit and a leaf hold only so much."""

TEXT, BYTES, LEAF = "=", "=bytes", "=list"
MARK = '"='
"""Stands in the text of any value that names an object, or has a key that is escaped."""

Limits = Mapping[str, int]
"""Part -> bytes of UTF-8 above which a text of it becomes an object; parts not named: `TEXT_BYTES`."""


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A cut of a list that is stored as an object.

    Attributes:
        size: Bytes of its JSON text.
        items: What it holds, decoded; a later snapshot reuses the leaf while the very same items stand in the list.
        names: The objects that its items name.
    """

    name: str
    size: int
    items: list[JSON]
    names: frozenset[str]


class Leaves:
    """The leaves that are known to be stored, found by their name or by their first item. Never changed in place."""

    def __init__(self, leaves: Iterable[Leaf] = ()) -> None:
        self.by_name = {leaf.name: leaf for leaf in leaves}
        self.size = sum(leaf.size for leaf in self.by_name.values())
        self._by_first: dict[int, list[Leaf]] = {}
        for leaf in self.by_name.values():
            self._by_first.setdefault(id(leaf.items[0]), []).append(leaf)

    def __iter__(self) -> Iterator[Leaf]:
        return iter(self.by_name.values())

    def with_others(self, leaves: Sequence[Leaf]) -> Leaves:
        """Give these and others."""
        return Leaves([*self, *leaves]) if leaves else self

    def standing_at(self, items: list[JSON], start: int) -> Leaf | None:
        """Find a leaf whose items are the very objects that stand in ``items`` from ``start`` on."""
        for leaf in self._by_first.get(id(items[start]), ()):
            end = start + len(leaf.items)
            if end <= len(items) and all(map(is_, leaf.items, items[start:end])):
                return leaf
        return None


class Texts:
    """Texts of the items that no leaf holds yet, so that the leaf that they go into need not write them once more.

    Only what stands in a text as it is in memory: nothing in it is escaped, and nothing names an object. An item is
    found by its identity, and held so that this stays its own. Commits that were lost may leave some that nobody asks
    for. Several threads may use one, which leaves its size about right.
    """

    def __init__(self) -> None:
        self.size = 0
        self._by_item: dict[int, tuple[JSON, str]] = {}

    def of(self, item: JSON) -> str | None:
        """Give the text of an item, if it is remembered."""
        found = self._by_item.get(id(item))
        return found[1] if found and found[0] is item else None  # a copy of this holds copies

    def remember(self, item: JSON, text: str) -> None:
        """Remember the text of an item."""
        self.forget(item)
        self._by_item[id(item)] = (item, text)
        self.size += len(text)

    def forget(self, item: JSON) -> None:
        """Forget the text of an item."""
        found = self._by_item.pop(id(item), None)
        if found:
            self.size -= len(found[1])


def has_mark(text: str) -> bool:
    """Say whether a text may name an object or hold an escaped key."""
    return "=" in text and MARK in text  # one character is found at once where there is none


def stored(name: str, raw: bytes, compress: Callable[[bytes], bytes]) -> bytes:
    """Give the bytes to store under an object's name."""
    return compress(raw) if name.endswith(".zst") else raw


def stored_bytes(name: str, size: int) -> int:
    """Say how many bytes an object of ``size`` raw ones has at most as it is stored."""
    return zstd.at_most(min(size, MAX_TEXT_BYTES)) if name.endswith(".zst") else size


def opened(name: str, data: bytes, size: int) -> bytes:
    """Give the raw bytes of an object back, checked against its name and size.

    Raises:
        ValueError: They are not what was stored.
    """
    raw = zstd.inflate(data, limit=min(size, MAX_TEXT_BYTES)) if name.endswith(".zst") else data
    if len(raw) != size or hashlib.sha256(raw).hexdigest() != name[:64]:
        raise ValueError("its bytes do not match their digest")
    return raw


# Reading. All of it takes parsed JSON; a ValueError means that it is not of this format.


def names_in(encoded: JSON, *kinds: str) -> Iterator[str]:
    """Walk over the objects that an encoded value names, only those of some kinds when any are given."""
    stack = [encoded]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack.extend(value)
        elif isinstance(value, dict):
            reference = _reference(value)
            if reference is None:
                stack.extend(value.values())
            elif not kinds or reference[0] in kinds:
                yield reference[1]


def _reference(value: dict[str, Any]) -> tuple[str, str] | None:
    if len(value) != 1:
        return None
    ((kind, name),) = value.items()
    if not kind.startswith("=") or kind.startswith("=="):
        return None
    if kind not in (TEXT, BYTES, LEAF) or not is_object_name(name):
        raise ValueError("a reference of an unknown kind")
    return kind, name


@dataclass(frozen=True, slots=True)
class Decoder:
    """Reads encoded values; the leaves that they name must have been read before."""

    objects: Table
    leaves: Mapping[str, Leaf]
    room: list[int] = field(default_factory=lambda: [MAX_ITEMS])  # for items of leaves and of ranges

    def state(self, encoded: JSON) -> dict[str, JSON]:
        """Read a state."""
        if not isinstance(encoded, dict):
            raise ValueError("a state is an object")
        return {_unescape(key): self.value(value) for key, value in encoded.items()}

    def patch(self, encoded: JSON) -> Patch:
        """Read a patch."""
        return patching.map_values(encoded, self.value, self.items, _unescape)

    def value(self, value: JSON) -> JSON:
        """Read any value."""
        if isinstance(value, list):
            return self.items(value)
        if isinstance(value, dict):
            reference = _reference(value)
            if reference is None:
                return {_unescape(key): self.value(member) for key, member in value.items()}
            kind, name = reference
            if kind == LEAF or name not in self.objects:
                raise ValueError("a reference in the wrong place, or to an object that the commit does not list")
            return Ref(name, self.objects[name][1], "text" if kind == TEXT else "bytes")
        return value

    def items(self, encoded: list[JSON]) -> list[JSON]:
        """Read the items of a list, with those of its leaves."""
        found: list[JSON] = []
        for item in encoded:
            reference = _reference(item) if isinstance(item, dict) else None
            if reference and reference[0] == LEAF:
                leaf = self.leaves[reference[1]]
                self.room[0] -= len(leaf.items)
                if self.room[0] < 0:
                    raise ValueError("its leaves hold more items than a state may have")
                found.extend(leaf.items)
            else:
                found.append(self.value(item))
        return found

    def leaf(self, name: str, raw: bytes) -> Leaf:
        """Read a leaf from its raw bytes."""
        encoded = canonical.loads(raw)
        if not isinstance(encoded, list) or not encoded:
            raise ValueError("a leaf is a list that is not empty")
        if MARK.encode() not in raw:
            return Leaf(name, len(raw), encoded, frozenset())
        return Leaf(name, len(raw), self.items(encoded), with_inner(set(names_in(encoded)), self.leaves))


def with_inner(names: set[str], leaves: Mapping[str, Leaf]) -> frozenset[str]:
    """Add to some objects those that the leaves among them name."""
    return frozenset(names.union(*(leaves[name].names for name in names if name in leaves)))


def _unescape(key: str) -> str:
    if not key.startswith("="):
        return key
    if not key.startswith("=="):
        raise ValueError("a member of an unknown kind")
    return key[1:]
