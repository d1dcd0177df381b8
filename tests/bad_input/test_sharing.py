"""One store object in many hands: threads, event loops, a running loop, copies, and after it was closed."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

import objstore
from objstore import AsyncSessionStore, ConflictError, DocumentStore, Message, SessionData, SessionStore, TextBlock
from objstore.testing import memory_store
from tests.places import Place

THREADS = 16
APPENDS = 4


def texts(session: SessionData | None) -> list[str]:
    assert session is not None
    blocks = [message.content[0] for message in session.messages]
    return [block.text for block in blocks if isinstance(block, TextBlock)]


def test_sixteen_threads_append_through_one_store_and_nothing_is_lost_or_doubled(
    store: SessionStore, place: Place
) -> None:
    store.save(SessionData.new("s"))
    start = threading.Barrier(THREADS)

    def work(thread: int) -> None:
        start.wait()
        for n in range(APPENDS):
            store.append("s", messages=[Message.user(f"{thread}-{n}")])

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    found = texts(place.open().load("s"))
    assert sorted(found) == sorted(f"{thread}-{n}" for thread in range(THREADS) for n in range(APPENDS))
    for thread in range(THREADS):
        own = [text for text in found if text.startswith(f"{thread}-")]
        assert own == [f"{thread}-{n}" for n in range(APPENDS)]
    assert store.verify().ok


def test_threads_that_save_one_revision_make_one_winner(store: SessionStore) -> None:
    session = SessionData.new("s")
    store.save(session)
    start = threading.Barrier(THREADS)

    def work(thread: int) -> bool:
        mine = copy.deepcopy(session)
        mine.messages.append(Message.user(str(thread)))
        start.wait()
        try:
            store.save(mine)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        won = list(pool.map(work, range(THREADS)))
    assert won.count(True) == 1
    assert texts(store.load("s")) == [str(won.index(True))]


def test_one_asynchronous_store_serves_loops_one_after_another_and_side_by_side(place: Place) -> None:
    store = place.open_async()

    async def turn(name: str) -> None:
        await asyncio.gather(*(store.append("s", messages=[Message.user(f"{name}-{n}")]) for n in range(3)))

    async def begin() -> None:
        await store.save(SessionData.new("s"))

    asyncio.run(begin())
    asyncio.run(turn("first"))
    asyncio.run(turn("second"))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: asyncio.run(turn(f"thread{n}")), range(4)))

    async def end() -> list[str]:
        found = texts(await store.load("s"))
        await store.close()
        return found

    names = ["first", "second", *(f"thread{n}" for n in range(4))]
    assert sorted(asyncio.run(end())) == sorted(f"{name}-{n}" for name in names for n in range(3))


def test_tools_in_all_threads_of_a_loop_use_the_waiting_face(place: Place) -> None:
    async def inside() -> list[str]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))  # as on a small machine
        together = threading.Barrier(2)
        with place.open() as waiting:
            waiting.save(SessionData.new("s"))

            def tool(name: str) -> None:
                together.wait()
                waiting.append("s", messages=[Message.user(name)])

            await asyncio.gather(*(asyncio.to_thread(tool, name) for name in "ab"))
        async with place.open_async() as store:
            return texts(await store.load("s"))

    assert sorted(asyncio.run(inside())) == ["a", "b"]


def test_the_waiting_face_works_inside_a_running_loop(place: Place) -> None:
    async def inside() -> list[str]:
        with place.open() as store:
            store.save(SessionData.new("s"))
            store.append("s", messages=[Message.user("x")])
            return texts(store.load("s"))

    assert asyncio.run(inside()) == ["x"]


def test_a_store_that_was_closed_opens_again(place: Place) -> None:
    store = place.open()
    store.close()
    store.save(SessionData.new("s"))
    store.close()
    store.close()
    assert store.exists("s")
    with store as same, same:
        store.append("s", messages=[Message.user("x")])
    assert texts(store.load("s")) == ["x"]
    documents = DocumentStore(place.target, storage_options=place.options)
    documents.close()
    assert documents.load("nothing") is None

    async def closed() -> bool:
        waiting = place.open_async()
        await waiting.close()
        async with waiting:
            assert await waiting.exists("s")
        return await waiting.exists("s")

    assert asyncio.run(closed())


def test_a_pickled_store_is_the_same_place(store: SessionStore, place: Place) -> None:
    store.save(SessionData.new("s"))
    copies: list[SessionStore] = [pickle.loads(pickle.dumps(store)), copy.copy(store), copy.deepcopy(store)]
    for other in copies:
        other.append("s", messages=[Message.user("x")])
    assert len(texts(store.load("s"))) == len(copies)
    waiting: AsyncSessionStore = pickle.loads(pickle.dumps(place.open_async()))
    assert asyncio.run(waiting.list()) == ["s"]
    documents: DocumentStore = pickle.loads(pickle.dumps(DocumentStore(place.target, storage_options=place.options)))
    assert documents.list() == ["s"]


def test_a_store_of_a_relative_path_is_pickled_as_the_place_that_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = objstore.open("agents", cache_bytes=1)
    store.save(SessionData.new("s"))
    opened: list[SessionStore | DocumentStore] = [
        store,
        DocumentStore("agents", storage_options={}),
        objstore.open(LocalFileSystem(), path="agents"),
    ]
    awaited = objstore.open_async(Path("agents"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for other in opened:
        assert pickle.loads(pickle.dumps(other)).list() == ["s"]
        assert copy.deepcopy(pickle.loads(pickle.dumps(other))).list() == ["s"]
    assert asyncio.run(pickle.loads(pickle.dumps(awaited)).list()) == ["s"]


def test_a_session_carried_to_another_store_is_never_saved_as_if_it_were_of_it(place: Place, tmp_path: Path) -> None:
    here, there = place.open(), objstore.open(tmp_path / "there")
    session = SessionData.new("s")
    for n in range(3):
        session.messages.append(Message.user(str(n)))
        here.save(session)
    with pytest.raises(ConflictError, match="base=0"):
        there.save(session)
    assert there.list() == []
    there.save(session, base=0)
    assert texts(objstore.open(tmp_path / "there").load("s")) == ["0", "1", "2"]
    session.messages.append(Message.user("3"))
    with pytest.raises(ConflictError):  # it carries the other store's revision now
        here.save(session)
    assert there.save(session).seq == 2
    assert texts(place.open().load("s")) == ["0", "1", "2"]


def test_stores_with_sessions_of_one_name_and_number_are_told_apart() -> None:
    one, other = memory_store(), memory_store()
    for store in (one, other):
        for n in range(3):
            store.save(SessionData.new("s", name=f"{n} {id(store)}"))
    session = one.load("s")
    assert session is not None
    session.messages.append(Message.user("x"))
    with pytest.raises(ConflictError):
        other.save(session)
    assert len(other.history("s")) == 3
    one.save(session)


def test_a_session_renamed_in_place_is_told_what_to_do(store: SessionStore) -> None:
    session = SessionData.new("s")
    store.save(session)
    session.id = "renamed"
    with pytest.raises(ConflictError, match="base=0"):
        store.save(session)
    store.save(session, base=0)
    assert store.list() == ["renamed", "s"]


MANY = """
import gc, json, sys
import objstore
url, options = sys.argv[1], json.loads(sys.argv[2])
for _ in range(5):
    store = objstore.open(url, storage_options=options or None)
    store.save(objstore.SessionData.new("s"))
    del store
    gc.collect()
kept = [objstore.open(url, storage_options=options or None) for _ in range(2)]
for store in kept:
    store.load("s")
"""


def test_many_stores_that_nobody_closes_give_no_warnings(place: Place) -> None:
    command = [sys.executable, "-W", "error", "-W", "always::ResourceWarning", "-c", MANY]
    arguments = [place.target, json.dumps(place.options or {})]
    ended = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
