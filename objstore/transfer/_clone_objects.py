"""Bringing the objects of a session from one log store into another, of any size, checked on both sides.

Each is known to be good in the target before a commit names it, so that who goes on need not look at it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from .._engine.artifacts import read_range
from .._engine.drive import Driver
from .._engine.handle import Handle
from .._engine.spool import CHUNK, Spool
from .._engine.streams import ArtifactStream, Fetch
from .._format import naming
from .._format.commit import Commit, pairs_of
from .._format.refs import DIGEST_LENGTH
from .._format.state import opened
from .._log.apart import told_apart
from .._log.asking import get_commit, get_object
from .._log.base import Base
from .._log.land import create_objects
from .._log.ops import Create, Entry, List, Protocol, Sync, Upload
from .._log.reading import parse
from ..errors import IntegrityError

_SMALL: Final = 2**20
"""Bytes up to which an object goes through the memory as a whole; a bigger one goes through a local file."""
_AT_ONCE: Final = 16

T = TypeVar("T")

Pair = tuple[int, str]
"""The epoch and the name of an object."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Runs what reads the source: where it does not give out something of one session, that session's copy fails."""

    driver: Driver

    def run(self, protocol: Protocol[T]) -> T:
        """Run a protocol; see `objstore._log.apart`."""
        return self.driver.run(told_apart(protocol))


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two stores."""

    driver: Driver | Reader
    handle: Handle


@contextmanager
def in_target() -> Iterator[None]:
    """Say of damage that is found that it is the target's."""
    try:
        yield
    except IntegrityError as error:
        raise IntegrityError(f"what was written to the target is not what is there: {error}", error.key) from error


def bring_objects(
    source: Side, target: Side, blank: Base, there: Commit | None, objects: dict[Pair, int]
) -> tuple[int, int]:
    """Bring what a target whose newest commit is ``there`` lacks; give how many were written, and their bytes.

    Args:
        source: Where from.
        target: Where to.
        blank: The session.
        there: The newest commit of the target, if there is one. What it needs is taken to be there.
        objects: What the commits name that will be written, with the sizes of the raw bytes.

    Raises:
        IntegrityError: One is missing or damaged, in the source or as it was stored in the target.
        UnavailableError: The storage never said whether one arrived.
    """
    known = target.driver.run(_named(blank, there)) if there else frozenset()
    needed = {pair: size for pair, size in sorted(objects.items()) if pair not in known}
    is_sure = not target.handle.rules.tearable  # else what lies there may be half of it, and is sent once more
    left_over = target.driver.run(_left_over(blank, {epoch for epoch, _ in needed})) if is_sure else frozenset()
    count = sent = 0
    small = [pair for pair, size in needed.items() if size <= _SMALL]
    for start in range(0, len(small), _AT_ONCE):
        page = small[start : start + _AT_ONCE]
        fresh = [pair for pair in page if pair not in left_over]
        stored = source.driver.run(_get(blank, fresh, needed))
        creates = [Create(_key(blank, pair), data) for pair, data in zip(fresh, stored, strict=True)]
        if creates:
            target.driver.run(create_objects(target.handle.rules, creates))
        with in_target():
            target.driver.run(_get(blank, page, needed))
        count += len(fresh)
        sent += sum(map(len, stored))
    for pair, size in needed.items():
        if size > _SMALL:
            if pair not in left_over:
                count += 1
                sent += _send_big(source, target, _key(blank, pair), size)
            with in_target():
                _check_big(_key(blank, pair), size, fetch(target.driver, _key(blank, pair)))
    return count, sent


def _key(blank: Base, pair: Pair) -> str:
    return naming.object_key(blank.key, *pair)


def _named(blank: Base, there: Commit) -> Protocol[frozenset[Pair]]:
    """Give the objects that the newest state of the target needs."""
    named: set[Pair] = set()
    commit: Commit | None = there
    while commit is not None:
        named |= pairs_of(commit.objects)
        below = commit.seq - 1
        commit = None if commit.whole else parse(blank, below, (yield get_commit(blank.key, below)))
    return frozenset(named)


def _left_over(blank: Base, epochs: set[int]) -> Protocol[frozenset[Pair]]:
    """Give the objects that lie there already, and make sure that they stay there."""
    found: set[Pair] = set()
    for epoch in sorted(epochs):
        directory = naming.objects_dir(blank.key, epoch)
        entries: list[Entry] = yield List(directory)
        found |= {(epoch, entry.name) for entry in entries}
        if entries:
            yield Sync(directory)
    return frozenset(found)


def _get(blank: Base, pairs: Sequence[Pair], sizes: dict[Pair, int]) -> Protocol[list[bytes]]:
    """Read the stored bytes of some objects side by side, each checked against its digest."""
    if not pairs:
        return []
    found = yield tuple(get_object(blank.key, *pair, sizes[pair]) for pair in pairs)
    for pair, data in zip(pairs, found, strict=True):
        key = _key(blank, pair)
        if data is None:
            raise IntegrityError(f"object {key} is missing; was its session pruned meanwhile?", key)
        try:
            opened(pair[1], data, sizes[pair])
        except ValueError as error:
            raise IntegrityError(f"object {key} is damaged: {error}", key) from None
    return list(found)


def _send_big(source: Side, target: Side, key: str, size: int) -> int:
    """Bring one object through a local file; give its bytes as stored."""
    with Spool() as spool:
        spool.fill(_Remote(fetch(source.driver, key), key, size))
        with Path(spool.path).open("rb") as file:

            def read(start: int, length: int) -> bytes:
                file.seek(start)
                return file.read(length)

            _check_big(key, size, read)
        target.driver.run(create_objects(target.handle.rules, [Upload(key, spool.path, spool.size)]))
        return spool.size


def _check_big(key: str, size: int, fetch: Fetch) -> None:
    digest = key.rpartition("/")[2][:DIGEST_LENGTH]
    read_through(ArtifactStream(key, size, digest, fetch))


def read_through(stream: ArtifactStream) -> None:
    """Read a stream to its end, which checks it against its digest."""
    with stream:
        while stream.read(CHUNK):
            pass


def fetch(driver: Driver | Reader, key: str) -> Fetch:
    """Read an object range by range."""
    return lambda start, length: driver.run(read_range(key, start, length))


class _Remote:
    """The stored bytes of an object as a stream."""

    def __init__(self, fetch: Fetch, key: str, size: int) -> None:
        self._fetch = fetch
        self._key = key
        self._size = size
        self._position = 0

    def read(self, size: int, /) -> bytes:
        data = self._fetch(self._position, size)
        if data is None:
            raise IntegrityError(f"object {self._key} is missing; was its session pruned meanwhile?", self._key)
        self._position += len(data)
        if self._position > self._size:
            raise IntegrityError(f"object {self._key} is damaged: it has more than {self._size} bytes", self._key)
        return data
