"""Two writers on one session: what conflicts, what is put behind, and that nothing is lost."""

from __future__ import annotations

import pickle

import pytest

import objstore
from objstore import (
    ConflictError,
    InMemoryRunStore,
    Message,
    NotFoundError,
    SessionData,
    SessionStore,
    TurnStartEvent,
)
from objstore.backends import MemoryBackend
from objstore.testing import memory_store
from objstore.testing.samples import trace
from tests.faces.looks import loaded, names, texts


def test_the_second_of_two_saves_on_one_revision_conflicts(one: SessionStore, other: SessionStore) -> None:
    one.save(SessionData.new("s"))
    mine, theirs = loaded(one), loaded(other)
    mine.messages.append(Message.user("mine"))
    theirs.messages.append(Message.user("theirs"))
    one.save(mine)
    with pytest.raises(ConflictError) as caught:
        other.save(theirs)
    assert (caught.value.id, caught.value.expected, caught.value.actual) == ("s", 1, 2)
    assert texts(other) == ["mine"]


def test_changes_of_other_parts_are_rebased(one: SessionStore, other: SessionStore) -> None:
    one.save(SessionData.new("s"))
    mine = loaded(one)
    other.save_trace_events("s", [trace("a")])
    mine.messages.append(Message.user("mine"))
    revision = one.save(mine)
    assert revision.seq == 3
    assert texts(other) == ["mine"]
    assert names(other) == ["a"]


def test_both_sides_appending_to_traces_are_merged(one: SessionStore, other: SessionStore) -> None:
    base = one.save_trace_events("s", [trace("a")])
    one.save_trace_events("s", [trace("a"), trace("one")], base=base)
    merged = other.save_trace_events("s", [trace("a"), trace("other")], base=base)
    assert names(one) == ["a", "one", "other"]
    # the holder of `merged` has never seen "one": what it appends next must not remove it
    other.save_trace_events("s", [trace("a"), trace("other"), trace("next")], base=merged)
    assert names(one) == ["a", "one", "other", "next"]


@pytest.mark.parametrize("kept", [0, 1])
def test_an_append_to_what_others_have_taken_the_end_of_conflicts(
    one: SessionStore, other: SessionStore, kept: int
) -> None:
    seen = [trace("a"), trace("b")]
    base = one.save_trace_events("s", seen)
    one.save_trace_events("s", seen[:kept], base=base)
    with pytest.raises(ConflictError):
        other.save_trace_events("s", [*seen, trace("other")], base=base)
    assert names(one) == ["a", "b"][:kept]


def test_an_edit_by_one_who_has_not_seen_the_others_appends_conflicts(one: SessionStore, other: SessionStore) -> None:
    base = one.save_trace_events("s", [trace("a")])
    one.save_trace_events("s", [trace("a"), trace("one")], base=base)
    merged = other.save_trace_events("s", [trace("a"), trace("other")], base=base)
    with pytest.raises(ConflictError):
        other.save_trace_events("s", [trace("other")], base=merged)
    assert names(one) == ["a", "one", "other"]


def test_a_merged_revision_that_was_pickled_refuses_what_it_never_saw(one: SessionStore, other: SessionStore) -> None:
    base = one.save_trace_events("s", [trace("a")])
    one.save_trace_events("s", [trace("a"), trace("one")], base=base)
    merged = pickle.loads(pickle.dumps(other.save_trace_events("s", [trace("a"), trace("other")], base=base)))
    with pytest.raises(ConflictError, match="traces"):
        other.save_trace_events("s", [trace("a"), trace("other"), trace("next")], base=merged)
    other.save(SessionData.new("s"), base=merged)  # other parts are vouched for
    assert names(one) == ["a", "one", "other"]


def test_a_part_that_was_not_saved_is_remembered_as_it_was_seen(one: SessionStore, other: SessionStore) -> None:
    session = SessionData.new("s")
    one.commit(session, trace_events=[trace("a")])
    mine = loaded(one)
    other.append("s", trace_events=[trace("b")])
    mine.messages.append(Message.user("mine"))
    one.save(mine)  # rebased over the append; its revision is the newest, but its holder never saw "b"
    one.commit(mine, trace_events=[trace("a"), trace("c")])
    assert names(other) == ["a", "b", "c"]


def test_an_equal_outcome_is_no_conflict(one: SessionStore, other: SessionStore) -> None:
    one.save(SessionData.new("s"))
    mine, theirs = loaded(one), loaded(other)
    mine.messages.append(Message.user("same"))
    theirs.messages.append(Message.user("same"))
    first = one.save(mine)
    assert other.save(theirs) == first
    assert len(one.history("s")) == 2


def test_saving_what_did_not_change_keeps_what_others_changed(one: SessionStore, other: SessionStore) -> None:
    one.save(SessionData.new("s"))
    mine, theirs = loaded(one), loaded(other)
    theirs.messages.append(Message.user("theirs"))
    other.save(theirs)
    one.save(mine)
    assert texts(one) == ["theirs"]
    mine.messages.append(Message.user("mine"))
    with pytest.raises(ConflictError):  # it still has not seen theirs
        one.save(mine)
    assert texts(one) == ["theirs"]


def test_base_zero_says_that_there_must_be_no_session(one: SessionStore, other: SessionStore) -> None:
    one.save(SessionData.new("s"), base=0)
    with pytest.raises(ConflictError):
        other.save(SessionData.new("s", name="another"), base=0)
    one.delete("s")
    other.save(SessionData.new("s", name="another"), base=0)
    assert loaded(one).config.name == "another"


