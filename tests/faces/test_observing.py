"""An observer is told of each save, whichever call of whichever face makes it."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

import pytest

import objstore
from objstore import (
    AsyncDocumentStore,
    DocumentStore,
    Message,
    OperationEvent,
    PermissionDeniedError,
    SaveEvent,
    SessionData,
)
from objstore.backends import MemoryBackend
from objstore.testing.faults import FailBefore, FaultyBackend

Events = list[objstore.Event]


def finish(found: Any) -> None:
    if inspect.iscoroutine(found):
        asyncio.run(found)


def saves(events: Events) -> list[tuple[str, int | None]]:
    found = [(event.id, event.seq) for event in events if isinstance(event, SaveEvent)]
    events.clear()
    return found


@pytest.mark.parametrize("face", [objstore.open, objstore.open_async], ids=lambda face: face.__name__)
def test_of_the_saves_of_sessions(face: Callable[..., Any]) -> None:
    events = Events()
    store = face(MemoryBackend.isolated(), observer=events.append)
    finish(store.save(SessionData.new("s")))
    assert saves(events) == [("s", 1)]
    finish(store.append("s", messages=[Message.user("x")]))
    assert saves(events) == [("s", 2)]
    finish(store.commit("s", trace_events=[]))
    assert saves(events) == [("s", 3)]
    finish(store.update("s", lambda session: session.messages.append(Message.user("y"))))
    assert saves(events) == [("s", 4)]
    finish(store.put_artifact("s", b"z", tool_name="t"))
    assert saves(events) == [("s", 5)]
    finish(store.restore("s", 1))
    assert saves(events) == [("s", 6)]
    finish(store.fork("s", "t"))
    assert saves(events) == [("t", 1)]


@pytest.mark.parametrize("face", [DocumentStore, AsyncDocumentStore], ids=lambda face: face.__name__)
def test_of_the_saves_of_documents(face: Callable[..., Any]) -> None:
    events = Events()
    store = face(MemoryBackend.isolated(), observer=events.append)
    finish(store.save("d", {"a": 1}))
    assert saves(events) == [("d", 1)]
    finish(store.append("d", {"b": [1]}))
    assert saves(events) == [("d", 2)]
    finish(store.update("d", lambda parts: {"a": parts["a"] + 1}))
    assert saves(events) == [("d", 3)]
    finish(store.restore("d", 1))
    assert saves(events) == [("d", 4)]
    finish(store.fork("d", "e"))
    assert saves(events) == [("e", 1)]


def test_of_what_was_done_and_what_was_refused_and_how_long_it_took() -> None:
    events = Events()
    place = FaultyBackend(
        MemoryBackend.isolated(), lambda r: FailBefore(PermissionDeniedError(r.keys[0])) if "/u/" in r.keys[0] else None
    )
    begun = time.perf_counter()
    store = objstore.open(place, observer=events.append)
    store.save(SessionData.new("s"))
    with pytest.raises(PermissionDeniedError):
        store.load("u")
    took = time.perf_counter() - begun
    assert all(0 <= event.seconds <= took for event in events)
    operations = [event for event in events if isinstance(event, OperationEvent)]
    assert {event.error for event in operations if "/s/" in event.key} == {None}
    assert {event.error for event in operations if "/u/" in event.key} == {"PermissionDeniedError"}
    assert [event.id for event in events if isinstance(event, SaveEvent)] == ["s"]
