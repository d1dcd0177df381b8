"""What a save on local disk costs beside the system calls that it is made of: ``python -m tests.benchmarks.local``.

Each round does every kind of write once, in an order that is drawn anew, since a flush also pays for what was written
before it. The tables show medians, and means, in which the turns that also write a snapshot have their share, and their
ratios to the floors of the same run.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import objstore
from objstore import Message, SessionData, SessionStore
from objstore._format.naming import log_key, session_key

from .workload import encoded, turns

_ID = "s"


def _appended(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, data)
    os.fsync(file)
    os.close(file)


def _created(path: Path, data: bytes) -> None:
    """Make a new file whole, durable and exclusive: the calls that a save cannot do without."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    file = os.open("temporary", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
    os.write(file, data)
    os.fsync(file)
    os.close(file)
    os.link("temporary", path.name, src_dir_fd=directory, dst_dir_fd=directory)
    os.unlink("temporary", dir_fd=directory)
    os.fsync(directory)
    os.close(directory)


def _written(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(file, data)
    os.close(file)


def _save(store: SessionStore, session: SessionData, messages: list[Message]) -> None:
    session.messages += messages
    store.save(session)


def rounds(root: Path, count: int) -> Iterator[dict[str, float]]:
    """Time one write of each kind, round by round."""
    stores = {name: objstore.open(root / name, durability="none") for name in ("unmeasured", "none")}
    stores |= {name: objstore.open(root / name) for name in ("append", "save")}
    for store in stores.values():
        held = SessionData.new(_ID)
        store.save(held)
    files = root / "files"
    files.mkdir()
    order = random.Random(1)
    for number, turn in enumerate(turns(0, count)):
        messages = [Message.model_validate(message) for message in turn.messages()]
        head = stores["unmeasured"].append(_ID, messages=messages).seq
        commit = (root / "unmeasured" / log_key(session_key(_ID), head or 0)).read_bytes()
        writes: list[tuple[str, Callable[[], object]]] = [
            ("append + fsync", partial(_appended, files / "log", encoded(turn) + b"\n")),
            ("its system calls", partial(_created, files / f"a{number}", commit)),
            ("a new file, no fsync", partial(_written, files / f"b{number}", commit)),
            ("append", partial(stores["append"].append, _ID, messages=messages)),
            ("save", partial(_save, stores["save"], held, messages)),
            ("append, no durability", partial(stores["none"].append, _ID, messages=messages)),
        ]
        took = dict.fromkeys((name for name, _ in writes), 0.0)
        for name, write in order.sample(writes, len(writes)):
            started = time.perf_counter()
            write()
            took[name] = time.perf_counter() - started
        yield took


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", help="on the disk to be measured; by default that of temporary files")
    parser.add_argument("--turns", type=int, default=500)
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="objstore-local-", dir=arguments.directory))
    try:
        found = [*rounds(root, arguments.turns)]
    finally:
        shutil.rmtree(root)
    _print("median", {name: statistics.median(took[name] for took in found) for name in found[0]})
    _print("mean", {name: statistics.fmean(took[name] for took in found) for name in found[0]})


def _print(title: str, times: dict[str, float]) -> None:
    floors = [times[name] for name in ("its system calls", "append + fsync", "a new file, no fsync")]
    print(f"{f'{title} of':24}{'ms':>8}{'/calls':>8}{'/append':>8}{'/file':>8}")
    for name, seconds in times.items():
        print(f"{name:24}{seconds * 1000:8.3f}" + "".join(f"{seconds / floor:8.2f}" for floor in floors))


if __name__ == "__main__":
    main()
