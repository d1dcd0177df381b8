"""Those who run protocols in the scheduler: a machine with its clocks, what is under way on it, and how to show it."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from .._engine.handle import Handle
from .._format import naming
from .._log.ops import Copy, Create, Delete, Entry, Get, List, Moment, Names, Op, Page, Protocol, Put
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


@dataclass(frozen=True, slots=True)
class Machine:
    """A process on a machine: the clocks, and an opened store, which several actors may share."""

    clock: Clock
    store: Handle


@dataclass(slots=True)
class Listing:
    """A list under way, which may take several requests.

    Attributes:
        behind: Where in the order of the listing the next page begins.
    """

    prefix: str
    behind: Any = None
    found: list[Entry] = field(default_factory=list)


Nap = Literal["anywhere", "before its commit", "behind its commit", "behind a list"]
"""When somebody falls asleep: the moments at which that is dangerous, or any other."""


class Actor:
    """A protocol under way: what it asked for and has not got, and what it has got and not been told.

    Attributes:
        id: The session that it is about.
        sleeps: Says whether it still does.
        rival: Who sleeps with a commit in hand, for one who is to believe in that.
    """

    def __init__(self, name: str, protocol: Protocol[None], clock: Clock, priority: float, id: str = "") -> None:
        self.name = name
        self.id = id
        self.protocol: Generator[Any, Any, None] = protocol
        self.clock = clock
        self.priority = priority
        self.waiting: list[tuple[int, Op | Listing]] = []
        self.results: list[Any] = []
        self.single = True
        self.error: UnavailableError | None = None
        self.sleeps: Callable[[], bool] = lambda: False
        self.nap: Nap | None = None
        self.nap_after = 0
        self.rival: tuple[Actor, Create] | None = None

    def resume(self, answer: Callable[[Actor, Op], Any]) -> bool:
        """Tell the protocol what came of its operations, and take up what it asks for next.

        Args:
            answer: Does what is no request: reads the clocks, draws an identifier, waits.

        Returns:
            Whether it asks for anything; otherwise it has ended.
        """
        while True:
            error, self.error = self.error, None
            value = self.results[0] if self.single and self.results else self.results or None
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
                if isinstance(op, (Create, Put, Get, List, Page, Delete, Copy))
                for part in _requests(op)
            ]
            if self.waiting:
                return True


def _requests(op: Op) -> Iterable[Op | Listing]:
    match op:
        case Delete():
            return [Delete((key,)) for key in op.keys]
        case List():
            return [Listing(op.prefix)]
    return [op]


@dataclass(frozen=True, slots=True)
class Luck:
    """How likely each disaster is in a schedule.

    Attributes:
        lands: How likely one of the requests that are late lands before the next operation.
        pace: About how many seconds a request takes.
        page: How many names a list shows at once; ``None``: all.
        scans: Whether it shows them in an order of its own.
    """

    jump: float
    lost: float
    late: float
    lands: float
    twice: float
    crash: float
    failed: float
    hold: float
    stall: float
    bursts: bool
    pace: float
    page: int | None
    scans: bool

    @classmethod
    def drawn(cls, draw: random.Random) -> Luck:
        """Draw the luck of a schedule."""
        return cls(
            jump=draw.choice((0.0, 0.02, 0.05, 0.1)),
            lost=draw.choice((0.0, 0.08)),
            late=draw.choice((0.0, 0.08)),
            lands=draw.choice((0.05, 0.05, 0.005)),
            twice=draw.choice((0.0, 0.06)),
            crash=draw.choice((0.0, 0.01)),
            failed=draw.choice((0.0, 0.0, 0.02)),
            hold=draw.choice((0.1, 0.4)),
            stall=draw.choice((0.0, 0.02, 0.06)),
            bursts=draw.random() < 0.5,
            pace=draw.choice((0.1, 1, 1)),
            page=draw.choice((None, None, 1, 2, 3)),
            scans=draw.random() < 0.3,
        )


def shown(what: Op | Listing | str) -> str:
    """Write an operation in one line, keys without what all of them begin with."""

    def where(key: str) -> str:
        head, _, name = key.removeprefix(naming.SESSIONS).rpartition("/")
        return f"{head}/{name[:8]}" if len(name) > 60 else f"{head}/{name}"

    match what:
        case Create(key, data):
            return f"create {where(key)} ({len(data)} B)"
        case Put(key, data):
            return f"put    {where(key)} ({len(data)} B)"
        case Get(key):
            return f"get    {where(key)}"
        case Listing(prefix, behind):
            return f"list   {where(prefix)}" + ("" if behind is None else " on")
        case Page(prefix, after):
            return f"page   {where(prefix)} behind {after!r}"
        case Delete(keys):
            return f"delete {' '.join(map(where, keys))}"
        case Copy(source, target):
            return f"copy   {where(source)} to {where(target)}"
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
        case Names():
            return f" -> {' '.join(result.names) or 'nothing'}{' and others' if result.more else ''}"
        case UnavailableError():
            return " -> no answer"
    return f" -> {result}"
