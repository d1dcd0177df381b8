"""One schedule: who runs next, what becomes of what they ask for, and what must hold when all has come to rest."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from operator import attrgetter
from typing import Any

from .._engine import housekeeping
from .._format import canonical, naming, state
from .._format.commit import FENCES, FORMAT, decode, timestamp
from .._log import reading
from .._log.base import Rules
from .._log.ops import Copy, Create, Delete, NewId, Now, Op, Pause, Protocol, Put
from .ablations import replaced
from .casting import Casting
from .machines import START, Actor, Listing, Luck, Machine, shown, told
from .naps import Naps
from .network import Network
from .oracle import Oracle
from .oracles import Oracles
from .readers import Reader
from .removers import Remover
from .world import Storage, Violation
from .writers import EMPTY, TEXT_LIMIT

ID = "s"
FORKED = "t"
RULES = Rules(
    interval=4,
    patience=100,
    grace=1000,
    limits=dict.fromkeys(EMPTY, TEXT_LIMIT),
    appendable=frozenset({"traces"}),
    empty=EMPTY,
    main="session",
)
MAX_STEPS = 4000
_SIZES = ((150, TEXT_LIMIT), (1200, TEXT_LIMIT), (1200, TEXT_LIMIT), (1 << 20, 1 << 20))
"""Bytes of a leaf, of which the first in a snapshot have an eighth, and of the longest text that is no object. With the
last a commit names nothing, so that who comes late can read it whole."""
_JUMPS = (33, 100, 120, 300, 500, 1050, 1050, 3000)  # a fraction and multiples of both patience and grace
_LONG = 3000.0
_SLEEP = 300.0  # what both clocks of a machine may miss together

Trace = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Played:
    """How a schedule went that broke nothing.

    Attributes:
        steps: How many operations were done.
        counts: What happened: ``acknowledged``, ``reads``, ``conflicts``, ``forks``, ``zombies`` and so on.
    """

    seed: int
    steps: int
    counts: Counter[str]


class Schedule:
    """One schedule: everything in it follows from its seed."""

    def __init__(self, seed: int, rules: Rules = RULES, trace: Trace | None = None, *, damage: bool = False) -> None:
        self.seed = seed
        self._damages = 2 if damage else 0
        self._trace = trace
        self._draw = draw = random.Random(seed)  # noqa: S311 - a schedule must be repeatable
        self._leaf_bytes, text_bytes = draw.choice(_SIZES)
        rules = replace(rules, limits=dict.fromkeys(EMPTY, text_bytes))
        storage = Storage(directories_stay=draw.random() < 0.3)
        ids = (ID, FORKED) if draw.random() < 0.35 else (ID,)
        self.oracles = Oracles(storage, [Oracle(id, rules, storage, grows="traces") for id in ids])
        self._now = 0.0
        self._running: list[Actor] = []
        self._luck = Luck.drawn(draw)
        self._network = Network(storage, self.oracles, draw, self._luck)
        self._sleepy = draw.random() < 0.4
        self._group = draw.choice((naming.GROUP, naming.GROUP, 5))
        marker = None
        if draw.random() < 0.5:  # else the first to write make it
            marker = canonical.dumps({"format": FORMAT, "layout": "log", "K": rules.interval}).encode()
            storage.write(naming.MARKER, marker)
        self._casting = Casting(rules, self.oracles, storage, draw, marker, sleepy=self._sleepy)
        self._naps = Naps(draw, self._casting, self.oracles, self._network, self._running, self._enter)

    def play(self) -> Played:
        """Play the schedule to its end and look at what it left.

        Raises:
            Violation: A guarantee was broken.
        """
        with replaced(
            (state, "LEAF_BYTES", self._leaf_bytes),
            (naming, "GROUP", self._group),
            (reading, "PAGE", min(reading.PAGE, self._group)),
            (reading, "decode", cache(decode)),  # half of the time would go into reading the same bytes again
            (reading, "opened", cache(state.opened)),
        ):
            self._begin()
            self._interleave(self._casting.cast([*self.oracles], self._damages))
            self._end()
        counts = self.oracles.counts
        counts["pages"] = self._network.pages
        counts["dozes"] = self._naps.dozes
        counts["leaves"] = sum(oracle.meaning.leaves for oracle in self.oracles)
        return Played(self.seed, self._network.steps, counts)

    def _begin(self) -> None:
        machine = self._casting.machine()
        for n in range(self._draw.choice((0, 1, 2, 2))):
            writer = self._casting.writer(machine.store, self.oracles[ID])
            self._alone(f"early{n}", machine, writer.write(self._draw.randint(1, 4), blind=n == 0))

    # Who runs next

    def _interleave(self, cast: list[Actor]) -> None:
        draw, luck, running = self._draw, self._luck, self._running
        for actor in cast:
            self._enter(actor)
        current, burst = None, 0
        while running and self._network.steps < MAX_STEPS:
            self._now += luck.pace * draw.choice((0, 0, 1, 1, 2))
            if draw.random() < luck.jump:
                self._jump()
            if self._network.late and draw.random() < luck.lands:
                self._land()
            if self._damages:
                self._damage()
            awake = [actor for actor in running if not actor.sleeps()] or running
            if luck.bursts:
                if burst <= 0 or current not in awake:
                    current, burst = draw.choice(awake), draw.choice((1, 1, 2, 5, 20))
                burst -= 1
            else:
                if draw.random() < 0.06:
                    max(awake, key=attrgetter("priority")).priority = draw.random() * 0.5
                current = max(awake, key=attrgetter("priority"))
            assert current is not None
            if draw.random() < luck.stall:
                self._naps.stall(current, 20, 60, 150)
                self._note(current.name, "stalls")
            elif draw.random() < luck.crash:
                self._crash(current)
                running.remove(current)
            elif not self._advance(current):
                running.remove(current)
        for actor in running:
            self._crash(actor)
        running.clear()
        while self._network.late:
            self._land()

    def _enter(self, actor: Actor) -> None:
        if self._resume(actor):
            self._running.append(actor)

    def _jump(self) -> None:
        by = self._draw.choice(_JUMPS)
        self._now += by
        self._note("time", f"jumps by {by:.0f}")
        for clock in self._casting.clocks if self._sleepy else ():
            if self._draw.random() < 0.5:  # the machine sleeps; what the wall clock knows makes up for the other
                clock.monotonic_missed += by
                if self._draw.random() < 0.5:
                    clock.wall_missed += min(by, _SLEEP - clock.wall_missed)

    def _damage(self) -> None:
        oracle = self.oracles[ID]
        seq, commit, stored = oracle.head.seq, oracle.head.commit, oracle.head.stored
        if commit is None or seq in oracle.damaged:
            return
        if self._draw.random() > (0.1 if commit.kind in FENCES else 0.01):
            return  # the worst that can be lost is a fence whose sweep is going on
        self._damages -= 1
        oracle.damage(self._draw.choice((b"", stored[: len(stored) // 2], stored[:-9] + b"X" + stored[-8:])))
        self._note("storage", f"damages commit {seq}")

    def _crash(self, actor: Actor) -> None:
        self._note(actor.name, "crashes")
        for _, op in actor.waiting:
            if isinstance(op, (Create, Put, Delete, Copy)) and self._draw.random() < 0.5:
                self._network.late.append(op)

    # What becomes of an operation

    def _advance(self, actor: Actor) -> bool:
        """Do one of the operations that an actor waits for, or tell it what came of them; ``False``: it has ended."""
        if actor.waiting:
            place = self._draw.randrange(len(actor.waiting)) if len(actor.waiting) > 1 else 0
            if self._falls_asleep(actor, actor.waiting[place][1], done=False):
                return True
            index, op = actor.waiting.pop(place)
            try:
                result = self._network.faulty(actor, op)
            except Violation:
                self._note(actor.name, op)
                raise
            self._note(actor.name, op, result)
            if isinstance(op, Listing) and result is None:  # it goes on
                actor.waiting.append((index, op))
                return True
            actor.results[index] = result
            tired = self._falls_asleep(actor, op, done=True)
            if actor.waiting or self._draw.random() < (0.5 if tired else self._luck.hold):
                return True  # what it is not told yet it cannot date
        return self._resume(actor)

    def _falls_asleep(self, actor: Actor, op: Op | Listing, *, done: bool) -> bool:
        tired = self._naps.falls_asleep(actor, op, done=done)
        if tired:
            self._note(actor.name, "naps")
        return tired

    def _resume(self, actor: Actor) -> bool:
        if actor.resume(self._local):
            return True
        self._note(actor.name, "is done")
        return False

    def _local(self, actor: Actor, op: Op) -> Any:
        match op:
            case Now():
                return actor.clock.read(self._now)
            case NewId():
                return f"{self._draw.getrandbits(128):032x}"
            case Pause():
                self._now += op.seconds
        return None

    def _land(self) -> None:
        late = self._network.late
        op = late.pop(self._draw.randrange(len(late)))
        self._note("late", op, self._network.perform(op))

    # Before and after

    def _alone(self, name: str, machine: Machine, protocol: Protocol[Any]) -> Any:
        """Run a protocol without company and without faults, and give what it returns."""
        returned: list[Any] = []

        def kept() -> Protocol[None]:
            returned.append((yield from protocol))

        actor = Actor(name, kept(), machine.clock, 0.0)
        while self._resume(actor):
            while actor.waiting:
                index, op = actor.waiting.pop(0)
                self._now += 1
                actor.results[index] = result = self._network.perform(op)
                self._note(name, op, result)
                if isinstance(op, Listing) and result is None:
                    actor.waiting.append((index, op))
        return returned[0]

    def _end(self) -> None:
        """Let everything come to rest; then there is neither loss nor garbage, and the sessions work."""
        machine = self._casting.machine()
        damaged = [oracle for oracle in self.oracles if oracle.damaged]
        for oracle in damaged:
            self._alone("last repairer", machine, Remover(machine.store, oracle, self._draw).bury())
        spoilt = {oracle.id for oracle in self.oracles if oracle.history_is_damaged}
        for n in range(3):  # a tombstone that the first one commits is a grace old for the second
            self._now += _LONG
            report = self._alone(
                f"last collector {n}", machine, housekeeping.collect(machine.store, None, dry_run=False)
            )
            if not spoilt.issuperset(report.skipped):
                raise Violation("E", f"it cannot be collected: {report.skipped}")
        garbage = self.oracles.garbage()
        if garbage and not spoilt:  # else nothing may go, since nobody knows what the gap needs
            raise Violation("E", f"left behind: {', '.join(garbage)}")
        listed = self._alone("last looker", machine, machine.store.list_ids(""))
        for oracle in self.oracles:
            if oracle.id not in spoilt and (oracle.id in listed) != bool(oracle.head.born):
                raise Violation("E", f"the list of what is at rest is {listed}")
        for oracle in self.oracles:
            self._is_well(machine, oracle)

    def _is_well(self, machine: Machine, oracle: Oracle) -> None:
        reads, saves = oracle.counts["reads"], oracle.counts["acknowledged"]
        self._alone("last reader", machine, Reader(machine.store, oracle, self._draw).read())
        if oracle.counts["reads"] == reads:
            raise Violation("B", "a session that is at rest cannot be read")
        self._alone("last writer", machine, self._casting.writer(machine.store, oracle).go_on())
        if oracle.counts["acknowledged"] < saves + 2:
            raise Violation("A", "a session that is at rest cannot be saved")

    def _note(self, name: str, what: Op | Listing | str, result: Any = "") -> None:
        if self._trace:
            wall = timestamp(START + self._now)[11:19]
            line = shown(what) + told(result)
            self._trace(f"{self._network.steps:5} {self._now:8.1f} {wall} {name:12} {line}")
