"""What opening a conversation takes in memory at its peak: what is remembered of it and the models together."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from objstore import Message, SessionData
from tests.budget.counting import Bench

KIB = 1024


def peak_of_opening(count: int, size: int) -> tuple[int, int]:
    """Bytes at the peak of a whole load, and of the JSON that is loaded."""
    bench = Bench()
    session = SessionData.new("s")
    session.messages = [Message.user((f"{number} " + "text " * size)[:size]) for number in range(count)]
    bench.open().save(session)
    length = len(session.model_dump_json().encode())
    del session
    bench.open().load("s")  # what is made once is not the conversation's
    gc.collect()
    tracemalloc.start()
    try:
        loaded = bench.open().load("s")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert loaded is not None
    assert len(loaded.messages) == count
    return peak, length


@pytest.mark.parametrize(("count", "size"), [(4_000, 1_000), (2_000, 3_000), (200, 30_000), (20, 300_000)])
def test_messages_of_a_kilobyte_and_more_take_three_times_their_json(count: int, size: int) -> None:
    peak, length = peak_of_opening(count, size)
    assert peak <= 3 * length


@pytest.mark.parametrize("size", [10, 100, 300])
def test_short_messages_take_two_kilobytes_each(size: int) -> None:
    count = 5_000
    peak, _ = peak_of_opening(count, size)
    assert peak <= 2 * KIB * count


@pytest.mark.parametrize("size", [500, 700, 900])
def test_those_between_take_two_kilobytes_beside_their_text(size: int) -> None:
    count = 3_000
    peak, _ = peak_of_opening(count, size)
    assert peak <= (2 * KIB + size) * count
