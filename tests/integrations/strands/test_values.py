"""What a session holds comes back as it was, whatever it is and whoever wrote it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("strands", reason="Strands Agents is not installed (objstore[strands])")

from strands import ToolContext, tool
from strands.agent.conversation_manager import SlidingWindowConversationManager
from strands.multiagent import GraphBuilder
from strands.session import RepositorySessionManager

import objstore
from objstore import DocumentStore, FormatError
from objstore.integrations.strands import ObjstoreSessionManager, ObjstoreSessionRepository
from tests.docs.test_tutorial import blocks_of, run
from tests.integrations.strands.contract import BYTES, agent_of, begun, message, numbers, session
from tests.integrations.strands.model import ScriptedModel, answer, check_pairs, scripted_agent
from tests.integrations.strands.worker import manager


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks_of("integrations/strands.md"):
        run(block, "integrations/strands.md", {"__name__": "page", "model": ScriptedModel(answer)})
    with DocumentStore("sessions") as documents:
        assert len(ObjstoreSessionRepository(documents).list_messages("support-42", "support")) == 4


def test_values_of_any_kind_come_back_as_they_were(repository: ObjstoreSessionRepository) -> None:
    begun(repository)
    made = message(0, "half an emoji: \ud83d")
    made.message["content"].append(
        {
            "toolUse": {
                "toolUseId": "t",
                "name": "n",
                "input": {"looks like": {"__bytes_encoded__": True, "data": "eA=="}},
            }
        }
    )
    made.message["content"].append({"image": {"format": "png", "source": {"bytes": BYTES * 4000}}})
    repository.create_message("s", "a", made)
    assert repository.read_message("s", "a", 0) == made
    state = {"inf": math.inf, "raw": BYTES, "text": "x" * 300_000, "": {"deep": [b""]}, "=": "~"}
    repository.update_agent("s", agent_of("a", **state))
    found = repository.read_agent("s", "a")
    assert found is not None
    assert found.state == state


def test_only_the_large_values_of_a_page_are_read_and_only_once(url: str) -> None:
    read: list[str] = []

    def watch(event: objstore.Event) -> None:
        if isinstance(event, objstore.OperationEvent) and event.operation == "get" and "/objects/" in event.key:
            read.append(event.key)

    writer = ObjstoreSessionRepository(DocumentStore(url))
    begun(writer)
    made = [message(number) for number in range(10)]
    for number, one in enumerate(made):
        one.message["content"] = [{"image": {"format": "png", "source": {"bytes": bytes([number]) * 100_000}}}]
        writer.create_message("s", "a", one)
    reader = ObjstoreSessionRepository(DocumentStore(url, observer=watch))
    assert reader.list_messages("s", "a", limit=2, offset=4) == made[4:6]
    assert len(read) == 2
    assert reader.list_messages("s", "a") == made
    assert len(read) == 10
    reader.list_messages("s", "a")
    assert len(read) == 10


def test_names_of_any_kind_are_apart(documents: DocumentStore, repository: ObjstoreSessionRepository) -> None:
    ids = [
        "a",
        "A",
        "a/b",
        "a\\b",
        "a_b",
        "..",
        "/",
        "%",
        "%2f",
        "",
        "nul\0",
        "half-\ud83d",
        "会话",
        "x" * 3000,
        "session",
    ]
    for id in ids:
        repository.create_session(session(id))
        for name in ids[: ids.index(id) + 1]:
            repository.create_agent(id, agent_of(name, of=[ids.index(id), ids.index(name)]))
    for id in ids:
        found = repository.read_session(id)
        assert found is not None
        assert found.session_id == id
        for name in ids[: ids.index(id) + 1]:
            agent = repository.read_agent(id, name)
            assert agent is not None
            assert (agent.agent_id, agent.state) == (name, {"of": [ids.index(id), ids.index(name)]})
            assert repository.list_messages(id, name) == []
    assert len(documents.list()) == len(ids)


def test_a_form_that_is_not_of_this_strands_is_named(url: str, repository: ObjstoreSessionRepository) -> None:
    begun(repository)
    documents = DocumentStore(url)
    documents.update("s", lambda parts: {"agent/a": {"value": {"unknown": 1}}})
    with pytest.raises(FormatError, match="'s' is whole, but not of the form of this Strands"):
        repository.read_agent("s", "a")
    documents.update("s", lambda parts: {"session": {"value": {**parts["session"]["value"], "session_type": "SECRET"}}})
    with pytest.raises(FormatError, match="'s' is whole, but not of the form of this Strands") as caught:
        repository.read_session("s")
    assert "SECRET" not in str(caught.value)


def test_unknown_members_are_left_out(url: str, repository: ObjstoreSessionRepository) -> None:
    begun(repository)

    def newer(parts: Mapping[str, Any]) -> Mapping[str, object]:
        return {"agent/a": {**parts["agent/a"], "value": {**parts["agent/a"]["value"], "of_the_future": 1}}}

    DocumentStore(url).update("s", newer)
    found = repository.read_agent("s", "a")
    assert found is not None
    assert found.agent_id == "a"


def test_every_commit_can_be_looked_back_at(documents: DocumentStore) -> None:
    agent = scripted_agent(ObjstoreSessionManager("s", documents, commit="turn"), answer)
    agent("one")
    agent("two")
    seq = documents.history("s")[1].seq
    documents.restore("s", seq)
    assert len(scripted_agent(ObjstoreSessionManager("s", documents), answer).messages) == 2


def test_it_works_where_an_event_loop_runs(documents: DocumentStore) -> None:
    agent = scripted_agent(ObjstoreSessionManager("s", documents))
    asyncio.run(agent.invoke_async("one"))
    assert len(scripted_agent(ObjstoreSessionManager("s", documents)).messages) == 4


@pytest.mark.parametrize("kind", ["answer", "step", "turn", "stock"])
def test_a_tool_that_is_called_outside_of_a_turn_is_stored_at_once(documents: DocumentStore, kind: str) -> None:
    agent = scripted_agent(manager(kind, documents))
    agent("one")
    agent.tool.run(command="date")
    assert len(agent.messages) > 4
    again = scripted_agent(manager(kind, documents))
    assert again.messages == agent.messages
    check_pairs(again.messages)


@pytest.mark.parametrize("kind", ["answer", "step", "turn", "stock"])
def test_an_interrupt_is_answered_by_another_store(url: str, kind: str) -> None:
    @tool(context=True)
    def run(command: str, tool_context: ToolContext) -> str:
        """Run a command, if somebody says so."""
        return f"{command}: {tool_context.interrupt('approve', reason='sure?')}"

    asked = scripted_agent(manager(kind, DocumentStore(url)), tools=[run])("one")
    assert asked.stop_reason == "interrupt"
    assert asked.interrupts
    agent = scripted_agent(manager(kind, DocumentStore(url)), tools=[run])
    reply: Any = {"interruptResponse": {"interruptId": asked.interrupts[0].id, "response": "yes"}}
    assert agent([reply]).stop_reason == "end_turn"
    again = scripted_agent(manager(kind, DocumentStore(url)), tools=[run])
    assert again.messages == agent.messages
    check_pairs(again.messages)
    assert again.messages[2]["content"][0]["toolResult"]["content"] == [{"text": "ls -l: yes"}]


def test_a_graph_is_stored_by_our_manager(url: str) -> None:
    builder = GraphBuilder()
    builder.add_node(scripted_agent(None, answer, agent_id="one", name="one", tools=[]), "one")
    builder.set_graph_id("g")
    builder.set_max_node_executions(10)
    builder.set_session_manager(ObjstoreSessionManager("s", DocumentStore(url)))
    assert builder.build()("work").status.value == "completed"
    stored = ObjstoreSessionRepository(DocumentStore(url)).read_multi_agent("s", "g")
    assert stored is not None
    assert stored["status"] == "completed"


def test_another_word_for_when_to_commit_is_an_error(documents: DocumentStore) -> None:
    wrong: Any = "sometimes"
    with pytest.raises(ValueError, match="'answer', 'step' or 'turn', not 'sometimes'"):
        ObjstoreSessionManager("s", documents, commit=wrong)


def test_a_session_of_the_stock_manager_goes_on_with_ours(documents: DocumentStore) -> None:
    stock = scripted_agent(RepositorySessionManager("s", ObjstoreSessionRepository(documents)))
    stock("one")
    ours = scripted_agent(ObjstoreSessionManager("s", documents))
    assert ours.messages == stock.messages
    ours("two")
    assert len(scripted_agent(RepositorySessionManager("s", ObjstoreSessionRepository(documents))).messages) == 8


@pytest.mark.parametrize("kind", ["ours", "stock"])
def test_a_session_whose_window_holds_nothing_goes_on_behind_what_is_there(documents: DocumentStore, kind: str) -> None:
    def turn(text: str) -> None:
        kept = ObjstoreSessionRepository(documents)
        manager = ObjstoreSessionManager("s", documents) if kind == "ours" else RepositorySessionManager("s", kept)
        agent = scripted_agent(manager, answer, conversation_manager=SlidingWindowConversationManager(window_size=0))
        assert agent.messages == []
        agent(text)
        agent(f"{text}, again")

    for text in ("one", "two", "three"):
        turn(text)
    found = ObjstoreSessionRepository(documents).list_messages("s", "agent")
    assert numbers(found) == [*range(12)]
    asked = ["one", "one, again", "two", "two, again", "three", "three, again"]
    assert [message.message["content"] for message in found[::2]] == [[{"text": text}] for text in asked]


def test_a_session_that_is_made_anew_begins_at_0_though_a_window_held_nothing(
    repository: ObjstoreSessionRepository,
) -> None:
    begun(repository)
    repository.create_message("s", "a", message(0))
    assert repository.list_messages("s", "a", offset=1) == []
    repository.delete_session("s")
    begun(repository)
    repository.create_message("s", "a", message(0))
    assert numbers(repository.list_messages("s", "a")) == [0]
