"""What is to be stored and is no text: copied to a local file first, to know its digest before a byte is sent."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self, TypeAlias
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


_new: Final = partial(open, mode="xb", opener=partial(os.open, mode=0o600))
"""Makes a file that is ours alone, in one call in C: see `objstore.backends._files.open_into`."""


class Spool:
    """A local file with what is to be stored, hashed while it is written: made to be filled, removed when it is closed.

    The digest is a part of the object's name, so all contents have to be seen before the first byte is sent.

    Attributes:
        path: Where it lies, once it is filled.
        digest: The sha256 as 64 hex digits, once it is filled.
        size: How many bytes it has.
    """

    def __init__(self) -> None:
        self._files: list[IO[Any]] = []
        self._closed = False
        self.path = ""
        self.digest = hashlib.sha256().hexdigest()
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:  # of a coroutine that was dropped with its loop
        self.close()

    def close(self) -> None:
        """Remove the file. A thread that still fills it, for a caller who waits no more, fails with its next write."""
        self._closed = True
        with suppress(OSError):
            if self.path:
                os.unlink(self.path)  # noqa: PTH108 - one call, which an interrupt does not part
        for file in self._files:
            with suppress(OSError):  # what the disk does not take, which was said
                file.close()

    def fill(self, source: Source) -> None:
        """Copy what is to be stored into the file, a few MiB at a time.

        Raises:
            TypeError: It is no source of bytes.
            OSError: It cannot be read, or there is no room for the copy.
        """
        self.path = str(Path(tempfile.gettempdir(), f"objstore-{os.urandom(8).hex()}"))
        with temporary_copy(self.path):
            self._files.extend(map(_new, [self.path]))
        if self._closed:  # in between, by a caller who waits no more
            self.close()
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
            try:
                piece = source.read(CHUNK)
            except StopIteration:  # which no future can hold: whoever awaits it would wait for ever
                raise TypeError("the stream ends with StopIteration; it has to give no bytes at its end") from None
            if not isinstance(piece, bytes | bytearray | memoryview):
                raise TypeError(f"the stream gives {type(piece).__name__}, not bytes; open it in binary mode")
            if not piece:
                break
            hashed.update(piece)
            with temporary_copy(self.path):
                self._files[0].write(piece)
            self.size += len(piece)
        with temporary_copy(self.path):
            self._files[0].flush()
        self.digest = hashed.hexdigest()
