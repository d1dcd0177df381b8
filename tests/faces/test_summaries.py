"""What a listing counts is what is there, however it came there: the counts go on from those of the commit before."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from objstore import Message, SessionData
from objstore._engine.summary import summary_of
from objstore._log.listing import Listed, at_second
from objstore.testing import memory_store

MESSAGES = st.sampled_from(
    [Message.user("a question"), Message.assistant("an answer"), Message.tool_result("call", "a result")]
)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["append", "save", "insert", "cut", "swap", "compact", "rename"]),
        st.lists(MESSAGES, min_size=1, max_size=3),
        st.integers(0, 5),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(CHANGES)
def test_turns_are_counted_right_after_any_changes(changes: list[tuple[str, list[Message], int]]) -> None:
    store = memory_store()
    store.save(SessionData.new("s"))
    for kind, messages, place in changes:
        copies = [message.model_copy(deep=True) for message in messages]
        if kind == "append":
            store.append("s", messages=copies)
            continue
        session = store.load("s")
        assert session is not None
        match kind:
            case "save":
                session.messages += copies
            case "insert":
                session.messages[place:place] = copies
            case "cut":
                del session.messages[place : place + 2]
            case "swap":
                session.messages[place : place + 1] = copies
            case "compact":
                session.messages[:place] = copies
            case "rename":
                session.config.name = f"name {place}"
        store.save(session)
    session = store.load("s")
    (summary,) = store.summaries(["s"])
    assert session is not None
    assert summary.messages == len(session.messages)
    texts = [m for m in session.messages if m.role == "user" and m.content[0].type == "text"]
    assert summary.turns == len(texts)


def test_a_summary_holds_the_first_120_characters_of_a_name() -> None:
    store = memory_store()
    for id, name in (("all", "é" * 120), ("beginning", "é" * 120 + "x")):
        store.save(SessionData.new(id, name=name))
    assert {found.name for found in store.iter_summaries()} == {"é" * 120}


def test_costs_that_no_float_holds_are_none() -> None:
    listed = Listed("s", 1, at_second(0), {"cost": 10**400})
    assert summary_of(listed).cost == 0.0
