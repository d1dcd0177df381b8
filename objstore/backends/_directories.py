"""The directories that a store on local disk works in: opened, made, made durable, and refused where they are links."""

# Pathlib cannot express a path relative to an open directory, and costs more than the calls that it makes.
# ruff: noqa: PTH102, PTH112, PTH118, PTH120

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ..errors import BackendError, IntegrityError
from ._files import ABSENT, DIRECTORY, NoFileError, flush_path, open_into
from ._keys import checked

T = TypeVar("T")

_REMEMBERED = 4096
_ATTEMPTS = 5


class Directories:
    """The directories at and below one path, each by its name relative to it, of which ``""`` is the path itself.

    Every piece of work opens its directory and stays in it. A directory that is not the one seen last time is examined,
    and refused where symbolic links lead elsewhere.

    Args:
        root: The path.
        flushes: Whether the names of new directories are made durable.
    """

    def __init__(self, root: str, *, flushes: bool) -> None:
        self.root = root
        self._flushes = flushes
        self._seen: dict[str, tuple[int, int]] = {}  # directory -> device and inode, found to lie inside
        self._settled: set[str] = set()  # directories whose names are durable, all the way up

    def forget(self) -> None:
        """Forget which directories were seen; nothing is held open."""
        self._seen.clear()
        self._settled.clear()

    def path(self, key: str) -> str:
        """Give the path of an object or a directory."""
        return f"{self.root}/{key}" if key else self.root

    def within(self, key: str, action: Callable[[int, str], T], *, flush: bool, make: bool = True) -> T:
        """Do something in the directory of a key, making it first, and again if somebody removes it meanwhile."""
        parent, _, name = checked(key).rpartition("/")
        problem = FileNotFoundError(errno.ENOENT, "its directory is removed as often as it is made")
        for _ in range(_ATTEMPTS):
            try:
                with self.opened(parent) as directory:
                    if directory is not None:
                        if flush:
                            self._settle(parent)
                        return action(directory, name)
                if not make:
                    raise BackendError(
                        f"cannot create {self.path(key)}: its directory is gone, and with it what lay there before; "
                        "somebody removed it while the store was open. Nothing was saved: load what there is, and open "
                        "the store anew if all of it was removed"
                    )
                self._make(parent)
            except FileNotFoundError as error:
                problem = error
        raise problem

    @contextmanager
    def opened(self, name: str) -> Iterator[int | None]:
        """Open a directory, ``None`` where there is none; refuse one that lies outside."""
        held: list[int] = []
        try:
            try:
                directory = open_into(held, self.path(name), DIRECTORY)
            except OSError as error:
                if error.errno == errno.ELOOP and os.path.isdir(self.root):
                    raise NoFileError(error.errno, "a symbolic link in the way leads in a circle: remove it") from None
                # A file where the store should be is a mistake; one further down is no directory: nothing is in it.
                if error.errno not in ABSENT or (error.errno == errno.ENOTDIR and not os.path.isdir(self.root)):
                    raise
            if not held:
                if name in self._seen:  # removed by somebody, who may have removed more
                    self.forget()
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
            self.forget()
        root, real = os.path.realpath(self.root), os.path.realpath(self.path(name))
        if real != os.path.normpath(os.path.join(root, name)):  # not even to another session, that one would be swept
            raise IntegrityError(
                f"{self.path(name)} leads elsewhere, to {real}, by a symbolic link: "
                f"remove the link, or open the store where its files really are", name,
            )  # fmt: skip
        self._seen[name] = identity

    def _make(self, name: str) -> None:
        """Make a directory of the store and those above it, whose names are not durable until they are settled."""
        self._settled.discard(name)  # before it is there: then nobody takes the new one for the one that was removed
        if not name:
            _make_all(self.root, flush=self._flushes)
            return
        above = name.rpartition("/")[0]
        with self.opened(above) as directory:  # refuses a link: nothing is made where that leads
            is_there = directory is not None
        if not is_there:
            self._make(above)
        _make_one(self.path(name))

    def _settle(self, name: str) -> None:
        """Flush the names on the way to a directory once: another process that made them may not have come to it."""
        chain = []
        while name and name not in self._settled:
            chain.append(name)
            name = name.rpartition("/")[0]
        for directory in chain:
            flush_path(self.path(directory.rpartition("/")[0]))
        if "" not in self._settled:
            chain.append("")
            flush_path(os.path.dirname(os.path.realpath(self.root)))
        self._settled.update(chain)


def _make_all(path: str, *, flush: bool) -> None:
    """Make a directory and those above it, and flush the names of these where they are new."""
    try:
        _make_one(path)
    except FileNotFoundError:
        above = os.path.dirname(path)
        _make_all(above, flush=flush)
        if flush:
            flush_path(os.path.dirname(above))
        _make_one(path)


def _make_one(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):  # a file, or a link that leads nowhere
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None
