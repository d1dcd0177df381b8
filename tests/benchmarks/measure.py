"""Measure one contender in a process of its own, and print what was found as one line of JSON.

The process first does a little of the same work at a place of no interest, so that what follows pays for no imports.
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
from typing import TypeVar

from tests.servers.http import Seen
from tests.servers.moto_server import MotoServer

from .adapter import Adapter, Contender, Place
from .contenders import CONTENDERS
from .workload import Turn, encoded, expected, turns

T = TypeVar("T")

SESSION = "session-0001"
_QUIET = 0.1


@dataclass(slots=True)
class Cost:
    """What one piece of work cost.

    Attributes:
        seconds: By the clock on the wall.
        requests: Kind -> number, on S3.
        written: Bytes, on S3 of contents, locally of the system calls that write; ``None`` where these are not known.
        read: The same.
        memory: Bytes that the process grew by at its peak; ``None`` where that is not known.
    """

    seconds: float = 0.0
    requests: dict[str, int] = field(default_factory=dict)
    written: int | None = None
    read: int | None = None
    memory: int | None = None


@dataclass(slots=True)
class Outcome:
    """What one process found.

    Attributes:
        costs: Name of the work -> its cost.
        seconds: Of each turn.
        bytes: Written up to the end of each turn.
        payload: Bytes of all turns as compact JSON.
        waves: How often the cold open had to wait for an answer before it could ask for more.
    """

    costs: dict[str, Cost] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    payload: int = 0
    waves: int | None = None


class Meter:
    """Counts what this process does, and what the server sees of it."""

    def __init__(self, server: MotoServer | None) -> None:
        self._server = server

    async def cost(self, work: Awaitable[T]) -> tuple[T, Cost]:
        """Do a piece of work and say what it cost."""
        gc.collect()
        base = _forget_the_peak()
        if self._server:
            self._server.reset()
        before = _moved()
        started = time.perf_counter()
        result = await work
        cost = Cost(seconds=time.perf_counter() - started)
        after, peak = _moved(), _status("VmHWM")
        if base is not None and peak is not None:
            cost.memory = peak - base
        if self._server:
            seen = self._server.requests
            cost.requests = dict(Counter(map(kind, seen)))
            cost.written = sum(each.received for each in seen)
            cost.read = sum(each.sent for each in seen)
        elif before and after:
            cost.written, cost.read = after[0] - before[0], after[1] - before[1]
        return result, cost

    def written(self, ends: Sequence[float], local: Sequence[int]) -> list[int]:
        """Say how many bytes had been written at each of some moments."""
        if not self._server:
            return [*local]
        seen = sorted(self._server.requests, key=lambda each: each.ended)
        sums, total = [], 0
        for end in ends:
            while seen and seen[0].ended <= end:
                total += seen.pop(0).received
            sums.append(total)
        return sums


def kind(seen: Seen) -> str:
    """Name what a request does."""
    if seen.method == "GET" and ("list-type=" in seen.query or "delimiter=" in seen.query):
        return "LIST"
    return seen.method


async def measure(contender: Contender, work: str, place: Place, count: int) -> Outcome:
    """Do one kind of work: ``append``, ``open``, ``waves`` or ``many``."""
    await _warm_up(contender, place.beside(f"warm-up-{os.getpid()}"))
    server = MotoServer(place.endpoint) if place.endpoint else None
    meter = Meter(server)
    outcome = Outcome()
    if work == "append":
        made = turns(count)
        outcome.payload = sum(len(encoded(turn)) for turn in made)
        adapter = contender.make(place)
        ends: list[float] = []
        local: list[int] = []

        async def append() -> None:
            for turn in made:
                started = time.monotonic()
                await adapter.append(SESSION, turn)
                ends.append(time.monotonic())
                outcome.seconds.append(ends[-1] - started)
                local.append((_moved() or (0, 0))[0])

        before = (_moved() or (0, 0))[0]
        _, cost = await meter.cost(append())
        cost.seconds = sum(outcome.seconds)
        outcome.costs["append"] = cost
        outcome.bytes = meter.written(ends, [each - before for each in local])
        await adapter.close()
    elif work in ("open", "waves"):
        if server and work == "waves":
            server.pace(quiet=_QUIET)
        adapter, cost = await meter.cost(_opened(contender, place, turns(count)))
        outcome.costs["open"] = cost
        if server and work == "waves":
            outcome.waves = max(each.wave for each in server.requests)
            server.pace()
        await adapter.close()
    else:
        await _many(contender, place, meter, outcome, turns(count, seed=11, big=False))
    return outcome


async def _opened(contender: Contender, place: Place, made: Sequence[Turn]) -> Adapter:
    adapter = contender.make(place)
    _agree(await adapter.load(SESSION), expected(made))
    return adapter


async def _many(contender: Contender, place: Place, meter: Meter, outcome: Outcome, made: Sequence[Turn]) -> None:
    """Save many sessions of one turn; list them, and load each, with new instances."""
    ids = [f"session-{number:04d}" for number in range(len(made))]
    adapter = contender.make(place)

    async def save() -> None:
        for id, turn in zip(ids, made, strict=True):
            await adapter.append(id, turn)

    async def load() -> None:
        for id, turn in zip(ids, made, strict=True):
            _agree(await adapter.load(id), expected([turn]))

    _, outcome.costs["save"] = await meter.cost(save())
    outcome.payload = sum(len(encoded(turn)) for turn in made)
    await adapter.close()
    adapter = contender.make(place)
    listed, cost = await meter.cost(adapter.list())
    if listed is not None:
        _agree([id for id in sorted(listed) if id in set(ids)], ids)
        outcome.costs["list"] = cost
    await adapter.close()
    adapter = contender.make(place)
    _, outcome.costs["load"] = await meter.cost(load())
    await adapter.close()


async def _warm_up(contender: Contender, place: Place) -> None:
    made = turns(2)
    writer = contender.make(place)
    for turn in made:
        await writer.append(SESSION, turn)
    await writer.close()
    reader = contender.make(place)
    _agree(await reader.load(SESSION), expected(made))
    await reader.list()
    await reader.close()


def _agree(found: object, wanted: object) -> None:
    if found != wanted:
        raise RuntimeError(f"what came back is {str(found)[:200]}, and not {str(wanted)[:200]}")


def _moved() -> tuple[int, int] | None:
    """Say how many bytes this process has written and read by system calls; Linux only."""
    with suppress(OSError):
        lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
        return int(lines["wchar"]), int(lines["rchar"])
    return None


def _status(name: str) -> int | None:
    """Read a size of this process; Linux only."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return None


def _forget_the_peak() -> int | None:
    """Let the peak of memory begin anew, and say what is used now."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    return None


def main(arguments: Sequence[str]) -> None:
    """Measure what the command line says."""
    name, work, root, endpoint, count = arguments
    outcome = asyncio.run(measure(CONTENDERS[name], work, Place(root, endpoint or None), int(count)))
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main(sys.argv[1:])
