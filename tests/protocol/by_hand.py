"""Schedules written down by hand, for what chance takes too long to find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from objstore._care import prune
from objstore._care.diagnosis import diagnose
from objstore._care.repair import set_aside
from objstore._format import naming, patching
from objstore._format.canonical import JSON
from objstore._log import chain
from objstore._log import save as saving
from objstore._log.base import Base
from objstore._log.change import Derive, Edit
from objstore._log.ops import Copy, Create, Delete, Get, NewId, Now, Op, Protocol, Put
from objstore.testing.machines import Actor, Clock, Listing
from objstore.testing.oracle import Oracle
from objstore.testing.oracles import Oracles
from objstore.testing.schedule import FORKED, ID, RULES
from objstore.testing.world import Storage


class Stage:
    """A storage, its oracle, a clock, and actors that go exactly as far as they are told."""

    def __init__(self) -> None:
        self.storage = Storage()
        self.oracles = Oracles(self.storage, [Oracle(id, RULES, self.storage, grows="traces") for id in (ID, FORKED)])
        self.oracle = self.oracles[ID]
        self.now = 0.0
        self.results: dict[str, Any] = {}
        self._drawn = 0

    def enter(self, name: str, protocol: Protocol[Any]) -> Actor:
        """Bring an actor to its first request."""
        actor = Actor(name, self._kept(name, protocol), Clock(), 0.0)
        actor.resume(self.answer)
        return actor

    def _kept(self, name: str, protocol: Protocol[Any]) -> Protocol[None]:
        self.results[name] = yield from protocol

    def before(self, actor: Actor, wanted: type[Op | Listing], key: str) -> None:
        """Let an actor run until it is about to do this."""
        while not any(isinstance(op, wanted) and _key(op).endswith(key) for _, op in actor.waiting):
            self.request(actor)
            assert actor.resume(self.answer), "it ended without doing that"

    def request(self, actor: Actor) -> None:
        """Do what an actor asked for; the answer is still on its way."""
        while actor.waiting:
            index, op = actor.waiting.pop(0)
            actor.results[index] = self._do(op)

    def finish(self, actor: Actor) -> Any:
        """Let an actor run to its end, and give what it was told."""
        while True:
            self.request(actor)
            if not actor.resume(self.answer):
                return self.results[actor.name]

    def alone(self, protocol: Protocol[Any]) -> Any:
        """Run a protocol from beginning to end."""
        actor = self.enter("alone", protocol)
        return self.finish(actor) if actor.waiting else self.results["alone"]

    def answer(self, actor: Actor, op: Op) -> Any:
        if isinstance(op, Now):
            return actor.clock.read(self.now)
        if isinstance(op, NewId):
            self._drawn += 1
            return f"{self._drawn:032x}"
        return None

    def _do(self, op: Op | Listing) -> Any:
        match op:
            case Get():
                return self.storage.objects.get(op.key)
            case Listing():
                return self.storage.list(op.prefix)
            case Create():
                return self.oracles.create(op.key, op.data)
            case Put():
                return self.oracles.put(op.key, op.data)
            case Copy():
                return self.oracles.copy(op.source, op.target)
            case Delete():
                for key in op.keys:
                    self.oracles.delete(key)
                return None
        raise TypeError(op)

    def saved(self, first: int, last: int) -> Base:
        """Commit ``first`` to ``last`` on the head."""
        base: Base = self.alone(load())
        for value in range(first, last + 1):
            base = self.alone(save(base, value)).base
            assert base.seq == value
        return base

    def free_up_to_eight(self) -> None:
        """Commit up to 9, and remove all that is below 9, as late as that may be."""
        self.saved(self.oracle.head.seq + 1, 9)
        self.alone(prune.prune(RULES, ID, lambda chain: chain[0].seq, lambda *_: {}))
        self.now += RULES.grace + 1
        self.alone(prune.prune(RULES, ID, lambda _: 0, lambda *_: {}))

    def free_all_below_a_prune(self) -> None:
        """Put a prune that is its own floor on top, and remove all that is below it, as late as that may be."""
        self.alone(prune.prune(RULES, ID, lambda chain: chain[0].seq + 1, lambda *_: {}))
        self.now += RULES.grace + 1
        self.alone(prune.prune(RULES, ID, lambda _: 0, lambda *_: {}))

    def lands(self, writer: Actor, n: int) -> None:
        """Let a writer who slept take a number that is free again."""
        assert log(n) not in self.storage.objects
        self.request(writer)
        assert log(n) in self.storage.objects


def _key(op: Op | Listing) -> str:
    return op.prefix if isinstance(op, Listing) else getattr(op, "key", "")


def log(n: int) -> str:
    return naming.log_key(naming.session_key(ID), n)


def load() -> Protocol[Base]:
    return chain.load(RULES, ID)


def save(base: Base, value: JSON, key: str | None = None) -> Protocol[saving.Saved]:
    change = Edit(base.parts(RULES), {"session": value})
    return saving.save(RULES, ID, change, base, key=key, summarise=lambda *_: {})


def append(base: Base, item: int, key: str | None = None) -> Protocol[saving.Saved]:
    def added(state: Mapping[str, JSON]) -> dict[str, patching.Patch]:
        traces = state["traces"]
        return {"traces": patching.append(len(traces), [item]) if isinstance(traces, list) else {"set": [item]}}

    return saving.save(RULES, ID, Derive(added), base, key=key, summarise=lambda *_: {})


def repair() -> Protocol[Base]:
    """Set damaged commits aside."""
    found = yield from diagnose(RULES, ID)
    return (yield from set_aside(RULES, found, found.base.state, lambda *_: {}))
