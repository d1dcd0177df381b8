"""Streams: ranges, checks, damage."""

from __future__ import annotations

import asyncio
import io
import pickle
import threading
from typing import Any

import pytest

from objstore import ArtifactInfo, IntegrityError, SessionStore
from objstore.testing import memory_store
from objstore.testing.faults import FaultyBackend, Request, Wait
from tests.artifacts.samples import MIB, contents, damaged, noise, object_key
from tests.places import Place

DATA = noise(10 * MIB + 3)
TEXT = "".join(f"line {n} é\n" for n in range(800_000)).encode()
"""More than two chunks, and compresses well."""


@pytest.fixture(params=["binary", "text"])
def put(request: pytest.FixtureRequest, store: SessionStore) -> tuple[ArtifactInfo, bytes]:
    raw = DATA if request.param == "binary" else TEXT
    return store.put_artifact("s", DATA if raw is DATA else TEXT.decode(), tool_name="t"), raw


def test_ranges_are_read_and_declared_unverified(store: SessionStore, put: tuple[ArtifactInfo, bytes]) -> None:
    info, raw = put
    with store.open_artifact("s", info.uri) as stream:
        assert (stream.readable(), stream.seekable(), stream.writable()) == (True, True, False)
        assert (stream.size, stream.digest, stream.tell(), stream.verified) == (len(raw), info.digest, 0, None)
        for start, length in ((9 * MIB, 100), (5, 10), (len(raw) - 4, 100), (4 * MIB - 1, 2), (len(raw) + 5, 1)):
            assert stream.seek(start) == start
            assert stream.read(length) == raw[start : start + length]
        assert stream.verified is False
        assert stream.seek(-10, io.SEEK_END) == len(raw) - 10
        assert stream.read() == raw[-10:]
        assert stream.verified is False
        with pytest.raises(ValueError, match="seek"):
            stream.seek(-1)
    with pytest.raises(ValueError, match="closed"):
        stream.read(1)


def test_a_stream_is_verified_by_its_last_read_and_again_from_the_beginning(
    store: SessionStore, put: tuple[ArtifactInfo, bytes]
) -> None:
    info, raw = put
    with store.open_artifact("s", info.uri) as stream:
        assert stream.read(100) == raw[:100]
        assert stream.verified is None
        assert stream.read() == raw[100:]
        assert stream.verified is True
        assert stream.read(1) == b""
        assert stream.verified is True
        stream.seek(6 * MIB)
        stream.read(1)
        assert stream.verified is False
        stream.seek(0)
        assert stream.read() == raw
        assert stream.verified is True


def test_asking_for_the_size_by_a_seek_costs_no_verification(
    store: SessionStore, put: tuple[ArtifactInfo, bytes]
) -> None:
    info, raw = put
    with store.open_artifact("s", info.uri) as stream:
        assert stream.seek(0, io.SEEK_END) == len(raw)
        stream.seek(0)
        assert stream.read() == raw
        assert stream.verified is True


def test_lines_can_be_read(store: SessionStore) -> None:
    info = store.put_artifact("s", TEXT.decode(), tool_name="t")
    with store.open_artifact("s", info.uri) as stream, io.TextIOWrapper(stream, "utf-8", newline="\n") as lines:
        assert sum(1 for _ in lines) == 800_000


def test_a_flipped_bit_is_noticed_by_the_last_read(store: SessionStore, place: Place) -> None:
    info = store.put_artifact("s", DATA, tool_name="t")
    key = object_key(place, info.digest)
    damaged(place, key, lambda data: data.__setitem__(100, data[100] ^ 1))
    with store.open_artifact("s", info.uri) as stream:
        head = stream.read(5 * MIB)
        assert len(head) == 5 * MIB
        with pytest.raises(IntegrityError, match="digest") as caught:
            stream.read()
        assert caught.value.key == key
        assert stream.verified is False
        with pytest.raises(IntegrityError):  # who asks again is told again
            stream.read(1)
    assert not store.verify().ok


