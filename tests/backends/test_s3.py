from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from objstore.backends import RemoteBackend, open_backend
from objstore.backends._s3 import S3Adapter
from objstore.backends.base import Backend
from objstore.errors import BackendError, PermissionDeniedError, UnavailableError
from objstore.testing.backend import BackendTests
from objstore.testing.blocking import blocking
from tests.servers.moto_server import MotoServer


def s3(url: str, options: dict[str, Any], **limits: Any) -> Backend:
    backend = open_backend(url, storage_options=options, **limits)
    assert isinstance(backend, RemoteBackend)
    return blocking(backend)


@pytest.fixture
def place(bucket: str, s3_options: dict[str, Any]) -> Backend:
    return s3(f"s3://{bucket}/some/prefix", s3_options)


class TestS3(BackendTests):
    many = 120

    @pytest.fixture
    def backend(self, bucket: str, s3_options: dict[str, Any]) -> object:
        return open_backend(f"s3://{bucket}/some/prefix", storage_options=s3_options)


class TestS3Bucket(BackendTests):
    """A store at the top of a bucket, through a filesystem of the user's own."""

    many = 50

    @pytest.fixture
    def backend(self, bucket: str, s3_options: dict[str, Any]) -> object:
        import s3fs

        return open_backend(s3fs.S3FileSystem(**s3_options), path=bucket)


class TestRequests:
    def test_each_operation_is_one_request(self, place: Backend, s3_server: MotoServer, bucket: str) -> None:
        place.get("warm-up")
        for call, method in (
            (lambda: place.create("a/b", b"x"), "PUT"),
            (lambda: place.create("a/b", b"y"), "PUT"),
            (lambda: place.get("a/b"), "GET"),
            (lambda: place.get("a/nothing"), "GET"),
            (lambda: place.put("a/b", b"z"), "PUT"),
            (lambda: place.copy("a/b", "a/c"), "PUT"),
            (lambda: place.list("a/"), "GET"),
            (lambda: place.list("nothing/"), "GET"),
            (lambda: place.delete(["a/b"]), "DELETE"),
            (lambda: place.delete(["a/c", "a/d"]), "POST"),
        ):
            s3_server.reset()
            call()
            assert s3_server.methods == Counter({method: 1})
            assert s3_server.requests[0].path.startswith(f"/{bucket}")

    def test_the_first_request_is_the_only_one_too(
        self, bucket: str, s3_options: dict[str, Any], s3_server: MotoServer
    ) -> None:
        s3_server.reset()
        assert s3(f"s3://{bucket}", s3_options).create("a", b"x")
        assert s3_server.methods == Counter(PUT=1)

    def test_a_listing_is_one_request_for_each_thousand_names(self, place: Backend, s3_server: MotoServer) -> None:
        place.put("log/0", b"x")
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: place.copy("log/0", f"log/{number:04}"), range(1000)))
        s3_server.reset()
        assert len(place.list("log/")) == 1001
        assert s3_server.methods == Counter(GET=2)
        s3_server.reset()
        place.delete([f"log/{number:04}" for number in range(1000)] + ["log/0"])
        assert s3_server.methods == Counter(POST=2)
        assert place.list("log/") == []

    def test_opening_asks_nothing(self, bucket: str, s3_options: dict[str, Any], s3_server: MotoServer) -> None:
        s3_server.reset()
        open_backend(f"s3://{bucket}", storage_options=s3_options)
        assert s3_server.requests == []

    def test_nothing_comes_from_a_cache(self, bucket: str, s3_options: dict[str, Any]) -> None:
        import s3fs

        theirs = s3fs.S3FileSystem(**s3_options)
        theirs.ls(bucket)
        mine = open_backend(theirs, path=f"{bucket}/p")
        assert isinstance(mine, RemoteBackend)
        other = s3(f"s3://{bucket}/p", s3_options)
        for number in range(3):
            other.put("a", str(number).encode())
            other.put(f"b{number}", b"")
            assert blocking(mine).get("a") == str(number).encode()
            assert len(blocking(mine).list("")) == number + 2


class TestMistakes:
    def test_a_missing_bucket_is_named_whatever_is_asked(
        self, s3_options: dict[str, Any], s3_server: MotoServer
    ) -> None:
        place = s3("s3://no-such-bucket/a", s3_options)
        for call in (
            lambda: place.get("a"),
            lambda: place.list(""),
            lambda: place.create("a", b""),
            lambda: place.put("a", b""),
            lambda: place.copy("a", "b"),
            lambda: place.delete(["a", "b"]),
            lambda: place.delete(["a"]),
        ):
            s3_server.reset()
            with pytest.raises(BackendError, match="the bucket 'no-such-bucket' does not exist") as caught:
                call()
            assert type(caught.value) is BackendError
            assert len(s3_server.requests) == 1

    def test_no_credentials_is_a_refusal(self, options_without_credentials: dict[str, Any]) -> None:
        with pytest.raises(PermissionDeniedError, match="no credentials"):
            s3("s3://bucket", options_without_credentials).get("a")

    def test_a_profile_that_is_not_there_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        with pytest.raises(BackendError, match="nobody-here"):
            s3("s3://bucket", {"profile": "nobody-here"}).get("a")

    def test_nobody_at_the_endpoint_is_unavailable(self, s3_options: dict[str, Any]) -> None:
        options = {**s3_options, "endpoint_url": "http://127.0.0.1:9"}
        with pytest.raises(UnavailableError, match="EndpointConnectionError"):
            s3("s3://bucket/a", options, retries=0).get("b")

    def test_an_option_that_fsspec_does_not_know_is_an_error(self, s3_options: dict[str, Any]) -> None:
        with pytest.raises(BackendError, match="with these storage_options: TypeError"):
            s3("s3://bucket/a", {**s3_options, "nonsense": 1}).get("b")

    def test_objects_that_mark_directories_are_nameless(
        self, bucket: str, s3_options: dict[str, Any], place: Backend
    ) -> None:
        import s3fs

        s3fs.S3FileSystem(**s3_options).call_s3("put_object", Bucket=bucket, Key="some/prefix/a/", Body=b"")
        assert place.list("a/") == []
        assert [(entry.name, entry.is_directory) for entry in place.list("")] == [("a", True)]


