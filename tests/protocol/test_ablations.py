"""Each rule of the log layout is needed: without it the scheduler finds what breaks, and with it nothing does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from objstore._care import prune
from objstore._log import session
from objstore.errors import ConflictError, OutcomeUnknownError
from objstore.testing.ablations import ABLATIONS, ablated
from objstore.testing.scheduler import ID, RULES, main, play
from objstore.testing.world import Guarantee, Violation
from tests.protocol.by_hand import Stage, append, load, log, save, saved

SEEDS = 10_000
"""How many schedules are tried before a rule counts as not needed."""

CAUGHT = {
    "verify": 11,
    "first-list": 11,
    "grace": 40,
    "parents": 20,
    "follow": 63,
    "epochs": 4,
    "current-epoch": 7,
    "sweep-first": 0,
    "floor": 1,
    "present": 106,
    "stubs": 408,
    "tombstones": 81,
    "slept": 869,
    "keys": 0,
    "fork-epoch": 445,
    "fork-copies": 1471,
    "unseen": 24,
    "stale": 61,
    "set-aside": 132,
}
"""Ablation -> the first seed that catches it, where the search begins. Of those far from 0 once in thousands."""


def caught(name: str) -> tuple[int, Violation]:
    first = CAUGHT[name]
    for seed in range(first, first + SEEDS):  # should the code have changed since, another seed will do
        try:
            play(seed, name, damage=ABLATIONS[name].damage)
        except Violation as violation:
            return seed, violation
    pytest.fail(f"{SEEDS} schedules went well without the rule: {ABLATIONS[name].lost}")


@pytest.mark.parametrize("name", sorted(CAUGHT))
def test_without_the_rule_a_guarantee_breaks_and_with_it_the_same_schedule_breaks_nothing(name: str) -> None:
    seed, violation = caught(name)
    damage = ABLATIONS[name].damage
    assert f"--seed {seed}{' --damage' * damage} --ablation {name}" in violation.__notes__[0]
    assert play(seed, damage=damage).counts["acknowledged"]


def free_up_to_eight(stage: Stage) -> None:
    """Commit 6 to 9, and remove all that is below 9, as late as that may be."""
    saved(stage, 6, 9)
    stage.alone(prune.prune(RULES, ID, lambda chain: chain[0].seq, lambda *_: {}))
    stage.now += RULES.grace + 1
    stage.alone(prune.prune(RULES, ID, lambda _: 0, lambda *_: {}))


def believing_an_old_list(stage: Stage, *, told: bool) -> None:
    """A reader learns that 5 is the head, and sleeps until 5 was freed and a sleeping writer has taken it."""
    base = saved(stage, 1, 4)
    writer = stage.enter("writer", save(base, 50))
    saved(stage, 5, 5)
    reader = stage.enter("reader", load())
    stage.request(reader)  # the list
    if told:
        reader.resume(stage.answer)
    free_up_to_eight(stage)
    assert log(5) not in stage.storage.objects
    stage.request(writer)
    assert log(5) in stage.storage.objects
    stage.oracle.observed(stage.finish(reader), mark=5)


def erasing_without_a_trace(stage: Stage) -> None:
    """A writer is about to create 5, while others do, and delete and purge the session."""
    base = saved(stage, 1, 4)
    writer = stage.enter("writer", save(base, 50))
    saved(stage, 5, 5)
    head = stage.alone(session.delete(RULES, ID, None, None, lambda *_: {}))
    stage.alone(prune.purge(head))
    try:
        told = stage.finish(writer)
    except ConflictError:
        return
    stage.oracle.acknowledged(told.base, mark=4)


def falling_asleep_over_an_append(stage: Stage) -> None:
    """A writer adds an item, and sleeps before it hears so until its commit and the one above were freed."""
    base = saved(stage, 1, 4)
    writer = stage.enter("writer", append(base, 7))
    stage.request(writer)
    assert log(5) in stage.storage.objects
    free_up_to_eight(stage)
    with suppress(OutcomeUnknownError):
        stage.finish(writer)


BY_HAND: dict[str, tuple[Callable[[Stage], None], Guarantee]] = {
    "old-list": (partial(believing_an_old_list, told=True), "C"),
    "clock-after": (partial(believing_an_old_list, told=False), "C"),
    "slept": (falling_asleep_over_an_append, "A"),
    "stubs": (erasing_without_a_trace, "A"),
}
"""Ablation -> the disaster that chance finds once in a thousand schedules, told step by step, and what breaks there."""


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_without_the_rule_a_known_disaster_happens_and_with_it_not(name: str) -> None:
    disaster, guarantee = BY_HAND[name]
    disaster(Stage())
    with ablated(name), pytest.raises(Violation) as caught:
        disaster(Stage())
    assert caught.value.guarantee == guarantee


def test_every_ablation_is_caught() -> None:
    assert set(CAUGHT) | set(BY_HAND) == set(ABLATIONS)


def test_the_command_replays_a_violation(capsys: pytest.CaptureFixture[str]) -> None:
    seed, violation = caught("epochs")
    assert main(["--seed", str(seed), "--ablation", "epochs"]) == 1
    assert capsys.readouterr().out.endswith(f"violation of {violation}\n")
