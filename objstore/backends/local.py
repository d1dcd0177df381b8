"""A directory on local disk."""

# Pathlib cannot express a path relative to an open directory, and costs more than the calls that it makes.
# ruff: noqa: PTH100, PTH102, PTH111, PTH112, PTH116, PTH120

from __future__ import annotations

import errno
import heapq
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeVar

from .._log.ops import Entry, Names
from ..errors import BackendError, IntegrityError
from ._files import (
    ABSENT,
    DIRECTORY,
    NO_LINKS,
    NoFileError,
    entry,
    explained,
    flush_directory,
    flush_path,
    is_object,
    open_into,
    read,
    take_name,
    temporary_file,
    unlink,
    untouched,
)
from ._target import PAGE, TEMPORARY, Facts, Pieces, checked, split_prefix
from .base import DISK, Capabilities, Location

Durability = Literal["full", "none"]
T = TypeVar("T")

_REMEMBERED = 4096
_ATTEMPTS = 5


class LocalBackend:
    """A directory on local disk, or on a network disk that behaves like one.

    An object is written to a temporary file beside its target (``.objstore-tmp-`` and 16 hex digits, never listed),
    flushed, and given its name by a hard link, which fails where the name is taken; then the directory is flushed.
    Where there are no hard links, a rename that replaces nothing takes their place. Files are made with mode 0600,
    directories with 0700.

    Every operation opens the directory that it works in and stays in it. A directory that is not the one seen last time
    is examined, and refused where symbolic links lead out of the store.

    Args:
        path: The directory; made with the first write.
        durability: With ``"none"`` nothing is flushed: a crash of the process loses nothing, one of the machine may.
    """

    name = "file"
    capabilities = Capabilities(exclusive_create=True, atomic_put=True)

    def __init__(self, path: str | os.PathLike[str], *, durability: Durability = "full") -> None:
        if durability not in ("full", "none"):
            raise ValueError(f"durability must be 'full' or 'none', not {durability!r}")
        self._root = os.path.abspath(os.path.expanduser(os.fspath(path)))
        self._flushes = durability == "full"
        self._seen: dict[str, tuple[int, int]] = {}  # directory -> device and inode, found to lie inside
        self._settled: set[str] = set()  # directories whose names are durable, all the way up

    def __repr__(self) -> str:
        return f"LocalBackend({self._root!r})"

    def __reduce__(self) -> tuple[Callable[..., LocalBackend], tuple[str, Durability]]:
        return _reopen, (self._root, "full" if self._flushes else "none")

    @property
    def location(self) -> Location:
        """The directory."""
        return Location(DISK, self._root)

    def create(self, key: str, data: bytes, *, durable: bool = True, beside: bool = False) -> bool:
        """Write a new object and say whether it is ours; see `Backend.create`."""
        return self._create(key, (data,), flush=durable and self._flushes, make=not beside)

    def upload(self, key: str, path: str) -> bool:
        """Create an object from a local file, a few MiB at a time; see `Backend.upload`."""
        if self.read(key, 0, 1) is not None:  # it is the same: to write it once more would only take time
            with self._explained("create", key), self._opened(key.rpartition("/")[0]) as directory:
                if directory is not None and self._flushes:
                    flush_directory(directory)
            return False
        return self._create(key, Pieces(path), flush=self._flushes)

    def _create(self, key: str, pieces: Iterable[bytes], *, flush: bool, make: bool = True) -> bool:
        def write(directory: int, name: str) -> bool:
            with temporary_file(directory, pieces, flush=flush) as temporary:
                made = take_name(directory, temporary, name)
            if flush:  # after False too: what was found must stay there after a power cut
                flush_directory(directory)
            return made

        with self._explained("create", key):
            return self._in_directory(key, write, flush=flush, make=make)

    def put(self, key: str, data: bytes) -> None:
        """Write an object, replacing what is there; see `Backend.put`."""

        def write(directory: int, name: str) -> None:
            with temporary_file(directory, (data,), flush=self._flushes) as temporary:
                os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
            if self._flushes:
                flush_directory(directory)

        with self._explained("write", key):
            self._in_directory(key, write, flush=self._flushes)

    def get(self, key: str, limit: int | None = None) -> bytes | None:
        """Read an object, or say ``None`` where there is none; see `Backend.get`."""
        return self.read(key, 0, None if limit is None else limit + 1)

    def read(self, key: str, start: int, length: int | None) -> bytes | None:
        """Read a range of an object; see `Backend.read`."""
        parent, _, name = checked(key).rpartition("/")
        with self._explained("read", key), self._opened(parent) as directory:
            return None if directory is None else read(directory, name, start, length)

    def list(self, prefix: str) -> list[Entry]:
        """Name what lies directly below ``prefix``; see `Backend.list`."""
        folder, start = split_prefix(prefix)
        with self._explained("list", folder), self._opened(folder) as directory:
            if directory is None:
                return []
            with os.scandir(directory) as items:
                named = (item for item in items if item.name.startswith(start))
                return [found for item in named if (found := entry(item)) is not None]

    def page(self, prefix: str, after: str) -> Names:
        """Name the next objects below ``prefix``; see `Backend.page`. Each page is one walk over the directory."""
        folder, start = split_prefix(prefix)
        with self._explained("list", folder), self._opened(folder) as directory:
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
            with self._explained("delete below", parent), self._opened(parent) as directory:
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
        with self._explained("copy", source), self._opened(parent) as origin:
            if origin is None or not _is_file(origin, original):
                return False

            def link(directory: int, name: str) -> None:
                temporary = TEMPORARY + secrets.token_hex(8)
                try:
                    os.link(original, temporary, src_dir_fd=origin, dst_dir_fd=directory, follow_symlinks=False)
                    os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
                finally:
                    unlink(directory, temporary)  # a rename leaves it where both names were links to one file already
                if self._flushes:
                    flush_directory(directory)

            try:
                self._in_directory(target, link, flush=self._flushes)
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
            with self._explained("flush", folder), self._opened(folder) as directory:
                if directory is not None:
                    flush_directory(directory)

    def unfinished(self, prefix: str, before: float) -> tuple[str, ...]:
        """Name the unfinished files below a directory, at the top only in it, that nobody has touched since a time.

        A write that is under way touches its file: by each byte, and by each name that it is given. For `collect`.
        """
        folder, _ = split_prefix(prefix)
        with self._explained("list", folder), self._opened(folder) as directory:
            return () if directory is None else tuple(sorted(untouched(self._root, folder, before)))

    def facts(self, key: str) -> Facts:
        """Say what is known about an object beyond the contract, for `objstore.backends.probe.check`."""
        with self._explained("look at", key):
            return Facts(modified=os.stat(self._path(checked(key))).st_mtime, versioned=False)

    def close(self) -> None:
        """Forget which directories were seen; nothing is held open."""
        self._seen.clear()
        self._settled.clear()

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}" if key else self._root

    def _in_directory(self, key: str, action: Callable[[int, str], T], *, flush: bool, make: bool = True) -> T:
        """Do something in the directory of a key, making it first, and again if somebody removes it meanwhile."""
        parent, _, name = checked(key).rpartition("/")
        problem = FileNotFoundError(errno.ENOENT, "its directory is removed as often as it is made")
        for _ in range(_ATTEMPTS):
            try:
                with self._opened(parent) as directory:
                    if directory is not None:
                        if flush:
                            self._settle(parent)
                        return action(directory, name)
                if not make:
                    raise BackendError(
                        f"cannot create {self._path(key)}: its directory is gone, and with it what lay there before; "
                        "somebody removed it while the store was open. Nothing was saved: load what there is, and open "
                        "the store anew if all of it was removed"
                    )
                self._make(parent)
            except FileNotFoundError as error:
                problem = error
        raise problem

    @contextmanager
    def _opened(self, name: str) -> Iterator[int | None]:
        """Open a directory, ``None`` where there is none; refuse one that lies outside."""
        held: list[int] = []
        try:
            try:
                directory = open_into(held, self._path(name), DIRECTORY)
            except OSError as error:
                if error.errno == errno.ELOOP and os.path.isdir(self._root):
                    raise NoFileError(error.errno, "a symbolic link in the way leads in a circle: remove it") from None
                # A file where the store should be is a mistake; one further down is no directory: nothing is in it.
                if error.errno not in ABSENT or (error.errno == errno.ENOTDIR and not os.path.isdir(self._root)):
                    raise
            if not held:
                if name in self._seen:  # removed by somebody, who may have removed more
                    self.close()
                yield None
                return
            status = os.fstat(directory)
            identity = (status.st_dev, status.st_ino)
            if self._seen.get(name) != identity:
                self._admit(name, identity)
            yield directory
        finally:
            for directory in held:
                os.close(directory)

    def _admit(self, name: str, identity: tuple[int, int]) -> None:
        """Remember a directory that lies inside the store, and refuse any other."""
        if name in self._seen or len(self._seen) >= _REMEMBERED:  # replaced by somebody: nothing that we know is sure
            self.close()
        root, real = os.path.realpath(self._root), os.path.realpath(self._path(name))
        if os.path.commonpath([root, real]) != root:
            raise IntegrityError(
                f"{self._path(name)} leads out of the store, to {real}, by a symbolic link: "
                f"remove the link, or open the store where its files really are", name,
            )  # fmt: skip
        self._seen[name] = identity

    def _make(self, name: str) -> None:
        """Make a directory of the store and those above it, whose names are not durable until they are settled."""
        self._settled.discard(name)  # before it is there: then nobody takes the new one for the one that was removed
        if not name:
            _make_durable(self._root, flush=self._flushes)
            return
        path = self._path(name)
        try:
            _make_one(path)
        except FileNotFoundError:
            self._make(name.rpartition("/")[0])
            _make_one(path)

    def _settle(self, name: str) -> None:
        """Flush the names on the way to a directory once: another process that made them may not have come to it."""
        chain = []
        while name and name not in self._settled:
            chain.append(name)
            name = name.rpartition("/")[0]
        for directory in chain:
            flush_path(self._path(directory.rpartition("/")[0]))
        self._settled.update(chain)

    @contextmanager
    def _explained(self, doing: str, key: str) -> Iterator[None]:
        try:
            yield
        except NoFileError as error:
            raise IntegrityError(f"{self._path(key)} is no object: {error.strerror}", key) from error
        except OSError as error:
            raise explained(error, doing, self._path(key)) from error


def _make_durable(path: str, *, flush: bool) -> None:
    """Make the directory of a store and those above it, and flush the names of the new ones."""
    try:
        made = _make_one(path)
    except FileNotFoundError:
        _make_durable(os.path.dirname(path), flush=flush)
        made = _make_one(path)
    if made and flush:
        flush_path(os.path.dirname(path))


def _make_one(path: str) -> bool:
    """Make a directory and say whether it is new."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):  # a file, or a link that leads nowhere
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None
        return False
    return True


def _reopen(path: str, durability: Durability) -> LocalBackend:
    return LocalBackend(path, durability=durability)


def _is_file(directory: int, name: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
