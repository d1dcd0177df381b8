"""Changing a document by a function of what is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import objstore
from objstore import DocumentStore, InvalidValueError, NotFoundError
from objstore.backends import MemoryBackend
from tests.faces.documents import BIG, adding, parts_of


def test_an_update_is_one_commit_that_costs_what_changes(store: DocumentStore) -> None:
    for n in range(20):
        assert store.update("d", adding({"n": n, "text": "y" * 1000})).seq == n + 1
    assert parts_of(store) == {"log": [{"n": n, "text": "y" * 1000} for n in range(20)], "count": 20}
    newest = store.history("d")[0]
    assert newest.parts == ("log", "count")
    assert newest.size < 2000


def test_an_update_is_made_anew_on_what_others_committed_meanwhile(store: DocumentStore, url: str) -> None:
    store.update("d", adding(1))
    other = DocumentStore(url)
    seen: list[list[int]] = []

    def change(parts: Mapping[str, Any]) -> Mapping[str, object]:
        if not seen:
            other.update("d", adding(2))
        seen.append(list(parts["log"]))
        return adding(3)(parts)

    store.update("d", change)
    assert seen == [[1], [1, 2]]
    assert parts_of(store) == {"log": [1, 2, 3], "count": 3}


def test_updates_of_many_threads_of_two_stores_are_all_there(store: DocumentStore, url: str) -> None:
    stores = [store, DocumentStore(url)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: stores[n % 2].update("d", adding(n)), range(80)))
    assert parts_of(store)["count"] == 80
    assert sorted(parts_of(store)["log"]) == list(range(80))


def test_what_an_update_is_shown_cannot_be_changed(store: DocumentStore) -> None:
    store.save("d", {"list": [[1], {"a": [2]}], "object": {"a": {"b": 1}}})
    before = parts_of(store)

    def every_way(parts: Any) -> Mapping[str, object] | None:
        attempts: list[Callable[[], Any]] = [
            lambda: parts["list"].append(1),
            lambda: parts["list"][0].append(1),
            lambda: parts["list"][1]["a"].append(1),
            lambda: parts["list"][1].update(a=1),
            lambda: parts["object"]["a"].pop("b"),
            lambda: parts["list"].__setitem__(0, 1),
            lambda: parts["object"].__setitem__("a", 1),
            lambda: parts["list"][0:1][0].append(1),
            lambda: next(iter(parts["list"])).append(1),
            lambda: next(iter(parts["object"].values())).update(b=2),
        ]
        for attempt in attempts:
            with pytest.raises(AttributeError):
                attempt()
        parts["new"] = 1  # of no consequence: it is no part of what is given
        return None

    revision = store.update("d", every_way)
    assert revision.seq == 1
    assert parts_of(store) == before


def test_what_an_update_is_shown_reads_as_it_was_saved(store: DocumentStore) -> None:
    value = {"list": [1, [2, 3], {"a": None}], "object": {"a": {"b": [1.5, "x"]}}, "text": "t"}
    store.save("d", value)
    seen: list[Mapping[str, Any]] = []

    def look(parts: Mapping[str, Any]) -> None:
        seen.append(parts)

    store.update("d", look)
    assert seen == [value]
    found: Any = seen[0]["list"]
    assert (len(found), found[-1]["a"], found[1:], found.index([2, 3])) == (3, None, [[2, 3], {"a": None}], 1)
    assert found != [1]
    assert dict(seen[0]["object"]) == {"a": {"b": [1.5, "x"]}}


def test_a_list_that_was_looked_at_can_be_added_to(store: DocumentStore) -> None:
    store.save("d", {"list": [{"a": 1}, 2, {"b": 3}], "object": {"list": [1]}})

    def change(parts: Mapping[str, Any]) -> Mapping[str, object]:
        assert parts["list"].each("a") == [1, None, None]
        with pytest.raises(TypeError):
            parts["list"] + "text"
        grown = parts["list"] + [4] + [[5]]
        assert (list(grown), grown[-1], grown[1:4]) == ([{"a": 1}, 2, {"b": 3}, 4, [5]], [5], [2, {"b": 3}, 4])
        inner = {**parts["object"], "list": parts["object"]["list"] + [2] + [[3]]}
        return {"list": parts["list"] + [{"a": 4}], "object": inner, "new": [parts["list"] + []]}

    store.update("d", change)
    assert parts_of(store) == {
        "list": [{"a": 1}, 2, {"b": 3}, {"a": 4}],
        "object": {"list": [1, 2, [3]]},
        "new": [[{"a": 1}, 2, {"b": 3}]],
    }
    with pytest.raises(InvalidValueError, match=r"list\[5\].* set"):
        store.update("d", lambda parts: {"list": parts["list"] + [1, {2}]})


def test_adding_to_a_list_costs_the_same_however_long_it_is() -> None:
    sent: list[int] = []

    def watch(event: objstore.Event) -> None:
        if isinstance(event, objstore.OperationEvent) and "/log/" in event.key:
            sent.append(event.size)

    for length in (10, 10_000):
        store = DocumentStore(MemoryBackend.isolated(), observer=watch)
        store.save("d", {"log": [{"n": n} for n in range(length)]})
        sent.clear()
        store.update("d", lambda parts: {"log": parts["log"] + [{"n": 0}]})
        assert sent[-1] < 600


def test_big_values_are_put_back_unread(url: str) -> None:
    read: list[str] = []

    def watch(event: objstore.Event) -> None:
        if isinstance(event, objstore.OperationEvent) and event.operation == "get":
            read.append(event.key)

    DocumentStore(url).save("d", {"log": [BIG, {"text": BIG, "raw": b"\x00"}], "raw": b"\x01"})
    store = DocumentStore(url, observer=watch)
    store.update("d", lambda parts: {"log": [*reversed(parts["log"]), "new"], "moved": parts["raw"], "raw": None})
    assert not [key for key in read if "/objects/" in key]
    document = store.load("d")
    assert document is not None
    assert document.parts == {"log": [{"text": BIG, "raw": b"\x00"}, BIG, "new"], "raw": None, "moved": b"\x01"}
    assert document.names == ("log", "moved")


def test_what_moves_inwards_may_not_become_too_deep(store: DocumentStore) -> None:
    def inwards(parts: Mapping[str, Any]) -> Mapping[str, object]:
        return {"deep": [parts.get("deep", 0)]}

    for _ in range(200):
        store.update("d", inwards)
    with pytest.raises(InvalidValueError, match="nested deeper than 200"):
        store.update("d", inwards)
    store.save("d", parts_of(store))


def test_an_update_that_gives_nothing_writes_nothing(store: DocumentStore) -> None:
    with pytest.raises(NotFoundError, match="'d'"):
        store.update("d", lambda _: None)
    revision = store.update("d", adding(1))
    assert store.update("d", lambda _: None) == revision
    assert store.update("d", lambda parts: {"log": parts["log"]}) == revision


def test_an_update_that_is_refused_changes_nothing(store: DocumentStore) -> None:
    store.update("d", adding(1))
    with pytest.raises(InvalidValueError, match=r"log\[1\].* set"):
        store.update("d", adding({"a": {1}}))
    with pytest.raises(InvalidValueError, match="name of a part"):
        store.update("d", lambda _: {"": 1})
    with pytest.raises(ZeroDivisionError):
        store.update("d", lambda _: {"log": [1 // 0]})
    assert parts_of(store) == {"log": [1], "count": 1}


def test_an_update_with_a_repeated_key_is_answered(store: DocumentStore) -> None:
    first = store.update("d", adding(1), key="once")
    store.update("d", adding(2))
    assert store.update("d", adding(1), key="once") == first
    assert parts_of(store)["log"] == [1, 2]


def test_a_deleted_document_is_updated_as_one_that_is_not_there(store: DocumentStore) -> None:
    store.update("d", adding(1))
    store.delete("d")
    store.update("d", adding(2))
    assert parts_of(store) == {"log": [2], "count": 1}


def test_an_update_that_makes_nothing_says_whether_there_ever_was_a_document(store: DocumentStore) -> None:
    with pytest.raises(NotFoundError, match="there is no 'd'"):
        store.update("d", lambda _: None)
    store.save("d", {"body": 1})
    store.delete("d")
    [tombstone] = store.history("d")
    assert store.update("d", lambda _: None).digest == tombstone.digest
    assert store.load("d") is None


def test_what_is_refused_or_raised_is_so_of_what_is_there_now(url: str) -> None:
    with DocumentStore(url) as one, DocumentStore(url) as other:
        one.save("d", {"log": "a text", "ready": False})
        other.save("d", {"log": [1]})
        one.append("d", {"log": [2]})
        other.save("d", {"ready": True})

        def only_if_ready(parts: Mapping[str, Any]) -> Mapping[str, object]:
            if not parts["ready"]:
                raise LookupError("not ready")
            return {"ready": False}

        one.update("d", only_if_ready)
        document = other.load("d")
        assert document is not None
        assert document.parts == {"log": [1, 2], "ready": False}
        other.append("d", {"log": [3]})
        with pytest.raises(LookupError, match="not ready"):
            one.update("d", only_if_ready)
        with pytest.raises(objstore.InvalidValueError, match="no list"):
            one.append("d", {"ready": [1]})