def test_base_zero_holds_for_traces_and_runs_as_well(one: SessionStore, other: SessionStore) -> None:
    one.commit("s", trace_events=[trace("a")], base=0)
    with pytest.raises(ConflictError):
        other.commit("s", trace_events=[trace("b")], base=0)
    assert other.commit("s", trace_events=[trace("a")], base=0).seq == 1  # an equal outcome is no conflict
    assert names(one) == ["a"]


def test_a_save_without_a_revision_replaces_and_the_history_keeps_what_it_replaced(
    one: SessionStore, other: SessionStore
) -> None:
    one.save(SessionData.new("s", name="first"))
    other.save(SessionData.new("s", name="second"))
    assert loaded(one).config.name == "second"
    older = one.load("s", at=1)
    assert older is not None
    assert older.config.name == "first"


def test_saving_an_older_state_conflicts_and_restore_commits_it(one: SessionStore) -> None:
    session = SessionData.new("s", name="first")
    one.save(session)
    session.config.name = "second"
    one.save(session)
    older = one.load("s", at=1)
    assert older is not None
    older.config.goal_tracking = True
    with pytest.raises(ConflictError):
        one.save(older)
    one.restore("s", 1)
    assert loaded(one).config.name == "first"
    assert [c.seq for c in one.history("s")] == [3, 2, 1]


def test_a_revision_of_another_store_conflicts_where_there_is_a_commit_of_its_number(one: SessionStore) -> None:
    elsewhere = memory_store()
    elsewhere.save(SessionData.new("s", name="of another store"))
    one.save(SessionData.new("s", name="of this one"))
    session = loaded(elsewhere)
    for held in (session, pickle.loads(pickle.dumps(session))):
        held.messages.append(Message.user("lost its way"))
        with pytest.raises(ConflictError, match="another than the revision's"):
            one.save(held)


def test_what_a_tree_gave_is_saved_in_a_log_as_the_error_says(one: SessionStore) -> None:
    tree = objstore.open(MemoryBackend.isolated(), layout="tree")
    session = SessionData.new("s", name="of a tree")
    tree.save(session)
    with pytest.raises(ConflictError, match=r"pass base=0 .* or set session\.revision to None"):
        one.save(session)
    one.save(session, base=0)
    held = loaded(tree)
    held.config.name = "another"
    with pytest.raises(ConflictError, match="pass base=0"):
        one.save(held)
    held.revision = None
    one.save(held)
    assert loaded(one).config.name == "another"


def test_both_sides_adding_the_first_traces_are_merged(one: SessionStore, other: SessionStore) -> None:
    base = one.save(SessionData.new("s"))
    one.save_trace_events("s", [trace("theirs")], base=base)
    other.save_trace_events("s", [trace("mine")], base=pickle.loads(pickle.dumps(base)))
    assert names(one) == ["theirs", "mine"]


@pytest.mark.parametrize("based", [True, False])
def test_events_go_to_a_run_that_others_began_since(one: SessionStore, other: SessionStore, based: bool) -> None:
    base = one.save(SessionData.new("s"))
    runs = InMemoryRunStore()
    run = runs.create_run("s", "a prompt")
    other.append("s", run_records=runs.records())
    events = {run.id: [TurnStartEvent(turn=1)]}
    revision = one.append("s", run_events=events, base=base) if based else one.append("s", run_events=events)
    assert revision.seq == 3
    assert revision.partial == ({"runs"} if based else set())
    with pytest.raises(NotFoundError, match="no run"):
        one.append("s", run_events={"another": [TurnStartEvent(turn=1)]})


def test_a_session_that_was_given_another_id_is_not_saved_on_the_revision_of_the_first(one: SessionStore) -> None:
    one.save(SessionData.new("s"))
    session = loaded(one)
    session.id = "t"
    for held in (session, pickle.loads(pickle.dumps(session))):
        with pytest.raises(ConflictError):
            one.save(held)
    assert one.list() == ["s"]
    assert len(one.history("s")) == 1
    one.save(session, base=0)
    assert one.list() == ["s", "t"]


def test_an_append_with_a_base_conflicts_when_messages_moved(one: SessionStore, other: SessionStore) -> None:
    base = one.save(SessionData.new("s"))
    other.append("s", messages=[Message.user("theirs")])
    with pytest.raises(ConflictError):
        one.append("s", messages=[Message.user("mine")], base=base)
    one.append("s", trace_events=[trace("mine")], base=base)
    assert texts(one) == ["theirs"]


def test_a_revision_that_was_pickled_saves_and_conflicts_like_any(one: SessionStore, other: SessionStore) -> None:
    one.save(SessionData.new("s"))
    mine: SessionData = pickle.loads(pickle.dumps(loaded(one)))
    mine.messages.append(Message.user("mine"))
    assert other.save(mine).seq == 2
    stale: SessionData = pickle.loads(pickle.dumps(one.load("s", at=1)))
    stale.messages.append(Message.user("stale"))
    with pytest.raises(ConflictError):
        one.save(stale)


def test_an_append_that_says_there_is_no_session_conflicts_where_there_is_one(
    one: SessionStore, other: SessionStore
) -> None:
    one.save(SessionData.new("s"))
    with pytest.raises(ConflictError) as raised:
        other.append("s", messages=[Message.user("x")], base=0)
    assert (raised.value.expected, raised.value.actual) == (0, 1)
    with pytest.raises(NotFoundError):
        other.append("t", messages=[Message.user("x")], base=0)


def test_append_to_nothing_says_so(one: SessionStore) -> None:
    with pytest.raises(NotFoundError, match="'s'"):
        one.append("s", messages=[Message.user("x")])
    one.save_trace_events("s", [trace("a")])
    with pytest.raises(NotFoundError):
        one.append("s", messages=[Message.user("x")])
    assert not one.exists("s")
    assert one.list() == []
