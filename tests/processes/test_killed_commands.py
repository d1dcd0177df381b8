"""`objstore copy` is killed in the middle, again and again, and what is repeated ends with all of it, compared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from objstore import ArtifactStore, Message, SessionData, SessionStore
from objstore.testing.samples import artifact
from tests.cli.conftest import flags_for
from tests.places import Place, make_place
from tests.servers.moto_server import MotoServer

SESSIONS = 8
TURNS = 4
KILLS = 3
COMMAND = [sys.executable, "-m", "objstore", "copy", "--json"]


def stock(store: SessionStore) -> None:
    for n in range(SESSIONS):
        session = SessionData.new(f"s{n:02d}")
        for turn in range(TURNS):
            session.messages.append(Message.user(f"{turn} " * 100))
            outputs = ArtifactStore()
            outputs.put(artifact("a", f"{n} {turn} " * 10_000))
            store.commit(session, artifacts=outputs)


def run(words: list[str], reached: Callable[[], bool]) -> tuple[int, Any]:
    """Run the command, and kill it as soon as something is reached."""
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        while process.poll() is None:
            if reached():
                process.send_signal(signal.SIGKILL)
                break
        output, errors = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), errors
    return process.returncode, json.loads(output) if process.returncode == 0 else None


def contents(store: SessionStore) -> list[Any]:
    return [
        [(c.seq, c.digest) for c in store.history(id)] + [store.load_bundle(id, at=n) for n in range(1, TURNS + 1)]
        for id in store.list()
    ]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("local", "s3"),
        pytest.param("s3", "local", marks=pytest.mark.deep),
        pytest.param("local", "local", marks=pytest.mark.deep),
    ],
)
def test_a_copy_that_is_killed_is_repeated_and_ends_with_the_whole_history(
    source: str, target: str, request: pytest.FixtureRequest, s3_server: MotoServer
) -> None:
    origin, goal = make_place(source, request), make_place(target, request)
    with origin.open() as store:
        stock(store)
    words = [*(flags_for(origin) or flags_for(goal)), origin.target, goal.target]
    s3_server.reset()
    for kill in range(1, KILLS + 1):
        code, _ = run(words, lambda enough=7 * kill: commits_at(goal, s3_server) >= enough)  # type: ignore[misc]
        assert code == -signal.SIGKILL
        with goal.open() as copied:  # what is there is a beginning of each history
            assert copied.verify().ok
            assert len(copied.list()) < SESSIONS
    code, report = run(words, lambda: False)
    assert code == 0
    assert sorted(report["copied"] + report["unchanged"]) == [f"s{n:02d}" for n in range(SESSIONS)]
    assert report["failed"] == {}
    with origin.open() as store, goal.open() as copied:
        assert contents(copied) == contents(store)
        assert copied.verify().ok
    assert run(words, lambda: False)[1]["copied"] == []


def commits_at(place: Place, server: MotoServer) -> int:
    """Count the commits that were put at a place, by a look that asks nothing of the store."""
    if place.directory is not None:
        return len(list(place.directory.glob("sessions/*/log/*/[0-9]*")))
    start = f"/{place.target.removeprefix('s3://')}/sessions/"
    paths = {seen.path for seen in server.requests if seen.method == "PUT"}
    return sum(path.startswith(start) and "/log/" in path for path in paths)
