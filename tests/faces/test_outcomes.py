"""What a save says when the storage fails while the commit is on its way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import objstore
from objstore import Message, OutcomeUnknownError, PermissionDeniedError, SessionData, UnavailableError
from objstore.backends import MemoryBackend
from objstore.testing.faults import FailAfter, FailBefore, Fault, FaultyBackend, Request


def faulty(memory: MemoryBackend, choose: Callable[[Request], Fault | None]) -> objstore.SessionStore:
    return objstore.open(FaultyBackend(memory, choose))


def lost() -> UnavailableError:
    return UnavailableError("no answer")


def denied() -> PermissionDeniedError:
    return PermissionDeniedError("not allowed")


def no_commit(error: Exception) -> Callable[[Request], Fault | None]:
    return lambda r: FailBefore(error) if r.operation == "create" and "/log/" in r.keys[0] else None


def count(memory: MemoryBackend) -> int:
    session = objstore.open(memory).load("s")
    return len(session.messages) if session else -1


def test_a_lost_answer_whose_read_back_fails_too_leaves_the_outcome_unknown() -> None:
    memory = MemoryBackend.isolated()
    objstore.open(memory).save(SessionData.new("s"))

    def choose(request: Request) -> Fault | None:
        if "/log/000000/0000000002" in request.keys[0]:
            return FailAfter(lost()) if request.operation == "create" else FailBefore(lost())
        return None

    with pytest.raises(OutcomeUnknownError, match="load"):
        faulty(memory, choose).append("s", messages=[Message.user("x")])
    assert count(memory) == 1  # it was there after all


def test_so_does_a_refusal_after_which_nothing_may_be_read() -> None:
    memory = MemoryBackend.isolated()
    objstore.open(memory).save(SessionData.new("s"))

    def choose(request: Request) -> Fault | None:
        if "/log/000000/0000000002" in request.keys[0]:
            return FailAfter(denied()) if request.operation == "create" else FailBefore(denied())
        return None

    with pytest.raises(OutcomeUnknownError, match="not allowed"):
        faulty(memory, choose).append("s", messages=[Message.user("x")])
    assert count(memory) == 1


def test_a_refused_hint_does_not_hide_that_the_commit_is_stored() -> None:
    memory = MemoryBackend.isolated()
    store = faulty(memory, lambda r: FailBefore(denied()) if r.keys[0].startswith("index/") else None)
    with pytest.raises(OutcomeUnknownError) as caught:
        store.save(SessionData.new("s"))
    assert isinstance(caught.value.__cause__, PermissionDeniedError)
    assert "not allowed" in str(caught.value)  # a log often shows no more than that
    assert count(memory) == 0


def test_a_refused_commit_is_said_to_be_refused() -> None:
    memory = MemoryBackend.isolated()
    store = faulty(memory, no_commit(denied()))
    with pytest.raises(PermissionDeniedError):
        store.save(SessionData.new("s"))
    assert count(memory) == -1


def test_a_refused_commit_says_why_and_is_not_its_own_cause() -> None:
    refused = denied()
    refused.__cause__ = PermissionError("what the system said")
    store = faulty(MemoryBackend.isolated(), no_commit(refused))
    with pytest.raises(PermissionDeniedError) as caught:
        store.save(SessionData.new("s"))
    assert isinstance(caught.value.__cause__, PermissionError)


def test_an_object_that_cannot_be_stored_fails_before_anything_is_committed() -> None:
    memory = MemoryBackend.isolated()
    store = faulty(memory, lambda r: FailBefore(lost()) if "/objects/" in r.keys[0] else None)
    session = SessionData.new("s")
    session.messages.append(Message.user("x" * 300_000))
    with pytest.raises(UnavailableError):
        store.save(session)
    assert count(memory) == -1


def test_a_lost_answer_is_recognised_as_our_own_success() -> None:
    memory = MemoryBackend.isolated()
    hits = 0

    def choose(request: Request) -> Fault | None:
        nonlocal hits
        if request.operation == "create" and "/log/" in request.keys[0]:
            hits += 1
            return FailAfter(lost()) if hits % 2 else None
        return None

    store = faulty(memory, choose)
    session = SessionData.new("s")
    for n in range(6):
        session.messages.append(Message.user(f"{n}"))
        assert store.save(session).seq == n + 1
    assert count(memory) == 6
    assert len(objstore.open(memory).history("s")) == 6
