"""Sessions are listed, named and deleted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("claude_agent_sdk", reason="claude-agent-sdk is not installed: pip install 'objstore[claude]'")

import claude_agent_sdk as sdk

import objstore
from objstore import AsyncDocumentStore, InvalidIdError
from tests.integrations.claude_agent_sdk.transcripts import KEY, SUB, entry, opened, prompt, summary, uuids
from tests.places import Place


def test_the_time_of_a_session_moves_with_its_main_transcript_only(memory: Place) -> None:
    async def main() -> None:
        store, other = opened(memory), opened(memory)
        times = []
        for n in range(5):
            await (store, other)[n % 2].append(KEY, [entry(n)])
            [listed] = await store.list_sessions("project")
            assert listed["mtime"] == (await summary(store))["mtime"]
            times.append(listed["mtime"])
        assert times == sorted(set(times))
        before = await summary(store)
        await store.append(SUB, [entry(9, customTitle="of the subagent")])
        await store.append(KEY, [entry(0)])
        await store.delete(SUB)
        assert await summary(store) == before

    asyncio.run(main())


def test_the_time_of_a_session_moves_on_though_the_clock_goes_back(
    memory: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        times = []
        for n, now in enumerate((2_000_000_000_000, 1_900_000_000_000, 2_000_000_000_000)):
            monkeypatch.setattr(time, "time_ns", lambda now=now: now * 1_000_000)
            await opened(memory).append(KEY, [entry(n)])
            times.append((await summary(opened(memory)))["mtime"])
        assert times == [2_000_000_000_000, 2_000_000_000_001, 2_000_000_000_002]

    asyncio.run(main())


def test_summaries_of_any_size_are_listed(memory: Place) -> None:
    async def main() -> None:
        store = opened(memory)
        for n, size in enumerate((10, 5_000, 70_000, 300_000)):
            key: sdk.SessionKey = {**KEY, "session_id": str(n)}
            await store.append(key, [prompt("hello", lastPrompt="x" * size)])
            await store.append(key, [entry("later", summary="y" * size)])
            data = (await summary(opened(memory), key))["data"]
            assert (data["last_prompt"], data["summary_hint"]) == ("x" * size, "y" * size)
            assert data["first_prompt"] == "hello"
        small, *_ = await AsyncDocumentStore(memory.target).summaries()
        assert isinstance(small.summary, dict)  # it stands as it is, for whoever reads the document

    asyncio.run(main())


def test_summaries_that_are_too_big_for_a_listing_are_read_side_by_side(
    memory: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, under_way, seen = AsyncDocumentStore.load, 0, list[int]()

    async def watched(self: AsyncDocumentStore, *args: Any, **options: Any) -> Any:
        nonlocal under_way
        under_way += 1
        seen.append(under_way)
        await asyncio.sleep(0)  # the others come to it, if they are on their way
        try:
            return await load(self, *args, **options)
        finally:
            under_way -= 1

    async def main() -> None:
        store = opened(memory)
        for id in ("a", "b", "c"):
            await store.append({**KEY, "session_id": id}, [prompt("hello", lastPrompt="x" * 5_000)])
        monkeypatch.setattr(AsyncDocumentStore, "load", watched)
        assert [found["session_id"] for found in await store.list_session_summaries("project")] == ["a", "b", "c"]
        assert seen == [1, 2, 3]

    asyncio.run(main())


def test_a_session_that_is_deleted_while_it_is_listed_is_left_out(
    memory: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = AsyncDocumentStore.load

    async def overtaken(self: AsyncDocumentStore, id: str, **options: Any) -> Any:
        if id == "project/b":
            await self.delete(id)
        return await load(self, id, **options)

    async def main() -> None:
        store = opened(memory)
        for id in ("a", "b", "c"):
            await store.append({**KEY, "session_id": id}, [prompt("hello", lastPrompt="x" * 5_000)])
        monkeypatch.setattr(AsyncDocumentStore, "load", overtaken)
        assert [found["session_id"] for found in await store.list_session_summaries("project")] == ["a", "c"]

    asyncio.run(main())


def test_a_session_with_nothing_but_subagents_is_not_listed(memory: Place) -> None:
    async def main() -> None:
        store = opened(memory)
        await store.append(SUB, [entry(1)])
        assert await store.list_sessions("project") == []
        assert await store.list_session_summaries("project") == []
        assert await store.list_subkeys(KEY) == ["subagents/agent-1"]  # type: ignore[arg-type]
        assert await store.load(KEY) is None

    asyncio.run(main())


def test_a_damaged_session_does_not_hide_the_others(memory: Place) -> None:
    async def main() -> None:
        store = opened(memory)
        for id in ("a", "b", "c"):
            for n in range(2):
                await store.append({**KEY, "session_id": id}, [entry(n, customTitle=str(n))])
        memory.put("sessions/project=2fa/log/000000/0000000002", b"damaged")
        for n in (1, 2):
            memory.put(f"sessions/project=2fb/log/000000/000000000{n}", b"damaged")
        found = await opened(memory).list_session_summaries("project")
        assert [(s["session_id"], s["data"]["custom_title"]) for s in found] == [("a", "0"), ("c", "1")]
        with pytest.raises(objstore.IntegrityError):
            await opened(memory).load({**KEY, "session_id": "b"})

    asyncio.run(main())


ODD = (
    "a/b", "a", "b", "A", "..", ".", "../../etc/passwd", "", " ", "%", "%2f", "a%2fb", "a\\b", "CON", "\x00", "\n",
    "caf\u00e9", "cafe\u0301", "\U0001f680", "\udc80", "\ud83d", "x" * 401, "x" * 5000, "x" * 4999 + "y",
    "\u65e5" * 400,
)  # fmt: skip


def test_project_keys_and_session_ids_of_any_kind_stay_apart(place: Place) -> None:
    async def main() -> None:
        store = opened(place)
        keys: list[sdk.SessionKey] = [
            *(sdk.SessionKey(project_key="p", session_id=odd) for odd in ODD),
            *(sdk.SessionKey(project_key=odd, session_id="s") for odd in ODD),
        ]
        await asyncio.gather(*(store.append(key, [entry(n)]) for n, key in enumerate(keys)))
        reader = opened(place)
        for n, key in enumerate(keys):
            assert uuids(await reader.load(key)) == [f"uuid-{n}"]
        assert sorted(s["session_id"] for s in await reader.list_sessions("p")) == sorted(ODD)
        for odd in ODD:
            assert [s["session_id"] for s in await reader.list_sessions(odd)] == ["s"]
        await reader.delete({"project_key": "p", "session_id": ".."})
        assert len(await reader.list_sessions("p")) == len(ODD) - 1

    asyncio.run(main())


def test_subpaths_of_any_kind_stay_apart(place: Place) -> None:
    odd = [subpath for subpath in ODD if subpath]

    async def main() -> None:
        store = opened(place)
        for n, subpath in enumerate(odd):
            await store.append({**KEY, "subpath": subpath}, [entry(n)])
        reader = opened(place)
        assert await reader.list_subkeys(KEY) == odd  # type: ignore[arg-type]
        for n, subpath in enumerate(odd):
            assert uuids(await reader.load({**KEY, "subpath": subpath})) == [f"uuid-{n}"]
        await reader.delete({**KEY, "subpath": ".."})
        assert await store.list_subkeys(KEY) == [subpath for subpath in odd if subpath != ".."]  # type: ignore[arg-type]

    asyncio.run(main())


def test_an_empty_subpath_is_refused(memory: Place) -> None:
    async def main() -> None:
        store = opened(memory)
        calls: list[Callable[[sdk.SessionKey], Any]] = [
            lambda key: store.append(key, [entry(1)]),
            store.load,
            store.delete,
        ]
        for call in calls:
            with pytest.raises(InvalidIdError, match="leave it out"):
                await call({**KEY, "subpath": ""})

    asyncio.run(main())


def test_a_session_and_its_subagents_are_deleted_in_one_commit(memory: Place) -> None:
    async def main() -> None:
        store = opened(memory)
        for key in (KEY, SUB, {**SUB, "subpath": "subagents/agent-2"}):
            await store.append(key, [entry(1)])  # type: ignore[arg-type]
        await store.delete(KEY)
        commits = await AsyncDocumentStore(memory.target).history("project/session")
        assert [(commit.seq, commit.kind) for commit in commits] == [(4, "delete")]
        await store.append(KEY, [entry(1)])  # what was deleted does not count any more
        assert uuids(await store.load(KEY)) == ["uuid-1"]
        assert await store.load(SUB) is None

    asyncio.run(main())


def test_deleting_what_is_not_there_writes_nothing(memory: Place) -> None:
    async def main() -> None:
        store = opened(memory)
        await store.delete(KEY)
        await store.delete(SUB)
        assert memory.files() == {}
        await store.append(KEY, [entry(1)])
        before = memory.files()
        await store.delete(SUB)
        assert memory.files() == before

    asyncio.run(main())
