"""Repairs beside writers, other repairs and removals, stopped and continued at the worst moments."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator
from typing import Any

import pytest

from objstore import ConflictError, IntegrityError, Message, RepairReport, SessionStore
from objstore._care import repair
from objstore._log.base import Base, Rules
from objstore._log.ops import Create, Delete, Get, List, Moment, NewId, Now, Op, Pause, Protocol, Put, StorageOp, Sync
from tests.life.damaged import artifacts_of, damage, key, lived, output, texts, turns
from tests.places import Place, make_place


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    return make_place("memory", request)


class Stopped:
    """A call that is stopped before an operation, until it is told to go on."""

    def __init__(self, place: Place, call: Generator[Any, Any, Any], before: Callable[[Op], bool]) -> None:
        self._place = place
        self._call = call
        self._asked: Any = next(call)
        while not any(before(op) for op in _several(self._asked)):
            self._asked = call.send(self._done())

    def go_on(self) -> Any:
        while True:
            try:
                self._asked = self._call.send(self._done())
            except StopIteration as end:
                return end.value

    def _done(self) -> Any:
        if isinstance(self._asked, tuple):
            return [*map(self._perform, self._asked)]
        return self._perform(self._asked)

    def _perform(self, op: Op) -> Any:
        backend = self._place.backend
        match op:
            case Now():
                return Moment(time.monotonic(), time.time())
            case NewId():
                return uuid.uuid4().hex
            case Pause() | Sync():
                return None
            case Create(where, data):
                return backend.create(where, data)
            case Put(where, data):
                return backend.put(where, data)
            case Get(where):
                return backend.get(where)
            case List(prefix):
                return backend.list(prefix)
            case Delete(keys):
                return backend.delete(keys)
        raise AssertionError(op)


def _several(asked: Any) -> tuple[Op, ...]:
    return asked if isinstance(asked, tuple) else (asked,)


def creates(where: str) -> Callable[[Op], bool]:
    return lambda op: isinstance(op, Create) and op.key == where


def stopped_repair(place: Place, before: Callable[[StorageOp], bool]) -> Stopped:
    return Stopped(place, place.open()._opened.repair("s", dry_run=False), before)  # type: ignore[arg-type]


def test_of_two_repairs_one_commits_and_the_other_finds_nothing_to_do(place: Place) -> None:
    lived(place.open(), 5)
    damage(place, 5)
    slow = stopped_repair(place, creates(key(6)))
    assert place.open().repair("s", dry_run=False).seq == 6
    report: RepairReport = slow.go_on()
    assert (report.needed, report.seq) == (False, 6)
    assert texts(place.open()) == turns(4)
    assert place.open().verify().ok


def test_a_writer_who_knows_the_damaged_commit_is_passed_over_with_it_and_then_conflicts(place: Place) -> None:
    author = place.open()
    session = lived(author, 5)
    damage(place, 5)
    slow = stopped_repair(place, creates(key(6)))
    session.messages.append(Message.user("turn 6"))
    author.save(session)
    report: RepairReport = slow.go_on()
    assert [(lost.seq, lost.problem) for lost in report.lost] == [(6, "unusable"), (5, "damaged")]
    assert (report.resumed, report.seq) == (4, 7)
    session.messages.append(Message.user("turn 7"))
    with pytest.raises(ConflictError):
        author.save(session)
    assert texts(author) == turns(4)


def repaired_under_a_sweep(place: Place) -> SessionStore:
    """Damage a tombstone before its sweep has begun, repair, and let the sweep go on."""
    lived(place.open(), 5)
    deleting = place.open()._opened.delete("s", 5, purge=False, keep_versions=False)
    deleter = Stopped(place, deleting, creates("trash/s=.0000000006"))
    damage(place, 6, "foreign")  # nothing tells any more that it was a tombstone
    report = place.open().repair("s", dry_run=False)
    assert (report.resumed, report.seq) == (5, 7)
    deleter.go_on()
    assert place.names("sessions/s/objects/0/") == set()
    return place.open()


def test_a_sweep_that_was_under_way_takes_nothing_of_what_a_repair_brought_back(place: Place) -> None:
    store = repaired_under_a_sweep(place)
    assert texts(store) == turns(5)
    assert artifacts_of(store) == [output(turn) for turn in range(1, 6)]
    assert store.verify().ok
    store.collect()
    assert place.names("trash/") == {"s=.0000000006"}  # its numbers still wait


def test_a_delete_that_was_under_way_does_not_unlist_what_a_repair_brought_back(place: Place) -> None:
    store = repaired_under_a_sweep(place)
    assert store.list() == ["s"]
    assert place.names("index/") == {"s=.0000000007"}
    store.append("s", messages=[Message.user("turn 6")])
    assert store.collect().removed == ()
    assert place.names("index/") == {"s=.0000000007"}


def test_if_a_repair_did_not_store_it_again_the_sweep_would_take_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left_where_it_is(
        rules: Rules, base: Base, epoch: int, names: list[str]
    ) -> Protocol[dict[str, tuple[int, int]]]:
        return {name: base.present[name] for name in names}
        yield

    monkeypatch.setattr(repair, "_carried", left_where_it_is)
    store = repaired_under_a_sweep(place)
    with pytest.raises(IntegrityError, match="missing"):
        store.load_artifacts("s")


def test_a_purge_under_the_eyes_of_a_repair_is_no_damage(place: Place) -> None:
    lived(place.open(), 5)
    slow = stopped_repair(place, lambda op: isinstance(op, Get) and op.key == key(5))
    place.open().delete("s", purge=True)
    assert place.backend.get(key(5)) == b""
    report: RepairReport = slow.go_on()
    assert (report.needed, report.seq) == (False, 6)
    assert place.open().load("s") is None


def test_a_repair_that_dies_before_its_commit_leaves_only_what_collect_removes(place: Place) -> None:
    lived(place.open(), 5)
    healthy = place.backend.get(key(5)) or b""
    damage(place, 5)
    stopped_repair(place, creates(key(6)))
    assert len(place.names("sessions/s/objects/5/")) == 4
    place.put(key(5), healthy)  # it was the reading that had failed
    store = place.open()
    assert texts(store) == turns(5)
    store.collect()
    assert place.names("sessions/s/objects/5/") == set()
    assert artifacts_of(store) == [output(turn) for turn in range(1, 6)]
    assert store.verify().ok
