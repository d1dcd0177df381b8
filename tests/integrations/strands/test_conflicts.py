"""Who may write a session: the second of two workers is told, and nothing of the first is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("strands", reason="Strands Agents is not installed (objstore[strands])")

from strands.types.exceptions import EventLoopException, SessionException
from strands.types.session import SessionMessage

from objstore import DocumentStore
from objstore.integrations.strands import ObjstoreSessionManager, ObjstoreSessionRepository, SessionConflictError
from tests.integrations.strands.contract import Multi, agent_of, begun, message, numbers, session
from tests.integrations.strands.model import answer, check_pairs, scripted_agent
from tests.integrations.strands.worker import manager
from tests.places import make_place


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
    """Two processes open the session for every turn, and again where they were too late; see `worker`."""
    place = make_place(where, request)
    names, turns = ("one", "two"), 3
    documents = DocumentStore(place.target, storage_options=place.options)
    scripted_agent(manager(kind, documents))
    command = [sys.executable, "-m", "tests.integrations.strands.worker", place.target, kind]
    root = Path(__file__).parents[3]
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


@pytest.mark.parametrize("anew", [True, False])
def test_a_session_that_is_deleted_while_it_is_read_is_not_garbled(url: str, anew: bool) -> None:
    other = ObjstoreSessionRepository(DocumentStore(url))
    begun(other)
    made = message(0)
    made.message["content"] = [{"image": {"format": "png", "source": {"bytes": bytes(100_000)}}}]
    other.create_message("s", "a", made)

    class Overtaken(DocumentStore):
        def load(self, *args: Any, **options: Any) -> Any:
            if other.read_session("s"):
                other.delete_session("s")
                if anew:
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


def test_what_waited_for_a_session_goes_with_it(url: str, repository: ObjstoreSessionRepository) -> None:
    begun(repository)
    repository.hold("s")
    repository.create_message("s", "a", message(0))
    repository.delete_session("s")
    repository.flush("s")
    repository.create_session(session("s"))
    assert ObjstoreSessionRepository(DocumentStore(url)).read_session("s") is not None


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
