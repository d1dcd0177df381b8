"""Idempotency keys: a repeat is answered, by whichever store, whatever became of the session meanwhile."""

from __future__ import annotations

import pytest

from objstore import ConflictError, Message, SessionData, SessionStore
from tests.faces.looks import texts


def test_a_fork_begins_without_the_keys_of_what_was_deleted_where_it_is_made(one: SessionStore) -> None:
    one.save(SessionData.new("s"))
    one.save(SessionData.new("fork"))
    one.append("fork", messages=[Message.user("once")], key="job")
    one.delete("fork")
    one.fork("s", "fork")
    assert one.append("fork", messages=[Message.user("once more")], key="job").seq == 5


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
