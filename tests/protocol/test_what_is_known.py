"""What is known of a head stops being true while others work, and nobody goes by it then."""

from __future__ import annotations

from typing import Final

import pytest

from objstore._care import prune
from objstore._format import naming
from objstore._format.canonical import JSON
from objstore._log import chain, session
from objstore._log.base import nothing
from objstore._log.draft import Draft
from objstore._log.land import commit
from objstore._log.ops import Create, Get
from objstore.errors import OutcomeUnknownError
from objstore.testing.schedule import ID, RULES
from tests.protocol.by_hand import Stage, append, load, log, save

LONG: Final[JSON] = [*range(20_000)]
"""What the next snapshot cuts into a leaf."""


def test_who_follows_does_not_take_a_freed_number_for_one_that_was_never_taken() -> None:
    stage = Stage()
    reader = stage.enter("reader", chain.follow(RULES, stage.saved(1, 4)))  # about to look whether there is a 5
    stage.free_up_to_eight()
    assert stage.finish(reader).seq >= 9


def test_who_follows_into_a_commit_whose_leaf_was_pruned_meanwhile_goes_on_to_the_head() -> None:
    stage = Stage()
    base = stage.saved(1, 4)
    stage.alone(save(base, LONG))
    (leaf,) = (key for key in stage.storage.objects if key.startswith(naming.objects_root(naming.session_key(ID))))
    reader = stage.enter("reader", chain.follow(RULES, base))
    stage.before(reader, Get, leaf)
    stage.alone(save(stage.alone(load()), 6))
    stage.alone(prune.prune(RULES, ID, lambda commits: commits[0].seq + 1, lambda *_: {}))
    assert leaf not in stage.storage.objects
    assert stage.finish(reader).seq == 7


def test_the_head_that_a_prune_made_knows_of_no_object_that_it_swept() -> None:
    stage = Stage()
    stage.saved(1, 3)
    stage.alone(save(stage.alone(load()), "a" * 50))
    base = stage.alone(save(stage.alone(load()), 5)).base
    assert base.present
    draft = Draft(kind="prune", state=base.state, floor=6)
    assert stage.alone(commit(RULES, base, draft, lambda *_: {})).present == {}


def test_the_hint_of_a_life_that_is_over_goes_with_the_save_that_lost_though_its_number_was_free() -> None:
    stage = Stage()
    stage.saved(1, 8)
    writer = stage.enter("writer", append(stage.alone(load()), 7, key="it goes on"))
    stage.alone(session.delete(RULES, nothing(ID, None), None, lambda *_: {}))
    stage.saved(10, 11)
    stage.free_all_below_a_prune()
    stage.lands(writer, 9)
    assert naming.index_hint(naming.session_key(ID), 1) in stage.storage.objects
    stage.finish(writer)
    assert naming.index_hint(naming.session_key(ID), 1) not in stage.storage.objects
    assert log(9) in stage.storage.objects


def test_who_slept_is_told_that_it_cannot_be_known_where_the_commit_on_top_of_its_own_is_damaged() -> None:
    stage = Stage()
    writer = stage.enter("writer", append(stage.saved(1, 8), 7))
    stage.request(writer)
    assert log(9) in stage.storage.objects
    stage.saved(10, 10)
    stage.oracle.damage(b"damaged")
    stage.now += RULES.patience + 1
    with pytest.raises(OutcomeUnknownError, match="commit 10"):
        stage.finish(writer)


def test_who_deletes_takes_nothing_off_the_list_that_began_on_top_of_the_tombstone() -> None:
    stage = Stage()
    stage.saved(1, 4)
    key = naming.session_key(ID)
    deleter = stage.enter("deleter", session.delete(RULES, nothing(ID, None), None, lambda *_: {}))
    stage.before(deleter, Create, naming.trash_hint(key, 5))
    stage.saved(6, 6)
    stage.finish(deleter)
    hints = {name for name in stage.storage.objects if name.startswith(naming.INDEX)}
    assert hints == {naming.index_hint(key, 6)}


def test_who_looks_at_the_newest_commit_while_it_is_purged_sees_the_tombstone_on_top() -> None:
    stage = Stage()
    stage.saved(1, 5)
    reader = stage.enter("reader", session.newest(RULES, ID))
    stage.before(reader, Get, log(5))
    stage.alone(prune.purge(stage.alone(session.delete(RULES, nothing(ID, None), None, lambda *_: {}))))
    assert stage.finish(reader).kind == "delete"
