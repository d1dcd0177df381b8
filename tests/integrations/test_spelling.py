"""Names of frameworks become ids that any store takes, and stay apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objstore import InvalidIdError
from objstore.integrations.spelling import ROOM, named, spelled

NAMES = st.text(st.characters(codec=None, categories=None), max_size=600) | st.text("%/~2f5\x00\ud800a", max_size=12)


@given(name=NAMES)
def test_a_spelling_fits_and_has_nothing_odd(name: str) -> None:
    spelling = spelled(name)
    assert len(spelling.encode()) <= ROOM
    assert "/" not in spelling
    assert "\x00" not in spelling


@given(name=NAMES, slashes=st.booleans())
def test_a_spelling_without_a_limit_is_read_back(name: str, slashes: bool) -> None:
    assert named(spelled(name, room=None, slashes=slashes)) == name


@given(names=st.lists(NAMES, unique=True, max_size=20), slashes=st.booleans())
def test_names_stay_apart(names: list[str], slashes: bool) -> None:
    assert len({spelled(name, room=80, slashes=slashes) for name in names}) == len(names)


def test_plain_names_are_spelled_as_they_are_and_long_ones_can_be_told() -> None:
    assert spelled("-home-me-project") == "-home-me-project"
    assert spelled("a/b%2f", slashes=True) == "a/b%252f"
    assert spelled("caf\u00e9 42%") == "caf\u00e9 42%25"
    assert spelled("user" * 200).startswith("useruser")
    assert spelled("a" * ROOM) == "a" * ROOM
    assert spelled("\u00e9" * ROOM) != spelled("\u00e9" * (ROOM + 1))
    assert spelled("a" * 500) != spelled(spelled("a" * 500))


@pytest.mark.parametrize("name", [None, 5, b"bytes", ["a"]])
def test_what_is_no_text_is_no_name(name: Any) -> None:
    with pytest.raises(InvalidIdError, match=f"must be a str, not {type(name).__name__}"):
        spelled(name)
