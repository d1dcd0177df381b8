"""Any other filesystem of fsspec: SFTP, a directory of another filesystem, and the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from fsspec import get_filesystem_class
from fsspec.implementations.dirfs import DirFileSystem

from .._log.ops import Entry, Names
from ..errors import BackendError, ObjstoreError, PermissionDeniedError, UnavailableError
from ..lock import Lock
from ._causes import harmless
from ._keys import TEMPORARY, checked, rest_of, split_prefix
from ._moving import innermost, move_in, moves
from ._target import Target
from .base import Capabilities, Location

T = TypeVar("T")

_RENAMES_OVER = frozenset({"sftp", "ssh", "file", "local"})


class GenericBackend:
    """Any filesystem of fsspec, of which nothing is known but what fsspec promises.

    A create is a look and then a write, so two writers can both believe that an object is theirs: good enough for the
    tree layout, and for ``single_writer=True``. An object is written under a temporary name and moved, where the
    filesystem has a move that is more than a copy.

    The filesystem is made with the first request, anew after a fork, after unpickling, and once more when a connection
    has broken. Requests follow one another: fsspec does not say which filesystems may be used by two threads at once.

    Args:
        target: The filesystem and the prefix of the store.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._lock = Lock()
        self._pid = os.getpid()
        self._filesystem: Any = None
        self._made: set[str] = set()

    def __repr__(self) -> str:
        return f"GenericBackend({self._target.protocol!r}, {self._target.scrub(self._target.path)!r})"

    def __reduce__(self) -> tuple[Callable[..., GenericBackend], tuple[Target]]:
        return GenericBackend, (self._target,)

    @property
    def location(self) -> Location:
        """The path, in what this protocol reaches by these options."""
        return self._target.location

    @property
    def name(self) -> str:
        """The protocol, as fsspec calls it."""
        return self._target.protocol

    @property
    def capabilities(self) -> Capabilities:
        """Nothing but what a rename gives, where it is known to be one."""
        over = _protocol_below(self._target) in _RENAMES_OVER
        return Capabilities(exclusive_create=False, atomic_put=over)

    def create(
        self,
        key: str,
        data: bytes,
        *,
        durable: bool = True,  # noqa: ARG002 - fsspec knows no flush
        beside: bool = False,  # noqa: ARG002 - the same
    ) -> bool:
        """Write a new object; of several writers more than one may be told that it is theirs."""
        return self._create(key, lambda filesystem, target: filesystem.pipe_file(target, data))

    def upload(self, key: str, path: str) -> bool:
        """Write a new object from a local file, as the filesystem does it; see `create`."""
        return self._create(key, lambda filesystem, target: filesystem.put_file(path, target))

    def _create(self, key: str, fill: Callable[[Any, str], object]) -> bool:
        path = self._path(checked(key))

        def create(filesystem: Any) -> bool:
            if _exists(filesystem, path):
                return False
            self._write(filesystem, path, partial(fill, filesystem))
            return True

        return self._run("create", key, create)

    def put(self, key: str, data: bytes) -> None:
        """Write an object, replacing what is there; see `Backend.put`."""
        path = self._path(checked(key))
        self._run("write", key, lambda fs: self._write(fs, path, lambda target: fs.pipe_file(target, data)))

    def get(self, key: str, limit: int | None = None) -> bytes | None:
        """Read an object, or say ``None`` where there is none; see `Backend.get`."""
        return self._read(key) if limit is None else self.read(key, 0, limit + 1)

    def read(self, key: str, start: int, length: int) -> bytes | None:
        """Read a range of an object; see `Backend.read`."""
        return self._read(key, start, start + length)

    def _read(self, key: str, start: int | None = None, end: int | None = None) -> bytes | None:
        path = self._path(checked(key))

        def get(filesystem: Any) -> bytes | None:
            try:
                return bytes(filesystem.cat_file(path, start=start, end=end))
            except FileNotFoundError:
                return None
            except OSError:
                if filesystem.isdir(path):
                    return None
                raise

        return self._run("read", key, get)

    def list(self, prefix: str) -> list[Entry]:
        """Name what lies directly below ``prefix``; see `Backend.list`."""
        folder, start = split_prefix(prefix)
        path = self._path(folder)

        def look(filesystem: Any) -> list[Entry]:
            try:
                items = filesystem.ls(path, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return []
            if not folder and [item["name"].strip("/") for item in items] == [path.strip("/")]:
                raise BackendError(f"{self._place('')} is a file, not a directory: choose another path")
            found = [_entry(filesystem, path, item) for item in items]
            return [entry for entry in found if entry is not None and entry.name.startswith(start)]

        return self._run("list", prefix, look)

    def page(self, prefix: str, after: str) -> Names:
        """Name all objects below ``prefix`` that are left; see `Backend.page`."""
        return rest_of(self.list(prefix), after)

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; see `Backend.delete`."""
        for key in keys:
            path = self._path(checked(key))

            def delete(filesystem: Any, path: str = path) -> None:
                if not filesystem.isdir(path):
                    try:
                        filesystem.rm_file(path)
                    except Exception:  # FTP, for one, has its own errors for one that is not there
                        if _exists(filesystem, path):
                            raise

            self._run("delete", key, delete)

    def copy(self, source: str, target: str) -> bool:
        """Copy an object over ``target``, through this machine; see `Backend.copy`."""
        checked(target)
        data = self.get(source)
        if data is None:
            return False
        self.put(target, data)
        return True

    def sync(self, prefix: str) -> None:
        """Do nothing: fsspec knows no flush."""

    def close(self) -> None:
        """Let go of the filesystem; the next request makes another."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        self._filesystem = None
        self._made.clear()

    def _run(self, doing: str, key: str, action: Callable[[Any], T]) -> T:
        """Do one thing, once more over a new connection where an old one turns out to be broken."""
        if self._pid != os.getpid():  # a lock that another thread held during the fork would stay locked for ever
            self._lock, self._pid = Lock(), os.getpid()
            self._let_go()
        with self._lock:
            last = self._filesystem is None
            while True:
                try:
                    return action(self._connected())
                except ObjstoreError:
                    raise
                except Exception as error:
                    failure = self._failure(doing, key, error)
                    is_broken = isinstance(failure, UnavailableError)
                    if is_broken:
                        self._let_go()
                    if last or not is_broken:
                        raise failure from harmless(error, self._target)
                    last = True

    def _connected(self) -> Any:
        if self._filesystem is None:
            default = self._target.filesystem or get_filesystem_class(self._target.protocol)
            self._filesystem = self._target.make(default, {})
        innermost(self._filesystem).invalidate_cache()  # it may be the user's own, which caches
        return self._filesystem

    def _failure(self, doing: str, key: str, error: Exception) -> BackendError:
        what = f"cannot {doing} {self._place(key)}"
        said = self._target.scrub(f"{type(error).__name__}: {error}")
        if _is_refusal(error):
            return PermissionDeniedError(f"{what}: the storage refuses it ({said}). Mend the credentials or the rights")
        if _is_broken(error):
            return UnavailableError(f"{what}: the connection is broken ({said}). Try again")
        return BackendError(f"{what}: {said}")

    def _write(self, filesystem: Any, path: str, fill: Callable[[str], object]) -> None:
        parent = path.rpartition("/")[0]
        for attempt in (1, 2):
            try:
                if parent and parent not in self._made:
                    filesystem.makedirs(parent, exist_ok=True)
                    self._made.add(parent)
                if moves(filesystem):
                    move_in(filesystem, path, fill)
                else:
                    fill(path)
            except FileNotFoundError:  # somebody removed the directory since we made it
                if attempt == 2:
                    raise
                self._made.clear()
            else:
                return

    def _path(self, key: str) -> str:
        root = self._target.path.rstrip("/")
        return f"{root}/{key}" if key else root or self._target.path

    def _place(self, key: str) -> str:
        return self._target.scrub(f"{self._target.protocol}:{self._path(key)}")


def _protocol_below(target: Target) -> str:
    """Name the filesystem that does the work where a directory of it is used."""
    inner: Any = None
    if isinstance(target.filesystem, type) and issubclass(target.filesystem, DirFileSystem):
        inner = target.options.get("fs") or (target.args[1] if len(target.args) > 1 else None)
    protocol: Any = target.protocol if inner is None else innermost(inner).protocol
    return protocol if isinstance(protocol, str) else str(protocol[0])


def _exists(filesystem: Any, path: str) -> bool:
    """Say whether there is something; where that was not answered, fsspec's own says no."""
    try:
        filesystem.info(path)
    except Exception as error:  # some have errors of their own for what is not there
        if _is_refusal(error) or _is_broken(error):
            raise
        return False
    return True


# The errors of paramiko and asyncssh are known without importing either, since both are optional.


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, PermissionError) or type(error).__name__ in ("AuthenticationException", "PermissionDenied")


def _is_broken(error: Exception) -> bool:
    names = ("SSHException", "NoValidConnectionsError", "ConnectionLost", "ChannelOpenError", "SFTPConnectionLost")
    if isinstance(error, (ConnectionError, TimeoutError, EOFError)) or type(error).__name__ in names:
        return True
    return error.args == ("Socket is closed",)


def _entry(filesystem: Any, folder: str, item: dict[str, Any]) -> Entry | None:
    path = str(item["name"]).strip("/")
    name = path.rpartition("/")[2]
    if path == folder.strip("/") or name.startswith(TEMPORARY):
        return None
    is_directory = item["type"] == "directory" or (item["type"] == "link" and filesystem.isdir(item["name"]))
    return Entry(name, is_directory=is_directory, size=0 if is_directory else int(item.get("size") or 0))
