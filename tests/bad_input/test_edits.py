"""Edits in place, anywhere and however small, are saved; and edits of what was loaded reach nobody else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from objstore import (
    ArtifactStore,
    DocumentStore,
    Message,
    SessionData,
    SessionStore,
    Task,
    TaskPriority,
    TaskStatus,
    ToolUseBlock,
)
from objstore.testing import memory_store
from tests.bad_input.damage import artifact

START: dict[str, Any] = {
    "one": 1,
    "nested": {"list": [{"deep": {"x": 1, "y": [1, 2, 3]}}, 0.0], "flag": True},
    "text": "text " * 100_000,
    "z": None,
    "a": [],
}


def swap(value: dict[str, Any]) -> None:
    first = next(iter(value))
    value[first] = value.pop(first)


EDITS: dict[str, Callable[[Any], object]] = {
    "nested value": lambda v: v["nested"]["list"][0]["deep"].update(x=2),
    "nested item": lambda v: v["nested"]["list"][0]["deep"]["y"].insert(1, 9),
    "int to float": lambda v: v.update(one=1.0),
    "int to bool": lambda v: v.update(one=True),
    "bool to int": lambda v: v["nested"].update(flag=1),
    "zero to minus zero": lambda v: v["nested"]["list"].__setitem__(1, -0.0),
    "zero to integer": lambda v: v["nested"]["list"].__setitem__(1, 0),
    "order of keys": swap,
    "order of nested keys": lambda v: swap(v["nested"]["list"][0]["deep"]),
    "key renamed": lambda v: v.update(b=v.pop("a")),
    "key removed": lambda v: v.pop("z"),
    "null to absent and back elsewhere": lambda v: (v.pop("z"), v.update(y=None)),
    "empty list to empty object": lambda v: v.update(a={}),
    "empty list to null": lambda v: v.update(a=None),
    "last letter of a big text": lambda v: v.update(text=v["text"][:-1] + "!"),
    "big text to its own object": lambda v: v.update(text={"text": v["text"]}),
    "item doubled": lambda v: v["nested"]["list"].append(v["nested"]["list"][0]),
    "list reversed": lambda v: v["nested"]["list"].reverse(),
    "emptied": lambda v: v.clear(),
}


def session_with(value: Any) -> SessionData:
    session = SessionData.new("s")
    session.messages.append(Message(role="assistant", content=[ToolUseBlock(id="1", name="t", input=value)]))
    return session


def arguments(session: SessionData | None) -> Any:
    assert session is not None
    block = session.messages[0].content[0]
    assert isinstance(block, ToolUseBlock)
    return block.input


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_an_edit_in_place_is_found_and_saved_exactly(edit: Callable[[Any], object]) -> None:
    store = memory_store()
    session = session_with(copy.deepcopy(START))
    store.save(session)
    edit(arguments(session))
    assert repr(arguments(session)) != repr(START)
    store.save(session)
    assert len(store.history("s")) == 2
    assert repr(arguments(store.load("s"))) == repr(arguments(session))
    assert repr(arguments(store.load("s", at=2))) == repr(arguments(session))  # from what is stored
    assert repr(arguments(store.load("s", at=1))) == repr(START)
    store.save(session)
    assert len(store.history("s")) == 2


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_an_edit_of_what_was_saved_or_loaded_reaches_nobody_else(edit: Callable[[Any], object]) -> None:
    store = memory_store()
    saved = session_with(copy.deepcopy(START))
    store.save(saved)
    edit(arguments(saved))
    first, second = store.load("s"), store.load("s")
    edit(arguments(first))
    assert repr(arguments(second)) == repr(START)
    assert repr(arguments(store.load("s"))) == repr(START)


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_documents_share_nothing_with_their_callers(edit: Callable[[Any], object]) -> None:
    store = DocumentStore("memory://edits/documents")
    store.delete("d")
    given = copy.deepcopy(START)
    store.save("d", {"v": given})
    edit(given)
    for _ in range(2):
        found = store.load("d")
        assert found is not None
        assert repr(found.parts["v"]) == repr(START)
        edit(found.parts["v"])
    store.save("d", {"v": given})
    again = store.load("d")
    assert again is not None
    assert repr(again.parts["v"]) == repr(given)


SESSION_EDITS: dict[str, Callable[[SessionData], object]] = {
    "unknown field": lambda s: (s.model_extra or {})["unknown"].append(2),
    "config": lambda s: setattr(s.config, "goal_tracking", not s.config.goal_tracking),
    "usage": lambda s: setattr(s.total_usage, "total_tokens", 7),
    "cost to one of the same size": lambda s: setattr(s, "total_cost", -0.0),
    "a task": lambda s: setattr(s.tasks[0], "content", "other"),
    "tools": lambda s: s.tool_names.reverse(),
    "a message's role": lambda s: setattr(s.messages[0], "role", "tool"),
    "a message moved": lambda s: s.messages.insert(0, s.messages.pop()),
    "a block removed": lambda s: s.messages[0].content.clear(),
    "updated_at": lambda s: setattr(s, "updated_at", s.updated_at + 1),
}


@pytest.mark.parametrize("edit", SESSION_EDITS.values(), ids=SESSION_EDITS.keys())
def test_an_edit_of_any_field_of_a_model_is_found(edit: Callable[[SessionData], object]) -> None:
    store = memory_store()
    session = session_with({"x": 1})
    session.messages.append(Message.user("second"))
    session.tool_names = ["a", "b"]
    session.tasks = [Task(id="1", content="do it", status=TaskStatus.PENDING, priority=TaskPriority.HIGH)]
    assert session.model_extra is not None
    session.model_extra["unknown"] = [1]
    store.save(session)
    loaded = store.load("s")
    assert loaded is not None
    edit(loaded)
    store.save(loaded)
    assert len(store.history("s")) == 2
    assert repr(store.load("s", at=2)) == repr(loaded)
    assert repr(store.load("s", at=1)) == repr(session)


def test_artifacts_and_their_order_are_found(store: SessionStore) -> None:
    artifacts = ArtifactStore()
    for name in ("first", "second"):
        artifacts.put(artifact(name * 3000))
    store.save_artifacts("s", artifacts)
    moved = next(iter(artifacts))
    artifacts.remove(moved.artifact_uri)
    artifacts.put(moved)
    store.save_artifacts("s", artifacts)
    assert len(store.history("s")) == 2
    found = store.load_artifacts("s")
    assert found is not None
    assert [a.artifact_uri for a in found] == [a.artifact_uri for a in artifacts]
