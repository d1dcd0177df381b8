"""Each rule of the log layout is needed: without it the scheduler finds what breaks, and with it nothing does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from objstore._care import prune
from objstore._format import naming
from objstore._log import chain, fork, session
from objstore._log.base import nothing
from objstore._log.ops import Create, Get
from objstore.errors import ConflictError, IntegrityError, OutcomeUnknownError
from objstore.testing.ablations import ABLATIONS, ablated
from objstore.testing.forkers import adopt
from objstore.testing.schedule import FORKED, ID, RULES
from objstore.testing.scheduler import main, play
from objstore.testing.world import Guarantee, Violation
from tests.protocol.by_hand import Stage, append, load, log, repair, save

SEEDS = 10_000
"""How many schedules are tried before a rule counts as not needed."""

CAUGHT = {
    "verify": 48,
    "first-list": 16,
    "grace": 345,
    "parents": 96,
    "old-list": 248,
    "follow": 96,
    "clock-after": 711,
    "epochs": 1,
    "current-epoch": 1,
    "sweep-first": 5,
    "floor": 1,
    "present": 1,
    "stubs": 1284,
    "tombstones": 1301,
    "slept": 4943,
    "keys": 0,
    "fork-epoch": 631,
    "fork-copies": 830,
    "unseen": 3,
    "stale": 121,
    "set-aside": 2577,
    "gap": 5802,
}
"""Ablation -> the first seed that catches it, where the search begins; of one far from 0, hundreds go well.

A change of the protocols moves them, and then the search takes a minute: put the seeds that it finds here.
"""


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


def believing_an_old_list(stage: Stage, *, told: bool) -> None:
    """A reader learns that 5 is the head, and sleeps until 5 was freed and a sleeping writer has taken it."""
    base = stage.saved(1, 4)
    writer = stage.enter("writer", save(base, 50))
    stage.saved(5, 5)
    reader = stage.enter("reader", load())
    stage.request(reader)  # the list
    if told:
        reader.resume(stage.answer)
    stage.free_up_to_eight()
    assert log(5) not in stage.storage.objects
    stage.request(writer)
    assert log(5) in stage.storage.objects
    stage.oracle.observed(stage.finish(reader), mark=5)


def erasing_without_a_trace(stage: Stage) -> None:
    """A writer is about to create 5, while others do, and delete and purge the session."""
    base = stage.saved(1, 4)
    writer = stage.enter("writer", save(base, 50))
    stage.saved(5, 5)
    head = stage.alone(session.delete(RULES, nothing(ID, None), None, lambda *_: {}))
    stage.alone(prune.purge(head))
    try:
        told = stage.finish(writer)
    except ConflictError:
        return
    stage.oracle.acknowledged(told.base, mark=4)


def falling_asleep_over_an_append(stage: Stage) -> None:
    """A writer adds an item, and sleeps before it hears so until its commit and the one above were freed."""
    base = stage.saved(1, 4)
    writer = stage.enter("writer", append(base, 7))
    stage.request(writer)
    assert log(5) in stage.storage.objects
    stage.free_up_to_eight()
    with suppress(OutcomeUnknownError):
        stage.finish(writer)


def looking_below_damage(stage: Stage) -> None:
    """A writer takes a number again that was freed, and the commit that tells so goes bad, but not the one below."""
    writer = stage.enter("writer", save(stage.saved(1, 4), 50))
    stage.saved(5, 5)
    stage.free_up_to_eight()
    stage.lands(writer, 5)
    stage.oracle.damage(b"damaged")
    with suppress(IntegrityError):
        stage.oracle.committed(stage.alone(chain.load(RULES, ID, at=5)))


def falling_asleep_before_damage(stage: Stage) -> None:
    """A writer takes a number again that was freed, loads what is there, and looks once more when that is damaged."""
    writer = stage.enter("writer", append(stage.saved(1, 8), 7))
    stage.saved(9, 9)
    stage.free_all_below_a_prune()
    stage.lands(writer, 9)
    assert writer.resume(stage.answer)
    stage.before(writer, Get, log(9))
    stage.request(writer)
    assert writer.resume(stage.answer)
    stage.before(writer, Get, log(9))
    stage.oracle.damage(b"damaged")
    with suppress(IntegrityError):
        stage.oracle.acknowledged(stage.finish(writer).base, mark=8)


def sweeping_what_a_repair_brings_back(stage: Stage) -> None:
    """A text is saved and removed; a prune, damaged with the commit below, sweeps it while a repair brings it back."""
    with_text = stage.alone(save(stage.saved(1, 2), "a" * 50)).base
    stage.alone(save(with_text, 4))
    pruner = stage.enter("pruner", prune.prune(RULES, ID, lambda chain: chain[0].seq + 1, lambda *_: {}))
    stage.before(pruner, Create, log(5))
    stage.oracle.damage(b"damaged")
    stage.request(pruner)
    stage.oracle.damage(b"damaged")

    repairer = stage.enter("repairer", repair())
    stage.before(repairer, Create, log(6))
    stage.finish(pruner)
    assert stage.finish(repairer).seq == 6


def forking_what_goes_bad(stage: Stage) -> None:
    """Of two forks into one id the first has copied a text that goes bad in the origin before the second comes."""
    stage.alone(save(stage.saved(1, 1), "a" * 50))
    forks = [fork.fork(RULES, ID, FORKED, None, adopt, lambda *_: {}) for _ in range(2)]
    first = stage.enter("first", forks[0])
    stage.before(first, Create, "/log/000000/0000000001")
    (text,) = (key for key in stage.storage.objects if key.startswith(naming.objects_root(naming.session_key(ID))))
    stage.storage.write(text, b"damaged")
    second = stage.enter("second", forks[1])
    stage.before(second, Create, "/log/000000/0000000001")
    try:
        assert stage.finish(first).seq == 1
    except ValueError as error:  # the oracle reads what the commit names
        raise Violation("B", "what a fork had copied was copied over with what has gone bad") from error
    with pytest.raises(ConflictError):
        stage.finish(second)


BY_HAND: dict[str, tuple[Callable[[Stage], None], Guarantee]] = {
    "old-list": (partial(believing_an_old_list, told=True), "C"),
    "clock-after": (partial(believing_an_old_list, told=False), "C"),
    "fork-streams": (forking_what_goes_bad, "B"),
    "gap": (looking_below_damage, "C"),
    "set-aside": (sweeping_what_a_repair_brings_back, "B"),
    "slept": (falling_asleep_over_an_append, "A"),
    "surely": (falling_asleep_before_damage, "A"),
    "stubs": (erasing_without_a_trace, "A"),
}
"""Ablation -> the disaster that chance finds once in some hundred schedules, told step by step, and what breaks."""


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
