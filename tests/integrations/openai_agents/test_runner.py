"""The SDK's runner goes on with our session as with its own; what that costs, and what each call does."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("agents", reason="openai-agents is not installed: pip install 'objstore[openai-agents]'")

import agents
from agents import Agent, RunConfig, Runner, SessionSettings, function_tool
from agents.testing import ModelStep, ScriptedModel, assistant_message, function_call

import objstore
from objstore import AsyncDocumentStore
from objstore.integrations.openai_agents import ObjstoreSession
from tests.budget.test_requests import but_for_a_race, counted
from tests.docs.test_tutorial import blocks_of, run
from tests.integrations.openai_agents.sessions import BIG, Open, contents, documents, user
from tests.places import Place
from tests.servers.moto_server import MotoServer

NO_TRACES = RunConfig(tracing_disabled=True)


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


def test_200_turns_of_the_runner_are_two_writes_and_a_look_each(
    s3: Place, s3_server: MotoServer, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = agent(*([assistant_message(f"answer {n} " + "y" * 2000)] for n in range(200)))

    async def main() -> None:
        session = ObjstoreSession("session", documents(s3))
        s3_server.reset()
        await Runner.run(turns, "question 0", session=session, run_config=NO_TRACES)
        first = counted(s3_server)
        s3_server.reset()
        for n in range(1, 200):
            await Runner.run(turns, f"question {n}", session=session, run_config=NO_TRACES)
        rest = counted(s3_server)
        s3_server.reset()
        found = await ObjstoreSession("session", documents(s3)).get_items()
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
    s3: Place, s3_server: MotoServer, capsys: pytest.CaptureFixture[str], streamed: bool
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
        session = ObjstoreSession("session", documents(s3))
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
    s3: Place, s3_server: MotoServer, capsys: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        session = ObjstoreSession("session", documents(s3))
        await session.add_items([user("the first")])
        s3_server.reset()
        for n in range(200):
            assert len(await session.get_items(4)) == min(4, 1 + 2 * n)
            await session.add_items([user("z" * 1000), user(str(n))])
        with capsys.disabled():
            print(f"\n200 turns of get_items and add_items: {counted(s3_server)}")
        assert counted(s3_server) == {"GET": 200, "PUT": 200 + 2}  # and two leaves

    asyncio.run(main())


def test_what_each_call_costs(s3: Place, s3_server: MotoServer) -> None:
    async def cost(awaited: Any) -> dict[str, int]:
        s3_server.reset()
        await awaited
        return counted(s3_server)

    async def main() -> None:
        session = ObjstoreSession("session", documents(s3))
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
        assert await cost(session.pop_item()) == {"GET": 1 + 1, "PUT": 1}, "the big text is read before it is gone"
        await session.pop_item()
        assert await session.pop_item() == user(0)
        assert await cost(session.pop_item()) == {"GET": 1}
        assert await cost(ObjstoreSession("session", documents(s3)).get_items()) == {"LIST": 2, "GET": 1 + 8}

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
