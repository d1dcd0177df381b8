"""Real processes on one store: appending at once, and killed in the middle of a save."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import objstore
from objstore import SessionData, TextBlock
from tests.processes.worker import ID

PROCESSES = 3
APPENDS = 15


def start(mode: str, url: str, options: dict[str, Any], name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.processes.worker", mode, url, json.dumps(options), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def texts(session: SessionData) -> list[str]:
    blocks = [message.content[0] for message in session.messages]
    return [block.text for block in blocks if isinstance(block, TextBlock)]


def appends_of_three_processes_are_all_there_once(url: str, options: dict[str, Any]) -> None:
    store = objstore.open(url, storage_options=options or None)
    store.save(SessionData.new(ID))
    with contextlib.ExitStack() as running:
        workers = [
            running.enter_context(start("append", url, options, f"worker{n}", APPENDS)) for n in range(PROCESSES)
        ]
        outputs = [worker.communicate()[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * PROCESSES
    acknowledged = [line.split()[1] for output in outputs for line in output.splitlines()]
    assert len(acknowledged) == PROCESSES * APPENDS
    session = store.load(ID)
    assert session is not None
    assert sorted(texts(session)) == sorted(acknowledged)
    assert sorted(event.name for event in store.load_trace_events(ID) or []) == sorted(acknowledged)
    for n in range(PROCESSES):  # each worker's own stay in their order
        own = [text for text in texts(session) if text.startswith(f"worker{n}-")]
        assert own == [f"worker{n}-{i}" for i in range(APPENDS)]
    assert store.verify().ok


def test_appends_of_three_processes_are_all_there_once_on_local_disk(tmp_path: Path) -> None:
    appends_of_three_processes_are_all_there_once(str(tmp_path / "store"), {})


def test_appends_of_three_processes_are_all_there_once_on_s3(bucket: str, s3_options: dict[str, Any]) -> None:
    appends_of_three_processes_are_all_there_once(f"s3://{bucket}/store", s3_options)


@pytest.mark.parametrize("kills", [12, pytest.param(200, marks=pytest.mark.deep)])
def test_what_was_acknowledged_survives_kills_in_the_middle_of_saves(tmp_path: Path, kills: int) -> None:
    seed = 20261122
    print(f"seed {seed}")
    rng = random.Random(seed)
    url = str(tmp_path / "store")
    acknowledged: list[str] = []
    inside = 0
    for n in range(kills):
        with start("commit", url, {}, f"life{n}", 1000) as worker:
            what = kill_at_random(worker, rng, acknowledged)
        inside += what == "begin"
        store = objstore.open(url)
        session = store.load(ID)
        bundle = store.load_bundle(ID)
        found = texts(session) if session else []
        missing = set(acknowledged) - set(found)
        assert not missing, f"lost after kill {n}: {missing}"
        if bundle is not None:  # never half a commit
            assert [event.name for event in bundle.trace_events or []] == found
            assert [artifact.artifact_id for artifact in bundle.artifacts or []] == found
        report = store.verify()
        assert report.ok, report.findings
        store.close()
    print(f"{kills} kills, {inside} of them inside a save, {len(acknowledged)} acknowledged saves")
    assert inside >= kills // 4


def kill_at_random(worker: subprocess.Popen[str], rng: random.Random, acknowledged: list[str]) -> str:
    """Kill a worker after some of its lines and a random while; gather what it acknowledged, give its last word."""
    assert worker.stdout is not None
    what = ""
    for _ in range(rng.randrange(1, 12)):  # lines: begin, ack, begin, ack ...
        what, text = worker.stdout.readline().split()
        if what == "ack":
            acknowledged.append(text)
    _spin(rng.uniform(0, 0.006))  # so that the kill falls on any moment of a save
    worker.send_signal(signal.SIGKILL)
    for line in worker.stdout:
        what, text = line.split()
        if what == "ack":
            acknowledged.append(text)
    return what


def _spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
