"""What a tree cannot hold or do is refused by name, before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from objstore import ConflictError, InvalidValueError, SessionData, SessionStore, ToolUseBlock, UnsupportedError
from objstore.models import Message
from tests.places import Place

from .samples import artifacts, fill, session, text


def nested(depth: int) -> SessionData:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    found = session("s")
    found.messages = [Message(role="assistant", content=[ToolUseBlock(id="1", name="bash", input=value)])]
    return found


@pytest.mark.parametrize(("count", "size"), [(257, 1), (17, 2**20), (1, 2**24 + 1)])
def test_artifacts_that_the_seed_would_drop_are_refused(
    local: SessionStore, directory: Path, count: int, size: int
) -> None:
    with pytest.raises(UnsupportedError, match=r"artifacts of 's'.*lossy"):
        local.commit(session("s"), artifacts=artifacts(count, size))
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize(("count", "size"), [(256, 1), (16, 2**20), (1, 2**24)])
def test_artifacts_that_the_seed_keeps_are_kept(local: SessionStore, count: int, size: int) -> None:
    local.save_artifacts("s", artifacts(count, size))
    assert local.load_artifacts("s") == artifacts(count, size)


def test_arguments_as_deep_as_the_seed_reads_are_kept(local: SessionStore) -> None:
    local.save(nested(122))
    assert local.load("s") == nested(122)


def test_arguments_deeper_than_the_seed_reads_are_refused(local: SessionStore, directory: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"session of 's'.*deep"):
        local.save(nested(123))
    assert list(directory.iterdir()) == []


def test_what_no_layout_can_hold_is_the_fault_of_the_value(local: SessionStore, directory: Path) -> None:
    bad = session("s")
    bad.config.name = "\ud800"
    with pytest.raises(InvalidValueError):
        local.save(bad)
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.load("s", at=1),
        lambda store: store.load_bundle("s", at=1),
        lambda store: store.history("s"),
        lambda store: store.restore("s", 1),
        lambda store: store.save(session("s"), base=1),
        lambda store: store.delete("s", base=1),
        lambda store: store.commit("s", trace_events=[], key="k"),
        lambda store: store.append("s", trace_events=[], key="k"),
    ],
)
def test_what_needs_a_history_is_unsupported(
    local: SessionStore, directory: Path, call: Callable[[SessionStore], object]
) -> None:
    fill(directory, "s")
    with pytest.raises(UnsupportedError, match="tree layout"):
        call(local)
    assert local.verify().objects == 5


def test_the_last_writer_wins(place: Place) -> None:
    with place.open("tree") as one, place.open("tree") as other:
        one.save(session("s"))
        mine, theirs = one.load("s"), other.load("s")
        assert mine is not None
        assert theirs is not None
        mine.config.name, theirs.config.name = "mine", "theirs"
        one.save(mine)
        other.save(theirs)
        assert one.load("s") == theirs


def test_base_0_demands_that_nothing_is_there(tree: SessionStore, place: Place) -> None:
    tree.save(session("s"), base=0)
    tree.save(session("s"), base=0)  # just so already
    changed = session("s")
    changed.messages.clear()
    with pytest.raises(ConflictError, match="already"):
        tree.save(changed, base=0)
    with pytest.raises(ConflictError):
        tree.delete("s", base=0)
    tree.save_trace_events("s", [], base=0)
    assert place.files() == {"s.json": text("session", "s"), "traces/s.json": b"[]"}
