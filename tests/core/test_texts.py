"""Texts of items that are remembered from patch to snapshot, and long texts written apart, change only the work."""

from __future__ import annotations

import copy
from typing import Any, ClassVar
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from objstore._format import canonical, patching, state
from objstore._format.encode import Encoder
from objstore._format.state import Leaves, Texts

from .values import DOCUMENTS

LIMITS = st.sampled_from([1, 20, 300])
ITEMS = DOCUMENTS | st.fixed_dictionaries({"text": st.text(max_size=60)})
TURNS = st.lists(st.lists(ITEMS, min_size=1, max_size=4), max_size=8)


class Saved:
    """A list that grew turn by turn, and what is known of it then."""

    def __init__(self, turns: list[list[Any]], limit: int) -> None:
        self.state: dict[str, Any] = {"part": []}
        self.present: dict[str, tuple[int, int]] = {}
        self.leaves = Leaves()
        self.texts = Texts()
        for turn in turns:
            writing = self.encoder(self.texts, limit)
            _, change = writing.patch({"sub": {"part": patching.append(len(self.state["part"]), turn)}})
            self.state = patching.apply(change, self.state)  # type: ignore[assignment]
            self.present |= writing.named
            self.leaves = self.leaves.with_others(writing.cut)

    def encoder(self, known: Texts, limit: int) -> Encoder:
        return Encoder(self.present, 0, self.leaves, {"part": limit}, known=known)


@example([[["x" * 60], {"list": ["x" * 60]}]], 300, 300)  # nothing is a leaf of its own because a text in it is long
@given(TURNS, LIMITS, LIMITS)
def test_a_state_is_written_to_the_very_same_bytes_whatever_is_remembered(
    turns: list[list[Any]], before: int, limit: int
) -> None:
    with patch.object(state, "LEAF_BYTES", 400):
        saved = Saved(turns, before)
        known, unknown = saved.encoder(saved.texts, limit), saved.encoder(Texts(), limit)
        written = known.state(saved.state)
        again = unknown.state(saved.state)
    assert written[0] == again[0]
    assert canonical.same(written[1], again[1])
    assert known.named == unknown.named
    assert known.missing == unknown.missing
    assert [leaf.names for leaf in known.cut] == [leaf.names for leaf in unknown.cut]


@patch.object(state, "LEAF_BYTES", 400)
class TestWhatIsRemembered:
    TURNS: ClassVar = [[{"text": f"{turn}".ljust(30), "place": place} for place in range(3)] for turn in range(6)]

    def test_a_state_writes_no_item_a_second_time(self) -> None:
        saved = Saved(self.TURNS, 100)
        with patch.object(canonical, "dumps", side_effect=canonical.dumps) as dumps:
            saved.encoder(saved.texts, 100).state(saved.state)
        assert [call.args for call in dumps.mock_calls] == [("part",)]

    def test_a_copy_answers_for_nothing_else(self) -> None:
        saved = Saved(self.TURNS, 100)
        copied = copy.deepcopy(saved.texts)
        assert all(saved.texts.of(item) and copied.of(item) is None for item in saved.state["part"])

    def test_only_items_of_the_state_that_no_leaf_holds_stay(self) -> None:
        saved = Saved(self.TURNS, 100)
        items = saved.state["part"]
        gone = items.pop()
        assert saved.texts.of(gone) is not None
        writing = saved.encoder(saved.texts, 100)
        writing.state(saved.state)
        in_leaves = sum(len(leaf.items) for leaf in writing.cut)
        tail = items[in_leaves:]
        assert in_leaves
        assert tail
        assert all(writing.texts.of(item) == canonical.dumps(item) for item in tail)
        assert all(writing.texts.of(item) is None for item in [gone, *items[:in_leaves]])
        assert writing.texts.size == sum(len(canonical.dumps(item)) for item in tail)
