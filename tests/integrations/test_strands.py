"""Sessions of Strands Agents in a document store: what they cost, what they hold, and what a crash leaves of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import subprocess
import sys
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("strands", reason="Strands Agents is not installed (objstore[strands])")

from strands import ToolContext, tool
from strands.agent.conversation_manager import SlidingWindowConversationManager
from strands.hooks import BeforeInvocationEvent
from strands.multiagent import GraphBuilder
from strands.session import RepositorySessionManager
from strands.types.content import Messages
from strands.types.exceptions import EventLoopException, SessionException
from strands.types.session import SessionMessage

import objstore
from objstore import DocumentStore, FormatError, OutcomeUnknownError, UnavailableError
from objstore._format.views import ObjectView
from objstore.integrations.strands import ObjstoreSessionManager, ObjstoreSessionRepository, SessionConflictError
from objstore.integrations.strands.edits import Edit, Edits
from tests.budget.test_requests import but_for_a_race, counted
from tests.docs.test_tutorial import blocks_of, run
from tests.integrations.conftest import Count, Silent
from tests.integrations.session_contract import BYTES, Multi, agent_of, begun, message, numbers, session
from tests.integrations.strands_model import Respond, ScriptedModel, answer, check_pairs, scripted_agent, tools_first
from tests.integrations.strands_worker import DIED, manager
from tests.places import make_place
from tests.servers.moto_server import MotoServer

TURNS = 200


@pytest.fixture
def url() -> str:
    return f"memory://sessions/{uuid.uuid4().hex}"


@pytest.fixture
def documents(url: str) -> DocumentStore:
    return DocumentStore(url)


@pytest.fixture
def repository(documents: DocumentStore) -> ObjstoreSessionRepository:
    return ObjstoreSessionRepository(documents)


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks_of("integrations/strands.md"):
        run(block, "integrations/strands.md", {"__name__": "page", "model": ScriptedModel(answer)})
    with DocumentStore("sessions") as documents:
        assert len(ObjstoreSessionRepository(documents).list_messages("support-42", "support")) == 4


# What it costs.


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


# What it holds.


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


# What a crash leaves.


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
    command = [sys.executable, "-m", "tests.integrations.strands_worker", target, kind, where]
    assert subprocess.run(command, cwd=Path(__file__).parents[2]).returncode == DIED

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


# Who may write it.


def test_the_second_of_two_workers_is_told_and_writes_nothing_more(url: str) -> None:
    one = scripted_agent(ObjstoreSessionManager("s", DocumentStore(url)), answer)
    one("turn 0")
    other = scripted_agent(ObjstoreSessionManager("s", DocumentStore(url)), answer)
    one("of one")
    with pytest.raises((SessionException, EventLoopException)) as caught:
        other("of the other")
    assert isinstance(caught.value, SessionConflictError) or isinstance(caught.value.__cause__, SessionConflictError)
    with pytest.raises((SessionException, EventLoopException)):
        other("of the other, again")
    again = scripted_agent(ObjstoreSessionManager("s", DocumentStore(url)), answer)
    assert again.messages == one.messages
    again("of the other")
    assert len(again.messages) == 6


@pytest.mark.parametrize("kind", ["answer", "step", "turn", "stock"])
def test_workers_on_one_session_lose_no_turn(url: str, kind: str) -> None:
    """Each opens the session for every turn, and again where it was too late; what failed may be there in part."""
    workers, turns = 3, 4
    scripted_agent(manager(kind, DocumentStore(url)))

    def work(worker: int) -> int:
        documents, conflicts = DocumentStore(url), 0
        for n in range(turns):
            while True:
                agent = scripted_agent(manager(kind, documents))
                try:
                    agent(f"worker {worker} turn {n}")
                    break
                except (SessionException, EventLoopException):
                    conflicts += 1
        return conflicts

    with ThreadPoolExecutor(workers) as pool:
        conflicts = sum(pool.map(work, range(workers)))
    agent = scripted_agent(manager(kind, DocumentStore(url)))
    check_pairs(agent.messages)
    stored = ObjstoreSessionRepository(DocumentStore(url)).list_messages("s", "agent")
    assert numbers(stored) == list(range(len(stored)))
    asked = [
        block["text"] for found in stored for block in found.message["content"] if "worker" in block.get("text", "")
    ]
    wanted = [f"worker {worker} turn {n}" for worker in range(workers) for n in range(turns)]
    assert sorted(set(asked)) == wanted
    if kind == "turn":
        assert sorted(asked) == wanted
        assert len(stored) == 4 * workers * turns
    print(f"{kind}: {workers * turns} turns of {workers} workers, {conflicts} of them run again")


@pytest.mark.parametrize(
    ("where", "kind"), [("local", "turn"), ("local", "answer"), ("s3", "turn"), ("s3", "answer"), ("s3", "stock")]
)
def test_processes_on_one_session_lose_no_turn(request: pytest.FixtureRequest, where: str, kind: str) -> None:
    """Two processes open the session for every turn, and again where they were too late; see `strands_worker`."""
    place = make_place(where, request)
    names, turns = ("one", "two"), 3
    documents = DocumentStore(place.target, storage_options=place.options)
    scripted_agent(manager(kind, documents))
    command = [sys.executable, "-m", "tests.integrations.strands_worker", place.target, kind]
    root = Path(__file__).parents[2]
    workers = [subprocess.Popen([*command, name, str(turns), json.dumps(place.options)], cwd=root) for name in names]
    assert [worker.wait() for worker in workers] == [0, 0]
    agent = scripted_agent(manager(kind, documents))
    stored = ObjstoreSessionRepository(documents).list_messages("s", "agent")
    assert numbers(stored) == list(range(len(stored)))
    texts = [block["text"] for found in stored for block in found.message["content"] if "text" in block]
    wanted = sorted(f"{name} {n}" for name in names for n in range(turns))
    asked = sorted(text for text in texts if text.startswith(names))
    assert sorted(set(asked)) == wanted
    if kind == "turn":  # else what failed may be there in part
        assert asked == wanted
        assert len(stored) == 4 * len(wanted)
    check_pairs(agent.messages)
    assert documents.verify().ok


def test_of_two_messages_of_one_number_the_second_is_a_conflict(url: str) -> None:
    one, other = (ObjstoreSessionRepository(DocumentStore(url)) for _ in range(2))
    begun(one, 1)
    one.create_message("s", "a", message(1, "of one"))
    with pytest.raises(SessionConflictError, match="Message 1 of agent a in session s is another writer's"):
        other.create_message("s", "a", message(1, "of the other"))
    with pytest.raises(SessionConflictError):
        other.create_message("s", "a", message(2, "of the other"))
    assert other.read_session("s") is not None
    other.create_message("s", "a", message(2, "of the other"))
    texts = [found.message["content"][0]["text"] for found in one.list_messages("s", "a")]
    assert texts == ["message 0", "of one", "of the other"]


def test_a_state_that_another_worker_changed_is_a_conflict(url: str) -> None:
    one, other = (ObjstoreSessionRepository(DocumentStore(url)) for _ in range(2))
    begun(one)
    multi: Any = Multi("g", {"n": 0})
    one.create_multi_agent("s", multi)
    other.read_agent("s", "a")
    other.read_multi_agent("s", "g")
    one.update_agent("s", agent_of("a", n=1))
    one.update_multi_agent("s", Multi("g", {"n": 1}))  # type: ignore[arg-type]
    with pytest.raises(SessionConflictError, match="Agent a in session s was changed by another writer"):
        other.update_agent("s", agent_of("a", n=2))
    assert other.read_session("s") is not None
    with pytest.raises(SessionConflictError, match="MultiAgent g in session s was changed by another writer"):
        other.update_multi_agent("s", Multi("g", {"n": 2}))  # type: ignore[arg-type]
    assert other.read_session("s") is not None
    other.read_agent("s", "a")
    other.update_agent("s", agent_of("a", n=3))
    found = one.read_agent("s", "a")
    assert found is not None
    assert found.state == {"n": 3}


@pytest.mark.parametrize("big", ["x" * 300_000, b"x" * 300_000], ids=["text", "bytes"])
def test_a_state_with_something_big_in_it_is_changed_as_any_other(url: str, big: object) -> None:
    one, other = (ObjstoreSessionRepository(DocumentStore(url)) for _ in range(2))
    begun(one)
    one.create_multi_agent("s", Multi("g", {"big": big, "n": 0}))  # type: ignore[arg-type]
    for n in range(3):
        one.update_agent("s", agent_of("a", big=big, n=n))
        one.update_multi_agent("s", Multi("g", {"big": big, "n": n}))  # type: ignore[arg-type]
    commits = len(DocumentStore(url).history("s"))
    for repository in (one, other):
        repository.update_agent("s", agent_of("a", big=big, n=2))
        repository.update_multi_agent("s", Multi("g", {"big": big, "n": 2}))  # type: ignore[arg-type]
    assert len(DocumentStore(url).history("s")) == commits
    found = other.read_agent("s", "a")
    assert found is not None
    assert found.state == {"big": big, "n": 2}
    assert other.read_multi_agent("s", "g") == {"big": big, "n": 2}
    one.update_agent("s", agent_of("a", big=big, n=3))
    with pytest.raises(SessionConflictError, match="Agent a in session s was changed by another writer"):
        other.update_agent("s", agent_of("a", big=big, n=4))


def test_an_agent_with_a_big_state_goes_on(url: str) -> None:
    agent = scripted_agent(ObjstoreSessionManager("s", DocumentStore(url)))
    for n in range(3):
        agent.state.set("page", f"{n}" * 300_000)
        agent(f"turn {n}")
    again = scripted_agent(ObjstoreSessionManager("s", DocumentStore(url)))
    assert again.messages == agent.messages
    assert again.state.get("page") == "2" * 300_000


def test_two_workers_cannot_make_one_agent(url: str) -> None:
    one, other = (ObjstoreSessionRepository(DocumentStore(url)) for _ in range(2))
    one.create_session(session())
    one.create_agent("s", agent_of("a", n=1))
    with pytest.raises(SessionConflictError):
        other.create_agent("s", agent_of("a", n=2))
    assert one.read_agent("s", "a") == other.read_agent("s", "a")


def test_what_was_deleted_elsewhere_is_not_written_to(url: str) -> None:
    one, other = (ObjstoreSessionRepository(DocumentStore(url)) for _ in range(2))
    begun(one, 1)
    assert len(other.list_messages("s", "a")) == 1
    one.delete_session("s")
    for call in (
        lambda: other.create_message("s", "a", message(1)),
        lambda: other.update_message("s", "a", message(0)),
        lambda: other.update_agent("s", agent_of("a", n=1)),
        lambda: other.create_agent("s", agent_of("b")),
        lambda: other.list_messages("s", "a"),
    ):
        with pytest.raises(SessionException):
            call()
    assert other.read_session("s") is None


def test_a_session_that_changes_while_it_is_deleted_stays(url: str) -> None:
    other = ObjstoreSessionRepository(DocumentStore(url))
    begun(other, 1)

    class Overtaken(DocumentStore):
        def load(self, *args: Any, **options: Any) -> Any:
            found = super().load(*args, **options)
            other.create_message("s", "a", message(1))
            return found

    with pytest.raises(SessionConflictError, match="was changed while it was to be deleted"):
        ObjstoreSessionRepository(Overtaken(url)).delete_session("s")
    assert len(other.list_messages("s", "a")) == 2


def test_a_session_that_is_deleted_while_it_is_read_is_not_garbled(url: str) -> None:
    other = ObjstoreSessionRepository(DocumentStore(url))
    begun(other)
    made = message(0)
    made.message["content"] = [{"image": {"format": "png", "source": {"bytes": bytes(100_000)}}}]
    other.create_message("s", "a", made)

    class Overtaken(DocumentStore):
        def load(self, *args: Any, **options: Any) -> Any:
            if other.read_session("s"):
                other.delete_session("s")
                begun(other)
            return super().load(*args, **options)

    with pytest.raises(SessionException, match="was deleted while it was read"):
        ObjstoreSessionRepository(Overtaken(url)).read_message("s", "a", 0)


def test_what_was_made_elsewhere_is_found(url: str) -> None:
    one, other = (ObjstoreSessionRepository(DocumentStore(url)) for _ in range(2))
    one.create_session(session())
    assert other.read_session("s") is not None
    one.create_agent("s", agent_of())
    other.create_message("s", "a", message(0))  # the store of this one remembers a session without the agent
    one.update_message("s", "a", message(0, "changed"))
    assert len(one.list_messages("s", "a")) == 1


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


def test_a_held_message_is_read_after_it_is_written(repository: ObjstoreSessionRepository) -> None:
    begun(repository)
    repository.hold("s")
    repository.create_message("s", "a", message(0))
    changed = SessionMessage.from_message({"role": "user", "content": [{"text": "changed"}]}, 0)
    repository.update_message("s", "a", changed)
    found = repository.read_message("s", "a", 0)
    assert found is not None
    assert found.message == changed.message


def test_after_a_flush_writes_are_durable_at_once_again(url: str, repository: ObjstoreSessionRepository) -> None:
    begun(repository)
    repository.hold("s")
    repository.create_message("s", "a", message(0))
    other = ObjstoreSessionRepository(DocumentStore(url))
    assert other.list_messages("s", "a") == []
    repository.flush("s")
    repository.create_message("s", "a", message(1))
    assert numbers(other.list_messages("s", "a")) == [0, 1]


def test_what_waited_is_dropped_where_another_writer_was_faster(url: str) -> None:
    one, other = (ObjstoreSessionRepository(DocumentStore(url)) for _ in range(2))
    begun(one)
    other.hold("s")
    other.create_message("s", "a", message(0, "of the other"))
    one.create_message("s", "a", message(0, "of one"))
    with pytest.raises(SessionConflictError):
        other.flush("s")
    assert other.read_session("s") is not None
    other.create_message("s", "a", message(1, "of the other"))
    texts = [found.message["content"][0]["text"] for found in one.list_messages("s", "a")]
    assert texts == ["of one", "of the other"]


def test_a_state_that_changes_back_while_it_waits_is_as_it_was(repository: ObjstoreSessionRepository) -> None:
    begun(repository)
    repository.hold("s")
    repository.update_agent("s", agent_of("a", n=1))
    repository.update_agent("s", agent_of("a"))
    found = repository.read_agent("s", "a")
    assert found is not None
    assert found.state == {}
