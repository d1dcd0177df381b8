"""The oracle tells a save that was made twice from one that its writer may repeat."""

from __future__ import annotations

import pytest

from objstore._log import session
from objstore._log.base import nothing
from objstore._log.fork import fork
from objstore.testing.forkers import adopt
from objstore.testing.schedule import FORKED, ID, RULES
from objstore.testing.world import Violation
from tests.protocol.by_hand import Stage, append, load, repair, save


def test_an_item_that_is_added_twice_is_noticed() -> None:
    stage = Stage()
    base = stage.alone(append(stage.alone(load()), 1, "key")).base
    assert not stage.alone(append(base, 1, "key")).wrote
    with pytest.raises(Violation, match="adds an item to 'traces' for the second time"):
        stage.alone(append(base, 1))


def test_a_key_that_a_fork_left_behind_may_be_used_again() -> None:
    stage = Stage()
    base = stage.alone(save(stage.alone(load()), {}))
    stage.alone(append(base.base, 1, "key"))
    stage.alone(fork(RULES, ID, FORKED, None, adopt, lambda *_: {}))
    stage.alone(session.delete(RULES, nothing(ID, None), None, lambda *_: {}))
    base = stage.alone(fork(RULES, FORKED, ID, None, adopt, lambda *_: {}))
    again = stage.alone(append(base, 1, "key"))
    assert again.wrote
    assert stage.alone(load()).state["traces"] == [1, 1]
    stage.alone(append(again.base, 2))
    with pytest.raises(Violation, match="adds an item to 'traces' for the second time"):
        stage.alone(append(stage.alone(load()), 2, "another"))


def set_aside(stage: Stage) -> None:
    """Save an item, another one with a key, and set that commit aside."""
    base = stage.alone(append(stage.alone(load()), 1)).base
    stage.alone(append(base, 2, "key"))
    stage.oracle.damage(b"damaged")
    stage.alone(repair())
    assert stage.alone(load()).state["traces"] == [1]


def test_a_key_that_was_set_aside_may_be_used_again_for_what_went_with_it() -> None:
    stage = Stage()
    set_aside(stage)
    assert stage.alone(append(stage.alone(load()), 2, "key")).wrote
    assert stage.alone(load()).state["traces"] == [1, 2]


def test_but_not_for_what_is_there() -> None:
    stage = Stage()
    set_aside(stage)
    with pytest.raises(Violation, match="adds an item to 'traces' for the second time"):
        stage.alone(append(stage.alone(load()), 1, "key"))


def test_a_fork_leaves_behind_what_was_set_aside_too() -> None:
    stage = Stage()
    base = stage.alone(append(stage.alone(load()), 1)).base
    stage.alone(append(base, 2, "key"))
    stage.alone(fork(RULES, ID, FORKED, None, adopt, lambda *_: {}))
    stage.oracle.damage(b"damaged")
    stage.alone(repair())
    stage.alone(session.delete(RULES, nothing(ID, None), None, lambda *_: {}))
    base = stage.alone(fork(RULES, FORKED, ID, None, adopt, lambda *_: {}))
    assert stage.alone(append(base, 2, "key")).wrote
    assert stage.alone(load()).state["traces"] == [1, 2, 2]
