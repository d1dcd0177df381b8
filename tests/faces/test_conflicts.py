"""Two writers on one session: what conflicts, what is put behind, and that nothing is lost."""

from __future__ import annotations

import pickle
import uuid
from typing import Any

import pytest

import objstore
from objstore import (
    ConflictError,
    InMemoryRunStore,
    InvalidValueError,
    Message,
    NotFoundError,
    SessionData,
    SessionStore,
    TurnStartEvent,
)
from objstore._format import naming
from objstore.backends import MemoryBackend
from objstore.testing import memory_store
from objstore.testing.samples import trace


@pytest.fixture
def url() -> str:
    return f"memory://conflicts/{uuid.uuid4().hex}"


@pytest.fixture
def one(url: str) -> SessionStore:
    return objstore.open(url)


@pytest.fixture
def other(url: str) -> SessionStore:
    return objstore.open(url)


def names(store: SessionStore) -> list[str]:
    return [event.name for event in store.load_trace_events("s") or []]


def texts(store: SessionStore) -> list[Any]:
    session = store.load("s")
    assert session is not None
    return [message.content[0].text for message in session.messages if hasattr(message.content[0], "text")]


def loaded(store: SessionStore) -> SessionData:
    session = store.load("s")
    assert session is not None
    return session


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


def test_a_fork_begins_without_the_keys_of_what_was_deleted_where_it_is_made(one: SessionStore) -> None:
    one.save(SessionData.new("s"))
    one.save(SessionData.new("fork"))
    one.append("fork", messages=[Message.user("once")], key="job")
    one.delete("fork")
    one.fork("s", "fork")
    assert one.append("fork", messages=[Message.user("once more")], key="job").seq == 5


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


def test_an_append_with_a_base_conflicts_when_messages_moved(one: SessionStore, other: SessionStore) -> None:
    base = one.save(SessionData.new("s"))
    other.append("s", messages=[Message.user("theirs")])
    with pytest.raises(ConflictError):
        one.append("s", messages=[Message.user("mine")], base=base)
    one.append("s", trace_events=[trace("mine")], base=base)
    assert texts(one) == ["theirs"]


def test_a_repeated_key_is_answered_and_not_saved_again(one: SessionStore, other: SessionStore) -> None:
    one.save(SessionData.new("s"))
    first = one.append("s", messages=[Message.user("once")], key="job-1")
    assert other.append("s", messages=[Message.user("once")], key="job-1") == first
    one.append("s", messages=[Message.user("between")])
    assert one.append("s", messages=[Message.user("once")], key="job-1") == first
    assert texts(one) == ["once", "between"]


@pytest.mark.parametrize("purge", [False, True])
def test_a_key_is_answered_though_what_it_saved_was_deleted_since(
    one: SessionStore, other: SessionStore, purge: bool
) -> None:
    first = one.commit(SessionData.new("s"), key="job-1")
    other.delete("s", purge=purge)
    assert other.commit(SessionData.new("s"), key="job-1") == first
    assert not other.exists("s")


def test_the_last_32_keys_are_remembered(one: SessionStore, other: SessionStore) -> None:
    one.save(SessionData.new("s"))
    first, second, *_ = [one.append("s", messages=[Message.user(str(n))], key=f"job-{n}") for n in range(33)]
    assert other.append("s", messages=[Message.user("1")], key="job-1") == second
    assert other.append("s", messages=[Message.user("0")], key="job-0") != first
    assert texts(one) == [*map(str, range(33)), "0"]


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


def test_an_update_counts_though_another_made_the_same_of_the_session(one: SessionStore, other: SessionStore) -> None:
    one.save(session := SessionData.new("s"))

    def count(session: SessionData) -> None:
        session.total_cost += 1

    def faster(session: SessionData) -> None:
        if session.total_cost < 3:
            other.update("s", count)
        count(session)

    updated = one.update("s", faster)
    assert updated.total_cost == 4  # three by the other, of which the first one made just what ours did
    assert other.load("s") == updated
    assert session.revision is not None
    assert [info.seq for info in one.history("s")] == [5, 4, 3, 2, 1]

    def again(session: SessionData) -> None:
        other.update("s", count)
        count(session)

    with pytest.raises(ConflictError, match="in each of 1 attempts"):
        one.update("s", again, attempts=1)
    assert other.load("s", at=6) == other.load("s")


def test_an_update_that_changes_nothing_is_done_though_others_changed_something(
    one: SessionStore, other: SessionStore
) -> None:
    one.save(SessionData.new("s"))
    first: list[SessionData] = []

    def look(session: SessionData) -> None:
        if not first:
            first.append(session)
            other.append("s", messages=[Message.user("from another")])

    assert one.update("s", look) == other.load("s")


def test_update_goes_again_when_others_were_faster(one: SessionStore, other: SessionStore) -> None:
    one.save(SessionData.new("s"))
    calls = 0

    def change(session: SessionData) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            other.append("s", messages=[Message.user("theirs")])
        session.messages.append(Message.user("mine"))

    one.update("s", change)
    assert calls == 2
    assert texts(one) == ["theirs", "mine"]


def test_an_update_may_make_a_new_session_of_the_old_one(one: SessionStore) -> None:
    one.save(SessionData.new("s"))
    one.append("s", messages=[Message.user("a"), Message.user("b")])
    one.update("s", lambda old: old.model_copy(update={"messages": old.messages[1:]}))
    assert texts(one) == ["b"]


def test_an_update_that_makes_another_session_or_none_is_refused(one: SessionStore) -> None:
    one.save(SessionData.new("s"))
    with pytest.raises(InvalidValueError, match="another id"):
        one.update("s", lambda old: SessionData.new("t"))
    with pytest.raises(TypeError, match="gave a str"):
        one.update("s", lambda old: "text")  # type: ignore[arg-type,return-value]
    assert one.list() == ["s"]
    assert [commit.seq for commit in one.history("s")] == [1]


@pytest.mark.parametrize("carries", [True, False])
def test_what_was_given_with_an_answered_key_and_never_saved_is_not_acknowledged_later(
    one: SessionStore, carries: bool
) -> None:
    session = SessionData.new("s")
    one.commit(session, key="turn-1")
    if not carries:
        session = SessionData.new("s")
    session.messages.append(Message.user("later"))
    assert one.commit(session, key="turn-1").seq == 1
    with pytest.raises(ConflictError, match="load it again"):
        one.save(session)
    assert one.save(session, base=1).seq == 2
    assert one.load("s") == session
