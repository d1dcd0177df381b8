"""Threads: what is remembered of them, and what becomes of a change whose fellows or parent are refused."""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("langgraph.graph", reason="langgraph is not installed")

from langgraph.checkpoint.base import empty_checkpoint

from objstore import DocumentStore, InvalidValueError, ObjstoreError
from objstore.backends import MemoryBackend
from objstore.integrations.langgraph import ObjstoreSaver
from objstore.integrations.langgraph.faces import Faces
from objstore.integrations.langgraph.threads import Threads
from objstore.testing.faults import Fault, FaultyBackend, Request, refused, unavailable
from tests.integrations.langgraph.graphs import thread


def test_writes_that_come_together_are_one_commit_and_a_bad_one_harms_nobody() -> None:
    store = DocumentStore(MemoryBackend.isolated())
    saver = ObjstoreSaver(store, patience=0.1)
    config = saver.put(thread(checkpoint_ns=""), empty_checkpoint(), {"step": 0}, {})

    async def together(channels: list[str]) -> list[Any]:
        writes = [saver.aput_writes(config, [(channel, n)], f"task {channel!r}") for n, channel in enumerate(channels)]
        return await asyncio.gather(*writes, return_exceptions=True)

    assert asyncio.run(together(["a", "b", "c"])) == [None] * 3
    assert len(store.history("t")) == 2
    found = asyncio.run(together(["d", "lone \ud800", "e", "f"]))
    assert [type(result) for result in found] == [type(None), InvalidValueError, type(None), type(None)]
    kept = saver.get_tuple(config)
    assert kept is not None
    assert {channel for _, channel, _ in kept.pending_writes or []} == set("abcdef")


def test_the_threads_that_were_used_last_are_remembered_up_to_a_number_of_entries() -> None:
    store = DocumentStore(MemoryBackend.isolated())
    saver = ObjstoreSaver(store)
    for id in ("a", "b", "c", "d"):
        config = thread(id, checkpoint_ns="")
        for _ in range(3 if id != "c" else 30):
            config = saver.put(config, empty_checkpoint(), {"step": 0}, {})
    faces, threads = Faces(store), Threads(entries=12)
    for id, remembered in (("a", "a"), ("b", "ab"), ("d", "abd"), ("a", "bda"), ("c", "c"), ("b", "b"), ("d", "bd")):
        read = faces.run(threads.read(id))
        assert len(read.checkpoints) == (3 if id != "c" else 30)
        assert "".join(threads.remembered()) == remembered
    threads.forget("b")
    assert threads.remembered() == ["d"]


def test_why_a_checkpoint_is_not_there_is_told_of_those_that_follow_it() -> None:
    broken = False

    def choose(request: Request) -> Fault | None:
        return unavailable() if broken and request.operation == "create" else None

    saver = ObjstoreSaver(DocumentStore(FaultyBackend(MemoryBackend.isolated(), choose)))
    config = saver.put(thread(checkpoint_ns=""), empty_checkpoint(), {"step": 0}, {})
    first, second = empty_checkpoint(), empty_checkpoint()
    after_first = thread(checkpoint_ns="", checkpoint_id=first["id"])
    broken = True
    with pytest.raises(ObjstoreError) as why:
        saver.put(config, first, {"step": 1}, {})
    broken = False
    with pytest.raises(type(why.value), match=re.escape(str(why.value))):
        saver.put(after_first, second, {"step": 2}, {})
    with pytest.raises(type(why.value)):
        saver.put_writes(after_first, [("a", 1)], "task")
    saver.put(config, first, {"step": 1}, {})
    saver.put_writes(after_first, [("a", 1)], "task")
    saver.put(after_first, second, {"step": 2}, {})
    assert [found.metadata["step"] for found in saver.list(thread())] == [2, 1, 0]


def test_a_thread_that_somebody_writes_to_is_remembered_whatever_others_take() -> None:
    store = DocumentStore(MemoryBackend.isolated())
    ObjstoreSaver(store).put(thread("b", checkpoint_ns=""), empty_checkpoint(), {"step": 0}, {})
    threads = Threads(entries=1)
    change: Any = SimpleNamespace(key=("", "x"))
    writing = threads.write("a", change)
    next(writing)
    row = threads._rows["a"]
    assert Faces(store).run(threads.read("b")).checkpoints
    assert threads._rows["a"] is row
    writing.close()


def test_of_the_checkpoints_of_a_thread_few_are_held_whole() -> None:
    saver = ObjstoreSaver(DocumentStore(MemoryBackend.isolated()))
    config = thread("t", checkpoint_ns="")
    for step in range(100):
        config = saver.put(config, empty_checkpoint(), {"step": step}, {})
    known = saver._threads._rows["t"].thread
    assert known is not None
    assert len(known.checkpoints) == 100
    assert len(known._resolved) <= 100 // 32 + 2


def test_only_so_many_beginnings_of_threads_are_remembered() -> None:
    threads = Threads()
    for n in range(5000):
        threads.say_empty(str(n), "")
    assert len(threads._empty) == 4096
    assert not threads.begin("0", "")
    assert threads.begin("4999", "")


def test_of_what_was_refused_little_is_remembered_and_nothing_that_it_held() -> None:
    place = FaultyBackend(
        MemoryBackend.isolated(), lambda request: refused() if request.operation == "create" else None
    )
    saver = ObjstoreSaver(DocumentStore(place))
    for step in range(40):
        with pytest.raises(ObjstoreError):
            saver.put(thread("t", checkpoint_ns=""), empty_checkpoint(), {"step": step}, {})
    remembered = saver._threads._rows["t"].refused
    assert len(remembered) == 32
    assert [why.__traceback__ for why in remembered.values()] == [None] * 32
