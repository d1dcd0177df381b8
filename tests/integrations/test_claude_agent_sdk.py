"""The store for the Claude Agent SDK: the SDK's own suite, what its contract says beyond that, and what it costs."""

from __future__ import annotations

import asyncio
import copy
import json
import math
import random
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("claude_agent_sdk", reason="claude-agent-sdk is not installed: pip install 'objstore[claude]'")

import claude_agent_sdk as sdk
from claude_agent_sdk.testing import run_session_store_conformance

import objstore
from objstore import AsyncDocumentStore, InvalidIdError, OutcomeUnknownError
from objstore.backends import MemoryBackend
from objstore.integrations.claude_agent_sdk import ObjstoreSessionStore
from objstore.testing.faults import Fault, FaultyBackend, Request, Wait
from tests.budget.test_requests import but_for_a_race, counted
from tests.docs.test_tutorial import blocks_of, run
from tests.integrations.conftest import Silent
from tests.places import PLACES, Place, make_place
from tests.servers.moto_server import MotoServer

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
KEY: sdk.SessionKey = {"project_key": "project", "session_id": "session"}
SUB: sdk.SessionKey = {**KEY, "subpath": "subagents/agent-1"}


@pytest.fixture(params=PLACES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(kind: str, request: pytest.FixtureRequest) -> Place:
    return make_place(kind, request)


def opened(place: Place) -> ObjstoreSessionStore:
    return ObjstoreSessionStore(AsyncDocumentStore(place.target, storage_options=place.options))


def entry(n: object, /, **more: object) -> Any:
    return {"type": "user", "uuid": f"uuid-{n}", "timestamp": "2026-01-01T00:00:00.000Z", **more}


def prompt(text: str, /, **more: object) -> Any:
    return entry(text[:40], message={"role": "user", "content": text}, **more)


def uuids(entries: Sequence[Any] | None) -> list[str]:
    return [e["uuid"] for e in entries or ()]


async def summary(store: sdk.SessionStore, key: sdk.SessionKey = KEY) -> sdk.SessionSummaryEntry:
    found = {s["session_id"]: s for s in await store.list_session_summaries(key["project_key"])}
    return found[key["session_id"]]


async def assert_the_summary_is_the_fold(store: ObjstoreSessionStore) -> None:
    entries = await store.load(KEY)
    assert entries
    assert (await summary(store))["data"] == sdk.fold_session_summary(None, KEY, entries)["data"]


# The SDK's suite


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


# Entries and their order


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
    command = [sys.executable, "-m", "tests.integrations.claude_worker", place.target, json.dumps(place.options)]
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


# uuids


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


# Listing


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


# Names


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


# Deleting


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


# The SDK's own store


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


class Script(sdk.Transport):
    """Plays Claude Code: answers every prompt, and reports the transcript for the SDK to mirror."""

    def __init__(self, transcript: Path) -> None:
        self._transcript = transcript
        self._messages: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._turns = 0

    async def connect(self) -> None: ...

    def is_ready(self) -> bool:
        return True

    async def close(self) -> None:
        self._messages.put_nowait(None)

    async def end_input(self) -> None:
        self._messages.put_nowait(None)

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        while (message := await self._messages.get()) is not None:
            yield message

    async def write(self, data: str) -> None:
        line = json.loads(data)
        if line["type"] == "control_request":
            answer = {"subtype": "success", "request_id": line["request_id"], "response": {}}
            self._messages.put_nowait({"type": "control_response", "response": answer})
        elif line["type"] == "user":
            self._turns += 1
            for n in range(4):
                entries = [entry(f"{self._turns} {n}", text="y" * 1000)]
                frame = {"type": "transcript_mirror", "filePath": str(self._transcript), "entries": entries}
                self._messages.put_nowait(frame)
            self._messages.put_nowait(
                {"type": "result", "subtype": "success", "duration_ms": 1, "duration_api_ms": 1, "is_error": False}
                | {"num_turns": self._turns, "session_id": self._transcript.stem}
            )


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
