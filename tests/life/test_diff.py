"""What `diff` tells of lists: the items that came and went, and none that stayed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import objstore
from objstore import DocumentStore, Message, SessionData
from objstore.backends import MemoryBackend
from objstore.testing import memory_store

Told = list[tuple[str, int, Any]]


def told(old: list[str], new: list[str]) -> Told:
    """Save one list of names upon the other, and give what `diff` tells: what became of which place, and of what."""
    store, session = memory_store(), SessionData.new("s")
    session.tool_names = old
    store.save(session)
    session.tool_names = new
    found = store.diff("s", 1, (store.save(session).seq or 0)).differences
    assert all(d.path[:2] == ("session", "tool_names") for d in found)
    return [(d.kind, int(d.path[2]), d.old if d.kind == "removed" else d.new) for d in found]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("abcde", "abCde", [("added", 2, "C"), ("removed", 2, "c")]),
        ("ab", "ab", []),
        ("ab", "ba", [("added", 1, "a"), ("removed", 0, "a")]),
        ("abc", "xabc", [("added", 0, "x")]),
        ("abc", "", [("removed", 0, "a"), ("removed", 1, "b"), ("removed", 2, "c")]),
    ],
)
def test_of_short_items_only_those_that_changed(old: str, new: str, expected: Told) -> None:
    assert told([*old], [*new]) == expected


@given(
    old=st.lists(st.sampled_from(["a", "b", "c" * 100, "d" * 100]), max_size=8),
    new=st.lists(st.sampled_from(["a", "b", "c" * 100, "d" * 100]), max_size=8),
)
def test_without_what_went_and_came_two_lists_are_one(old: list[str], new: list[str]) -> None:
    found = told(old, new)
    went = {place for kind, place, item in found if kind == "removed" and old[place] == item}
    came = {place for kind, place, item in found if kind == "added" and new[place] == item}
    assert len(went) + len(came) == len(found)
    assert [x for n, x in enumerate(old) if n not in went] == [x for n, x in enumerate(new) if n not in came]


def test_of_messages_that_changed_places() -> None:
    store, session = memory_store(), SessionData.new("s")
    session.messages = [Message.user(letter * 200) for letter in "abc"]
    store.save(session)
    session.messages.reverse()
    store.save(session)
    assert [(d.path[1:], d.kind) for d in store.diff("s", 1, 2).differences] == [
        (("messages", 1), "added"),
        (("messages", 2), "added"),
        (("messages", 0), "removed"),
        (("messages", 1), "removed"),
    ]


def test_of_members_that_are_null_but_not_of_parts() -> None:
    place = MemoryBackend.isolated()
    with DocumentStore(place) as store:
        store.save("d", {"one": {}})
        store.save("d", {"one": {"more": None}, "none": None})
    found = objstore.open(place).diff("d", 1, 2).differences
    assert [(d.path, d.kind, d.new) for d in found] == [(("one", "more"), "added", None)]