@pytest.mark.parametrize("damage", ["cut", "grown", "emptied"])
def test_another_size_is_noticed(store: SessionStore, place: Place, damage: str) -> None:
    info = store.put_artifact("s", DATA, tool_name="t")
    key = object_key(place, info.digest)
    place.put(key, {"cut": DATA[:-1], "grown": DATA + b"x", "emptied": b""}[damage])
    with store.open_artifact("s", info.uri) as stream, pytest.raises(IntegrityError, match="size") as caught:
        stream.read()
    assert caught.value.key == key
    assert not store.verify().ok


@pytest.mark.parametrize("damage", ["flipped", "cut", "not a frame"])
def test_damage_of_a_compressed_text_is_noticed(store: SessionStore, place: Place, damage: str) -> None:
    info = store.put_artifact("s", TEXT.decode(), tool_name="t")
    key = object_key(place, info.digest)

    def change(data: bytearray) -> None:
        match damage:
            case "flipped":
                data[len(data) // 2] ^= 1
            case "cut":
                del data[len(data) // 2 :]
            case _:
                data[:] = b"not a frame at all"

    damaged(place, key, change)
    with store.open_artifact("s", info.uri) as stream, pytest.raises(IntegrityError, match="is damaged") as caught:
        stream.read()
    assert caught.value.key == key


@pytest.mark.parametrize("contents", [b"", DATA, TEXT.decode()], ids=["empty", "binary", "text"])
def test_a_missing_object_is_an_error_that_names_it(store: SessionStore, place: Place, contents: Any) -> None:
    info = store.put_artifact("s", contents, tool_name="t")
    key = object_key(place, info.digest)
    place.backend.delete([key])
    with store.open_artifact("s", info.uri) as stream, pytest.raises(IntegrityError, match="missing") as caught:
        stream.read()
    assert caught.value.key == key
    assert [finding.problem for finding in store.verify().findings] == ["missing"]


@pytest.mark.parametrize("contents", [b"", ""], ids=["binary", "text"])
def test_behind_the_end_of_what_is_empty_there_is_nothing_and_no_damage(contents: Any) -> None:
    store = memory_store()
    info = store.put_artifact("s", contents, tool_name="t")
    with store.open_artifact("s", info.uri) as stream:
        assert stream.seek(5) == 5
        assert stream.read() == b""
        assert stream.seek(0) == 0
        assert stream.read() == b""
        assert stream.verified is True


def test_a_stream_is_not_pickled(store: SessionStore) -> None:
    info = store.put_artifact("s", b"x", tool_name="t")
    with store.open_artifact("s", info.uri) as stream, pytest.raises(TypeError, match="open the artifact again"):
        pickle.dumps(stream)


def test_reading_goes_on_while_others_write(store: SessionStore, place: Place) -> None:
    info = store.put_artifact("s", DATA, tool_name="t")
    with store.open_artifact("s", info.uri) as stream, place.open() as other:
        head = stream.read(5 * MIB)
        other.put_artifact("s", b"another", uri=info.uri, tool_name="t")
        assert head + stream.read() == DATA
        assert stream.verified is True
    assert contents(store, info, at=1) == DATA


def test_a_cancelled_read_makes_the_stream_useless_and_holds_up_nobody() -> None:
    import objstore
    from objstore.backends.memory import MemoryBackend

    begun, go_on = threading.Event(), threading.Event()
    holding = False

    def hold(request: Request) -> Wait | None:
        if request.operation != "read" or not holding:
            return None

        def until() -> None:
            begun.set()
            go_on.wait()

        return Wait(until)

    async def use() -> None:
        nonlocal holding
        async with objstore.open_async(FaultyBackend(MemoryBackend.isolated(), hold)) as store:
            info = await store.put_artifact("s", DATA, tool_name="t")
            stream = await store.open_artifact("s", info.uri)
            holding = True
            reading = asyncio.create_task(stream.read())
            await asyncio.to_thread(begun.wait)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            with pytest.raises(ValueError, match="cancelled"):
                await stream.read()
            await stream.aclose()
            go_on.set()

    asyncio.run(use())
