"""Documents: changing one by a function of what is there, and listing many without reading them."""

from __future__ import annotations

import asyncio
import gc
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import objstore
from objstore import AsyncDocumentStore, Document, DocumentStore, InvalidValueError, NotFoundError
from objstore.backends import MemoryBackend
from objstore.testing.faults import FaultyBackend, Request, Wait

BIG = "x" * 300_000


@pytest.fixture
def url() -> str:
    return f"memory://documents/{uuid.uuid4().hex}"


@pytest.fixture
def store(url: str) -> Iterator[DocumentStore]:
    with DocumentStore(url) as store:
        yield store
        report = store.verify()
        assert report.ok, report.findings


def adding(item: object) -> Callable[[Mapping[str, Any]], Mapping[str, object]]:
    return lambda parts: {"log": [*parts.get("log", ()), item], "count": parts.get("count", 0) + 1}


def parts_of(store: DocumentStore, id: str = "d", at: int | None = None) -> dict[str, Any]:
    document = store.load(id, at=at)
    assert document is not None
    return document.parts


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


@pytest.mark.parametrize("value", [{"x": 1}, "text", 1, True])
def test_nothing_is_appended_to_what_is_no_list(store: DocumentStore, value: object) -> None:
    store.save("d", {"part": value, "list": [1]})
    with pytest.raises(InvalidValueError, match=r"^part of 'd' is no list"):
        store.append("d", {"list": [2], "part": [1]})
    assert parts_of(store) == {"part": value, "list": [1]}


def test_a_refusal_that_was_handled_keeps_nothing_in_memory() -> None:
    store = DocumentStore(MemoryBackend.isolated())
    store.save("d", {"part": "text"})
    gc.disable()  # which would find it out some time
    try:
        try:
            store.append("d", {"part": [1]})
        except InvalidValueError as error:
            refusal = weakref.ref(error)
        assert refusal() is None
    finally:
        gc.enable()


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


def test_summaries_show_small_summaries_of_all_that_is_there(store: DocumentStore) -> None:
    small = {"title": "caf\u00e9", "=": [1]}
    store.save("a/small", {"summary": small, "body": [BIG]})
    store.save("a/none", {"body": 1})
    store.save("a/big", {"summary": "x" * 4095})
    store.save("a/text", {"summary": BIG})
    store.save("a/bytes", {"summary": b"raw"})
    store.save("a/gone", {"summary": 1})
    store.delete("a/gone")
    store.save("b", {"summary": 2})
    found = store.summaries("a/")
    assert [(s.id, s.seq, s.summary, s.problem) for s in found] == [
        ("a/big", 1, None, None),
        ("a/bytes", 1, None, None),
        ("a/none", 1, None, None),
        ("a/small", 1, small, None),
        ("a/text", 1, None, None),
    ]
    assert found[0].saved_at.tzinfo is not None
    store.append("a/small", {"body": ["more"]})
    assert [(s.seq, s.summary) for s in store.summaries("a/small")] == [(2, small)]
    assert len(store.summaries()) == 6


def test_one_damaged_document_does_not_hide_the_others() -> None:
    backend = MemoryBackend.isolated()
    store = DocumentStore(backend)
    for id in ("a", "b"):
        store.update(id, lambda _: {"summary": 1})
        store.update(id, lambda _: {"summary": 2})
    backend.put("sessions/a/log/000000/0000000002", b"damaged")
    assert [(s.id, s.seq, s.summary, s.problem is None) for s in store.summaries()] == [
        ("a", 1, 1, False),
        ("b", 2, 2, True),
    ]


def test_a_store_of_sessions_that_cares_for_documents_hides_none_of_them(store: DocumentStore, url: str) -> None:
    for n in range(40):
        store.save("d", {"summary": n, "body": [n]})
    with objstore.open(url) as sessions:  # as the command line does
        assert sessions.list() == ["d"]
        assert sessions.verify().ok
        sessions.prune("d", keep_last=2)
        sessions.collect()
        assert [(s.id, s.seq, s.summary) for s in store.summaries()] == [("d", 41, 39)]
        sessions.restore("d", 39)
        assert sessions.verify().ok
    assert store.list() == ["d"]
    assert parts_of(store) == {"summary": 38, "body": [38]}


def test_an_update_that_makes_nothing_says_whether_there_ever_was_a_document(store: DocumentStore) -> None:
    with pytest.raises(NotFoundError, match="there is no 'd'"):
        store.update("d", lambda _: None)
    store.save("d", {"body": 1})
    store.delete("d")
    [tombstone] = store.history("d")
    assert store.update("d", lambda _: None).digest == tombstone.digest
    assert store.load("d") is None


@pytest.mark.parametrize("by_sessions", [False, True])
def test_what_is_restored_has_no_part_that_came_later(store: DocumentStore, url: str, by_sessions: bool) -> None:
    store.save("d", {"body": 1})
    store.save("d", {"later": b"x", "summary": "later"})
    with objstore.open(url) as sessions:  # as the command line does
        restored = (sessions if by_sessions else store).restore("d", 1)
    assert restored.seq == 3
    document = DocumentStore(url).load("d")
    assert document == Document({"body": 1, "later": None, "summary": None}, restored, ("body",))
    assert [summary.summary for summary in store.summaries()] == [None]
    assert parts_of(store, at=2) == {"body": 1, "later": b"x", "summary": "later"}


