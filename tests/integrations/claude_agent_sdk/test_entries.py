"""Entries stay in their order, and those with a uuid are there once."""

from __future__ import annotations

import asyncio
import copy
import json
import math
import subprocess
import sys
import threading
from typing import Any

import pytest

pytest.importorskip("claude_agent_sdk", reason="claude-agent-sdk is not installed: pip install 'objstore[claude]'")


from objstore import AsyncDocumentStore, OutcomeUnknownError
from objstore.backends import MemoryBackend
from objstore.integrations.claude_agent_sdk import ObjstoreSessionStore
from objstore.testing.faults import Fault, FaultyBackend, Request, Wait
from tests.integrations.claude_agent_sdk.transcripts import (
    KEY,
    SUB,
    assert_the_summary_is_the_fold,
    entry,
    opened,
    prompt,
    summary,
    uuids,
)
from tests.integrations.conftest import Silent
from tests.places import Place


def test_entries_come_back_as_they_were_appended(place: Place) -> None:
    entries = [
        entry(
            1, text="caf\u00e9 \U0001f680 \x00 \u2028", number=1.0, big=10**30, nested={"": [None, True, {"=": "="}]}
        ),
        entry(2, text="x" * 300_000, again={"text": "x" * 300_000}),
        {"type": "mode", "no": "uuid"},
        entry(3, keys={"z": 1, "a": 2}),
    ]

    async def main() -> None:
        store = opened(place)
        given: Any = copy.deepcopy(entries)
        appending = [asyncio.ensure_future(store.append(KEY, batch)) for batch in (given[:1], given[1:])]
        await asyncio.sleep(0)  # both have begun, and the second waits for the first
        given[1]["text"] = given[3]["keys"]["a"] = "changed by the caller"
        await asyncio.gather(*appending)
        for reader in (store, opened(place)):
            assert json.dumps(await reader.load(KEY)) == json.dumps(entries)

    asyncio.run(main())


def test_what_json_in_utf8_cannot_hold_is_kept_too(memory: Place) -> None:
    deep: Any = "end"
    for _ in range(300):
        deep = [deep]
    entries = [
        prompt("cut within a character \ud83d", customTitle="\udc80"),
        entry("deep", deep=deep),
        entry("many digits", digits=10**700),
        entry("not a number", n=math.inf),
        entry("\ud800"),
        {"uuid": "like ours", "json": "[1"},
    ]

    async def main() -> None:
        store = opened(memory)
        for batch in (entries[:-1], entries[-1:], [prompt("plain", customTitle="\U0001f680")], entries):
            await store.append(KEY, batch)
        again = opened(memory)
        assert await again.load(KEY) == [*entries, prompt("plain", customTitle="\U0001f680")]
        await assert_the_summary_is_the_fold(again)
        assert (await summary(again))["data"]["first_prompt"] == "cut within a character \ud83d"

    asyncio.run(main())


def test_concurrent_appends_of_one_process_land_in_the_order_of_their_calls(place: Place) -> None:
    async def main() -> None:
        store = opened(place)
        await asyncio.gather(*(store.append(KEY, [entry(n)]) for n in range(20)))
        assert uuids(await store.load(KEY)) == [f"uuid-{n}" for n in range(20)]

    asyncio.run(main())


def test_two_workers_on_one_session_lose_nothing(place: Place) -> None:
    async def main() -> None:
        one, other = opened(place), opened(place)
        for n in range(0, 20, 2):
            await asyncio.gather(one.append(KEY, [entry(n)]), other.append(KEY, [entry(n + 1)]))
        found = uuids(await one.load(KEY))
        assert found == uuids(await other.load(KEY))
        assert sorted(found) == sorted(f"uuid-{n}" for n in range(20))
        for first in (0, 1):
            mine = [f"uuid-{n}" for n in range(first, 20, 2)]
            assert [u for u in found if u in mine] == mine
        await assert_the_summary_is_the_fold(one)

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_processes_on_one_session_lose_nothing_and_double_nothing(place: Place) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.integrations.claude_agent_sdk.worker",
        place.target,
        json.dumps(place.options),
    ]
    workers = [subprocess.Popen([*command, name, "8"]) for name in ("a", "b", "c")]
    assert [worker.wait() for worker in workers] == [0, 0, 0]

    async def main() -> None:
        store = opened(place)
        found = uuids(await store.load(KEY))
        for name in ("a", "b", "c"):
            assert [u for u in found if u.startswith(name)] == [f"{name}-{n:04}" for n in range(24)]
        assert len(found) == 72
        await assert_the_summary_is_the_fold(store)

    asyncio.run(main())


