"""Updates of a session by a function: again where others were faster, and of what is there."""

from __future__ import annotations

import pytest

from objstore import ConflictError, InvalidValueError, Message, SessionData, SessionStore
from tests.faces.looks import texts


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
