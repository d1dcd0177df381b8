"""Sessions whose older history is damaged: they are read and saved on, and a prune gives up what cannot be had."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable

import pytest

import objstore
from objstore import IntegrityError, Message, SessionData, SessionStore
from objstore.backends import MemoryBackend
from objstore.testing.faults import FaultyBackend


def key(seq: int) -> str:
    return f"sessions/s/log/000000/{seq:010d}"


def gone(backend: MemoryBackend, seq: int) -> None:
    backend.delete([key(seq)])


def emptied(backend: MemoryBackend, seq: int) -> None:
    backend.put(key(seq), b"")


def garbled(backend: MemoryBackend, seq: int) -> None:
    data = backend.get(key(seq))
    assert data
    backend.put(key(seq), data[:-9] + b"X" + data[-8:])


Damage = Callable[[MemoryBackend, int], None]
DAMAGES = pytest.mark.parametrize("damage", [gone, emptied, garbled], ids=lambda damage: damage.__name__)


def lived(turns: int = 50) -> MemoryBackend:
    """Give a session of so many commits, of which the 33rd is its newest snapshot."""
    backend = MemoryBackend.isolated()
    store = objstore.open(backend)
    store.save(SessionData.new("s"))
    for n in range(2, turns + 1):
        store.append("s", messages=[Message.user(f"turn {n} " * 2_000)])
    return backend


@DAMAGES
def test_a_prune_gives_up_what_is_damaged(damage: Damage) -> None:
    backend = lived()
    damage(backend, 20)
    store = objstore.open(backend)
    before = store.load("s")
    assert not store.verify().ok
    assert store.collect().skipped.keys() == {"s"}
    report = store.prune("s", keep_last=10)
    assert report.floor == 33
    assert store.load("s") == before
    assert [commit.seq for commit in store.history("s")][-1] == 33
    assert store.verify().ok
    assert store.collect().skipped == {}


def of_the_last(store: SessionStore) -> None:
    store.prune("s", keep_last=31)


def since_then(store: SessionStore) -> None:
    store.prune("s", keep_newer_than=datetime.timedelta(days=1))


def of_snapshots(store: SessionStore) -> None:
    store.prune("s", keep_snapshots=2)


@DAMAGES
@pytest.mark.parametrize("prune", [of_the_last, since_then, of_snapshots], ids=lambda prune: prune.__name__)
def test_what_was_to_be_kept_is_not_given_up(prune: Callable[[SessionStore], None], damage: Damage) -> None:
    backend = lived()
    damage(backend, 20)
    store = objstore.open(backend)
    there = sorted(backend.list("sessions/s/log/000000/"), key=str)
    with pytest.raises(IntegrityError, match=r"0000000020 .*; a prune that keeps only what is above gives it up"):
        prune(store)
    assert sorted(backend.list("sessions/s/log/000000/"), key=str) == there


def test_where_the_newest_state_alone_is_kept_all_below_may_be_damaged() -> None:
    backend = lived(40)
    before = objstore.open(backend).load("s")
    for seq in (2, 31, 32):
        gone(backend, seq)
    store = objstore.open(backend)
    assert store.prune("s", keep_last=1).floor == 41
    assert store.load("s") == before
    assert store.verify().ok


@DAMAGES
def test_a_lost_beginning_is_given_up_a_day_later(damage: Damage, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = lived()
    damage(backend, 1)
    store = objstore.open(backend)
    before = store.load("s")
    with pytest.raises(IntegrityError, match=r"0000000001, from which on the history is retained, .* a day later"):
        store.prune("s", keep_last=10)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 25 * 3600)
    assert store.prune("s", keep_last=10).floor == 33
    assert store.load("s") == before
    assert store.verify().ok


def test_of_a_long_history_only_what_is_kept_is_read() -> None:
    store = objstore.open(watched := FaultyBackend(lived(500)))
    watched.requests.clear()
    assert store.prune("s", keep_last=10).floor == 481
    commits = {
        key for request in watched.requests if request.operation == "get" for key in request.keys if "/log/" in key
    }
    assert len(commits) <= 64 + 2, "a page of commits, and the ends of the history"
