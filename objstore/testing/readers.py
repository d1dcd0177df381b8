"""Those who read one session in the scheduler's storage, each through an opened store, as programs do.

An actor tells the oracle what it was told, at the very moment it learns of it. What it may be told besides success
(a conflict, an unknown outcome) is counted; whatever else is raised ends the schedule as a bug.
"""

from __future__ import annotations

import random

from .._engine.handle import Handle
from .._format import canonical
from .._format.canonical import JSON
from .._log.loaded import Loaded
from .._log.ops import Protocol
from ..errors import IntegrityError, NotFoundError, UnavailableError
from .oracle import Oracle
from .world import Violation


class Reader:
    """Somebody who reads a session through a store, which may remember."""

    def __init__(self, store: Handle, oracle: Oracle, draw: random.Random) -> None:
        self.store = store
        self.oracle = oracle
        self.draw = draw

    def run(self, rounds: int) -> Protocol[None]:
        """Read the head again and again, and sometimes an older commit."""
        for _ in range(rounds):
            if self.draw.random() < 0.3:
                yield from self._at_a_number()
            yield from self.read()

    def read(self) -> Protocol[Loaded | None]:
        """Read the head, and again when what it had begun to read was pruned under it."""
        oracle = self.oracle
        for _ in range(3):
            mark = oracle.head.seq
            try:
                loaded = yield from self.store.load(oracle.id, None, None)
            except IntegrityError:  # what it had begun to read was pruned under it
                oracle.counts["disturbed"] += 1
                continue
            except UnavailableError:
                return None
            if loaded is None:
                oracle.absent(mark)
                return None
            assert loaded.base is not None
            oracle.observed(loaded.base, mark)
            self._check(loaded, loaded.base.seq)
            return loaded
        return None

    def _check(self, loaded: Loaded, seq: int) -> None:
        if not canonical.same(loaded.parts, dict(self.oracle.state_at(seq))):
            raise Violation("C", f"a reader was given parts of commit {seq} that were never committed")

    def _at_a_number(self) -> Protocol[None]:
        oracle = self.oracle
        first = oracle.head
        wanted = self.draw.randint(1, first.seq + 1)
        try:
            loaded = yield from self.store.load(oracle.id, None, wanted)
        except NotFoundError:
            if oracle.head.floor <= wanted <= first.seq:
                raise Violation("D", f"commit {wanted} was retained all the time and not found") from None
            return
        except (IntegrityError, UnavailableError):
            return
        if wanted < first.floor and not oracle.damaged:  # a head that cannot be read does not tell its floor
            raise Violation("C", f"commit {wanted} was given, though the floor was {first.floor} already")
        if loaded is None:
            if oracle.chain[wanted].state is not None and not oracle.strayed(wanted, None):
                raise Violation("C", f"commit {wanted} was read as a tombstone")
            return
        assert loaded.base is not None
        if oracle.strayed(wanted, loaded.base.digest):
            return
        oracle.committed(loaded.base)
        self._check(loaded, wanted)


def summarise(*_: object) -> dict[str, JSON]:
    """Tell nothing of a state in listings."""
    return {}
