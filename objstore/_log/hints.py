"""Hints: names that say since when a session exists, and which of its commits are tombstones with work left to do."""

from __future__ import annotations

from .._format import naming
from .base import Base
from .ops import Create, Entry, List, Protocol


def hints_of(directory: str, key: str) -> Protocol[list[int]]:
    """Read the numbers of the hints that a directory holds of a session."""
    names: list[Entry] = yield List(f"{directory}{key}=.")
    return [hint[1] for e in names if (hint := naming.parse_hint(e.name)) and hint[0] == key]


def listed_since(base: Base, born: int) -> Create:
    """Give the creation of the hint that lists a session since a commit; of a hashed key it holds the id."""
    data = b"" if naming.id_of(base.key) is not None else base.id.encode()
    return Create(naming.index_hint(base.key, born), data, durable=False)


def list_again(base: Base, born: int) -> Protocol[None]:
    """List a session that was born, if its hint is missing."""
    if born and born not in (yield from hints_of(naming.INDEX, base.key)):
        yield listed_since(base, born)
