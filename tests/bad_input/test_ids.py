"""Odd ids: each names a session of its own or is refused, and none leads out of the store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

import objstore
from objstore import DocumentStore, InvalidIdError, SessionData, SessionStore
from tests.places import Place, make_place

LONG = "l" * 300

ODD = [
    ".", "..", "...", "a/b", "a\\b", "a_b", "A_B", "../escape", "/etc/passwd", "./x", "a//b", "a/", "/", "~", "~root",
    "Bob", "bob", "BOB", "caf\u00e9", "cafe\u0301", "new\nline", "\r", "\t", " ", " lead", "trail ", "trail.", ".lead",
    "CON", "con", "con.txt", "nul", "LPT1", "-dash", "--help", "\U0001f600", "\u202eright", "%2e%2e", "a%2fb", "a=2fb",
    "=", "==", "=-", "x=.0000000001", "objstore.json", "sessions", "log", "a:b", "a|b", "a*b?", "c:\\x", "'\"", "{}",
    "index/x=.0000000001", "[id]", "#frag", "?query", "a&b", "a+b", "\x7f", "\x01", "\ufeffbom", "0", "None", LONG,
    LONG + "1", LONG + "2", "\U0001f600" * 200, "=" * 60, "z" * 1024,
]  # fmt: skip

REFUSED: list[Any] = [
    "", "a\0b", "\0", "x" * 2000, "x" * 1025, "\U0001f600" * 257, "\ud800", "ok\udfff", None,
    5, 1.5, b"bytes", ("t",), ["l"]
]  # fmt: skip


def hashed_key(id: str) -> str:
    return f"{id[:100]}=-{hashlib.sha256(id.encode()).hexdigest()[:32]}"


def test_every_odd_id_is_a_session_of_its_own_and_listed_as_it_is(store: SessionStore, place: Place) -> None:
    look_alike = hashed_key(LONG)  # an id that is spelled like the directory of another session
    ids = [*ODD, look_alike, LONG[:100] + "=-" + "0" * 32]
    assert len(set(ids)) == len(ids)
    for number, id in enumerate(ids):
        store.save(SessionData.new(id, name=str(number)))
    assert store.list() == sorted(ids)
    cold = place.open()
    for number, id in enumerate(ids):
        session = cold.load(id)
        assert session is not None
        assert (session.id, session.config.name) == (id, str(number))
        assert cold.exists(id)
    assert [s.id for s in cold.summaries(ids)] == ids
    assert place.names() == {"objstore.json", "sessions", "index"}
    assert len(place.names("sessions/")) == len(ids)
    assert len({name.casefold() for name in place.names("sessions/")}) == len(ids)
    assert store.verify().ok
    store.delete("Bob")
    assert [store.exists(id) for id in ("Bob", "bob", "BOB")] == [False, True, True]


def test_nothing_lies_outside_the_prefix(request: pytest.FixtureRequest) -> None:
    inner = make_place("local", request)
    assert inner.directory is not None
    store = inner.open()
    for id in ODD:
        store.save(SessionData.new(id))
    beside = [path for path in inner.directory.parent.iterdir() if path != inner.directory]
    assert beside == []


def calls(store: SessionStore, id: Any) -> list[Callable[[], object]]:
    session = SessionData.new("x").model_copy(update={"id": id})
    return [
        lambda: store.save(session),
        lambda: store.save(session, base=0),
        lambda: store.commit(session),
        lambda: store.save_trace_events(id, []),
        lambda: store.append(id, trace_events=[]),
        lambda: store.load(id),
        lambda: store.load_artifacts(id),
        lambda: store.load_bundle(id),
        lambda: store.exists(id),
        lambda: store.delete(id),
        lambda: store.history(id),
        lambda: store.restore(id, 1),
        lambda: store.summaries([id]),
        lambda: store.verify([id]),
        lambda: store.update(id, lambda session: None),
    ]


@pytest.mark.parametrize("id", REFUSED, ids=lambda given: repr(given)[:12])
def test_an_id_that_cannot_be_is_refused_by_every_call_before_anything_is_written(id: Any) -> None:
    place = Place(f"memory://ids/{hashlib.sha256(repr(id).encode()).hexdigest()}")
    store = place.open()
    for number, call in enumerate(calls(store, id)):
        with pytest.raises(InvalidIdError) as caught:
            call()
        assert isinstance(caught.value, ValueError), number
        assert place.files() == {}, number


@pytest.mark.parametrize("id", REFUSED, ids=lambda given: repr(given)[:12])
def test_the_asynchronous_face_and_documents_refuse_the_same(id: Any) -> None:
    url = f"memory://ids/async-{hashlib.sha256(repr(id).encode()).hexdigest()}"

    async def load() -> None:
        await objstore.open_async(url).load(id)

    with pytest.raises(InvalidIdError):
        asyncio.run(load())
    with pytest.raises(InvalidIdError):
        DocumentStore(url).save(id, {"part": 1})
    assert Place(url).files() == {}


def test_a_subclass_of_str_is_an_id(store: SessionStore) -> None:
    class Name(str):
        __slots__ = ()

    store.save(SessionData.new("sub"))
    assert store.exists(Name("sub"))


def test_deleting_one_leaves_its_neighbours(store: SessionStore) -> None:
    ids = ["a", "a/b", "a=", "a.", "a/b/c", LONG, LONG + "1"]
    for id in ids:
        store.save(SessionData.new(id))
    for number, id in enumerate(ids):
        store.delete(id, purge=True)
        assert store.list() == sorted(ids[number + 1 :])
