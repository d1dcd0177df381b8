"""What the constants of the stored format are chosen by: ``python -m tests.benchmarks.tuning``.

Each row writes the 512 turns of the budgets with one constant changed, in memory, and counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import zstandard

from objstore import Message, SessionData
from objstore._format import commit, encode, state, zstd
from tests.budget.counting import Cost
from tests.budget.test_conversations import Written
from tests.budget.workload import turns

_TURNS = 512
_CHOSEN = {"K": 32, "leaf": 768, "gather": 2, "growth": 8, "text": 256, "level": 1, "plain": 1}
_CHANGES: list[dict[str, int]] = [
    {}, {"K": 16}, {"K": 24}, {"K": 64}, {"leaf": 256}, {"leaf": 512}, {"leaf": 1024}, {"gather": 1}, {"gather": 3},
    {"growth": 2}, {"growth": 4}, {"growth": 16}, {"text": 64}, {"text": 1024}, {"level": 2}, {"level": 3},
    {"level": 6}, {"level": 9}, {"plain": 4}, {"plain": 16},
]  # fmt: skip


@contextmanager
def _constants(values: dict[str, int]) -> Iterator[None]:
    kib = 1024
    with (
        patch.object(state, "LEAF_BYTES", values["leaf"] * kib),
        patch.object(encode, "LEAVES_GATHERED", values["gather"]),
        patch.object(encode, "LEAF_GROWTH", values["growth"]),
        patch.object(encode, "TEXT_BYTES", values["text"] * kib),
        patch.object(zstd, "_LEVEL", values["level"]),
        patch.object(commit, "PLAIN_BYTES", values["plain"] * kib),
    ):
        yield


def _write(interval: int, conversation: Iterable[list[Message]]) -> Iterator[tuple[int, Written, float]]:
    """Append turn by turn; give the number of each commit, what was written so far, and the CPU time of the append."""
    written = Written()
    backend = written.bench.backend
    written.bench.open().save(SessionData.new("another"))
    marker = backend.get("objstore.json") or b""
    backend.put("objstore.json", marker.replace(b'"K":32', b'"K":%d' % interval))
    store = written.bench.open()
    store.save(SessionData.new("s"))
    with written.bench.counted(store) as written.cost:
        for number, turn in enumerate(conversation, 2):
            began = time.process_time()
            written.save(lambda turn=turn: store.append("s", messages=turn), *turn)  # type: ignore[misc]
            yield number, written, time.process_time() - began


def _row(values: dict[str, int]) -> str:
    worst = at_500 = Cost()
    whole = 1
    seconds = 0.0
    for number, written, took in _write(values["K"], turns(_TURNS)):
        seconds += took
        if number % values["K"] == 0 or number == 500:
            cold = written.opened()
            worst = max(worst, cold, key=lambda it: it.requests["Get"])
            if number == 500:
                at_500, whole = cold, written.compressed_state()
    for _, small, _ in _write(values["K"], turns(_TURNS, big=False)):
        share = small.share
    grown = 0
    for number, growing, _ in _write(values["K"], turns(_TURNS, size=20_000)):
        if number % values["K"] == 0:
            grown = max(grown, growing.opened().requests["Get"])
    return "".join(
        [
            *(f"{value:7}" for value in values.values()),
            f"{written.cost.requests['Create'] / _TURNS:9.3f}{written.share:8.3f}{share:8.3f}",
            f"{at_500.requests['Get']:8}{worst.requests['Get']:7}{grown:7}{at_500.received / whole:7.2f}",
            f"{seconds / _TURNS * 1000:8.2f}",
        ]
    )


def _small_commits() -> str:
    """Say what the commits that could be plain JSON take so, as frames, and as frames with a dictionary."""
    for _, written, _ in _write(32, turns(_TURNS)):
        backend = written.bench.backend
    names = [f"sessions/s/log/000000/{entry.name}" for entry in backend.list("sessions/s/log/000000/")]
    stored = (backend.get(name) or b"" for name in names)
    texts = [data for data in stored if not zstd.is_frame(data)]
    trained = zstandard.train_dictionary(16 * 1024, [*texts[:100]])
    learned = zstandard.ZstdCompressor(level=1, dict_data=trained)
    rest = texts[100:]
    plain, frames = sum(map(len, rest)), sum(len(zstd.compress(data)) for data in rest)
    return (
        f"{len(rest)} commits of at most 16 KiB: {plain} bytes plain, {frames} as frames, "
        f"{sum(len(learned.compress(data)) for data in rest)} as frames with a dictionary of the {100} before them."
    )


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    names = "".join(f"{name:>7}" for name in _CHOSEN)
    counted = f"{'PUT/save':>9}{'bytes':>8}{'small':>8}{'GET@500':>8}{'worst':>7}{'20 KB':>7}{'read':>7}{'ms CPU':>8}"
    print(names + counted)
    for change in _CHANGES:
        values = _CHOSEN | change
        with _constants(values):
            print(_row(values), flush=True)
    with _constants(_CHOSEN | {"plain": 16}):
        print(_small_commits())


if __name__ == "__main__":
    main()
