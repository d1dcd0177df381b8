"""Where a backend is and how to reach it: plain values that pickle, and print without secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import TIMEOUT_MAX
from typing import Any

from .._log.ops import Entry, Names
from ..errors import BackendError
from .base import Location

TEMPORARY = ".objstore-tmp-"
"""How the names of unfinished files begin. Such a name is no object; one that is old was left by a crash."""

PIECE = 4 * 2**20
"""Bytes of a file that are held in memory at once."""

PAGE = 20_000
"""How many names are held in memory at once where a page of a listing has no size of its own."""

_NO_NAMES = frozenset({"", ".", ".."})
_USER_IN_URL = re.compile(r"//[^/@\s]+@")
_HARMLESS = re.compile(
    r"url|host|region|profile|project|account_name|bucket|endpoint|path|style|version", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient a backend is.

    Attributes:
        timeout: Seconds without a byte from the storage after which a request counts as lost.
        retries: How often a request is sent again, at most.
        concurrency: How many connections are held open, at most.
    """

    timeout: float = 30.0
    retries: int = 4
    concurrency: int = 32

    def __post_init__(self) -> None:
        _seconds("timeout", self.timeout)
        whole("retries", self.retries, 0)
        whole("concurrency", self.concurrency, 1)


def _seconds(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= TIMEOUT_MAX:
        raise ValueError(f"{name} must be seconds, more than 0 and no more than a thread can wait, not {named(value)}")


def whole(name: str, value: object, least: int, otherwise: str = "") -> int:
    """Give back what is a whole number, and not less than another.

    Raises:
        ValueError: It is none, or it is less.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more, not {named(value)}{otherwise}")
    return value


def named(value: object) -> str:
    """Say what stands where it does not belong: a number itself, of all else the type, since it may hold a secret."""
    return repr(value) if isinstance(value, int | float) else type(value).__name__


@dataclass(frozen=True, slots=True)
class Target:
    """A filesystem that fsspec can make, and a path in it.

    Attributes:
        protocol: What fsspec calls the filesystem.
        path: The prefix of the store, without the protocol and without credentials.
        options: What the filesystem is made with; may hold secrets.
        args: The same, by position.
        filesystem: The class, where the user handed over an instance.
    """

    protocol: str
    path: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    args: tuple[Any, ...] = field(default=(), repr=False)
    filesystem: type[Any] | None = field(default=None, repr=False)

    @property
    def location(self) -> Location:
        """Where it is: other options may lead to another storage, such as another endpoint."""
        return Location((self.protocol, self.options, self.args), self.path)

    def make(self, default: type[Any], options: Mapping[str, Any]) -> Any:
        """Make the filesystem, uncached: fsspec's caches answer with what was true a while ago.

        Args:
            default: The class to use where the user named none.
            options: What to add to the user's own options, or to put in their place.
        """
        made = (self.filesystem or default)(*self.args, **{**self.options, **options, "skip_instance_cache": True})
        made.dircache.use_listings_cache = False  # not as an option: some hand theirs on to what does not know it
        return made

    def scrub(self, text: str) -> str:
        """Take what may be secret out of a text: values of options, and user and password of a URL."""
        for secret in _secrets(self.options):
            text = text.replace(secret, "***")
        return _USER_IN_URL.sub("//***@", text)


def _secrets(options: Mapping[str, Any]) -> list[str]:
    """List the longer texts among the values of options, but for those that only say where."""
    found: list[str] = []
    for name, value in options.items():
        if isinstance(value, Mapping):
            found += _secrets(value)
        elif isinstance(value, str) and len(value) > 3 and not _HARMLESS.search(str(name)):
            found.append(value)
    return sorted(found, key=len, reverse=True)


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


class Pieces:
    """The contents of a local file that is to be uploaded, a piece at a time; each walk begins anew.

    Args:
        path: The file.
        size: How many bytes a piece has; the last may have fewer.
    """

    def __init__(self, path: str, size: int = PIECE) -> None:
        self._path = path
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        try:
            with open(self._path, "rb") as file:  # noqa: PTH123 - a local file, whatever the backend
                while piece := file.read(self._size):
                    yield piece
        except FileNotFoundError as error:
            raise BackendError(
                f"{self._path} is gone, the temporary copy of what is being stored: let nobody clean the directory of "
                "temporary files meanwhile, or set TMPDIR to another one"
            ) from error


@dataclass(frozen=True, slots=True)
class Facts:
    """What a backend may know beyond its contract, for `objstore.backends.probe.check`.

    Attributes:
        modified: When the storage says that the object was written, in seconds since 1970.
        versioned: Whether overwritten and deleted objects are kept as old versions; ``None``: not known.
    """

    modified: float | None = None
    versioned: bool | None = None
