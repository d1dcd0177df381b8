"""Objects in the memory of this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from fsspec.implementations.memory import MemoryFileSystem

from .._log.ops import Entry, Names
from ..errors import BackendError
from ..lock import Lock
from ._keys import checked, rest_of, split_prefix
from ._pieces import Pieces
from .base import Capabilities, Location

# The store behind `memory://` is one per process, and its own create is a look and then a write. So the lock that makes
# one step of the two has to be one per process too. A fork waits for it: else a child could inherit it locked for ever.
_LOCK = Lock()
os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


class MemoryBackend:
    """Objects in the memory of this process, gone when it ends; a forked child has a copy of its own.

    Args:
        path: The prefix of the store; stores with one prefix are one store.
        filesystem: Another memory than the one that ``memory://`` means for all of fsspec.
    """

    name = "memory"
    capabilities = Capabilities(exclusive_create=True, atomic_put=True)

    def __init__(self, path: str = "", *, filesystem: MemoryFileSystem | None = None) -> None:
        self._root = "/" + path.strip("/") if path.strip("/") else ""
        self._private = filesystem
        self._filesystem: MemoryFileSystem = MemoryFileSystem() if filesystem is None else filesystem

    @classmethod
    def isolated(cls) -> MemoryBackend:
        """Make one that shares nothing with anybody; it cannot be pickled."""
        return cls(filesystem=_IsolatedFileSystem())

    def __repr__(self) -> str:
        return f"MemoryBackend({self._root!r})"

    def __reduce__(self) -> tuple[Callable[[str], MemoryBackend], tuple[str]]:
        if self._private is not None:
            raise TypeError("an isolated memory store is in this process and nowhere else: it cannot be pickled")
        return MemoryBackend, (self._root,)

    @property
    def location(self) -> Location:
        """The prefix in the memory that this is in."""
        return Location(("memory", id(self._filesystem.store)), self._root)

    def create(
        self,
        key: str,
        data: bytes,
        *,
        durable: bool = True,  # noqa: ARG002 - memory has neither
        beside: bool = False,  # noqa: ARG002 - the same
    ) -> bool:
        """Write a new object and say whether it is ours; see `Backend.create`."""
        path = self._path(key)
        with _LOCK:
            if path in self._filesystem.store:
                return False
            self._write(path, data)
        return True

    def upload(self, key: str, path: str) -> bool:
        """Create an object from a local file, all of it in memory in the end; see `Backend.upload`."""
        return self.create(key, b"".join(Pieces(path)))

    def put(self, key: str, data: bytes) -> None:
        """Write an object, replacing what is there; see `Backend.put`."""
        path = self._path(key)
        with _LOCK:
            self._write(path, data)

    def get(self, key: str, limit: int | None = None) -> bytes | None:
        """Read an object, or say ``None`` where there is none; see `Backend.get`."""
        if limit is not None:
            return self.read(key, 0, limit + 1)
        path = self._path(key)
        with _LOCK:
            found = self._filesystem.store.get(path)
            return None if found is None else bytes(found.getvalue())

    def read(self, key: str, start: int, length: int) -> bytes | None:
        """Read a range of an object; see `Backend.read`."""
        path = self._path(key)
        with _LOCK:
            found = self._filesystem.store.get(path)
            if found is None:
                return None
            with found.getbuffer() as contents:
                return bytes(contents[start : start + length])

    def list(self, prefix: str) -> list[Entry]:
        """Name what lies directly below ``prefix``; see `Backend.list`."""
        directory, start = split_prefix(prefix)
        folder = f"{self._root}/{directory}/" if directory else f"{self._root}/"
        found: dict[str, Entry] = {}
        with _LOCK:
            for path, item in self._filesystem.store.items():
                if path.startswith(folder + start):
                    name, slash, _ = path[len(folder) :].partition("/")
                    found[name] = Entry(name, is_directory=bool(slash), size=0 if slash else item.size)
        return list(found.values())

    def page(self, prefix: str, after: str) -> Names:
        """Name all objects below ``prefix`` that are left; see `Backend.page`."""
        return rest_of(self.list(prefix), after)

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; see `Backend.delete`."""
        paths = [self._path(key) for key in keys]
        with _LOCK:
            for path in paths:
                self._filesystem.store.pop(path, None)

    def copy(self, source: str, target: str) -> bool:
        """Copy an object over ``target``; see `Backend.copy`."""
        checked(target)
        data = self.get(source)
        if data is None:
            return False
        self.put(target, data)
        return True

    def sync(self, prefix: str) -> None:
        """Do nothing: memory is not flushed."""

    def close(self) -> None:
        """Do nothing: what is in memory stays there."""

    def _path(self, key: str) -> str:
        return f"{self._root}/{checked(key)}"

    def _write(self, path: str, data: bytes) -> None:
        try:
            self._filesystem.pipe_file(path, bytes(data))
        except OSError as error:  # an object where a directory should be, or the other way round
            raise BackendError(f"memory:/{path} cannot be written: another object is in its way") from error


class _IsolatedFileSystem(MemoryFileSystem):  # type: ignore[misc] # fsspec ships no types
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.store: dict[str, Any] = {}
        self.pseudo_dirs = [""]
