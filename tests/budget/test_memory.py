"""What calls take in memory at their peak: to open a conversation, what is remembered of it and the models together."""

from __future__ import annotations

import base64
import gc
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import pytest

from objstore import Message, SessionData, SessionStore
from objstore._care import verify
from objstore._format.state import LEAF_BYTES
from objstore.models import TextBlock
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


@dataclass(frozen=True, slots=True)
class Opening:
    """Bytes: what a whole load takes at its peak and leaves, and the JSON that is loaded."""

    peak: int
    left: int
    json: int


def opening(count: int, size: int, *, blocks: int = 1, end: str = "") -> Opening:
    bench = Bench()
    session = SessionData.new("s")
    session.messages = [
        Message(
            role="user", content=[TextBlock(text=text(blocks * number + block, size) + end) for block in range(blocks)]
        )
        for number in range(count)
    ]
    bench.open().save(session)
    length = len(session.model_dump_json().encode())
    del session
    bench.open().load("s")  # what is made once is not the conversation's
    loaded: list[SessionData | None] = []
    left: list[int] = []

    def load() -> None:
        loaded.append(bench.open().load("s"))
        left.append(tracemalloc.get_traced_memory()[0])

    peak = peak_of(load)
    assert loaded[0] is not None
    assert len(loaded[0].messages) == count
    return Opening(peak, left[0], length)


def text(number: int, size: int) -> str:
    """Make one that hardly gets smaller, so that what is stored counts as well."""
    return base64.b64encode(Random(number).randbytes(size)).decode()[:size]


@pytest.mark.parametrize(("count", "size"), [(4_000, 1_000), (2_000, 3_000), (200, 30_000), (20, 300_000)])
def test_messages_of_a_kilobyte_and_more_take_three_times_their_json(count: int, size: int) -> None:
    taken = opening(count, size)
    assert taken.peak <= 3 * taken.json


@pytest.mark.parametrize("size", [10, 100, 300])
def test_short_messages_take_two_kilobytes_each(size: int) -> None:
    count = 5_000
    assert opening(count, size).peak <= 2 * KIB * count


@pytest.mark.parametrize("size", [10, 400, 500, 700, 900, 3_000])
def test_a_message_takes_its_text_once_and_little_beside_it(size: int) -> None:
    count = 3_000
    assert opening(count, size).peak <= (1.7 * KIB + size) * count


def test_a_block_more_takes_its_text_once_and_half_of_that() -> None:
    count, size = 1_000, 300
    assert opening(count, size, blocks=5).peak - opening(count, size).peak <= 4 * (0.8 * KIB + size) * count


@pytest.mark.parametrize(("character", "width"), [("é", 1), ("—", 2), ("😀", 4)])
def test_a_text_that_is_not_ascii_takes_its_utf_8_beside_it(character: str, width: int) -> None:
    count, size = 3_000, 3_000
    taken = opening(count, size, end=character)
    assert taken.peak <= (1.7 * KIB + width * size + size) * count + 3 * LEAF_BYTES  # one is in hand


@pytest.mark.parametrize(("count", "size"), [(10_000, 900), (4_000, 3_000), (40, 300_000)])
def test_opening_takes_no_more_at_its_peak_than_it_leaves(count: int, size: int) -> None:
    taken = opening(count, size)
    assert taken.peak - taken.left <= 2 * LEAF_BYTES  # one is in hand, stored and raw


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


def edited(commits: int) -> SessionStore:
    """Make a store of one session, of which each commit replaces the only message, of 8 KiB."""
    store = memory_store()
    session = SessionData.new("s")
    for number in range(commits):
        session.messages = [Message.user(f"{number} ".ljust(8 * KIB, "x"))]
        store.save(session)
    return store


def test_a_commit_more_in_a_long_history_takes_two_kilobytes_to_verify_whatever_it_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verify, "_HELD", 256 * KIB)

    def peak(commits: int) -> int:
        store = edited(commits)
        report = store.verify()
        assert (report.ok, report.commits) == (True, commits)
        return peak_of(store.verify)

    assert peak(400) - peak(200) <= 2 * KIB * 200


@pytest.mark.parametrize(
    "work",
    [
        lambda store: store.history("s"),
        lambda store: store.prune("s", keep_last=100, dry_run=True),
        lambda store: store.collect(dry_run=True),
        lambda store: store.du(),
    ],
)
def test_nor_do_those_who_go_down_a_history_hold_what_is_in_its_commits(work: Callable[[SessionStore], object]) -> None:
    def peak(commits: int) -> int:
        store = edited(commits)
        work(store)  # what is made once
        return peak_of(lambda: work(store))

    assert peak(400) - peak(200) <= 2 * KIB * 200


@pytest.mark.parametrize(
    "work", [lambda store: store.history("s"), SessionStore.collect, SessionStore.du, SessionStore.verify]
)
def test_nor_do_they_hold_what_each_snapshot_says_of_all_artifacts(
    work: Callable[[SessionStore], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_HELD", 256 * KIB)

    def peak(artifacts: int) -> int:
        store = memory_store()
        for number in range(artifacts):
            store.put_artifact("s", b"%d" % number, tool_name="bash", uri=f"{number}")
        work(store)  # what is made once
        return peak_of(lambda: work(store))

    assert peak(900) - peak(300) <= 3 * KIB * 600
