"""What a writer left that was killed between the name of its commit and the flush of it is seen, and may go again."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import objstore
from objstore import Message, SessionStore
from objstore._format import naming
from objstore.testing.samples import artifacts, loaded, session

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks file descriptors up in /proc")

LOG = "/log/000000"


class Killed(BaseException):
    pass


def flushes(monkeypatch: pytest.MonkeyPatch, seen: Callable[[str], object]) -> None:
    flush = os.fsync

    def traced(file: int) -> None:
        seen(os.readlink(f"/proc/self/fd/{file}"))  # noqa: PTH115 - not to be followed
        flush(file)

    monkeypatch.setattr(os, "fsync", traced)


def append(store: SessionStore) -> object:
    return store.append("s", messages=[Message.user("two")], key="k")


def save(store: SessionStore) -> object:
    return store.save(session("s", "one", "two"))


def again(store: SessionStore) -> object:
    return store.save(loaded(store, "s"))


def delete(store: SessionStore) -> None:
    store.delete("s")


def prune(store: SessionStore) -> object:
    return store.prune("s", keep_last=1)


def collect(store: SessionStore) -> object:
    return store.collect()


@pytest.mark.parametrize(
    ("killed", "call", "before"),
    [
        (append, append, ""),
        (save, save, ""),
        (save, again, ""),
        (delete, delete, "/objects/"),
        (prune, prune, "/objects/"),
        (delete, collect, "/objects/"),
        (prune, collect, "/objects/"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_it_is_flushed_before_anybody_is_told_of_it_or_anything_removed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed: Callable[[SessionStore], object],
    call: Callable[[SessionStore], object],
    before: str,
) -> None:
    store = objstore.open(tmp_path)
    store.commit(session("s", "old"), artifacts=artifacts("x" * 20_000))
    store.commit(session("s", "one"), artifacts=artifacts("y" * 20_000))

    killed_flushing(LOG, store, killed, monkeypatch)
    head = (tmp_path / "sessions" / "s" / LOG[1:] / "0000000003").read_bytes()
    other, seen = objstore.open(tmp_path), list[str]()
    with monkeypatch.context() as patched:
        flushes(patched, seen.append)
        call(other)
    assert (tmp_path / "sessions" / "s" / LOG[1:] / "0000000003").read_bytes() == head
    assert not (tmp_path / "sessions" / "s" / LOG[1:] / "0000000004").exists()
    names = [name.removeprefix(str(tmp_path)) for name in seen]
    assert f"/sessions/s{LOG}" in names
    if before:
        assert names.index(f"/sessions/s{LOG}") < min(n for n, name in enumerate(names) if before in name)


def killed_flushing(
    directory: str, store: SessionStore, call: Callable[[SessionStore], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(name: str) -> None:
        if name.endswith(directory):
            raise Killed

    with monkeypatch.context() as patched:
        flushes(patched, kill)
        with pytest.raises(Killed):
            call(store)


def test_before_the_first_commit_of_a_directory_the_last_of_the_one_before_is_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "GROUP", 3)
    store = objstore.open(tmp_path)
    store.save(session("s", "one"))
    killed_flushing(LOG, store, append, monkeypatch)
    seen = list[str]()
    with monkeypatch.context() as patched:
        flushes(patched, seen.append)
        assert objstore.open(tmp_path).append("s", messages=[Message.user("three")]).seq == 3
    log = f"{tmp_path}/sessions/s/log"
    assert seen.index(f"{log}/000000") < seen.index(f"{log}/000001")


def test_a_fork_flushes_the_copies_of_one_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = objstore.open(tmp_path)
    store.save(session("s", "x" * 300_000))

    def fork(store: SessionStore) -> object:
        return store.fork("s", "t")

    killed_flushing("/t/objects/0", store, fork, monkeypatch)
    seen = list[str]()
    with monkeypatch.context() as patched:
        flushes(patched, seen.append)
        fork(objstore.open(tmp_path))
    assert seen.index(f"{tmp_path}/sessions/t/objects/0") < seen.index(f"{tmp_path}/sessions/t{LOG}")
