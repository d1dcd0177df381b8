"""What a copy costs, counted."""

from __future__ import annotations

from collections import Counter

import pytest

from objstore import SessionData, SessionStore
from objstore._format import naming
from objstore.backends import MemoryBackend
from objstore.testing.faults import FaultyBackend
from objstore.transfer import copy

from .lives import live, reopened


def cost(origin: MemoryBackend, goal: MemoryBackend) -> tuple[dict[str, int], dict[str, int]]:
    """Copy, and count the requests on both sides."""
    one, two = FaultyBackend(origin), FaultyBackend(goal)
    assert copy(reopened(one), reopened(two)).ok
    return tuple(  # type: ignore[return-value] # of two
        Counter(r.operation for r in side.requests if r.operation != "sync") for side in (one, two)
    )


def test_a_session_of_500_commits_is_read_once_written_once_and_read_back_once(
    origin: MemoryBackend, goal: MemoryBackend, source: SessionStore
) -> None:
    live(source, 500, every=10)
    objects = len(origin.list("sessions/s/objects/0/"))
    assert objects == 50
    read, written = cost(origin, goal)
    # the marker; the head, and again with its page
    assert read == {"get": 1 + 1 + 500 + objects, "list": 1 + 2}
    # the marker twice, the hint; what is there before, the objects' directory, the head and the hint afterwards
    assert written["create"] == 500 + objects + 3
    assert written["get"] == 500 + objects + 1 + 1
    assert written["list"] == 1 + 2 + 1 + 2
    assert written.keys() == {"create", "get", "list"}
    read, written = cost(origin, goal)
    assert read == {"get": 2, "list": 3}
    assert written == {"get": 3, "list": 2}


def test_the_names_in_a_directory_are_durable_before_the_next_one_is_begun(
    source: SessionStore, goal: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "GROUP", 4)
    live(source, 9)
    watched = FaultyBackend(goal)
    assert copy(source, reopened(watched)).ok
    keys = [r.keys[0] for r in watched.requests if r.operation in ("create", "sync") and "/log/" in r.keys[0]]
    assert [key.removeprefix("sessions/s/log/") for key in keys] == [
        *(f"000000/{n:010d}" for n in (1, 2, 3)), "000000/",
        *(f"000001/{n:010d}" for n in (4, 5, 6, 7)), "000001/",
        *(f"000002/{n:010d}" for n in (8, 9)),
    ]  # fmt: skip


def test_what_several_artifacts_hold_crosses_once(origin: MemoryBackend) -> None:
    store, reads = reopened(origin), list[list[int]]()
    store.save(SessionData.new("s"))
    for n in range(3):
        store.put_artifact("s", bytes(range(256)) * 1000, uri=f"artifact {n}", tool_name="t")
        one, two = FaultyBackend(origin), FaultyBackend(MemoryBackend.isolated())
        assert copy(reopened(one), reopened(two), history=False).copied == ("s",)
        reads.append([sum(r.operation == "read" for r in side.requests) for side in (one, two)])
    assert reads == [reads[0]] * 3
    assert min(reads[0]) > 0


def test_ten_more_commits_cost_ten(origin: MemoryBackend, goal: MemoryBackend, source: SessionStore) -> None:
    live(source, 100, every=10)
    copy(source, reopened(goal))
    live(source, 10, every=10)
    read, written = cost(origin, goal)
    assert read["get"] == 1 + 1 + 10 + 1
    # the marker, once more; ten commits, one object
    assert written["create"] == 1 + 10 + 1
    # the marker, the head and what is below it down to a snapshot, the object and the commits to be checked, the hint
    assert written["get"] == 1 + 1 + 3 + 1 + 10 + 1
