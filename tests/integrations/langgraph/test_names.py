"""Ids of threads and names within them may be any, and are kept apart or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("langgraph.checkpoint.base", reason="langgraph is not installed")

from langgraph.checkpoint.base import empty_checkpoint

from objstore import DocumentStore, InvalidIdError, InvalidValueError
from objstore.integrations.langgraph import ObjstoreSaver
from tests.integrations.langgraph.checkpoints import got, put, thread
from tests.places import Place

IDS = [
    "a/b",
    "a\\b",
    "a_b",
    "A_B",
    "../up",
    ".",
    "con",
    " ",
    "é",
    "e\u0301",
    "=",
    "a=b",
    "line\nbreak",
    "x" * 1024,
    "🧵",
]


def test_threads_of_any_id_are_apart(place: Place, open_store: Callable[..., DocumentStore]) -> None:
    saver = ObjstoreSaver(open_store(place))
    for id in IDS:
        put(saver, {"id": id}, thread(id))
    fresh = ObjstoreSaver(open_store(place))
    for id in IDS:
        assert got(fresh, thread(id)).checkpoint["channel_values"] == {"id": id}
        assert got(fresh, thread(id)).config["configurable"]["thread_id"] == id
    assert sorted(found.config["configurable"]["thread_id"] for found in fresh.list(None)) == sorted(IDS)
    fresh.delete_thread("a/b")
    assert {found.config["configurable"]["thread_id"] for found in saver.list(None)} == {*IDS} - {"a/b"}


def test_a_number_as_the_id_of_a_thread_is_its_text(memory: Place, open_store: Callable[..., DocumentStore]) -> None:
    saver = ObjstoreSaver(open_store(memory))
    put(saver, {"a": 1}, thread(42))
    assert got(saver, thread("42")).checkpoint["channel_values"] == {"a": 1}


@pytest.mark.parametrize("id", ["", "a\0b", "x" * 1025, "\ud800"])
def test_ids_that_no_store_can_keep_are_refused(
    memory: Place, open_store: Callable[..., DocumentStore], id: str
) -> None:
    saver = ObjstoreSaver(open_store(memory))
    with pytest.raises(InvalidIdError):
        put(saver, {"a": 1}, thread(id))
    with pytest.raises(InvalidIdError):
        saver.get_tuple(thread(id))


@pytest.mark.parametrize("name", ["", "a:b|c:d", "a/b", "=", "\0", "🧵", "x" * 2000])
def test_names_within_a_thread_may_be_any(memory: Place, open_store: Callable[..., DocumentStore], name: str) -> None:
    saver = ObjstoreSaver(open_store(memory))
    config = put(saver, {name: [name]}, thread(space=name))
    put(saver, {"other": 1}, thread(space="another"))
    saver.put_writes(config, [(name, name)], name, name)
    found = got(ObjstoreSaver(open_store(memory)), thread(space=name))
    assert found.checkpoint["channel_values"] == {name: [name]}
    assert found.pending_writes == [(name, name, name)]
    assert [other.checkpoint["channel_values"] for other in saver.list(thread(space=name))] == [{name: [name]}]


def test_a_name_that_would_not_be_found_again_is_refused(
    memory: Place, open_store: Callable[..., DocumentStore]
) -> None:
    store = open_store(memory)
    saver, long = ObjstoreSaver(store), "x" * 300_000
    config = put(saver, {"a": 1})
    checkpoint = empty_checkpoint() | {"channel_values": {"a": 1}, "channel_versions": {"a": long}}
    calls: list[Callable[[], Any]] = [
        lambda: put(saver, {"a": 1}, thread(space=long)),
        lambda: saver.put(config, checkpoint, {"step": 1}, {"a": long}),  # type: ignore[arg-type]
        lambda: saver.put(config, {**empty_checkpoint(), "versions_seen": {"n": {"a": long}}}, {"step": 1}, {}),
        lambda: saver.put_writes(config, [("a", 1)], long),
        lambda: saver.put_writes(config, [("a", 1)], "task", long),
        lambda: saver.put_writes(config, [("a", 1), (long, 1)], "task"),
    ]
    for call in calls:
        with pytest.raises(InvalidValueError, match="a name of 300,000 characters cannot be stored"):
            call()
    assert len(store.history("t")) == 1


@pytest.mark.parametrize("wrong", ["t", b"t", 5])
def test_an_id_is_not_taken_for_one_per_letter(
    memory: Place, open_store: Callable[..., DocumentStore], wrong: Any
) -> None:
    saver = ObjstoreSaver(open_store(memory))
    put(saver, {"kept": 1}, thread(str(ord("t"))), run_id="r")
    put(saver, {"kept": 1}, run_id="t")
    with pytest.raises(TypeError, match=rf"^threads must be a list, not {type(wrong).__name__}$"):
        saver.prune(wrong, strategy="delete")
    with pytest.raises(TypeError, match=rf"^runs must be a list, not {type(wrong).__name__}$"):
        saver.delete_for_runs(wrong)
    assert len(list(saver.list(None))) == 2
