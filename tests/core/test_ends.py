"""When the end of a long list is a leaf (docs/format.md, "Leaves"), where one in a patch has 8,000 bytes."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from objstore._format import state
from objstore._format.encode import Encoder
from objstore._format.state import Leaves

_ITEM = "x" * 97  # 100 bytes with its quotes and its comma


@pytest.mark.parametrize(
    ("items", "leaves", "rest"),
    [
        pytest.param(9, 0, 9, id="less than an eighth of a leaf"),
        pytest.param(10, 1, 0, id="an eighth of a leaf"),
        pytest.param(160 + 19, 1, 19, id="less than an eighth of what is in leaves"),
        pytest.param(160 + 20, 2, 0, id="an eighth of what is in leaves"),
        pytest.param(800 + 39, 5, 39, id="less than half a leaf, where an eighth would be more"),
        pytest.param(800 + 40, 6, 0, id="half a leaf, where an eighth would be more"),
    ],
)
@patch.object(state, "LEAF_BYTES", 8_000)
def test_the_end_of_a_list_in_a_snapshot_is_a_leaf_where_it_is_worth_one(items: int, leaves: int, rest: int) -> None:
    text, _ = Encoder({}, 0, Leaves()).state({"items": [_ITEM] * items})
    assert text.count('"=list"') == leaves
    assert text.count(_ITEM) == rest


@patch.object(state, "LEAF_BYTES", 8_000)
def test_the_end_of_what_a_patch_adds_stays_in_it() -> None:
    text, _ = Encoder({}, 0, Leaves()).patch({"put": {"items": [_ITEM] * 119}})
    assert text.count('"=list"') == 1
    assert text.count(_ITEM) == 39
