"""What was saved can be loaded: a model that was brought to hold what it would not have taken is not saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from objstore import (
    InvalidValueError,
    Message,
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    SessionData,
    SessionStore,
    TextBlock,
    TextDeltaEvent,
)
from objstore.testing import memory_store

NOTHING = cast(Any, None)
SECRET = "not to be shown"


def swap_message(session: SessionData, **fields: Any) -> None:
    session.messages[0] = session.messages[0].model_copy(update=fields)


def swap_config(session: SessionData, **fields: Any) -> None:
    session.config = session.config.model_copy(update=fields)


EDITS: dict[str, Callable[[SessionData], object]] = {
    "none among texts": lambda s: s.tool_names.append(NOTHING),
    "none among blocks": lambda s: s.messages[0].content.append(NOTHING),
    "none for a text": lambda s: swap_message(s, role=None),
    "none for a number": lambda s: swap_config(s, max_context_length=None),
    "a number out of range": lambda s: swap_config(s, max_context_length=-1),
    "a member of no enum": lambda s: swap_config(s, planning_mode=SECRET),
    "a truth for a number": lambda s: swap_config(s, max_parallel_tasks=True),
    "a field that is missing": lambda s: s.messages.append(Message.model_construct(role=SECRET)),
    "a block of nothing": lambda s: s.messages[0].content.append(TextBlock.model_construct(text=NOTHING)),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
@pytest.mark.parametrize("saved_before", [False, True])
def test_what_could_not_be_loaded_again_is_not_saved(saved_before: bool, edit: Callable[[SessionData], object]) -> None:
    store = memory_store()
    session = SessionData.new("s")
    session.messages = [Message.user(f"{n}") for n in range(100)]
    if saved_before:
        store.save(session)
    good = session.model_copy(deep=True)
    edit(session)
    with pytest.raises(InvalidValueError, match="could not be loaded again: session at ") as caught:
        store.save(session)
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None
    assert store.exists("s") == saved_before
    store.save(good)  # what is whole goes on
    assert store.load("s") == good


def test_the_place_is_that_in_the_session() -> None:
    store = memory_store()
    session = SessionData.new("s")
    session.messages = [Message.user(f"{n}") for n in range(100)]
    store.save(session)
    session.messages[90] = Message.model_construct(role=NOTHING, content=[])
    with pytest.raises(InvalidValueError, match=r"session at messages\.90\.role"):
        store.save(session)


def run(*, status: Any = RunStatus.EXECUTING) -> RunRecord:
    snapshot = RunSnapshot(
        id="r", session_id="s", status=RunStatus.EXECUTING, prompt="", created_at_ms=0, updated_at_ms=0, event_count=0
    )
    return RunRecord(snapshot=snapshot.model_copy(update={"status": status}), events=[])


BROKEN_EVENT = TextDeltaEvent.model_construct(text=NOTHING)
CALLS: dict[str, Callable[[SessionStore], object]] = {
    "message": lambda s: s.append("s", messages=[Message.model_construct(role=NOTHING, content=[])]),
    "event": lambda s: s.append("s", run_events={"r": [BROKEN_EVENT]}),
    "event with its place": lambda s: s.append(
        "s", run_events={"r": [RunEventRecord.model_construct(sequence=0, timestamp_ms=0, event=BROKEN_EVENT)]}
    ),
    "run": lambda s: s.append("s", run_records=[run(status="none such")]),
    "runs as a whole": lambda s: s.save_run_records("s", [run(status="none such")]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_nor_is_it_appended_or_saved_as_a_sibling(call: Callable[[SessionStore], object]) -> None:
    store = memory_store()
    store.commit(SessionData.new("s"), run_records=[run()])
    with pytest.raises(InvalidValueError, match="could not be loaded again"):
        call(store)
    assert len(store.history("s")) == 1
