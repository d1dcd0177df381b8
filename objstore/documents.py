"""The log layout without the seed's types: documents with parts of any name, what framework adapters stand on."""

from __future__ import annotations

import builtins
import datetime
import os
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from fsspec import AbstractFileSystem

from ._care.findings import VerifyReport
from ._care.retention import CollectReport, PruneReport
from ._engine.arguments import Options, several
from ._engine.documents import Change, Document, Documents, DocumentSummary
from ._engine.layouts import UNSET, BaseArgument
from ._engine.observing import Observer
from ._engine.opened import Opened
from ._log.ops import Protocol
from ._log.session import CommitInfo
from .backends import AsyncBackend, Backend
from .models import Revision

T = TypeVar("T")


class OpenedDocuments:
    """What both faces of a store of documents have in common: how it is opened, pickled and shown."""

    def __init__(
        self,
        target: str | os.PathLike[str] | AbstractFileSystem | Backend | AsyncBackend,
        *,
        path: str | None = None,
        storage_options: Mapping[str, Any] | None = None,
        single_writer: bool = False,
        durability: Literal["full", "none"] = "full",
        timeout: float = 30.0,
        retries: int = 4,
        concurrency: int = 32,
        cache_bytes: int = 64 * 1024 * 1024,
        observer: Observer | None = None,
    ) -> None:
        self._open(
            Options(
                target=target,
                path=path,
                layout="log",
                storage_options=storage_options,
                single_writer=single_writer,
                durability=durability,
                timeout=timeout,
                retries=retries,
                concurrency=concurrency,
                cache_bytes=cache_bytes,
                observer=observer,
            )
        )

    def _open(self, options: Options) -> None:
        self._opened = Opened.for_documents(options)
        self._documents = Documents(self._opened.layout)

    @classmethod
    def _reopen(cls, options: Options) -> Self:
        store = cls.__new__(cls)
        store._open(options)
        return store

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._reopen, (self._opened.options,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._opened.backend!r})"


