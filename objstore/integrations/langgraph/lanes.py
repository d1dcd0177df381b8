"""Writers of one document in one process take turns, and who has the turn takes along what the others wait to write.

So many small writes that come at once are one commit, not one each that collide and start over. A call returns only
when the commit that holds its change was acknowledged, or when another call answers for it, which then does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ...lock import Lock
from .faces import Steps, Wait

C = TypeVar("C")


@dataclass(eq=False, slots=True)
class _Ticket(Generic[C]):
    change: C
    patient: bool
    name: Hashable | None
    answers_for: Hashable | None
    woken: Future[None] = field(default_factory=Future)
    settled: bool = False
    left: bool = False
    error: Exception | None = None
    borne: list[_Ticket[C]] = field(default_factory=list)
    bearer: _Ticket[C] | None = None

    @property
    def free(self) -> bool:
        """Whether its call need not wait any longer."""
        return self.settled or self.bearer is not None

    @property
    def given_up(self) -> bool:
        """Whether nobody waits for what becomes of it."""
        return self.left and (self.bearer is None or self.bearer.left)


class Lane(Generic[C]):
    """The queue of those who want to change one document."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[_Ticket[C]] = []
        self._under_way: list[_Ticket[C]] = []
        self._busy = False

    @property
    def idle(self) -> bool:
        """Whether nobody is in it."""
        return not self._busy and not self._waiting

    def __len__(self) -> int:
        """How many changes are not stored yet."""
        return len(self._waiting) + len(self._under_way)

    def write(
        self,
        change: C,
        commit: Callable[[list[C]], Steps[list[Exception | None]]],
        *,
        patience: float = 0.0,
        name: Hashable | None = None,
        answers_for: Hashable | None = None,
    ) -> Steps[None]:
        """Have a change committed, by whoever has the turn.

        Args:
            change: What is to be done.
            commit: Commits changes, all in one; gives for each why it was refused, or ``None``.
            patience: How many seconds to wait for somebody who is in more of a hurry and takes it along.
            name: What others can answer for it by. Who has a name leaves the commit to those who have none, since they
                have to wait for it anyway.
            answers_for: The name of a change whose call may return at once where this one waits. This one then returns
                when both are committed, and raises why that one was refused.

        Raises:
            Exception: Why this change was refused, or one that it answers for, or why the commit failed.
        """
        ticket = _Ticket(change, patience > 0, name, answers_for)
        self._enter(ticket)
        try:
            if patience > 0:
                yield Wait(ticket.woken, patience)
                ticket.patient = ticket.free  # who is answered for leaves the hurry to who answers
            while not ticket.free:
                batch = self._take(ticket)
                if batch is None:
                    if (yield Wait(ticket.woken)) is False:
                        yield from self._seize(commit)
                    continue
                try:
                    errors = yield from commit([other.change for other in batch])
                except Exception as error:
                    _settle(batch, [error] * len(batch))
                else:
                    _settle(batch, errors)
                finally:  # one who gives up in the middle settles nobody: the others try themselves
                    self._pass_on()
        finally:
            self._leave(ticket)
        for one in (*ticket.borne, ticket):
            if one.error:
                raise one.error

    def _enter(self, ticket: _Ticket[C]) -> None:
        with self._lock:
            for other in (*self._under_way, *self._waiting) if ticket.answers_for is not None else ():
                if other.name == ticket.answers_for and not other.free:
                    _bear(other, ticket)
            for other in self._waiting if ticket.name is not None else ():  # whose commit this one will be in
                if other.answers_for == ticket.name and not ticket.free:
                    _bear(ticket, other)
            self._waiting.append(ticket)

    def _take(self, ticket: _Ticket[C]) -> list[_Ticket[C]] | None:
        with self._lock:
            if ticket.free:
                return None
            leader = None if ticket.name is None else self._leader()
            if self._busy or leader:
                if ticket.woken.done():
                    ticket.woken = Future()
                if leader and not self._busy:
                    _wake(leader)
                return None
            self._busy = True
            batch, self._waiting = self._waiting, []
            self._under_way = batch
            return list(batch)

    def _seize(self, commit: Callable[[list[C]], Steps[list[Exception | None]]]) -> Steps[None]:
        """Commit all that is here, for one who must not wait: who has the turn then changes nothing more."""
        with self._lock:
            batch = [*self._under_way, *self._waiting]
        errors = yield from commit([ticket.change for ticket in batch])
        with self._lock:
            _settle(batch, errors)
            self._waiting = [ticket for ticket in self._waiting if not ticket.settled]
            for ticket in batch:
                _wake(ticket)

    def _pass_on(self) -> None:
        with self._lock:
            self._busy = False
            batch, self._under_way = self._under_way, []
            self._waiting[:0] = [ticket for ticket in batch if not ticket.settled]
            for ticket in batch:
                if ticket.settled:
                    _wake(ticket)

    def _leave(self, ticket: _Ticket[C]) -> None:
        with self._lock:
            ticket.left = True
            for other in ticket.borne:
                if not (other.settled or other.left):
                    other.bearer = None
            self._waiting = [other for other in self._waiting if not other.given_up]
            if not self._busy:
                self._wake_next()

    def _wake_next(self) -> None:
        if any(not ticket.patient for ticket in self._waiting):
            _wake(self._leader() or next(ticket for ticket in self._waiting if not ticket.free))

    def _leader(self) -> _Ticket[C] | None:
        """Give one who has to wait for the commit in any case."""
        return next((ticket for ticket in self._waiting if ticket.name is None), None)


def _bear(ticket: _Ticket[C], bearer: _Ticket[C]) -> None:
    ticket.bearer = bearer
    bearer.borne.append(ticket)
    _wake(ticket)


def _wake(ticket: _Ticket[C]) -> None:
    if not ticket.woken.done():
        ticket.woken.set_result(None)


def _settle(batch: list[_Ticket[C]], errors: list[Exception | None]) -> None:
    for ticket, error in zip(batch, errors, strict=True):
        ticket.error = error
    for ticket in batch:  # who answers for others looks at their errors when it is settled
        ticket.settled = True
