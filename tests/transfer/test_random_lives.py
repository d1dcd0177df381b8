"""Copies of a session while others live on with it, in the source and in the target, between any two requests."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace

import pytest

import objstore
from objstore import SessionData, SessionStore, TraceEvent
from objstore._format import canonical, naming
from objstore._format.commit import FORMAT
from objstore.backends import MemoryBackend
from objstore.testing.faults import Fault, FaultyBackend, Request
from objstore.transfer import copy
from tests.crash.ways import WAYS, CrashError

DAY = 25 * 3600.0
_REFUSED = (objstore.ConflictError, objstore.NotFoundError, objstore.IntegrityError, objstore.OutcomeUnknownError)


class Life:
    """A session in two places, and all that happens to it; everything follows from a seed.

    Attributes:
        counts: What became of copies.
        acknowledged: What was appended in the target and said to be saved, since the session was deleted there.
    """

    def __init__(self, seed: int, clock: SimpleNamespace) -> None:
        self._draw = random.Random(seed)
        self._clock = clock
        self._tokens = 0
        self.counts: Counter[str] = Counter()
        self.acknowledged: set[str] = set()
        self.origin, self.goal = MemoryBackend.isolated(), MemoryBackend.isolated()
        self._stores: dict[tuple[MemoryBackend, int], SessionStore] = {}
        for backend in (self.origin, self.goal):
            backend.put(naming.MARKER, canonical.dumps({"format": FORMAT, "layout": "log", "K": 4}).encode())

    def run(self) -> None:
        """Live on, copy now and then, and look whether all that was acknowledged is there."""
        draw = self._draw
        objstore.open(self.origin).save(SessionData.new("s"))
        for _ in range(draw.randrange(2, 16)):
            self._act(self.origin)
        for _ in range(draw.choice((0, 0, 0, 1, 3))):
            self._act(self.goal)
        for _ in range(draw.randrange(1, 4)):
            self._copy()
            self._look()
            for _ in range(draw.choice((0, 0, 1, 3))):
                self._act(self.goal)
        self._rest()

    def _store(self, backend: MemoryBackend) -> SessionStore:
        """Give one of two stores of a place, with what it remembers or opened anew."""
        key = backend, self._draw.randrange(2)
        if self._draw.random() < 0.3 or key not in self._stores:
            self._stores[key] = objstore.open(backend)
        return self._stores[key]

    def _act(self, backend: MemoryBackend) -> None:
        draw, store = self._draw, self._store(backend)
        with suppress(*_REFUSED):
            match draw.choices(
                ("append", "make", "prune", "delete", "collect", "sleep", "repair"), (8, 2, 3, 1, 3, 2, 1)
            )[0]:
                case "append":
                    for _ in range(draw.choice((1, 1, 2, 5))):
                        self._append(backend, store)
                case "make":
                    if store.load("s") is None:
                        store.save(SessionData.new("s"))
                case "prune":
                    store.prune("s", keep_last=draw.choice((1, 2, 3, 6)))
                case "delete":
                    store.delete("s", purge=draw.random() < 0.5)
                    if backend is self.goal:
                        self.acknowledged.clear()
                case "collect":
                    store.collect(["s"] if draw.random() < 0.5 else None)
                case "sleep":
                    self._clock.slept += draw.choice((10, 1_000, DAY, DAY))
                case "repair":
                    store.repair("s", dry_run=False)

    def _append(self, backend: MemoryBackend, store: SessionStore) -> None:
        self._tokens += 1
        token = f"token {self._tokens}"
        event = TraceEvent.tool_execution(token, success=True, exit_code=0, duration_ms=1, output_bytes=1)
        store.append("s", trace_events=[event])
        if backend is self.goal:
            self.acknowledged.add(token)

    def _copy(self) -> None:
        draw = self._draw
        crash, fail = draw.choice((0, 0, 0.02)), draw.choice((0, 0, 0.05))
        source = FaultyBackend(self.origin, self._meddler(self.origin, draw.choice((0, 0, 0.03, 0.1)), crash, fail))
        target = FaultyBackend(self.goal, self._meddler(self.goal, draw.choice((0, 0.03, 0.1, 0.3)), crash, fail))
        try:
            report = copy(objstore.open(source), objstore.open(target), ids=["s"])
        except (CrashError, objstore.UnavailableError, objstore.OutcomeUnknownError):
            self.counts["broken off"] += 1
        else:
            self.counts["failed" if report.failed else "copied" if report.copied else "unchanged"] += 1

    def _meddler(
        self, backend: MemoryBackend, busy: float, crash: float, fail: float
    ) -> Callable[[Request], Fault | None]:
        draw = self._draw

        def choose(_: Request) -> Fault | None:
            while draw.random() < busy:
                self._act(backend)
            chance = draw.random()
            if chance < crash:
                return draw.choice(WAYS[:2])()
            return draw.choice(WAYS[2:])() if chance < crash + fail else None

        return choose

    def _look(self) -> None:
        target = objstore.open(self.goal)
        try:
            events = target.load_trace_events("s") or []
        except objstore.IntegrityError:  # a copy was broken off right where it begins
            with suppress(objstore.IntegrityError):  # there is nothing but that
                target.repair("s", dry_run=False)
            events = (target.load_trace_events("s") or []) if target.verify().ok else []
        lost = self.acknowledged - {event.name for event in events}
        assert not lost, f"{sorted(lost)} were acknowledged in the target"

    def _rest(self) -> None:
        """Copy once more undisturbed, and let what is left over go; then both places are well."""
        copy(objstore.open(self.origin), objstore.open(self.goal), ids=["s"])
        target = objstore.open(self.goal)
        for _ in range(3):
            self._clock.slept += DAY
            report = target.collect()
        self._look()
        if report.skipped:  # half a copy, on which somebody went on or which cannot be completed any more
            with suppress(objstore.IntegrityError):
                target.prune("s", keep_last=1)
            if not target.verify().ok:
                target.delete("s")
            self.counts["half"] += 1
        assert target.verify().ok
        assert [usage.garbage.count for usage in target.du().sessions if not report.skipped] in ([], [0])
        self._append(self.goal, target)
        self._look()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(slept=0.0)
    shown = SimpleNamespace(
        **vars(time) | {"monotonic": lambda: time.monotonic() + clock.slept, "time": lambda: time.time() + clock.slept}
    )
    monkeypatch.setattr("objstore._engine.drive.time", shown)
    return clock


@pytest.mark.parametrize(
    ("first", "lives"),
    [
        *((n, 50) for n in range(0, 150, 50)),
        *(pytest.param(n, 1_000, marks=pytest.mark.deep) for n in range(150, 10_150, 1_000)),
    ],
)
def test_what_was_acknowledged_beside_copies_is_there(first: int, lives: int, clock: SimpleNamespace) -> None:
    counts: Counter[str] = Counter()
    for seed in range(first, first + lives):
        clock.slept = 0.0
        life = Life(seed, clock)
        try:
            life.run()
        except Exception as error:
            error.add_note(f"life {seed}")
            raise
        counts += life.counts
    assert {"copied", "unchanged", "failed", "broken off"} <= counts.keys(), counts
