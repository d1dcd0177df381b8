"""The log layout without the seed's types: documents with parts of any name, what framework adapters stand on."""

from __future__ import annotations

import builtins
import datetime
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from fsspec import AbstractFileSystem

from ._care.retention import CollectReport, PruneReport
from ._care.verify import VerifyReport
from ._engine.layouts import UNSET, BaseArgument, FindLayout, given
from ._engine.observing import Observer
from ._engine.opened import Opened, Options, several
from ._format import checking
from ._format.canonical import JSON
from ._format.checking import MAX_DEPTH
from ._format.patching import Patch, append, diff
from ._format.views import view
from ._log.listing import Listed
from ._log.loaded import Loaded
from ._log.ops import Protocol
from ._log.session import CommitInfo
from .backends import AsyncBackend, Backend
from .errors import FormatError, InvalidValueError
from .models import Revision

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was read.

    Attributes:
        parts: Name -> any JSON value; where ``bytes`` were saved, ``bytes``.
        revision: The commit that they were read from; save with it as ``base`` to notice other writers.
        names: The names of all its parts, also of those that were not asked for. A part that is ``None`` is none.
    """

    parts: dict[str, JSON]
    revision: Revision
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """A document as a listing shows it, read without its parts.

    Attributes:
        id: The document.
        seq: The number of its newest commit; ``None`` where nothing of it can be read.
        saved_at: When that was written, by the writer's clock, in UTC.
        summary: Its part ``summary``, if that is JSON of no more than 4 KiB; else ``None``.
        problem: Why its newest commit cannot be read, if so; the rest is that of the newest one that can.
    """

    id: str
    seq: int | None
    saved_at: datetime.datetime
    summary: JSON
    problem: str | None = None


Change = Callable[[Mapping[str, Any]], Mapping[str, object] | None]
"""Parts as they are -> those that change; see `DocumentStore.update`."""


class Documents:
    """The calls of a document store as protocols; both faces are made of it."""

    def __init__(self, layout: FindLayout) -> None:
        self._layout = layout

    def load(self, id: str, parts: Iterable[str] | None, at: int | None) -> Protocol[Document | None]:
        """See `DocumentStore.load`."""
        loaded = yield from (yield from self._layout(id)).load(id, parts, at)
        if loaded is None:
            return None
        try:
            found = {name: checking.check(value, what=name, binary=True) for name, value in loaded.parts.items()}
        except InvalidValueError as error:
            raise FormatError(
                f"{id!r} is whole, but not as an objstore would have saved it: {error}", loaded.key
            ) from None
        return _document(loaded, found)

    def view(self, id: str, parts: Iterable[str] | None) -> Protocol[Document | None]:
        """See `DocumentStore.view`."""
        loaded = yield from (yield from self._layout()).load(id, parts, None, contents=False)
        if loaded is None:
            return None
        return _document(loaded, {name: view(value, MAX_DEPTH) for name, value in loaded.parts.items()})

    def save(self, id: str, parts: Mapping[str, object], base: BaseArgument, key: str | None) -> Protocol[Revision]:
        """See `DocumentStore.save`."""
        values = {_name(name): checking.check(value, what=name, binary=True) for name, value in parts.items()}
        return self._save(id, values, given(base), key)

    def _save(
        self, id: str, parts: Mapping[str, JSON], base: Revision | int | None, key: str | None
    ) -> Protocol[Revision]:
        revision, _ = yield from (yield from self._layout()).save(id, parts, base, key)
        return revision

    def append(
        self, id: str, items: Mapping[str, Iterable[object]], base: BaseArgument, key: str | None
    ) -> Protocol[Revision]:
        """See `DocumentStore.append`."""
        added = {_name(name): checking.check([*new], what=name, binary=True) for name, new in items.items()}
        return self._append(id, added, given(base), key)

    def _append(
        self, id: str, added: Mapping[str, JSON], base: Revision | int | None, key: str | None
    ) -> Protocol[Revision]:
        def patches(state: Mapping[str, JSON]) -> dict[str, Patch]:
            found: dict[str, Patch] = {}
            for name, new in added.items():
                assert isinstance(new, list)
                old = state.get(name)
                if old is not None and not isinstance(old, list):
                    raise InvalidValueError(f"{name} of {id!r} is no list, so nothing can be appended to it")
                if new:
                    found[name] = {"set": new} if old is None else append(len(old), new)
            return found

        revision, _ = yield from (yield from self._layout()).derive(id, patches, base, key)
        return revision

    def update(self, id: str, change: Change, key: str | None) -> Protocol[Revision]:
        """See `DocumentStore.update`."""

        def patches(state: Mapping[str, JSON]) -> dict[str, Patch]:
            seen = {name: view(value, MAX_DEPTH) for name, value in state.items() if value is not None}
            found: dict[str, Patch] = {}
            for name, value in (change(seen) or {}).items():
                patch = diff(state.get(_name(name)), checking.check(value, what=name, binary=True))
                if patch:
                    found[name] = patch
            return found

        revision, _ = yield from (yield from self._layout()).derive(id, patches, None, key)
        return revision

    def summaries(self, prefix: str) -> Protocol[list[DocumentSummary]]:
        """See `DocumentStore.summaries`."""
        layout = yield from self._layout()
        ids = yield from layout.list_ids(prefix)
        return [_summary_of(listed) for listed in (yield from layout.heads(ids))]


def _document(loaded: Loaded, parts: dict[str, Any]) -> Document:
    assert loaded.base is not None  # documents lie in logs only
    names = tuple(name for name, value in (loaded.base.state or {}).items() if value is not None)
    return Document(parts, loaded.revision, names)


def _summary_of(listed: Listed) -> DocumentSummary:
    return DocumentSummary(listed.id, listed.seq, listed.time, listed.summary.get("summary"), listed.problem)


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidValueError("the name of a part is a str that is not empty")
    checking.check(name, what="the name of a part")
    return name


class DocumentStore:
    """Documents with parts of any name, on the log layout: atomic commits, revisions, conflicts, history.

    What `objstore.SessionStore` is for sessions. Parts are JSON; big texts and ``bytes`` become objects of their own.
    """

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
        """Open a place; see `objstore.open` for the arguments. No I/O."""
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
        self._options = options
        self._opened = Opened.for_documents(options)
        self._documents = Documents(self._opened.layout)

    @classmethod
    def _reopen(cls, options: Options) -> Self:
        store = cls.__new__(cls)
        store._open(options)
        return store

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._reopen, (self._options,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._opened.backend!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections. A store that is used after that opens them again."""
        self._opened.backend.close()

    def _run(self, protocol: Protocol[T]) -> T:
        return self._opened.driver.run(protocol)

    def load(self, id: str, *, parts: Iterable[str] | None = None, at: int | None = None) -> Document | None:
        """Load a document, or some parts of it; ``None`` where there is none.

        Raises:
            IntegrityError: Stored bytes are damaged.
            NotFoundError: There is no commit ``at``, or it was pruned.
        """
        return self._run(self._documents.load(id, None if parts is None else [*parts], at))

    def view(self, id: str, *, parts: Iterable[str] | None = None) -> Document | None:
        """Look at a document, or some parts of it; ``None`` where there is none.

        What `load` copies stands in a view as it is remembered: lists and objects are read-only, as for `update`. In
        the place of ``bytes`` and of texts above 256 KiB, which are not read for this, stands a value that can only be
        put back. Of a document that this store has read before only what is new is read.

        Raises:
            IntegrityError: Stored bytes are damaged.
        """
        return self._run(self._documents.view(id, None if parts is None else [*parts]))

    def save(
        self, id: str, parts: Mapping[str, object], *, base: BaseArgument = UNSET, key: str | None = None
    ) -> Revision:
        """Set some parts of a document in one atomic commit; parts that are not named are left alone.

        Raises:
            ConflictError: With a base: one of these parts changed since, and to something else than is being saved. Two
                that make the same of it agree; where only one may succeed, let each also save a part with a name of its
                own, or `update`.
            InvalidValueError: A value is not JSON; the message says where.
        """
        return self._run(self._documents.save(id, parts, base, key))

    def append(
        self, id: str, items: Mapping[str, Iterable[object]], *, base: BaseArgument = UNSET, key: str | None = None
    ) -> Revision:
        """Add items to the ends of parts that are lists, in one atomic commit at the newest end."""
        return self._run(self._documents.append(id, items, base, key))

    def update(self, id: str, change: Change, *, key: str | None = None) -> Revision:
        """Change a document by a function of what is there, in one atomic commit at the newest end.

        Nothing that others commit is overwritten unseen, and nothing conflicts: where one was faster, the function is
        called again with what is there then. So it must do nothing but look and answer, and it may be called in another
        thread. A document that this store has saved or loaded before costs one request, as a save does.

        Args:
            id: The document; it need not exist.
            change: Is given the parts to look at, ``{}`` where there is no document, and gives those that change,
                whole; ``None`` as a value removes a part. Lists and objects are read-only, and may stand again in what
                it gives: ``lambda parts: {"log": parts.get("log", []) + [entry]}``, where ``+`` copies nothing. A
                list's ``each(key)`` gives the values under a key of its items. In the place of ``bytes`` and of texts
                above 256 KiB, which are not read for this, stands a value that can only be put back.
            key: Idempotency key.

        Raises:
            InvalidValueError: What it gives is not JSON.
            NotFoundError: There is no document, and the function gives nothing to make one of.
        """
        return self._run(self._documents.update(id, change, key))

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
        """Commit the state of commit ``at`` on top of the newest."""
        return self._run(self._opened.restore(id, at))

    def fork(self, id: str, new_id: str, *, at: int | None = None) -> Revision:
        """Make a new document of the newest state of another, or of its commit ``at``. See `SessionStore.fork`.

        Raises:
            NotFoundError: There is no such document or commit.
            ConflictError: There is a document ``new_id`` already.
        """
        return self._run(self._opened.fork(id, new_id, at))

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
