"""Run contenders side by side, each in processes of its own, and gather what they found.

They work in turn, a fiftieth of the work each, in changing order: what else the machine does meets all of them alike.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

from tests.servers.moto_server import moto_server

from .adapter import Contender, Place
from .measure import Cost

_BUCKET = "bench"
_PARTS = 50
_OPENS = 3
_MUCH = 4_000_000


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the work is done, and how much of it.

    Attributes:
        title: As the tables are headed.
        s3: Else on local disk.
        latency: Seconds added to each request.
        turns: Of the one session.
        sessions: Of the many; 0 leaves that work out.
        repeats: Of all of it.
        patience: Seconds that one contender may take for one repetition; a third of that, and there is no further one.
        directory: Where to make temporary directories; ``None``: where the system does.
    """

    title: str
    s3: bool
    latency: float
    turns: int
    sessions: int
    repeats: int = 1
    patience: float = 180.0
    directory: Path | None = None


@dataclass(slots=True)
class Row:
    """All repetitions of one contender in one setting.

    Attributes:
        contender: Whose row it is.
        runs: One repetition each: the work -> what it cost.
        left: Bytes that are left in the end.
        objects: Files or objects that are left.
        problem: Why there are no more runs.
    """

    contender: Contender
    runs: list[dict[str, Cost]] = field(default_factory=list)
    left: int = 0
    objects: int = 0
    problem: str = ""


def run(contenders: Sequence[Contender], setting: Setting, say: Callable[[str], None]) -> list[Row]:
    """Measure contenders, which all go there and are installed, in one setting; ``say`` is told of progress."""
    rows = [Row(each) for each in contenders]
    with ExitStack() as end:  # ext4 is slow to make files where many were removed within the last minute
        _run(rows, setting, say, None if setting.s3 else end)
    return rows


def _run(rows: Sequence[Row], setting: Setting, say: Callable[[str], None], end: ExitStack | None) -> None:
    groups = [[row for row in rows if row.contender.heavy is heavy] for heavy in (False, True)]
    for number, group in [*((n, groups[0]) for n in range(1, setting.repeats + 1)), (1, groups[1])]:
        racing = [_Racer(row, setting) for row in group if not row.problem]
        with ExitStack() as stack:
            for racer in racing:
                racer.place = (end or stack).enter_context(_place(setting))
            _race(racing, setting)
        if setting.sessions:
            with ExitStack() as stack:
                for racer in racing:
                    racer.place = (end or stack).enter_context(_place(setting))
                _race_of_many(racing, setting)
        for racer in racing:
            row = racer.row
            if not row.problem:
                row.runs.append(racer.costs)
                if racer.took > setting.patience / 3 and number < setting.repeats:
                    row.problem = f"measured {number} times, {racer.took:.0f} s each"
            say(f"{setting.title}, {number}/{setting.repeats}: {row.contender.name}, {racer.took:.1f} s {row.problem}")


def _race(racing: Sequence[_Racer], setting: Setting) -> None:
    parts = _divided(setting.turns)
    with _workers(racing):
        for part in parts:
            _each(racing, "append", part)
    for racer in racing:
        if not racer.row.problem:
            racer.row.objects, racer.row.left = _left(racer.place)
    with _workers(racing):
        for _ in range(_OPENS):
            _each(racing, "open", setting.turns)
        if setting.latency:
            _each(racing, "waves", setting.turns)


def _race_of_many(racing: Sequence[_Racer], setting: Setting) -> None:
    parts = _divided(setting.sessions)
    with _workers(racing):
        for part in parts:
            _each(racing, "save", part)
    with _workers(racing):
        for _ in range(_OPENS):
            _each(racing, "list", setting.sessions)
        for part in parts:
            _each(racing, "load", part)


def _divided(number: int) -> list[int]:
    parts = min(_PARTS, number)
    return [number * (part + 1) // parts - number * part // parts for part in range(parts)]


def _each(racing: Sequence[_Racer], work: str, count: int) -> None:
    order = [racer for racer in racing if not racer.row.problem]
    random.shuffle(order)
    for racer in order:
        racer.do(work, count)


class _Racer:
    """A contender in one repetition."""

    def __init__(self, row: Row, setting: Setting) -> None:
        self.row = row
        self.place = Place("")
        self.costs: dict[str, Cost] = {}
        self.took = 0.0
        self._setting = setting
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] | None = None

    @contextmanager
    def working(self) -> Iterator[None]:
        """Hold a process that does the work."""
        command = [sys.executable, "-m", "tests.benchmarks.measure"]
        arguments = [self.row.contender.name, json.dumps(asdict(self.place))]
        pipe = subprocess.PIPE
        with (
            TemporaryFile("w+") as errors,
            subprocess.Popen([*command, *arguments], stdin=pipe, stdout=pipe, stderr=errors, text=True) as process,
        ):
            self._process, self._errors = process, errors
            try:
                self._ask("")
                yield
            finally:
                process.kill()

    def do(self, work: str, count: int) -> None:
        """Have the process do some work, and note what it cost."""
        answer = self._ask(f"{work} {count}\n")
        if self.row.problem:
            return
        cost = Cost(**json.loads(answer))
        if work in self.costs and work != "append":
            cost.memory = None  # it stands on what the first time left in memory
        self.costs.setdefault(work, Cost()).add(cost)
        if not self._setting.s3 and sum(cost.written[-1:]) > _MUCH:
            os.sync()  # or the next one would wait for these bytes

    def _ask(self, command: str) -> str:
        process, errors = self._process, self._errors
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        assert errors is not None
        started = time.monotonic()
        alarm = threading.Timer(max(1.0, self._setting.patience - self.took), process.kill)
        alarm.start()
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(command)
                process.stdin.flush()
            answer = process.stdout.readline()
        finally:
            alarm.cancel()
            self.took += time.monotonic() - started
        if not answer:
            errors.seek(0)
            said = errors.read().strip().splitlines()
            late = self.took >= self._setting.patience
            self.row.problem = f"not done after {self.took:.0f} s" if late else f"failed: {said[-1][:200]}"
        return answer


@contextmanager
def _workers(racing: Sequence[_Racer]) -> Iterator[None]:
    with ExitStack() as stack:
        for racer in racing:
            if not racer.row.problem:
                stack.enter_context(racer.working())
        yield


@contextmanager
def _place(setting: Setting) -> Iterator[Place]:
    """Make an empty place; on S3 with a server of its own, so that nobody works in the litter of another."""
    if setting.s3:
        with moto_server() as server:
            server.make_bucket(_BUCKET)
            yield Place(f"{_BUCKET}/agents", server.url, setting.latency)
    else:
        with TemporaryDirectory(dir=setting.directory) as path:
            yield Place(f"{path}/store")


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
