"""What Strands asks of a session repository, clause by clause, as its own repositories keep it.

Each test runs on a repository of one's own, and those of a manager with the manager of Strands on it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from strands import Agent
from strands.agent.conversation_manager import SlidingWindowConversationManager
from strands.multiagent import GraphBuilder
from strands.session import RepositorySessionManager
from strands.types.exceptions import SessionException
from strands.types.session import Session, SessionAgent, SessionMessage, SessionType

from tests.integrations.strands.model import answer, check_pairs, scripted_agent

Repository = Any
"""A `SessionRepository`; `delete_session`, which all of them have, is not in its interface."""

BYTES = bytes(range(256))


def session(id: str = "s") -> Session:
    return Session(session_id=id, session_type=SessionType.AGENT)


def agent_of(id: str = "a", **state: Any) -> SessionAgent:
    return SessionAgent(agent_id=id, state=state, conversation_manager_state={"removed_message_count": 0})


def message(number: int, text: str = "hello", role: Any = "user") -> SessionMessage:
    return SessionMessage.from_message({"role": role, "content": [{"text": text}]}, number)


def begun(repository: Repository, messages: int = 0, id: str = "s") -> None:
    repository.create_session(session(id))
    repository.create_agent(id, agent_of())
    for number in range(messages):
        repository.create_message(id, "a", message(number, f"message {number}"))


def numbers(messages: list[SessionMessage]) -> list[int]:
    return [found.message_id for found in messages]


class Multi:
    """What a repository asks of a graph or a swarm."""

    def __init__(self, id: str, state: dict[str, Any]) -> None:
        self.id = id
        self.state = state

    def serialize_state(self) -> dict[str, Any]:
        return self.state


class OfSessions:
    def test_a_session_that_is_not_there_is_none(self, repository: Repository) -> None:
        assert repository.read_session("s") is None

    def test_a_session_is_read_as_it_was_created(self, repository: Repository) -> None:
        made = session()
        assert repository.create_session(made) == made
        assert repository.read_session("s") == made
        assert isinstance(repository.read_session("s").session_type, str)

    def test_a_session_is_created_once(self, repository: Repository) -> None:
        repository.create_session(session())
        with pytest.raises(SessionException):
            repository.create_session(session())

    def test_a_deleted_session_is_gone_with_all_that_was_in_it(self, repository: Repository) -> None:
        begun(repository, 2)
        repository.delete_session("s")
        assert repository.read_session("s") is None
        assert repository.read_agent("s", "a") is None
        assert repository.read_message("s", "a", 0) is None
        begun(repository)
        assert repository.list_messages("s", "a") == []

    def test_deleting_what_is_not_there_is_an_error(self, repository: Repository) -> None:
        with pytest.raises(SessionException):
            repository.delete_session("s")

    def test_sessions_are_apart(self, repository: Repository) -> None:
        for id in "one", "two":
            begun(repository, 1, id)
        repository.update_agent("one", agent_of("a", n=1))
        repository.delete_session("two")
        assert repository.read_agent("one", "a").state == {"n": 1}
        assert len(repository.list_messages("one", "a")) == 1


class OfAgents:
    def test_an_agent_that_is_not_there_is_none(self, repository: Repository) -> None:
        repository.create_session(session())
        assert repository.read_agent("s", "a") is None
        assert repository.read_agent("another", "a") is None

    def test_an_agent_is_read_as_it_was_created(self, repository: Repository) -> None:
        repository.create_session(session())
        made = agent_of("a", n=1, deep={"list": [1, 2.5, None, True]})
        repository.create_agent("s", made)
        assert repository.read_agent("s", "a") == made

    def test_an_agent_is_updated_and_keeps_the_time_of_its_creation(self, repository: Repository) -> None:
        repository.create_session(session())
        first = agent_of("a", n=1)
        repository.create_agent("s", first)
        second = agent_of("a", n=2)
        created = first.created_at
        repository.update_agent("s", second)
        found = repository.read_agent("s", "a")
        assert (found.state, found.created_at) == ({"n": 2}, created)

    def test_updating_an_agent_that_is_not_there_is_an_error(self, repository: Repository) -> None:
        repository.create_session(session())
        with pytest.raises(SessionException):
            repository.update_agent("s", agent_of())

    def test_agents_are_apart(self, repository: Repository) -> None:
        repository.create_session(session())
        for id in "one", "two":
            repository.create_agent("s", agent_of(id, name=id))
            repository.create_message("s", id, message(0, id))
        repository.update_agent("s", agent_of("one", name="changed"))
        assert repository.read_agent("s", "two").state == {"name": "two"}
        assert [found.message["content"] for found in repository.list_messages("s", "two")] == [[{"text": "two"}]]

    def test_all_states_of_an_agent_are_kept(self, repository: Repository) -> None:
        repository.create_session(session())
        made = agent_of("a", n=1)
        made.conversation_manager_state = {"removed_message_count": 7, "summary_message": {"role": "user"}}
        made._internal_state = {"interrupt_state": {"activated": False}, "model_state": {"x": 1}}
        repository.create_agent("s", made)
        assert repository.read_agent("s", "a") == made


class OfMessages:
    def test_a_message_that_is_not_there_is_none(self, repository: Repository) -> None:
        begun(repository, 1)
        assert repository.read_message("s", "a", 1) is None
        assert repository.read_message("s", "b", 0) is None
        assert repository.read_message("t", "a", 0) is None

    def test_a_message_is_read_as_it_was_created(self, repository: Repository) -> None:
        begun(repository)
        made = message(0, "会话 🚀\n\0\u2028")
        repository.create_message("s", "a", made)
        assert repository.read_message("s", "a", 0) == made
        assert repository.list_messages("s", "a") == [made]

    def test_messages_are_listed_by_their_numbers(self, repository: Repository) -> None:
        begun(repository, 25)
        assert numbers(repository.list_messages("s", "a")) == list(range(25))

    @pytest.mark.parametrize(
        ("limit", "offset", "expected"),
        [
            (None, 0, range(12)), (None, 5, range(5, 12)), (None, 12, range(0)), (None, 99, range(0)),
            (3, 0, range(3)), (3, 10, range(10, 12)), (0, 0, range(0)), (99, 1, range(1, 12)), (1, 11, range(11, 12)),
        ],
    )  # fmt: skip
    def test_messages_are_listed_by_pages(
        self, repository: Repository, limit: int | None, offset: int, expected: range
    ) -> None:
        begun(repository, 12)
        assert numbers(repository.list_messages("s", "a", limit=limit, offset=offset)) == list(expected)

    def test_a_new_agent_has_no_messages(self, repository: Repository) -> None:
        begun(repository)
        assert repository.list_messages("s", "a") == []

    def test_listing_messages_of_no_agent_is_an_error(self, repository: Repository) -> None:
        repository.create_session(session())
        with pytest.raises(SessionException):
            repository.list_messages("s", "a")

    def test_a_message_is_updated_and_keeps_the_time_of_its_creation(self, repository: Repository) -> None:
        begun(repository, 3)
        before = repository.read_message("s", "a", 1)
        changed = message(1, "changed")
        repository.update_message("s", "a", changed)
        found = repository.read_message("s", "a", 1)
        assert (found.message, found.created_at) == (changed.message, before.created_at)
        assert numbers(repository.list_messages("s", "a")) == [0, 1, 2]

    def test_a_redacted_message_shows_what_stands_in_its_place(self, repository: Repository) -> None:
        begun(repository, 2)
        found = repository.read_message("s", "a", 1)
        found.redact_message = {"role": "user", "content": [{"text": "[redacted]"}]}
        repository.update_message("s", "a", found)
        assert repository.read_message("s", "a", 1).to_message()["content"] == [{"text": "[redacted]"}]
        assert repository.read_message("s", "a", 0).to_message()["content"] == [{"text": "message 0"}]

    def test_updating_a_message_that_is_not_there_is_an_error(self, repository: Repository) -> None:
        begun(repository, 1)
        with pytest.raises(SessionException):
            repository.update_message("s", "a", message(1))

    def test_the_number_of_a_message_is_an_integer(self, repository: Repository) -> None:
        begun(repository)
        calls: tuple[Callable[[], object], ...] = (
            lambda: repository.create_message("s", "a", message("0")),  # type: ignore[arg-type]
            lambda: repository.read_message("s", "a", "0"),
            lambda: repository.update_message("s", "a", message("0")),  # type: ignore[arg-type]
        )
        for call in calls:
            with pytest.raises(ValueError, match="integer"):
                call()

    def test_bytes_come_back_as_they_were(self, repository: Repository) -> None:
        begun(repository)
        made = message(0)
        made.message["content"] = [
            {"image": {"format": "png", "source": {"bytes": BYTES}}},
            {"toolResult": {"toolUseId": "t", "status": "success", "content": [{"json": {"raw": [BYTES, b""]}}]}},
        ]
        made.redact_message = {"role": "user", "content": [{"document": {"name": "d", "source": {"bytes": b"\xff"}}}]}
        repository.create_message("s", "a", made)
        assert repository.read_message("s", "a", 0) == made
        repository.update_agent("s", agent_of("a", raw=BYTES, deep=[{"raw": b"\xfe"}]))
        assert repository.read_agent("s", "a").state == {"raw": BYTES, "deep": [{"raw": b"\xfe"}]}


class OfGraphsAndSwarms:
    def test_a_state_that_is_not_there_is_none(self, repository: Repository) -> None:
        repository.create_session(session())
        assert repository.read_multi_agent("s", "g") is None

    def test_a_state_is_read_as_it_was_created_and_updated(self, repository: Repository) -> None:
        repository.create_session(session())
        made: Any = Multi("g", {"type": "graph", "status": "pending", "nodes": [1, None]})
        repository.create_multi_agent("s", made)
        assert repository.read_multi_agent("s", "g") == made.state
        made.state = {"type": "graph", "status": "completed"}
        repository.update_multi_agent("s", made)
        assert repository.read_multi_agent("s", "g") == made.state
        assert repository.read_multi_agent("s", "h") is None

    def test_updating_a_state_that_is_not_there_is_an_error(self, repository: Repository) -> None:
        repository.create_session(session())
        multi: Any = Multi("g", {})
        with pytest.raises(SessionException):
            repository.update_multi_agent("s", multi)


class OfAManager:
    """With `RepositorySessionManager` and a real agent."""

    def test_a_conversation_goes_on_in_another_agent(self, repository: Repository) -> None:
        first = scripted_agent(RepositorySessionManager("s", repository))
        first("one")
        first.state.set("seen", {"one": 1})
        first("two")
        second = scripted_agent(RepositorySessionManager("s", repository))
        assert second.messages == first.messages
        assert second.state.get("seen") == {"one": 1}
        second("three")
        third = scripted_agent(RepositorySessionManager("s", repository))
        assert third.messages == second.messages
        assert len(third.messages) == 12
        check_pairs(third.messages)
        assert numbers(repository.list_messages("s", "agent")) == list(range(12))

    def test_messages_that_an_agent_began_with_are_stored(self, repository: Repository) -> None:
        began: Any = [
            {"role": "user", "content": [{"text": "hi"}]},
            {"role": "assistant", "content": [{"text": "yes?"}]},
        ]
        scripted_agent(RepositorySessionManager("s", repository), answer, messages=copy.deepcopy(began))("one")
        found = repository.list_messages("s", "agent")
        assert [item.message["content"] for item in found[:2]] == [item["content"] for item in began]
        assert numbers(found) == [0, 1, 2, 3]

    def test_two_agents_of_a_manager_must_have_two_names(self, repository: Repository) -> None:
        manager = RepositorySessionManager("s", repository)
        scripted_agent(manager, agent_id="one")
        scripted_agent(manager, agent_id="two")
        with pytest.raises(SessionException):
            scripted_agent(manager, agent_id="one")

    def test_a_window_is_restored_without_what_it_dropped(self, repository: Repository) -> None:
        def windowed() -> Agent:
            manager = RepositorySessionManager("s", repository)
            return scripted_agent(manager, answer, conversation_manager=SlidingWindowConversationManager(window_size=4))

        first = windowed()
        for n in range(5):
            first(f"turn {n}")
        second = windowed()
        assert second.messages == first.messages
        assert len(second.messages) == 4
        assert len(repository.list_messages("s", "agent")) == 10

    def test_the_latest_message_is_redacted(self, repository: Repository) -> None:
        manager = RepositorySessionManager("s", repository)
        agent = scripted_agent(manager, answer)
        agent("one")
        manager.redact_latest_message({"role": "assistant", "content": [{"text": "[redacted]"}]}, agent)
        restored = scripted_agent(RepositorySessionManager("s", repository), answer)
        assert restored.messages[-1]["content"] == [{"text": "[redacted]"}]

    def test_a_call_without_its_result_is_mended_when_the_conversation_goes_on(self, repository: Repository) -> None:
        manager = RepositorySessionManager("s", repository)
        agent = scripted_agent(manager)
        use: Any = {"toolUse": {"toolUseId": "t-1", "name": "run", "input": {}}}
        call: Any = {"role": "assistant", "content": [use], "tracking_id": "2"}
        manager.append_message({"role": "user", "content": [{"text": "one"}], "tracking_id": "1"}, agent)
        manager.append_message(call, agent)
        restored = scripted_agent(RepositorySessionManager("s", repository))
        assert len(restored.messages) == 2
        restored("go on")
        check_pairs(restored.messages)
        again = scripted_agent(RepositorySessionManager("s", repository))
        check_pairs(again.messages)
        assert again.messages == restored.messages

    def test_a_graph_is_stored_and_restored(self, repository: Repository) -> None:
        def graph(respond: Callable[..., Any] = answer) -> Any:
            builder = GraphBuilder()
            for id in "one", "two":
                builder.add_node(scripted_agent(None, respond, agent_id=id, name=id, tools=[]), id)
            builder.add_edge("one", "two")
            builder.set_graph_id("g")
            builder.set_max_node_executions(10)
            builder.set_session_manager(RepositorySessionManager("s", repository))
            return builder.build()

        result = graph()("work")
        assert result.status.value == "completed"
        stored = repository.read_multi_agent("s", "g")
        assert stored["status"] == "completed"
        assert sorted(stored["node_results"]) == ["one", "two"]
        assert graph().id == "g"


class SessionContract(OfSessions, OfAgents, OfMessages, OfGraphsAndSwarms, OfAManager):
    """All clauses."""


CLAUSES = [name for name in dir(SessionContract) if name.startswith("test_")]
