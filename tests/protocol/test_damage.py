"""Newest commits go bad in the middle of everything; what is set aside is what could not be read, and nothing else."""

from __future__ import annotations

from collections import Counter

import pytest

from objstore.testing.scheduler import main, play

CHUNK = 100


def counted(first: int, schedules: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seed in range(first, first + schedules):
        counts += play(seed, damage=True).counts
    return counts


@pytest.mark.parametrize("first", range(0, 500, CHUNK))
def test_no_schedule_with_damage_breaks_a_guarantee(first: int) -> None:
    counts = counted(first, CHUNK)
    assert counts["damaged"] > CHUNK
    assert counts["set aside"] > CHUNK / 2
    assert counts["acknowledged"] > 6 * CHUNK
    assert counts["reads"] > 4 * CHUNK
    assert counts["zombies"] > CHUNK / 20


@pytest.mark.deep
@pytest.mark.parametrize("first", range(100_000, 120_000, 1_000))
def test_no_schedule_of_twenty_thousand_with_damage_breaks_a_guarantee(first: int) -> None:
    assert counted(first, 1_000)["set aside"]


def test_the_command_replays_a_schedule_with_damage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "3", "--damage"]) == 0
    shown = capsys.readouterr().out.splitlines()
    lines: list[str] = []
    play(3, trace=lines.append, damage=True)
    assert shown[:-1] == lines
    assert any("damages commit" in line for line in lines)
