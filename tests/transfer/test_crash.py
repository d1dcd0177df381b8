"""A copy that is broken off at any operation leaves a beginning of the history, and the next one completes it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest

import objstore
from objstore import IntegrityError, SessionStore
from objstore.backends import Backend, Capabilities, MemoryBackend
from objstore.testing.faults import Fault, FaultyBackend, Request, Tear
from objstore.transfer import copy
from tests.crash.ways import WAYS, CrashError, crash_after, crash_before

from .lives import State, live, prune, reopened, whole

PAST_ANY_COPY = 400


def fresh(source: SessionStore, origin: Backend) -> None:
    live(source, 6)
    live(source, 2, "t")


def of_a_pruned_one(source: SessionStore, origin: Backend) -> None:
    live(source, 6)
    source.prune("s", keep_last=1)
    live(source, 2)
    prune(source, origin, 50)


def broken_off(
    prepare: Callable[[SessionStore, Backend], None], way: Callable[[], Fault], index: int, *, at_source: bool
) -> tuple[MemoryBackend, MemoryBackend, bool]:
    """Break a copy off at one operation of one side; say whether that was still a part of it."""
    origin, goal = MemoryBackend.isolated(), MemoryBackend.isolated()
    prepare(reopened(origin), origin)
    hits = 0

    def choose(_: Request) -> Fault | None:
        nonlocal hits
        hits += 1
        return way() if hits == index + 1 else None

    one, two = (FaultyBackend(origin, choose), goal) if at_source else (origin, FaultyBackend(goal, choose))
    with contextlib.suppress(CrashError, objstore.UnavailableError):
        copy(reopened(one), reopened(two))
    return origin, goal, hits > index


def is_guard(goal: MemoryBackend) -> bool:
    """Say whether all that lies there of the log are the stubs that keep numbers below what is to come."""
    names = [entry.name for entry in goal.list("sessions/s/log/000000/")]
    return bool(names) and not any(goal.get(f"sessions/s/log/000000/{name}") for name in names)


def states(store: SessionStore, seqs: list[int]) -> State:
    return [(seq, store.load("s", at=seq), store.load_artifacts("s", at=seq)) for seq in seqs]


@pytest.mark.parametrize("at_source", [False, True], ids=["target", "source"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("prepare", [fresh, of_a_pruned_one], ids=lambda prepare: prepare.__name__)
def test_a_copy_that_is_broken_off_anywhere_is_completed_by_the_next_one(
    prepare: Callable[[SessionStore, Backend], None], way: Callable[[], Fault], at_source: bool
) -> None:
    heads = set()
    for index in range(PAST_ANY_COPY):
        origin, goal, broken = broken_off(prepare, way, index, at_source=at_source)
        source, target = reopened(origin), reopened(goal)
        if is_guard(goal):
            with pytest.raises(IntegrityError):
                target.load("s")
            heads.add(-1)
        else:
            session = target.load("s")
            seq = session.revision.seq if session is not None and session.revision else None
            heads.add(seq or 0)
            if seq:
                assert states(target, [seq]) == states(source, [seq]), index
        report = copy(source, reopened(goal))
        assert report.ok, (index, report.failed)
        target = reopened(goal)
        for id in source.list():
            assert whole(target, id) == whole(source, id), index
        assert target.list() == source.list(), index
        assert target.verify().ok, index
        if not broken:
            break
    assert index > 10
    numbers = [commit.seq for commit in reversed(source.history("s"))]
    assert (numbers[0] > 1) == (prepare is of_a_pruned_one)
    if not at_source and way in (crash_before, crash_after):
        assert heads == {0, *numbers, *([-1] if numbers[0] > 1 else [])}


def test_a_copy_without_history_that_was_cut_off_before_its_hint_is_listed_by_the_next(
    source: SessionStore, goal: MemoryBackend
) -> None:
    live(source, 3)

    def choose(request: Request) -> Fault | None:
        return crash_before() if request.operation == "create" and request.keys[0].startswith("index/") else None

    with pytest.raises(CrashError):
        copy(source, reopened(FaultyBackend(goal, choose)), history=False)
    assert reopened(goal).list() == []
    assert copy(source, reopened(goal), history=False).unchanged == ("s",)
    assert reopened(goal).list() == ["s"]


@pytest.mark.parametrize("half", ["/log/000000/0000000002", "/objects/"])
def test_half_of_what_a_copy_wrote_is_written_anew_where_nobody_else_writes(source: SessionStore, half: str) -> None:
    class Plain(MemoryBackend):
        """A storage that promises nothing, so that its stores are opened for a single writer."""

        capabilities = Capabilities(exclusive_create=False, atomic_put=False)

    def choose(request: Request) -> Fault | None:
        is_it = request.operation == "create" and half in request.keys[0]
        return Tear(part=0.5, error=CrashError()) if is_it else None

    live(source, 3)
    goal = Plain.isolated()
    with pytest.raises(CrashError):
        copy(source, objstore.open(FaultyBackend(goal, choose), single_writer=True))
    target = objstore.open(goal, single_writer=True)
    assert copy(source, target).copied == ("s",)
    assert whole(target) == whole(source)


def test_what_a_copy_left_is_made_durable_before_it_is_counted_on(source: SessionStore, goal: MemoryBackend) -> None:
    live(source, 3)

    def choose(request: Request) -> Fault | None:
        return crash_before() if request.operation == "create" and "/log/" in request.keys[0] else None

    with pytest.raises(CrashError):
        copy(source, reopened(FaultyBackend(goal, choose)))
    watched = FaultyBackend(goal)
    assert copy(source, reopened(watched)).copied == ("s",)
    assert "sessions/s/objects/0/" in [r.keys[0] for r in watched.requests if r.operation == "sync"]
    assert not any("/objects/" in r.keys[0] for r in watched.requests if r.operation == "create")


def test_a_copy_that_collect_met_half_way_says_so(source: SessionStore, goal: MemoryBackend) -> None:
    live(source, 3)

    def choose(request: Request) -> Fault | None:
        return crash_before() if request.operation == "create" and "/log/" in request.keys[0] else None

    with pytest.raises(CrashError):
        copy(source, reopened(FaultyBackend(goal, choose)))
    target = reopened(goal)
    target.collect()
    assert "was deleted in the target" in copy(source, target).failed["s"]
    assert copy(source, target, history=False).copied == ("s",)
    assert target.load("s") == source.load("s")


@pytest.mark.parametrize("commits", [2, 10, 17])
def test_who_goes_on_from_half_of_a_pruned_session_can_prune_it(commits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    origin, goal = MemoryBackend.isolated(), MemoryBackend.isolated()
    live(reopened(origin), 50)
    assert prune(reopened(origin), origin, 3) == 33
    came = 0

    def choose(request: Request) -> Fault | None:
        nonlocal came
        came += request.operation == "create" and "/log/" in request.keys[0]
        return crash_before() if came > 2 + commits else None  # the first two are guards

    with pytest.raises(CrashError):
        copy(reopened(origin), reopened(FaultyBackend(goal, choose)))
    target = reopened(goal)
    live(target, 1)
    assert not target.verify().ok
    session = target.load("s")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 25 * 3600)
    target.prune("s", keep_snapshots=1)
    assert target.verify().ok
    assert target.collect().skipped == {}
    assert target.load("s") == session
    assert copy(target, reopened(MemoryBackend.isolated())).ok
