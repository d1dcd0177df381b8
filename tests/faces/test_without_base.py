"""What is saved or appended without a base lands on whatever is there, also on top of what others deleted."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

import objstore
from objstore import (
    ArtifactStore,
    ConflictError,
    DocumentStore,
    InvalidIdError,
    InvalidValueError,
    Message,
    SessionData,
)
from objstore.backends.memory import MemoryBackend
from objstore.testing.samples import artifact, trace


def test_what_a_store_remembers_is_no_base_when_others_delete() -> None:
    url = f"memory://without-base/{uuid.uuid4().hex}"
    one, other = objstore.open(url), objstore.open(url)
    held = SessionData.new("s")
    one.save(held)
    other.delete("s")
    assert one.append("s", trace_events=[trace("a")]).seq == 3
    other.delete("s")
    assert one.save(SessionData.new("s", name="again")).seq == 5
    other.delete("s")
    held.messages.append(Message.user("stale"))
    with pytest.raises(ConflictError, match="deleted"):
        one.save(held)
    assert other.load("s") is None


def test_what_equals_the_state_that_a_store_remembers_is_saved_over_what_others_saved() -> None:
    url = f"memory://without-base/{uuid.uuid4().hex}"
    one, other = objstore.open(url), objstore.open(url)
    mine, theirs = SessionData.new("s", name="mine"), SessionData.new("s", name="theirs")
    one.save(mine.model_copy(deep=True))
    other.save(theirs)
    one.save(mine)
    assert other.load("s") == mine


def test_what_a_first_save_sends_lies_where_it_is_wanted_though_others_deleted_before() -> None:
    place = MemoryBackend.isolated()
    store = objstore.open(place)
    store.save(SessionData.new("s"))
    store.delete("s")
    artifacts = ArtifactStore()
    artifacts.put(artifact("a", "long " * 2_000))
    objstore.open(place).save_artifacts("s", artifacts)
    assert [entry.name for entry in place.list("sessions/s/objects/")] == ["2"]


@pytest.mark.parametrize("base", [None, True, False, "1", 1.0])
@pytest.mark.parametrize("layout", ["log", "tree"])
def test_a_base_that_is_none_of_ours_is_refused_and_not_taken_for_no_base(layout: Any, base: Any) -> None:
    store = objstore.open(f"memory://without-base/{uuid.uuid4().hex}", layout=layout)
    session = SessionData.new("s")
    store.save(session)
    for call in (
        lambda: store.save(SessionData.new("s", name="other"), base=base),
        lambda: store.commit("s", trace_events=[trace("a")], base=base),
        lambda: store.save_trace_events("s", [trace("a")], base=base),
        lambda: store.append("s", trace_events=[trace("a")], base=base),
        lambda: store.delete("s", base=base),
    ):
        with pytest.raises(InvalidValueError, match="base must be"):
            call()
    assert store.load("s") == session
    assert store.load_trace_events("s") is None


def test_a_document_is_not_replaced_on_a_base_that_is_none() -> None:
    forgotten: Any = None
    with DocumentStore(f"memory://without-base/{uuid.uuid4().hex}") as store:
        store.save("d", {"a": [1]})
        with pytest.raises(InvalidValueError, match="base must be"):
            store.save("d", {"a": [2]}, base=forgotten)
        with pytest.raises(InvalidValueError, match="base must be"):
            store.append("d", {"a": [2]}, base=forgotten)


def test_what_is_neither_a_session_nor_an_id_cannot_be_committed() -> None:
    nobody: Any = None
    with pytest.raises(InvalidIdError):
        objstore.open(f"memory://without-base/{uuid.uuid4().hex}").commit(nobody, trace_events=[])
