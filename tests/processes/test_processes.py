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
from tests.conftest import options_for
from tests.processes.worker import ID
from tests.servers.moto_server import MotoServer
from tests.servers.proxy import breaking_proxy

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
    acknowledged = [line.split()[1] for output in outputs for line in output.splitlines() if line.startswith("ack ")]
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
            what = kill_at_random(worker, rng, acknowledged, [])
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


def writers_are_killed(url: str, options: dict[str, Any], kills: int) -> tuple[list[str], list[str], int]:
    """Let three writers append to one session, kill one after another, and start another in its place.

    Gives what was acknowledged, what was begun, and how many kills fell into an append.
    """
    rng = random.Random(20261126)
    acknowledged: list[str] = []
    begun: list[str] = []
    inside = 0
    with contextlib.ExitStack() as running:

        def another(number: int) -> subprocess.Popen[str]:
            return running.enter_context(start("append", url, options, f"life{number}", 10_000))

        workers = [another(number) for number in range(PROCESSES)]
        for kill in range(kills + PROCESSES):
            worker = workers.pop(rng.randrange(len(workers)))
            inside += kill_at_random(worker, rng, acknowledged, begun) == "begin"
            if kill < kills:
                workers.append(another(PROCESSES + kill))
    return acknowledged, begun, inside


def holds_what_was_appended(url: str, options: dict[str, Any], acknowledged: list[str], begun: list[str]) -> None:
    store = objstore.open(url, storage_options=options or None)
    bundle = store.load_bundle(ID)
    assert bundle is not None
    assert bundle.session is not None
    found = texts(bundle.session)
    assert len(found) == len(set(found)), "an append is there twice"
    assert set(acknowledged) <= set(found) <= set(begun)
    assert [event.name for event in bundle.trace_events or []] == found
    for life in {text.partition("-")[0] for text in found}:
        own = [int(text.partition("-")[2]) for text in found if text.startswith(f"{life}-")]
        assert own == list(range(len(own))), f"{life} is out of order"
    assert store.verify().ok
    store.collect()
    assert store.verify().ok


@pytest.mark.parametrize("kills", [6, pytest.param(100, marks=pytest.mark.deep)])
def test_what_killed_writers_appended_at_once_is_there_once_on_local_disk(tmp_path: Path, kills: int) -> None:
    url = str(tmp_path / "store")
    objstore.open(url).save(SessionData.new(ID))
    acknowledged, begun, inside = writers_are_killed(url, {}, kills)
    print(f"{kills} kills, {inside} of them inside an append, {len(acknowledged)} acknowledged appends")
    assert len(acknowledged) > kills
    assert inside >= kills // 4
    holds_what_was_appended(url, {}, acknowledged, begun)


@pytest.mark.deep
def test_what_killed_writers_appended_over_broken_connections_is_there_once_on_s3(
    bucket: str, s3_server: MotoServer, s3_options: dict[str, Any]
) -> None:
    kills = 30
    url = f"s3://{bucket}/store"
    objstore.open(url, storage_options=s3_options).save(SessionData.new(ID))
    with breaking_proxy(s3_server.url, random.Random(20261126), 0.05) as proxy:
        acknowledged, begun, inside = writers_are_killed(url, options_for(proxy.url), kills)
    print(f"{kills} kills, {inside} inside an append, {dict(proxy.broken)}, {len(acknowledged)} acknowledged appends")
    assert len(acknowledged) > kills
    assert proxy.broken.total() > kills
    holds_what_was_appended(url, s3_options, acknowledged, begun)


def kill_at_random(worker: subprocess.Popen[str], rng: random.Random, acknowledged: list[str], begun: list[str]) -> str:
    """Kill a worker after some of its lines and a random while; gather what it said, give its last word."""
    assert worker.stdout is not None
    heard = {"begin": begun, "ack": acknowledged}
    what = ""
    for _ in range(rng.randrange(1, 12)):  # lines: begin, ack, begin, ack ...
        what, text = worker.stdout.readline().split()
        heard[what].append(text)
    _spin(rng.uniform(0, 0.006))  # so that the kill falls on any moment of a save
    worker.send_signal(signal.SIGKILL)
    for line in worker.stdout:
        what, text = line.split()
        heard[what].append(text)
    return what


def _spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