def test_a_repeated_batch_is_kept_once(memory: Place) -> None:
    async def main() -> None:
        store = opened(memory)
        batch = [prompt("one", customTitle="first"), entry(2), entry(2)]
        await store.append(KEY, batch)
        await store.append(KEY, [entry(3, customTitle="second")])
        before = await summary(store)
        await store.append(KEY, batch)
        await opened(memory).append(KEY, batch)
        assert await summary(store) == before, "what is left out is not folded again either"
        await store.append(KEY, [entry(2), entry(4)])
        assert uuids(await store.load(KEY)) == ["uuid-one", "uuid-2", "uuid-3", "uuid-4"]
        await store.append(SUB, batch)  # another transcript
        assert uuids(await store.load(SUB)) == ["uuid-one", "uuid-2"]

    asyncio.run(main())


def test_entries_without_a_uuid_are_never_taken_for_each_other(memory: Place) -> None:
    plain: Any = {"type": "tag", "tag": "x"}

    async def main() -> None:
        store = opened(memory)
        await store.append(KEY, [plain, plain])
        await store.append(KEY, [plain, {"type": "odd", "uuid": None}, {"type": "odd", "uuid": 5}])  # type: ignore[typeddict-item]
        await store.append(KEY, [{"type": "odd", "uuid": 5}, entry("x" * 2000), entry("x" * 2000)])  # type: ignore[typeddict-item]
        await store.append(KEY, [{"type": "odd", "uuid": ""}, {"type": "odd", "uuid": ""}])
        assert len(await store.load(KEY) or ()) == 10

    asyncio.run(main())


def test_a_batch_whose_answer_was_lost_is_there_once_when_it_is_appended_again() -> None:
    place = Silent()

    async def main() -> None:
        store = ObjstoreSessionStore(AsyncDocumentStore(place.backend))
        await store.append(KEY, [entry(1)])
        batch = [entry(2), entry(3)]
        place.silent = True
        with pytest.raises(OutcomeUnknownError):
            await store.append(KEY, batch)
        place.silent = False
        assert uuids(await ObjstoreSessionStore(AsyncDocumentStore(place.backend)).load(KEY))[1:] == uuids(batch), (
            "it arrived"
        )
        await store.append(KEY, batch)
        assert uuids(await store.load(KEY)) == ["uuid-1", "uuid-2", "uuid-3"]
        await assert_the_summary_is_the_fold(store)

    asyncio.run(main())


def test_a_batch_whose_append_was_cancelled_is_there_once_when_it_is_appended_again() -> None:
    sent, answered = threading.Event(), threading.Event()
    slow = False

    def choose(request: Request) -> Fault | None:
        if not slow or request.operation != "create" or "/log/" not in request.keys[0]:
            return None
        sent.set()
        return Wait(answered.wait)

    async def main() -> None:
        nonlocal slow
        store = ObjstoreSessionStore(AsyncDocumentStore(FaultyBackend(MemoryBackend.isolated(), choose)))
        await store.append(KEY, [entry(1)])
        batch = [entry(2), entry(3)]
        slow = True
        appending = asyncio.ensure_future(store.append(KEY, batch))
        await asyncio.to_thread(sent.wait)
        appending.cancel()  # as the SDK does after a minute
        with pytest.raises(asyncio.CancelledError):
            await appending
        slow = False
        again = asyncio.ensure_future(store.append(KEY, batch))
        await asyncio.sleep(0)
        answered.set()
        await again
        assert uuids(await store.load(KEY)) == ["uuid-1", "uuid-2", "uuid-3"]
        await assert_the_summary_is_the_fold(store)

    asyncio.run(main())
