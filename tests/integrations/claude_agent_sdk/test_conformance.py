"""What the SDK says of its session stores: its suite, its own store, its helpers and its client."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("claude_agent_sdk", reason="claude-agent-sdk is not installed: pip install 'objstore[claude]'")

import claude_agent_sdk as sdk
from claude_agent_sdk.testing import run_session_store_conformance

from objstore import AsyncDocumentStore
from objstore.integrations.claude_agent_sdk import ObjstoreSessionStore
from tests.docs.test_tutorial import blocks_of, run
from tests.integrations.claude_agent_sdk.transcripts import Script, opened, prompt
from tests.places import Place, make_place

# What the suite of claude-agent-sdk 0.2.189 calls; a later one may call more.
SUITE = {
    "stores": 15,  # one to look at, and one for each of 14 contracts
    "append": 34,
    "load": 18,
    "list_sessions": 7,
    "list_session_summaries": 4,
    "delete": 5,
    "list_subkeys": 5,
}


def test_the_conformance_suite_of_the_sdk_passes_with_all_optional_methods(
    kind: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: Counter[str] = Counter()

    def counted(name: str) -> Callable[..., Any]:
        method = getattr(ObjstoreSessionStore, name)

        async def call(*arguments: Any) -> Any:
            calls[name] += 1
            return await method(*arguments)

        return call

    methods = {name: counted(name) for name in SUITE if name != "stores"}
    Counted = type("Counted", (ObjstoreSessionStore,), methods)  # noqa: N806

    def make_store() -> Any:
        calls["stores"] += 1
        place = make_place(kind, request)
        return Counted(AsyncDocumentStore(place.target, storage_options=place.options))

    asyncio.run(run_session_store_conformance(make_store))
    with capsys.disabled():
        print(f"\nclaude-agent-sdk, {kind}: {calls['stores'] - 1} contracts, {dict(calls)}")
    assert {name: calls[name] for name in SUITE if calls[name] < SUITE[name]} == {}


@pytest.mark.parametrize("seed", range(5))
def test_any_calls_are_answered_as_by_the_store_of_the_sdk(memory: Place, seed: int) -> None:
    print(f"seed {seed}")
    drawn = random.Random(seed)
    theirs = sdk.InMemorySessionStore()
    number = 0

    async def step(stores: list[ObjstoreSessionStore]) -> None:
        nonlocal number
        key: sdk.SessionKey = {"project_key": drawn.choice("pq"), "session_id": drawn.choice("st")}
        if drawn.random() < 0.4:
            key["subpath"] = drawn.choice(["subagents/a", "b"])
        ours = drawn.choice(stores)
        if drawn.random() < 0.15:
            await asyncio.gather(ours.delete(key), theirs.delete(key))
        else:
            batch = [
                prompt(f"{number + n}", customTitle=drawn.choice("xyz"), isSidechain=drawn.random() < 0.1)
                for n in range(drawn.randint(0, 3))
            ]
            number += len(batch)
            if batch:  # theirs takes an empty batch for a session
                await asyncio.gather(ours.append(key, batch), theirs.append(key, batch))

    async def main() -> None:
        stores = [opened(memory), opened(memory)]
        for _ in range(60):
            await step(stores)
        for store in (*stores, opened(memory)):
            for project in "pq":
                assert {s["session_id"] for s in await store.list_sessions(project)} == {
                    s["session_id"] for s in await theirs.list_sessions(project)
                }
                assert {s["session_id"]: s["data"] for s in await store.list_session_summaries(project)} == {
                    s["session_id"]: s["data"] for s in await theirs.list_session_summaries(project)
                }
                for session in "st":
                    key: Any = {"project_key": project, "session_id": session}
                    subkeys = await theirs.list_subkeys(key)
                    assert sorted(await store.list_subkeys(key)) == sorted(subkeys)
                    for whole in (key, *({**key, "subpath": subpath} for subpath in ("subagents/a", "b"))):
                        assert await store.load(whole) == await theirs.load(whole)

    asyncio.run(main())


def test_the_helpers_of_the_sdk_work_on_it(place: Place, tmp_path: Path) -> None:
    directory = str(tmp_path)
    project = sdk.project_key_for_directory(directory)
    id = str(uuid.uuid4())
    key: sdk.SessionKey = {"project_key": project, "session_id": id}

    def turn(session: str, text: str, parent: str | None, role: str) -> Any:
        return {
            "type": role, "uuid": str(uuid.uuid4()), "parentUuid": parent, "sessionId": session, "cwd": directory,
            "timestamp": "2026-01-01T00:00:00.000Z", "isSidechain": False,
            "message": {"role": role, "content": text if role == "user" else [{"type": "text", "text": text}]},
        }  # fmt: skip

    async def main() -> None:
        store = opened(place)
        first = turn(id, "Is the build green?", None, "user")
        await store.append(key, [first, turn(id, "Yes.", first["uuid"], "assistant")])
        await store.append({**key, "subpath": "subagents/agent-looker"}, [turn(id, "Look.", None, "user")])
        assert len(await sdk.get_session_messages_from_store(store, id, directory)) == 2
        assert await sdk.list_subagents_from_store(store, id, directory) == ["looker"]
        assert len(await sdk.get_subagent_messages_from_store(store, id, "looker", directory)) == 1
        await sdk.rename_session_via_store(store, id, "The build", directory)
        await sdk.tag_session_via_store(store, id, "ci", directory)
        fork = (await sdk.fork_session_via_store(store, id, directory)).session_id
        listed = {s.session_id: s for s in await sdk.list_sessions_from_store(store, directory)}
        assert listed.keys() == {id, fork}
        assert (listed[id].summary, listed[id].tag) == ("The build", "ci")
        assert len(await sdk.get_session_messages_from_store(store, fork, directory)) == 2
        await sdk.delete_session_via_store(store, id, directory)
        assert [s.session_id for s in await sdk.list_sessions_from_store(store, directory)] == [fork]
        assert await store.list_subkeys(key) == []  # type: ignore[arg-type]

    asyncio.run(main())


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    transcript = tmp_path / "projects" / sdk.project_key_for_directory() / f"{uuid.uuid4()}.jsonl"

    def scripted(*, prompt: str, options: sdk.ClaudeAgentOptions) -> AsyncIterator[sdk.Message]:
        return query(prompt=prompt, options=options, transport=Script(transcript))

    query = sdk.query
    monkeypatch.setattr(sdk, "query", scripted)
    for block in blocks_of("integrations/claude.md"):
        run(block, "integrations/claude.md", {"__name__": "page"})

    async def stored() -> Any:
        store = ObjstoreSessionStore(AsyncDocumentStore("sessions"))
        return await store.load({"project_key": sdk.project_key_for_directory(), "session_id": transcript.stem})

    assert len(asyncio.run(stored())) == 4
