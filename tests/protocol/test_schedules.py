"""Thousands of disasters, and none of them breaks a guarantee."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter

import pytest

from objstore.testing.scheduler import main, play

CHUNK = 100


def counted(first: int, schedules: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seed in range(first, first + schedules):
        counts += play(seed).counts
    return counts


@pytest.mark.parametrize("first", range(0, 2_000, CHUNK))
def test_no_schedule_breaks_a_guarantee(first: int) -> None:
    counts = counted(first, CHUNK)
    assert counts["acknowledged"] > 8 * CHUNK
    assert counts["reads"] > 6 * CHUNK
    assert counts["conflicts"] > CHUNK / 4
    assert counts["false conflicts"] <= CHUNK / 50
    assert counts["deletes"] > CHUNK / 5
    assert counts["answered"] > CHUNK / 10
    assert counts["leaves"] > 2 * CHUNK
    assert counts["forks"] > CHUNK / 20
    assert counts["not forked"] > CHUNK / 5
    assert counts["pages"] > 20 * CHUNK
    assert counts["zombies"] > CHUNK / 20
    assert counts["dozes"] > CHUNK / 50


@pytest.mark.deep
@pytest.mark.parametrize("first", range(100_000, 200_000, 1_000))
def test_no_schedule_of_a_hundred_thousand_breaks_a_guarantee(first: int) -> None:
    assert counted(first, 1_000)["acknowledged"]


def test_a_seed_is_one_schedule() -> None:
    first: list[str] = []
    second: list[str] = []
    other: list[str] = []
    play(5, trace=first.append)
    play(5, trace=second.append)
    play(6, trace=other.append)
    assert first == second != other


def test_a_seed_is_the_same_schedule_in_every_process() -> None:
    here: list[str] = []
    play(7, trace=here.append)
    digest = hashlib.sha256("\n".join(here).encode()).hexdigest()
    program = (
        "import hashlib; from objstore.testing.scheduler import play; lines = []; play(7, trace=lines.append);"
        "print(hashlib.sha256('\\n'.join(lines).encode()).hexdigest())"
    )
    for salt in ("1", "2"):  # the order of sets must not matter
        environment = {**os.environ, "PYTHONHASHSEED": salt}
        run = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == digest


def test_the_command_shows_every_operation_and_says_how_it_went(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    play(7, trace=lines.append)
    assert main(["--seed", "7"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[:-1] == lines
    assert shown[-1].startswith("nothing broke in ")