def test_nor_one_that_others_save_meanwhile() -> None:
    backend = MemoryBackend.isolated()
    other = DocumentStore(backend)
    other.save("d", {"body": 1})
    other.save("d", {"body": 2})

    def overtakes(request: Request) -> Wait | None:
        if request.operation == "create" and request.keys[0].endswith("/0000000003"):
            return Wait(lambda: other.save("d", {"later": [1]}))
        return None

    store = DocumentStore(FaultyBackend(backend, overtakes))
    assert store.restore("d", 1).seq == 4
    document = other.load("d")
    assert document is not None
    assert (document.parts["body"], document.names) == (1, ("body",))


def test_documents_are_pruned_and_collected(store: DocumentStore) -> None:
    for n in range(40):
        store.save("d", {"summary": n})
    assert store.prune("d", keep_last=2, dry_run=True).floor == 33
    assert len(store.history("d")) == 40
    assert store.prune("d", keep_last=2).floor == 33
    assert [info.seq for info in store.history("d")] == [*range(41, 32, -1)]
    store.save("e", {"a": b"x"})
    store.delete("e")
    assert store.collect(["e"]).sessions == 1


def test_the_same_awaited(url: str) -> None:
    async def main() -> None:
        async with AsyncDocumentStore(url) as one, AsyncDocumentStore(url) as other:
            await asyncio.gather(*((one, other)[n % 2].update("d", adding(n)) for n in range(20)))
            document = await one.load("d", parts=["count"])
            assert document is not None
            assert (document.parts, set(document.names)) == ({"count": 20}, {"log", "count"})
            await one.save("d", {"summary": "s"})
            assert [(s.id, s.seq, s.summary) for s in await other.summaries()] == [("d", 21, "s")]

    asyncio.run(main())


def test_a_fork_is_a_document_of_its_own(store: DocumentStore) -> None:
    store.save("d", {"count": 1, "big": b"b" * 100_000})
    revision = store.fork("d", "copy")
    store.save("copy", {"count": 2}, base=revision)
    store.delete("d")
    assert parts_of(store, "copy") == {"count": 2, "big": b"b" * 100_000}
    with pytest.raises(NotFoundError):
        store.fork("d", "another")


def test_both_faces_of_an_open_store_share_what_they_remember() -> None:
    reads: list[str] = []

    def observe(event: objstore.Event) -> None:
        if isinstance(event, objstore.OperationEvent) and event.operation in ("get", "list"):
            reads.append(event.operation)

    async def main() -> None:
        with DocumentStore(MemoryBackend.isolated(), observer=observe) as store:
            awaited = AsyncDocumentStore.of(store)
            store.update("d", adding(1))
            reads.clear()
            await awaited.update("d", adding(2))
            store.update("d", adding(3))
            assert reads == []
            assert parts_of(store) == {"log": [1, 2, 3], "count": 3}
            copied = await awaited.fork("d", "copy")
            assert copied.seq == 1

    asyncio.run(main())


def test_a_view_copies_nothing_and_reads_nothing_that_stands_apart(url: str) -> None:
    reads: list[str] = []

    def observe(event: objstore.Event) -> None:
        if isinstance(event, objstore.OperationEvent) and event.operation == "get":
            reads.append(event.key)

    with DocumentStore(url) as writer, DocumentStore(url, observer=observe) as store:
        assert store.view("d") is None
        writer.save("d", {"log": [{"n": 1}], "bytes": b"b" * 1000, "text": BIG})
        document = store.view("d")
        assert document is not None
        assert set(document.names) == {"log", "bytes", "text"}
        assert not any("/objects/" in key for key in reads)
        with pytest.raises(TypeError):
            document.parts["log"][0]["n"] = 2  # type: ignore[index, call-overload]
        with pytest.raises(AttributeError):
            document.parts["log"].append(2)  # type: ignore[union-attr]
        writer.append("d", {"log": [{"n": 2}]})
        reads.clear()
        newer = store.view("d", parts=["log", "none"])
        assert newer is not None
        assert newer.parts == {"log": [{"n": 1}, {"n": 2}], "none": None}
        assert document.parts["log"] == [{"n": 1}]
        assert len(reads) == 2  # the new commit, and that there is none above it
        store.save("d", {"log": []}, base=newer.revision)
        with pytest.raises(objstore.ConflictError):
            store.save("d", {"log": [1]}, base=document.revision)


def test_a_document_without_parts_is_not_there_and_its_revision_is(store: DocumentStore) -> None:
    store.save("d", {"a": 1})
    store.save("d", {"a": None})
    assert not store.exists("d")
    assert store.list() == []
    document = store.load("d")
    assert document is not None
    assert document.names == ()
    store.save("d", {"a": 2}, base=document.revision)
    assert store.list() == ["d"]


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
