"""What a directory on local disk is made of: system calls relative to an open directory."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import starmap
from typing import TypeVar

from .._log.ops import Entry
from ..errors import BackendError, PermissionDeniedError, UnavailableError, UnsupportedBackendError
from ._keys import TEMPORARY, temporary_name
from ._rename import rename_exclusive

T = TypeVar("T")

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # NONBLOCK: a stray FIFO must not hang a reader
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC  # EXCL: nor is a link followed

NO_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK})
ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_NO_FILES = frozenset({errno.ELOOP, errno.ENXIO})  # a link that is not followed, a socket
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_PASSING = frozenset({errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH})
_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space and try again",
    errno.EDQUOT: "the disk quota is used up: free some space and try again",
    errno.EFBIG: "the file is larger than this process or this disk allows",
    errno.EIO: "the disk reports an input/output error: look at its health before trusting it",
    errno.ENAMETOOLONG: "the path is longer than this disk allows: use a shorter prefix",
    errno.EMFILE: "this process has too many files open: raise the limit (ulimit -n)",
    errno.ENOTDIR: "a file is in the place of a directory: choose another path",
    errno.EISDIR: "a directory is in the place of a file: choose another path",
    errno.ELOOP: "a symbolic link is in the place of a file, or leads in a circle: remove it",
}


class NoFileError(OSError):
    """Something is in the place of an object that is none."""


def explained(error: OSError, doing: str, path: str) -> BackendError:
    """Turn an error of the operating system into one of objstore, saying what to do."""
    what = f"cannot {doing} {path}"
    said = error.strerror or str(error)
    if error.errno in _DENIED:
        return PermissionDeniedError(
            f"{what}: {said}. Mend the owner or the mode of it and its directory, or the mount"
        )
    if error.errno in _PASSING:
        return UnavailableError(f"{what}: {said}. Try again when the network disk is back")
    return BackendError(f"{what}: {_ADVICE.get(error.errno or 0, said)}")


def open_into(held: list[int], path: str, flags: int, directory: int | None = None) -> int:
    """Open a file, and note it in a list for whoever has to close it, in one step.

    The handler of a signal may raise between any two steps of Python, so also between an open and the assignment of its
    result, which nobody would ever close. It cannot do so inside of one call in C, such as this one of the list.
    """
    held.extend(starmap(partial(os.open, dir_fd=directory), [(path, flags, 0o600)]))
    return held[-1]


def read(directory: int, name: str, start: int = 0, length: int | None = None) -> bytes | None:
    """Read a regular file or a range of it; ``None`` where there is none, or a directory."""
    held: list[int] = []
    try:
        try:
            file = open_into(held, name, _READ, directory)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in _NO_FILES:
                raise
            raise NoFileError(errno.ELOOP, "a symbolic link or a device is in its place: remove it") from None
        status = os.fstat(file)
        if stat.S_ISDIR(status.st_mode):
            return None
        if not stat.S_ISREG(status.st_mode):
            raise NoFileError(errno.EINVAL, "something is in its place that is no file: remove it")
        end = status.st_size if length is None else min(status.st_size, start + length)
        pieces: list[bytes] = []
        while start < end and (piece := os.pread(file, end - start, start)):  # one read gives 2 GiB at most
            pieces.append(piece)
            start += len(piece)
        return b"".join(pieces)
    finally:
        for file in held:
            os.close(file)


def with_new_file(directory: int, pieces: Iterable[bytes], action: Callable[[str], T], *, flush: bool) -> T:
    """Write a file under a name that is no object's, do something with it, and remove that name in the end."""
    name = temporary_name()
    held: list[int] = []
    try:
        try:
            file = open_into(held, name, _WRITE, directory)
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(file, rest) :]
            if flush:
                _flush(file)
        finally:
            for file in held:
                os.close(file)
        return action(name)
    finally:
        if held:
            unlink(directory, name)


def take_name(directory: int, temporary: str, name: str) -> bool:
    """Give a finished file its name, and say whether that was free."""
    try:
        os.link(temporary, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
    else:
        return True
    try:
        rename_exclusive(directory, temporary, name)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        raise UnsupportedBackendError(
            "this disk knows neither hard links nor a rename that replaces nothing, so two writers could not be told "
            "apart: use another disk, layout='tree' (--layout tree), or single_writer=True (--single-writer)"
        ) from error
    return True


def entry(item: os.DirEntry[str]) -> Entry | None:
    """Describe what a directory listing found; ``None`` for an unfinished file, or one that is gone already."""
    if item.name.startswith(TEMPORARY):
        return None
    if _is_directory(item):
        return Entry(item.name, is_directory=True)
    try:
        return Entry(item.name, is_directory=False, size=item.stat(follow_symlinks=False).st_size)
    except FileNotFoundError:  # removed between the listing and the look
        return None


def is_object(item: os.DirEntry[str]) -> bool:
    """Tell an object from a directory and from an unfinished file, without looking at the file itself."""
    return not item.name.startswith(TEMPORARY) and not _is_directory(item)


def _is_directory(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:
        if not item.is_symlink():
            raise
        return False  # a link that leads nowhere: who reads it is told, and nobody else is stopped


def untouched(root: str, folder: str, before: float) -> Iterator[str]:
    """Name the unfinished files below a directory that were last changed before a time, relative to the root."""
    for path, folders, names in os.walk(f"{root}/{folder}"):
        if not folder:  # what lies below the top may be anybody's
            folders.clear()
        for name in names:
            with suppress(FileNotFoundError):
                if name.startswith(TEMPORARY) and os.lstat(f"{path}/{name}").st_ctime < before:
                    yield os.path.relpath(f"{path}/{name}", root)


def unlink(directory: int, name: str) -> None:
    """Remove a file; a directory, or nothing, is left as it is."""
    try:
        os.unlink(name, dir_fd=directory)
    except (FileNotFoundError, IsADirectoryError):
        return
    except PermissionError:
        # macOS says EPERM for a directory, which is no object
        if not stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            raise


def _flush(file: int) -> None:
    """Flush a file to the medium; on macOS `os.fsync` stops at the drive's own cache."""
    if sys.platform == "darwin":
        import fcntl

        with suppress(OSError):  # network disks refuse it
            fcntl.fcntl(file, fcntl.F_FULLFSYNC)
            return
    os.fsync(file)


def flush_directory(directory: int) -> None:
    """Make the names in an open directory durable."""
    try:
        _flush(directory)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks know no such flush
            raise


def flush_path(path: str) -> None:
    """Make the names in a directory durable."""
    held: list[int] = []
    try:
        try:
            directory = open_into(held, path, DIRECTORY)
        except PermissionError:  # a directory above the store that may be written, not read: there is no way to do it
            return
        flush_directory(directory)
    finally:
        for directory in held:
            os.close(directory)
