"""Disasters, played out against the real protocols: readers, writers and collectors of one session, interleaved.

    python -m objstore.testing.scheduler --seed 7 [--damage] [--ablation NAME]

prints how schedule 7 went, operation by operation. The same seed is the same schedule, as long as the code is the same.
Between any two operations another actor may run; any actor may crash or stall for good or for days; an answer may be
lost, a request land long after its sender gave it up, or land twice; clocks jump, and those of a machine that sleeps do
not. With damage, newest commits go bad as well, and are set aside. An oracle (`objstore.testing.oracle`) watches every
byte that lands and everything that an actor is told.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from .._care import prune
from .._format import naming, state
from .._format.commit import decode, timestamp
from .._log import chain
from .._log.base import Rules
from .._log.ops import Create, Delete, NewId, Now, Op, Pause, Protocol, Put
from ..errors import IntegrityError
from .ablations import ABLATIONS, ablated, replaced
from .actors import EMPTY, TEXT_LIMIT, Actors
from .machines import START, Actor, Clock, Luck, shown, told
from .network import Network
from .oracle import Oracle
from .removers import Removers
from .world import Storage, Violation

ID = "s"
RULES = Rules(
    interval=4,
    patience=100,
    grace=1000,
    limits=dict.fromkeys(EMPTY, TEXT_LIMIT),
    appendable=frozenset({"traces"}),
    empty=EMPTY,
    main="session",
)
LEAF_BYTES = 150
MAX_STEPS = 4000
_JUMPS = (33, 100, 120, 300, 500, 1050, 1050, 3000)  # a fraction and multiples of both patience and grace
_LONG = 3000.0
_SKEW = 100.0  # wall clocks differ by twice this at most; with the sleep below it stays under grace - patience
_SLEEP = 300.0  # what both clocks of a machine may miss together

Trace = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Played:
    """How a schedule went that broke nothing.

    Attributes:
        steps: How many operations were done.
        counts: What happened: ``acknowledged``, ``reads``, ``conflicts``, ``zombies``, ``unknown`` and so on.
    """

    seed: int
    steps: int
    counts: Counter[str]


class Schedule:
    """One schedule: everything in it follows from its seed."""

    def __init__(self, seed: int, rules: Rules = RULES, trace: Trace | None = None, *, damage: bool = False) -> None:
        self.seed = seed
        self._rules = rules
        self._damages = 2 if damage else 0
        self._trace = trace
        self._draw = draw = random.Random(seed)  # noqa: S311 - a schedule must be repeatable
        storage = Storage(directories_stay=draw.random() < 0.3)
        self.oracle = Oracle(ID, rules, storage, grows="traces")
        self._actors = Actors(ID, rules, self.oracle, draw)
        self._removers = Removers(ID, rules, self.oracle, draw, self._actors)
        self._now = 0.0
        self._luck = Luck(
            jump=draw.choice((0.0, 0.02, 0.05, 0.1)),
            lost=draw.choice((0.0, 0.08)),
            late=draw.choice((0.0, 0.08)),
            twice=draw.choice((0.0, 0.06)),
            crash=draw.choice((0.0, 0.01)),
            failed=draw.choice((0.0, 0.0, 0.02)),
            hold=draw.choice((0.1, 0.4)),
            stall=draw.choice((0.0, 0.02, 0.06)),
            bursts=draw.random() < 0.5,
        )
        self._network = Network(storage, self.oracle, draw, self._luck)
        self._directory = naming.session_dir(self.oracle.key)
        self._sleepy = draw.random() < 0.4
        self._group = draw.choice((naming.GROUP, naming.GROUP, 5))

    def play(self) -> Played:
        """Play the schedule to its end and look at what it left.

        Raises:
            Violation: A guarantee was broken.
        """
        with replaced(
            (state, "LEAF_BYTES", LEAF_BYTES),
            (naming, "GROUP", self._group),
            (chain, "decode", cache(decode)),  # half of the time would go into reading the same bytes again
            (chain, "opened", cache(state.opened)),
        ):
            self._begin()
            self._interleave(self._cast())
            self._end()
        return Played(self.seed, self._network.steps, self.oracle.counts)

    def _begin(self) -> None:
        for n in range(self._draw.choice((0, 1, 2, 2))):
            self._alone(f"early{n}", self._actors.writer(self._draw.randint(1, 4), blind=n == 0))

    def _cast(self) -> list[Actor]:
        draw, actors, removers = self._draw, self._actors, self._removers
        cast = {
            "writer1": actors.writer(draw.randint(2, 4), blind=draw.random() < 0.2),
            "writer2": actors.writer(draw.randint(1, 4), blind=draw.random() < 0.3),
        }
        kind = draw.random()  # a session that is deleted again and again shows less of what a prune can break
        if kind < 0.7:
            cast["pruner1"] = removers.pruner(draw.randint(1, 3))
        if draw.random() < 0.4:
            cast["pruner2"] = removers.pruner(draw.randint(1, 2))
        if kind > 0.5:
            purge, careful = draw.random() < 0.5, draw.random() < 0.3
            cast["deleter"] = removers.deleter(draw.randint(1, 2), purge=purge, careful=careful)
        if draw.random() < 0.6:
            cast["finisher"] = removers.finisher(draw.randint(1, 4))
        if draw.random() < 0.3:
            cast["collector"] = removers.collector(draw.randint(1, 2))
        if draw.random() < 0.4:
            cast["writer3"] = actors.writer(draw.randint(1, 3), blind=draw.random() < 0.5)
        if draw.random() < 0.4:
            cast["cold"] = actors.reader(draw.randint(1, 4), warm=False)
        if draw.random() < 0.5:
            cast["warm"] = actors.reader(draw.randint(2, 4), warm=True)
        if draw.random() < 0.2:
            cast["looker"] = actors.looker(2)
        for n in range(self._damages):
            cast[f"repairer{n + 1}"] = removers.repairer(draw.randint(1, 4))
        started = [self._start(name, protocol) for name, protocol in cast.items()]
        for _ in range(draw.choice((0, 1, 2, 3))):  # somebody sleeps through what the others do, and goes on regardless
            draw.choice(started).nap_after = draw.randint(1, 20)
        return started

    def _start(self, name: str, protocol: Protocol[None]) -> Actor:
        offset = self._draw.uniform(-_SKEW, _SKEW) if self._sleepy else 0.0
        return Actor(name, protocol, Clock(offset), self._draw.random())

    # Who runs next

    def _interleave(self, cast: list[Actor]) -> None:
        draw, luck = self._draw, self._luck
        running = [actor for actor in cast if self._resume(actor)]
        current, burst = None, 0
        while running and self._network.steps < MAX_STEPS:
            self._now += draw.choice((0, 0, 1, 1, 2))
            if draw.random() < luck.jump:
                self._jump(running)
            if self._network.late and draw.random() < 0.05:
                self._land()
            if self._damages and draw.random() < 0.02:
                self._damage()
            awake = [actor for actor in running if actor.asleep_until <= self._network.steps] or running
            if luck.bursts:
                if burst <= 0 or current not in awake:
                    current, burst = draw.choice(awake), draw.choice((1, 1, 2, 5, 20))
                burst -= 1
            else:
                if draw.random() < 0.06:
                    max(awake, key=_priority).priority = draw.random() * 0.5
                current = max(awake, key=_priority)
            assert current is not None
            if draw.random() < luck.stall:
                current.asleep_until = self._network.steps + draw.choice((20, 60, 150))
                self._note(current.name, "stalls")
            elif draw.random() < luck.crash:
                self._crash(current)
                running.remove(current)
            elif not self._advance(current):
                running.remove(current)
        for actor in running:
            self._crash(actor)
        while self._network.late:
            self._land()

    def _jump(self, running: list[Actor]) -> None:
        by = self._draw.choice(_JUMPS)
        self._now += by
        self._note("time", f"jumps by {by:.0f}")
        for actor in running if self._sleepy else ():
            if self._draw.random() < 0.5:  # its machine sleeps; what the wall clock knows makes up for the other
                actor.clock.monotonic_missed += by
                if self._draw.random() < 0.5:
                    actor.clock.wall_missed += min(by, _SLEEP - actor.clock.wall_missed)

    def _damage(self) -> None:
        seq, stored = self.oracle.head.seq, self.oracle.head.stored
        if not seq or seq in self.oracle.damaged:
            return
        self._damages -= 1
        self.oracle.damage(self._draw.choice((b"", stored[: len(stored) // 2], stored[:-9] + b"X" + stored[-8:])))
        self._note("storage", f"damages commit {seq}")

    def _crash(self, actor: Actor) -> None:
        self._note(actor.name, "crashes")
        for _, op in actor.waiting:
            if isinstance(op, (Create, Put, Delete)) and self._draw.random() < 0.5:
                self._network.late.append(op)

    # What becomes of an operation

    def _advance(self, actor: Actor) -> bool:
        """Do one of the operations that an actor waits for, or tell it what came of them; ``False``: it has ended."""
        if actor.waiting:
            place = self._draw.randrange(len(actor.waiting)) if len(actor.waiting) > 1 else 0
            index, op = actor.waiting.pop(place)
            actor.results[index] = result = self._network.faulty(actor, op)
            self._note(actor.name, op, result)
            actor.nap_after -= 1
            if actor.nap_after == 0:
                actor.asleep_until = self._network.steps + self._draw.choice((40, 100, 200, 400))
                self._note(actor.name, "naps")
            if actor.waiting or self._draw.random() < self._luck.hold:
                return True
        return self._resume(actor)

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

    def _alone(self, name: str, protocol: Protocol[Any]) -> None:
        """Run a protocol without company and without faults."""
        actor = Actor(name, protocol, Clock(), 0.0)
        while self._resume(actor):
            for index, op in actor.waiting:
                self._now += 1
                actor.results[index] = result = self._network.perform(op)
                self._note(name, op, result)

    def _end(self) -> None:
        """Let everything come to rest; then there is neither loss nor garbage, and the session works."""
        oracle = self.oracle
        if oracle.damaged:
            self._alone("last repairer", self._removers.undertaker())
        for n in range(2):  # a tombstone that the first one commits is a grace old for the second
            self._now += _LONG
            self._alone(f"last collector {n}", self._collected())
        self._now += _LONG
        self._alone("last collector", self._collected())
        reads = oracle.counts["reads"]
        self._alone("last reader", self._actors.reader(1, warm=False))
        if oracle.counts["reads"] == reads:
            raise Violation("B", "a session that is at rest cannot be read")
        garbage = oracle.garbage()
        if garbage and not oracle.history_is_damaged:  # else nothing may go, since nobody knows what the gap needs
            raise Violation("E", f"left behind, with the head at {oracle.head.seq}: {', '.join(garbage)}")
        before = oracle.counts["acknowledged"]
        self._alone("last writer", self._actors.writer(1, blind=False))
        self._alone("last blind writer", self._actors.writer(1, blind=True))
        if oracle.counts["acknowledged"] == before:
            raise Violation("A", "a session that is at rest cannot be saved")

    def _collected(self) -> Protocol[None]:
        try:
            yield from prune.collect(self._rules, ID, lambda *_: {})
        except IntegrityError:
            if not self.oracle.history_is_damaged:
                raise

    def _note(self, name: str, what: Op | str, result: Any = "") -> None:
        if self._trace:
            wall = timestamp(START + self._now)[11:19]
            line = shown(what, self._directory) + told(result)
            self._trace(f"{self._network.steps:5} {self._now:8.1f} {wall} {name:12} {line}")


def _priority(actor: Actor) -> float:
    return actor.priority


def play(seed: int, ablation: str | None = None, trace: Trace | None = None, *, damage: bool = False) -> Played:
    """Play one schedule, with a rule of `ABLATIONS` taken away if one is named.

    Args:
        seed: Which one.
        ablation: The name of the rule, if any.
        trace: Is given a line for everything that happens.
        damage: Whether newest commits go bad on the way. It is another schedule then.

    Raises:
        Violation: A guarantee was broken. It, and whatever else is raised, carries the command that shows how.
    """
    with ablated(ablation) as change:
        try:
            return Schedule(seed, change(RULES), trace, damage=damage).play()
        except Exception as error:
            without = (" --damage" if damage else "") + (f" --ablation {ablation}" if ablation else "")
            error.add_note(f"replay: python -m objstore.testing.scheduler --seed {seed}{without}")
            raise


def main(arguments: list[str] | None = None) -> int:
    """Show how a schedule goes; 1 when it breaks a guarantee."""
    parser = argparse.ArgumentParser("python -m objstore.testing.scheduler", description="Show how a schedule goes.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--damage", action="store_true", help="let newest commits go bad")
    parser.add_argument("--ablation", choices=sorted(ABLATIONS), help="the rule to take away")
    chosen = parser.parse_args(arguments)
    try:
        played = play(chosen.seed, chosen.ablation, print, damage=chosen.damage)
    except Violation as violation:
        print(f"violation of {violation}")  # noqa: T201
        return 1
    print(f"nothing broke in {played.steps} operations: {dict(sorted(played.counts.items()))}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
