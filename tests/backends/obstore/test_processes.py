"""Forks, threads and loops, and what stays of them."""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import objstore
from objstore import Message, SessionData
from objstore.testing.blocking import blocking
from tests.backends.obstore.through import remote

pytest.importorskip("obstore", reason="obstore is not installed: pip install 'objstore[fast]'")


class TestProcesses:
    def test_a_request_is_made_where_the_caller_is(
        self, bucket: str, s3_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = f"s3://{bucket}/agents"
        store = objstore.open(url, storage_options=s3_options, client="obstore")
        store.save(SessionData.new("s"))
        awaited = objstore.open_async(url, storage_options=s3_options, client="obstore")

        def elsewhere(*_: object) -> None:
            raise AssertionError("it went to another thread's loop")

        monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", elsewhere)
        store.append("s", messages=[Message.user("here")])
        asyncio.run(awaited.append("s", messages=[Message.user("on this loop")]))
        assert [message.role for message in asyncio.run(awaited.load("s")).messages] == ["user"] * 2  # type: ignore[union-attr] # it is there

    def test_one_backend_serves_loops_and_threads(self, bucket: str, s3_options: dict[str, Any]) -> None:
        backend = remote(f"s3://{bucket}", s3_options)

        async def use(name: str) -> list[bytes | None]:
            async def one(number: int) -> bytes | None:
                key = f"{name}/{number}"
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(backend.put(key, b"x"), backend.loop))
                return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(backend.get(key), backend.loop))

            return await asyncio.gather(*(one(number) for number in range(20)))

        with ThreadPoolExecutor(4) as threads:
            results = list(threads.map(lambda name: asyncio.run(use(name)), "abcd"))
        assert results == [[b"x"] * 20] * 4

    def test_loops_that_have_ended_are_not_kept(self, bucket: str, s3_options: dict[str, Any]) -> None:
        url = f"s3://{bucket}/agents"
        store = objstore.open_async(url, storage_options=s3_options, client="obstore", concurrency=1)
        loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

        async def wait_for_each_other() -> None:
            loops.append(weakref.ref(asyncio.get_running_loop()))
            await asyncio.gather(*(store.exists(str(number)) for number in range(4)))

        for _ in range(5):
            asyncio.run(wait_for_each_other())
        gc.collect()
        assert sum(loop() is not None for loop in loops) <= 1

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_child_forked_after_use_reaches_the_same_place_through_fsspec(
        self, bucket: str, s3_options: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        place = blocking(remote(f"s3://{bucket}", s3_options))
        place.put("parent", b"1")
        context = multiprocessing.get_context("fork")
        results = context.SimpleQueue()

        def child() -> None:
            with caplog.at_level(logging.WARNING, "objstore"):
                found = (place.get("parent"), place.create("child", b"2"), place.create("child", b"3"))
                another = blocking(remote(f"s3://{bucket}", s3_options)).get("parent")
            results.put((found, another, caplog.text.count("fsspec takes over")))

        process = context.Process(target=child)
        process.start()
        process.join()
        assert process.exitcode == 0
        assert results.get() == ((b"1", True, False), b"1", 2)
        assert place.get("child") == b"2"
        assert caplog.text == ""
