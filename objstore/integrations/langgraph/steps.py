"""What a checkpointer of LangGraph is asked for, as steps; configurations in, configurations and tuples out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_id,
    get_checkpoint_metadata,
)

from ... import ConflictError, InvalidValueError, NotFoundError
from .changes import PutCheckpoint, PutWrites
from .entries import OURS, Key, Thread
from .faces import Ask, Steps, Work
from .threads import ATTEMPTS, Threads
from .values import Codec, Value

_BRANCH: Final = "__objstore_branch"
"""Stands in the configuration of a checkpoint that was asked for by its id: to go on from there is no lost race."""


@dataclass(frozen=True, slots=True)
class Checkpointer:
    """The calls of a checkpointer.

    Attributes:
        patience: How many seconds writes wait for a checkpoint that takes them along.
    """

    threads: Threads
    codec: Codec
    patience: float

    def get(self, config: RunnableConfig) -> Steps[CheckpointTuple | None]:
        """See `ObjstoreSaver.get_tuple`."""
        id, space, named = _address(config)
        for _ in range(ATTEMPTS):
            thread = yield from self.threads.read(id)
            wanted = named or thread.newest(space)
            place = None if wanted is None else thread.place((space, wanted))
            if place is None:
                if not named:
                    self.threads.say_empty(id, space)
                return None
            found = yield from self.whole(thread, [place], _mark(named, config))
            if found:
                return found[0]
        raise ConflictError(f"checkpoints of {id!r} kept being deleted while one was read; try again", id)

    def whole(
        self, thread: Thread, places: Sequence[int], mark: Mapping[str, Any] | None = None
    ) -> Steps[list[CheckpointTuple]]:
        """Make checkpoints whole, but those of which something was deleted since the thread was read."""
        items = yield Work(lambda: [item for place in places for item in _items(thread, place)])
        big = yield from self.threads.contents(thread, items)
        if big is not None:
            return (yield Work(lambda: [self._whole(thread, place, big, mark) for place in places]))
        found: list[CheckpointTuple] = []
        for place in places if len(places) > 1 else ():
            found += yield from self.whole(thread, [place], mark)
        return found

    def _whole(
        self, thread: Thread, place: int, big: Mapping[str, Any], mark: Mapping[str, Any] | None
    ) -> CheckpointTuple:
        entry, all_of_it, key = thread.checkpoints[place], thread.resolve(place), thread.key(place)
        read, parent = self.codec.read_value, entry.get("parent")
        with thread.reading(place):
            checkpoint: Checkpoint = self.codec.read(entry["rest"], big)
            checkpoint["id"] = key[1]
            checkpoint["channel_versions"] = dict(all_of_it.versions)
            checkpoint["versions_seen"] = {node: dict(seen) for node, seen in all_of_it.seen.items()}
            checkpoint["channel_values"] = {name: read(value, big) for name, value in all_of_it.values.items()}
            return CheckpointTuple(
                _config(thread.id, key, {_BRANCH: key[1]} if mark is None else mark),
                checkpoint,
                self.codec.read(entry["meta"], big),
                None if parent is None else _config(thread.id, (key[0], parent), {_BRANCH: parent}),
                [(task, channel, read(value, big)) for (_, task, _), channel, value in thread.writes_of(key)],
            )

    def put(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, new: ChannelVersions
    ) -> Steps[RunnableConfig]:
        """See `ObjstoreSaver.put`."""
        id, space, parent = _address(config)
        key = space, checkpoint["id"]
        change = PutCheckpoint.of(
            self.codec, id, key, parent, checkpoint, get_checkpoint_metadata(config, metadata), new,
            branch=_is_branch(config, parent),
            # A copy is made of what is there, whatever somebody was told before there was anything.
            first=parent is None and metadata.get("source") != "fork" and self.threads.begin(id, space),
        )  # fmt: skip
        # The first step is no work, so its checkpoint follows that of the input at once.
        patience = self.patience if metadata.get("source") == "input" else 0.0
        yield from self.threads.write(id, change, patience)
        return _config(id, key)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task: str, path: str
    ) -> Steps[None]:
        """See `ObjstoreSaver.put_writes`."""
        id, space, checkpoint = _address(config)
        if checkpoint is None:
            raise InvalidValueError(f"the configuration of writes to {id!r} names no checkpoint_id")
        if writes:
            change = PutWrites.of(self.codec, (space, checkpoint), writes, task, path)
            yield from self.threads.write(id, change, self.patience)

    def all_threads(self, config: RunnableConfig | None) -> Steps[list[str]]:
        """Give the ids of the threads that a configuration leaves."""
        return (yield Ask("list")) if config is None else [_address(config)[0]]

    def find(
        self,
        id: str,
        config: RunnableConfig | None,
        filter: Mapping[str, Any] | None,
        before: RunnableConfig | None,
        limit: int | None,
    ) -> Steps[tuple[Thread, list[int]]]:
        """Find checkpoints of a thread, the newest first, reading no values."""
        thread = yield from self.threads.read(id)
        space = config["configurable"].get("checkpoint_ns") if config else None
        named = get_checkpoint_id(config) if config else None
        bound = get_checkpoint_id(before) if before else None
        found: list[int] = []
        for place in thread.standing():
            if limit is not None and len(found) >= limit:
                break
            key = thread.key(place)
            if (space is not None and key[0] != space) or (named and key[1] != named) or (bound and key[1] >= bound):
                continue
            if filter:
                metadata = yield from self._metadata(thread, place)
                if any(metadata.get(name) != value for name, value in filter.items()):
                    continue
            found.append(place)
        if bound and space is not None and not found:
            self.threads.say_older(id, space)
        return thread, found

    def history(self, config: RunnableConfig, channels: Sequence[str]) -> Steps[dict[str, DeltaChannelHistory]]:
        """See `ObjstoreSaver.get_delta_channel_history`."""
        id, space, named = _address(config)
        thread = (yield from self.threads.read(id)) if channels else Thread(id)
        seeds: dict[str, Value] = {}
        writes: dict[str, list[tuple[str, Value]]] = {channel: [] for channel in channels}
        for key, all_of_it in thread.ancestors((space, named or thread.newest(space) or "")):
            missing = writes.keys() - seeds.keys()
            if not missing:
                break
            for (_, task, _), channel, value in reversed(thread.writes_of(key)):
                if channel in missing:
                    writes[channel].append((task, value))
            seeds |= {channel: all_of_it.values[channel] for channel in missing & all_of_it.values.keys()}
        written = [value for found in writes.values() for _, value in found]
        big = yield from self.threads.contents(thread, _items_of([*seeds.values(), *written]))
        if big is None:
            raise ConflictError(f"checkpoints of {id!r} were deleted while they were read; load it again", id)
        read = self.codec.read_value
        result: dict[str, DeltaChannelHistory] = {}
        for channel, found in writes.items():
            with OURS.reading(id, "values"):
                result[channel] = {"writes": [(task, channel, read(value, big)) for task, value in reversed(found)]}
                if channel in seeds:
                    result[channel]["seed"] = read(seeds[channel], big)
        return result

    def delete(self, id: str) -> Steps[None]:
        """See `ObjstoreSaver.delete_thread`."""
        return self.threads.delete(id)

    def copy(self, source: str, target: str) -> Steps[None]:
        """See `ObjstoreSaver.copy_thread`."""
        try:
            yield Ask("fork", (source, target))
        except NotFoundError as error:
            raise NotFoundError(f"there is no thread {source!r} to copy") from error
        except ConflictError as error:
            why = f"there is a thread {target!r} already; choose another id"
            raise ConflictError(why, target, error.expected, error.actual) from error

    def delete_for_runs(self, runs: Collection[str]) -> Steps[None]:
        """See `ObjstoreSaver.delete_for_runs`."""

        def of_runs(thread: Thread) -> Steps[set[Key]]:
            found = set()
            for place in thread.standing():
                if (yield from self._metadata(thread, place)).get("run_id") in runs:
                    found.add(thread.key(place))
            return found

        for id in (yield Ask("list")) if runs else ():
            yield from self.threads.remove(id, of_runs)

    def prune(self, ids: Iterable[str], strategy: str) -> Steps[None]:
        """See `ObjstoreSaver.prune`."""
        if strategy not in ("keep_latest", "delete"):
            raise ValueError(f"strategy must be 'keep_latest' or 'delete', not {strategy!r}")

        def superseded(thread: Thread) -> Steps[set[Key]]:
            kept: set[Key] = set()
            for place in thread.heads():
                kept |= yield from self._needed(thread, place)
            return {key for place in thread.standing() if (key := thread.key(place)) not in kept}

        for id in ids:
            yield from self.threads.delete(id) if strategy == "delete" else self.threads.remove(id, superseded)

    def _needed(self, thread: Thread, place: int) -> Steps[set[Key]]:
        """Name a checkpoint and those that its channels of the kind `DeltaChannel` are rebuilt from."""
        needed = {thread.key(place)}
        counted = (yield from self._metadata(thread, place)).get("counters_since_delta_snapshot") or {}
        missing = counted.keys() - thread.resolve(place).values.keys()
        for key, all_of_it in thread.ancestors(thread.key(place)) if missing else ():
            needed.add(key)
            missing -= all_of_it.values.keys()
            if not missing:
                break
        return needed

    def _metadata(self, thread: Thread, place: int) -> Steps[Mapping[str, Any]]:
        with thread.reading(place):
            meta = thread.checkpoints[place]["meta"]
        big = yield from self.threads.contents(thread, [meta])
        with thread.reading(place):
            read = {} if big is None else self.codec.read(meta, big)
        if not isinstance(read, Mapping):
            raise OURS.garbled(thread.id, f"checkpoints.{place}.meta", "it is no mapping")
        return read


def _address(config: RunnableConfig) -> tuple[str, str, str | None]:
    """Give the thread, the namespace and the checkpoint that a configuration names."""
    named = config["configurable"]
    return str(named["thread_id"]), named.get("checkpoint_ns") or "", get_checkpoint_id(config) or None


def _items(thread: Thread, place: int) -> list[Any]:
    """Give all that a checkpoint is made of."""
    entry = thread.checkpoints[place]
    writes = [value for _, _, value in thread.writes_of(thread.key(place))]
    values = [*thread.resolve(place).values.values(), *writes]
    with thread.reading(place):
        return [entry["meta"], entry["rest"], *_items_of(values)]


def _items_of(values: Iterable[Value]) -> list[Any]:
    return [item for value in values for item in value.items]


def _config(id: str, key: Key, mark: Mapping[str, Any] | None = None) -> RunnableConfig:
    return {"configurable": {"thread_id": id, "checkpoint_ns": key[0], "checkpoint_id": key[1], **(mark or {})}}


def _is_branch(config: RunnableConfig, parent: str | None) -> bool:
    """Say whether a checkpoint is to follow one that was asked for by its id, or is a copy of the first one."""
    mark = config["configurable"].get(_BRANCH)
    return mark is not None and parent in (mark, None)


def _mark(named: str | None, config: RunnableConfig) -> dict[str, str | None]:
    """Mark what was asked for by its id; what was not takes back a mark that stands in the configuration."""
    return {_BRANCH: named} if named or _BRANCH in config["configurable"] else {}
