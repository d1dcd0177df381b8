"""What a writer left that was killed between the name of its commit and the flush of it is seen, and may go again."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import objstore
from objstore import Message, SessionStore
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

    def kill(name: str) -> None:
        if name.endswith(LOG):
            raise Killed

    with monkeypatch.context() as patched:
        flushes(patched, kill)
        with pytest.raises(Killed):
            killed(store)
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
