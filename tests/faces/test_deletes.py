"""Deletes among two writers: who conflicts, and what may be repeated."""

from __future__ import annotations

import pickle

import pytest

import objstore
from objstore import ConflictError, Message, SessionData, SessionStore
from objstore._format import naming
from objstore.backends import MemoryBackend
from objstore.testing.samples import trace
from tests.faces.looks import loaded, names


@pytest.mark.parametrize("purge", [False, True])
def test_a_stale_writer_conflicts_after_a_delete(one: SessionStore, other: SessionStore, purge: bool) -> None:
    one.save(SessionData.new("s"))
    stale = loaded(other)
    one.delete("s", purge=purge)
    stale.messages.append(Message.user("late"))
    with pytest.raises(ConflictError):
        other.save(stale)
    assert one.load("s") is None
    assert one.list() == []


def test_a_stale_writer_conflicts_where_a_purge_has_emptied_the_commit_that_took_its_number(
    one: SessionStore, other: SessionStore
) -> None:
    one.save(SessionData.new("s"))
    stale = loaded(other)
    one.append("s", messages=[Message.user("purged")])
    one.delete("s", purge=True)
    stale.messages.append(Message.user("late"))
    with pytest.raises(ConflictError):
        other.save(stale)


def test_what_is_gone_altogether_is_not_deleted_on_a_revision() -> None:
    place = MemoryBackend.isolated()
    store = objstore.open(place, cache_bytes=0)
    revision = store.save(SessionData.new("s"))
    place.delete([naming.log_key("s", 1)])
    with pytest.raises(ConflictError, match="not there any more"):
        store.delete("s", base=revision)
    store.delete("s")


def test_a_stale_writer_conflicts_after_delete_and_recreation(one: SessionStore, other: SessionStore) -> None:
    one.save(SessionData.new("s"))
    stale = loaded(other)
    one.delete("s")
    one.save(SessionData.new("s", name="new life"))
    with pytest.raises(ConflictError):
        other.save_trace_events("s", [trace("late")], base=stale.revision or 0)
    assert names(one) == []


def test_delete_with_a_base_conflicts_when_anything_changed(one: SessionStore, other: SessionStore) -> None:
    base = one.save(SessionData.new("s"))
    other.save_trace_events("s", [trace("a")])
    with pytest.raises(ConflictError):
        one.delete("s", base=base)
    assert one.exists("s")
    session = loaded(one)
    assert session.revision is not None
    one.delete("s", base=session.revision)
    assert not one.exists("s")


def test_a_delete_with_a_base_may_be_repeated_as_one_without(one: SessionStore, other: SessionStore) -> None:
    revision = one.save(SessionData.new("s"))
    for base in (revision, revision, pickle.loads(pickle.dumps(revision)), revision.seq or 0):
        one.delete("s", base=base)
        other.delete("s", base=base, purge=True)
    assert len(one.history("s")) == 1


def test_delete_with_a_base_goes_on_over_a_mere_prune(one: SessionStore, other: SessionStore) -> None:
    one.save(SessionData.new("s"))
    base = one.append("s", messages=[Message.user("x")])
    other.prune("s", keep_last=1)
    one.delete("s", base=base)
    assert not other.exists("s")
