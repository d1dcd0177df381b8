"""Who takes part in a schedule, and on which machines they run."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

from .._care.care import OF_DOCUMENTS
from .._engine.handle import Handle
from .._engine.memory import Memory
from .._log.base import Rules
from .._log.marker import Place
from .._log.ops import Pause, Protocol
from .forkers import Forker, adopt
from .lookers import Looker
from .machines import Actor, Clock, Machine, Nap
from .oracle import Oracle
from .oracles import Oracles
from .readers import Reader, summarise
from .removers import Remover
from .world import Storage
from .writers import Writer

SKEW = 100.0
"""Wall clocks differ by twice this at most; with what sleeping machines miss it stays under grace - patience."""
_MEMORY = (0, 1_500, 1 << 20)  # nothing, hardly two sessions, all
_Act = Callable[[Handle, Oracle], Protocol[None]]
_NAPS: tuple[Nap, ...] = ("anywhere", "before its commit", "before its commit", "behind its commit")
_COMMIT = ("writer", "pruner", "deleter", "forker", "repairer")  # the others hardly ever do


class Casting:
    """Draws the actors of one schedule.

    Args:
        marker: The marker of the store, if there is one already.
        sleepy: Whether clocks differ.
    """

    def __init__(
        self,
        rules: Rules,
        oracles: Oracles,
        storage: Storage,
        draw: random.Random,
        marker: bytes | None,
        *,
        sleepy: bool,
    ) -> None:
        self._rules = rules
        self._oracles = oracles
        self._storage = storage
        self._draw = draw
        self._marker = marker
        self._sleepy = sleepy
        self._tokens = itertools.count(1)
        self._machines: list[Machine] = []

    def machine(self, clock: Clock | None = None) -> Machine:
        """Open the store once more, in a process of its own."""
        store = Handle(
            Place("log", self._rules.interval, self._marker), self._rules, summarise, adopt, OF_DOCUMENTS,
            where="here", memory=Memory(self._draw.choice(_MEMORY)), exclusive=True, single_writer=False,
        )  # fmt: skip
        return Machine(clock or Clock(), store)

    def somewhere(self) -> Machine:
        """Give a machine, one that others are at work on already or another."""
        if self._machines and self._draw.random() < 0.35:
            return self._draw.choice(self._machines)
        offset = self._draw.uniform(-SKEW, SKEW) if self._sleepy else 0.0
        self._machines.append(self.machine(Clock(offset)))
        return self._machines[-1]

    @property
    def clocks(self) -> list[Clock]:
        """The clocks of all machines that somebody is at work on."""
        return [machine.clock for machine in self._machines]

    def writer(self, store: Handle, oracle: Oracle) -> Writer:
        """Make somebody who saves."""
        return Writer(store, oracle, self._draw, self._tokens)

    def cast(self, subjects: list[Oracle], repairers: int) -> list[Actor]:
        """Draw who takes part; each is at work on one of some sessions, most on the first."""
        draw = self._draw
        started: list[Actor] = []
        weights = [len(subjects), *[1] * (len(subjects) - 1)]

        def enter(name: str, act: _Act, oracle: Oracle | None = None) -> None:
            machine = self.somewhere()
            subject = oracle or draw.choices(subjects, weights)[0]
            started.append(Actor(name, act(machine.store, subject), machine.clock, draw.random(), subject.id))

        def writes(most: int, blind: float) -> _Act:
            return lambda store, oracle: self.writer(store, oracle).write(
                draw.randint(1, most), blind=draw.random() < blind
            )

        def removes(store: Handle, oracle: Oracle) -> Remover:
            return Remover(store, oracle, draw)

        enter("writer1", writes(4, 0.2), subjects[0])
        enter("writer2", writes(4, 0.3))
        kind = draw.random()  # a session that is deleted again and again shows less of what a prune can break
        if kind < 0.7:
            enter("pruner1", lambda store, oracle: removes(store, oracle).prune(draw.randint(1, 3)))
        if draw.random() < 0.4:
            enter("pruner2", lambda store, oracle: removes(store, oracle).prune(draw.randint(1, 2)))
        if kind > 0.5:
            purge, careful = draw.random() < 0.5, draw.random() < 0.3
            enter("deleter", lambda s, o: removes(s, o).delete(draw.randint(1, 2), purge=purge, careful=careful))
        if draw.random() < 0.6:
            enter("finisher", lambda store, oracle: removes(store, oracle).finish(draw.randint(1, 4)))
        if draw.random() < 0.3:
            enter("collector", lambda store, oracle: removes(store, oracle).collect(draw.randint(1, 2)))
        if draw.random() < 0.4:
            enter("writer3", writes(3, 0.5))
        if draw.random() < 0.6:
            enter("reader1", lambda store, oracle: Reader(store, oracle, draw).run(draw.randint(2, 4)))
        if draw.random() < 0.4:
            enter("reader2", lambda store, oracle: Reader(store, oracle, draw).run(draw.randint(1, 4)))
        if draw.random() < 0.25:
            enter("looker", lambda s, o: Looker(s, o, self._oracles, self._storage, draw).run(draw.randint(1, 3)))
        for n in range(1, len(subjects)):
            self._forks(enter, subjects[0], subjects[n])
        for n in range(repairers):
            enter(f"repairer{n + 1}", lambda s, o: removes(s, o).repair(draw.randint(1, 4)), subjects[0])
        for _ in range(draw.choice((0, 1, 2, 3))):  # somebody sleeps through what the others do, and goes on regardless
            actor = draw.choice(started)
            actor.nap = draw.choice(_NAPS) if actor.name.startswith(_COMMIT) else "anywhere"
            actor.nap_after = draw.randint(1, 20)
        return started

    def others(self, sleeper: Actor, oracle: Oracle) -> Actor:
        """Make those who go on while somebody sleeps, until numbers are freed."""
        draw = self._draw
        shared = [machine for machine in self._machines if machine.clock is sleeper.clock]
        busy = draw.choice(shared) if draw.random() < 0.4 else self.somewhere()
        return Actor("others", self._life(busy.store, oracle), busy.clock, draw.random(), oracle.id)

    def dozer(self, oracle: Oracle) -> Actor:
        """Make one who looks on and dozes off over a list."""
        idle = self.somewhere()
        reader = Reader(idle.store, oracle, self._draw)
        dozer = Actor("dozer", reader.run(6), idle.clock, self._draw.random(), oracle.id)
        dozer.nap = "behind a list"
        return dozer

    def _life(self, store: Handle, oracle: Oracle) -> Protocol[None]:
        draw = self._draw
        writer, remover = self.writer(store, oracle), Remover(store, oracle, draw, thorough=draw.random() < 0.8)
        yield from writer.write(draw.randint(1, 3), blind=draw.random() < 0.5)
        if draw.random() < 0.35:
            yield from remover.delete(1, purge=draw.random() < 0.6, careful=False)
        else:
            yield from remover.prune(1)
        for _ in range(draw.choice((0, 1, 1, 1, 2))):
            yield Pause(self._rules.grace + 20)
            yield from draw.choice((remover.finish, remover.collect))(1)
        yield from writer.write(1, blind=True)

    def _forks(
        self,
        enter: Callable[[str, _Act, Oracle], None],
        one: Oracle,
        other: Oracle,
    ) -> None:
        draw = self._draw

        def forks(target: Oracle) -> _Act:
            return lambda store, origin: Forker(store, origin, target, draw).run(draw.randint(1, 3))

        enter("forker1", forks(other), one)
        if draw.random() < 0.5:
            enter("forker2", forks(other), one)
        if draw.random() < 0.3:
            enter("forker back", forks(one), other)
