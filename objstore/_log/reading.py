"""Reading what a log is made of: commits by their numbers, leaves and objects by their names, each of them checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Final

from .._format import canonical, naming
from .._format.commit import MAX_BYTES, Commit, Table, decode
from .._format.state import LEAF, Decoder, Leaf, names_in, opened
from ..errors import FormatError, IntegrityError
from .asking import get_commit, get_object
from .base import Base
from .ops import Entry, Get, List, Protocol, Read

PAGE: Final = 64
"""How many commits or sessions are read side by side where there may be any number of them."""

_PIECE: Final = 4 * 2**20


def pages_down(newest: int, oldest: int) -> Iterator[list[int]]:
    """Give the numbers from ``newest`` down to ``oldest``, as many at a time as are read side by side."""
    for start in range(newest, oldest - 1, -PAGE):
        yield list(range(start, max(oldest - 1, start - PAGE), -1))


def read_commits(base: Base, numbers: list[int]) -> Protocol[dict[int, bytes | None]]:
    """Read the stored bytes of some commits side by side."""
    found = yield from read_each([get_commit(base.key, n) for n in numbers])
    return dict(zip(numbers, found, strict=True))


class Unreadable(bytes):
    """Stands for an object in whose place there is something that is none, such as a link; `parse` says so."""

    error: IntegrityError


def read_each(wanted: list[Get]) -> Protocol[list[bytes | None]]:
    """Read stored bytes side by side; one that cannot be had keeps nobody from reading the others."""
    try:
        return list((yield tuple(wanted))) if wanted else []
    except IntegrityError:
        pass
    found: list[bytes | None] = []
    for get in wanted:
        try:
            found.append((yield get))
        except IntegrityError as error:
            found.append(Unreadable(b"no object"))
            found[-1].error = error  # type: ignore[union-attr] # it was put there just now
    return found


def parse(base: Base, n: int, data: bytes | None) -> Commit | None:
    """Decode a commit that was read; ``None`` where there is none, or the stub of a purge."""
    if isinstance(data, Unreadable):
        raise data.error
    key = naming.log_key(base.key, n)
    return None if data is None else decode(data, key, base.id, n)


def parse_or_none(base: Base, n: int, data: bytes | None) -> Commit | None:
    """Decode a commit, for who goes by others where it is damaged or of a newer format."""
    try:
        return parse(base, n, data)
    except (IntegrityError, FormatError):  # going back before a damaged or a newer head must work
        return None


def read_leaves(base: Base, chain: list[Commit], objects: Table) -> Protocol[dict[str, Leaf]]:
    """Read the leaves that some commits name, and those inside them; ones that are known are not read again."""
    leaves = dict(base.leaves.by_name)
    nesting: dict[str, bytes] = {}
    decoder = Decoder(objects, leaves)
    try:
        wanted = {name for commit in chain for name in names_in(commit.body, LEAF)}
        while unread := sorted(wanted - set(leaves) - set(nesting)):
            if any(objects[name][1] > MAX_BYTES for name in unread if name in objects):
                raise ValueError(f"a leaf of more than {MAX_BYTES} bytes")
            wanted = set()
            for name, raw in (yield from read_objects(base, unread, objects)):
                if b'"=list"' in raw:
                    nesting[name] = raw  # until those inside it are read
                    wanted.update(names_in(canonical.loads(raw), LEAF))
                else:
                    leaves[name] = decoder.leaf(name, raw)
        for name in [*nesting]:
            _read_nesting(name, nesting, decoder, leaves)
    except (ValueError, RecursionError) as error:
        if isinstance(error, RecursionError) and canonical.is_cramped():
            raise
        key = naming.log_key(base.key, chain[-1].seq)
        raise FormatError(f"what commit {key} names is whole, but not of this format", key) from error
    return leaves


def _read_nesting(name: str, raws: dict[str, bytes], decoder: Decoder, leaves: dict[str, Leaf]) -> None:
    raw = raws.pop(name, None)  # what has been read is let go, and where others name it, it has been read before
    if raw is None:
        return
    for inner in names_in(canonical.loads(raw), LEAF):
        _read_nesting(inner, raws, decoder, leaves)
    leaves[name] = decoder.leaf(name, raw)


def read_objects(base: Base, names: list[str], objects: Table) -> Protocol[Iterator[tuple[str, bytes]]]:
    """Read objects side by side, and give each name and its raw bytes when they are asked for.

    Only what is stored is held until then, and let go of one by one.

    Raises:
        IntegrityError: One is missing or damaged, which is seen when it is asked for.
        FormatError: One is named by a commit that does not list it.
    """
    wanted = []
    for name in names:
        if name not in objects:
            raise FormatError(f"object {name} is named but not listed by the commits", name)
        epoch, size = objects[name]
        wanted.append(get_object(base.key, epoch, name, size))
    data: list[bytes | None] = (yield tuple(wanted)) if wanted else []
    return _opened_in_turn(names, wanted, data, objects)


def _opened_in_turn(
    names: list[str], wanted: list[Get], data: list[bytes | None], objects: Table
) -> Iterator[tuple[str, bytes]]:
    data.reverse()
    for name, get in zip(names, wanted, strict=True):
        key, stored = get.key, data.pop()
        if stored is None:
            raise IntegrityError(f"object {key} is missing", key)
        try:
            raw = opened(name, stored, objects[name][1])
        except ValueError as error:
            raise IntegrityError(f"object {key} is damaged: {error}", key) from None
        yield name, raw


def measure(key: str, limit: int) -> Protocol[tuple[str, int] | None]:
    """Take the sha256 and the size of stored bytes of any size, piece by piece; ``None`` where there are none.

    Of what is larger than ``limit`` little more than that is read.
    """
    digest, size = hashlib.sha256(), 0
    while True:
        piece: bytes | None = yield Read(key, size, _PIECE)
        if piece is None:
            return None
        digest.update(piece)
        size += len(piece)
        if len(piece) < _PIECE or size > limit:
            return digest.hexdigest(), size


def listed_below(
    root: str, parse: Callable[[str], int | None], *, up_to: int | None = None
) -> Protocol[list[tuple[int, Entry]]]:
    """List what lies in the directories below one, with the numbers that stand in their names, up to one if given."""
    directories: list[Entry] = yield List(root)
    names = {e.name: n for e in directories if e.is_directory and (n := parse(e.name)) is not None}
    wanted = {name: n for name, n in names.items() if up_to is None or n <= up_to}
    contents = (yield tuple(List(f"{root}{name}/") for name in wanted)) if wanted else ()
    return [(n, entry) for n, entries in zip(wanted.values(), contents, strict=True) for entry in entries]


def numbers_below(key: str, limit: int) -> Protocol[list[int]]:
    """Give the numbers below ``limit`` that are taken in a log, the lowest first."""
    if limit <= 1:
        return []
    stored = yield from listed_below(naming.log_root(key), naming.parse_group, up_to=(limit - 1) // naming.GROUP)
    numbers = [naming.parse_log(f"{group:06d}", entry.name) for group, entry in stored]
    return sorted(n for n in numbers if n is not None and n < limit)
