"""What the calls cost this machine, as sessions grow: ``python -m tests.benchmarks.cpu``.

Everything is in memory, so no disk and no network has a say. Times are those of the processor, the best of several; for
appends the median, which no snapshot is. With ``--profile NAME`` (append, save or open) it prints where the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import hashlib
import pstats
import statistics
import time
from collections.abc import Callable

from pydantic_core import from_json

from objstore import Message, SessionData, SessionStore
from objstore._format import zstd
from objstore.models import _documents as documents
from tests.budget.counting import Bench

from .workload import Turn, turns

_SIZES = (10, 1_000, 10_000, 60_000)
_TEXT = "lorem ipsum dolor sit amet " * 40
_OPENED = 18_500  # messages of 1 KB: 20 MB


def _message(number: int) -> Message:
    return Message.user(f"{number} {_TEXT}"[:1000])


def _written(messages: int) -> tuple[Bench, SessionStore, SessionData]:
    bench = Bench()
    store = bench.open()
    session = SessionData.new("s")
    session.messages = [_message(number) for number in range(messages)]
    store.save(session)
    return bench, store, session


def _timed(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _appends(messages: int, count: int = 24) -> list[float]:
    _, store, _ = _written(messages)
    return [_timed(lambda: store.append("s", messages=[_message(0)])) for _ in range(count)]


def _saves(messages: int, count: int = 30) -> list[float]:
    _, store, session = _written(messages)
    taken = []
    for number in range(count):
        session.messages.append(_message(number))
        taken.append(_timed(lambda: store.save(session)))
    return taken


def _turns(count: int = 330) -> None:
    """Print what an append of a turn of the benchmark takes, by what it has to write."""
    best = [min(times) for times in zip(*(_conversation(turns(0, count)) for _ in range(3)), strict=True)]
    kinds: dict[str, list[float]] = {}
    for number, seconds in enumerate(best):
        seq = number + 2  # 1 is the empty session
        kind = "and a snapshot" if seq % 32 == 1 else "turn of 200 KB" if number % 10 == 9 else "turn of 2 KB"
        kinds.setdefault(kind, []).append(seconds)
    print("\nappend of a turn, us:")
    for kind, seconds_of in kinds.items():
        print(f"{kind:>18}{statistics.median(seconds_of) * 1e6:12.0f}")


def _conversation(made: list[Turn]) -> list[float]:
    _, store, _ = _written(0)
    messages = [[Message.model_validate(message) for message in turn.messages()] for turn in made]
    return [_timed(lambda added=added: store.append("s", messages=added)) for added in messages]  # type: ignore[misc]


def _table() -> None:
    print(f"{'messages of 1 KB':>18}{'append, us':>12}{'save, us':>12}{'us a message':>14}")
    least = statistics.median(_saves(_SIZES[0]))
    for size in _SIZES:
        append, save = statistics.median(_appends(size)), statistics.median(_saves(size))
        more = f"{(save - least) / (size - _SIZES[0]) * 1e6:14.2f}" if size > _SIZES[0] else ""
        print(f"{size:18}{append * 1e6:12.0f}{save * 1e6:12.0f}{more}")
    _turns()
    bench, _, session = _written(_OPENED)
    text = session.model_dump_json().encode()
    frame = zstd.compress(text)
    del session
    steps: dict[str, Callable[[], object]] = {
        "inflate": lambda: zstd.inflate(frame, limit=1 << 30),
        "hash": lambda: hashlib.sha256(text).digest(),
        "parse to dicts": lambda: from_json(text),
        "parse to models": lambda: documents.SESSION.validate_json(text),
        "open": lambda: bench.open().load("s"),
    }
    best = {name: min(_timed(step) for _ in range(5)) for name, step in steps.items()}
    floor = best["inflate"] + best["hash"] + best["parse to models"]
    print(f"\nopening {len(text) / 1e6:.1f} MB, ms:")
    for name, seconds in best.items():
        print(f"{name:>18}{seconds * 1000:12.1f}")
    print(f"{'open / floor':>18}{best['open'] / floor:12.2f}   (inflate, hash, parse to models)")


def _profiled(name: str) -> None:
    bench, store, session = _written(10_000)

    def save() -> None:
        session.messages.append(_message(0))
        store.save(session)

    calls: dict[str, Callable[[], object]] = {
        "append": lambda: store.append("s", messages=[_message(0)]),
        "save": save,
        "open": lambda: bench.open().load("s"),
    }
    calls[name]()
    profile = cProfile.Profile()
    for _ in range(10):
        profile.runcall(calls[name])
    pstats.Stats(profile).sort_stats("tottime").print_stats(15)


def main() -> None:
    """Print the table or a profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", choices=("append", "save", "open"))
    arguments = parser.parse_args()
    _profiled(arguments.profile) if arguments.profile else _table()


if __name__ == "__main__":
    main()
