"""The session for the OpenAI Agents SDK, held against the SDK's own, in the SDK's runner, and what it costs."""

from __future__ import annotations

import asyncio
import functools
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("agents", reason="openai-agents is not installed: pip install 'objstore[openai-agents]'")

import agents
from agents import Agent, RunConfig, Runner, Session, SessionSettings, SQLiteSession, function_tool
from agents.testing import ModelStep, ScriptedModel, assistant_message, function_call

import objstore
from objstore import AsyncDocumentStore, OutcomeUnknownError
from objstore.integrations.openai_agents import ObjstoreSession
from tests.budget.test_requests import but_for_a_race, counted
from tests.docs.test_tutorial import blocks_of, run
from tests.integrations.conftest import Silent
from tests.places import PLACES, Place, make_place
from tests.servers.moto_server import MotoServer

Open = Callable[..., Any]

NO_TRACES = RunConfig(tracing_disabled=True)
BIG = "x" * 300_000


def opener(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Give a function that opens a session at one place, as another program would unless it is to be the ``same``."""
    if kind == "sqlite":

        def open_theirs(name: str = "session", *, same: bool = False, **options: Any) -> SQLiteSession:
            theirs = SQLiteSession(name, tmp_path / "sessions.db", **options)
            request.addfinalizer(theirs.close)
            return theirs

        return open_theirs
    place = make_place(kind, request)
    one = documents(place)

    def open_any(name: str = "session", *, same: bool = False, **options: Any) -> ObjstoreSession:
        return ObjstoreSession(name, one if same else documents(place), **options)

    return open_any


@pytest.fixture(params=["sqlite", *PLACES])
def open_any(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """The SDK's own session, or ours at one of the places."""
    return opener(request.param, request, tmp_path)


def documents(place: Place) -> AsyncDocumentStore:
    return AsyncDocumentStore(place.target, storage_options=place.options)


def user(content: object) -> Any:
    return {"role": "user", "content": content}


def contents(items: Any) -> list[Any]:
    return [item["content"] for item in items]


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    model = ScriptedModel([ModelStep([assistant_message(text)]) for text in ("It is.", "Released.")])
    monkeypatch.setattr(agents, "Agent", functools.partial(Agent, model=model))
    monkeypatch.setattr(Runner, "run", functools.partial(Runner.run, run_config=NO_TRACES))
    for block in blocks_of("integrations/openai-agents.md"):
        run(block, "integrations/openai-agents.md", {"__name__": "page"})
    assert capsys.readouterr().out == "It is.\nReleased.\n"
    session = ObjstoreSession("support/42", AsyncDocumentStore("conversations"))
    assert [item["role"] for item in asyncio.run(session.get_items())] == ["user", "assistant"] * 2  # type: ignore[typeddict-item]


# The protocol, clause by clause: what the SDK's own session does, ours does


def test_it_is_a_session(open_any: Open) -> None:
    session = open_any("an id")
    assert isinstance(session, Session)
    assert session.session_id == "an id"
    assert session.session_settings == SessionSettings()


def test_a_new_session_is_empty(open_any: Open) -> None:
    async def main() -> None:
        session = open_any()
        assert await session.get_items() == []
        assert await session.get_items(3) == []
        assert await session.pop_item() is None
        await session.clear_session()
        assert await session.get_items() == []

    asyncio.run(main())


def test_items_come_back_in_the_order_in_which_they_were_added(open_any: Open) -> None:
    async def main() -> None:
        session = open_any()
        await session.add_items([user(1), user(2)])
        await session.add_items([])
        await open_any().add_items([user(3)])
        for reader in (session, open_any()):
            assert contents(await reader.get_items()) == [1, 2, 3]

    asyncio.run(main())


@pytest.mark.parametrize(("limit", "expected"), [(None, 5), (1, 1), (3, 3), (5, 5), (9, 5), (0, 0), (-1, 5), (-7, 5)])
@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_a_limit_gives_the_newest_items_in_their_order(
    kind: str, limit: int | None, expected: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    open_any = opener(kind, request, tmp_path)

    async def main() -> None:
        session = open_any()
        await session.add_items([user(n) for n in range(5)])
        assert contents(await session.get_items(limit)) == [*range(5)][5 - expected :]
        by_setting = open_any(session_settings=SessionSettings(limit=limit))
        assert contents(await by_setting.get_items()) == [*range(5)][5 - expected :]
        assert contents(await by_setting.get_items(2)) == [3, 4]

    asyncio.run(main())


def test_items_are_taken_away_from_the_end(open_any: Open) -> None:
    async def main() -> None:
        session = open_any()
        await session.add_items([user(1), user(2), user(3)])
        assert await session.pop_item() == user(3)
        assert await open_any().pop_item() == user(2)
        await session.add_items([user(4)])
        assert contents(await session.get_items()) == [1, 4]
        assert [await session.pop_item() for _ in range(3)] == [user(4), user(1), None]
        assert await session.get_items() == []
        await session.add_items([user(5)])
        assert contents(await session.get_items()) == [5]

    asyncio.run(main())


def test_clearing_takes_all_away_and_the_session_goes_on(open_any: Open) -> None:
    async def main() -> None:
        session, other = open_any(), open_any("other")
        await session.add_items([user(1)])
        await other.add_items([user(2)])
        await session.clear_session()
        assert await open_any().get_items() == []
        assert await session.pop_item() is None
        await session.clear_session()
        assert contents(await other.get_items()) == [2]
        await session.add_items([user(3)])
        assert contents(await session.get_items()) == [3]

    asyncio.run(main())


ODD = (
    "a/b", "a", "b", "A", "..", ".", "../../etc/passwd", "", " ", "%", "%2f", "a%2fb", "a\\b", "CON", "\x00", "\n",
    "%~", "caf\u00e9", "cafe\u0301", "\U0001f680", "x" * 1025, "x" * 5000, "x" * 4999 + "y", "\u65e5" * 400, "0", "-1",
)  # fmt: skip


def test_session_ids_of_any_kind_stay_apart(open_any: Open) -> None:
    async def main() -> None:
        sessions = [open_any(id, same=True) for id in ODD]
        for n, session in enumerate(sessions):
            await session.add_items([user(n)])
        for n, session in enumerate(sessions):
            assert contents(await session.get_items()) == [n]
        await open_any("..").clear_session()
        assert [len(await session.get_items()) for session in sessions].count(0) == 1

    asyncio.run(main())


def test_a_session_id_with_a_lone_surrogate_is_kept_apart_too(memory: Place) -> None:
    async def main() -> None:
        for n, id in enumerate(("\ud83d", "%ed", "\udc80")):
            await ObjstoreSession(id, documents(memory)).add_items([user(n)])
        assert contents(await ObjstoreSession("\ud83d", documents(memory)).get_items()) == [0]

    asyncio.run(main())


ITEMS: list[Any] = [
    {"role": "user", "content": "caf\u00e9 \U0001f680 \x00 \u2028 \ufeff"},
    {"z": 1, "a": 2, "=": "=", "=list": ["="], "": None, "id": None},
    {"numbers": [0, -0.0, 1.0, 1e-300, 1.7976931348623157e308, 10**30, 2**63, True, False]},
    {"nested": [[[{"deep": [{}, [], ""]}]]]},
    "a text", 5, None, [], {}, [{"json": "text"}], {"json": "text"}, {"json": {"json": 1}}, True,
    {"cut within a character": "\ud83d", "\udc80": 1},
    {"not a number": math.inf, "nor that": math.nan},
    {"big": BIG, "again": [BIG]},
]  # fmt: skip


def test_items_that_are_any_json_are_kept_byte_for_byte(open_any: Open) -> None:
    async def main() -> None:
        session = open_any()
        for item in ITEMS:
            await session.add_items([item])
        await session.add_items(ITEMS)
        expected = [json.dumps(item) for item in ITEMS]
        for reader in (session, open_any()):
            assert [json.dumps(item) for item in await reader.get_items()] == expected * 2
        reader = open_any()
        for text in reversed(expected):
            assert json.dumps(await reader.pop_item()) == text

    asyncio.run(main())


def test_what_is_no_json_is_refused_and_nothing_of_its_call_is_kept(open_any: Open) -> None:
    async def main() -> None:
        session = open_any()
        await session.add_items([user(1)])
        with pytest.raises(TypeError):
            await session.add_items([user(2), user({3})])
        assert contents(await session.get_items()) == [1]
        await session.add_items([{1: (2, 3)}])  # what json makes of it
        assert (await session.get_items())[1:] == [{"1": [2, 3]}]

    asyncio.run(main())


def test_what_was_added_or_read_can_be_changed_without_changing_what_is_kept(open_any: Open) -> None:
    async def main() -> None:
        session = open_any()
        mine = [user([1]), user([2])]
        adding = [asyncio.ensure_future(session.add_items(mine[:1])), asyncio.ensure_future(session.add_items(mine))]
        await asyncio.sleep(0)
        await asyncio.gather(*adding)
        mine[0]["content"].append("mine")
        found = await session.get_items()
        found[0]["content"].append("mine")
        assert sorted(contents(await session.get_items())) == [[1], [1], [2]]

    asyncio.run(main())


def test_items_that_wait_for_their_turn_are_kept_as_they_were_given(memory: Place) -> None:
    async def main() -> None:
        session = ObjstoreSession("session", documents(memory))
        given = [user(1)]
        adding = [asyncio.ensure_future(session.add_items(items)) for items in ([user(0)], given)]
        await asyncio.sleep(0)
        given[0]["content"] = "changed"
        await asyncio.gather(*adding)
        assert contents(await session.get_items()) == [0, 1]

    asyncio.run(main())


# Several at once


def test_concurrent_adds_all_stay_and_those_of_one_call_together(open_any: Open) -> None:
    async def main() -> None:
        sessions = [open_any() for _ in range(3)]
        await asyncio.gather(*(sessions[n % 3].add_items([user((n, "a")), user((n, "b"))]) for n in range(30)))
        found = contents(await open_any().get_items())
        assert sorted(found) == [[n, part] for n in range(30) for part in "ab"]
        assert all(found[n + 1] == [found[n][0], "b"] for n in range(0, 60, 2))

    asyncio.run(main())


def test_adds_of_one_session_land_in_the_order_of_their_calls(place: Place) -> None:
    async def main() -> None:
        session = ObjstoreSession("session", documents(place))
        await asyncio.gather(*(session.add_items([user(n)]) for n in range(20)))
        assert contents(await session.get_items()) == [*range(20)]

    asyncio.run(main())


def test_no_two_are_given_the_same_item(open_any: Open) -> None:
    async def main() -> None:
        sessions = [open_any() for _ in range(4)]
        await sessions[0].add_items([user(n) for n in range(20)])
        popped = await asyncio.gather(*(sessions[n % 4].pop_item() for n in range(24)))
        assert sorted(contents(item for item in popped if item)) == [*range(20)]
        assert popped.count(None) == 4

    asyncio.run(main())


def test_no_two_are_given_the_same_big_item(memory: Place) -> None:
    async def main() -> None:
        sessions = [ObjstoreSession("session", documents(memory)) for _ in range(4)]
        await sessions[0].add_items([user(BIG + str(n)) for n in range(8)])
        popped = await asyncio.gather(*(sessions[n % 4].pop_item() for n in range(10)))
        assert sorted(contents(item for item in popped if item)) == [BIG + str(n) for n in range(8)]

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_processes_lose_nothing_and_are_given_nothing_twice(kind: str, request: pytest.FixtureRequest) -> None:
    place = make_place(kind, request)
    command = [sys.executable, "-m", "tests.integrations.openai_worker", place.target, json.dumps(place.options)]
    workers = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "xy"]
    popped = [json.loads(line)["content"] for worker in workers for line in worker.communicate()[0].splitlines()]
    assert [worker.returncode for worker in workers] == [0, 0]
    left = contents(asyncio.run(ObjstoreSession("shared", documents(place)).get_items()))
    assert sorted(left + popped) == sorted(f"{name}-{n:04}-{part}" for name in "xy" for n in range(10) for part in "ab")
    assert len(popped) == 20
    for name in "xy":
        mine = [content for content in left if content[0] == name]
        assert mine == sorted(mine)


def test_an_unknown_outcome_is_told_and_what_arrived_is_there_once() -> None:
    place = Silent()

    async def main() -> None:
        session = ObjstoreSession("session", AsyncDocumentStore(place.backend))
        await session.add_items([user(1)])
        place.silent = True
        with pytest.raises(OutcomeUnknownError):
            await session.add_items([user(2)])
        place.silent = False
        assert contents(await session.get_items()) == [1, 2]

    asyncio.run(main())


# The runner


@function_tool
def build_state(branch: str) -> str:
    """Say how the build of a branch is."""
    return f"{branch}: green"


def agent(*steps: Any) -> Agent[Any]:
    return Agent(name="builder", model=ScriptedModel([ModelStep(output=step) for step in steps]), tools=[build_state])


def test_the_runner_goes_on_with_a_session_elsewhere(open_any: Open) -> None:
    async def main() -> None:
        call = function_call("build_state", {"branch": "main"}, call_id="call-1")
        first = agent([call], [assistant_message("It is green.")])
        result = await Runner.run(first, "Is the build green?", session=open_any(), run_config=NO_TRACES)
        assert result.final_output == "It is green."

        second = agent([assistant_message("Released.")])
        await Runner.run(second, "Then release it.", session=open_any(), run_config=NO_TRACES)
        model: Any = second.model
        assert [item.get("type", item.get("role")) for item in model.calls[0].input] == [
            "user", "function_call", "function_call_output", "message", "user",
        ]  # fmt: skip
        found = await open_any().get_items()
        assert [item.get("type", item.get("role")) for item in found] == [
            "user", "function_call", "function_call_output", "message", "user", "message",
        ]  # fmt: skip
        assert found[2]["output"] == "main: green"

    asyncio.run(main())


def test_a_streamed_run_and_the_limit_of_a_run_work(open_any: Open) -> None:
    async def main() -> None:
        await open_any().add_items([user(str(n)) for n in range(6)])
        answering = agent([assistant_message("Done.")])
        config = RunConfig(tracing_disabled=True, session_settings=SessionSettings(limit=2))
        result = Runner.run_streamed(answering, "Go on.", session=open_any(), run_config=config)
        async for _ in result.stream_events():
            pass
        model: Any = answering.model
        assert contents(model.calls[0].input) == ["4", "5", "Go on."]
        assert len(await open_any().get_items()) == 8

    asyncio.run(main())


# What it costs


def test_200_turns_of_the_runner_are_two_writes_and_a_look_each(
    s3_place: Place, s3_server: MotoServer, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = agent(*([assistant_message(f"answer {n} " + "y" * 2000)] for n in range(200)))

    async def main() -> None:
        session = ObjstoreSession("session", documents(s3_place))
        s3_server.reset()
        await Runner.run(turns, "question 0", session=session, run_config=NO_TRACES)
        first = counted(s3_server)
        s3_server.reset()
        for n in range(1, 200):
            await Runner.run(turns, f"question {n}", session=session, run_config=NO_TRACES)
        rest = counted(s3_server)
        s3_server.reset()
        found = await ObjstoreSession("session", documents(s3_place)).get_items()
        cold = counted(s3_server)
        with capsys.disabled():
            print(f"\nthe first turn: {first}; the other 199: {rest}; a cold get_items of {len(found)} items: {cold}")
        assert len(found) == 400
        assert rest == {"GET": 199, "PUT": 2 * 199 + 4}  # and four leaves
        assert but_for_a_race(first, 6) == {"GET": 2, "LIST": 6, "PUT": 5}
        assert cold == {"LIST": 2, "GET": 21}

    asyncio.run(main())


@pytest.mark.parametrize("streamed", [False, True])
def test_each_round_of_tools_is_one_write_more(
    s3_place: Place, s3_server: MotoServer, capsys: pytest.CaptureFixture[str], streamed: bool
) -> None:
    """The runner saves a call with its result before it asks the model again."""
    rounds = 2
    steps: list[Any] = []
    for n in range(20):
        steps += [[function_call("build_state", {"branch": "main"}, call_id=f"{n}-{m}")] for m in range(rounds)]
        steps.append([assistant_message("It is green.")])
    turns = agent(*steps)

    async def turn(session: ObjstoreSession, question: str) -> None:
        if streamed:
            result = Runner.run_streamed(turns, question, session=session, run_config=NO_TRACES)
            async for _ in result.stream_events():
                pass
        else:
            await Runner.run(turns, question, session=session, run_config=NO_TRACES)

    async def main() -> None:
        session = ObjstoreSession("session", documents(s3_place))
        await turn(session, "question 0")
        s3_server.reset()
        for n in range(1, 20):
            await turn(session, f"question {n}")
        with capsys.disabled():
            print(f"\n19 turns with {rounds} rounds of tools, streamed={streamed}: {counted(s3_server)}")
        assert counted(s3_server) == {"GET": 19, "PUT": (2 + rounds) * 19}
        assert len(await session.get_items()) == 20 * (2 + 2 * rounds)

    asyncio.run(main())


def test_200_turns_that_are_added_whole_are_one_write_and_one_look_each(
    s3_place: Place, s3_server: MotoServer, capsys: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        session = ObjstoreSession("session", documents(s3_place))
        await session.add_items([user("the first")])
        s3_server.reset()
        for n in range(200):
            assert len(await session.get_items(4)) == min(4, 1 + 2 * n)
            await session.add_items([user("z" * 1000), user(str(n))])
        with capsys.disabled():
            print(f"\n200 turns of get_items and add_items: {counted(s3_server)}")
        assert counted(s3_server) == {"GET": 200, "PUT": 200 + 2}  # and two leaves

    asyncio.run(main())


def test_what_each_call_costs(s3_place: Place, s3_server: MotoServer) -> None:
    async def cost(awaited: Any) -> dict[str, int]:
        s3_server.reset()
        await awaited
        return counted(s3_server)

    async def main() -> None:
        session = ObjstoreSession("session", documents(s3_place))
        await session.add_items([user(0)])
        assert await cost(session.add_items([user(1)])) == {"PUT": 1}
        assert await cost(session.add_items([])) == {}
        assert await cost(session.add_items([user(BIG)])) == {"PUT": 2}
        assert await cost(session.add_items([user(2)])) == {"PUT": 1}, "the big text is not read"
        assert await cost(session.get_items()) == {"GET": 1 + 1}
        assert await cost(session.get_items()) == {"GET": 1}, "the big text is remembered"
        assert await cost(session.get_items(1)) == {"GET": 1}, "the big text is before it"
        assert await cost(session.get_items(2)) == {"GET": 1 + 1}, "what was looked at has a text that was not read"
        assert await cost(session.pop_item()) == {"PUT": 1}
        assert await cost(session.pop_item()) == {"GET": 1, "PUT": 1}, "the big text is read before it is gone"
        await session.pop_item()
        assert await session.pop_item() == user(0)
        assert await cost(session.pop_item()) == {"GET": 1}
        assert await cost(ObjstoreSession("session", documents(s3_place)).get_items()) == {"LIST": 2, "GET": 1 + 8}

    asyncio.run(main())


def test_a_limit_gives_what_is_there_whether_a_text_is_big_or_not(place: Place) -> None:
    async def main() -> None:
        session = ObjstoreSession("session", documents(place))
        items = [user("a"), user(BIG), user({"deep": [BIG]}), user("\ud83d"), user("b"), 5, {"json": "text"}, user([1])]
        await session.add_items(items)
        for limit in range(len(items) + 2):
            for reader in (session, ObjstoreSession("session", documents(place))):
                assert await reader.get_items(limit) == items[len(items) - min(limit, len(items)) :]
        found: list[Any] = await session.get_items(4)
        found[-1]["content"].append("changed")
        assert await session.get_items(4) == items[-4:]

    asyncio.run(main())


def test_bytes_follow_the_items_not_the_session(memory: Place) -> None:
    sent: list[int] = []

    def watch(event: objstore.Event) -> None:
        if isinstance(event, objstore.OperationEvent) and event.operation == "create" and "/log/" in event.key:
            sent.append(event.size)

    async def main() -> None:
        session = ObjstoreSession("session", AsyncDocumentStore(memory.target, observer=watch))
        for n in range(200):
            await session.add_items([user("z" * 1000), user(str(n))])
        assert max(size for n, size in enumerate(sent, 1) if n % 32 != 1) < 2000

    asyncio.run(main())
