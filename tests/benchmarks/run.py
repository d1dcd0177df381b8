"""Run contenders in turn, each in processes of its own, and gather what they found."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.servers.moto_server import MotoServer, moto_server

from .adapter import Contender, Place
from .measure import Cost, Outcome

_BUCKET = "bench"


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the work is done, and how much of it.

    Attributes:
        title: As the tables are headed.
        s3: Else on local disk.
        latency: Seconds added to each request.
        turns: Of the one session.
        sessions: Of the many; 0 leaves that work out.
    """

    title: str
    s3: bool
    latency: float
    turns: int
    sessions: int


@dataclass(slots=True)
class Row:
    """All repetitions of one contender in one setting.

    Attributes:
        name: The contender.
        runs: One repetition each: the outcomes of its processes, by the work.
        left: Bytes that are left in the end.
        objects: Files or objects that are left.
        problem: Why there are no more runs.
    """

    name: str
    runs: list[dict[str, Outcome]] = field(default_factory=list)
    left: int = 0
    objects: int = 0
    problem: str = ""


def run(
    contenders: Sequence[Contender],
    setting: Setting,
    *,
    repeats: int,
    patience: float,
    say: Callable[[str], None],
    directory: Path | None = None,
) -> list[Row]:
    """Measure contenders in one setting, in turn rather than one after the other, since the machine has moods.

    Args:
        contenders: Those that go there and are installed.
        setting: Where and how much.
        repeats: Repetitions of each.
        patience: Seconds after which one repetition is given up; after a third of that there is no further one.
        say: Is told of progress.
        directory: Where to make temporary directories; by default where the system does.
    """
    rows = [Row(each.name) for each in contenders]
    for number in range(repeats):
        for contender, row in zip(contenders, rows, strict=True):
            if row.problem:
                continue
            started = time.monotonic()
            try:
                row.runs.append(_repetition(contender, setting, row, patience, directory))
            except subprocess.TimeoutExpired:
                row.problem = f"not done after {patience:.0f} s"
            except subprocess.CalledProcessError as error:
                row.problem = f"failed: {str(error.stderr).strip().splitlines()[-1][:200]}"
            took = time.monotonic() - started
            if took > patience / 3 and not row.problem and number + 1 < repeats:
                row.problem = f"one repetition takes {took:.0f} s"
            say(f"{setting.title:22} {number + 1}/{repeats} {contender.name:34} {took:6.1f} s  {row.problem}")
    return rows


def _repetition(
    contender: Contender, setting: Setting, row: Row, patience: float, directory: Path | None
) -> dict[str, Outcome]:
    found = {}
    end = time.monotonic() + patience
    with _place(setting, directory) as (place, server):
        for work in ("append", "open", *(["waves"] if setting.latency else [])):
            if server:
                server.pace(latency=setting.latency)
            found[work] = _child(contender, work, place, setting.turns, end - time.monotonic())
            if work == "append":
                row.objects, row.left = _left(place)
    if setting.sessions:
        with _place(setting, directory) as (place, server):
            if server:
                server.pace(latency=setting.latency)
            found["many"] = _child(contender, "many", place, setting.sessions, end - time.monotonic())
    return found


def _child(contender: Contender, work: str, place: Place, count: int, patience: float) -> Outcome:
    command = [sys.executable, "-m", "tests.benchmarks.measure"]
    arguments = [contender.name, work, place.root, place.endpoint or "", str(count)]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, check=True, text=True, timeout=max(patience, 1.0)
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return Outcome(**{**found, "costs": {name: Cost(**cost) for name, cost in found["costs"].items()}})


@contextmanager
def _place(setting: Setting, directory: Path | None) -> Iterator[tuple[Place, MotoServer | None]]:
    """Make an empty place; on S3 with a server of its own, so that nobody works in the litter of another."""
    if setting.s3:
        with moto_server() as server:
            server.make_bucket(_BUCKET)
            yield Place(f"{_BUCKET}/agents", server.url), server
    else:
        with TemporaryDirectory(dir=directory) as path:
            yield Place(f"{path}/store"), None


def _left(place: Place) -> tuple[int, int]:
    """Count what is left at a place, and its bytes."""
    sizes = [*(_objects(place) if place.endpoint else _files(Path(place.root)))]
    return len(sizes), sum(sizes)


def _files(root: Path) -> Iterable[int]:
    return [path.stat().st_size for path in root.rglob("*") if path.is_file()]


def _objects(place: Place) -> Iterable[int]:
    import boto3

    pages = boto3.client("s3", **place.boto()).get_paginator("list_objects_v2")
    below = pages.paginate(Bucket=place.bucket, Prefix=f"{place.prefix}/")
    return [each["Size"] for page in below for each in page.get("Contents", [])]
