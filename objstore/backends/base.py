"""The contract of a backend: a handful of operations on keys, and what it can promise about them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from .._log.ops import Entry, Names


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend promises.

    Attributes:
        exclusive_create: Of any number of racing creates of one key exactly one succeeds, and a reader sees the whole
            object or none. The log layout demands it.
        atomic_put: A reader of a key that is being replaced sees the old or the new bytes, never a mixture.
        loop_free: The coroutines of an `AsyncBackend` may be awaited on any event loop, not on its own one only. Where
            none runs they wait in the calling thread, so that plain code can finish them, but for `upload` and `copy`.
    """

    exclusive_create: bool
    atomic_put: bool
    loop_free: bool = False


DISK: Final = "disk"
"""The storage of a `Location` that is a directory of this machine, which may have several names."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a backend is, to be compared with where another one is.

    Attributes:
        storage: What the path leads into. Two are equal where one path is one object for both; what may be two storages
            is not equal. It may hold secrets, so it is not shown.
        path: Where in that all keys of the backend begin, ``/``-separated.
    """

    storage: object = field(repr=False)
    path: str


@runtime_checkable
class Located(Protocol):
    """A backend that can say where it is, which `Backend` does not ask for.

    `objstore.copy` then refuses a target that lies among the files of the source. A backend that cannot say it is only
    known to be the same place as itself.
    """

    @property
    def location(self) -> Location:
        """Say where this backend is. No I/O."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a backend may know beyond its contract, for `objstore.backends.probe.check`.

    Attributes:
        modified: When the storage says that the object was written, in seconds since 1970.
        versioned: Whether overwritten and deleted objects are kept, as old versions or for some days; ``None``: not
            known.
    """

    modified: float | None = None
    versioned: bool | None = None


@runtime_checkable
class Backend(Protocol):
    """A place for objects, reached by blocking calls.

    Keys are relative, ``/``-separated, without ``.`` and ``..`` segments; a backend joins them to its own prefix and
    never reaches outside it. It makes directories as needed. Every method may be called from any thread at any time,
    and works in a forked child. Errors are those of `objstore.errors`: `UnavailableError` (worth a retry),
    `PermissionDeniedError`, `BackendError` for the rest; retrying inside the backend is bounded.
    """

    @property
    def name(self) -> str:
        """Say what kind of place this is: ``file``, ``memory``, ``s3``, ``gcs``, ``az``, else the fsspec protocol."""

    @property
    def capabilities(self) -> Capabilities:
        """Say what this backend promises. No I/O."""

    def create(self, key: str, data: bytes, *, durable: bool = True, beside: bool = False) -> bool:
        """Write a new object and say whether it is ours; ``False`` where something is there already.

        The object appears whole or not at all, and ``True`` or ``False`` means that it is durable. Where the outcome is
        unknown: `UnavailableError`. A resend inside a client library can turn our own success into ``False``.
        ``beside`` says that other objects lie in the same directory: where that is gone, it is not made anew.
        """

    def upload(self, key: str, path: str) -> bool:
        """Create an object from a local file of any size, with memory for a few MiB of it; see `create`.

        Only for content-addressed objects: where a storage can end an upload in parts only by replacing what is there,
        it replaces it by the same bytes. An upload that fails or is broken off leaves no object.
        """

    def put(self, key: str, data: bytes) -> None:
        """Write an object, replacing what is there: whole and durable, or not at all.

        See `Capabilities.atomic_put` for what a reader may see meanwhile.
        """

    def get(self, key: str, limit: int | None = None) -> bytes | None:
        """Read an object in one request, or say ``None`` where there is none. Never from a cache.

        Of one that has more than ``limit`` bytes the first ``limit + 1`` are given, and no others are read.
        """

    def read(self, key: str, start: int, length: int) -> bytes | None:
        """Read up to ``length`` bytes, 1 or more, of an object from ``start`` on, fewer only at its end; see `get`."""

    def list(self, prefix: str) -> list[Entry]:
        """Name what lies in the directory up to the last ``/`` of ``prefix`` and begins like its rest.

        ``""`` names all at the top, ``log/`` all in ``log/``, ``index/a=.`` what in ``index/`` begins with ``a=.``.
        Complete, never from a cache, ``[]`` where there is nothing.
        """

    def page(self, prefix: str, after: str) -> Names:
        """Name the next of the objects, not the directories, that `list` would name: those behind the name ``after``.

        Sorted by code points, ``""`` being before all. Memory is bounded where the storage can give a listing piece by
        piece; where it cannot, this names all that are left.
        """

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are not there are no error. A failure names the key."""

    def copy(self, source: str, target: str) -> bool:
        """Copy an object over ``target``; ``False`` where there is no source."""

    def sync(self, prefix: str) -> None:
        """Make durable the names that other processes created directly below ``prefix``; only a disk has to."""

    def close(self) -> None:
        """Let go of what was opened. A backend used after that opens it again."""


@runtime_checkable
class AsyncBackend(Protocol):
    """The same contract as `Backend`, as coroutines that must run on one event loop, `loop`, or may run on any."""

    @property
    def name(self) -> str: ...
    @property
    def capabilities(self) -> Capabilities: ...
    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop, running in a thread of its own, on which the coroutines below run.

        With `Capabilities.loop_free` they may be awaited on any other as well.
        """

    async def create(self, key: str, data: bytes, *, durable: bool = True, beside: bool = False) -> bool: ...
    async def upload(self, key: str, path: str) -> bool: ...
    async def put(self, key: str, data: bytes) -> None: ...
    async def get(self, key: str, limit: int | None = None) -> bytes | None: ...
    async def read(self, key: str, start: int, length: int) -> bytes | None: ...
    async def list(self, prefix: str) -> list[Entry]: ...
    async def page(self, prefix: str, after: str) -> Names: ...
    async def delete(self, keys: Sequence[str]) -> None: ...
    async def copy(self, source: str, target: str) -> bool: ...
    async def sync(self, prefix: str) -> None: ...
    def close(self) -> None: ...
