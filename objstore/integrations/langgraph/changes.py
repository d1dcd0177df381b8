"""What is to be stored of a thread, taken down, and how it goes on whatever stands there when its turn comes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from langgraph.checkpoint.base import WRITES_IDX_MAP, ChannelVersions, Checkpoint

from ... import ConflictError, FormatError, InvalidValueError, ObjstoreError
from .entries import FORMAT, OURS, Key, Resolved, Thread, checkpoint_entry, parts_in
from .values import VALUE, Codec, Item, Value, stored

PARTS: Final = (FORMAT, "checkpoints", "writes")
_NEWEST: Final = 1
_APART: Final = ("id", "channel_values", "channel_versions", "versions_seen")
_NAME_LENGTH: Final = 64 * 1024


def _check_names(*names: object) -> None:
    """Refuse names that a store would keep apart from the entry, so that nothing would be found under them again."""
    for name in names:
        if isinstance(name, str) and len(name) > _NAME_LENGTH:
            raise InvalidValueError(
                f"a name of {len(name):,} characters cannot be stored: {_NAME_LENGTH:,} are the most"
            )


@dataclass(slots=True)
class PutCheckpoint:
    """A checkpoint that is to be stored.

    Attributes:
        thread: The id of its thread.
        parent: The id of the checkpoint that it follows.
        branch: Whether its parent was asked for by its id, so that it need not be the newest.
        first: Whether its run was told that there is nothing yet.
        values: All values, as they were given.
        new: The channels that changed since the parent.
        encoded: The values of these, and of others where it turns out that the parent does not have them.
        big: Parts that go with it.
    """

    thread: str
    key: Key
    parent: str | None
    branch: bool
    first: bool
    codec: Codec
    meta: Item
    rest: Item
    versions: dict[str, Any]
    seen: dict[str, dict[str, Any]]
    values: dict[str, Any]
    new: frozenset[str]
    encoded: dict[str, Value]
    big: dict[str, bytes]

    @classmethod
    def of(
        cls,
        codec: Codec,
        thread: str,
        key: Key,
        parent: str | None,
        checkpoint: Checkpoint,
        metadata: Mapping[str, Any],
        new: ChannelVersions,
        *,
        branch: bool,
        first: bool,
    ) -> PutCheckpoint:
        """Take a checkpoint down; whoever made it may go on changing it.

        Of channels that did not change since the parent the values themselves are not taken down: the parent has them.

        Raises:
            InvalidValueError: One of its names or versions is too long.
        """
        versions, values = dict(checkpoint["channel_versions"]), dict(checkpoint["channel_values"])
        seen = {node: dict(versions) for node, versions in checkpoint["versions_seen"].items()}
        _check_names(*key, *versions.values(), *(version for of in seen.values() for version in of.values()))
        big: dict[str, bytes] = {}
        rest = {name: value for name, value in checkpoint.items() if name not in _APART}
        changed = values if parent is None else [name for name in new if name in values]
        return cls(
            thread, key, parent, branch, first, codec, codec.item(metadata, big), codec.item(rest, big), versions, seen,
            values, frozenset(new), {name: codec.value(values[name], big) for name in changed}, big,
        )  # fmt: skip

    def on(self, thread: Thread, refused: Mapping[Key, ObjstoreError]) -> dict[str, bytes]:
        """Add it to a thread, and give the parts that go with it.

        Args:
            thread: What is there.
            refused: Why checkpoints that came before are not.

        Raises:
            ConflictError: The thread went on from its parent without it.
            ObjstoreError: Its parent was refused.
        """
        space = self.key[0]
        known = thread.place(self.key)
        if known is not None and thread.checkpoints[known].get("parent") == self.parent:
            return {}  # it was stored before, and the answer was lost
        newest = thread.newest(space)
        place = None if self.parent is None else thread.place((space, self.parent))
        if self.parent is not None and place is None:
            if (space, self.parent) in refused:
                raise refused[space, self.parent]
            raise self._refused(f"{self.parent}, which is not there: it was deleted, or never stored")
        expected = self.branch or newest == self.parent or (self.parent is None and not self.first)
        if known is not None or not (expected or newest is None):
            raise self._refused(
                f"{self.parent or 'nothing'}, but {newest} was stored meanwhile: another run was faster"
            )
        old = None if place is None else thread.resolve(place)
        new = Resolved(self.versions, self.seen, self._values(old or Resolved()))
        thread.add_checkpoint(checkpoint_entry(self.key, self.parent, self.meta, self.rest, new, old), new)
        return self.big

    def _refused(self, why: str) -> ConflictError:
        what = f"checkpoint {self.key[1]} of {self.thread!r} was to follow {why}"
        return ConflictError(f"{what}; load the thread again and redo the turn", self.thread)

    def _values(self, old: Resolved) -> dict[str, Value]:
        kept = {
            name: value
            for name, value in old.values.items()
            if name in self.versions and name not in self.new and old.versions.get(name) == self.versions[name]
        }
        for name, value in self.values.items():
            if name not in kept and name not in self.encoded:
                self.encoded[name] = self.codec.value(value, self.big)
        return kept | self.encoded


@dataclass(frozen=True, slots=True)
class PutWrites:
    """Writes of a task that are to be stored, with the parts that go with them.

    Attributes:
        key: The checkpoint that they are on.
    """

    key: Key
    entry: dict[str, Any]
    big: dict[str, bytes]

    @classmethod
    def of(cls, codec: Codec, key: Key, writes: Sequence[tuple[str, Any]], task: str, path: str) -> PutWrites:
        """Take writes down; whoever made them may go on changing them.

        Raises:
            InvalidValueError: One of their names is too long.
        """
        _check_names(*key, task, path, *(channel for channel, _ in writes))
        big: dict[str, bytes] = {}
        found = [
            [WRITES_IDX_MAP.get(channel, index), channel, stored(codec.value(value, big), None)]
            for index, (channel, value) in enumerate(writes)
        ]
        return cls(key, {"ns": key[0], "id": key[1], "task": task, "path": path, "writes": found}, big)

    def on(self, thread: Thread, refused: Mapping[Key, ObjstoreError]) -> dict[str, bytes]:
        """Add them to a thread, unless the very same are there, and give the parts that go with them.

        Raises:
            ObjstoreError: The checkpoint that they are on was refused.
        """
        if self.key in refused and thread.place(self.key) is None:
            raise refused[self.key]
        if thread.has_writes(self.entry):
            return {}
        thread.add_writes(self.entry)
        return self.big


Change: TypeAlias = PutCheckpoint | PutWrites


class Draft:
    """Several changes of a thread on their way into one commit.

    Attributes:
        thread: The thread with the changes.
        errors: Why a change was refused, or ``None``, for each.
    """

    def __init__(
        self, id: str, known: Thread | None, changes: Sequence[Change], refused: Mapping[Key, ObjstoreError]
    ) -> None:
        self._id = id
        self._known = known
        self._changes = changes
        self._refused = refused
        self.thread = Thread(id)
        self.errors: list[Exception | None] = []

    def on(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        """Give the parts of the document that change; called again where others were faster."""
        check_ours(self._id, parts, parts)
        known = Thread.of(self._id, parts, self._known)
        self.thread, self.errors = known.copy(), []
        changed: dict[str, Any] = {}
        refused = dict(self._refused)
        for change in self._changes:
            try:
                changed |= change.on(self.thread, refused)
                self.errors.append(None)
            except ObjstoreError as error:
                self.errors.append(error)
                refused[change.key] = error
        for name, old, now in (
            ("checkpoints", known.checkpoints, self.thread.checkpoints),
            ("writes", known.writes, self.thread.writes),
        ):
            if len(now) > len(old):
                changed[name] = (parts.get(name) or []) + now[len(old) :]
        return {FORMAT: _NEWEST, **changed} if changed else {}


def without(id: str, parts: Mapping[str, Any], doomed: Collection[Key]) -> dict[str, Any]:
    """Give the parts of a document that change when checkpoints go, with what only they need."""
    thread = Thread.of(id, parts)
    checkpoints = thread.without(doomed)
    writes = [entry for entry in thread.writes if (entry["ns"], entry["id"]) not in doomed]
    with OURS.reading(id, "checkpoints or writes"):
        kept = parts_in(checkpoints, writes)
    gone = [name for name in parts if name.startswith(VALUE) and name not in kept]
    return {"checkpoints": checkpoints, "writes": writes, **dict.fromkeys(gone)}


def check_ours(id: str, parts: Mapping[str, Any], names: Collection[str]) -> None:
    """Make sure that a document of these parts is a thread, in a form that is known here.

    Raises:
        FormatError: It is something else.
    """
    if not names:
        return
    form = parts.get(FORMAT)
    if form is None:
        raise OURS.other(id)
    if type(form) is not int:
        raise OURS.garbled(id, FORMAT, "it is no number")
    if form != _NEWEST:
        raise FormatError(f"thread {id!r} is stored in form {form}, which this objstore does not know; upgrade", id)
