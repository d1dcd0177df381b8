"""LangGraph: checkpoints of graphs in an objstore, for graphs that wait and graphs that await.

Everything is written once, as steps, and done by either face of a `DocumentStore`; see `faces`. What stands in a
document is told in `entries`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

try:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import (
        BaseCheckpointSaver,
        ChannelVersions,
        Checkpoint,
        CheckpointMetadata,
        CheckpointTuple,
        DeltaChannelHistory,
    )
    from langgraph.checkpoint.serde.base import SerializerProtocol
except ImportError as error:
    raise ImportError("LangGraph is not installed: pip install 'objstore[langgraph]'") from error

from ... import DocumentStore
from ..ours import check_store
from .faces import Faces
from .steps import Checkpointer
from .threads import Threads
from .values import Codec

__all__ = ["ObjstoreSaver"]

_AT_ONCE: Final = 16


class ObjstoreSaver(BaseCheckpointSaver[int]):
    """Keeps the checkpoints of LangGraph threads in a store of documents, one document for each thread.

    A checkpoint is stored as what it changes, in one atomic commit, with others of its thread that come at that time:
    unchanged channels are not written again, nor are the messages that a list had before. It can be used by any number
    of graphs, threads and event loops at once.

    Two runs on the newest checkpoint of one thread do not hide each other's turns: the first to save goes on, the other
    raises `ConflictError`. To branch from an older checkpoint on purpose, name its ``checkpoint_id``, as always.
    """

    def __init__(
        self, store: DocumentStore, *, serde: SerializerProtocol | None = None, patience: float = 0.02
    ) -> None:
        """Stand on an open store, which whoever opened it closes. No I/O.

        Args:
            store: Where the threads are kept. Give LangGraph a place of its own.
            serde: Serialises values and metadata; LangGraph's own by default.
            patience: How many seconds the writes of a task, and the checkpoint of an input, wait for the checkpoint
                that mostly follows at once and takes them along in its commit. Who stores them waits as long, and knows
                them stored after that.
        """
        check_store(store, DocumentStore, "ObjstoreSaver")
        super().__init__(serde=serde)
        self._faces = Faces(store)
        self._patience = patience
        self._threads = Threads()

    @property
    def _steps(self) -> Checkpointer:
        return Checkpointer(self._threads, Codec(self.serde), self._patience)  # the serialiser may be exchanged

    # What a graph calls

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Give the checkpoint that a configuration names, or the newest of its thread and namespace; else ``None``."""
        return self._faces.run(self._steps.get(config))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See `get_tuple`."""
        return await self._faces.arun(self._steps.get(config))

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint behind its parent, which the configuration names.

        It is stored when this returns, unless its run went on meanwhile and the writes of its tasks are being stored as
        well: then `put_writes`, which returns when both are, answers for it, and raises why it is not.

        Raises:
            ConflictError: The parent is not the newest checkpoint any more, and was not asked for by its id.
        """
        return self._faces.run(self._steps.put(config, checkpoint, metadata, new_versions))

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """See `put`."""
        return await self._faces.arun(self._steps.put(config, checkpoint, metadata, new_versions))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote; what it is known to have written before stays."""
        self._faces.run(self._steps.put_writes(config, writes, task_id, task_path))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See `put_writes`."""
        await self._faces.arun(self._steps.put_writes(config, writes, task_id, task_path))

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Go over the checkpoints of a thread, or of all threads, each thread's newest first.

        What the filter and the limit leave out is not read beyond its metadata.
        """
        for id in self._faces.run(self._steps.all_threads(config)):
            if limit is not None and limit <= 0:
                return
            thread, places = self._faces.run(self._steps.find(id, config, filter, before, limit))
            limit = None if limit is None else limit - len(places)
            for some in _batches(places):
                yield from self._faces.run(self._steps.whole(thread, some))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """See `list`."""
        for id in await self._faces.arun(self._steps.all_threads(config)):
            if limit is not None and limit <= 0:
                return
            thread, places = await self._faces.arun(self._steps.find(id, config, filter, before, limit))
            limit = None if limit is None else limit - len(places)
            for some in _batches(places):
                for found in await self._faces.arun(self._steps.whole(thread, some)):
                    yield found

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Give what a checkpoint's ancestors wrote to channels since these were last stored whole."""
        return self._faces.run(self._steps.history(config, channels))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """See `get_delta_channel_history`."""
        return await self._faces.arun(self._steps.history(config, channels))

    # Housekeeping

    def delete_thread(self, thread_id: str) -> None:
        """Delete a thread with all that it has; nothing happens where there is none."""
        self._faces.run(self._steps.delete(str(thread_id)))

    async def adelete_thread(self, thread_id: str) -> None:
        """See `delete_thread`."""
        await self._faces.arun(self._steps.delete(str(thread_id)))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints of some runs, with their writes. Reads every thread of the store once.

        Raises:
            TypeError: It is one id, which would be taken for one per letter.
        """
        self._faces.run(self._steps.delete_for_runs(frozenset(_several(run_ids, "runs"))))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """See `delete_for_runs`."""
        await self._faces.arun(self._steps.delete_for_runs(frozenset(_several(run_ids, "runs"))))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a thread with all that it has, inside the storage.

        Raises:
            NotFoundError: There is no such thread.
            ConflictError: There is a thread of the new id already.
        """
        self._faces.run(self._steps.copy(str(source_thread_id), str(target_thread_id)))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """See `copy_thread`."""
        await self._faces.arun(self._steps.copy(str(source_thread_id), str(target_thread_id)))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete all checkpoints of some threads but the newest of each namespace, or those too.

        Of a thread with channels of the kind `DeltaChannel` the ancestors that the newest is rebuilt from stay as well.

        Args:
            thread_ids: The threads; those that do not exist are left out.
            strategy: ``keep_latest`` or ``delete``.

        Raises:
            TypeError: It is one id, which would be taken for one per letter.
            ValueError: There is no such strategy.
        """
        self._faces.run(self._steps.prune(_several(thread_ids, "threads"), strategy))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """See `prune`."""
        await self._faces.arun(self._steps.prune(_several(thread_ids, "threads"), strategy))


def _several(ids: Iterable[object], what: str) -> list[str]:
    """Take ids down as texts."""
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise TypeError(f"{what} must be a list, not {type(ids).__name__}")
    return [str(id) for id in ids]


def _batches(places: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut a listing into what is read at once."""
    return (places[n : n + _AT_ONCE] for n in range(0, len(places), _AT_ONCE))
