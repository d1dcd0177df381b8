"""What whole conversations cost, counted: requests, waves and bytes, with all of their history kept."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from objstore import (
    Message,
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    SessionData,
    SessionStore,
    TextBlock,
    ToolOutputDeltaEvent,
)
from objstore._format import zstd
from tests.budget.counting import Bench, Cost
from tests.budget.workload import text, turns

FIRST = 4
"""PUTs of a new store and a new session: the marker twice, the session before its first turn, and its hint."""


@dataclass
class Written:
    """A conversation that was written, and what that cost.

    Attributes:
        payload: Bytes of JSON of all that was ever new in it.
        commits: How many saves it took, without the first.
    """

    bench: Bench = field(default_factory=Bench)
    cost: Cost = field(default_factory=Cost)
    payload: int = 0
    commits: int = 0

    @property
    def puts_a_save(self) -> float:
        return (self.cost.requests["Create"] - FIRST) / self.commits

    @property
    def share(self) -> float:
        """Bytes written for each byte of payload."""
        return self.cost.sent / self.payload

    def save(self, save: Callable[[], object], *news: Message | RunEventRecord) -> None:
        save()
        self.commits += 1
        self.payload += sum(len(new.model_dump_json().encode()) + 1 for new in news)

    def opened(self) -> Cost:
        """Load it as another process would, one that has found out before what lies at the place."""
        store = self.bench.open()
        store.exists("another")
        with self.bench.counted(store) as cost:
            assert store.load("s") is not None
        return cost

    def compressed_state(self) -> int:
        """What the newest conversation would take in one zstd frame, texts that are objects of their own included."""
        session = self.bench.open().load("s")
        assert session is not None
        return len(zstd.compress(session.model_dump_json().encode()))


def begun() -> tuple[SessionStore, Written]:
    """A store with one session that has no turn yet."""
    written = Written()
    store = written.bench.open()
    with written.bench.counted(store) as cost:
        store.save(SessionData.new("s"))
    written.cost = cost
    store._opened.driver.costs.append(cost)  # type: ignore[attr-defined]
    return store, written


def conversation(
    count: int, *, at: Callable[[int, Written], None] = lambda _, __: None, big: bool = True, size: int = 2_000
) -> Written:
    """Write so many turns; ``at`` is called after each."""
    store, written = begun()
    for number, turn in enumerate(turns(count, big=big, size=size), 1):
        written.save(lambda turn=turn: store.append("s", messages=turn), *turn)  # type: ignore[misc]
        at(number, written)
    return written


def test_5_turns_cost_one_put_each_and_less_than_a_kilobyte_more_than_they_have() -> None:
    written = conversation(5)
    assert written.puts_a_save == 1.0
    assert written.cost.sent <= written.payload + 1024 * (written.commits + 1)
    cold = written.opened()
    assert cold.requests["Get"] == 6
    assert cold.waves == 2


@pytest.mark.parametrize("count", [100, 500, pytest.param(5_000, marks=pytest.mark.deep)])
def test_turns_cost_one_put_each_and_fewer_bytes_than_they_have(count: int) -> None:
    written = conversation(count)
    assert written.puts_a_save <= 1.10
    assert written.share <= 1.0
    cold = written.opened()
    assert cold.received <= 1.02 * written.compressed_state()  # 1.006 at 100 and 500; 32 commits more would make 1.07
    assert cold.waves <= (3 if count < 999 else 4)
    if count <= 512:
        assert cold.requests["Get"] <= 40


def test_turns_of_3_kilobytes_cost_fewer_bytes_than_they_have_too() -> None:
    written = conversation(500, big=False)
    assert written.puts_a_save <= 1.10
    assert written.share <= 0.95
    cold = written.opened()
    assert cold.received <= 1.06 * written.compressed_state()  # it is 1.042, and with 32 commits more 1.15
    assert cold.requests["Get"] <= 40


@pytest.mark.parametrize(("sizes", "most"), [((300, 800), 1.4), ((100, 300), 2.3)], ids=["1.2 KB", "0.5 KB"])
def test_small_turns_cost_one_put_each_and_not_many_more_bytes_than_they_have(
    sizes: tuple[int, int], most: float, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(7)
    store, written = begun()
    for _ in range(500):
        turn = [Message.user(text(rng, sizes[0])), Message.assistant(text(rng, sizes[1]))]
        written.save(lambda turn=turn: store.append("s", messages=turn), *turn)  # type: ignore[misc]
    with capsys.disabled():
        print(f"\n500 turns of {written.payload / 500:,.0f} bytes: {written.share:.2f} bytes written for each")
    assert written.puts_a_save <= 1.02
    assert written.share <= most


@pytest.mark.parametrize("size", [2_000, 20_000])
def test_a_cold_open_takes_at_most_50_gets_and_3_waves_at_any_head_up_to_512(size: int) -> None:
    most = Cost()

    def look(number: int, written: Written) -> None:
        if (number + 1) % 32 == 0:  # the head before a snapshot: as far from the last one as any
            cold = written.opened()
            most.requests |= cold.requests
            most.waves = max(most.waves, cold.waves)

    assert conversation(511, at=look, size=size).puts_a_save <= 1.10
    assert most.requests["Get"] <= 50
    assert most.waves <= 3


def test_66_000_events_of_growing_runs_cost_fewer_bytes_than_they_have() -> None:
    store, written = begun()
    rng = random.Random(3)
    for run in range(20):
        snapshot = RunSnapshot(
            id=f"run-{run}", session_id="s", status=RunStatus.EXECUTING, prompt=text(rng, 100),
            created_at_ms=run * 10**6, updated_at_ms=run * 10**6, event_count=0,
        )  # fmt: skip
        written.save(lambda it=snapshot: store.append("s", run_records=[RunRecord(snapshot=it, events=[])]))  # type: ignore[misc]
        for part in range(10):
            lines = [
                RunEventRecord(
                    sequence=number,
                    timestamp_ms=run * 10**6 + number,
                    event=ToolOutputDeltaEvent(id=f"call_{run:06d}", name="bash", delta=text(rng, 60) + "\n"),
                )
                for number in range(part * 330, part * 330 + 330)
            ]
            events = {f"run-{run}": lines}
            written.save(lambda it=events: store.append("s", run_events=it), *lines)  # type: ignore[misc]
    assert written.puts_a_save <= 1.15
    assert written.share <= 1.0
    runs = written.bench.open().load_run_records("s")
    assert runs is not None
    assert sum(len(run.events) for run in runs) == 66_000


def held(written: Written) -> tuple[SessionStore, SessionData]:
    store = written.bench.open()
    session = store.load("s")
    assert session is not None
    store._opened.driver.costs.append(written.cost)  # type: ignore[attr-defined]
    return store, session


def test_a_conversation_that_is_compacted_at_turn_300_costs_fewer_bytes_than_it_has() -> None:
    written = conversation(300)
    store, session = held(written)
    summary = Message.user(text(random.Random(5), 4_000))
    session.messages[:-30] = [summary]
    before = written.cost.sent
    written.save(lambda: store.save(session), summary)
    assert written.cost.sent - before <= 8 * 1024
    for turn in [*turns(500)][300:]:
        written.save(lambda turn=turn: store.append("s", messages=turn), *turn)  # type: ignore[misc]
    assert written.puts_a_save <= 1.10
    assert written.share <= 1.0
    assert written.opened().requests["Get"] <= 40


def test_an_edit_in_the_middle_costs_the_message_and_at_the_next_snapshot_a_leaf() -> None:
    written = conversation(300)
    store, session = held(written)
    rng = random.Random(11)
    plain = 0
    for number, turn in enumerate([*turns(500)][300:]):
        session.messages += turn
        written.save(lambda: store.save(session), *turn)
        if number % 10 == 0:
            block = session.messages[rng.randrange(100, 800) // 3 * 3].content[0]
            assert isinstance(block, TextBlock)
            block.text += " as was said before"
            before = written.cost.sent
            written.save(lambda: store.save(session))
            plain += written.cost.sent - before <= 2 * 1024
    assert plain >= 18  # of 20; one or two meet a snapshot
    assert written.puts_a_save <= 1.30
    assert written.share <= 1.25
    assert written.opened().requests["Get"] <= 50


def test_leaves_are_the_same_whether_their_writer_wrote_the_rest_or_has_just_come() -> None:
    def leaves(*, anew: bool) -> set[str]:
        bench = Bench()
        store = bench.open()
        store.save(SessionData.new("s"))
        for turn in turns(100):
            (bench.open() if anew else store).append("s", messages=turn)
        return {entry.name for entry in bench.backend.list("sessions/s/objects/0/")}

    assert len(leaves(anew=False)) > 1
    assert leaves(anew=True) == leaves(anew=False)
