"""Those who run protocols in the scheduler: a machine with its clocks, what is under way on it, and how to show it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from .._log.ops import Create, Delete, Get, List, Moment, Op, Protocol, Put
from ..errors import UnavailableError

START = 1_700_000_000.0
"""Wall clock at the beginning of a schedule."""


@dataclass(slots=True)
class Clock:
    """The clocks of one machine. Those of a machine that sleeps miss what the world does not."""

    offset: float = 0.0
    monotonic_missed: float = 0.0
    wall_missed: float = 0.0

    def read(self, now: float) -> Moment:
        """Read both clocks when the world's shows ``now``."""
        return Moment(now - self.monotonic_missed, START + now + self.offset - self.wall_missed)


class Actor:
    """A protocol under way: what it asked for and has not got, and what it has got and not been told."""

    def __init__(self, name: str, protocol: Protocol[None], clock: Clock, priority: float) -> None:
        self.name = name
        self.protocol: Generator[Any, Any, None] = protocol
        self.clock = clock
        self.priority = priority
        self.waiting: list[tuple[int, Op]] = []
        self.results: list[Any] = []
        self.single = True
        self.error: UnavailableError | None = None
        self.asleep_until = 0
        self.nap_after = -1

    def resume(self, answer: Callable[[Actor, Op], Any]) -> bool:
        """Tell the protocol what came of its operations, and take up what it asks for next.

        Args:
            answer: Does what is no request: reads the clocks, draws an identifier, waits.

        Returns:
            Whether it asks for anything; otherwise it has ended.
        """
        while True:
            error, self.error = self.error, None
            value = self.results[0] if self.single and self.results else tuple(self.results) or None
            try:
                asked = self.protocol.throw(error) if error else self.protocol.send(value)
            except StopIteration:
                return False
            self.single = not isinstance(asked, tuple)
            ops: tuple[Op, ...] = (asked,) if self.single else asked
            self.results = [answer(self, op) for op in ops]
            self.waiting = [
                (index, part)
                for index, op in enumerate(ops)
                if isinstance(op, (Create, Put, Get, List, Delete))
                for part in (map(Delete, ((key,) for key in op.keys)) if isinstance(op, Delete) else (op,))
            ]
            if self.waiting:
                return True


@dataclass(frozen=True, slots=True)
class Luck:
    """How likely each disaster is in a schedule."""

    jump: float
    lost: float
    late: float
    twice: float
    crash: float
    failed: float
    hold: float
    stall: float
    bursts: bool


def shown(what: Op | str, directory: str) -> str:
    """Write an operation in one line, keys without the directory that all of them begin with."""

    def where(key: str) -> str:
        head, _, name = key.removeprefix(directory).rpartition("/")
        return f"{head}/{name[:8]}" if len(name) > 60 else f"{head}/{name}"

    match what:
        case Create(key, data):
            return f"create {where(key)} ({len(data)} B)"
        case Put(key, data):
            return f"put    {where(key)} ({len(data)} B)"
        case Get(key):
            return f"get    {where(key)}"
        case List(prefix):
            return f"list   {where(prefix)}"
        case Delete(keys):
            return f"delete {' '.join(map(where, keys))}"
    return str(what)


def told(result: Any) -> str:
    """Write what came of an operation."""
    match result:
        case "":
            return ""
        case None:
            return " -> nothing"
        case bytes():
            return f" -> {len(result)} B"
        case list():
            return f" -> {' '.join(e.name[:10] for e in result) or 'nothing'}"
        case UnavailableError():
            return " -> no answer"
    return f" -> {result}"
