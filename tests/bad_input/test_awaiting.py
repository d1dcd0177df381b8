"""The face that awaits: it never blocks the loop, and a call may be cancelled at any moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import objstore
from objstore import AsyncSessionStore, ConflictError, Event, Message, NotFoundError, SessionData, SessionStore
from objstore.backends import MemoryBackend
from objstore.testing import memory_store
from objstore.testing.faults import Fault, FaultyBackend, Request, Wait
from tests.places import Place

PATIENCE = 60.0

CALLS: dict[str, Callable[[AsyncSessionStore], Awaitable[object]]] = {
    "save": lambda store: store.save(SessionData.new("new")),
    "append": lambda store: store.append("s", messages=[Message.user("x")]),
    "update": lambda store: store.update("s", lambda s: s.messages.append(Message.user("x"))),
    "load": lambda store: store.load("s"),
    "load_bundle": lambda store: store.load_bundle("s"),
    "list": lambda store: store.list(),
    "exists": lambda store: store.exists("s"),
    "history": lambda store: store.history("s"),
    "summaries": lambda store: store.summaries(["s"]),
    "verify": lambda store: store.verify(),
    "restore": lambda store: store.restore("s", 1),
    "delete": lambda store: store.delete("s", purge=True),
    "health_check": lambda store: store.health_check(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_the_loop_goes_on_while_the_storage_does_not_answer(
    place: Place, call: Callable[[AsyncSessionStore], Awaitable[object]]
) -> None:
    with place.open() as plain:
        plain.save(SessionData.new("s"))
        plain.append("s", messages=[Message.user("x")])
    beaten = threading.Event()
    waits: list[bool] = []

    def observe(event: Event) -> None:  # is called in the middle of the storage's work, wherever that is done
        waits.append(beaten.wait(PATIENCE))

    async def heart() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        beaten.set()

    async def run() -> None:
        store = objstore.open_async(place.target, storage_options=place.options, observer=observe)
        await asyncio.gather(call(store), heart())
        await store.close()

    asyncio.run(run())
    assert waits
    assert all(waits)


class Gate:
    """Holds the first create of a commit until it is opened, and says when somebody stands there."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, request: Request) -> Fault | None:
        if request.operation == "create" and "/log/" in request.keys[0] and not self.reached.is_set():
            return Wait(self._hold)
        return None

    def _hold(self) -> None:
        self.reached.set()
        assert self.opened.wait(PATIENCE)


def test_a_cancelled_save_ends_at_once_and_the_store_stays_usable() -> None:
    inner = MemoryBackend.isolated()
    with objstore.open(inner) as plain:
        plain.save(SessionData.new("s"))
    gate = Gate()

    async def run() -> None:
        store = objstore.open_async(FaultyBackend(inner, gate))
        session = await store.load("s")
        assert session is not None
        session.messages.append(Message.user("mine"))
        task = asyncio.create_task(store.save(session))
        await asyncio.to_thread(gate.reached.wait, PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task  # while the storage still holds the request
        assert session.revision is not None
        assert session.revision.seq == 1
        assert await store.exists("s")
        gate.opened.set()
        revision = await store.save(session)  # whether or not the first one arrived after all
        assert revision.seq == 2
        loaded = await store.load("s")
        assert loaded is not None
        assert len(loaded.messages) == 1

    asyncio.run(run())
    assert objstore.open(inner).verify().ok


@pytest.mark.parametrize("steps", [1, 3, 8, 21, 55])
def test_a_call_cancelled_after_any_number_of_steps_leaves_the_old_or_the_new(place: Place, steps: int) -> None:
    async def run() -> None:
        store = place.open_async()
        session = SessionData.new("s")
        await store.save(session)
        session.messages.append(Message.user("mine"))
        task = asyncio.create_task(store.commit(session, trace_events=[]))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        found = await store.load_bundle("s")
        assert found is not None
        assert found.session is not None
        assert (len(found.session.messages), found.trace_events) in ((0, None), (1, []))
        await store.commit(session, trace_events=[])
        again = await store.load("s")
        assert again is not None
        assert again.messages == session.messages
        await store.append("s", messages=[Message.user("on")])
        await store.close()

    asyncio.run(run())
    assert place.open().verify().ok


def test_a_call_that_was_cancelled_asks_the_storage_for_nothing_more(place: Place) -> None:
    with place.open() as plain:
        for number in range(5):
            plain.save(SessionData.new(f"s{number}"))
    began, ended = threading.Event(), threading.Event()
    seen: list[Event] = []

    def observe(event: Event) -> None:  # is called in the middle of the storage's work, wherever that is done
        seen.append(event)
        began.set()
        assert ended.wait(PATIENCE)

    async def run() -> None:
        store = objstore.open_async(place.target, storage_options=place.options, observer=observe)
        task = asyncio.create_task(store.verify())
        await asyncio.to_thread(began.wait, PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ended.set()
        await store.close()

    asyncio.run(run())  # which waits for threads that are still at work
    assert len(seen) == 1


def test_a_call_that_runs_out_of_time_is_a_timeout_and_nothing_else() -> None:
    gate = Gate()

    async def run() -> None:
        store = objstore.open_async(FaultyBackend(MemoryBackend.isolated(), gate))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.save(SessionData.new("s")), 0.01)
        gate.opened.set()
        await store.save(SessionData.new("s"))
        assert await store.list() == ["s"]

    asyncio.run(run())


def fails(session: SessionData) -> None:
    raise LookupError("the caller's own")


async def awaited(session: SessionData) -> None:
    session.messages.append(Message.user("x"))


def test_an_update_gives_the_callers_own_error_and_saves_nothing(store: SessionStore) -> None:
    store.save(SessionData.new("s"))
    with pytest.raises(LookupError, match="own"):
        store.update("s", fails)
    with pytest.raises(NotFoundError):
        store.update("nobody", fails)
    with pytest.raises(ValueError, match="attempts"):
        store.update("s", fails, attempts=0)
    assert len(store.history("s")) == 1


WRONG: list[Any] = [awaited, lambda session: {"id": "s"}, lambda session: session.messages, lambda session: False]


@pytest.mark.parametrize("change", WRONG)
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
def test_an_update_that_gives_no_session_is_refused(change: Any) -> None:
    store = memory_store()
    store.save(SessionData.new("s"))
    with pytest.raises(TypeError, match="not a session or None"):
        store.update("s", change)
    assert len(store.history("s")) == 1


def test_an_update_that_gives_another_session_is_refused(store: SessionStore) -> None:
    store.save(SessionData.new("s"))
    with pytest.raises(objstore.InvalidValueError, match="another id"):
        store.update("s", lambda _: SessionData.new("t"))
    assert store.list() == ["s"]


def test_an_update_that_others_always_overtake_gives_up_and_loses_nothing(store: SessionStore) -> None:
    store.save(SessionData.new("s"))

    def change(session: SessionData) -> None:
        store.append("s", messages=[Message.user("theirs")])
        session.tool_names.append("mine")

    with pytest.raises(ConflictError):
        store.update("s", change, attempts=2)
    session = store.load("s")
    assert session is not None
    assert (len(session.messages), session.tool_names) == (2, [])
