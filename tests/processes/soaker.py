"""One process that lives long and does much at once.

    python -m tests.processes.soaker URL OPTIONS CLIENT THREADS TASKS TURNS ROUNDS SECONDS

In each round threads share one store, tasks share an asynchronous one, and the main thread has its calls interrupted by
a signal; all of them work on sessions of their own and on some that all share, and tasks are cancelled at random
moments. When all have ended, everything that was acknowledged has to be there, once, and what the process holds is
counted. There are so many rounds, and more until so many seconds have passed.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import json
import random
import signal
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import objstore
from objstore import ArtifactStore, ConflictError, Message, SessionData
from objstore._engine.drive import finished
from objstore.testing.samples import artifact, run_records, session, texts, trace

SHARED = 4
BIG = 20_000  # above what stands in a commit as it is, so that it is an object of its own
SEED = 20261127
PATIENCE = 900  # seconds after which a round is stuck: the process says where it stands, and ends


class BrokenOffError(Exception):
    """The call was broken off: its work may be done or not."""


class Shared:
    """What all add to one session: what was begun, and what was acknowledged."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.begun: list[str] = []
        self.acknowledged: list[str] = []

    def check(self, bundle: objstore.SessionBundle | None) -> None:
        """Make sure that everything acknowledged is there, nothing twice, and each one's in the order of its calls."""
        assert bundle is not None
        assert bundle.session is not None
        found = texts(bundle.session)
        assert [event.name for event in bundle.trace_events or ()] == found, "half of a commit"
        assert len(found) == len(set(found)), f"{self.id}: there twice"
        assert set(self.acknowledged) <= set(found), f"{self.id}: lost {set(self.acknowledged) - set(found)}"
        assert set(found) <= set(self.begun), f"{self.id}: from nowhere"
        place = {text: n for n, text in enumerate(found)}
        last: dict[str, int] = {}
        for text in self.acknowledged:  # one worker's are in the order in which it was told
            who = text.partition(" ")[0]
            assert last.get(who, -1) < place[text], f"{self.id}: {text} is out of order"
            last[who] = place[text]


class Caller(Protocol):
    """Makes one call of a store, in one of three ways."""

    async def __call__(self, name: str, *args: Any, **kwargs: Any) -> Any: ...


