"""One contender in a process of its own, which works as it is told on its standard input and answers with what it cost.

It begins with a little of the same work at a place of no interest, so that what is measured pays for no imports.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.servers.http import Seen
from tests.servers.moto_server import MotoServer

from .adapter import Adapter, Contender, Place
from .contenders import CONTENDERS
from .workload import encoded, expected, turns

SESSION = "session-0001"
_QUIET = 0.1


@dataclass(slots=True)
class Cost:
    """What pieces of work cost: turns, sessions, cold opens.

    Attributes:
        seconds: Of each piece, by the clock on the wall.
        processor: Seconds of this process, of all pieces.
        requests: Kind -> number, on S3.
        written: Bytes up to the end of each piece: on S3 of contents, locally of the system calls that write, where
            Linux tells.
        read: Bytes, the same.
        memory: Bytes that the process grew by at its peak; ``None`` where that is not known.
        payload: Bytes of the turns as compact JSON.
        waves: How often an answer had to be waited for before more could be asked; 0 where that was not measured.
    """

    seconds: list[float] = field(default_factory=list)
    processor: float = 0.0
    requests: dict[str, int] = field(default_factory=dict)
    written: list[int] = field(default_factory=list)
    read: int = 0
    memory: int | None = None
    payload: int = 0
    waves: int = 0

    def add(self, other: Cost) -> None:
        """Put the cost of further pieces behind."""
        before = self.written[-1] if self.written else 0
        self.written += [before + each for each in other.written]
        self.seconds += other.seconds
        self.processor += other.processor
        self.requests = dict(Counter(self.requests) + Counter(other.requests))
        self.read += other.read
        self.payload += other.payload
        self.memory = max((each for each in (self.memory, other.memory) if each is not None), default=None)
        self.waves = other.waves


class Bench:
    """The work that can be asked for, each for a number of pieces."""

    def __init__(self, contender: Contender, place: Place) -> None:
        self._contender = contender
        self._place = place
        self._server = MotoServer(place.endpoint) if place.endpoint else None
        self._adapter: Adapter | None = None
        self._done = 0
        self._base: int | None = None

    async def warm_up(self) -> None:
        """Do everything once elsewhere."""
        elsewhere = Bench(self._contender, self._place.beside(f"warm-up-{os.getpid()}"))
        for work, count in (("append", 2), ("open", 2), ("list", 1)):
            await elsewhere.do(work, count)
        await elsewhere.close()
        gc.collect()
        self._base = _forget_the_peak()

    async def close(self) -> None:
        """Let go of what is open."""
        if self._adapter:
            await self._adapter.close()
        self._adapter = None

    async def do(self, work: str, count: int) -> Cost:
        """Do some pieces of work.

        Args:
            work: ``append`` turns to one session; ``save`` and ``load`` sessions of one turn; ``open`` the one session
                as often, ``list`` all sessions as often, each time with a new instance; ``waves``: as ``open``, slowly.
            count: How many pieces; of ``open``, how many turns there are.
        """
        cost = Cost()
        if self._server:
            self._server.pace(latency=self._place.latency, quiet=_QUIET if work == "waves" else 0.0)
            self._server.reset()
        pieces = self._pieces(work, count, cost)
        ends: list[float] = []
        processor, moved = time.process_time(), _moved()
        for piece in pieces:
            started = time.monotonic()
            await piece
            ends.append(time.monotonic())
            cost.seconds.append(ends[-1] - started)
            if not self._server:
                cost.written.append(_moved()[0] - moved[0])
        cost.processor = time.process_time() - processor
        if self._server:
            self._count(self._server.requests, ends, cost)
        else:
            cost.read = _moved()[1] - moved[1]
        if self._base is not None:
            cost.memory = (_status("VmHWM") or 0) - self._base
        if work in ("open", "waves", "list"):
            await self.close()
        return cost

    def _pieces(self, work: str, count: int, cost: Cost) -> Sequence[Awaitable[None]]:
        match work:
            case "append":
                made = turns(self._done, count)
                self._done += count
                cost.payload = sum(len(encoded(turn)) for turn in made)
                adapter = self._opened()
                return [adapter.append(SESSION, turn) for turn in made]
            case "open" | "waves":
                wanted = expected(turns(0, count))
                return [self._load(SESSION, wanted)]
            case "list":
                return [self._list(count)]
            case "save":
                made = turns(self._done, count, big=False)
                adapter = self._opened()
                pieces = [adapter.append(_id(self._done + number), turn) for number, turn in enumerate(made)]
            case "load":
                made = turns(self._done, count, big=False)
                pieces = [self._load(_id(self._done + number), expected([turn])) for number, turn in enumerate(made)]
            case _:
                raise ValueError(f"there is no work {work!r}")
        self._done += count
        return pieces

    def _opened(self) -> Adapter:
        if self._adapter is None:
            self._adapter = self._contender.make(self._place)
        return self._adapter

    async def _load(self, id: str, wanted: tuple[int, int]) -> None:
        _agree(await self._opened().load(id), wanted)

    async def _list(self, count: int) -> None:
        found = await self._opened().list()
        if found is not None and count > 1:
            _agree(sorted(found), [_id(number) for number in range(count)])

    @staticmethod
    def _count(seen: list[Seen], ends: Sequence[float], cost: Cost) -> None:
        cost.requests = dict(Counter(map(kind, seen)))
        cost.read = sum(each.sent for each in seen)
        cost.waves = max((each.wave for each in seen), default=0)
        cost.written = [sum(each.received for each in seen if each.ended <= end) for end in ends]


def kind(seen: Seen) -> str:
    """Name what a request does."""
    if seen.method == "GET" and ("list-type=" in seen.query or "delimiter=" in seen.query):
        return "LIST"
    return seen.method


def _id(number: int) -> str:
    return f"session-{number:05d}"


def _agree(found: object, wanted: object) -> None:
    if found != wanted:
        raise RuntimeError(f"what came back is {str(found)[:200]}, and not {str(wanted)[:200]}")


def _moved() -> tuple[int, int]:
    """Say how many bytes this process has written and read by system calls; nothing but zeros outside of Linux."""
    with suppress(OSError):
        lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
        return int(lines["wchar"]), int(lines["rchar"])
    return 0, 0


def _status(name: str) -> int | None:
    """Read a size of this process; Linux only."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return None


def _forget_the_peak() -> int | None:
    """Let the peak of memory begin anew, and say what is used now; Linux only."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    return None


async def _serve(name: str, place: Place) -> None:
    bench = Bench(CONTENDERS[name], place)
    await bench.warm_up()
    print("ready", flush=True)
    for line in sys.stdin:
        work, count = line.split()
        print(json.dumps(asdict(await bench.do(work, int(count)))), flush=True)
    await bench.close()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], Place(**json.loads(sys.argv[2]))))
