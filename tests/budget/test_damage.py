"""What a damaged session costs those who load it: it grows with how much of it is damaged, and no faster."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from objstore import IntegrityError, SessionData, SessionStore
from objstore._format import naming
from tests.budget.counting import Bench


def requests(damaged: int) -> int:
    """Count those of a load of a session whose newest commits are damaged."""
    bench = Bench()
    session = SessionData.new("s")
    with bench.open() as store:
        for n in range(100):
            session.updated_at = n
            store.save(session)
    for n in range(100, 100 - damaged, -1):
        bench.backend.put(naming.log_key("s", n), b"damaged")
    store = bench.open()
    with bench.counted(store) as cost, pytest.raises(IntegrityError, match=f"commit is {100 - damaged}:"):
        store.load("s")
    return cost.requests.total()


def test_to_name_the_newest_intact_commit_is_few_requests_for_each_that_is_damaged() -> None:
    assert requests(60) - requests(20) <= 3 * 40


@pytest.mark.parametrize("look", [lambda store: store.verify(), lambda store: store.repair("s")])
def test_of_what_was_pruned_below_a_damaged_commit_nothing_is_asked_for(look: Callable[[SessionStore], object]) -> None:
    def requests(pruned: int) -> int:
        bench = Bench()
        session = SessionData.new("s")
        store = bench.open()
        for n in range(pruned):
            session.updated_at = n
            store.save(session)
        store.prune("s", keep_last=1)
        bench.backend.delete([naming.log_key("s", n) for n in range(1, pruned + 1)])  # as it is a day later
        bench.backend.put(naming.log_key("s", pruned + 1), b"damaged")
        with bench.counted(store) as cost:
            look(store)
        return cost.requests.total()

    assert requests(520) == requests(200)
