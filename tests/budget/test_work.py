"""What the calls cost this machine, counted in instructions of Python."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from objstore import (
    Message,
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    SessionData,
    SessionStore,
    TextDeltaEvent,
)
from objstore.testing import memory_store
from tests.budget.work import instructions

MANY = 10_000


def sessions(messages: int, size: int = 1) -> SessionStore:
    """A store with one session of so many messages of a size, and a run of so many events."""
    store = memory_store()
    session = SessionData.new("s")
    session.messages = [Message.user(f"{n}".ljust(size)) for n in range(messages)]
    store.commit(session, run_records=[run("the run", messages, size)])
    return store


def run(id: str, events: int, size: int) -> RunRecord:
    status = RunStatus.EXECUTING
    snapshot = RunSnapshot(
        id=id, session_id="s", status=status, prompt="", created_at_ms=0, updated_at_ms=0, event_count=events
    )
    event = TextDeltaEvent(text="a line".ljust(size))
    return RunRecord(
        snapshot=snapshot, events=[RunEventRecord(sequence=n, timestamp_ms=0, event=event) for n in range(events)]
    )


def appends(store: SessionStore) -> Iterator[int]:
    """The work of one append after the other."""
    while True:
        messages = [Message.user("a question"), Message.assistant("an answer")]
        events = {"the run": [TextDeltaEvent(text="one more line\n")]}
        yield instructions(partial(store.append, "s", messages=messages, run_events=events))


def test_an_append_is_the_same_work_at_10_and_at_10_000_messages() -> None:
    few, many = appends(sessions(10)), appends(sessions(MANY))
    next(few), next(many)  # what is made once
    assert next(many) == pytest.approx(next(few), rel=0.02)


def test_an_unchanged_message_costs_a_save_a_look_and_no_copy() -> None:
    def work(messages: int) -> int:
        store = sessions(messages)
        session = store.load("s")
        assert session is not None
        session.messages.append(Message.user("one more"))
        return instructions(partial(store.save, session))

    assert work(MANY) - work(10) <= 300 * (MANY - 10)


def test_a_message_that_was_looked_at_before_costs_a_save_next_to_nothing() -> None:
    def work(messages: int) -> int:
        store = sessions(messages)
        session = store.load("s")
        assert session is not None
        for n in range(12):  # each of them notes some of the messages
            session.updated_at = n
            store.save(session)
        session.messages.append(Message.user("one more"))
        return instructions(partial(store.save, session))

    assert work(MANY) - work(10) <= 12 * (MANY - 10)


def test_a_snapshot_is_at_most_the_work_of_a_leaf_however_long_the_session() -> None:
    few, many = appends(sessions(MANY // 10, 1_000)), appends(sessions(MANY, 1_000))
    assert sum(next(many) for _ in range(33)) == pytest.approx(sum(next(few) for _ in range(33)), rel=0.3)
