"""What stands between an actor of the scheduler and the storage, and loses, delays and repeats what is sent."""

from __future__ import annotations

import random
from typing import Any

from .._log.ops import Create, Delete, Get, List, Op, Put
from ..errors import UnavailableError
from .machines import Actor, Luck
from .oracle import Oracle
from .world import Storage


class Network:
    """Does what actors ask for, well or badly.

    Attributes:
        late: Requests that nobody waits for any more and that will land at some time.
        steps: How many operations were done.
    """

    def __init__(self, storage: Storage, oracle: Oracle, draw: random.Random, luck: Luck) -> None:
        self._storage = storage
        self._oracle = oracle
        self._draw = draw
        self._luck = luck
        self.late: list[Create | Put | Delete] = []
        self.steps = 0

    def faulty(self, actor: Actor, op: Op) -> Any:
        """Do an operation, or what a network makes of it."""
        luck, chance = self._luck, self._draw.random()
        if not isinstance(op, (Create, Put, Delete)):
            if chance < luck.failed:
                actor.error = UnavailableError("no answer")
                return actor.error
            return self.perform(op)
        if chance < luck.late:  # given up by its sender, and still on its way
            self.late.append(op)
            return self._unanswered(actor, op)
        chance -= luck.late
        result = self.perform(op)
        if chance < luck.lost:
            return self._unanswered(actor, op)
        if chance < 2 * luck.lost:  # a client library that resends by itself hears "exists" of its own success
            return self.perform(op)
        if chance < 2 * luck.lost + luck.twice:
            self.late.append(op)
        return result

    def _unanswered(self, actor: Actor, op: Op) -> UnavailableError:
        error = UnavailableError("no answer")
        if not isinstance(op, Create):
            actor.error = error
        return error

    def perform(self, op: Op) -> Any:
        """Do an operation, and give what the storage answers."""
        self.steps += 1
        match op:
            case Get():
                return self._storage.objects.get(op.key)
            case List():
                return self._storage.list(op.prefix)
            case Create():
                return self._oracle.create(op.key, op.data)
            case Put():
                self._oracle.put(op.key, op.data)
            case Delete():
                for key in op.keys:
                    self._oracle.delete(key)
            case _:
                raise TypeError(f"the scheduler cannot do {op!r}")
        return None
