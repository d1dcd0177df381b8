"""A process that lives long and does much at once loses nothing, doubles nothing and grows by nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import make_place

ROOM = 4 * 2**20  # for what is remembered of some thousand directories, and Python's own
IDLE = {"local": 0, "s3": 64}  # connections of two stores, or threads of obstore, that one round keeps and another not

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="nothing here counts what a process holds")


WAYS = [("local", "fsspec"), ("s3", "fsspec"), ("s3", "obstore")]


def soak(where: str, client: str, request: pytest.FixtureRequest, **numbers: int) -> list[dict[str, int]]:
    """Run one such process to its end, without a word on standard error, and give what each of its rounds left."""
    if client == "obstore":
        pytest.importorskip("obstore", reason="obstore is not installed: pip install 'objstore[fast]'")
    place = make_place(where, request)
    arguments = [place.target, json.dumps(place.options or {}), client]
    arguments += [str(numbers[name]) for name in ("threads", "tasks", "turns", "rounds", "seconds")]
    command = [sys.executable, "-W", "error", "-m", "tests.processes.soaker", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    found: list[dict[str, int]] = [json.loads(line) for line in ended.stdout.splitlines()]
    assert all(one["acknowledged"] and one["broken_off"] for one in found), found
    return found


@pytest.mark.parametrize(("where", "client"), WAYS)
def test_threads_tasks_and_interrupts_lose_and_double_nothing(
    where: str, client: str, request: pytest.FixtureRequest
) -> None:
    assert len(soak(where, client, request, threads=2, tasks=6, turns=4, rounds=1, seconds=0)) == 1


@pytest.mark.deep
@pytest.mark.parametrize(("where", "client"), WAYS)
def test_a_process_that_lives_long_holds_no_more_than_it_did_at_first(
    where: str, client: str, request: pytest.FixtureRequest
) -> None:
    seconds = int(os.environ.get("OBJSTORE_SOAK_SECONDS", "120"))
    found = soak(where, client, request, threads=16, tasks=200, turns=12, rounds=3, seconds=seconds)
    print(*found, sep="\n")
    _, first, *others = found
    for one in others:
        for what in ("threads", "files"):
            assert one[what] <= first[what] + IDLE[where], one
        assert one["memory"] <= first["memory"] + ROOM, one
