"""Putting artifacts, and looking them up."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

import objstore
from objstore import (
    ArtifactData,
    ArtifactInfo,
    InvalidValueError,
    NotFoundError,
    SessionData,
    SessionStore,
    ToolArtifact,
)
from objstore._engine.spool import Spool
from tests.artifacts.samples import MIB, contents, noise, objects
from tests.places import Place

BINARY = {
    "empty": b"",
    "one byte": b"\x00",
    "not UTF-8": b"\xff\xfe\x00" * 50,
    "a zstd frame": zstandard.ZstdCompressor().compress(b"text " * 1000),
    "a gzip file": gzip.compress(b"text " * 1000),
    "several chunks": noise(9 * MIB + 7),
}


@pytest.mark.parametrize("data", BINARY.values(), ids=BINARY)
def test_binary_contents_come_back_as_they_were(store: SessionStore, place: Place, data: bytes) -> None:
    info = store.put_artifact("s", data, tool_name="shot", media_type="image/png")
    assert info == ArtifactInfo(
        uri=info.uri,
        artifact_id=info.artifact_id,
        tool_name="shot",
        media_type="image/png",
        size=len(data),
        digest=hashlib.sha256(data).hexdigest(),
        text=False,
    )
    with place.open() as other:
        assert other.artifact("s", info.uri) == info
        assert contents(other, info) == data
        assert other.verify().ok
    assert objects(place) == {f"sessions/s/objects/0/{info.digest}": data}


@pytest.mark.parametrize("text", ["", "short", "naïve ☃ " * 20, "a line\n" * 100_000], ids=["0", "5", "inline", "700K"])
def test_a_text_is_kept_as_a_text(store: SessionStore, text: str) -> None:
    info = store.put_artifact("s", text, tool_name="bash", media_type="text/plain")
    raw = text.encode()
    assert (info.size, info.digest, info.text) == (len(raw), hashlib.sha256(raw).hexdigest(), True)
    assert store.artifact("s", info.uri) == info
    assert contents(store, info) == raw
    loaded = store.load_artifacts("s")
    assert loaded is not None
    assert [(a.content, a.original_bytes, a.media_type) for a in loaded] == [(text, len(raw), "text/plain")]


def test_a_path_and_every_kind_of_stream_and_buffer_can_be_put(store: SessionStore, tmp_path: Path) -> None:
    data = noise(5 * MIB + 1)
    path = tmp_path / "file"
    path.write_bytes(data)

    class Trickle(io.RawIOBase):
        def __init__(self) -> None:
            self.left = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            return self.left.readinto(memoryview(buffer)[:100_000])

    with path.open("rb") as file:
        sources: list[Any] = [path, file, io.BytesIO(data), Trickle(), bytearray(data), memoryview(data)]
        found = {store.put_artifact("s", source, tool_name="t") for source in sources}
        assert not file.closed
    (info,) = found
    assert contents(store, info) == data


@pytest.mark.parametrize("wrong", [None, 5, ["a"], io.StringIO("text")], ids=["None", "int", "list", "text stream"])
def test_what_is_no_source_of_bytes_is_refused_and_nothing_is_written(store: SessionStore, wrong: Any) -> None:
    with pytest.raises(TypeError):
        store.put_artifact("s", wrong, tool_name="t")
    assert store.history("s") == []


def test_a_stream_that_ends_as_an_iterator_does_is_refused_and_holds_up_nobody(
    store: SessionStore, place: Place
) -> None:
    class Pieces:
        def __init__(self) -> None:
            self._pieces = iter([b"a", b"b"])

        def read(self, size: int, /) -> bytes:
            return next(self._pieces)

    async def put() -> None:
        async with place.open_async() as other:
            await other.put_artifact("s", Pieces(), tool_name="t")

    with pytest.raises(TypeError, match="no bytes at its end"):
        store.put_artifact("s", Pieces(), tool_name="t")
    with pytest.raises(TypeError, match="no bytes at its end"):
        asyncio.run(put())
    assert store.history("s") == []


def test_a_path_that_is_not_there_is_said_so(store: SessionStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        store.put_artifact("s", tmp_path / "none", tool_name="t")
    assert store.history("s") == []


def test_a_text_needs_no_room_for_a_local_copy(
    store: SessionStore, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    info = store.put_artifact("s", "text", tool_name="t")
    assert contents(store, info) == b"text"
    asyncio.run(place.open_async().put_artifact("s", "text", tool_name="t"))
    with pytest.raises(FileNotFoundError, match="for a temporary copy: make room, or set TMPDIR"):
        store.put_artifact("s", b"bytes", tool_name="t")


def test_a_local_copy_that_is_made_after_its_caller_went_away_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Spool() as spool:
        pass
    with pytest.raises(ValueError, match="closed file"):
        spool.fill(b"bytes")
    assert [*tmp_path.iterdir()] == []


def test_a_lone_surrogate_is_refused(store: SessionStore) -> None:
    for arguments in ({"contents": "\ud800"}, {"uri": "\ud800"}, {"tool_name": "\ud800"}, {"media_type": "\ud800"}):
        with pytest.raises(InvalidValueError, match="surrogate"):
            store.put_artifact("s", **{"contents": b"x", "tool_name": "t", **arguments})  # type: ignore[arg-type]
    assert store.history("s") == []


def test_the_uri_is_made_as_the_seed_makes_it(store: SessionStore) -> None:
    info = store.put_artifact("s", b"x", tool_name="my tool/é")
    digits = hashlib.sha256(b"x").hexdigest()[:32]
    assert info.uri == f"a3s://tool-output/my_tool__/{digits}"
    assert info.artifact_id == f"tool-output:my_tool__:{digits}"
    assert info.tool_name == "my tool/é"


@pytest.mark.parametrize(
    "uri", ["../../../etc/passwd", "/etc/passwd", "..", "", "a\x00b", "sessions/other/x", "é\n" * 99]
)
def test_a_uri_is_data_and_leads_nowhere(store: SessionStore, place: Place, uri: str) -> None:
    info = store.put_artifact("s", b"x", uri=uri, tool_name="../../t")
    assert info.uri == uri
    assert contents(store, info) == b"x"
    assert {key.split("/")[0] for key in place.files()} == {"objstore.json", "sessions"}
    assert {key.split("/")[1] for key in place.files("sessions/")} == {"s"}


def test_putting_a_uri_again_replaces_it_and_moves_it_to_the_end(store: SessionStore) -> None:
    for data in (b"first", b"second"):
        store.put_artifact("s", data, uri=f"u:{data.decode()}", tool_name="t")
    again = store.put_artifact("s", b"first, again", uri="u:first", tool_name="t")
    loaded = store.load_artifacts("s")
    assert loaded is not None
    assert [a.artifact_uri for a in loaded] == ["u:second", "u:first"]
    assert contents(store, again) == b"first, again"
    assert store.artifact("s", "u:first", at=2) != again
    with store.open_artifact("s", "u:first", at=2) as stream:
        assert stream.read() == b"first"


def test_a_text_can_replace_what_is_binary_and_the_other_way_round(store: SessionStore) -> None:
    store.put_artifact("s", b"\xff", uri="u", tool_name="t")
    text = store.put_artifact("s", "text", uri="u", tool_name="t")
    assert (store.artifact("s", "u"), contents(store, text)) == (text, b"text")
    binary = store.put_artifact("s", b"\xff", uri="u", tool_name="t")
    assert (store.artifact("s", "u"), contents(store, binary)) == (binary, b"\xff")


def test_the_same_contents_are_stored_once(store: SessionStore, place: Place) -> None:
    data = noise(MIB)
    infos = [store.put_artifact("s", data, uri=f"u:{n}", tool_name=f"t{n}") for n in range(3)]
    with place.open() as other:
        infos.append(other.put_artifact("s", data, uri="u:3", tool_name="t3"))
    assert len(objects(place)) == 1
    assert all(contents(store, info) == data for info in infos)


def test_artifacts_of_a_session_that_does_not_exist_do_not_make_it(store: SessionStore) -> None:
    info = store.put_artifact("s", b"x", tool_name="t")
    assert not store.exists("s")
    store.save(SessionData.new("s"))
    assert contents(store, info) == b"x"


def test_what_is_not_there_is_none_and_cannot_be_opened(store: SessionStore) -> None:
    assert store.artifact("s", "u") is None
    store.save(SessionData.new("s"))
    assert store.artifact("s", "u") is None
    with pytest.raises(NotFoundError, match="'u'"):
        store.open_artifact("s", "u")
    store.put_artifact("s", b"x", uri="u", tool_name="t")
    assert store.artifact("s", "u", at=1) is None
    with pytest.raises(NotFoundError, match="commit 1"):
        store.open_artifact("s", "u", at=1)
    with pytest.raises(NotFoundError, match="7"):
        store.artifact("s", "u", at=7)


def test_the_asynchronous_face_does_the_same(place: Place, tmp_path: Path) -> None:
    data = noise(9 * MIB)
    path = tmp_path / "file"
    path.write_bytes(data)

    async def use() -> list[ArtifactInfo]:
        async with place.open_async() as store:
            with path.open("rb") as file:
                infos = [
                    await store.put_artifact("s", path, tool_name="t", media_type="m"),
                    await store.put_artifact("s", file, tool_name="t", media_type="m"),
                    await store.put_artifact("s", bytearray(data), tool_name="t", media_type="m"),
                ]
            assert await store.artifact("s", infos[0].uri) == infos[0]
            async with await store.open_artifact("s", infos[0].uri) as stream:
                assert (stream.size, stream.digest, stream.verified) == (len(data), infos[0].digest, None)
                chunks = [chunk async for chunk in stream]
                assert stream.verified is True
            assert b"".join(chunks) == data
            async with await store.open_artifact("s", infos[0].uri) as stream:
                assert await stream.seek(-3, 2) == len(data) - 3
                assert await stream.read() == data[-3:]
                assert stream.verified is False
            text = await store.put_artifact("s", "text", tool_name="t")
            async with await store.open_artifact("s", text.uri) as stream:
                assert await stream.read() == b"text"
            return infos

    assert len(set(asyncio.run(use()))) == 1


def test_an_artifact_has_contents_or_data() -> None:
    data = ArtifactData(digest="ab" * 32, size=2)
    fields: dict[str, Any] = {
        "artifact_id": "i",
        "artifact_uri": "u",
        "tool_name": "t",
        "original_bytes": 2,
        "shown_bytes": 0,
    }
    assert ToolArtifact(content="", data=data, **fields).data == data
    with pytest.raises(ValueError, match="not both"):
        ToolArtifact(content="text", data=data, **fields)
    with pytest.raises(ValueError, match="digest"):
        ArtifactData(digest="../" + "a" * 61, size=2)


def test_one_that_was_never_stored_cannot_be_saved(store: SessionStore) -> None:
    data = ArtifactData(digest="ab" * 32, size=2)
    made = ToolArtifact(
        artifact_id="i", artifact_uri="u", tool_name="t", content="", original_bytes=2, shown_bytes=0, data=data
    )
    with pytest.raises(NotFoundError, match="put the artifact anew"):
        store.append("s", artifacts=[made])
    assert store.history("s") == []


def test_its_uses_are_told_to_the_observer(tmp_path: Path) -> None:
    events: list[objstore.Event] = []
    with objstore.open(tmp_path / "store", observer=events.append) as store:
        info = store.put_artifact("s", b"12345", tool_name="t")
        contents(store, info)
    seen = [(e.operation, e.size) for e in events if isinstance(e, objstore.OperationEvent)]
    assert seen.count(("upload", 5)) == 1
    assert seen[-1] == ("read", 5)
    (saved,) = [e for e in events if isinstance(e, objstore.SaveEvent)]
    assert saved.size > 5
