"""Hints: names that say since when a session exists, and which of its commits are tombstones with work left to do."""

from __future__ import annotations

from .._format import naming
from .ops import Entry, List, Protocol


def hints_of(directory: str, key: str) -> Protocol[list[int]]:
    """Read the numbers of the hints that a directory holds of a session."""
    names: list[Entry] = yield List(f"{directory}{key}=.")
    return [hint[1] for e in names if (hint := naming.parse_hint(e.name)) and hint[0] == key]
