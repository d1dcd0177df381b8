"""The face for programs that await: the calls of `objstore.store.SessionStore`, with the same promises.

No call blocks the running loop. Values are taken down when a call is made, so they may be changed before it is awaited
and meanwhile: ``create_task(store.save(session))`` saves the session as it stood there.
"""

from __future__ import annotations

import asyncio
import builtins
import datetime
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial, wraps
from types import TracebackType
from typing import Any, Literal, NoReturn, ParamSpec, Self, TypeVar

from fsspec import AbstractFileSystem

from ._care.findings import VerifyReport
from ._care.repair import RepairReport
from ._care.retention import CollectReport, PruneReport
from ._care.usage import UsageReport
from ._engine import parts
from ._engine.arguments import LayoutName, Options, listed, several
from ._engine.artifacts import ArtifactInfo, entry, read_range
from ._engine.layouts import UNSET, BaseArgument
from ._engine.observing import Observer
from ._engine.pages import Wanted
from ._engine.parts import Part, SessionBundle
from ._engine.spool import Source, Spool
from ._engine.streams import AsyncArtifactStream
from ._engine.summary import SessionSummary
from ._format.canonical import JSON
from ._log.compare import Diff
from ._log.ops import Protocol
from ._log.session import CommitInfo
from .backends import AsyncBackend, Backend
from .backends._target import whole
from .backends.probe import CheckReport
from .models import (
    AgentEvent,
    ArtifactStore,
    Message,
    Revision,
    RunEventRecord,
    RunRecord,
    SessionData,
    ToolArtifact,
    TraceEvent,
    VerificationReport,
)
from .store import OpenedSessions, SessionStore
from .store import open as _open

T = TypeVar("T")
V = TypeVar("V")
F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")


def like(original: Callable[..., Any]) -> Callable[[F], F]:
    """Give a call the documentation of its twin, which has the same parameters and promises."""

    def document(function: F) -> F:
        function.__doc__ = original.__doc__
        return function

    return document


