"""One zstd frame with its size declared: how commits above 1 KiB, leaves and texts are stored."""

from __future__ import annotations

import zstandard

_LEVEL = 1
_KEPT = 4  # compressors; each holds some 80 KB, and 1.3 MB after a leaf until smaller texts have followed
_PIECE = 1024
_MOST = 2**15  # what a byte can stand for at most: four bytes are a block that repeats one byte 128 KiB long


def at_most(size: int) -> int:
    """Say how many bytes a frame of so many may have; there are some for what cannot be made smaller."""
    return size + size // 64 + 1024


def is_frame(data: bytes) -> bool:
    """Say whether the bytes begin like a zstd frame."""
    return data.startswith(zstandard.FRAME_HEADER)


def is_cut_off(data: bytes, *, limit: int) -> bool:
    """Say whether the bytes are those of a frame of at most ``limit`` bytes whose end is missing, right so far."""
    if zstandard.FRAME_HEADER.startswith(data):
        return True
    inflating = zstandard.ZstdDecompressor().decompressobj()
    size = 0
    try:
        for start in range(0, len(data), _PIECE):  # little at once, since it may stand for very much
            size += len(inflating.decompress(data[start : start + _PIECE]))
            if inflating.eof or size > limit:
                return False
    except zstandard.ZstdError:
        return False
    return True


def compress(data: bytes) -> bytes:
    """Write one frame that declares the size of what it holds."""
    return _compressor().compress(data)


class Compressors:
    """Writes the same frames as `compress`, and keeps what that makes each time; for any thread at any time."""

    def __init__(self) -> None:
        self._idle: list[zstandard.ZstdCompressor] = []

    def compress(self, data: bytes) -> bytes:
        """Write one frame; see `compress`."""
        try:
            compressor = self._idle.pop()  # nobody else has it until it is back: one cannot serve two threads at once
        except IndexError:
            compressor = _compressor()
        frame = compressor.compress(data)
        if len(self._idle) < _KEPT:
            self._idle.append(compressor)
        return frame


def _compressor() -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=_LEVEL)


def inflate(data: bytes, *, limit: int) -> bytes:
    """Read exactly one frame of at most ``limit`` bytes; the declared size is checked before anything is inflated.

    Raises:
        ValueError: It is not one whole frame, or it declares more than ``limit``, or no size at all.
    """
    try:
        declared = zstandard.frame_content_size(data)
        if declared < 0 or declared > limit:
            raise ValueError(f"it declares {declared} bytes where at most {limit} may be")
        if declared > len(data) * _MOST:  # room is made for all of it before anything is inflated
            raise ValueError(f"it declares {declared} bytes, which {len(data)} cannot hold")
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=limit, allow_extra_data=False)
    except zstandard.ZstdError:
        raise ValueError("it is not one whole zstd frame") from None
