"""What was edited in place is found, wherever it is, and what is known of a session never decides what is saved."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from objstore import (
    AgentEndEvent,
    ErrorEvent,
    InMemoryRunStore,
    Message,
    ObjstoreError,
    RunEventRecord,
    SessionData,
    TokenUsage,
    ToolUseBlock,
    VerificationSummary,
)
from objstore._engine.taking import Seen, taken_down
from objstore._format.canonical import exact_bytes
from objstore.models import _documents as documents
from objstore.testing import memory_store, strategies
from tests.models.mutations import ODD, changes, filled

Change = Callable[[Any], None]


def outcome(call: Callable[[], Any]) -> tuple[str, Any]:
    """What a call gives, so exactly that 1, 1.0 and True differ, or what it says."""
    try:
        return "given", exact_bytes(call())
    except Exception as error:  # whatever it is, it has to be the same
        return type(error).__name__, str(error)


def check_same(name: str, adapter: TypeAdapter[Any], value: Any, edits: list[Change]) -> None:
    known = {name: taken_down(name, adapter, value, Seen())}
    before = copy.deepcopy(known)
    for edit in edits:
        edit(value)
        with_it = outcome(lambda: taken_down(name, adapter, value, Seen(known)))
        assert with_it == outcome(lambda: taken_down(name, adapter, value, Seen()))
    assert exact_bytes(known) == exact_bytes(before)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(filled(), st.lists(changes(), max_size=3))
def test_a_session_is_taken_down_the_same_with_and_without_what_is_known(session: Any, edits: list[Change]) -> None:
    check_same("session", documents.SESSION, session, edits)


@pytest.mark.parametrize("place", range(len(ODD)))
@pytest.mark.parametrize("before", [1, "word", {"a": 1}, [1], None])
def test_odd_values_in_free_places_are_taken_or_refused_as_without_what_is_known(place: int, before: Any) -> None:
    def held(value: Any) -> SessionData:
        session = SessionData.new("s")
        call = ToolUseBlock(id="call", name="bash", input={"a": [before, {"b": before}]})
        session.messages = [Message(role="assistant", content=[call])]
        call.input["a"][0] = call.input["a"][1]["b"] = value
        return session

    known = {"session": taken_down("session", documents.SESSION, held(before), Seen())}
    value = held(ODD[place])
    assert outcome(lambda: taken_down("session", documents.SESSION, value, Seen(known))) == outcome(
        lambda: taken_down("session", documents.SESSION, value, Seen())
    )


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(strategies.run_records(), min_size=1, max_size=3), st.lists(changes(), max_size=3))
def test_runs_are_taken_down_the_same_with_and_without_what_is_known(runs: list[Any], edits: list[Change]) -> None:
    check_same("runs", documents.RUN_RECORDS, runs, edits)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(strategies.trace_events(), min_size=1, max_size=80), st.lists(changes(), max_size=3))
def test_traces_are_taken_down_the_same_with_and_without_what_is_known(events: list[Any], edits: list[Change]) -> None:
    check_same("traces", documents.TRACE_EVENTS, events, edits)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(filled(), st.lists(changes(), min_size=1, max_size=4))
def test_every_edit_in_place_is_saved_or_refused(session: SessionData, edits: list[Change]) -> None:
    store = memory_store()
    store.save(session)
    held = store.load("s")
    assert held is not None
    for edit in edits:
        edit(held)
        try:
            written = documents.to_document(documents.SESSION, held)
            wanted = documents.from_document(documents.SESSION, plain(written))
        except Exception:
            assume(False)  # what no model can be made of again is for the test above
        try:
            store.save(held)
        except ObjstoreError:
            assume(False)
        found = store.load("s")
        assert found is not None
        given_back, expected = (documents.to_document(documents.SESSION, it) for it in (found, wanted))
        assert exact_bytes(given_back) == exact_bytes(expected)


def plain(value: Any) -> Any:
    """The JSON that a document is: tuples are lists, instances of subclasses plain."""
    if isinstance(value, dict):
        return {str.__str__(key): plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str.__str__(value) if isinstance(value, str) else value


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 200])
def test_what_did_not_change_is_shared_with_what_is_known(count: int) -> None:
    session = SessionData.new("s")
    session.messages = [
        documents.from_document(_MESSAGE, {"role": "user", "content": [], "n": n}) for n in range(count)
    ]
    known = {"session": taken_down("session", documents.SESSION, session, Seen())}
    assert taken_down("session", documents.SESSION, session, Seen(known)) is known["session"]
    session.messages.append(session.messages[0] if count else documents.from_document(_MESSAGE, _EMPTY))
    more: Any = taken_down("session", documents.SESSION, session, Seen(known))
    old: Any = known["session"]
    assert len(more["messages"]) == count + 1
    assert all(a is b for a, b in zip(more["messages"], old["messages"], strict=False))


def test_of_a_growing_run_only_the_new_events_are_copied() -> None:
    event = {"sequence": 0, "timestamp_ms": 0, "event": {"type": "turn_start", "turn": 1}}
    snapshot = {
        "id": "r", "session_id": "s", "status": "executing", "prompt": "", "created_at_ms": 0, "updated_at_ms": 0,
        "event_count": 300,
    }  # fmt: skip
    runs = documents.from_document(documents.RUN_RECORDS, [{"snapshot": snapshot, "events": [event] * 300}] * 2)
    known: Any = {"runs": taken_down("runs", documents.RUN_RECORDS, runs, Seen())}
    runs[1].events.append(runs[1].events[0])
    more: Any = taken_down("runs", documents.RUN_RECORDS, runs, Seen(known))
    assert more[0] is known["runs"][0]
    assert len(more[1]["events"]) == 301
    assert all(a is b for a, b in zip(more[1]["events"], known["runs"][1]["events"], strict=False))


def test_a_run_that_appended_events_have_ended_is_stored_as_one_that_was_saved() -> None:
    usage, summary = TokenUsage.default(), VerificationSummary.default()
    for end in (AgentEndEvent(text="t", usage=usage, verification_summary=summary), ErrorEvent(message="m")):
        store, runs = memory_store(), InMemoryRunStore()
        run = runs.create_run("s", "p")
        store.commit(SessionData.new("s"), run_records=runs.records())
        revision = store.append("s", run_events={run.id: [end]})
        assert store.commit("s", run_records=store.load_run_records("s"), base=revision) == revision


def test_the_time_of_a_run_does_not_go_back_with_an_event_of_an_earlier_one() -> None:
    store, runs = memory_store(), InMemoryRunStore()
    run = runs.create_run("s", "p")
    store.commit(SessionData.new("s"), run_records=runs.records())
    store.append("s", run_events={run.id: [RunEventRecord(sequence=0, timestamp_ms=1, event=ErrorEvent(message="m"))]})
    (record,) = store.load_run_records("s") or []
    assert record.events[0].timestamp_ms == 1
    assert record.snapshot.updated_at_ms == run.updated_at_ms


_EMPTY: dict[str, Any] = {"role": "user", "content": []}
_MESSAGE: TypeAdapter[Any] = TypeAdapter(Message)
