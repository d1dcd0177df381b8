"""Copies while others write the same sessions, in the source and in the target."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

import objstore
from objstore import SessionStore, TraceEvent
from objstore.backends import MemoryBackend
from objstore.testing.faults import Fault, FaultyBackend, Request, Wait
from objstore.transfer import CopyReport, copy
from tests.crash.ways import CrashError, crash_before

from .lives import Meddler, live, prune, reopened, whole

TRACE = TraceEvent.tool_execution("t", success=True, exit_code=0, duration_ms=1, output_bytes=1)


def test_what_is_committed_while_the_copy_runs_is_left_for_the_next_one(
    origin: MemoryBackend, source: SessionStore, target: SessionStore
) -> None:
    live(source, 10)
    seen = whole(source)
    meddler = Meddler("get", "/log/", lambda: live(source, 3))
    report = copy(objstore.open(origin, observer=meddler), target)
    assert meddler.done
    assert (report.copied, report.commits) == (("s",), 10)
    assert whole(target) == seen
    assert copy(source, target).commits == 3
    assert whole(target) == whole(source)


@pytest.mark.parametrize("moment", ["/log/", "/objects/"])
def test_a_prune_while_the_copy_runs_makes_it_start_the_session_over(
    origin: MemoryBackend, source: SessionStore, target: SessionStore, moment: str
) -> None:
    live(source, 50)
    meddler = Meddler("get", moment, lambda: prune(source, origin, 3))
    report = copy(objstore.open(origin, observer=meddler), target)
    assert meddler.done
    assert (report.copied, report.failed) == (("s",), {})
    assert whole(target) == whole(source)
    assert target.verify().ok


def test_a_session_that_is_deleted_while_the_copy_runs_is_left_out(
    origin: MemoryBackend, source: SessionStore, target: SessionStore
) -> None:
    live(source, 10)
    meddler = Meddler("get", "/objects/", lambda: source.delete("s", purge=True))
    report = copy(objstore.open(origin, observer=meddler), target)
    assert meddler.done
    assert (report.copied, report.failed) == ((), {})
    assert target.load("s") is None


def test_a_purge_in_the_target_is_not_taken_for_what_a_copy_left(
    origin: MemoryBackend, source: SessionStore, goal: MemoryBackend
) -> None:
    live(source, 3)
    prune(source, origin, 1)
    live(reopened(goal), 1)
    meddler = Meddler("list", "/log/000000/", lambda: reopened(goal).delete("s", purge=True))
    report = copy(source, objstore.open(goal, observer=meddler))
    assert meddler.done
    assert "was deleted in the target" in report.failed["s"]
    assert reopened(goal).load("s") is None


def began_anew(goal: MemoryBackend) -> None:
    """Get rid of what cannot be read, and begin a session of that name."""
    reopened(goal).delete("s")
    live(reopened(goal), 2)


@pytest.mark.parametrize("number", [1, 32])
def test_who_deletes_what_a_copy_begins_with_and_saves_is_not_buried_below_it(
    origin: MemoryBackend, source: SessionStore, goal: MemoryBackend, number: int
) -> None:
    live(source, 50)
    assert prune(source, origin, 3) == 33
    meddler = Meddler("create", f"s/log/000000/{number:010d}", lambda: began_anew(goal))
    report = copy(source, objstore.open(goal, observer=meddler))
    assert meddler.done
    assert report.failed["s"].startswith("ConflictError")
    target = reopened(goal)
    session = target.load("s")
    assert session is not None
    assert len(session.messages) == 2
    assert target.verify().ok
    assert "s" in target.list()


def test_nor_does_one_get_below_it_who_saw_only_its_first_stub(
    origin: MemoryBackend, source: SessionStore, goal: MemoryBackend
) -> None:
    live(source, 50)
    assert prune(source, origin, 3) == 33
    came = 0

    def choose(request: Request) -> Fault | None:
        nonlocal came
        if request.operation == "create" and "s/log/" in request.keys[0]:
            came += 1
            return crash_before() if came == 2 else None
        return None

    with pytest.raises(CrashError):
        copy(source, reopened(FaultyBackend(goal, choose)))
    copied: list[CopyReport] = []

    def meanwhile(request: Request) -> Fault | None:
        is_tombstone = request.operation == "create" and request.keys[0].endswith("s/log/000000/0000000002")
        return Wait(lambda: copied.append(copy(source, reopened(goal)))) if is_tombstone and not copied else None

    reopened(FaultyBackend(goal, meanwhile)).delete("s")
    assert [report.copied for report in copied] == [("s",)]
    target = reopened(goal)
    assert target.load("s") is None
    assert target.history("s")[0].kind == "delete"
    assert target.verify().ok


def test_a_copy_goes_on_after_one_of_an_older_floor_was_cut_off(
    origin: MemoryBackend, source: SessionStore, goal: MemoryBackend
) -> None:
    def choose(request: Request) -> Fault | None:
        is_first = request.operation == "create" and request.keys[0].endswith("s/log/000000/0000000033")
        return crash_before() if is_first else None

    live(source, 50)
    assert prune(source, origin, 3) == 33
    with pytest.raises(CrashError):
        copy(source, reopened(FaultyBackend(goal, choose)))
    live(source, 50)
    assert prune(source, origin, 3) > 40
    assert copy(source, reopened(goal)).copied == ("s",)
    assert whole(reopened(goal)) == whole(source)
    assert reopened(goal).verify().ok


def test_a_copy_that_slept_over_what_it_saw_looks_again(source: SessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    slept, looks = 0.0, list[int]()
    clock = SimpleNamespace(**vars(time) | {"monotonic": lambda: time.monotonic() + slept})
    monkeypatch.setattr("objstore._engine.drive.time", clock)

    def sleep() -> None:
        nonlocal slept
        slept += 100_000.0

    live(source, 3)
    for sleeps in (False, True):
        goal = MemoryBackend.isolated()
        copy(source, reopened(goal))
        watched = FaultyBackend(goal)
        meddler = Meddler("get", "/log/", sleep if sleeps else lambda: None)
        assert copy(source, objstore.open(watched, observer=meddler)).unchanged == ("s",)
        assert meddler.done
        looks.append(sum(r.operation == "list" and "/log/" in r.keys[0] for r in watched.requests))
    assert looks[1] > looks[0]


def test_a_commit_that_does_not_stay_in_the_target_is_noticed(source: SessionStore, goal: MemoryBackend) -> None:
    live(source, 3)
    newest = "sessions/s/log/000000/0000000003"
    meddler = Meddler("create", newest, lambda: goal.delete([newest]))
    report = copy(source, objstore.open(goal, observer=meddler))
    assert meddler.done
    assert (report.copied, [*report.failed]) == ((), ["s"])


def test_two_copies_at_once_do_not_disturb_each_other(source: SessionStore, goal: MemoryBackend) -> None:
    live(source, 10)
    other = Meddler("create", "/log/", lambda: copy(source, reopened(goal)))
    report = copy(source, objstore.open(goal, observer=other))
    assert other.done
    assert report.ok
    assert whole(reopened(goal)) == whole(source)


@pytest.mark.parametrize("keep", [None, 3])
def test_a_writer_who_saw_no_session_in_the_target_loses_nothing(
    origin: MemoryBackend, goal: MemoryBackend, source: SessionStore, keep: int | None
) -> None:
    live(source, 50)
    if keep:
        prune(source, origin, keep)
    came: list[Request] = []

    def choose(request: Request) -> Fault | None:
        if request.operation == "create" and request.keys[0].endswith("s/log/000000/0000000001") and not came:
            came.append(request)
            return Wait(lambda: copy(source, reopened(goal)))
        return None

    revision = reopened(FaultyBackend(goal, choose)).append("s", trace_events=[TRACE])
    assert came
    assert reopened(goal).load_trace_events("s") == [TRACE]
    assert whole(reopened(goal))[1:] == whole(source)
    assert revision.seq == whole(source)[0][0].seq + 1


@pytest.mark.parametrize("keep", [None, 3])
def test_a_writer_who_is_faster_than_the_copy_wins(
    origin: MemoryBackend, goal: MemoryBackend, source: SessionStore, keep: int | None
) -> None:
    live(source, 50)
    if keep:
        prune(source, origin, keep)
    writer = Meddler("create", "/objects/", lambda: live(reopened(goal), 1))
    report = copy(source, objstore.open(goal, observer=writer))
    assert writer.done
    assert "the target has another session 's' already (commit 1 there" in report.failed["s"]
    assert len(whole(reopened(goal))) == 1
    assert reopened(goal).verify().ok
