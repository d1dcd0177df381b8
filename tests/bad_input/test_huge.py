"""Sparse files of many gigabytes in the place of what is stored: no more is read of them than shows what they are."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from s3fs import S3FileSystem

import objstore
from objstore import FormatError, IntegrityError, OperationEvent
from objstore._format import commit
from tests.bad_input.damage import TURNS, fill, log_key, turns
from tests.conftest import options_for
from tests.servers.moto_server import MotoServer

HUGE = 2**36
LONG = "long " * 100


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(commit, "MAX_BYTES", 2**20)  # in the proportion of the true ones
    for id in ("other", "s", LONG):
        fill(objstore.open(tmp_path), id)
    objstore.open(tmp_path).put_artifact("s", os.urandom(5 * 2**20), tool_name="t")
    return tmp_path


def blow_up(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(HUGE)


def sizes_to(read: list[int]) -> Callable[[object], None]:
    """Make an observer that notes how many bytes each operation read."""

    def observe(event: object) -> None:
        if isinstance(event, OperationEvent):
            read.append(event.size)

    return observe


@contextmanager
def in_little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()


def test_among_files_that_may_be_a_tree(tmp_path: Path) -> None:
    blow_up(tmp_path / "s.json")
    with in_little_memory():
        assert not objstore.open(tmp_path).exists("other")


@pytest.mark.parametrize("n", [TURNS + 1, 3])
def test_in_the_place_of_a_commit(filled: Path, n: int) -> None:
    key = log_key("s", n)
    blow_up(filled / key)
    store = objstore.open(filled)
    with in_little_memory():
        with pytest.raises(IntegrityError, match=f"at={n - 1}") as caught:
            store.load("s")
        assert caught.value.key == key
        with pytest.raises(IntegrityError):
            store.history("s")
        assert {finding.key for finding in store.verify().findings} == {key}
        assert store.repair("s").resumed == n - 1
        assert set(store.collect().skipped) == set(store.du().skipped) == {"s"}
        assert len(list(store.iter_summaries())) == 3
        report = objstore.copy(store, objstore.open(filled.parent / f"{filled.name} copy"))
        assert set(report.failed) == {"s"}
        assert turns(store.load("other")) == TURNS


def big(path: Path) -> bool:
    return path.stat().st_size > 2**20


@pytest.mark.parametrize("which", [big, lambda path: not big(path)], ids=["raw bytes", "a text"])
def test_in_the_place_of_an_object(filled: Path, which: Callable[[Path], bool]) -> None:
    (path,) = (each for each in (filled / "sessions/s/objects").rglob("*") if each.is_file() and which(each))
    key = str(path.relative_to(filled))
    blow_up(path)
    read: list[int] = []
    store = objstore.open(filled, observer=sizes_to(read))
    with in_little_memory():
        assert {finding.key for finding in store.verify().findings} == {key}
        assert [finding.key for finding in store.repair("s").damage] == [key]
        for history in (False, True):
            copy = objstore.open(filled.parent / f"{filled.name} copy {history}")
            assert set(objstore.copy(store, copy, history=history).failed) == {"s"}
        assert store.load_artifacts("other")
    assert sum(read) < 64 * 2**20


def test_in_the_place_of_the_marker(filled: Path) -> None:
    blow_up(filled / "objstore.json")
    with in_little_memory():
        store = objstore.open(filled)
        for call in (store.list, store.verify, lambda: store.load("s"), lambda: store.delete("s", purge=True)):
            with pytest.raises(FormatError, match="larger than any marker"):
                call()
        assert not store.check().ok


def test_in_the_place_of_the_hint_of_a_long_id(filled: Path) -> None:
    (hint,) = (path for path in (filled / "index").iterdir() if path.read_bytes())
    blow_up(hint)
    with in_little_memory():
        assert objstore.open(filled).list() == sorted(["other", "s", LONG])
        assert objstore.open(filled).verify().ok


@pytest.mark.parametrize("client", ["fsspec", "obstore"])
def test_on_s3_no_more_is_asked_for(
    s3_server: MotoServer, bucket: str, client: Literal["fsspec", "obstore"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "MAX_BYTES", 2**20)
    place, options = f"s3://{bucket}/agents", options_for(s3_server.url)
    fill(objstore.open(place, storage_options=options), "s")
    filesystem = S3FileSystem(**options, skip_instance_cache=True)
    filesystem.pipe_file(f"{bucket}/agents/{log_key('s', TURNS)}", bytes(5 * 2**20))
    read: list[int] = []
    store = objstore.open(place, storage_options=options, client=client, observer=sizes_to(read))
    with pytest.raises(IntegrityError, match=f"at={TURNS - 1}"):
        store.load("s")
    assert 2**20 < max(read) < 2**20 + 2**16
