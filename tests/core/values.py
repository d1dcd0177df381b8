"""Made-up JSON documents for the tests of the core."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

# Few and short keys and scalars, so that what is drawn twice is often nearly the same; equal ones of unlike types.
KEYS = st.sampled_from(["a", "b", "c", "id", "=", "=x", "é"])
SCALARS = st.sampled_from(
    [None, True, False, 0, 1, -1, 2**70, 0.0, -0.0, 1.0, 1.5, 1e300, "", "1", "x" * 60, "é", "\U0001f600"]
)

DOCUMENTS = st.recursive(
    SCALARS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)


@st.composite
def edited(
    draw: st.DrawFn, documents: st.SearchStrategy[Any] = DOCUMENTS, shortest: int = 1, longest: int = 12
) -> tuple[Any, Any]:
    """Draw a document and one made of it by a few edits; they share no container."""
    old = draw(st.lists(documents, min_size=shortest, max_size=longest) | st.dictionaries(KEYS, documents, min_size=1))
    new = copy.deepcopy(old)
    for _ in range(draw(st.integers(0, 4))):
        new = _edit(draw, new, documents)
    return old, copy.deepcopy(new)


def _edit(draw: st.DrawFn, value: Any, documents: st.SearchStrategy[Any]) -> Any:
    if isinstance(value, list) and value:
        place = draw(st.integers(0, len(value) - 1))
        kind = draw(st.sampled_from(["into", "cut", "insert", "move", "repeat", "append"]))
        if kind == "into":
            return [*value[:place], _edit(draw, value[place], documents), *value[place + 1 :]]
        if kind == "cut":
            return value[:place] + value[place + draw(st.integers(1, 3)) :]
        if kind == "insert":
            return [*value[:place], draw(documents), *value[place:]]
        if kind == "move":
            return value[place:] + value[:place]
        if kind == "repeat":
            return value + value[place:]
        return [*value, draw(documents)]
    if isinstance(value, dict) and value:
        key = draw(st.sampled_from(list(value)))
        kind = draw(st.sampled_from(["into", "cut", "put", "move"]))
        if kind == "into":
            return {**value, key: _edit(draw, value[key], documents)}
        rest = {name: member for name, member in value.items() if name != key}
        if kind == "cut":
            return rest
        return {**rest, key: value[key]} if kind == "move" else {**value, draw(KEYS): draw(documents)}
    return draw(documents)
