"""Rename a file only where nothing has the new name: for disks that know no hard links."""

from __future__ import annotations

import ctypes
import errno
import os
import sys

_LINUX = ("renameat2", 1)  # RENAME_NOREPLACE
_MACOS = ("renameatx_np", 4)  # RENAME_EXCL


def rename_exclusive(directory: int, source: str, target: str) -> None:
    """Rename ``source`` to ``target``, both in the open ``directory``.

    Raises:
        FileExistsError: There is a target already.
        OSError: Anything else; `errno.ENOSYS` where this system or this disk cannot do it.
    """
    name, flag = _MACOS if sys.platform == "darwin" else _LINUX
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if function(directory, os.fsencode(source), directory, os.fsencode(target), flag) == 0:
        return
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOTSUP):  # the call is there, but this kind of disk knows no such flag
        code = errno.ENOSYS
    raise OSError(code, os.strerror(code))
