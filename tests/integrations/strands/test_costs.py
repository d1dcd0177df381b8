"""What turns of an agent of Strands cost, and that nothing is written or read that need not be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

pytest.importorskip("strands", reason="Strands Agents is not installed (objstore[strands])")

from strands.types.content import Messages

import objstore
from objstore import DocumentStore
from objstore.integrations.strands import ObjstoreSessionManager, ObjstoreSessionRepository, SessionConflictError
from objstore.integrations.strands.edits import Edit, Edits
from tests.budget.test_requests import but_for_a_race, counted
from tests.integrations.conftest import Count
from tests.integrations.strands.contract import Multi, agent_of, begun, message, numbers
from tests.integrations.strands.model import Respond, answer, scripted_agent, tools_first
from tests.integrations.strands.worker import manager
from tests.servers.moto_server import MotoServer

TURNS = 200


@pytest.mark.parametrize(
    ("kind", "respond", "turns", "puts"),
    [
        pytest.param("answer", answer, TURNS, TURNS + 1, id="no tools"),
        pytest.param("answer", tools_first, TURNS, 2 * TURNS + 4, id="a tool in each, committed by answers"),
        pytest.param("turn", tools_first, TURNS, TURNS + 3, id="a tool in each, committed by turns"),
        pytest.param("step", tools_first, 40, 3 * 40, id="a tool in each, committed by steps"),
        pytest.param("stock", answer, 40, 2 * 40 + 39 + 20, id="no tools, with the manager of Strands"),
    ],
)
def test_what_turns_of_an_agent_cost(
    bucket: str,
    s3_options: dict[str, Any],
    s3_server: MotoServer,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    respond: Respond,
    turns: int,
    puts: int,
) -> None:
    """The state of the agent changes after every turn as well.

    The manager of Strands writes that by itself, and so it does with the number of messages that left its window of 40.
    What is added to a number of turns here are leaves.
    """
    documents = DocumentStore(f"s3://{bucket}/agents", storage_options=s3_options)
    begun(ObjstoreSessionRepository(documents), 1, "another")
    s3_server.reset()
    agent = scripted_agent(manager(kind, documents), respond)
    opening = counted(s3_server)
    s3_server.reset()
    for n in range(turns):
        agent(f"turn {n}")
        agent.state.set("turn", n)
    counts = counted(s3_server)
    with capsys.disabled():
        print(f"\n{turns} turns, {kind}, {respond.__name__}: {opening} to open, then {counts}")
    assert but_for_a_race(opening, 4) == {"LIST": 4, "PUT": 3}
    assert counts == {"PUT": puts}
    restored = scripted_agent(
        manager(kind, DocumentStore(f"s3://{bucket}/agents", storage_options=s3_options)), respond
    )
    assert restored.messages == agent.messages
    stored = ObjstoreSessionRepository(documents).list_messages("s", "agent")
    assert numbers(stored) == list(range(turns * (2 if respond is answer else 4)))


@pytest.mark.parametrize(("kind", "commits"), [("answer", 3 + 1), ("step", 2 * 3 + 1), ("turn", 1)])
def test_what_a_turn_with_three_rounds_of_tools_commits(documents: DocumentStore, kind: str, commits: int) -> None:
    def three_rounds(messages: Messages) -> str | dict[str, Any]:
        return {"command": "ls"} if len(messages) % 8 != 7 else "done"

    agent = scripted_agent(manager(kind, documents), three_rounds)
    opened = len(documents.history("s"))
    for n in (1, 2):
        agent("look three times")
        assert len(agent.messages) == 8 * n
        assert len(documents.history("s")) == opened + commits * n


def test_a_turn_costs_what_it_adds(url: str) -> None:
    sizes: list[int] = []
    patches: list[int] = []

    def watch(event: objstore.Event) -> None:
        if isinstance(event, objstore.OperationEvent) and event.operation == "create":
            sizes.append(event.size)
            if "/log/" in event.key and int(event.key[-10:]) % 32 != 1:
                patches.append(event.size)

    documents = DocumentStore(url, observer=watch)
    agent = scripted_agent(ObjstoreSessionManager("s", documents, commit="turn"))
    sizes.clear()
    patches.clear()
    for n in range(TURNS):
        agent(f"turn {n}")
    plain = sorted(patches)[TURNS // 20 : TURNS * 19 // 20]
    print(f"{TURNS} turns: {plain[0]:,} to {plain[-1]:,} bytes a turn, {sum(sizes):,} in all")
    assert 800 < plain[0] <= plain[-1] < 950
    assert sum(sizes) < 1.5 * plain[-1] * TURNS


def test_a_long_session_is_read_at_once(bucket: str, s3_options: dict[str, Any], s3_server: MotoServer) -> None:
    url = f"s3://{bucket}/agents"
    repository = ObjstoreSessionRepository(DocumentStore(url, storage_options=s3_options))
    begun(repository)
    for start in range(0, 1000, 20):
        repository.hold("s")
        for number in range(start, start + 20):
            repository.create_message("s", "a", message(number, f"message {number}"))
        repository.flush("s")
    reader = ObjstoreSessionRepository(DocumentStore(url, storage_options=s3_options))
    s3_server.reset()
    assert numbers(reader.list_messages("s", "a")) == list(range(1000))
    cold = counted(s3_server)
    s3_server.reset()
    assert numbers(reader.list_messages("s", "a", limit=10, offset=985)) == list(range(985, 995))
    warm = counted(s3_server)
    print(f"1,000 messages of 50 commits: cold {cold}, and a page of 10 of them warm {warm}")
    assert cold == {"LIST": 2, "GET": 22}
    assert warm == {"GET": 1}


def test_what_did_not_change_is_not_written(url: str) -> None:
    watched = Count()
    documents = DocumentStore(url, observer=watched)
    repository = ObjstoreSessionRepository(documents)
    begun(repository, 1)
    multi: Any = Multi("g", {"status": "pending"})
    repository.create_multi_agent("s", multi)
    watched.reset()
    repository.update_agent("s", agent_of())
    repository.update_multi_agent("s", multi)
    assert watched.requests == 0
    before = len(documents.history("s"))
    other = ObjstoreSessionRepository(documents)  # which knows of no state
    other.update_agent("s", agent_of())
    other.update_multi_agent("s", multi)
    assert len(documents.history("s")) == before
    other.update_agent("s", agent_of("a", n=1))
    other.update_multi_agent("s", Multi("g", {"status": "done"}))  # type: ignore[arg-type]
    assert len(documents.history("s")) == before + 2


def test_a_repository_remembers_nothing_of_sessions_that_it_is_done_with(documents: DocumentStore) -> None:
    edits = Edits(documents)

    def overtaken(parts: Mapping[str, Any]) -> Mapping[str, object]:
        raise SessionConflictError("another one was faster")

    for n in range(100):
        edits.begin(f"s{n}")
        edits.add(f"s{n}", Edit("part", lambda parts: {"part": 1}))
        assert not edits.waiting(f"s{n}", "part")
    assert edits.remembered == []
    edits.hold("s0")
    edits.add("s0", Edit("part", lambda parts: {"part": 2}))
    assert edits.waiting("s0", "part")
    with pytest.raises(SessionConflictError):
        edits.add("s1", Edit("part", overtaken))
    with pytest.raises(SessionConflictError):
        edits.add("s1", Edit("part", lambda parts: {"part": 2}))
    assert edits.remembered == ["s0", "s1"]
    edits.flush("s0")
    edits.begin("s1")
    assert edits.remembered == []
