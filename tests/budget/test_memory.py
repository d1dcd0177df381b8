"""What calls take in memory at their peak: to open a conversation, what is remembered of it and the models together."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from objstore import Message, SessionData
from objstore._care import verify
from objstore.testing import memory_store
from tests.budget.counting import Bench

KIB = 1024


def peak_of(call: Callable[[], object]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def peak_of_opening(count: int, size: int) -> tuple[int, int]:
    """Bytes at the peak of a whole load, and of the JSON that is loaded."""
    bench = Bench()
    session = SessionData.new("s")
    session.messages = [Message.user((f"{number} " + "text " * size)[:size]) for number in range(count)]
    bench.open().save(session)
    length = len(session.model_dump_json().encode())
    del session
    bench.open().load("s")  # what is made once is not the conversation's
    loaded: list[SessionData | None] = []
    peak = peak_of(lambda: loaded.append(bench.open().load("s")))
    assert loaded[0] is not None
    assert len(loaded[0].messages) == count
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


@pytest.mark.parametrize("name", ["collect", "verify", "du"])
def test_care_holds_the_names_of_the_sessions_and_not_what_is_in_them(name: str) -> None:
    def peak(count: int) -> int:
        store = memory_store()
        for number in range(count):
            session = SessionData.new(f"session-{number:04}")
            session.messages = [Message.user("text " * 4 * KIB)]
            store.save(session)
        getattr(store, name)()  # what is made once
        return peak_of(getattr(store, name))

    few, many = 20, 120
    assert peak(many) - peak(few) <= 1.5 * KIB * (many - few)  # of 20 KiB each


def test_a_commit_more_in_a_long_history_takes_two_kilobytes_to_verify_whatever_it_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verify, "_HELD", 256 * KIB)

    def peak(commits: int) -> int:
        store = memory_store()
        session = SessionData.new("s")
        for number in range(commits):
            session.messages = [Message.user(f"{number} ".ljust(8 * KIB, "x"))]
            store.save(session)
        report = store.verify()
        assert (report.ok, report.commits) == (True, commits)
        return peak_of(store.verify)

    assert peak(400) - peak(200) <= 2 * KIB * 200