class DocumentStore(OpenedDocuments):
    """Documents with parts of any name, on the log layout: atomic commits, revisions, conflicts, history.

    What `objstore.SessionStore` is for sessions. Parts are JSON; big texts and ``bytes`` become objects of their own.
    A place is opened by the arguments of `objstore.open`, without I/O.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections, after the requests under way. A store that is used after that opens them again."""
        self._opened.backend.close()

    def _run(self, protocol: Protocol[T]) -> T:
        return self._opened.driver.run(protocol)

    def _save(self, id: str, protocol: Protocol[Revision]) -> Revision:
        return self._opened.driver.run(protocol, self._opened.reporter(id))

    def load(self, id: str, *, parts: Iterable[str] | None = None, at: int | None = None) -> Document | None:
        """Load a document, or some parts of it; ``None`` where there never was one, or it was deleted.

        One whose parts were all removed comes without `Document.names`, though `exists` says that there is none: its
        revision may be saved on.

        Raises:
            IntegrityError: Stored bytes are damaged.
            NotFoundError: There is no commit ``at``, or it was pruned.
        """
        return self._run(self._documents.load(id, several(parts, "parts"), at))

    def view(self, id: str, *, parts: Iterable[str] | None = None) -> Document | None:
        """Look at a document, or some parts of it; ``None`` where there is none.

        What `load` copies stands in a view as it is remembered: lists and objects are read-only, as for `update`. In
        the place of ``bytes`` and of texts above 256 KiB, which are not read for this, stands a value that can only be
        put back. Of a document that this store has read before only what is new is read.

        Raises:
            IntegrityError: Stored bytes are damaged.
        """
        return self._run(self._documents.view(id, several(parts, "parts")))

    def save(
        self, id: str, parts: Mapping[str, object], *, base: BaseArgument = UNSET, key: str | None = None
    ) -> Revision:
        """Set some parts of a document in one atomic commit; parts that are not named are left alone.

        Raises:
            ConflictError: With a base: one of these parts changed since, and to something else than is being saved. Two
                that make the same of it agree; where only one may succeed, let each also save a part with a name of its
                own, or `update`.
            InvalidValueError: A value is not JSON; the message says where.
            NotFoundError: There never was a document, and nothing is given to make one of.
        """
        return self._save(id, self._documents.save(id, parts, base, key))

    def append(
        self, id: str, items: Mapping[str, Iterable[object]], *, base: BaseArgument = UNSET, key: str | None = None
    ) -> Revision:
        """Add items to the ends of parts that are lists, in one atomic commit at the newest end.

        A part that is not there is made of them. Any number of writers may append at once.

        Raises:
            ConflictError: With a base: one of these parts changed since.
            InvalidValueError: A part is no list, or an item is not JSON; the message says where.
            NotFoundError: There never was a document, and no item is given.
        """
        return self._save(id, self._documents.append(id, items, base, key))

    def update(self, id: str, change: Change, *, key: str | None = None) -> Revision:
        """Change a document by a function of what is there, in one atomic commit at the newest end.

        Nothing that others commit is overwritten unseen, and nothing conflicts: where one was faster, the function is
        called again with what is there then. So it must do nothing but look and answer, and it may be called in another
        thread. What it raises ends the call, unless that was of an older state, which this store remembers. A document
        that this store has saved or loaded before costs one request, as a save does.

        Args:
            id: The document; it need not exist.
            change: Is given the parts to look at, ``{}`` where there is no document, and gives those that change,
                whole: what it sets in what it was given changes nothing. ``None`` as a value removes a part. Lists and
                objects are read-only, and may stand again in what it gives:
                ``lambda parts: {"log": parts.get("log", []) + [entry]}``, where ``+`` copies nothing. A list's
                ``each(key)`` gives the values under a key of its items. In the place of ``bytes`` and of texts above
                256 KiB, which are not read for this, stands a value that can only be put back.
            key: Idempotency key.

        Raises:
            InvalidValueError: What it gives is not JSON.
            NotFoundError: There never was a document, and the function gives nothing to make one of. (Where one was
                deleted, the revision of the deletion comes back.)
        """
        return self._save(id, self._documents.update(id, change, key))

    def delete(self, id: str, *, base: BaseArgument = UNSET, purge: bool = False, keep_versions: bool = False) -> None:
        """Delete a document; deleting one that is not there does nothing. See `SessionStore.delete`."""
        self._run(self._opened.delete(id, base, purge=purge, keep_versions=keep_versions))

    def list(self, prefix: str = "") -> list[str]:
        """Give the ids that begin with ``prefix``, sorted."""
        return self._run(self._opened.list_ids(prefix))

    def summaries(self, prefix: str = "") -> builtins.list[DocumentSummary]:
        """Describe the documents whose ids begin with ``prefix``, sorted by id, without reading what is in them.

        A small part named ``summary`` is repeated in every commit for this. Costs one list, and then for each document
        two lists and a read, side by side.
        """
        return self._run(self._documents.summaries(prefix))

    def exists(self, id: str) -> bool:
        """Say whether there is a document of this id."""
        return self._run(self._opened.exists(id))

    def history(self, id: str) -> builtins.list[CommitInfo]:
        """Describe the commits of a document, newest first."""
        return self._run(self._opened.history(id))

    def restore(self, id: str, at: int) -> Revision:
        """Commit the state of commit ``at`` on top of the newest.

        Raises:
            NotFoundError: There is no commit ``at``, it was pruned, or it deleted the document.
        """
        return self._save(id, self._opened.restore(id, at))

    def fork(self, id: str, new_id: str, *, at: int | None = None) -> Revision:
        """Make a new document of the newest state of another, or of its commit ``at``. See `SessionStore.fork`.

        Raises:
            NotFoundError: There is no such document or commit.
            ConflictError: There is a document ``new_id`` already.
        """
        return self._save(new_id, self._opened.fork(id, new_id, at))

    def verify(self, ids: Iterable[str] | None = None) -> VerifyReport:
        """Check everything that is stored of some documents, or of all."""
        return self._run(self._opened.verify(several(ids)))

    def prune(
        self,
        id: str,
        *,
        keep_last: int | None = None,
        keep_newer_than: datetime.datetime | datetime.timedelta | None = None,
        keep_snapshots: int | None = None,
        dry_run: bool = False,
    ) -> PruneReport:
        """Give up old commits of a document. See `SessionStore.prune`."""
        return self._run(self._opened.prune(id, keep_last, keep_newer_than, keep_snapshots, dry_run=dry_run))

    def collect(self, ids: Iterable[str] | None = None, *, dry_run: bool = False) -> CollectReport:
        """Remove what deletes, prunes and crashes left of some documents, or of all. See `SessionStore.collect`."""
        return self._run(self._opened.collect(several(ids), dry_run=dry_run))
