"""How the checkpoints of a LangGraph thread are kept in a document, without I/O.

The document has the part ``langgraph``, which is 1, the parts ``checkpoints`` and ``writes``, lists to whose ends
everything is added, and a part ``value/<sha256>`` for each big value. A checkpoint is written as what it changes of its
parent: the versions of channels, what nodes have seen, and of the values those that are new. A list is kept item by
item, a dict pair by pair, and a later value of the channel names the items that it keeps by their places, so a message
is stored once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ..ours import Ours, Reading
from ..values import plain
from .values import Item, Value, names_of_parts, restored, stored

FORMAT: Final = "langgraph"
"""The part that says of a document that it is a thread, and in which form."""

OURS: Final = Ours("thread", "LangGraph", (FORMAT,))

_STRIDE: Final = 32

Key: TypeAlias = tuple[str, str]
"""A checkpoint within a thread: its namespace and its id."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """All of a checkpoint, whatever it was written as."""

    versions: Mapping[str, Any] = field(default_factory=dict)
    seen: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Value] = field(default_factory=dict)


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Say what changed between two mappings."""
    put = {key: value for key, value in new.items() if key not in old or old[key] != value}
    cut = [key for key in old if key not in new]
    return {name: found for name, found in (("put", put), ("cut", cut)) if found}


def _changed(old: Mapping[str, Any], change: Mapping[str, Any]) -> Mapping[str, Any]:
    if not change:
        return old
    gone = change.get("cut", ())
    kept = {key: value for key, value in old.items() if key not in gone} if gone else old
    return {**kept, **plain(change.get("put", {}))}


class Thread:
    """What is known of a thread: an index of the entries of its document. Others see it, so only a copy is added to.

    Attributes:
        id: Its document.
        revision: The commit that it is of; ``None`` before it is known.
    """

    def __init__(self, id: str) -> None:
        self.id = id
        self.revision: Any = None
        self.checkpoints: list[Any] = []
        self.writes: list[Any] = []
        self._places: dict[Key, int] = {}
        self._parents: list[int | None] = []
        self._newest: dict[str, int] = {}
        self._writes_of: dict[Key, tuple[Any, ...]] = {}
        self._resolved: dict[int, Resolved] = {}

    @classmethod
    def of(cls, id: str, parts: Mapping[str, Any], known: Thread | None = None) -> Thread:
        """Make what is known of a document, beginning with what was known of it before.

        Raises:
            FormatError: An entry is not of the form that is known here.
        """
        checkpoints, writes = parts.get("checkpoints") or (), parts.get("writes") or ()
        found, new = cls(id), (checkpoints, writes)
        with OURS.reading(id, lambda: f"checkpoints.{len(found.checkpoints)} or writes.{len(found.writes)}"):
            if known and known.begins(*new):
                new = checkpoints[len(known.checkpoints) :], writes[len(known.writes) :]
                found = known.copy() if any(new) else known
            for entry in new[0]:
                found.add_checkpoint(entry)
            for entry in new[1]:
                found.add_writes(entry)
        return found

    def begins(self, checkpoints: Sequence[Any], writes: Sequence[Any]) -> bool:
        """Say whether a document begins as this does.

        Only the ends of the lists grow, unless checkpoints are removed; then what follows has other places.
        """
        return all(
            not mine or (len(mine) <= len(found) and _name(mine[-1]) == _name(found[len(mine) - 1]))
            for mine, found in ((self.checkpoints, checkpoints), (self.writes, writes))
        )

    def add_checkpoint(self, entry: Any, resolved: Resolved | None = None) -> None:
        """Add a checkpoint behind all others."""
        place, space = len(self.checkpoints), entry["ns"]
        on = self._places.get((space, entry["parent"])) if entry.get("delta") else None
        self.checkpoints.append(entry)
        self._parents.append(on)
        if resolved:
            self._resolved[place] = resolved
            before = self._newest.get(space)
            if before is not None and before % _STRIDE:
                self._resolved.pop(before, None)
        self._places[space, entry["id"]] = self._newest[space] = place

    def add_writes(self, entry: Any) -> None:
        """Add the writes of a task."""
        self.writes.append(entry)
        key = entry["ns"], entry["id"]
        self._writes_of[key] = (*self._writes_of.get(key, ()), entry)

    def copy(self) -> Thread:
        """Make another one of the same entries."""
        made = Thread(self.id)
        for name, value in vars(self).items():
            setattr(made, name, value.copy() if isinstance(value, list | dict) else value)
        return made

    def newest(self, space: str) -> str | None:
        """Give the id of the checkpoint that was stored last in a namespace."""
        place = self._newest.get(space)
        return None if place is None else self.checkpoints[place]["id"]

    def place(self, key: Key) -> int | None:
        """Give the place of a checkpoint."""
        return self._places.get(key)

    def key(self, place: int) -> Key:
        """Name the checkpoint at a place."""
        entry = self.checkpoints[place]
        return entry["ns"], entry["id"]

    def standing(self) -> list[int]:
        """Give the places of all checkpoints, the newest first."""
        return sorted(self._places.values(), reverse=True)

    def heads(self) -> list[int]:
        """Give the place of the newest checkpoint of each namespace."""
        return list(self._newest.values())

    def ancestors(self, key: Key) -> Iterator[tuple[Key, Resolved]]:
        """Go over what a checkpoint comes from, its parent first."""
        place = self._places.get(key)
        while place is not None:
            with self.reading(place):
                parent = self.checkpoints[place].get("parent")
                place = None if parent is None else self._places.get((key[0], parent))
            if place is not None:
                yield self.key(place), self.resolve(place)

    def resolve(self, place: int) -> Resolved:
        """Give all of a checkpoint."""
        way: list[int] = []
        at: int | None = place
        while at is not None and at not in self._resolved:
            way.append(at)
            at = self._parents[at]
        found = Resolved() if at is None else self._resolved[at]
        step = place
        with OURS.reading(self.id, lambda: f"checkpoints.{step}"):
            for n, step in enumerate(reversed(way), 1):
                found = _resolved(self.checkpoints[step], found)
                if n % _STRIDE == 0:
                    self._resolved[step] = found
        return found

    def writes_of(self, key: Key) -> list[tuple[tuple[str, str, int], str, Value]]:
        """Give the writes on a checkpoint as ``(path, task, index), channel, value``, in the order of those.

        A task that wrote to a place again is ignored there, unless it is one of the special places below 0.
        """
        found: dict[tuple[str, int], tuple[tuple[str, str, int], str, Value]] = {}
        with OURS.reading(self.id, "writes"):
            for entry in self._writes_of.get(key, ()):
                for index, channel, written in entry["writes"]:
                    place = (entry["task"], index)
                    if index < 0 or place not in found:
                        found[place] = (entry["path"], entry["task"], index), channel, restored(written, None)
            return sorted(found.values(), key=lambda write: write[0])

    def has_writes(self, entry: Mapping[str, Any]) -> bool:
        """Say whether the very same writes of a task are there."""
        found = self._writes_of.get((entry["ns"], entry["id"]), ())
        return any(plain(known) == entry for known in found if known.get("task") == entry["task"])

    def without(self, doomed: Collection[Key]) -> list[Any]:
        """Give the checkpoints without some; those that were written as a change of one of them are written anew."""
        kept = []
        for place, entry in enumerate(self.checkpoints):
            on = self._parents[place]
            if self.key(place) in doomed:
                continue
            if on is not None and self.key(on) in doomed:
                with self.reading(place):
                    meta, rest = tuple(entry["meta"]), tuple(entry["rest"])
                entry = checkpoint_entry(self.key(place), entry.get("parent"), meta, rest, self.resolve(place), None)
            kept.append(entry)
        return kept

    def reading(self, place: int) -> Reading:
        """Let a garbled checkpoint be named; see `Ours.reading`."""
        return OURS.reading(self.id, f"checkpoints.{place}")


