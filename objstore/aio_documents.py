"""The document store for programs that await: the calls of `objstore.DocumentStore`, with the same promises."""

from __future__ import annotations

import builtins
import datetime
from collections.abc import Coroutine, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from ._care.findings import VerifyReport
from ._care.retention import CollectReport, PruneReport
from ._engine.arguments import several
from ._engine.documents import Change, Document, DocumentSummary
from ._engine.layouts import UNSET, BaseArgument
from ._log.ops import Protocol
from ._log.session import CommitInfo
from .aio import like, taken_down
from .documents import DocumentStore, OpenedDocuments
from .models import Revision

T = TypeVar("T")


class AsyncDocumentStore(OpenedDocuments):
    """Documents with parts of any name, awaited; see `objstore.DocumentStore`."""

    @classmethod
    def of(cls, store: DocumentStore) -> Self:
        """Give the awaited face of a store that is open: the same place, memory and connections."""
        awaited = cls.__new__(cls)
        awaited._opened, awaited._documents = store._opened, store._documents
        return awaited

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @like(DocumentStore.close)
    async def close(self) -> None:
        await self._opened.driver.aclose()

    async def _run(self, protocol: Protocol[T]) -> T:
        return await self._opened.driver.arun(protocol)

    async def _save(self, id: str, protocol: Protocol[Revision]) -> Revision:
        return await self._opened.driver.arun(protocol, self._opened.reporter(id))

    @like(DocumentStore.load)
    async def load(self, id: str, *, parts: Iterable[str] | None = None, at: int | None = None) -> Document | None:
        return await self._run(self._documents.load(id, several(parts, "parts"), at))

    @like(DocumentStore.view)
    async def view(self, id: str, *, parts: Iterable[str] | None = None) -> Document | None:
        return await self._run(self._documents.view(id, several(parts, "parts")))

    @like(DocumentStore.save)
    @taken_down
    def save(
        self, id: str, parts: Mapping[str, object], *, base: BaseArgument = UNSET, key: str | None = None
    ) -> Coroutine[Any, Any, Revision]:
        return self._save(id, self._documents.save(id, parts, base, key))

    @like(DocumentStore.append)
    @taken_down
    def append(
        self, id: str, items: Mapping[str, Iterable[object]], *, base: BaseArgument = UNSET, key: str | None = None
    ) -> Coroutine[Any, Any, Revision]:
        return self._save(id, self._documents.append(id, items, base, key))

    @like(DocumentStore.update)
    async def update(self, id: str, change: Change, *, key: str | None = None) -> Revision:
        return await self._save(id, self._documents.update(id, change, key))

    @like(DocumentStore.delete)
    async def delete(
        self, id: str, *, base: BaseArgument = UNSET, purge: bool = False, keep_versions: bool = False
    ) -> None:
        await self._run(self._opened.delete(id, base, purge=purge, keep_versions=keep_versions))

    @like(DocumentStore.list)
    async def list(self, prefix: str = "") -> list[str]:
        return await self._run(self._opened.list_ids(prefix))

    @like(DocumentStore.summaries)
    async def summaries(self, prefix: str = "") -> builtins.list[DocumentSummary]:
        return await self._run(self._documents.summaries(prefix))

    @like(DocumentStore.exists)
    async def exists(self, id: str) -> bool:
        return await self._run(self._opened.exists(id))

    @like(DocumentStore.history)
    async def history(self, id: str) -> builtins.list[CommitInfo]:
        return await self._run(self._opened.history(id))

    @like(DocumentStore.restore)
    async def restore(self, id: str, at: int) -> Revision:
        return await self._save(id, self._opened.restore(id, at))

    @like(DocumentStore.fork)
    async def fork(self, id: str, new_id: str, *, at: int | None = None) -> Revision:
        return await self._save(new_id, self._opened.fork(id, new_id, at))

    @like(DocumentStore.verify)
    async def verify(self, ids: Iterable[str] | None = None) -> VerifyReport:
        return await self._run(self._opened.verify(several(ids)))

    @like(DocumentStore.prune)
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

    @like(DocumentStore.collect)
    async def collect(self, ids: Iterable[str] | None = None, *, dry_run: bool = False) -> CollectReport:
        return await self._run(self._opened.collect(several(ids), dry_run=dry_run))
