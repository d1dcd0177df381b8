"""Those who fork one session of the scheduler's store into another."""

from __future__ import annotations

import random
from collections.abc import Mapping

from .._engine.handle import Handle
from .._format import canonical
from .._format.canonical import JSON
from .._log.loaded import Sight
from .._log.ops import Protocol
from ..errors import ConflictError, IntegrityError, NotFoundError, OutcomeUnknownError, UnavailableError
from .oracle import Oracle
from .removers import Remover
from .world import Violation


def adopt(state: Mapping[str, JSON], id: str) -> dict[str, JSON]:
    """Make a state that of another session, as a store of sessions does with their inner ids."""
    session = state["session"]
    return {**state, "session": {**session, "home": id} if isinstance(session, dict) else session}


class Forker:
    """Somebody who forks a session, or an older state of it, into another one that may be there already."""

    def __init__(self, store: Handle, origin: Oracle, target: Oracle, draw: random.Random) -> None:
        self._store = store
        self._origin = origin
        self._target = target
        self._draw = draw

    def run(self, rounds: int) -> Protocol[None]:
        """Fork again and again, and often delete what stands in the way."""
        for _ in range(rounds):
            in_the_way = yield from self._fork()
            if in_the_way and self._draw.random() < 0.5:
                purge = self._draw.random() < 0.3
                yield from Remover(self._store, self._target, self._draw).delete(1, purge=purge, careful=False)
                yield from self._fork()

    def _fork(self) -> Protocol[bool]:
        """Fork, and say whether there was such a session."""
        origin, target = self._origin, self._target
        begun, mark = origin.head.seq, target.head.seq
        at = self._draw.randint(max(1, origin.head.floor), max(1, begun)) if self._draw.random() < 0.4 else None
        try:
            revision = yield from self._store.fork(origin.id, target.id, at)
        except (ConflictError, NotFoundError) as error:
            target.counts["not forked"] += 1
            return isinstance(error, ConflictError)
        except (IntegrityError, OutcomeUnknownError, UnavailableError):
            target.counts["forks broken off"] += 1
            return False
        assert isinstance(revision.base, Sight)
        _, after = target.acknowledged(revision.base.base, mark)
        commit = target.chain[revision.base.base.seq].commit
        assert commit is not None
        said = commit.origin
        if said and origin.strayed(said.seq, said.digest):
            return False
        if said is None or said.id != origin.id or origin.chain[said.seq].digest != said.digest:
            raise Violation("C", f"commit {revision.seq} says that it is a fork of what was never committed")
        if said.seq != at if at else said.seq < begun:
            raise Violation("D", f"a fork of {at or begun} that began at head {begun} is one of {said.seq}")
        if not canonical.same(after, adopt(origin.state_at(said.seq), target.id)):
            raise Violation("C", f"commit {revision.seq} is not the state of commit {said.seq} that it is a fork of")
        target.counts["forks"] += 1
        return False
