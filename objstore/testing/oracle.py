"""Oracles that know what really happened to the sessions in a storage.

An oracle sees every byte of its session land and nothing else. From the bytes it follows the true chain of commits,
builds the state of each by means of its own, and complains the moment a guarantee of the log layout is broken:

A. an acknowledged save stays on the chain; no two are acknowledged on one base, none undoes what it has not seen;
B. the commits from the floor to the head and every object that they name are there;
C. a reader is only ever given what was committed;
D. nobody who starts later sees less, a save lands above all that was there when it began, and lists the session;
E. a quiet storage holds no garbage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .._format import canonical, naming
from .._format.canonical import JSON
from .._log.base import Base
from .truth import Link, Truth
from .world import Violation


class Oracle(Truth):
    """Holds every answer that an actor is given against the true chain of a session as well."""

    def committed(self, base: Base) -> Link:
        """Check that a base that an actor was given is a commit of the true chain, and give that."""
        if base.seq > self.head.seq or self.chain[base.seq].digest != base.digest:
            raise Violation("C", f"an actor believes in a commit {base.seq} that is not on the chain")
        link = self.chain[base.seq]
        if (link.epoch, link.floor, link.born) != (base.epoch, base.floor, base.born):
            raise Violation("C", f"an actor misread the header of commit {base.seq}")
        if not canonical.same(self.meaning.plain(base.state), link.state):
            raise Violation("C", f"an actor was given a state of commit {base.seq} that was never committed")
        return link

    def observed(self, base: Base, mark: int) -> None:
        """Check what a reader was given as the head, who began when ``mark`` was the head."""
        self.committed(base)
        if base.seq < mark:
            raise Violation("D", f"a reader that began at head {mark} was given {base.seq} as the head")
        self.counts["reads"] += 1

    def acknowledged(self, base: Base, mark: int) -> tuple[dict[str, JSON], dict[str, JSON]]:
        """Check a save that was acknowledged; give the states before and after it."""
        if base.seq > self.head.seq or self.chain[base.seq].digest != base.digest:
            raise Violation("A", f"a save was acknowledged as commit {base.seq}, which is not on the chain")
        link = self.committed(base)
        if base.seq <= mark:
            raise Violation("D", f"a save that began at head {mark} was acknowledged as {base.seq}")
        if link.born and link.born == self.head.born:
            if naming.index_hint(self.key, link.born) not in self._storage.objects:
                raise Violation("D", f"commit {base.seq} was acknowledged, and the session is not listed")
            self._acknowledged_lives.add(link.born)
        self.counts["acknowledged"] += 1
        empty = dict(self._rules.empty)
        before, after = self.chain[base.seq - 1].state, link.state
        return (empty if before is None else before), (empty if after is None else after)

    def absent(self, mark: int) -> None:
        """Check that there was nothing at some time for a reader who was told so, and began when ``mark`` was head."""
        if all(link.state is not None for link in self.chain[mark:]):
            raise Violation("D", f"a reader that began at head {mark} found nothing, and there was always something")
        self.counts["reads"] += 1

    def is_answer(self, seq: int, key: str) -> bool:
        """Say whether a commit applied an idempotency key, so that a save with that is not repeated."""
        if seq not in (self._answered.get(key), self._forgotten.get(key)):
            return False
        self.counts["answered"] += 1
        return True

    def state_at(self, seq: int) -> Mapping[str, JSON]:
        """Give the true state at a commit, an empty one where there is none."""
        state = self.chain[seq].state
        return self._rules.empty if state is None else state

    def broken_between(self, first: int, last: int) -> bool:
        """Say whether a tombstone, or the mend of a damaged commit, stands between two commits of the chain."""
        between = self.chain[first + 1 : last]
        return any(link.state is None or (link.commit and link.commit.over) for link in between)

    def needed(self) -> Iterable[str]:
        """Name what must be there when all is at rest.

        Raises:
            Violation: Something of it is missing or another than it was.
        """
        retained = [link for link in self.chain[self.head.floor :] if link.commit]
        good = {naming.log_key(self.key, link.seq): link.stored for link in retained}
        if self.head.born:
            good[naming.index_hint(self.key, self.head.born)] = b""
        hurt = {naming.log_key(self.key, n) for n in self.damaged}
        for key, stored in good.items():
            if key not in hurt and self._storage.objects.get(key) != stored:
                raise Violation("B", f"{key} is missing or another")
        for key in self._live:
            if key not in self._storage.objects:
                raise Violation("B", f"object {key} is missing")
        return [*good, *self._live]
