"""The contents of artifacts on their way out of the store, as a stream."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Final, Self, SupportsIndex, TypeAlias

import zstandard

from ..errors import IntegrityError
from .spool import CHUNK

_STORED_CHUNK: Final = 2**20
_BUFFER: Final = 64 * 2**10

Fetch: TypeAlias = Callable[[int, int], bytes | None]
"""Reads at most so many bytes of an object from a place on; ``None`` where there is no object."""


class ArtifactStream(io.BufferedReader):
    """The contents of an artifact as a stream of bytes that reads ahead a few MiB, and can seek.

    Whoever reads it from the beginning to the end has the contents checked against their digest: the last read gives
    no bytes but `IntegrityError` where they are not what was stored. What is read after a seek is not checked; a seek
    back to the beginning starts a new check.

    Attributes:
        digest: The sha256 that the contents have to have.
        size: How many bytes they have.
    """

    def __init__(self, key: str, size: int, digest: str, fetch: Fetch, *, inflate: bool = True) -> None:
        self.digest: Final = digest
        self.size: Final = size
        self._contents = _Contents(
            key, size, digest, _Inflater(key, fetch) if inflate and key.endswith(".zst") else fetch
        )
        super().__init__(self._contents, _BUFFER)

    @property
    def verified(self) -> bool | None:
        """Whether all that was read is known to be what was stored.

        ``True`` once all of it was read in order, ``False`` once something was read after a seek or found damaged,
        ``None`` until then.
        """
        return self._contents.verified

    def __reduce_ex__(self, _protocol: SupportsIndex, /) -> Any:  # not __reduce__: from 3.13 on the base has this one
        raise TypeError("a stream cannot be pickled; open the artifact again where it is needed")


class _Contents(io.RawIOBase):
    def __init__(self, key: str, size: int, digest: str, fetch: Fetch) -> None:
        self.verified: bool | None = None
        self._key, self._size, self._digest, self._fetch = key, size, digest, fetch
        self._position = 0
        self._chunk = memoryview(b"")
        self._start = 0  # where the chunk begins
        self._hash = hashlib.sha256()
        self._hashed = 0
        self._problem: str | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        origins = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}
        if whence not in origins or origins[whence] + offset < 0:
            raise ValueError(f"cannot seek to {offset} (whence {whence})")
        self._position = origins[whence] + offset
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        if not self._start <= self._position < self._start + len(self._chunk):
            # An empty object is looked at too, from its beginning, or nobody would notice that it is not there.
            if self._position >= self._size and (self._size or self._position or self.verified):
                return 0
            self._load()
        piece = self._chunk[self._position - self._start :][: len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        self._chunk = memoryview(b"")
        super().close()

    def _load(self) -> None:
        start = self._position
        if start == 0:
            self._hash, self._hashed, self._problem, self.verified = hashlib.sha256(), 0, None, None
        if self._problem:  # else who reads on after the error would be given what it is about
            raise self._damaged(self._problem)
        wanted = min(CHUNK, self._size - start)
        is_last = start + wanted == self._size
        data = self._fetch(start, wanted + is_last)  # one byte behind the end would be one too many
        if data is None:
            raise IntegrityError(f"object {self._key} is missing; was its session pruned meanwhile?", self._key)
        if len(data) != wanted:
            raise self._damaged("its size is not the one that it was stored with")
        self._check(start, data)
        self._chunk, self._start = memoryview(data), start

    def _check(self, start: int, data: bytes) -> None:
        if start != self._hashed or self.verified is False:
            self.verified = False
            return
        self._hash.update(data)
        self._hashed += len(data)
        if self._hashed == self._size:
            if self._hash.hexdigest() != self._digest:
                raise self._damaged("its bytes do not match their digest")
            self.verified = True

    def _damaged(self, why: str) -> IntegrityError:
        self._problem, self.verified = why, False
        return IntegrityError(f"object {self._key} is damaged: {why}", self._key)


class _Inflater:
    """Reads an object that is stored as one zstd frame as if it were not, forwards; backwards from the beginning."""

    def __init__(self, key: str, fetch: Fetch) -> None:
        self._key = key
        self._fetch = fetch
        self._position = 0
        self._reader: zstandard.ZstdDecompressionReader | None = None

    def __call__(self, start: int, length: int) -> bytes | None:
        try:
            if self._reader is None or start < self._position:
                self._reader = zstandard.ZstdDecompressor().stream_reader(
                    _Stored(self._fetch),  # type: ignore[arg-type] # it asks no more of a file than to be read
                    _STORED_CHUNK,
                )
                self._position = 0
            while self._position < start and self._read(min(CHUNK, start - self._position)):
                pass
            return self._read(length)
        except _MissingError:
            return None
        except zstandard.ZstdError:
            raise IntegrityError(f"object {self._key} is damaged: it is not one zstd frame", self._key) from None

    def _read(self, length: int) -> bytes:
        assert self._reader is not None
        pieces: list[bytes] = []
        while length and (piece := self._reader.read(length)):
            pieces.append(piece)
            length -= len(piece)
            self._position += len(piece)
        return b"".join(pieces)


class _MissingError(Exception):
    pass


class _Stored:
    """An object's stored bytes, for a decompressor to read."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._position = 0

    def read(self, size: int) -> bytes:
        data = self._fetch(self._position, size)
        if data is None:
            raise _MissingError
        self._position += len(data)
        return data


class AsyncArtifactStream:
    """An `ArtifactStream` whose reads are awaited; ``async with`` closes it, ``async for`` goes over its chunks.

    Every read happens in a worker thread, never on the running loop.
    """

    def __init__(self, stream: ArtifactStream) -> None:
        self._stream = stream
        self._lost = False

    @property
    def size(self) -> int:
        """How many bytes the contents have."""
        return self._stream.size

    @property
    def digest(self) -> str:
        """The sha256 that the contents have to have."""
        return self._stream.digest

    @property
    def verified(self) -> bool | None:
        """Whether all that was read is known to be what was stored; see `ArtifactStream.verified`."""
        return self._stream.verified

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self.read(CHUNK):
            yield chunk

    async def read(self, size: int = -1) -> bytes:
        """Read at most ``size`` bytes, or all that is left; none at the end.

        Raises:
            IntegrityError: The contents are missing or damaged.
            ValueError: The stream is closed, or an earlier read was cancelled, so that bytes are lost.
        """
        if self._lost:
            raise ValueError("an earlier read was cancelled, and what it read is lost; open the artifact again")
        try:
            return await asyncio.to_thread(self._stream.read, size)
        except asyncio.CancelledError:
            self._lost = True
            raise

    async def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to another place; what is read from there on is not verified."""
        return await asyncio.to_thread(self._stream.seek, offset, whence)

    async def aclose(self) -> None:
        """Let go of what was read ahead."""
        if not self._lost:  # else a thread may still be reading, and closing would wait for it
            await asyncio.to_thread(self._stream.close)
