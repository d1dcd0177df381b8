"""What a request costs through each client of S3, and a save beside a bare PUT of the same bytes.

python -m tests.benchmarks.clients [ROUNDS]

The server is moto, in a process of its own. Rounds are interleaved, so that a busy moment of the machine meets all that
is compared; the figures are medians. CPU is what this process uses, in all of its threads.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

import objstore
from objstore import SessionData
from objstore.backends import Backend, open_backend
from objstore.testing.blocking import blocking
from tests.budget.workload import turns
from tests.conftest import options_for
from tests.servers.moto_server import moto_server

CLIENTS: tuple[Literal["fsspec", "obstore"], ...] = ("fsspec", "obstore")
REQUESTS = 50
SIZE = 2_000


class Measured:
    """Times and CPU times of what is compared, by name."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {}
        self.cpu: dict[str, list[float]] = {}

    def call(self, name: str, do: Callable[[], object]) -> None:
        """Do something and take its times."""
        wall, cpu = time.perf_counter(), time.process_time()
        do()
        self._add(name, wall, cpu)

    def _add(self, name: str, wall: float, cpu: float) -> None:
        self.wall.setdefault(name, []).append(time.perf_counter() - wall)
        self.cpu.setdefault(name, []).append(time.process_time() - cpu)

    def table(self, title: str, floor: str, per: int = 1) -> Table:
        """Show the medians, and how many times those of ``floor`` they are."""
        table = Table("", "ms", "ratio", "CPU ms", "ratio of CPU", title=title)
        for name in self.wall:
            row: list[str] = []
            for times in (self.wall, self.cpu):
                found = median(times[name])
                row += [f"{found / per * 1000:.2f}", f"{found / median(times[floor]):.2f}"]
            table.add_row(name, *row)
        return table


def requests(url: str, options: dict[str, Any], rounds: int) -> list[Table]:
    """Create and read small objects through the backend of each client."""
    creates, gets = Measured(), Measured()
    places = {
        client: blocking(open_backend(f"{url}/{client}", storage_options=options, client=client)) for client in CLIENTS
    }
    for place in places.values():
        place.get("connect")
    for number in range(rounds):
        keys = [f"{number}/{each}" for each in range(REQUESTS)]
        for client, place in places.items():
            creates.call(client, partial(_each, keys, partial(_create, place)))
            gets.call(client, partial(_each, keys, place.get))
    return [
        creates.table(f"a create of {SIZE} bytes, one after another", "fsspec", REQUESTS),
        gets.table(f"a get of {SIZE} bytes, one after another", "fsspec", REQUESTS),
    ]


def _each(keys: list[str], do: Callable[[str], object]) -> None:
    for key in keys:
        do(key)


def _create(place: Backend, key: str) -> None:
    place.create(key, os.urandom(SIZE))


def saves(url: str, options: dict[str, Any], rounds: int) -> Table:
    """Save a turn, and put the same number of bytes with nothing but s3fs."""
    import s3fs

    measured = Measured()
    bare = s3fs.S3FileSystem(**options, skip_instance_cache=True, config_kwargs={"retries": {"max_attempts": 0}})
    sent: list[int] = []

    def observe(event: objstore.Event) -> None:
        if isinstance(event, objstore.OperationEvent):
            sent.append(event.size)

    stores = {
        client: objstore.open(url, storage_options=options, client=client, observer=observe) for client in CLIENTS
    }
    awaited = {client: objstore.open_async(url, storage_options=options, client=client) for client in CLIENTS}
    names = [
        f"{call}, {face}, {client}" for call in ("append", "save") for face in ("sync", "async") for client in CLIENTS
    ]
    sessions = {name: SessionData.new(name.replace(", ", "-")) for name in names}

    with asyncio.Runner() as runner:
        for name, session in sessions.items():
            stores["fsspec"].save(session)
            runner.run(awaited[CLIENTS[name.endswith("obstore")]].load(session.id))
        for number, messages in enumerate(turns(rounds)):
            turn = messages[:2]
            sent.clear()
            for name, session in sessions.items():
                call, face, client = name.split(", ")
                store: Any = (stores if face == "sync" else awaited)[client]  # type: ignore[index]
                session.messages += turn
                given = (session,) if call == "save" else (session.id,)
                do = partial(getattr(store, call), *given, **({} if call == "save" else {"messages": turn}))
                measured.call(name, do if face == "sync" else lambda do=do: runner.run(do()))  # type: ignore[misc]
            body, path = os.urandom(sent[0]), f"{url.removeprefix('s3://')}/bare/{number}"
            measured.call("bare PUT, s3fs", partial(bare.pipe_file, path, body, mode="create"))
    return measured.table(f"one turn of a conversation that grows to {rounds} turns", "bare PUT, s3fs")


def openings(url: str, options: dict[str, Any], rounds: int) -> Table:
    """Connect, and load a session, each time through a new handle."""
    measured = Measured()
    writer = objstore.open(url, storage_options=options)
    writer.save(SessionData.new("s"))
    for turn in turns(rounds):
        writer.append("s", messages=turn)
    for _ in range(5):
        for client in CLIENTS:
            new = partial(objstore.open, url, storage_options=options, client=client)
            measured.call(f"connect and look, {client}", lambda new=new: new().exists("nobody"))  # type: ignore[misc]
            measured.call(f"load {rounds} turns, {client}", lambda new=new: new().load("s"))  # type: ignore[misc]
    return measured.table("the first call of a handle", "connect and look, fsspec")


def main() -> None:
    """Print the tables."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    console = Console(width=100)
    with moto_server() as server:
        server.make_bucket("bucket")
        options = options_for(server.url)
        console.print(*requests("s3://bucket/requests", options, max(rounds // 5, 3)))
        console.print(saves("s3://bucket/saves", options, rounds))
        console.print(openings("s3://bucket/openings", options, 5 * rounds))


if __name__ == "__main__":
    main()
