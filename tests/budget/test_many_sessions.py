"""What keeps house over a whole store looks at each session, and not at all hints again for each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import objstore
from objstore import SessionData, SessionStore
from objstore._format import naming
from objstore._log.ops import List
from objstore.backends.memory import MemoryBackend
from tests.budget.counting import Bench, CountingDriver


class HintCounter(CountingDriver):
    """Adds up how many hints a storage has to walk over, of which a directory on local disk gives no beginning."""

    def __init__(self, place: MemoryBackend) -> None:
        super().__init__(place)
        self.place = place
        self.walked = 0

    def _all_blocking(self, ops: tuple[Any, ...], tally: Any) -> list[Any]:
        for op in ops:
            if isinstance(op, List) and op.prefix.startswith((naming.INDEX, naming.TRASH)):
                self.walked += len(self.place.list(op.prefix.rpartition("/")[0] + "/"))
        return super()._all_blocking(ops, tally)


class NameCounter(CountingDriver):
    """Adds up how many names the lists give."""

    named = 0

    def _all_blocking(self, ops: tuple[Any, ...], tally: Any) -> list[Any]:
        results = super()._all_blocking(ops, tally)
        self.named += sum(len(names) for op, names in zip(ops, results, strict=True) if isinstance(op, List))
        return results


def walked(bench: Bench, work: Callable[[SessionStore], object]) -> int:
    """Count the hints that are walked over by what a store does that was opened anew."""
    store = bench.open()
    counter = store._opened.driver = HintCounter(bench.backend)
    work(store)
    return counter.walked


@pytest.fixture
def bench() -> Bench:
    """A place with 90 sessions, and 10 that were deleted: 100 hints."""
    bench = Bench()
    store = bench.open()
    for number in range(100):
        store.save(SessionData.new(f"s{number:03}"))
    for number in range(0, 100, 10):
        store.delete(f"s{number:03}")
    return bench


@pytest.mark.parametrize("dry_run", [True, False])
def test_to_collect_them_is_a_walk_over_their_hints(bench: Bench, dry_run: bool) -> None:
    assert walked(bench, lambda store: store.collect(dry_run=dry_run)) == 100


def test_to_verify_them_is_a_walk_over_those_of_deletes(bench: Bench) -> None:
    assert walked(bench, lambda store: store.verify()) == 10


def test_to_copy_them_is_none(bench: Bench) -> None:
    source, target = bench.open(), Bench()
    assert walked(target, lambda store: objstore.copy(source, store)) == 0
    assert walked(target, lambda store: objstore.copy(source, store)) == 0
    assert target.open().list() == source.list()


def test_a_copy_lists_a_session_whose_hint_was_not_written(bench: Bench) -> None:
    source, target = bench.open(), Bench()
    objstore.copy(source, target.open())
    target.backend.delete([naming.index_hint("s001", 1)])
    assert "s001" not in target.open().list()
    assert "s001" in objstore.copy(source, target.open()).unchanged
    assert "s001" in target.open().list()


def test_to_verify_what_first_saves_left_that_were_broken_off_is_no_walk_over_all_sessions_for_each() -> None:
    def named(count: int) -> int:
        bench = Bench()
        bench.open().save(SessionData.new("s"))
        for number in range(count):
            bench.backend.create(naming.object_key(f"s{number:03}", 0, "0" * 64), b"no commit names it")
        store = bench.open()
        counter = store._opened.driver = NameCounter(bench.backend)
        assert store.verify().ok
        return counter.named

    assert named(80) <= 4 * named(20)
