"""Writing a file of any filesystem of fsspec under another name first, and moving it to where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.asyn import AsyncFileSystem
from fsspec.implementations.dirfs import DirFileSystem

from ._keys import temporary_name


def innermost(filesystem: Any) -> Any:
    """Give the filesystem that does the work where a directory of it is used."""
    while isinstance(filesystem, DirFileSystem):
        filesystem = filesystem.fs
    return filesystem


def moves(filesystem: Any) -> bool:
    """Say whether a filesystem has a move of its own; the one that fsspec gives to all copies and deletes."""
    filesystem = innermost(filesystem)
    kind = type(filesystem)
    if isinstance(filesystem, AsyncFileSystem):
        return any("_mv" in vars(base) for base in kind.__mro__ if base not in AsyncFileSystem.__mro__)
    return kind.mv is not AbstractFileSystem.mv


def move_in(filesystem: Any, path: str, fill: Callable[[str], object]) -> None:
    """Have a file filled, and move it to its path, whatever is there."""
    if filesystem.isdir(path):  # some moves would go inside
        raise IsADirectoryError(path)
    temporary = _beside(path)
    try:
        fill(temporary)
        try:
            filesystem.mv(temporary, path)
        except Exception:  # a rename that does not replace; filesystems have errors of their own for that
            if not filesystem.exists(path):
                raise
            _exchange(filesystem, temporary, path)
    except BaseException:
        with suppress(Exception):
            filesystem.rm_file(temporary)
        raise


def _exchange(filesystem: Any, temporary: str, path: str) -> None:
    """Move a file in the place of another one, which comes back where that fails."""
    aside = _beside(path)
    filesystem.mv(path, aside)
    try:
        filesystem.mv(temporary, path)
    except BaseException:
        filesystem.mv(aside, path)
        raise
    with suppress(Exception):  # it is no object under that name
        filesystem.rm_file(aside)


def _beside(path: str) -> str:
    return f"{path.rpartition('/')[0]}/{temporary_name()}"