def taken_down(call: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let a call take its values down when it is made, as one that waits does, and raise when it is awaited.

    A coroutine function would only begin when its task first runs, and save what the caller has made of them by then.
    """

    @wraps(call)
    def taking(*args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        try:
            return call(*args, **kwargs)
        except Exception as error:
            return _raising(error)

    mark: Callable[[Any], Any] = getattr(inspect, "markcoroutinefunction", lambda function: function)  # since 3.12
    return mark(taking)  # type: ignore[no-any-return] # what it was given


async def _raising(error: Exception) -> NoReturn:
    raise error


@like(_open)
def open_async(
    target: str | os.PathLike[str] | AbstractFileSystem | Backend | AsyncBackend,
    *,
    path: str | None = None,
    layout: LayoutName | None = None,
    storage_options: Mapping[str, Any] | None = None,
    single_writer: bool = False,
    durability: Literal["full", "none"] = "full",
    timeout: float = 30.0,
    retries: int = 4,
    concurrency: int = 32,
    cache_bytes: int = 64 * 1024 * 1024,
    client: Literal["fsspec", "obstore"] = "fsspec",
    observer: Observer | None = None,
) -> AsyncSessionStore:
    return AsyncSessionStore(
        Options(
            target=target,
            path=path,
            layout=layout,
            storage_options=storage_options,
            single_writer=single_writer,
            durability=durability,
            timeout=timeout,
            retries=retries,
            concurrency=concurrency,
            cache_bytes=cache_bytes,
            client=client,
            observer=observer,
        )
    )


class AsyncSessionStore(OpenedSessions):
    """Sessions of AI agents on any storage, awaited; made by `objstore.open_async`.

    One instance serves many tasks, and event loops one after another or in several threads.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @like(SessionStore.close)
    async def close(self) -> None:
        await self._opened.driver.aclose()

    async def _run(self, protocol: Protocol[T]) -> T:
        return await self._opened.driver.arun(protocol)

    async def _load(self, part: Part[V], id: str, at: int | None) -> V | None:
        protocol = self._sessions.load_part(part, id, at)  # in one expression mypy would infer a part of V | None
        return await self._run(protocol)

    async def _save(self, id: str, protocol: Protocol[Revision]) -> Revision:
        return await self._opened.driver.arun(protocol, self._opened.reporter(id))

    # The trait of the seed

    @like(SessionStore.save)
    @taken_down
    def save(self, session: SessionData, *, base: BaseArgument = UNSET) -> Coroutine[Any, Any, Revision]:
        protocol = self._sessions.save(session, base)
        return self._save(session.id, protocol)

    @like(SessionStore.load)
    async def load(self, id: str, *, at: int | None = None) -> SessionData | None:
        return await self._run(self._sessions.load(id, at))

    @like(SessionStore.delete)
    async def delete(
        self, id: str, *, base: BaseArgument = UNSET, purge: bool = False, keep_versions: bool = False
    ) -> None:
        await self._run(self._opened.delete(id, base, purge=purge, keep_versions=keep_versions))

    @like(SessionStore.list)
    async def list(self) -> list[str]:
        return await self._run(self._opened.list_ids(""))

    @like(SessionStore.exists)
    async def exists(self, id: str) -> bool:
        return await self._run(self._opened.exists(id))

    @like(SessionStore.health_check)
    async def health_check(self) -> None:
        await self._run(self._opened.health())

    @like(SessionStore.check)
    async def check(self) -> CheckReport:
        return await self._run(self._opened.check())

    @like(SessionStore.backend_name)
    def backend_name(self) -> str:
        return self._opened.backend.name

    @like(SessionStore.save_artifacts)
    @taken_down
    def save_artifacts(
        self, id: str, artifacts: ArtifactStore, *, base: BaseArgument = UNSET
    ) -> Coroutine[Any, Any, Revision]:
        return self._save(id, self._sessions.save_part(parts.ARTIFACTS, id, artifacts, base))

    @like(SessionStore.load_artifacts)
    async def load_artifacts(self, id: str, *, at: int | None = None) -> ArtifactStore | None:
        return await self._load(parts.ARTIFACTS, id, at)

    @like(SessionStore.save_trace_events)
    @taken_down
    def save_trace_events(
        self, id: str, events: Sequence[TraceEvent], *, base: BaseArgument = UNSET
    ) -> Coroutine[Any, Any, Revision]:
        return self._save(id, self._sessions.save_part(parts.TRACE_EVENTS, id, listed("events", events), base))

    @like(SessionStore.load_trace_events)
    async def load_trace_events(self, id: str, *, at: int | None = None) -> builtins.list[TraceEvent] | None:
        return await self._load(parts.TRACE_EVENTS, id, at)

    @like(SessionStore.save_run_records)
    @taken_down
    def save_run_records(
        self, id: str, records: Sequence[RunRecord], *, base: BaseArgument = UNSET
    ) -> Coroutine[Any, Any, Revision]:
        return self._save(id, self._sessions.save_part(parts.RUN_RECORDS, id, listed("records", records), base))

    @like(SessionStore.load_run_records)
    async def load_run_records(self, id: str, *, at: int | None = None) -> builtins.list[RunRecord] | None:
        return await self._load(parts.RUN_RECORDS, id, at)

    @like(SessionStore.save_verification_reports)
    @taken_down
    def save_verification_reports(
        self, id: str, reports: Sequence[VerificationReport], *, base: BaseArgument = UNSET
    ) -> Coroutine[Any, Any, Revision]:
        return self._save(
            id, self._sessions.save_part(parts.VERIFICATION_REPORTS, id, listed("reports", reports), base)
        )

    @like(SessionStore.load_verification_reports)
    async def load_verification_reports(
        self, id: str, *, at: int | None = None
    ) -> builtins.list[VerificationReport] | None:
        return await self._load(parts.VERIFICATION_REPORTS, id, at)

    # Several parts at once

    @like(SessionStore.commit)
    @taken_down
    def commit(
        self,
        session_or_id: SessionData | str,
        *,
        artifacts: ArtifactStore | None = None,
        trace_events: Sequence[TraceEvent] | None = None,
        run_records: Sequence[RunRecord] | None = None,
        verification_reports: Sequence[VerificationReport] | None = None,
        base: BaseArgument = UNSET,
        key: str | None = None,
    ) -> Coroutine[Any, Any, Revision]:
        id = session_or_id.id if isinstance(session_or_id, SessionData) else session_or_id
        return self._save(
            id,
            self._sessions.commit(session_or_id, artifacts, trace_events, run_records, verification_reports, base, key),
        )

    @like(SessionStore.append)
    @taken_down
    def append(
        self,
        id: str,
        *,
        messages: Iterable[Message] = (),
        trace_events: Iterable[TraceEvent] = (),
        run_records: Iterable[RunRecord] = (),
        run_events: Mapping[str, Iterable[RunEventRecord | AgentEvent]] | None = None,
        artifacts: Iterable[ToolArtifact] = (),
        verification_reports: Iterable[VerificationReport] = (),
        base: BaseArgument = UNSET,
        key: str | None = None,
    ) -> Coroutine[Any, Any, Revision]:
        protocol = self._sessions.append(
            id, messages, trace_events, run_records, run_events or {}, artifacts, verification_reports, base, key
        )
        return self._save(id, protocol)

    async def update(
        self,
        id: str,
        change: Callable[[SessionData], Awaitable[SessionData | None] | SessionData | None],
        *,
        attempts: int = 10,
    ) -> SessionData:
        """Load a session, let a function change it, and save; see `SessionStore.update`.

        The function may be a coroutine function; it is called on the running loop.
        """
        protocol = self._sessions.update(id, change, whole("attempts", attempts, 1))
        return await self._opened.driver.arun(protocol, self._opened.reporter(id))

    @like(SessionStore.load_bundle)
    async def load_bundle(self, id: str, *, at: int | None = None) -> SessionBundle | None:
        return await self._run(self._sessions.load_bundle(id, at))

    # Artifacts as streams

    @like(SessionStore.put_artifact)
    @taken_down
    def put_artifact(
        self, id: str, contents: Source, *, tool_name: str, uri: str | None = None, media_type: str | None = None
    ) -> Coroutine[Any, Any, ArtifactInfo]:
        if isinstance(contents, bytearray | memoryview):
            contents = bytes(contents)
        make = partial(entry, contents, uri=uri, tool_name=tool_name, media_type=media_type)
        return self._put_artifact(id, contents, make)

    async def _put_artifact(
        self, id: str, contents: Source, make: Callable[..., tuple[dict[str, JSON], ArtifactInfo]]
    ) -> ArtifactInfo:
        spool = Spool()
        try:
            if not isinstance(contents, str):
                await asyncio.to_thread(spool.fill, contents)
            document, info = await asyncio.to_thread(make, spool=spool)
            await self._save(id, self._artifacts.put(id, document))
        finally:
            await asyncio.to_thread(spool.close)  # to remove a big file takes its time
        return info

    @like(SessionStore.artifact)
    async def artifact(self, id: str, uri: str, *, at: int | None = None) -> ArtifactInfo | None:
        return await self._run(self._artifacts.info(id, uri, at))

    async def open_artifact(self, id: str, uri: str, *, at: int | None = None) -> AsyncArtifactStream:
        """Open the contents of an artifact as a stream whose reads are awaited; see `SessionStore.open_artifact`."""
        found = await self._run(self._artifacts.find(id, uri, at))
        driver = self._opened.driver  # the stream reads in threads, which may wait
        return AsyncArtifactStream(found.stream(lambda start, length: driver.run(read_range(found.key, start, length))))

    # History

    @like(SessionStore.history)
    async def history(self, id: str) -> builtins.list[CommitInfo]:
        return await self._run(self._opened.history(id))

    @like(SessionStore.restore)
    async def restore(self, id: str, at: int) -> Revision:
        return await self._save(id, self._opened.restore(id, at))

    @like(SessionStore.fork)
    async def fork(self, id: str, new_id: str, *, at: int | None = None) -> Revision:
        return await self._save(new_id, self._opened.fork(id, new_id, at))

    @like(SessionStore.diff)
    async def diff(self, id: str, old: int, new: int) -> Diff:
        return await self._run(self._opened.diff(id, old, new))

    # Listings

    @like(SessionStore.iter_ids)
    async def iter_ids(self, prefix: str = "", *, after: str | None = None) -> AsyncIterator[str]:
        pages = self._opened.id_pages(prefix, after)
        while pages.left:
            for id in await self._run(pages.read()):
                yield id

    @like(SessionStore.iter_summaries)
    async def iter_summaries(
        self,
        ids: Iterable[str] | None = None,
        *,
        prefix: str = "",
        state: str | None = None,
        parent: str | None = None,
        updated_since: datetime.datetime | None = None,
        sizes: bool = False,
    ) -> AsyncIterator[SessionSummary]:
        wanted = Wanted(state, parent, updated_since, sizes)
        pages = self._opened.summary_pages(ids, prefix, wanted)
        while pages.left:
            for summary in await self._run(pages.read()):
                yield summary

    @like(SessionStore.summaries)
    async def summaries(self, ids: Iterable[str]) -> builtins.list[SessionSummary]:
        return await self._run(self._opened.summaries(several(ids) or []))

    # Care for what is stored

    @like(SessionStore.prune)
    async def prune(
        self,
        id: str,
        *,
        keep_last: int | None = None,
        keep_newer_than: datetime.datetime | datetime.timedelta | None = None,
        keep_snapshots: int | None = None,
        dry_run: bool = False,
    ) -> PruneReport:
        return await self._run(self._opened.prune(id, keep_last, keep_newer_than, keep_snapshots, dry_run=dry_run))

    @like(SessionStore.collect)
    async def collect(self, ids: Iterable[str] | None = None, *, dry_run: bool = False) -> CollectReport:
        return await self._run(self._opened.collect(several(ids), dry_run=dry_run))

    @like(SessionStore.du)
    async def du(self, ids: Iterable[str] | None = None) -> UsageReport:
        return await self._run(self._opened.du(several(ids)))

    @like(SessionStore.verify)
    async def verify(self, ids: Iterable[str] | None = None) -> VerifyReport:
        return await self._run(self._opened.verify(several(ids)))

    @like(SessionStore.repair)
    async def repair(self, id: str, *, dry_run: bool = True) -> RepairReport:
        return await self._run(self._opened.repair(id, dry_run=dry_run))
