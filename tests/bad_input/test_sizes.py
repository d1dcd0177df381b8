"""Nothing at all, a great deal, and what lies between a part that is absent and one that is empty."""

from __future__ import annotations

import os
import tracemalloc
from typing import Any

import pytest

import objstore
from objstore import ArtifactStore, Document, DocumentStore, Message, NotFoundError, SessionData, SessionStore
from tests.bad_input.damage import artifact
from tests.places import Place

MiB = 1024 * 1024


def test_an_empty_session_and_empty_siblings_come_back_empty_and_not_absent(place: Place) -> None:
    place.open().save(SessionData.new("bare"))
    place.open().commit(
        SessionData.new("s"), artifacts=ArtifactStore(), trace_events=[], run_records=[], verification_reports=[]
    )
    bare, empty = place.open().load_bundle("bare"), place.open().load_bundle("s")
    assert bare is not None
    assert empty is not None
    absent = (bare.artifacts, bare.trace_events, bare.run_records, bare.verification_reports)
    assert absent == (None, None, None, None)
    assert empty.artifacts is not None
    assert empty.artifacts.len() == 0
    assert (empty.trace_events, empty.run_records, empty.verification_reports) == ([], [], [])


NOTHING: dict[str, Any] = {
    "commit": lambda store: store.commit("s"),
    "append": lambda store: store.append("s"),
    "append of empty lists": lambda store: store.append("s", messages=[], artifacts=[], run_events={}),
}


@pytest.mark.parametrize("call", NOTHING.values(), ids=NOTHING.keys())
def test_to_save_nothing_of_nothing_is_an_error_and_of_something_its_revision(store: SessionStore, call: Any) -> None:
    with pytest.raises(NotFoundError, match="nothing was given"):
        call(store)
    assert store.list() == []
    revision = store.save(SessionData.new("s"))
    assert call(store) == revision
    assert len(store.history("s")) == 1
    store.delete("s")
    assert not store.exists("s")


def test_a_document_of_no_parts_is_none(place: Place) -> None:
    store = DocumentStore(place.target, storage_options=place.options)
    for parts in ({}, {"absent": None}):
        with pytest.raises(NotFoundError):
            store.save("d", parts)
    with pytest.raises(NotFoundError):
        store.append("d", {"list": []})
    assert store.load("d") is None
    assert store.list() == []
    store.save("d", {"a": 1})
    store.save("d", {"a": None})
    assert not store.exists("d")


def test_ten_thousand_messages_are_saved_changed_in_the_middle_and_loaded(store: SessionStore, place: Place) -> None:
    session = SessionData.new("s")
    session.messages = [Message.user(f"message {n} " + "x" * 50) for n in range(10_000)]
    store.save(session)
    session.messages[5_000] = Message.user("changed")
    del session.messages[7_000]
    session.messages.append(Message.assistant("end"))
    store.save(session)
    cold = place.open()
    assert cold.load("s") == session
    assert store.history("s")[0].size < 2_000
    (summary,) = cold.summaries(["s"])
    assert summary.messages == 10_000


@pytest.mark.parametrize("megabytes", [10, pytest.param(100, marks=pytest.mark.deep)])
def test_a_big_artifact_is_written_once_and_held_a_few_times_at_most(local: Place, megabytes: int) -> None:
    size = megabytes * MiB
    artifacts = ArtifactStore()
    artifacts.put(artifact(os.urandom(size // 2).hex()))
    written: list[int] = []
    store = objstore.open(local.target, observer=lambda event: written.append(event.size))
    session = SessionData.new("s")
    tracemalloc.start()
    try:
        store.commit(session, artifacts=artifacts)
        for turn in range(3):
            session.messages.append(Message.user(f"turn {turn}"))
            store.commit(session, artifacts=artifacts)
        _, peak = tracemalloc.get_traced_memory()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(written) < 2 * 1.1 * size  # each write is told twice: as an operation and as part of its save
    assert peak < 6 * size
    assert kept < size  # what was written is not remembered
    assert local.open().load_artifacts("s") == artifacts
    assert local.open().load("s") == session


def test_parts_that_are_asked_for_by_name_and_are_not_there_are_none(place: Place) -> None:
    store = DocumentStore(place.target, storage_options=place.options)
    store.save("d", {"a": 1, "b": [b"\0" * 1000]})
    found = store.load("d", parts=["b", "c"])
    assert isinstance(found, Document)
    assert found.parts == {"b": [b"\0" * 1000], "c": None}


@pytest.mark.parametrize("field", ["name", "model_name", "parent_id", "role", "tool"])
def test_a_field_of_any_length_is_saved_and_the_summary_stays_small(memory: Place, field: str) -> None:
    session, long = SessionData.new("s"), "x" * 300_000
    match field:
        case "name":
            session.config.name = long
        case "role":
            session.messages.append(Message(role=long, content=[]))
        case "tool":
            session.tool_names.append(long)
        case _:
            setattr(session, field, long)
    memory.open().save(session)
    memory.open().append("s", messages=[Message.user("x")])
    assert memory.open().history("s")[0].size < 2_000
    loaded = memory.open().load("s")
    assert loaded is not None
    loaded.messages.pop()
    assert loaded == session
    assert [summary.id for summary in memory.open().summaries(["s"])] == ["s"]
