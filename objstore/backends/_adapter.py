"""What tells one object storage from another, behind `RemoteBackend`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar

from .._log.ops import Entry, Names
from ._target import Limits, Target
from .base import Facts

T = TypeVar("T")


class Kind(Enum):
    """What a refusal of the storage means."""

    EXISTS = "exists"
    MISSING = "missing"
    NO_BUCKET = "no bucket"
    DENIED = "denied"
    UNAVAILABLE = "unavailable"
    UNSUPPORTED = "unsupported"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the storage, or the library that speaks with it, said instead of doing its work.

    Attributes:
        kind: What it means.
        said: The same for people, such as ``403 AccessDenied``; never what the storage wrote in free text, which may
            repeat parts of a request.
    """

    kind: Kind
    said: str


class KeyRefusedError(Exception):
    """One key of many was refused."""

    def __init__(self, key: str, refusal: Refusal) -> None:
        super().__init__(key, refusal)
        self.key = key
        self.refusal = refusal


class ExistsError(Exception):
    """The object that an upload was to create is there already."""


class StrangeError(Exception):
    """What was answered with success is nothing that the storage says: a proxy's page, a listing that goes nowhere."""


class Send(Protocol):
    """Sends one request of several, again while the storage does not answer."""

    async def __call__(self, request: Callable[[], Awaitable[T]], *, again: bool = True) -> T:
        """Send a request and give its answer; one that repeats by itself what needs it is not sent again.

        Raises:
            ExistsError: The storage refuses it with the kind ``EXISTS``.
            BackendError: It failed for good.
        """


class Adapter(Protocol):
    """One bucket of an object storage, reached by coroutines on fsspec's event loop, or anywhere (obstore).

    Every operation is one request (`list` one per 1,000 names or so, `delete` one per 1,000 keys, `upload` many), sent
    once: repeating is the caller's business. Whatever goes wrong is raised as the library raises it; `explain` says
    what it means.

    Attributes:
        retries: How often the caller repeats one.
        deletes_many: Whether one request removes many objects; otherwise `delete` is given one.
    """

    bucket: str
    prefix: str
    retries: int
    deletes_many: bool

    async def create(self, key: str, data: bytes) -> None:
        """Write an object that is not there yet; one that is there is a refusal of the kind ``EXISTS``."""

    async def upload(self, key: str, path: str, size: int, send: Send) -> None:
        """Write an object that is not there yet from a local file, in requests that are sent by ``send``."""

    async def put(self, key: str, data: bytes) -> None:
        """Write an object over what is there."""

    async def get(self, key: str) -> bytes:
        """Read a whole object."""

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Read a range of an object; one that begins behind its end is empty."""

    async def list(self, prefix: str) -> list[Entry]:
        """Name all that `Backend.list` names, page by page to the end."""

    async def page(self, prefix: str, after: str) -> Names:
        """Name the next objects that `Backend.page` names: as many as one request gives, and at least one of them."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; of many, raise `KeyRefusedError` for the first that stays."""

    async def copy(self, source: str, target: str) -> None:
        """Copy an object inside the storage."""

    async def facts(self, key: str) -> Facts:
        """Say what is known beyond the contract, as far as it is allowed."""

    async def close(self) -> None:
        """Close the connections."""

    def explain(self, error: Exception) -> Refusal:
        """Say what an exception of the library means."""


Connect = Callable[[Target, Limits], Awaitable[Adapter]]
"""Makes an adapter, on fsspec's event loop, without a request to the storage."""


def entries(prefix: str, directories: Iterable[str], objects: Iterable[tuple[str, int]]) -> list[Entry]:
    """Turn the full keys of a listing into names in the directory that ``prefix`` begins with."""
    cut = len(directory_of(prefix))
    found = [Entry(key[cut:-1], is_directory=True) for key in directories]
    # Consoles mark a "directory" with an empty object whose key is the prefix itself: it has no name.
    return found + [Entry(key[cut:], is_directory=False, size=size) for key, size in objects if key[cut:]]


def names(prefix: str, keys: Iterable[str], after: str = "") -> list[str]:
    """Turn the full keys of a listing into names, and leave those out that are not behind ``after``."""
    cut = len(directory_of(prefix))
    return [name for key in keys if (name := key[cut:]) > after]


def directory_of(prefix: str) -> str:
    """Give the directory, with its slash, that the names in a listing are relative to."""
    start = prefix.rpartition("/")[0]
    return f"{start}/" if start else ""


_PASSING = frozenset({408, 429})


def kind_of(status: int) -> Kind:
    """Say what an HTTP status means where the storage is not known to mean something else by it."""
    match status:
        case 401 | 403:
            return Kind.DENIED
        case 404:
            return Kind.MISSING
        case 409:  # two requests met: S3 did not decide which came first
            return Kind.UNAVAILABLE
        case 412:
            return Kind.EXISTS
        case 501:
            return Kind.UNSUPPORTED
        case _:
            return Kind.UNAVAILABLE if status in _PASSING or status >= 500 else Kind.OTHER


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Give the event loop that the caller runs on, if there is one."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
