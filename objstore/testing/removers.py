"""Those who remove from one session in the scheduler's storage: each is a protocol made of the real ones."""

from __future__ import annotations

import random
from typing import TypeVar

from .._care import mend, prune
from .._care.ailments import OF_DOCUMENTS
from .._format import canonical
from .._format.commit import Commit
from .._log import land, session
from .._log.base import Base, Rules
from .._log.ops import Pause, Protocol
from ..errors import ConflictError, IntegrityError, OutcomeUnknownError, UnavailableError
from .actors import Actors, summarise
from .oracle import Oracle
from .world import Violation

T = TypeVar("T")


class Removers:
    """Makes those actors of one schedule that remove; see `objstore.testing.actors.Actors`."""

    def __init__(self, id: str, rules: Rules, oracle: Oracle, draw: random.Random, actors: Actors) -> None:
        self._id = id
        self._rules = rules
        self._oracle = oracle
        self._draw = draw
        self._actors = actors

    def pruner(self, rounds: int) -> Protocol[None]:
        """Raise the floor to some snapshot, again and again."""

        def choose(chain: list[Commit]) -> int:
            return self._draw.choice([*[chain[0].seq] * 3, *(c.seq for c in chain if c.whole)])

        for _ in range(rounds):
            yield self._wait()
            yield from self._removing(prune.prune(self._rules, self._id, choose, summarise))

    def finisher(self, rounds: int) -> Protocol[None]:
        """Do what others left undone."""
        for _ in range(rounds):
            yield self._wait()
            yield from self._removing(prune.finish(self._rules, self._id))

    def collector(self, rounds: int) -> Protocol[None]:
        """Remove what crashes left."""
        for _ in range(rounds):
            yield self._wait()
            yield from self._removing(prune.collect(self._rules, self._id, summarise))

    def repairer(self, rounds: int) -> Protocol[None]:
        """Set damaged newest commits aside."""
        for _ in range(rounds):
            yield self._wait()
            repair = mend.repair(self._rules, self._id, OF_DOCUMENTS, summarise, dry_run=False)
            yield from self._removing(repair)

    def undertaker(self) -> Protocol[None]:
        """Set damaged newest commits aside, and bury the session where nothing can be read any more."""
        try:
            yield from mend.repair(self._rules, self._id, OF_DOCUMENTS, summarise, dry_run=False)
        except IntegrityError:
            yield from mend.bury(self._rules, self._id, summarise)

    def deleter(self, rounds: int, *, purge: bool, careful: bool) -> Protocol[None]:
        """Delete the session, whatever is there or (careful) only as it was seen, and sometimes erase it at once."""
        for _ in range(rounds):
            seen = (yield from self._actors.read(None)) if careful else None
            if careful and (seen is None or seen.state is None):
                return
            mark = self._oracle.head.seq
            found = yield from self._removing(session.delete(self._rules, self._id, seen, seen, summarise))
            if found is None:
                continue
            head = found[0]
            if head is None:
                if mark:
                    raise Violation("D", f"there was nothing to delete, though the head was {mark}")
                continue
            self._oracle.committed(head)
            if head.seq < mark:
                raise Violation("D", f"a delete that began at head {mark} found it deleted at {head.seq}")
            if seen is not None and head.seq > mark:
                self._check_careful(seen, head)
            self._oracle.counts["deletes"] += 1
            if purge:
                yield from self._removing(prune.purge(head))

    def _check_careful(self, seen: Base, head: Base) -> None:
        below = self._oracle.chain[head.seq - 1].state
        if below is not None and not canonical.same(below, self._oracle.plain(seen.state)):
            raise Violation("A", f"commit {head.seq} deletes a state that the one who deleted had not seen")

    def _wait(self) -> Pause:
        return Pause(self._draw.choice((0, 50, self._rules.grace + 20)))

    def _removing(self, protocol: Protocol[T]) -> Protocol[tuple[T] | None]:
        try:
            return ((yield from protocol),)
        except (land.LostError, ConflictError, IntegrityError):
            self._oracle.counts["disturbed"] += 1
        except (OutcomeUnknownError, UnavailableError):
            self._oracle.counts["unavailable"] += 1
        return None
