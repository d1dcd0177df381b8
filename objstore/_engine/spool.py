"""What is to be stored and is no text: copied to a local file first, to know its digest before a byte is sent."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias
from typing import Protocol as Contract

CHUNK: Final = 4 * 2**20
"""Bytes that are read at once, and so about what a stream needs of the memory."""


class Readable(Contract):
    """A stream of bytes: a file that was opened with ``"rb"``, or what looks like one."""

    def read(self, size: int, /) -> bytes:
        """Read at most so many bytes; none at the end."""


Source: TypeAlias = str | bytes | bytearray | memoryview | os.PathLike[str] | Readable
"""What an artifact is made of: a text, bytes, the path of a file, or a stream of bytes."""


@contextmanager
def temporary_copy(path: str) -> Iterator[None]:
    """Say of an error of a write that it is about a copy that the caller did not ask for, and where that lies.

    Raises:
        OSError: The same, with the path.
    """
    try:
        yield
    except OSError as error:
        said = f"{error.strerror}, for a temporary copy: make room, or set TMPDIR to another directory"
        raise OSError(error.errno, said, path) from error


class Spool:
    """A local file with what is to be stored, hashed while it is written. It is removed when the spool is closed.

    The digest is a part of the object's name, so all contents have to be seen before the first byte is sent.

    Attributes:
        digest: The sha256 as 64 hex digits, once it is filled.
        size: How many bytes it has.
    """

    def __init__(self) -> None:
        self._file = tempfile.NamedTemporaryFile(prefix="objstore-")  # noqa: SIM115 - closed with the spool
        self.path: Final = self._file.name
        self.digest = hashlib.sha256().hexdigest()
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the file. A thread that still fills it, for a caller who waits no more, fails with its next write."""
        with suppress(OSError):  # what the disk does not take, which was said
            self._file.close()

    def fill(self, source: Source) -> None:
        """Copy what is to be stored into the file, a few MiB at a time.

        Raises:
            TypeError: It is no source of bytes.
            OSError: It cannot be read, or there is no room for the copy.
        """
        if isinstance(source, os.PathLike):
            with Path(source).open("rb") as file:
                self._copy(file)
        elif isinstance(source, bytes | bytearray | memoryview):
            self._copy(io.BytesIO(source))
        elif not isinstance(source, str) and callable(getattr(source, "read", None)):
            self._copy(source)
        else:
            raise TypeError(f"contents are a str, bytes, a path or a stream of bytes, not {type(source).__name__}")

    def _copy(self, source: Readable) -> None:
        hashed = hashlib.sha256()
        while True:
            piece = source.read(CHUNK)
            if not isinstance(piece, bytes | bytearray | memoryview):
                raise TypeError(f"the stream gives {type(piece).__name__}, not bytes; open it in binary mode")
            if not piece:
                break
            hashed.update(piece)
            with temporary_copy(self.path):
                self._file.write(piece)
            self.size += len(piece)
        with temporary_copy(self.path):
            self._file.flush()
        self.digest = hashed.hexdigest()