def plainly(store: objstore.SessionStore) -> Caller:
    """Make calls that nothing breaks off."""

    async def call(name: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(store, name)(*args, **kwargs)

    return call


def interrupted(store: objstore.SessionStore, rng: random.Random, patience: float) -> Caller:
    """Make calls that a signal interrupts now and then; for the main thread."""

    async def call(name: str, *args: Any, **kwargs: Any) -> Any:
        try:
            try:
                if rng.random() < 0.5:  # the signal's handler raises
                    signal.setitimer(signal.ITIMER_REAL, 1e-4 + patience * rng.random() ** 4)  # mostly soon
                return getattr(store, name)(*args, **kwargs)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            raise BrokenOffError from None

    return call


def cancelled(store: objstore.AsyncSessionStore, rng: random.Random, patience: float) -> Caller:
    """Make calls that are cancelled now and then, in one of the ways in which programs do that."""

    async def call(name: str, *args: Any, **kwargs: Any) -> Any:
        coroutine = getattr(store, name)(*args, **kwargs)
        seconds, way = patience * rng.random() ** 4, rng.randrange(9)  # mostly soon
        try:
            if way == 0:
                async with asyncio.timeout(seconds):
                    return await coroutine
            if way == 1:
                return await asyncio.wait_for(coroutine, seconds)
            if way == 2:
                task = asyncio.ensure_future(coroutine)
                asyncio.get_running_loop().call_later(seconds, task.cancel)
                return await task
            return await coroutine
        except (TimeoutError, asyncio.CancelledError):
            raise BrokenOffError from None

    return call


class Worker:
    """The life of one of them in one round, with a session of its own."""

    def __init__(self, name: str, number: int, call: Caller, shared: list[Shared], rng: random.Random) -> None:
        self.name = name
        self.round = number
        self.call = call
        self.shared = shared
        self.rng = rng
        self.calls = self.broken = 0
        self.own = session(name)
        self.artifacts = ArtifactStore()
        self.lives = False
        self.fork = f"fork of {name}"

    async def until_done(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Make a call, again while it is broken off."""
        while True:
            self.calls += 1
            try:
                return await self.call(name, *args, **kwargs)
            except BrokenOffError:
                self.broken += 1

    async def live(self, turns: Iterable[int]) -> None:
        """Work a number of turns."""
        steps = [self.add, self.add, self.save, self.save, self.append, self.read, self.look, self.forked, self.house]
        for turn in turns:
            await self.rng.choice([*steps, self.delete])(f"{self.name} {self.round}.{turn}")
        if not self.lives:
            await self.save(f"{self.name} {self.round} end")

    async def add(self, text: str) -> None:
        """Add to a session that others add to; what is broken off is not repeated, and there once or not at all."""
        shared = self.rng.choice(self.shared)
        shared.begun.append(text)
        self.calls += 1
        with suppress(BrokenOffError):
            await self.call("append", shared.id, messages=[Message.user(text)], trace_events=[trace(text)], key=text)
            shared.acknowledged.append(text)
            return
        self.broken += 1

    async def save(self, text: str) -> None:
        """Save the session in hand, with siblings now and then."""
        self.own.messages.append(Message.user(text))
        if self.rng.random() < 0.3:
            self.artifacts.put(artifact(f"big-{len(self.own.messages) % 3}", f"{text} " * (BIG // len(text))))
            await self.until_done("commit", self.own, artifacts=self.artifacts, run_records=run_records(self.name))
        else:
            await self.until_done("save", self.own)
        self.lives = True

    async def append(self, text: str) -> None:
        """Append with a key, and look whether it is there once."""
        if not self.lives:
            return
        await self.until_done("append", self.name, messages=[Message.user(text)], key=text)
        self.own.messages.append(Message.user(text))
        found = await self.until_done("load", self.name)
        assert found is not None, f"{self.name} is lost"
        assert texts(found) == texts(self.own), f"{self.name}: {texts(found)} and not {texts(self.own)}"
        self.own = found

    async def read(self, _: str) -> None:
        """See whole commits only."""
        bundle = await self.until_done("load_bundle", self.rng.choice(self.shared).id)
        found = texts(bundle.session)
        assert [event.name for event in bundle.trace_events or ()] == found, "half of a commit"
        if self.lives and self.artifacts:
            assert await self.until_done("load_artifacts", self.name) == self.artifacts

    async def look(self, _: str) -> None:
        """Find the own session in the list, if it lives."""
        ids = await self.until_done("list")
        assert {shared.id for shared in self.shared} <= set(ids)
        assert (self.name in ids) == self.lives
        assert await self.until_done("exists", self.name) == self.lives

    async def forked(self, _: str) -> None:
        """Fork the own session, and delete the fork."""
        if self.lives:
            try:
                await self.until_done("fork", self.name, self.fork)
            except ConflictError:
                assert self.broken  # an attempt that was broken off was done
            found = await self.until_done("load", self.fork)
            assert texts(found) == texts(self.own)
            await self.until_done("delete", self.fork, purge=self.rng.random() < 0.5)

    async def house(self, _: str) -> None:
        """Keep house."""
        if self.lives:
            await self.until_done("prune", self.name, keep_last=1)
        await self.until_done("collect", [self.name, self.fork])
        report = await self.until_done("verify", [self.name])
        assert report.ok, report.findings

    async def delete(self, _: str) -> None:
        """Delete the own session, and begin anew."""
        await self.until_done("delete", self.name, purge=self.rng.random() < 0.5)
        self.own, self.artifacts, self.lives = session(self.name), ArtifactStore(), False

    def check(self, bundle: objstore.SessionBundle | None) -> None:
        """Make sure that the own session is as it was last saved."""
        assert bundle is not None, f"{self.name} is lost"
        assert bundle.session is not None, f"{self.name} is lost"
        assert texts(bundle.session) == texts(self.own), self.name
        assert (bundle.artifacts or ArtifactStore()) == self.artifacts, self.name


def main() -> None:
    """Live, and print what each round did and what it left behind."""
    url, options, client, *numbers = sys.argv[1:]
    threads, tasks, turns, rounds, seconds = map(int, numbers)
    arguments: dict[str, Any] = {"storage_options": json.loads(options) or None, "client": client}
    arguments["cache_bytes"] = 200_000  # so that it is full soon
    store, awaited = objstore.open(url, **arguments), objstore.open_async(url, **arguments)
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    sys.unraisablehook = unless_interrupted
    if seconds:  # it makes everything slower
        tracemalloc.start(1)
    end, number = time.monotonic() + seconds, 0
    while number < rounds or time.monotonic() < end:
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        one = Round(number, store, awaited, threads, tasks, turns, patience=0.1 if options == "{}" else 0.5)
        one.run()
        with objstore.open(url, **arguments) as other:
            one.check(other)
        counted = one.counted()
        del one
        gc.collect()
        held = {"threads": count("task"), "files": count("fd"), "memory": tracemalloc.get_traced_memory()[0]}
        print(json.dumps(counted | held), flush=True)
        number += 1
    for _ in range(2):
        store.close()
        asyncio.run(awaited.close())


def count(what: str) -> int:
    """Count the threads, or the open files, of this process."""
    return len([*Path("/proc/self", what).iterdir()])


def unless_interrupted(problem: sys.UnraisableHookArgs) -> None:
    """Say nothing of a generator, a listing or a coroutine that a signal caught before it was entered."""
    if not isinstance(problem.exc_value, KeyboardInterrupt | ResourceWarning | RuntimeWarning | OSError):
        sys.__unraisablehook__(problem)


class Round:
    """Workers that begin together, and what must be there when they have ended."""

    def __init__(
        self,
        number: int,
        store: objstore.SessionStore,
        awaited: objstore.AsyncSessionStore,
        threads: int,
        tasks: int,
        turns: int,
        patience: float,
    ) -> None:
        rng = random.Random(SEED + number)
        self.turns = turns
        self.shared = [Shared(f"shared-{n}") for n in range(SHARED)]
        for shared in self.shared:
            store.commit(SessionData.new(shared.id), trace_events=[])

        def worker(name: str, call: Caller) -> Worker:
            return Worker(name, number, call, self.shared, random.Random(rng.random()))

        self.threads = [worker(f"thread-{n}", plainly(store)) for n in range(threads)]
        self.tasks = [worker(f"task-{n}", cancelled(awaited, rng, patience)) for n in range(tasks)]
        self.interrupted = worker("main", interrupted(store, rng, patience))
        self.workers = [*self.threads, *self.tasks, self.interrupted]

    def run(self) -> None:
        """Let all of them work."""

        async def all_tasks() -> None:
            await asyncio.gather(*(task.live(range(3)) for task in self.tasks))

        others: list[Callable[[], object]] = [lambda: asyncio.run(all_tasks())]
        others += [lambda worker=worker: finished(worker.live(range(self.turns))) for worker in self.threads]  # type: ignore[misc] # mypy cannot infer a lambda with defaults
        at_once(others, lambda: finished(self.interrupted.live(range(2 * self.turns))))

    def check(self, store: objstore.SessionStore) -> None:
        """Make sure that all is there that was acknowledged, once, and nothing besides; delete it."""
        report = store.verify()
        assert report.ok, report.findings
        store.collect()
        ids = [*(shared.id for shared in self.shared), *(worker.name for worker in self.workers)]
        assert sorted(store.list()) == sorted(ids)
        for worker in self.workers:
            worker.check(store.load_bundle(worker.name))
        for shared in self.shared:
            shared.check(store.load_bundle(shared.id))
        for id in ids:
            store.delete(id, purge=True)
        assert store.list() == []

    def counted(self) -> dict[str, int]:
        """Say how much was done."""
        return {
            "calls": sum(worker.calls for worker in self.workers),
            "broken_off": sum(worker.broken for worker in self.workers),
            "acknowledged": sum(len(shared.acknowledged) for shared in self.shared),
        }


def at_once(others: list[Callable[[], object]], here: Callable[[], object]) -> None:
    """Run some functions in threads and one here, and raise what any of them raised."""
    problems: list[BaseException] = []

    def guarded(function: Callable[[], object]) -> None:
        try:
            function()
        except BaseException as error:  # to be raised where somebody sees it
            problems.append(error)

    threads = [threading.Thread(target=guarded, args=(function,)) for function in others]
    for thread in threads:
        thread.start()
    guarded(here)
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


if __name__ == "__main__":
    main()
