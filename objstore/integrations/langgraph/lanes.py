"""Writers of one document in one process take turns, and who has the turn takes along what the others wait to write.

So many small writes that come at once are one commit, not one each that collide and start over. A call returns only
when the commit that holds its change was acknowledged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .faces import Steps, Wait

C = TypeVar("C")


@dataclass(eq=False, slots=True)
class _Ticket(Generic[C]):
    change: C
    patient: bool
    woken: Future[None] = field(default_factory=Future)
    settled: bool = False
    error: Exception | None = None


class Lane(Generic[C]):
    """The queue of those who want to change one document."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Ticket[C]] = []
        self._busy = False

    @property
    def idle(self) -> bool:
        """Whether nobody is in it."""
        return not self._busy and not self._waiting

    def write(
        self, change: C, commit: Callable[[list[C]], Steps[list[Exception | None]]], *, patience: float = 0.0
    ) -> Steps[None]:
        """Have a change committed, by whoever has the turn.

        Args:
            change: What is to be done.
            commit: Commits changes, all in one; gives for each why it was refused, or ``None``.
            patience: How many seconds to wait for somebody who is in more of a hurry and takes it along.

        Raises:
            Exception: Why this change was refused, or why the commit failed.
        """
        ticket = _Ticket(change, patience > 0)
        with self._lock:
            self._waiting.append(ticket)
        try:
            if patience > 0:
                yield Wait(ticket.woken, patience)
                ticket.patient = False
            while not ticket.settled:
                batch = self._take(ticket)
                if batch is None:
                    yield Wait(ticket.woken)
                    continue
                try:
                    errors = yield from commit([other.change for other in batch])
                except Exception as error:
                    _settle(batch, [error] * len(batch))
                else:
                    _settle(batch, errors)
                finally:  # one who gives up in the middle settles nobody: the others try themselves
                    self._pass_on(batch)
        finally:
            self._leave(ticket)
        if ticket.error:
            raise ticket.error

    def _take(self, ticket: _Ticket[C]) -> list[_Ticket[C]] | None:
        with self._lock:
            if ticket.settled:
                return None
            if self._busy:
                if ticket.woken.done():
                    ticket.woken = Future()
                return None
            self._busy = True
            batch, self._waiting = self._waiting, []
            return batch

    def _pass_on(self, batch: list[_Ticket[C]]) -> None:
        with self._lock:
            self._busy = False
            self._waiting[:0] = [ticket for ticket in batch if not ticket.settled]
            for ticket in batch:
                if ticket.settled:
                    _wake(ticket)
            self._wake_next()

    def _leave(self, ticket: _Ticket[C]) -> None:
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            if not self._busy:
                self._wake_next()

    def _wake_next(self) -> None:
        following = next((ticket for ticket in self._waiting if not ticket.patient), None)
        if following:
            _wake(following)


def _wake(ticket: _Ticket[C]) -> None:
    if not ticket.woken.done():
        ticket.woken.set_result(None)


def _settle(batch: list[_Ticket[C]], errors: list[Exception | None]) -> None:
    for ticket, error in zip(batch, errors, strict=True):
        ticket.error = error
        ticket.settled = True
