"""What the holder of a revision has not seen is remembered wherever the revision goes; found by the scheduler."""

from __future__ import annotations

import pickle
import time

import pytest

import objstore
from objstore import ConflictError, Message, Revision, SessionData, SessionStore
from objstore._format import naming
from objstore.backends import MemoryBackend
from objstore.testing import memory_store
from objstore.testing.faults import FailBefore, Fault, FaultyBackend, Request
from objstore.testing.samples import trace


def changed_by_another(store: SessionStore) -> tuple[SessionData, Revision]:
    """Give a session as it was seen, and a revision above a change of it by somebody else that was not."""
    session = SessionData.new("s")
    seen = store.save(session)
    store.append("s", messages=[Message.user("of another")])
    revision = store.save_trace_events("s", [trace("mine")], base=seen)
    assert revision.seq == 3
    assert revision.partial == {"session"}
    return session, revision


def an_edit_conflicts(store: SessionStore, session: SessionData, revision: Revision) -> None:
    edited = session.model_copy(deep=True)
    edited.messages.append(Message.user("late"))
    with pytest.raises(ConflictError):
        store.save(edited, base=revision)
    found = store.load("s")
    assert found is not None
    assert found.messages[0] == Message.user("of another")


def test_an_append_on_a_revision_does_not_vouch_for_what_others_changed() -> None:
    store = memory_store()
    session = SessionData.new("s")
    seen = store.save(session)
    store.append("s", messages=[Message.user("of another")])
    revision = store.append("s", trace_events=[trace("mine")], base=seen)
    assert revision.partial == {"session"}
    an_edit_conflicts(store, session, revision)


def test_an_append_on_a_revision_keeps_what_that_had_not_seen() -> None:
    store = memory_store()
    session, revision = changed_by_another(store)
    revision = store.append("s", trace_events=[trace("more")], base=revision)
    assert revision.partial == {"session"}
    an_edit_conflicts(store, session, revision)


def test_an_append_to_what_its_base_had_not_seen_conflicts() -> None:
    store = memory_store()
    _, revision = changed_by_another(store)
    for base in (revision, pickle.loads(pickle.dumps(revision))):
        with pytest.raises(ConflictError):
            store.append("s", messages=[Message.user("late")], base=base)


def test_what_a_pickled_revision_had_not_seen_is_not_forgotten_with_the_next_save() -> None:
    store = memory_store()
    session, revision = changed_by_another(store)
    for _ in range(2):
        revision = pickle.loads(pickle.dumps(revision))
        revision = store.save_verification_reports("s", [], base=revision)
        assert revision.partial == {"session"}
        an_edit_conflicts(store, session, revision)


def test_an_append_on_a_revision_whose_part_was_not_there_merges_and_says_what_was_not_seen() -> None:
    store = memory_store()
    seen = store.save(SessionData.new("s"))
    store.append("s", trace_events=[trace("of another")])
    revision = store.append("s", trace_events=[trace("mine")], base=seen)
    assert revision.partial == {"traces"}
    revision = store.save_trace_events("s", [trace("mine"), trace("more")], base=revision)
    found = store.load_trace_events("s")
    assert found is not None
    assert [each.name for each in found] == ["of another", "mine", "more"]


def test_a_delete_on_a_revision_that_had_not_seen_everything_conflicts() -> None:
    store = memory_store()
    _, revision = changed_by_another(store)
    for base in (revision, pickle.loads(pickle.dumps(revision))):
        with pytest.raises(ConflictError, match="session of 's' changed before commit 3"):
            store.delete("s", base=base)
    assert store.exists("s")


def test_a_hint_that_another_task_of_this_store_did_not_come_to_is_made_by_the_next_save() -> None:
    class CrashError(BaseException):
        pass

    broken = True

    def choose(request: Request) -> Fault | None:
        hint = request.operation == "create" and request.keys[0].startswith("index/")
        return FailBefore(CrashError()) if hint and broken else None

    place = MemoryBackend.isolated()
    store = objstore.open(FaultyBackend(place, choose))
    store.save_trace_events("s", [trace("before there is a session")])
    with pytest.raises(CrashError):
        store.save(SessionData.new("s"))
    broken = False
    store.append("s", trace_events=[trace("acknowledged")])
    assert objstore.open(place).list() == ["s"]


def test_nor_does_a_store_that_slept_take_the_hint_of_another_life_for_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    place = MemoryBackend.isolated()
    store, other = objstore.open(place), objstore.open(place)
    store.save(SessionData.new("s"))
    other.delete("s")
    other.save(SessionData.new("s"))
    place.delete([naming.index_hint("s", 3)])  # hints are not flushed
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + 16 * 60)
    store.append("s", trace_events=[trace("acknowledged")])
    assert store.list() == ["s"]


def test_a_session_that_is_restored_to_before_there_was_one_is_not_listed() -> None:
    store = memory_store()
    store.save_trace_events("s", [trace("before there is a session")])
    store.save(SessionData.new("s"))
    assert store.list() == ["s"]
    store.restore("s", 1)
    assert not store.exists("s")
    assert store.list() == []
    store.save(SessionData.new("s"))
    assert store.list() == ["s"]
