"""The face that awaits takes values down when a call is made, as the one that waits does."""

from __future__ import annotations

import asyncio
import inspect
import sys
import uuid
from collections.abc import Coroutine
from typing import Any

import pytest

from objstore import (
    ArtifactStore,
    AsyncDocumentStore,
    AsyncSessionStore,
    InMemoryRunStore,
    InvalidIdError,
    InvalidValueError,
    Message,
    Revision,
    SessionData,
)
from objstore.testing import async_memory_store
from objstore.testing.samples import artifact, trace


def taking(
    store: AsyncSessionStore, session: SessionData, lists: dict[str, Any]
) -> dict[str, Coroutine[Any, Any, Any]]:
    """Make every call that takes values down, without awaiting any."""
    return {
        "save": store.save(session),
        "save_artifacts": store.save_artifacts("a", lists["artifacts"]),
        "save_trace_events": store.save_trace_events("t", lists["traces"]),
        "save_run_records": store.save_run_records("r", lists["runs"]),
        "save_verification_reports": store.save_verification_reports("v", lists["reports"]),
        "commit": store.commit("c", trace_events=lists["traces"]),
        "append": store.append("e", trace_events=lists["traces"]),
        "put_artifact": store.put_artifact("p", lists["bytes"], uri="u", tool_name="t"),
    }


def test_values_are_taken_down_when_a_call_is_made_not_when_its_task_runs() -> None:
    async def run() -> None:
        store = async_memory_store()
        session = SessionData.new("s", name="before")
        lists: dict[str, Any] = {
            "artifacts": ArtifactStore(), "traces": [trace("before")], "runs": [], "reports": [],
            "bytes": bytearray(b"before"),
        }  # fmt: skip
        tasks = [*map(asyncio.create_task, taking(store, session, lists).values())]
        session.config.name = "after"
        session.messages.append(Message.user("after"))
        lists["artifacts"].put(artifact("after", "after"))
        lists["traces"].append(trace("after"))
        lists["runs"] += runs_of_one().records()
        lists["bytes"][:] = b"after!"
        await asyncio.gather(*tasks)
        saved = await store.load("s")
        assert saved is not None
        assert (saved.config.name, saved.messages) == ("before", [])
        artifacts = await store.load_artifacts("a")
        assert artifacts is not None
        assert artifacts.len() == 0
        for id in ("t", "c", "e"):
            assert [event.name for event in await store.load_trace_events(id) or ()] == ["before"]
        assert await store.load_run_records("r") == []
        stream = await store.open_artifact("p", "u")
        assert await stream.read() == b"before"
        documents = AsyncDocumentStore(f"memory://awaiting/{uuid.uuid4().hex}")
        values = [1]
        tasks = [
            asyncio.create_task(documents.save("d", {"list": values})),
            asyncio.create_task(documents.append("e", {"list": values})),
        ]
        values.append(2)
        await asyncio.gather(*tasks)
        for id in ("d", "e"):
            found = await documents.load(id)
            assert found is not None
            assert found.parts == {"list": [1]}

    asyncio.run(run())


def test_what_is_wrong_with_values_is_raised_where_the_call_is_awaited() -> None:
    async def run() -> None:
        store = async_memory_store()
        good, bad = SessionData.new("good"), SessionData.new("bad")
        bad.config.name = "\ud800"
        outcomes = await asyncio.gather(store.save(good), store.save(bad), store.append(""), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Revision, InvalidValueError, InvalidIdError]
        assert await store.list() == ["good"]

    asyncio.run(run())


def runs_of_one() -> InMemoryRunStore:
    runs = InMemoryRunStore()
    runs.create_run("r", "prompt")
    return runs


@pytest.mark.skipif(sys.version_info < (3, 12), reason="functions cannot be marked as awaited before Python 3.12")
def test_they_are_known_as_coroutine_functions() -> None:
    for face in (AsyncSessionStore, AsyncDocumentStore):
        assert inspect.iscoroutinefunction(face.save)
        assert inspect.iscoroutinefunction(face.append)
