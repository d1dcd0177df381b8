"""Keys and the names in listings, as all backends take them, and the names of files that are not finished."""

from __future__ import annotations

import os
from collections.abc import Iterable

from .._log.ops import Entry, Names

TEMPORARY = ".objstore-tmp-"
"""How the names of unfinished files begin. Such a name is no object; one that is old was left by a crash."""

PAGE = 20_000
"""How many names are held in memory at once where a page of a listing has no size of its own."""

_NO_NAMES = frozenset({"", ".", ".."})


def temporary_name() -> str:
    """Draw a name for a file that is not finished."""
    return TEMPORARY + os.urandom(8).hex()


def checked(key: str) -> str:
    """Give a key back, or refuse one that could lead out of the store.

    Raises:
        ValueError: A segment is empty, ``.`` or ``..``, or there is a NUL.
    """
    if "\0" in key or not _NO_NAMES.isdisjoint(key.split("/")):
        raise ValueError(f"{key!r} is no key: a segment is empty, '.' or '..', or there is a NUL")
    return key


def split_prefix(prefix: str) -> tuple[str, str]:
    """Split what a listing asks for into a directory (``""`` is the top) and the beginning of the names in it.

    Raises:
        ValueError: The directory is none.
    """
    directory, _, start = prefix.rpartition("/")
    if directory or prefix.startswith("/"):
        checked(directory)
    return directory, start


def rest_of(entries: Iterable[Entry], after: str) -> Names:
    """Make the last page of a listing out of all of it, for storages that cannot give less."""
    return Names(sorted(e.name for e in entries if not e.is_directory and e.name > after), more=False)
