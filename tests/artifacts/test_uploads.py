"""Uploads that fail, are broken off, race, or are long: nothing of them is seen, and nothing of them stays."""

from __future__ import annotations

import asyncio
import io
import resource
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import objstore
from objstore import BackendError, OutcomeUnknownError, UnavailableError
from objstore.backends.memory import MemoryBackend
from objstore.testing import memory_store
from objstore.testing.faults import Fault, FaultyBackend, Request, Wait, lost_answer, refused, unavailable
from tests.artifacts.samples import MIB, contents, noise, objects
from tests.places import Place
from tests.servers.moto_server import MotoServer

KIB = 1024
DATA = noise(5 * MIB)
LONG = noise(20 * MIB + 1)
"""Three parts on S3."""


class BrokenStream(io.RawIOBase):
    """Gives some bytes, then fails."""

    def __init__(self) -> None:
        self.left = 3

    def read(self, size: int = -1, /) -> bytes:
        self.left -= 1
        if not self.left:
            raise OSError("the pipe broke")
        return b"x" * MIB


@pytest.fixture
def spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of temporary files."""
    directory = tmp_path / "spools"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


def failing(choose: Callable[[Request], Fault | None]) -> objstore.SessionStore:
    return objstore.open(FaultyBackend(MemoryBackend.isolated(), choose))


def test_a_stream_that_breaks_leaves_nothing(place: Place, spools: Path) -> None:
    with place.open() as store, pytest.raises(OSError, match="the pipe broke"):
        store.put_artifact("s", BrokenStream(), tool_name="t")
    assert place.files() == {}
    assert list(spools.iterdir()) == []


def test_the_local_copy_is_for_this_user_only_and_goes_afterwards(spools: Path, tmp_path: Path) -> None:
    modes: list[int] = []

    def look(request: Request) -> None:
        if request.operation == "upload":
            modes.extend(file.stat().st_mode & 0o777 for file in spools.iterdir())

    with failing(look) as store:
        store.put_artifact("s", DATA, tool_name="t")
    assert modes == [0o600]
    assert list(spools.iterdir()) == []


@pytest.fixture
def small_files() -> Iterator[None]:
    """Refuse files of more than 64 KiB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * KIB, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [65 * KIB, MIB])
@pytest.mark.usefixtures("small_files")
def test_where_there_is_no_room_for_the_local_copy_it_is_named(spools: Path, size: int) -> None:
    store = memory_store()
    with pytest.raises(OSError, match="for a temporary copy: make room, or set TMPDIR to another directory") as caught:
        store.put_artifact("s", noise(size), tool_name="t")
    assert Path(caught.value.filename).parent == spools
    assert list(spools.iterdir()) == []
    assert store.history("s") == []


@pytest.mark.parametrize("sizes", [(100,), (5, 59)], ids=["at once", "with what waits in a buffer"])
@pytest.mark.usefixtures("small_files")
def test_nor_for_the_commits_of_a_copy(spools: Path, monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...]) -> None:
    monkeypatch.setattr("objstore.transfer._clone._IN_MEMORY", KIB)
    source = memory_store()
    session = objstore.SessionData.new("s")
    for size in sizes:
        session.messages.append(objstore.Message.user(noise(size * KIB).hex()))
        source.save(session)
    with pytest.raises(OSError, match="for a temporary copy") as caught:
        objstore.copy(source, memory_store())
    assert caught.value.filename == str(spools)


@pytest.mark.parametrize("fault", [unavailable, refused])
def test_an_upload_that_fails_leaves_the_session_as_it_was(fault: Callable[[], Fault], spools: Path) -> None:
    is_broken = True
    with failing(lambda request: fault() if is_broken and request.operation == "upload" else None) as store:
        with pytest.raises(BackendError):
            store.put_artifact("s", DATA, uri="u", tool_name="t")
        assert (store.history("s"), store.artifact("s", "u")) == ([], None)
        assert list(spools.iterdir()) == []
        is_broken = False
        assert contents(store, store.put_artifact("s", DATA, uri="u", tool_name="t")) == DATA


