"""Repairs and copies, broken off at every operation on the storage: the same demands as in `test_crash_matrix`.

A repair begins with what cannot be read, so its old state is an error that names the key. A copy is broken off on the
side that it writes; what becomes of one that brings the history along is in tests/transfer/test_crash.py, but for torn
writes, which are here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

import objstore
from objstore import Message, SessionData, SessionStore, ToolUseBlock
from objstore.backends import MemoryBackend
from objstore.testing.faults import Fault

from .test_crash_matrix import (
    PAST_ANY_CALL,
    Case,
    State,
    every_place,
    every_torn_write,
    everything,
    live,
    new_state,
    opened,
    single,
    single_state,
    state,
    torn,
)
from .ways import WAYS


def key(n: int) -> str:
    return f"sessions/s/log/000000/{n:010d}"


def harm(store: SessionStore, where: str) -> None:
    """Flip a bit of an object."""
    place = store._opened.backend
    assert isinstance(place, MemoryBackend)
    data = place.get(where)
    assert data is not None
    place.put(where, data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])


def ailing(store: SessionStore) -> None:
    live(store)
    call = ToolUseBlock(id="t1", name="bash", input={})
    store.append("s", messages=[Message(role="assistant", content=[call])])


def newest_damaged(store: SessionStore) -> None:
    live(store)
    harm(store, key(3))


def middle_damaged(store: SessionStore) -> None:
    live(store)
    harm(store, key(2))


def newest_emptied(store: SessionStore) -> None:
    live(store)
    place = store._opened.backend
    assert isinstance(place, MemoryBackend)
    place.put(key(3), b"")


def tombstone_damaged(store: SessionStore) -> None:
    live(store)
    store.delete("s")
    harm(store, key(4))


def artifact_damaged(store: SessionStore) -> None:
    live(store)
    place = store._opened.backend
    assert isinstance(place, MemoryBackend)
    (newest,) = set(names(place, 3)) - set(names(place, 2))
    harm(store, newest)


def names(place: MemoryBackend, at: int) -> list[str]:
    """Give the keys of the artifacts at a commit."""
    history = objstore.open(place).load_artifacts("s", at=at)
    assert history is not None
    return [f"sessions/s/objects/0/{hashlib.sha256(a.content.encode()).hexdigest()}.zst" for a in history]


def repair(store: SessionStore) -> None:
    store.repair("s", dry_run=False)


REPAIRS = [
    Case(repair, prepare)
    for prepare in (ailing, newest_damaged, middle_damaged, newest_emptied, tombstone_damaged, artifact_damaged)
]

WHOLE = [case for case in REPAIRS if case.prepare is not artifact_damaged]
"""Those after which nothing is damaged any more: a lost artifact is still named by the history."""


def named(case: Case) -> str:
    return f"{case.act.__name__}-{case.prepare.__name__}"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("case", REPAIRS, ids=named)
def test_a_repair_that_is_broken_off_leaves_the_damage_or_the_mend(case: Case, way: Callable[[], Fault]) -> None:
    new = new_state(case)
    seen: list[State] = []
    for index, memory, old, done in every_place(case, way):
        after = state(memory, case.layout)
        assert after == new if done else after in (old, new), index
        assert old != new
        seen.append(after)
        assert opened(memory, case.layout).verify().ok == (
            (after == new and case in WHOLE) or case.prepare is ailing
        ), index
        opened(memory, case.layout).collect()
        assert state(memory, case.layout) == after, index
        case.act(opened(memory, case.layout))
        assert state(memory, case.layout) == new, index
        assert opened(memory, case.layout).verify().healthy == (case in WHOLE), index
    assert new in seen
    assert old in seen


@pytest.mark.parametrize("part", [0, 0.5, 0.99], ids=["none of it", "half of it", "nearly all"])
@pytest.mark.parametrize("case", [case for case in REPAIRS if case.prepare is not newest_emptied], ids=named)
def test_a_repair_whose_write_is_torn_is_done_by_the_next_one(case: Case, part: float) -> None:
    for place, after, new, hit in every_torn_write(case, part):
        single(place, case.layout).collect()
        assert single_state(place, case.layout) == after, hit
        case.act(single(place, case.layout))
        assert single_state(place, case.layout) == new, hit
        assert single(place, case.layout).verify().healthy == (case in WHOLE), hit


SOURCE = MemoryBackend.isolated()
live(objstore.open(SOURCE))


def copied(target: SessionStore, *, history: bool) -> None:
    report = objstore.copy(objstore.open(SOURCE), target, history=history)
    if report.failed:
        raise objstore.UnavailableError(str(report.failed))


def copy_states(store: SessionStore) -> None:
    copied(store, history=False)


def copy_history(store: SessionStore) -> None:
    copied(store, history=True)


def nothing(store: SessionStore) -> None:
    pass


def other(store: SessionStore) -> None:
    store.save(SessionData.new("branch"))


COPIES = [Case(copy_states, prepare, layout) for layout in ("log", "tree") for prepare in (nothing, other)]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("case", COPIES, ids=lambda case: f"{named(case)}-{case.layout}")
def test_each_session_of_a_copy_that_is_broken_off_is_there_or_not(case: Case, way: Callable[[], Fault]) -> None:
    new = new_state(case)
    assert {"s", "t"} <= set(new)
    for index, memory, old, done in every_place(case, way):
        after = state(memory, case.layout)
        if done:
            assert after == new, index
        for id in ("s", "t", "branch"):
            if case.layout == "log":
                assert after.get(id) in (old.get(id), new.get(id)), (index, id)
            elif id in after and after[id][0] is not None:  # siblings come first, so a session has its own
                assert after[id] == new[id], (index, id)
        assert opened(memory, case.layout).verify().ok, index
        case.act(opened(memory, case.layout))
        assert state(memory, case.layout) == new, index
        assert opened(memory, case.layout).list() == sorted(new), index


@pytest.mark.parametrize("part", [0, 0.5, 0.99], ids=["none of it", "half of it", "nearly all"])
@pytest.mark.parametrize("act", [copy_states, copy_history])
@pytest.mark.parametrize("prepare", [nothing, other])
def test_a_copy_whose_write_is_torn_is_completed_by_the_next_one(
    prepare: Callable[[SessionStore], None], act: Callable[[SessionStore], None], part: float
) -> None:
    case = Case(act, prepare)
    new = state(SOURCE, "log")
    for index in range(PAST_ANY_CALL):
        place, old, done, hit = torn(case, index, part)
        store = single(place, "log")
        older = [everything_at(n) for n in (1, 2)] if act is copy_history else []
        for id in ("s", "t"):
            found = everything(store).get(id)
            assert found in (old.get(id), new[id], *(state[id] for state in older)), (index, hit)
        if not hit:
            assert done
            assert index > 0
            return
        assert store.verify().ok, (index, hit)
        case.act(single(place, "log"))
        after = single_state(place, "log")
        assert {id: after[id] for id in ("s", "t")} == new, (index, hit)
        assert single(place, "log").verify().ok, (index, hit)
    raise AssertionError("a call that never ends")


def everything_at(n: int) -> State:
    """Give what the source held at a commit."""
    seen: State = {}
    for id in ("s", "t"):
        bundle = objstore.open(SOURCE).load_bundle(id, at=n)
        assert bundle is not None
        assert bundle.session is not None
        bundle.session.created_at = bundle.session.updated_at = 0
        seen[id] = (bundle.session, bundle.artifacts, bundle.trace_events, bundle.run_records)
    return seen