class TestSecrets:
    def test_they_are_not_in_repr_or_errors(self, s3_options: dict[str, Any]) -> None:
        options = {**s3_options, "endpoint_url": "http://user:pass-word@127.0.0.1:9", "token": "a-session-token"}
        backend = open_backend("s3://bucket/a", storage_options=options, retries=0)
        assert isinstance(backend, RemoteBackend)
        with pytest.raises(BackendError) as caught:
            blocking(backend).get("b")
        for shown in (repr(backend), str(caught.value), repr(caught.value), repr(caught.value.__cause__)):
            for secret in ("an-access-key", "a-secret-key", "a-session-token", "pass-word"):
                assert secret not in shown
        assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args

    def test_what_was_found_in_the_environment_is_not_pickled(
        self, bucket: str, s3_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-environment")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-environment")
        options = {name: value for name, value in s3_options.items() if name not in ("key", "secret")}
        place = s3(f"s3://{bucket}", options)
        place.put("a", b"1")
        pickled = pickle.dumps(place)
        assert b"of-environment" not in pickled
        assert pickle.loads(pickled).get("a") == b"1"


class TestLoops:
    @staticmethod
    async def use(backend: RemoteBackend, name: str) -> list[bytes | None]:
        async def one(number: int) -> bytes | None:
            await ask(backend, backend.put(f"{name}/{number}", b"x"))
            found: bytes | None = await ask(backend, backend.get(f"{name}/{number}"))
            return found

        return await asyncio.gather(*(one(number) for number in range(20)))

    @pytest.fixture
    def backend(self, bucket: str, s3_options: dict[str, Any]) -> RemoteBackend:
        backend = open_backend(f"s3://{bucket}", storage_options=s3_options)
        assert isinstance(backend, RemoteBackend)
        return backend

    def test_one_backend_serves_one_loop_after_another(self, backend: RemoteBackend) -> None:
        for name in ("first", "second"):
            assert asyncio.run(self.use(backend, name)) == [b"x"] * 20

    def test_one_backend_serves_four_loops_at_once(self, backend: RemoteBackend) -> None:
        with ThreadPoolExecutor(4) as threads:
            results = list(threads.map(lambda name: asyncio.run(self.use(backend, name)), "abcd"))
        assert results == [[b"x"] * 20] * 4

    def test_plain_code_works_inside_a_running_loop(self, backend: RemoteBackend) -> None:
        async def plain() -> bytes | None:
            blocking(backend).put("a", b"1")
            return blocking(backend).get("a")

        assert asyncio.run(plain()) == b"1"

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_it_works_in_a_forked_child_and_then_still_here(self, backend: RemoteBackend) -> None:
        place = blocking(backend)
        place.put("parent", b"1")
        context = multiprocessing.get_context("fork")
        results = context.SimpleQueue()

        def child() -> None:
            results.put((place.get("parent"), place.create("child", b"2"), place.create("child", b"3")))

        process = context.Process(target=child)
        process.start()
        process.join()
        assert process.exitcode == 0
        assert results.get() == (b"1", True, False)
        assert place.get("child") == b"2"

    def test_a_close_waits_for_the_requests_under_way(
        self, backend: RemoteBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = blocking(backend)
        place.put("key", b"x")
        begun, go = threading.Event(), threading.Event()
        ended: list[str] = []
        get, close = S3Adapter.get, S3Adapter.close

        async def slow_get(self: S3Adapter, key: str) -> bytes:
            begun.set()
            await asyncio.to_thread(go.wait)
            data = await get(self, key)
            ended.append("get")
            return data

        async def told_close(self: S3Adapter) -> None:
            ended.append("close")
            await close(self)

        monkeypatch.setattr(S3Adapter, "get", slow_get)
        monkeypatch.setattr(S3Adapter, "close", told_close)
        connected = backend._connections._connection
        with ThreadPoolExecutor(2) as threads:
            found = threads.submit(place.get, "key")
            begun.wait()
            closed = threads.submit(backend.close)
            while backend._connections._connection is connected:
                pass
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), backend.loop).result()  # the close has had its turn
            go.set()
            assert found.result() == b"x"
            closed.result()
        assert ended == ["get", "close"]
        assert place.get("key") == b"x"

    def test_no_session_is_left_unclosed(self, bucket: str, s3_options: dict[str, Any]) -> None:
        script = (
            "import gc, sys; from objstore.backends import open_backend\n"
            "from objstore.testing.blocking import blocking\n"
            "for close in True, False, False:\n"
            "    place = blocking(open_backend(sys.argv[1], storage_options=eval(sys.argv[2])))\n"
            "    place.put('a', b'1'); assert place.get('a') == b'1'\n"
            "    if close: place.close(); assert place.get('a') == b'1'; place.close()\n"
            "    del place; gc.collect()\n"
            "print('done')"
        )
        command = [sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-c", script]
        done = subprocess.run(
            [*command, f"s3://{bucket}", repr(s3_options)], capture_output=True, text=True, check=True
        )
        assert done.stdout == "done\n"
        assert "nclosed" not in done.stderr
        assert "ResourceWarning" not in done.stderr


async def ask(backend: RemoteBackend, asked: Any) -> Any:
    """Await from any loop what must run on the backend's."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asked, backend.loop))
