"""A directory on local disk."""

# Pathlib cannot express a path relative to an open directory, and costs more than the calls that it makes.
# ruff: noqa: PTH100, PTH111, PTH116

from __future__ import annotations

import errno
import heapq
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Literal

from .._log.ops import Entry, Names
from ..errors import IntegrityError
from ._directories import Directories
from ._files import (
    NO_LINKS,
    NoFileError,
    entry,
    explained,
    flush_directory,
    is_object,
    read,
    take_name,
    unlink,
    untouched,
    with_new_file,
)
from ._keys import PAGE, checked, split_prefix, temporary_name
from ._pieces import Pieces
from .base import DISK, Capabilities, Facts, Location

Durability = Literal["full", "none"]


class LocalBackend:
    """A directory on local disk, or on a network disk that behaves like one.

    An object is written to a temporary file beside its target (``.objstore-tmp-`` and 16 hex digits, never listed),
    flushed, and given its name by a hard link, which fails where the name is taken; then the directory is flushed.
    Where there are no hard links, a rename that replaces nothing takes their place. Files are made with mode 0600,
    directories with 0700.

    Every operation opens the directory that it works in and stays in it; one that is reached by symbolic links below
    the store's own directory is refused.

    Args:
        path: The directory; made with the first write.
        durability: With ``"none"`` nothing is flushed: a crash of the process loses nothing, one of the machine may.
    """

    name = "file"
    capabilities = Capabilities(exclusive_create=True, atomic_put=True)

    def __init__(self, path: str | os.PathLike[str], *, durability: Durability = "full") -> None:
        if durability not in ("full", "none"):
            raise ValueError(f"durability must be 'full' or 'none', not {durability!r}")
        self._flushes = durability == "full"
        self._directories = Directories(os.path.abspath(os.path.expanduser(os.fspath(path))), flushes=self._flushes)

    def __repr__(self) -> str:
        return f"LocalBackend({self._directories.root!r})"

    def __reduce__(self) -> tuple[Callable[..., LocalBackend], tuple[str, Durability]]:
        return _reopen, (self._directories.root, "full" if self._flushes else "none")

    @property
    def location(self) -> Location:
        """The directory."""
        return Location(DISK, self._directories.root)

    def create(self, key: str, data: bytes, *, durable: bool = True, beside: bool = False) -> bool:
        """Write a new object and say whether it is ours; see `Backend.create`."""
        return self._create(key, (data,), flush=durable and self._flushes, make=not beside)

    def upload(self, key: str, path: str) -> bool:
        """Create an object from a local file, a few MiB at a time; see `Backend.upload`."""
        if self.read(key, 0, 1) is not None:  # it is the same: to write it once more would only take time
            with self._explained("create", key), self._directories.opened(key.rpartition("/")[0]) as directory:
                if directory is not None and self._flushes:
                    flush_directory(directory)
            return False
        return self._create(key, Pieces(path), flush=self._flushes)

    def _create(self, key: str, pieces: Iterable[bytes], *, flush: bool, make: bool = True) -> bool:
        def write(directory: int, name: str) -> bool:
            made = with_new_file(directory, pieces, partial(take_name, directory, name=name), flush=flush)
            if flush:  # after False too: what was found must stay there after a power cut
                flush_directory(directory)
            return made

        with self._explained("create", key):
            return self._directories.within(key, write, flush=flush, make=make)

    def put(self, key: str, data: bytes) -> None:
        """Write an object, replacing what is there; see `Backend.put`."""

        def write(directory: int, name: str) -> None:
            take = partial(os.replace, dst=name, src_dir_fd=directory, dst_dir_fd=directory)
            with_new_file(directory, (data,), take, flush=self._flushes)
            if self._flushes:
                flush_directory(directory)

        with self._explained("write", key):
            self._directories.within(key, write, flush=self._flushes)

    def get(self, key: str, limit: int | None = None) -> bytes | None:
        """Read an object, or say ``None`` where there is none; see `Backend.get`."""
        return self.read(key, 0, None if limit is None else limit + 1)

    def read(self, key: str, start: int, length: int | None) -> bytes | None:
        """Read a range of an object; see `Backend.read`."""
        parent, _, name = checked(key).rpartition("/")
        with self._explained("read", key), self._directories.opened(parent) as directory:
            return None if directory is None else read(directory, name, start, length)

    def list(self, prefix: str) -> list[Entry]:
        """Name what lies directly below ``prefix``; see `Backend.list`."""
        folder, start = split_prefix(prefix)
        with self._explained("list", folder), self._directories.opened(folder) as directory:
            if directory is None:
                return []
            with os.scandir(directory) as items:
                named = (item for item in items if item.name.startswith(start))
                return [found for item in named if (found := entry(item)) is not None]

    def page(self, prefix: str, after: str) -> Names:
        """Name the next objects below ``prefix``; see `Backend.page`. Each page is one walk over the directory."""
        folder, start = split_prefix(prefix)
        with self._explained("list", folder), self._directories.opened(folder) as directory:
            if directory is None:
                return Names([], more=False)
            with os.scandir(directory) as items:
                behind = (item for item in items if item.name.startswith(start) and item.name > after)
                found = heapq.nsmallest(PAGE + 1, (item.name for item in behind if is_object(item)))
        return Names(found[:PAGE], more=len(found) > PAGE)

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; see `Backend.delete`. They stay removed after a power cut."""
        folders: dict[str, dict[str, str]] = {}
        for key in keys:
            parent, _, name = checked(key).rpartition("/")
            folders.setdefault(parent, {})[name] = key
        for parent, names in folders.items():
            with self._explained("delete below", parent), self._directories.opened(parent) as directory:
                if directory is None:
                    continue
                for name, key in names.items():
                    with self._explained("delete", key):
                        unlink(directory, name)
                if self._flushes:
                    flush_directory(directory)

    def copy(self, source: str, target: str) -> bool:
        """Give an object a second name by a hard link, or copy its bytes where that cannot be; see `Backend.copy`."""
        parent, _, original = checked(source).rpartition("/")
        checked(target)
        with self._explained("copy", source), self._directories.opened(parent) as origin:
            if origin is None or not _is_file(origin, original):
                return False

            def link(directory: int, name: str) -> None:
                temporary = temporary_name()
                try:
                    os.link(original, temporary, src_dir_fd=origin, dst_dir_fd=directory, follow_symlinks=False)
                    os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
                finally:
                    unlink(directory, temporary)  # a rename leaves it where both names were links to one file already
                if self._flushes:
                    flush_directory(directory)

            try:
                self._directories.within(target, link, flush=self._flushes)
            except FileNotFoundError:
                if not _is_file(origin, original):
                    return False
                raise
            except OSError as error:
                if error.errno not in NO_LINKS | {errno.EXDEV}:
                    raise
            else:
                return True
            data = read(origin, original)
        if data is None:
            return False
        self.put(target, data)
        return True

    def sync(self, prefix: str) -> None:
        """Make durable the names directly below ``prefix``; see `Backend.sync`."""
        if self._flushes:
            folder, _ = split_prefix(prefix)
            with self._explained("flush", folder), self._directories.opened(folder) as directory:
                if directory is not None:
                    flush_directory(directory)

    def unfinished(self, prefix: str, before: float) -> tuple[str, ...]:
        """Name the unfinished files below a directory, at the top only in it, that nobody has touched since a time.

        A write that is under way touches its file: by each byte, and by each name that it is given. For `collect`.
        """
        folder, _ = split_prefix(prefix)
        with self._explained("list", folder), self._directories.opened(folder) as directory:
            return () if directory is None else tuple(sorted(untouched(self._directories.root, folder, before)))

    def facts(self, key: str) -> Facts:
        """Say what is known about an object beyond the contract, for `objstore.backends.probe.check`."""
        with self._explained("look at", key):
            return Facts(modified=os.stat(self._directories.path(checked(key))).st_mtime, versioned=False)

    def close(self) -> None:
        """Forget which directories were seen; nothing is held open."""
        self._directories.forget()

    @contextmanager
    def _explained(self, doing: str, key: str) -> Iterator[None]:
        try:
            yield
        except NoFileError as error:
            raise IntegrityError(f"{self._directories.path(key)} is no object: {error.strerror}", key) from error
        except OSError as error:
            raise explained(error, doing, self._directories.path(key)) from error


def _reopen(path: str, durability: Durability) -> LocalBackend:
    return LocalBackend(path, durability=durability)


def _is_file(directory: int, name: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
