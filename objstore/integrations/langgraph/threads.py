"""The threads of a store: reading one, writing to one, removing from one, as steps."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from functools import partial
from typing import Any, Final

from ... import ConflictError, InvalidValueError, NotFoundError, ObjstoreError
from ...lock import Lock
from .changes import PARTS, Change, Draft, PutCheckpoint, check_ours, without
from .entries import OURS, Key, Thread
from .faces import Ask, Steps, Work
from .lanes import Lane
from .values import names_of_parts

ATTEMPTS: Final = 5
_ENTRIES: Final = 50_000
_EMPTY: Final = 4096
_REFUSED: Final = 32


class _Row:
    """What is known of one thread, and the queue of those who write it."""

    def __init__(self) -> None:
        self.lane: Lane[Change] = Lane()
        self.thread: Thread | None = None
        self.refused: dict[Key, ObjstoreError] = {}

    def refuse(self, changes: Iterable[Change], why: ObjstoreError) -> None:
        """Remember for a while why checkpoints are not stored, to tell it of those that were to follow them."""
        bare = copy(why)  # without what its traceback holds
        self.refused |= {change.key: bare for change in changes if isinstance(change, PutCheckpoint)}
        for key in list(self.refused)[:-_REFUSED]:
            del self.refused[key]

    @property
    def size(self) -> int:
        """How many entries it holds, and one for itself."""
        return 1 + (len(self.thread.checkpoints) + len(self.thread.writes) if self.thread else 0)


class Threads:
    """The threads of a store. Those that were used last are remembered, and caught up before they are given out.

    Args:
        entries: How many checkpoints and writes are remembered of all threads together.
    """

    def __init__(self, entries: int = _ENTRIES) -> None:
        self._entries = entries
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._used = 0
        self._lock = Lock()
        self._rows: OrderedDict[str, _Row] = OrderedDict()
        self._empty: OrderedDict[tuple[str, str], int] = OrderedDict()

    def _locked(self) -> Lock:
        if self._pid != os.getpid():  # a thread of the parent may have had the turn, and nobody here will pass it on
            self._begin()
        return self._lock

    def read(self, id: str) -> Steps[Thread]:
        """Read a thread; one request where nothing changed since it was read or written here."""
        row = self._row(id)
        document = yield Ask("view", (id,), {"parts": PARTS})
        if document is None:
            return Thread(id)
        check_ours(id, document.parts, document.names)
        thread: Thread = yield Work(partial(Thread.of, id, document.parts, row.thread))
        thread.revision = document.revision
        self._remember(id, thread)
        return thread

    def contents(self, thread: Thread, items: Iterable[Sequence[str]]) -> Steps[dict[str, Any] | None]:
        """Read the big values that some items of a thread name; ``None`` where one was deleted since it was read."""
        with OURS.reading(thread.id, "the name of a value"):
            names = names_of_parts(items)
        if not names:
            return {}
        document = yield Ask("load", (thread.id,), {"parts": tuple(names)})
        if document and None not in document.parts.values():
            return dict(document.parts)
        if document and document.revision == thread.revision:
            raise OURS.garbled(thread.id, "checkpoints or writes", "a big value is missing")
        self.forget(thread.id)
        return None

    def write(self, id: str, change: Change, patience: float = 0.0) -> Steps[None]:
        """Store a change, in one commit with what else of this process waits to be stored in the thread.

        The call for a checkpoint returns before that where its run went on without waiting and the writes of its tasks
        are here: their calls then return when both are stored, and raise why one is not.

        Raises:
            ConflictError: Another run went on from there.
        """
        row = self._row(id)

        def commit(changes: list[Change]) -> Steps[list[Exception | None]]:
            draft = Draft(id, row.thread, changes, row.refused)
            try:
                draft.thread.revision = yield Ask("update", (id, draft.on))
            except NotFoundError:
                pass  # there never was a thread, and nothing here begins one: the draft says why
            except InvalidValueError as error:
                if len(changes) == 1:
                    row.refuse(changes, error)
                    return [error]
                errors: list[Exception | None] = []
                for one in changes:
                    errors += yield from commit([one])
                return errors
            except ObjstoreError as error:
                row.refuse(changes, error)
                raise
            for one, why in zip(changes, draft.errors, strict=True):
                if isinstance(why, ObjstoreError):
                    row.refuse([one], why)
            self._remember(id, draft.thread)
            return draft.errors

        if isinstance(change, PutCheckpoint):
            yield from row.lane.write(change, commit, patience=patience, name=change.key)
        else:
            yield from row.lane.write(change, commit, patience=patience, answers_for=change.key)

    def remove(self, id: str, choose: Callable[[Thread], Steps[set[Key]]]) -> Steps[None]:
        """Remove the checkpoints that a function chooses, chosen anew where others were faster."""
        for _ in range(ATTEMPTS):
            thread = yield from self.read(id)
            doomed = yield from choose(thread)
            if not doomed:
                return
            try:
                if len(doomed) == len(thread.standing()):
                    yield Ask("delete", (id,), {"base": thread.revision})
                else:
                    yield Ask("update", (id, lambda parts, doomed=doomed: without(id, parts, doomed)))
            except ConflictError:
                continue
            finally:
                self.forget(id)
            return
        raise ConflictError(f"others kept saving to {id!r} while checkpoints were to be deleted; try again", id)

    def delete(self, id: str) -> Steps[None]:
        """Delete a thread."""
        yield Ask("delete", (id,))
        self.forget(id)

    def forget(self, id: str) -> None:
        """Read a thread anew the next time."""
        self._remember(id, None)

    def say_empty(self, id: str, space: str) -> None:
        """Remember that a run was told that there is no checkpoint in a namespace, and will begin there."""
        with self._locked():
            self._empty[id, space] = self._empty.pop((id, space), 0) + 1
            if len(self._empty) > _EMPTY:
                self._empty.popitem(last=False)

    def begin(self, id: str, space: str) -> bool:
        """Say whether a checkpoint without a parent is of a run that was told so."""
        with self._locked():
            count = self._empty.pop((id, space), 0)
            if count > 1:
                self._empty[id, space] = count - 1
            return count > 0

    def say_older(self, id: str, space: str) -> None:
        """Forget it, since a run begins there behind what others stored, and knows."""
        with self._locked():
            self._empty.pop((id, space), None)

    def remembered(self) -> list[str]:
        """Name the threads that are remembered, the one used last at the end."""
        with self._locked():
            return [id for id, row in self._rows.items() if row.thread]

    def _row(self, id: str) -> _Row:
        with self._locked():
            return self._used_now(id)

    def _used_now(self, id: str) -> _Row:
        if id not in self._rows:
            self._rows[id] = row = _Row()
            self._used += row.size
        self._rows.move_to_end(id)
        return self._rows[id]

    def _remember(self, id: str, thread: Thread | None) -> None:
        with self._locked():
            row = self._used_now(id)
            self._used -= row.size
            row.thread = thread
            self._used += row.size
            for other in list(self._rows) if self._used > self._entries else ():
                if other != id and self._rows[other].lane.idle:
                    self._used -= self._rows.pop(other).size
                    if self._used <= self._entries:
                        break