def test_an_answer_that_is_lost_does_no_harm() -> None:
    with failing(lambda r: lost_answer() if (r.operation, r.number) == ("upload", 0) else None) as store:
        info = store.put_artifact("s", DATA, tool_name="t")
        assert contents(store, info) == DATA
        assert len(store.history("s")) == 1


def test_what_was_sent_for_a_commit_that_failed_is_collected() -> None:
    is_broken = True

    def choose(request: Request) -> Fault | None:
        is_commit = request.operation == "create" and "/log/" in request.keys[0]
        return unavailable() if is_broken and is_commit else None

    with failing(choose) as store:
        with pytest.raises((UnavailableError, OutcomeUnknownError)):
            store.put_artifact("s", DATA, uri="u", tool_name="t")
        assert store.artifact("s", "u") is None
        is_broken = False
        removed = store.collect().removed
        assert [doomed.key.split("/")[2] for doomed in removed] == ["objects"]
        assert store.collect(dry_run=True).removed == ()
        assert contents(store, store.put_artifact("s", DATA, uri="u", tool_name="t")) == DATA


def test_a_cancelled_put_commits_nothing_and_removes_its_copy(spools: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            begun.set()
            go_on.wait()
            return b"x"

    async def use() -> None:
        async with objstore.open_async(MemoryBackend.isolated()) as store:
            putting = asyncio.create_task(store.put_artifact("s", Slow(), tool_name="t"))
            await asyncio.to_thread(begun.wait)
            putting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await putting
            assert await asyncio.to_thread(lambda: list(spools.iterdir())) == []
            assert await store.history("s") == []
            go_on.set()

    asyncio.run(use())


def test_the_running_loop_goes_on_while_an_artifact_is_put() -> None:
    begun, go_on = threading.Event(), threading.Event()
    went_on: list[bool] = []

    def hold(request: Request) -> Fault | None:
        if request.operation != "upload":
            return None

        def until() -> None:
            begun.set()
            went_on.append(go_on.wait(60))  # nobody would set it if the upload held the loop

        return Wait(until)

    async def use() -> None:
        async with objstore.open_async(FaultyBackend(MemoryBackend.isolated(), hold)) as store:
            putting = asyncio.create_task(store.put_artifact("s", DATA, tool_name="t"))
            await asyncio.to_thread(begun.wait)
            go_on.set()
            await putting

    asyncio.run(use())
    assert went_on == [True]


def test_racing_puts_all_land(place: Place) -> None:
    async def use() -> None:
        async with place.open_async() as store:
            infos = await asyncio.gather(
                *(store.put_artifact("s", DATA, uri=f"u:{n}", tool_name="t") for n in range(6)),
                *(store.put_artifact("s", noise(MIB, str(n)), uri=f"v:{n}", tool_name="t") for n in range(6)),
            )
        with place.open() as other:
            loaded = other.load_artifacts("s")
            assert loaded is not None
            assert {a.artifact_uri for a in loaded} == {info.uri for info in infos}
            assert other.verify().ok

    asyncio.run(use())
    assert len(objects(place)) == 7


def queries(server: MotoServer, method: str) -> list[str]:
    return [seen.query for seen in server.requests if seen.method == method]


def test_a_long_one_goes_to_s3_in_parts(s3: Place, s3_server: MotoServer) -> None:
    with s3.open() as store:
        store.list()
        s3_server.reset()
        info = store.put_artifact("s", LONG, tool_name="t")
        assert sorted(q[:12] for q in queries(s3_server, "PUT") if q) == [f"partNumber={n}" for n in (1, 2, 3)]
        assert contents(store, info) == LONG
        s3_server.reset()
        assert store.put_artifact("s", LONG, uri="another", tool_name="t").digest == info.digest
        assert not any(queries(s3_server, "PUT"))  # it is there already, so only the commit is sent


def unfinished(place: Place) -> list[Any]:
    import boto3

    assert place.options is not None
    client = boto3.client(
        "s3",
        endpoint_url=place.options["endpoint_url"],
        aws_access_key_id=place.options["key"],
        aws_secret_access_key=place.options["secret"],
        region_name="us-east-1",
    )
    try:
        uploads: list[Any] = client.list_multipart_uploads(Bucket=place.target.split("/")[2]).get("Uploads", [])
    finally:
        client.close()
    return uploads


def test_a_part_that_cannot_be_sent_ends_the_upload(
    s3: Place, s3_server: MotoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from objstore.backends._s3 import S3Adapter

    call = S3Adapter._call

    async def broken(self: S3Adapter, method: str, key: str, **arguments: Any) -> Any:
        if method == "upload_part" and arguments["PartNumber"] == 2:
            raise ValueError("not worth another try")
        return await call(self, method, key, **arguments)

    with s3.open() as store:
        monkeypatch.setattr(S3Adapter, "_call", broken)
        with pytest.raises(BackendError):
            store.put_artifact("s", LONG, uri="u", tool_name="t")
        assert unfinished(s3) == []
        assert objects(s3) == {}
        assert store.artifact("s", "u") is None


def test_a_part_is_sent_again_by_itself(s3: Place, s3_server: MotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from objstore.backends._s3 import S3Adapter

    call = S3Adapter._call
    failures = 1

    async def flaky(self: S3Adapter, method: str, key: str, **arguments: Any) -> Any:
        nonlocal failures
        if method == "upload_part" and arguments["PartNumber"] == 2 and failures:
            failures -= 1
            raise ConnectionResetError
        return await call(self, method, key, **arguments)

    with s3.open() as store:
        monkeypatch.setattr(S3Adapter, "_call", flaky)
        s3_server.reset()
        info = store.put_artifact("s", LONG, tool_name="t")
        assert contents(store, info) == LONG
        assert sum("partNumber" in query for query in queries(s3_server, "PUT")) == 3
        assert sum("uploads" in query for query in queries(s3_server, "POST")) == 1
        assert failures == 0


def test_an_upload_whose_end_was_not_heard_of_is_recognised(s3: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from objstore.backends._s3 import S3Adapter

    call = S3Adapter._call
    failures = 1

    async def deaf(self: S3Adapter, method: str, key: str, **arguments: Any) -> Any:
        nonlocal failures
        answer = await call(self, method, key, **arguments)
        if method == "complete_multipart_upload" and failures:
            failures -= 1
            raise ConnectionResetError
        return answer

    with s3.open() as store:
        monkeypatch.setattr(S3Adapter, "_call", deaf)
        info = store.put_artifact("s", LONG, tool_name="t")
        assert failures == 0
        assert contents(store, info) == LONG
        assert unfinished(s3) == []


def test_a_cancelled_upload_to_s3_leaves_no_parts(s3: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from objstore.backends._s3 import S3Adapter

    call = S3Adapter._call
    begun = threading.Event()

    async def slow(self: S3Adapter, method: str, key: str, **arguments: Any) -> Any:
        if method == "upload_part" and arguments["PartNumber"] == 2:
            begun.set()
            await asyncio.Event().wait()
        answer = await call(self, method, key, **arguments)
        if method == "abort_multipart_upload":
            aborted.set()
        return answer

    aborted = threading.Event()

    async def use() -> None:
        async with s3.open_async() as store:
            monkeypatch.setattr(S3Adapter, "_call", slow)
            putting = asyncio.create_task(store.put_artifact("s", LONG, uri="u", tool_name="t"))
            await asyncio.to_thread(begun.wait)
            putting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await putting
            await asyncio.to_thread(aborted.wait)
            assert await store.artifact("s", "u") is None

    asyncio.run(use())
    assert unfinished(s3) == []
    assert objects(s3) == {}
