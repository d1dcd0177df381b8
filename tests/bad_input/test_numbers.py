"""Where a number belongs: what is none is refused by name, before anything is written, by every call of every face."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest

import objstore
from objstore import (
    ArtifactStore,
    AsyncDocumentStore,
    DocumentStore,
    InvalidValueError,
    NotFoundError,
    Revision,
    SessionData,
    UnsupportedError,
)
from tests.places import Place

NO_NUMBERS: list[Any] = ["1", b"1", 1.0, 1.5, float("nan"), True, False, [1], Revision(1, "0" * 64)]

OF_BOTH: dict[str, Callable[[Any, Any], Any]] = {
    "load": lambda store, at: store.load("s", at=at),
    "restore": lambda store, at: store.restore("s", at),
    "fork": lambda store, at: store.fork("s", "new", at=at),
}

OF_SESSIONS: dict[str, Callable[[Any, Any], Any]] = {
    **OF_BOTH,
    "load_artifacts": lambda store, at: store.load_artifacts("s", at=at),
    "load_trace_events": lambda store, at: store.load_trace_events("s", at=at),
    "load_run_records": lambda store, at: store.load_run_records("s", at=at),
    "load_verification_reports": lambda store, at: store.load_verification_reports("s", at=at),
    "load_bundle": lambda store, at: store.load_bundle("s", at=at),
    "artifact": lambda store, at: store.artifact("s", "uri", at=at),
    "open_artifact": lambda store, at: store.open_artifact("s", "uri", at=at),
}


def finish(found: Any) -> Any:
    """Give what a call of either face does."""
    return asyncio.run(found) if inspect.iscoroutine(found) else found


def sessions(place: Place) -> list[Any]:
    store = place.open()
    store.save(SessionData.new("s", name="first"))
    store.save(SessionData.new("s", name="second"))
    return [store, place.open(), place.open_async()]


def documents(place: Place) -> list[Any]:
    store = DocumentStore(place.target)
    store.save("s", {"a": 1})
    store.save("s", {"a": 2})
    return [store, DocumentStore(place.target), AsyncDocumentStore(place.target)]


@pytest.mark.parametrize("number", NO_NUMBERS, ids=repr)
@pytest.mark.parametrize("stores", [sessions, documents])
def test_what_is_no_number_of_a_commit_is_refused_and_nothing_is_written(
    memory: Place, stores: Callable[[Place], list[Any]], number: Any
) -> None:
    for store in stores(memory):
        before = memory.files()
        for name, call in (OF_SESSIONS if stores is sessions else OF_BOTH).items():
            with pytest.raises(
                InvalidValueError, match=f"^at must be the number of a commit, .* not {type(number).__name__}$"
            ):
                finish(call(store, number))
            assert memory.files() == before, name


@pytest.mark.parametrize("number", [*NO_NUMBERS, None], ids=repr)
def test_no_difference_is_shown_of_what_is_no_number(memory: Place, number: Any) -> None:
    for store in sessions(memory):
        with pytest.raises(InvalidValueError, match=f"^old must be the number .* not {type(number).__name__}$"):
            finish(store.diff("s", number, 2))
        with pytest.raises(InvalidValueError, match=f"^new must be the number .* not {type(number).__name__}$"):
            finish(store.diff("s", 1, number))


def test_a_restore_says_which_commit(memory: Place) -> None:
    for store in [*sessions(memory), DocumentStore(memory.target), AsyncDocumentStore(memory.target)]:
        before = memory.files()
        with pytest.raises(InvalidValueError, match=r"^at must be the number of a commit, .* not NoneType$"):
            finish(store.restore("s", None))
        assert memory.files() == before


def test_a_fork_that_is_refused_begins_no_store(memory: Place) -> None:
    number: Any = "1"
    with pytest.raises(InvalidValueError, match=r"^at must be"):
        memory.open().fork("s", "new", at=number)
    with pytest.raises(InvalidValueError, match=r"^at must be"):
        memory.open().restore("s", number)
    assert memory.files() == {}


@pytest.mark.parametrize("number", [0, -1, 3, 10**30], ids=repr)
def test_a_number_that_no_commit_has_is_not_found(memory: Place, number: int) -> None:
    for stores, calls in ((sessions, OF_SESSIONS), (documents, OF_BOTH)):
        place = Place(f"{memory.target}/{stores.__name__}")
        for store in stores(place):
            before = place.files()
            for call in calls.values():
                with pytest.raises(NotFoundError, match=f"'s' has no commit {number}; it has commits up to 2"):
                    finish(call(store, number))
            assert place.files() == before
            with pytest.raises(NotFoundError, match=f"there is no 'nobody', so there is no commit {number} of it"):
                finish(store.load("nobody", at=number))
    with pytest.raises(NotFoundError, match=f"has no commit {number}"):
        Place(f"{memory.target}/sessions").open().diff("s", 1, number)


@pytest.mark.parametrize("number", [10**5000, -(10**5000)], ids=["large", "small"])
def test_a_number_of_more_digits_than_can_be_shown_is_refused(memory: Place, number: int) -> None:
    for store in sessions(memory):
        before = memory.files()
        for call in OF_SESSIONS.values():
            with pytest.raises(InvalidValueError, match=r"^at must be the number of a commit, which has 10 digits"):
                finish(call(store, number))
        with pytest.raises(InvalidValueError, match=r"^new must be the number of a commit, which has 10 digits"):
            finish(store.diff("s", 1, number))
        with pytest.raises(InvalidValueError, match=r"^seq must be the number of a commit, which has 10 digits"):
            finish(store.save(SessionData.new("s"), base=number))
        assert memory.files() == before


@pytest.mark.parametrize("number", [*NO_NUMBERS, 0, -1, 1], ids=repr)
def test_a_tree_which_keeps_no_history_refuses_the_same_and_every_number(memory: Place, number: Any) -> None:
    memory.open("tree").save(SessionData.new("s"))
    before = memory.files()
    expected: tuple[type[Exception], str] = (InvalidValueError, "^at must be the number of a commit")
    if type(number) is int:
        expected = UnsupportedError, "the tree layout keeps no history"
    for store in (memory.open("tree"), memory.open_async("tree")):
        for call in OF_SESSIONS.values():
            with pytest.raises(expected[0], match=expected[1]):
                finish(call(store, number))
    assert memory.files() == before


@pytest.mark.parametrize("number", ["1", 1.0, True], ids=repr)
def test_a_revision_of_no_number_is_no_base(memory: Place, number: Any) -> None:
    sessions(memory)
    before = memory.files()
    for store in (memory.open(), memory.open_async()):
        with pytest.raises(InvalidValueError, match=f"^seq must be the number .* not {type(number).__name__}$"):
            finish(store.save(SessionData.new("s"), base=Revision(number, "0" * 64)))
        with pytest.raises(InvalidValueError, match=f"^seq must be the number .* not {type(number).__name__}$"):
            finish(store.save_artifacts("s", ArtifactStore(), base=Revision(number, "0" * 64)))
        with pytest.raises(InvalidValueError, match=f"^seq must be the number .* not {type(number).__name__}$"):
            finish(store.delete("s", base=Revision(number, "0" * 64)))
    assert memory.files() == before
    assert objstore.open(memory.target).exists("s")
