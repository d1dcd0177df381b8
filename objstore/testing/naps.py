"""Who falls asleep in a schedule, and who goes on meanwhile: the moments at which a sleep is dangerous, and any other.

The worst of them is this. Somebody sleeps right before creating a commit, while others take its number, go on, and
prune until the number is free again; a reader dozes off over a list in which that number is the newest, and wakes when
the sleeper has taken it.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from .._log.ops import Create, Op
from .casting import Casting
from .machines import Actor, Listing
from .network import Network
from .oracle import Oracle
from .oracles import Oracles


class Naps:
    """Puts the actors of one schedule to sleep.

    Args:
        running: Those who take part.
        enter: Lets somebody take part from now on.

    Attributes:
        dozes: How many readers dozed off over a list whose newest number a sleeper was about to take again.
    """

    def __init__(
        self,
        draw: random.Random,
        casting: Casting,
        oracles: Oracles,
        network: Network,
        running: list[Actor],
        enter: Callable[[Actor], None],
    ) -> None:
        self._draw = draw
        self._casting = casting
        self._oracles = oracles
        self._network = network
        self._running = running
        self._enter = enter
        self.dozes = 0

    def stall(self, actor: Actor, *steps: int) -> None:
        """Let an actor sleep for about so many operations of others."""
        until = self._network.steps + self._draw.choice(steps)
        actor.sleeps = lambda: self._network.steps < until

    def falls_asleep(self, actor: Actor, op: Op | Listing, *, done: bool) -> bool:
        """Put an actor to sleep before or behind an operation, if this is its moment, and say whether it is."""
        is_commit = isinstance(op, Create) and "/log/" in op.key
        match actor.nap:
            case "anywhere":
                actor.nap_after -= done
                tired = actor.nap_after == 0
            case "before its commit":
                tired = is_commit and not done
            case "behind its commit":
                tired = is_commit and done
            case "behind a list":
                tired = done and not actor.waiting and self._believes_in_a_rival(actor)
            case None:
                return False
        if tired:
            self._put_to_sleep(actor, op)
            actor.nap = None
        return tired

    def _believes_in_a_rival(self, actor: Actor) -> bool:
        """Say whether the newest number that an actor was just shown is one that a sleeper will take again."""
        if actor.rival is None:
            return False
        sleeper, create = actor.rival
        shown = [entry.name for result in actor.results if isinstance(result, list) for entry in result]
        return max(shown, default="") == create.key.rpartition("/")[2] and self._is_due(sleeper, create)

    def _put_to_sleep(self, actor: Actor, op: Op | Listing) -> None:
        if actor.nap == "behind a list":
            self.dozes += 1
            sleeper, create = actor.rival or (actor, op)
            actor.sleeps = lambda: self._is_due(sleeper, create)
        elif actor.nap == "anywhere" or self._draw.random() < 0.3:
            self.stall(actor, 20, 40, 100, 200, 400)
        else:
            assert isinstance(op, Create)
            oracle = self._oracles.of(op.key)  # a fork is one of a session into another
            others = self._casting.others(actor, oracle)
            if actor.nap == "before its commit":
                self._send_a_dozer(oracle, actor, op, others)
            self._enter(others)
            actor.sleeps = lambda: others in self._running

    def _send_a_dozer(self, oracle: Oracle, sleeper: Actor, create: Create, others: Actor) -> None:
        """Let a reader look when the number is taken, and often let it do so before that is not the newest any more."""
        dozer = self._casting.dozer(oracle)
        dozer.rival = sleeper, create
        dozer.sleeps = lambda: self._is_due(sleeper, create) and not self._network.has(create.key)
        if self._draw.random() < 0.6:
            others.sleeps = lambda: dozer.nap is not None and dozer in self._running and self._network.has(create.key)
        self._enter(dozer)

    def _is_due(self, actor: Actor, op: Op | Listing) -> bool:
        return actor in self._running and any(waiting is op for _, waiting in actor.waiting)
