"""What the constants of the stored format are chosen by: ``python -m tests.benchmarks.tuning``.

Each row writes the 512 turns of the budgets with one constant changed, in memory, and counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import zstandard

from objstore import SessionData
from objstore._format import commit, encode, state, zstd
from tests.budget.counting import Cost
from tests.budget.test_conversations import Written
from tests.budget.workload import turns

_CHOSEN = {"K": 32, "leaf": 512, "text": 256, "level": 3, "plain": 16}


@contextmanager
def _constants(values: dict[str, int]) -> Iterator[None]:
    kib = 1024
    with (
        patch.object(state, "LEAF_BYTES", values["leaf"] * kib),
        patch.object(encode, "TEXT_BYTES", values["text"] * kib),
        patch.object(zstd, "_LEVEL", values["level"]),
        patch.object(commit, "PLAIN_BYTES", values["plain"] * kib),
    ):
        yield


def _row(values: dict[str, int]) -> str:
    written = Written()
    backend = written.bench.backend
    written.bench.open().save(SessionData.new("another"))
    marker = backend.get("objstore.json") or b""
    backend.put("objstore.json", marker.replace(b'"K":32', b'"K":%d' % values["K"]))
    store = written.bench.open()
    store.save(SessionData.new("s"))
    worst = at_500 = Cost()
    state_bytes = 1
    seconds = 0.0
    with written.bench.counted(store) as cost:
        written.cost = cost
        for number, turn in enumerate(turns(512), 2):
            began = time.process_time()
            written.save(lambda turn=turn: store.append("s", messages=turn), *turn)  # type: ignore[misc]
            seconds += time.process_time() - began
            if number % values["K"] == 0 or number == 500:
                cold = written.opened()
                worst = max(worst, cold, key=lambda it: it.requests["Get"])
                if number == 500:
                    at_500, state_bytes = cold, written.compressed_state()
    return (
        f"{values['K']:4}{values['leaf']:7}{values['text']:6}{values['level']:6}{values['plain']:6}"
        f"{cost.requests['Create'] / 512:9.3f}{written.share:8.3f}{at_500.requests['Get']:8}{worst.requests['Get']:7}"
        f"{at_500.received / state_bytes:8.2f}{seconds / 512 * 1000:8.2f}"
    )


def _small_commits() -> str:
    """Say what the commits that are stored plain would take otherwise."""
    written = Written()
    store = written.bench.open()
    store.save(SessionData.new("s"))
    for turn in turns(512):
        store.append("s", messages=turn)
    backend = written.bench.backend
    names = [f"sessions/s/log/000000/{entry.name}" for entry in backend.list("sessions/s/log/000000/")]
    stored = [backend.get(name) or b"" for name in names]
    plain = [data for data in stored if not zstd.is_frame(data)]
    trained = zstandard.train_dictionary(16 * 1024, plain[:100])
    with_it = zstandard.ZstdCompressor(level=3, dict_data=trained)
    rest = plain[100:]
    total = sum(map(len, rest))
    frames = sum(len(zstd.compress(data)) for data in rest)
    learned = sum(len(with_it.compress(data)) for data in rest)
    everything = sum(map(len, stored))
    return (
        f"{len(plain)} of {len(stored)} commits are plain: {sum(map(len, plain))} of {everything} bytes. Of the last "
        f"{len(rest)} ({total} bytes), frames would have {frames}, frames with a dictionary of the first 100 {learned}."
    )


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(f"{'K':>4}{'leaf':>7}{'text':>6}{'level':>6}{'plain':>6}{'PUT/save':>9}{'bytes':>8}{'GET@500':>8}{'worst':>7}"
          f"{'read':>8}{'ms CPU':>8}")  # fmt: skip
    changes: list[dict[str, int]] = [
        {}, {"K": 16}, {"K": 24}, {"K": 64}, {"leaf": 256}, {"leaf": 1024}, {"text": 64}, {"text": 128},
        {"text": 1024}, {"level": 1}, {"level": 6}, {"level": 9}, {"plain": 1}, {"plain": 4}, {"plain": 64},
    ]  # fmt: skip
    for change in changes:
        values = _CHOSEN | change
        with _constants(values):
            print(_row(values), flush=True)
    print(_small_commits())


if __name__ == "__main__":
    main()
