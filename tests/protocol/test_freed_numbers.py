"""Numbers that were freed, and taken again by a writer who slept, are no history; found by the scheduler.

Only the newest commit tells what is retained, so what stands below a damaged one may be nobody's.
"""

from __future__ import annotations

import pytest

from objstore._care import prune
from objstore._care.diagnosis import diagnose
from objstore._log import chain, session
from objstore._log.base import nothing
from objstore._log.draft import Draft
from objstore._log.land import commit
from objstore._log.ops import Get
from objstore.errors import ConflictError, IntegrityError, OutcomeUnknownError
from objstore.testing.schedule import ID, RULES
from tests.protocol.by_hand import Stage, append, load, log, save


def taken_again_twice() -> Stage:
    """Free all numbers below the head, let 9 and 10 be taken again, neither on the other, and damage the head."""
    stage = Stage()
    writer = stage.enter("writer", save(stage.saved(1, 8), 90))
    other = stage.enter("other", save(stage.saved(9, 9), 100))
    stage.saved(10, 10)
    stage.free_all_below_a_prune()
    stage.lands(writer, 9)
    stage.lands(other, 10)
    stage.oracle.damage(b"damaged")
    return stage


def test_a_number_that_was_taken_again_is_not_given_below_a_damaged_head() -> None:
    stage = Stage()
    writer = stage.enter("writer", save(stage.saved(1, 4), 50))
    stage.saved(5, 5)
    stage.free_up_to_eight()  # 9 is the floor, and says itself that 1 is
    stage.lands(writer, 5)
    stage.oracle.damage(b"damaged")
    assert stage.alone(chain.load(RULES, ID, at=9)).digest == stage.oracle.chain[9].digest
    with pytest.raises(IntegrityError, match="nothing below tells whether commit 5 is retained"):
        stage.alone(chain.load(RULES, ID, at=5))


def test_a_number_that_the_one_above_does_not_stand_on_is_not_given_below_a_damaged_head() -> None:
    stage = taken_again_twice()
    with pytest.raises(IntegrityError, match="nothing below tells whether commit 9 is retained"):
        stage.alone(chain.load(RULES, ID, at=9))


def test_a_repair_does_not_go_on_from_what_the_commit_above_does_not_stand_on() -> None:
    stage = taken_again_twice()
    assert stage.alone(diagnose(RULES, ID)).base.seq == 0


def test_a_number_that_was_taken_again_makes_nobody_doubt_the_one_above_it() -> None:
    stage = Stage()
    writer = stage.enter("writer", save(stage.saved(1, 7), 80))
    stage.free_up_to_eight()  # 9 is the floor, which only 10 tells
    stage.lands(writer, 8)
    stage.oracle.damage(b"damaged")
    assert stage.alone(chain.load(RULES, ID, at=9)).digest == stage.oracle.chain[9].digest
    assert stage.alone(diagnose(RULES, ID)).base.digest == stage.oracle.chain[9].digest


def test_a_writer_who_slept_is_not_told_that_it_saved_where_the_head_was_damaged_since() -> None:
    stage = Stage()
    writer = stage.enter("writer", append(stage.saved(1, 8), 7))
    stage.saved(9, 9)
    stage.free_all_below_a_prune()
    stage.lands(writer, 9)
    assert writer.resume(stage.answer)
    stage.before(writer, Get, log(9))  # it knows that it lost, and loads what is there
    stage.request(writer)
    assert writer.resume(stage.answer)
    stage.before(writer, Get, log(9))  # it looks whether it had won before the number was freed
    stage.oracle.damage(b"damaged")
    with pytest.raises(IntegrityError):
        stage.finish(writer)
    assert "writer" not in stage.results


def test_a_writer_who_slept_is_told_that_it_cannot_be_known_where_nothing_was_damaged() -> None:
    stage = Stage()
    writer = stage.enter("writer", append(stage.saved(1, 8), 7))
    stage.saved(9, 9)
    stage.free_all_below_a_prune()
    stage.lands(writer, 9)
    with pytest.raises(OutcomeUnknownError):
        stage.finish(writer)


def test_an_edit_conflicts_over_a_delete_whose_number_was_freed_and_taken_again_by_that_very_edit() -> None:
    stage = Stage()
    writer = stage.enter("writer", save(stage.saved(1, 2), 30, key="a key, so that it goes on"))
    stage.alone(session.delete(RULES, nothing(ID, None), None, lambda *_: {}))
    again = stage.alone(save(stage.alone(chain.load(RULES, ID)), 2)).base  # it is as the writer saw it
    stage.alone(prune.prune(RULES, ID, lambda _: again.seq, lambda *_: {}))
    stage.now += RULES.grace + 1
    stage.alone(prune.prune(RULES, ID, lambda _: 0, lambda *_: {}))
    stage.lands(writer, 3)
    with pytest.raises(ConflictError):
        stage.finish(writer)


def test_the_floor_does_not_fall_whatever_is_asked() -> None:
    stage = Stage()
    stage.saved(1, 8)
    stage.free_up_to_eight()
    head = stage.alone(load())
    draft = Draft(kind="prune", state=head.state, floor=1)
    assert stage.alone(commit(RULES, head, draft, lambda *_: {})).floor == head.floor == 9


def test_who_changes_nothing_does_not_take_a_freed_number_for_one_that_was_never_taken() -> None:
    stage = Stage()
    writer = stage.enter("writer", save(stage.saved(1, 4), 4))  # about to look whether there is a 5
    stage.free_up_to_eight()
    assert stage.finish(writer).base.seq > 9


def test_nothing_is_written_below_the_floor_on_the_revision_that_a_key_was_answered_with() -> None:
    stage = Stage()
    assert stage.alone(append(stage.saved(1, 4), 7, key="once")).base.seq == 5
    stage.free_up_to_eight()
    answered = stage.alone(append(stage.alone(load()), 7, key="once")).base
    assert answered.seq == 5
    assert stage.alone(save(answered, 50)).base.seq > 9
    assert log(6) not in stage.storage.objects
