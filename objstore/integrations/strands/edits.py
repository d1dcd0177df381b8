"""Changes of documents: each one a commit at once, or several that wait to be one."""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from strands.types.exceptions import SessionException

from ...documents import DocumentStore
from ...lock import Lock
from .changes import Change, SessionConflictError


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a document.

    Attributes:
        name: What it is of; while it waits, a newer one of the same name takes its place.
        change: The parts as they are -> those that change. Where it does not fit it raises a `SessionException`, which
            is a `SessionConflictError` where another writer is the cause.
        done: Is called when it is committed.
        unsure: Is called when the storage failed, which may have committed it all the same.
    """

    name: object
    change: Change
    done: Callable[[], None] = lambda: None
    unsure: Callable[[], None] = lambda: None


@dataclass(slots=True)
class _Pending:
    lock: Lock = field(default_factory=Lock)
    users: int = 0
    holding: bool = False
    edits: dict[object, Edit] = field(default_factory=dict)
    overtaken: SessionConflictError | None = None

    @property
    def says_nothing(self) -> bool:
        return not (self.users or self.holding or self.edits or self.overtaken)

    def drop(self) -> None:
        self.edits.clear()
        self.holding = False


class Edits:
    """Commits edits of documents, on what is there. Safe between threads.

    An edit that another writer overtook bars all that follow, which were made without knowledge of the other's, until
    `begin` is called.
    """

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._lock = Lock()
        self._pending: dict[str, _Pending] = {}  # of documents that something waits for, or that are barred
        self._pid = os.getpid()

    def _locked(self) -> Lock:
        if self._pid != os.getpid():  # threads of the parent may have held locks, and nobody here will let them go
            self._lock, self._pid = Lock(), os.getpid()
            for pending in self._pending.values():
                pending.lock, pending.users = Lock(), 0
        return self._lock

    def begin(self, id: str) -> None:
        """Let a document be edited, again where an edit was overtaken."""
        with self._of(id) as pending:
            pending.overtaken = None

    def waiting(self, id: str, name: object) -> bool:
        """Say whether an edit of a name waits."""
        with self._of(id) as pending:
            return name in pending.edits

    def add(self, id: str, edit: Edit) -> None:
        """Commit an edit, or keep it until `flush`.

        Raises:
            SessionException: It does not fit; or one was overtaken before.
        """
        with self._of(id) as pending:
            if pending.overtaken:
                raise SessionConflictError(*pending.overtaken.args)
            if pending.holding:
                pending.edits[edit.name] = edit
            else:
                self._commit(id, pending, [edit])

    def hold(self, id: str) -> None:
        """Let the edits of a document wait for `flush`."""
        with self._of(id) as pending:
            pending.holding = True

    def flush(self, id: str) -> None:
        """Commit what waits as one. Where the storage fails it waits on; where it does not fit it is dropped.

        Raises:
            SessionException: One of the edits does not fit.
        """
        with self._of(id) as pending:
            if pending.edits:
                self._commit(id, pending, pending.edits.values())
            pending.drop()

    def forget(self, id: str) -> None:
        """Drop all that is known of a document."""
        with self._of(id) as pending:
            pending.drop()
            pending.overtaken = None

    @property
    def remembered(self) -> list[str]:
        """The documents of which something is known here."""
        with self._locked():
            return list(self._pending)

    @contextmanager
    def _of(self, id: str) -> Iterator[_Pending]:
        """Give what is known of a document to one thread at a time, and forget it when that is nothing."""
        with self._locked():
            pending = self._pending.setdefault(id, _Pending())
            pending.users += 1
        try:
            with pending.lock:
                yield pending
        finally:
            with self._locked():
                pending.users -= 1
                if pending.says_nothing:
                    del self._pending[id]

    def _commit(self, id: str, pending: _Pending, edits: Iterable[Edit]) -> None:
        def change(parts: Mapping[str, Any]) -> Mapping[str, object]:
            changed: dict[str, Any] = {}
            for edit in edits:
                changed |= edit.change(ChainMap(changed, parts))  # type: ignore[arg-type] # it is only looked at
            return changed

        try:
            self._documents.update(id, change)
        except SessionException as error:
            pending.drop()
            pending.overtaken = error if isinstance(error, SessionConflictError) else None
            raise
        except BaseException:
            for edit in edits:
                edit.unsure()
            raise
        for edit in edits:
            edit.done()
