"""What a session of the SDK costs."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("claude_agent_sdk", reason="claude-agent-sdk is not installed: pip install 'objstore[claude]'")

import claude_agent_sdk as sdk

import objstore
from objstore import AsyncDocumentStore
from objstore.integrations.claude_agent_sdk import ObjstoreSessionStore
from tests.budget.test_requests import but_for_a_race, counted
from tests.integrations.claude_agent_sdk.transcripts import KEY, Script, entry, opened, uuids
from tests.places import Place
from tests.servers.moto_server import MotoServer


@pytest.mark.parametrize("kind", ["s3"])
def test_200_turns_of_a_client_of_the_sdk_are_one_request_each(
    place: Place, s3_server: MotoServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = sdk.ClaudeAgentOptions(session_store=opened(place), env={"CLAUDE_CONFIG_DIR": str(tmp_path)})
    transcript = tmp_path / "projects" / "project" / "session.jsonl"

    async def turn(client: sdk.ClaudeSDKClient) -> None:
        await client.query("go on")
        assert [type(message) for message in [m async for m in client.receive_response()]] == [sdk.ResultMessage]

    async def main() -> None:
        async with sdk.ClaudeSDKClient(options, transport=Script(transcript)) as client:
            s3_server.reset()
            await turn(client)
            first = counted(s3_server)
            s3_server.reset()
            for _ in range(199):
                await turn(client)
            rest = counted(s3_server)
        with capsys.disabled():
            print(f"\nthe first turn: {first}; the other 199: {rest}")
        assert rest == {"PUT": 199 + 6}, "one for each turn, and a leaf at each snapshot"
        assert but_for_a_race(first, 1 + 2) == {"GET": 1, "LIST": 1 + 2, "PUT": 4}

        s3_server.reset()
        entries = await opened(place).load(KEY)
        with capsys.disabled():
            print(f"a cold load of {len(entries or ())} entries: {counted(s3_server)}")
        assert uuids(entries) == [f"uuid-{turn} {n}" for turn in range(1, 201) for n in range(4)]
        assert counted(s3_server) == {"LIST": 2, "GET": 15}

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["s3"])
def test_what_each_call_costs(place: Place, s3_server: MotoServer) -> None:
    subpaths = [f"subagents/agent-{n}" for n in range(5)]

    async def cost(awaited: Any) -> dict[str, int]:
        s3_server.reset()
        await awaited
        return counted(s3_server)

    async def main() -> None:
        store = opened(place)
        await store.append(KEY, [entry(0)])
        for subpath in subpaths:
            assert await cost(store.append({**KEY, "subpath": subpath}, [entry(1)])) == {"PUT": 1}
        assert await cost(store.append(KEY, [entry(1), entry(2, text="x" * 300_000)])) == {"PUT": 2}
        assert await cost(store.append(KEY, [entry(3)])) == {"PUT": 1}, "the big text is not read"
        assert await cost(store.append(KEY, [entry(3)])) == {"GET": 1}, "there is nothing to add"
        assert await cost(store.append(KEY, [])) == {}
        first = await cost(store.append({**KEY, "session_id": "new"}, [entry(0)]))
        assert but_for_a_race(first) == {"LIST": 2, "PUT": 2}
        assert await cost(store.list_sessions("project")) == {"LIST": 1 + 2 * 2, "GET": 2}
        assert await cost(store.list_session_summaries("project")) == {"LIST": 1 + 2 * 2, "GET": 2}

        reader = opened(place)  # as a resume reads
        assert await cost(reader.load(KEY)) == {"GET": 1 + 8 + 1, "LIST": 2}
        assert await cost(reader.list_subkeys(KEY)) == {"GET": 1}  # type: ignore[arg-type]
        for subpath in subpaths:
            assert await cost(reader.load({**KEY, "subpath": subpath})) == {"GET": 1}
        assert await cost(reader.append(KEY, [entry(4)])) == {"PUT": 3}  # the marker's refusal and the hint, once

    asyncio.run(main())


def test_a_long_session_opens_in_a_handful_of_reads_of_what_it_is(memory: Place) -> None:
    reads: Counter[str] = Counter()

    def watch(event: objstore.Event) -> None:
        if isinstance(event, objstore.OperationEvent):
            reads[event.operation] += 1

    async def main() -> None:
        store = opened(memory)
        for turn in range(1024):  # the worst number for a reader: a whole interval of commits above a snapshot
            await store.append(KEY, [entry((turn, n), text="z" * 1000) for n in range(4)])
        found = await ObjstoreSessionStore(AsyncDocumentStore(memory.target, observer=watch)).load(KEY)
        assert len(found or ()) == 4096
        leaves = 17  # one a snapshot, and later one every other, when an eighth of what the others hold is more
        assert reads == {"list": 3, "get": 1 + 32 + leaves}, "the marker, the commits, the leaves"

    asyncio.run(main())


def test_bytes_follow_the_batch_not_the_session(memory: Place) -> None:
    sent: list[int] = []

    def watch(event: objstore.Event) -> None:
        if isinstance(event, objstore.OperationEvent) and event.operation == "create" and "/log/" in event.key:
            sent.append(event.size)

    drawn = random.Random(1)

    async def main() -> None:
        store = ObjstoreSessionStore(AsyncDocumentStore(memory.target, observer=watch))
        payload = 0
        for turn in range(200):
            batch = [entry((turn, n), text=drawn.randbytes(500).hex()) for n in range(4)]
            payload += len(json.dumps(batch))
            await store.append(KEY, batch)
        patches = [size for n, size in enumerate(sent, 1) if n % 32 != 1]
        assert max(patches) < 1.3 * payload / 200, "a turn costs a turn"
        assert sum(sent) < 3 * payload, "with a snapshot every 32 commits"

    asyncio.run(main())
