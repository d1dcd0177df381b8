"""Hints: names that say since when a session exists, and which of its commits are tombstones with work left to do."""

from __future__ import annotations

from .._format import naming
from .asking import get_hint
from .base import Base
from .ops import Create, Delete, Entry, List, Protocol


def hints_of(directory: str, key: str) -> Protocol[list[int]]:
    """Read the numbers of the hints that a directory holds of a session.

    On storages that cannot list by the beginning of a name this is a walk over the hints of all sessions.
    """
    return (yield from all_hints(f"{directory}{key}=.")).get(key, [])


def all_hints(prefix: str) -> Protocol[dict[str, list[int]]]:
    """Read the numbers of all hints whose keys begin so, by the keys of their sessions."""
    entries: list[Entry] = yield List(prefix)
    found: dict[str, list[int]] = {}
    for entry in entries:
        if hint := naming.parse_hint(entry.name):
            found.setdefault(hint[0], []).append(hint[1])
    return found


def listed_since(base: Base, born: int) -> Create:
    """Give the creation of the hint that lists a session since a commit; of a hashed key it holds the id."""
    data = b"" if naming.id_of(base.key) is not None else base.id.encode()
    return Create(naming.index_hint(base.key, born), data, durable=False)


def list_again(base: Base, born: int) -> Protocol[None]:
    """List a session that was born, if its hint is missing."""
    if born and (yield get_hint(naming.index_hint(base.key, born))) is None:
        yield listed_since(base, born)


def unlist(head: Base) -> Protocol[None]:
    """Take what a tombstone deleted off the list, and say that there is something to remove below it."""
    yield Create(naming.trash_hint(head.key, head.seq), b"", durable=False)
    listed = yield from hints_of(naming.INDEX, head.key)
    buried = yield from hints_of(naming.TRASH, head.key)
    gone = [naming.index_hint(head.key, n) for n in listed if n <= head.seq]
    gone += [naming.trash_hint(head.key, n) for n in buried if n > head.seq]  # of tombstones that got lost
    if gone:
        yield Delete(tuple(gone))
