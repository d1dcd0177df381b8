"""What a damaged session costs those who load it: it grows with how much of it is damaged, and no faster."""

from __future__ import annotations

import pytest

from objstore import IntegrityError, SessionData
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
