"""Those who remove from one session in the scheduler's storage, each through an opened store, as programs do."""

from __future__ import annotations

import random
from typing import Any, TypeVar

from .._care import prune
from .._engine import housekeeping
from .._engine.handle import Handle
from .._format import canonical
from .._format.commit import Commit
from .._log import land, session
from .._log.base import Base
from .._log.ops import NewId, Pause, Protocol, through
from ..errors import ConflictError, IntegrityError, OutcomeUnknownError, UnavailableError
from .oracle import Oracle
from .readers import Reader, summarise
from .world import Violation

T = TypeVar("T")


class Remover:
    """Somebody who removes from a session, or collects what lies about.

    Args:
        thorough: Whether as much goes as can, and without waiting before.
    """

    def __init__(self, store: Handle, oracle: Oracle, draw: random.Random, *, thorough: bool = False) -> None:
        self._thorough = thorough
        self._store = store
        self._oracle = oracle
        self._draw = draw

    def prune(self, rounds: int) -> Protocol[None]:
        """Raise the floor to some snapshot, or to the commit that prunes, again and again."""
        wanted: int | None = None

        def choose(chain: list[Commit]) -> int:
            nonlocal wanted
            newest = chain[0].seq
            if self._thorough:
                return newest + 1
            if wanted is None:
                wanted = self._draw.choice([newest + 1, *[newest] * 3, *(c.seq for c in chain if c.whole)])
            return wanted

        for _ in range(rounds):
            yield self._wait()
            wanted = None
            yield from self._removing(housekeeping.prune(self._store, self._oracle.id, choose, dry_run=False))

    def finish(self, rounds: int) -> Protocol[None]:
        """Do what others left undone, without raising the floor."""
        for _ in range(rounds):
            yield self._wait()
            yield from self._removing(housekeeping.prune(self._store, self._oracle.id, lambda _: 0, dry_run=False))

    def collect(self, rounds: int) -> Protocol[None]:
        """Remove what crashes left."""
        for _ in range(rounds):
            yield self._wait()
            ids = [self._oracle.id] if self._draw.random() < 0.5 else None
            yield from self._removing(housekeeping.collect(self._store, ids, dry_run=False))

    def repair(self, rounds: int) -> Protocol[None]:
        """Set damaged newest commits aside."""
        for _ in range(rounds):
            yield self._wait()
            yield from self._removing(housekeeping.repair(self._store, self._oracle.id, dry_run=False))

    def bury(self) -> Protocol[None]:
        """Set damaged newest commits aside, and delete the session where nothing can be read any more."""
        try:
            yield from housekeeping.repair(self._store, self._oracle.id, dry_run=False)
        except IntegrityError:
            yield from self._store.delete(self._oracle.id, None, purge=False)

    def delete(self, rounds: int, *, purge: bool, careful: bool) -> Protocol[None]:
        """Delete the session, whatever is there or (careful) only as it was seen, and sometimes erase it at once."""
        for _ in range(rounds):
            yield from (self._delete_seen(purge=purge) if careful else self._delete(purge=purge))

    def _delete(self, *, purge: bool) -> Protocol[None]:
        oracle = self._oracle
        mark = oracle.head.seq
        oracle.deletes = True
        if (yield from self._removing(self._store.delete(oracle.id, None, purge=purge))) is None:
            return
        if all(link.state is not None for link in oracle.chain[mark:]):
            raise Violation("D", f"a delete that began at head {mark} is done, and there was always something")
        oracle.counts["deletes"] += 1

    def _delete_seen(self, *, purge: bool) -> Protocol[None]:
        loaded = yield from Reader(self._store, self._oracle, self._draw).read()
        if loaded is None or loaded.base is None:
            return
        seen, mark = loaded.base, self._oracle.head.seq
        drawn: list[str] = []
        protocol = session.delete(self._store.rules, seen, seen, summarise)  # tells what it deleted
        found = yield from self._removing(_noting(protocol, drawn))
        if found is None:
            return
        (head,) = found
        if head is None:
            raise Violation("D", f"there was nothing to delete, though the head was {mark}")
        self._oracle.committed(head)
        if head.seq < mark:
            raise Violation("D", f"a delete that began at head {mark} found it deleted at {head.seq}")
        commit = self._oracle.chain[head.seq].commit
        if commit and commit.commit in drawn:  # else somebody else was faster
            self._check_seen(seen, head)
        self._oracle.counts["deletes"] += 1
        if purge:
            yield from self._removing(prune.purge(head))

    def _check_seen(self, seen: Base, head: Base) -> None:
        below = self._oracle.chain[head.seq - 1].state
        if below is not None and not canonical.same(below, self._oracle.meaning.plain(seen.state)):
            raise Violation("A", f"commit {head.seq} deletes a state that the one who deleted had not seen")

    def _wait(self) -> Pause:
        return Pause(0 if self._thorough else self._draw.choice((0, 50, self._store.rules.grace + 20)))

    def _removing(self, protocol: Protocol[T]) -> Protocol[tuple[T] | None]:
        try:
            return ((yield from protocol),)
        except (land.LostError, ConflictError, IntegrityError):
            self._oracle.counts["disturbed"] += 1
        except (OutcomeUnknownError, UnavailableError):
            self._oracle.counts["unavailable"] += 1
        return None


def _noting(protocol: Protocol[T], drawn: list[str]) -> Protocol[T]:
    """Run a protocol and note the identifiers that it draws."""

    def ask(asked: Any) -> Protocol[Any]:
        answer = yield asked
        if isinstance(asked, NewId):
            drawn.append(answer)
        return answer

    return through(protocol, ask)
