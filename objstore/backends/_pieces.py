"""The contents of a local file on their way into a storage."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import BackendError

PIECE = 4 * 2**20
"""Bytes of a file that are held in memory at once."""


class Pieces:
    """The contents of a local file that is to be uploaded, a piece at a time; each walk begins anew.

    Args:
        path: The file.
        size: How many bytes a piece has; the last may have fewer.
    """

    def __init__(self, path: str, size: int = PIECE) -> None:
        self._path = path
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        try:
            with open(self._path, "rb") as file:  # noqa: PTH123 - a local file, whatever the backend
                while piece := file.read(self._size):
                    yield piece
        except FileNotFoundError as error:
            raise BackendError(
                f"{self._path} is gone, the temporary copy of what is being stored: let nobody clean the directory of "
                "temporary files meanwhile, or set TMPDIR to another one"
            ) from error
