"""A disk that is full, and one that cannot flush: nothing acknowledged is lost, nothing half-written is seen."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import objstore
from objstore import BackendError, Message, OutcomeUnknownError, SessionData, SessionStore
from objstore.testing.samples import artifacts, loaded, texts, trace

SIZE = 1_000_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def words(number: int) -> str:
    """Give a text that does not compress well."""
    return f"{number} " + "".join(f"{(number * 7919 + n * n * 104729) % 999983:x}" for n in range(4_000))


def fill(store: SessionStore) -> tuple[list[str], BaseException]:
    """Commit turn after turn until one fails; give what was acknowledged."""
    data = SessionData.new("s")
    acknowledged: list[str] = []
    while True:
        data.messages.append(Message.user(words(len(acknowledged))))
        try:
            traces = [trace(str(n)) for n in range(len(data.messages))]
            store.commit(data, trace_events=traces, artifacts=artifacts(f"output {len(data.messages)}"))
        except BackendError as error:
            return acknowledged, error
        acknowledged.append(words(len(acknowledged)))


def holds(store: SessionStore, acknowledged: list[str]) -> None:
    """Hold that a store has what was acknowledged, and no half of anything."""
    assert texts(loaded(store, "s")) == acknowledged
    assert [event.name for event in store.load_trace_events("s") or ()] == [str(n) for n in range(len(acknowledged))]
    report = store.verify()
    assert report.ok, report.findings


def temporaries(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.name.startswith(".objstore-tmp-")]


def test_a_full_disk_loses_nothing_and_the_store_goes_on_when_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (SIZE // 3))
    place = small_disk / "store"
    store = objstore.open(place)
    acknowledged, error = fill(store)
    assert acknowledged
    assert "the disk is full: free some space and try again" in str(error)
    assert isinstance(error.__cause__, OSError)
    assert error.__cause__.errno == errno.ENOSPC
    for handle in (store, objstore.open(place)):
        holds(handle, acknowledged)
    assert temporaries(place) == []

    ballast.unlink()
    data = loaded(store, "s")
    data.messages.append(Message.user("there is room again"))
    store.save(data)
    assert texts(loaded(objstore.open(place), "s")) == [*acknowledged, "there is room again"]
    assert store.verify().ok
    store.collect()
    assert texts(loaded(objstore.open(place), "s")) == [*acknowledged, "there is room again"]


def test_a_full_disk_leaves_the_files_of_a_tree_as_they_were(small_disk: Path) -> None:
    store = objstore.open(small_disk / "tree", layout="tree")
    store.save(SessionData.new("s", name="old"))
    big = SessionData.new("s", name="new")
    big.messages = [Message.user("x" * 2 * SIZE)]
    with pytest.raises(BackendError, match="the disk is full"):
        store.save(big)
    assert loaded(store, "s").config.name == "old"
    assert temporaries(small_disk) == []
    store.save(SessionData.new("s", name="small again"))
    assert loaded(store, "s").config.name == "small again"


LIMITED = """
import resource, sys
import objstore
from objstore import BackendError, Message, SessionData
store = objstore.open(sys.argv[1])
session = SessionData.new("s")
session.messages.append(Message.user("small"))
store.save(session)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
import random
rng = random.Random(7)
session.messages.append(Message.user("".join(rng.choices("0123456789abcdef", k=100_000))))
try:
    store.save(session)
except BackendError as error:
    print(error)
session.messages.pop()
session.messages.append(Message.user("small again"))
print(store.save(session).seq)
"""


def test_a_limit_on_the_size_of_files_loses_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "larger than this process or this disk allows" in done.stdout
    assert done.stdout.splitlines()[-1] == "2"
    store = objstore.open(tmp_path / "store")
    assert texts(loaded(store, "s")) == ["small", "small again"]
    assert store.verify().ok
    assert temporaries(tmp_path) == []


def failing_from(number: int, real: Any) -> Any:
    """Make a flush that fails from its ``number``-th call on."""
    calls = iter(range(number))

    def flush(file: int) -> None:
        if next(calls, None) is None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(file)

    return flush


@pytest.mark.parametrize("number", range(12))
def test_a_flush_that_fails_is_an_error_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Whichever flush fails: what was acknowledged is there, and the save that failed is there as a whole or not."""
    store = objstore.open(tmp_path / "store")
    data = SessionData.new("s")
    data.messages.append(Message.user(words(0)))
    store.commit(data, trace_events=[trace("0")])
    acknowledged, failed = [words(0)], 0
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing_from(number, os.fsync))
        for turn in range(1, 8):
            # A flush that failed behind the name leaves the commit; loading is how its writer finds out.
            data = loaded(store, "s")
            seen = texts(data)
            assert seen[: len(acknowledged)] == acknowledged
            data.messages.append(Message.user(words(turn)))
            try:
                store.commit(data, trace_events=[trace(str(n)) for n in range(len(data.messages))])
            except (BackendError, OutcomeUnknownError) as error:
                failed += 1
                unknown = isinstance(error, OutcomeUnknownError)  # the commit had its name, and may lose it again
                said = str(error.__cause__ if unknown else error)
                assert "the disk reports an input/output error: look at its health" in said
                now = texts(loaded(objstore.open(tmp_path / "store"), "s"))
                assert now == (texts(data) if unknown else seen)
            else:
                acknowledged = texts(data)
    assert failed
    for handle in (store, objstore.open(tmp_path / "store")):
        found = texts(loaded(handle, "s"))
        assert found[: len(acknowledged)] == acknowledged
        assert [event.name for event in handle.load_trace_events("s") or ()] == [str(n) for n in range(len(found))]
        assert handle.verify().ok
    assert temporaries(tmp_path) == []
    data = loaded(store, "s")
    data.messages.append(Message.user("well again"))
    store.save(data)
    assert texts(loaded(objstore.open(tmp_path / "store"), "s"))[-1] == "well again"