def _resolved(entry: Any, parent: Resolved) -> Resolved:
    values = {k: v for k, v in parent.values.items() if k not in entry["values"].get("cut", ())}
    for channel, written in entry["values"].get("put", {}).items():
        values[channel] = restored(written, parent.values.get(channel))
    return Resolved(_changed(parent.versions, entry["versions"]), _changed(parent.seen, entry["seen"]), values)


def _name(entry: Any) -> list[Any]:
    return [entry.get(name) for name in ("ns", "id", "task", "parent")]


def checkpoint_entry(
    key: Key, parent: str | None, meta: Item, rest: Item, new: Resolved, old: Resolved | None
) -> dict[str, Any]:
    """Write a checkpoint down, as what it changes of its parent where that is there."""
    base = old or Resolved()
    values = {
        channel: stored(value, base.values.get(channel))
        for channel, value in new.values.items()
        if value is not base.values.get(channel)
    }
    gone = [channel for channel in base.values if channel not in new.values]
    return {
        "ns": key[0],
        "id": key[1],
        **({} if parent is None else {"parent": parent}),
        **({} if old is None else {"delta": True}),
        "meta": [*meta],
        "rest": [*rest],
        "versions": _difference(base.versions, new.versions),
        "seen": _difference(base.seen, new.seen),
        "values": {name: found for name, found in (("put", values), ("cut", gone)) if found},
    }


def parts_in(checkpoints: Iterable[Any], writes: Iterable[Any]) -> set[str]:
    """Name the parts in which the big values of some entries stand."""
    named: set[str] = set()
    for entry in checkpoints:
        named |= names_of_parts([tuple(entry["meta"]), tuple(entry["rest"])])
        for written in entry["values"].get("put", {}).values():
            named |= names_of_parts(restored(written, None).items)
    for entry in writes:
        for _, _, written in entry["writes"]:
            named |= names_of_parts(restored(written, None).items)
    return named
