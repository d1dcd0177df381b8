"""What a save, an append, a restore, a fork and a prune leave of a document, and listing many without reading them."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

import objstore
from objstore import AsyncDocumentStore, Document, DocumentStore, InvalidValueError, NotFoundError
from objstore.backends import MemoryBackend
from objstore.testing.faults import FaultyBackend, Request, Wait
from tests.faces.documents import BIG, adding, parts_of


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
