"""What a crash, or a save whose outcome is not known, leaves of a session."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("strands", reason="Strands Agents is not installed (objstore[strands])")

from strands.hooks import AfterInvocationEvent, BeforeInvocationEvent
from strands.types.exceptions import EventLoopException

import objstore
from objstore import DocumentStore, OutcomeUnknownError, UnavailableError
from objstore._format.views import ObjectView
from objstore.integrations.strands import ObjstoreSessionManager, ObjstoreSessionRepository, SessionConflictError
from tests.integrations.conftest import Silent
from tests.integrations.strands.contract import agent_of, begun, message, numbers
from tests.integrations.strands.model import answer, check_pairs, scripted_agent
from tests.integrations.strands.worker import DIED, manager


@pytest.mark.parametrize(
    ("kind", "where", "left"),
    [
        ("answer", "in the tool", ["turn 1", "turn 2"]),
        ("answer", "after the tool", ["turn 1", "turn 2"]),
        ("step", "in the tool", ["turn 1", "turn 2"]),
        ("step", "after the tool", ["turn 1", "turn 2", "its result"]),
        ("turn", "in the tool", ["turn 1"]),
        ("turn", "after the tool", ["turn 1"]),
        ("stock", "in the tool", ["turn 1", "turn 2"]),
        ("stock", "after the tool", ["turn 1", "turn 2", "its result"]),
    ],
)
def test_a_session_goes_on_after_a_crash_between_call_and_result(
    tmp_path: Path, kind: str, where: str, left: list[str]
) -> None:
    """The process really dies; another one goes on."""
    target = str(tmp_path / "sessions")
    command = [sys.executable, "-m", "tests.integrations.strands.worker", target, kind, where]
    assert subprocess.run(command, cwd=Path(__file__).parents[3]).returncode == DIED

    agent = scripted_agent(manager(kind, DocumentStore(target)))
    assert len(agent.messages) == {1: 4, 2: 6, 3: 7}[len(left)]
    assert ("turn 2" in left) == ({"text": "turn 2"} in [block for m in agent.messages for block in m["content"]])
    if "its result" in left:
        assert any("toolResult" in block for block in agent.messages[-1]["content"])
    agent("go on")
    check_pairs(agent.messages)
    again = scripted_agent(manager(kind, DocumentStore(target)))
    check_pairs(again.messages)
    assert again.messages == agent.messages
    assert DocumentStore(target).verify().ok


@pytest.mark.parametrize("kind", ["answer", "step", "turn", "stock"])
def test_a_stream_that_is_closed_in_the_middle_leaves_what_there_was(documents: DocumentStore, kind: str) -> None:
    agent = scripted_agent(manager(kind, documents))

    async def begin() -> None:
        told: Any = agent.stream_async("hello")
        async with contextlib.aclosing(told) as stream:
            async for event in stream:
                if "event" in event:  # the model speaks
                    break

    asyncio.run(begin())
    again = scripted_agent(manager(kind, documents))
    assert [message["content"] for message in again.messages] == [[{"text": "hello"}]]
    again("go on")
    check_pairs(again.messages)


@pytest.mark.parametrize("kind", ["answer", "step", "turn", "stock"])
def test_a_turn_is_stored_before_hooks_on_its_end_which_may_fail(documents: DocumentStore, kind: str) -> None:
    agent = scripted_agent(manager(kind, documents))

    def fail(event: AfterInvocationEvent) -> None:
        raise RuntimeError("a hook")

    agent.hooks.add_callback(AfterInvocationEvent, fail)
    with pytest.raises(RuntimeError, match="a hook"):
        agent("hello")
    assert len(agent.messages) == 4
    assert scripted_agent(manager(kind, documents)).messages == agent.messages


@pytest.mark.parametrize("kind", ["answer", "step", "turn", "stock"])
def test_a_state_that_a_hook_on_the_end_of_a_turn_changes_is_stored(documents: DocumentStore, kind: str) -> None:
    agent = scripted_agent(manager(kind, documents))
    agent.hooks.add_callback(AfterInvocationEvent, lambda event: event.agent.state.set("ended", True))
    agent("hello")
    assert scripted_agent(manager(kind, documents)).state.get() == {"ended": True}


@pytest.mark.parametrize("kind", ["answer", "step", "turn", "stock"])
def test_an_invocation_that_a_hook_refuses_has_not_begun(documents: DocumentStore, kind: str) -> None:
    agent = scripted_agent(manager(kind, documents))

    def refuse(event: BeforeInvocationEvent) -> None:
        raise RuntimeError("a hook")

    agent.hooks.add_callback(BeforeInvocationEvent, refuse)
    with pytest.raises(RuntimeError, match="a hook"):
        agent("hello")
    agent.tool.run(command="date")
    assert len(agent.messages) == 4
    assert scripted_agent(manager(kind, documents)).messages == agent.messages


def test_to_add_a_message_touches_none_that_is_there(
    repository: ObjstoreSessionRepository, touched: list[ObjectView]
) -> None:
    begun(repository, 500)
    touched.clear()
    repository.hold("s")
    for number in (500, 501, 502):
        repository.create_message("s", "a", message(number))
    repository.flush("s")
    assert len(touched) < 20
    assert numbers(repository.list_messages("s", "a", offset=499)) == [499, 500, 501, 502]


def test_what_failed_to_be_stored_waits_for_the_next_commit(url: str) -> None:
    documents = _Failing(url)
    agent = scripted_agent(ObjstoreSessionManager("s", documents, commit="turn"), answer)
    documents.failures = 1
    with pytest.raises(UnavailableError):
        agent("one")
    agent("two")
    stored = ObjstoreSessionRepository(DocumentStore(url)).list_messages("s", "agent")
    assert [found.message["content"] for found in stored] == [found["content"] for found in agent.messages]
    assert len(stored) == 4


def test_a_call_is_stored_before_its_tool_runs_whoever_else_speaks_in_the_session(url: str) -> None:
    manager = ObjstoreSessionManager("s", DocumentStore(url))
    one, other = (scripted_agent(manager, agent_id=id) for id in ("one", "other"))
    for agent in (one, other):
        agent.hooks.invoke_callbacks(BeforeInvocationEvent(agent=agent))
    call: Any = {"role": "assistant", "content": [{"toolUse": {"toolUseId": "1", "name": "run", "input": {}}}]}
    manager.append_message(call, one)
    manager.append_message({"role": "user", "content": [{"text": "hello"}]}, other)  # in another thread, as it may be
    manager.sync_agent(one)
    stored = ObjstoreSessionRepository(DocumentStore(url)).list_messages("s", "one")
    assert [found.message for found in stored] == [call]


@pytest.mark.parametrize("kind", ["answer", "step", "turn", "stock"])
def test_a_state_that_arrived_unknown_is_ones_own(kind: str) -> None:
    place = Silent()
    agent = scripted_agent(manager(kind, DocumentStore(place.backend)), answer)
    agent("one")
    agent.state.set("turn", 2)
    place.silent = True
    with pytest.raises((OutcomeUnknownError, EventLoopException)):
        agent("two")
    place.silent = False
    agent.state.set("turn", 3)
    agent("three")
    again = scripted_agent(manager(kind, DocumentStore(place.backend)), answer)
    assert again.state.get() == {"turn": 3}
    asked = [message["content"] for message in again.messages if message["role"] == "user"]
    assert [{"text": "three"}] in asked


def test_a_state_of_another_worker_is_none_though_ones_own_arrived_unknown() -> None:
    place = Silent()
    one, other = (ObjstoreSessionRepository(DocumentStore(place.backend)) for _ in range(2))
    begun(one)
    place.silent = True
    with pytest.raises(OutcomeUnknownError):
        one.update_agent("s", agent_of("a", n=1))
    place.silent = False
    other.read_agent("s", "a")
    other.update_agent("s", agent_of("a", n=2))
    with pytest.raises(SessionConflictError, match="Agent a in session s was changed by another writer"):
        one.update_agent("s", agent_of("a", n=3))


def test_a_state_that_fails_to_be_stored_again_and_again_is_remembered_once(url: str) -> None:
    documents = _Failing(url)
    repository = ObjstoreSessionRepository(documents)
    begun(repository)
    documents.failures = 5
    for _ in range(5):
        with pytest.raises(UnavailableError):
            repository.update_agent("s", agent_of("a", n=1))
    assert [len(known) for known in repository._known.values()] == [2]
    repository.update_agent("s", agent_of("a", n=2))


class _Failing(DocumentStore):
    failures = 0

    def update(self, *args: Any, **kwargs: Any) -> objstore.Revision:
        if self.failures:
            self.failures -= 1
            raise UnavailableError("the storage does not answer")
        return super().update(*args, **kwargs)


def test_a_message_that_is_created_again_is_there_once(repository: ObjstoreSessionRepository) -> None:
    begun(repository)
    made = message(0)
    made.message["content"] = [{"image": {"format": "png", "source": {"bytes": bytes(100_000)}}}, {"text": "\ud83d"}]
    for _ in range(2):
        repository.create_message("s", "a", made)
    assert repository.list_messages("s", "a") == [made]
