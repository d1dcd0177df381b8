"""References to stored objects, as they stand in documents in memory."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

DIGEST_LENGTH: Final = 64
"""Hex digits of a sha256, which every object's name begins with."""


class Ref:
    """A string or raw bytes that lie in an object of their own.

    Two references are equal when they name the same contents, whatever the object's encoding. A reference stands for
    what it names: `matches` tells whether a value is that, without reading the object. It is no dataclass, since the
    writer of JSON would take one for an object.

    Attributes:
        name: The object's name: 64 hex digits of the sha256 of the raw bytes, with ``.zst`` when stored compressed.
        size: Length of the raw bytes (of a text: of its UTF-8).
        kind: What the raw bytes are in the document.
        path: A local file that holds the raw bytes, in a value that is to be saved; never in a state.
    """

    __slots__ = ("kind", "name", "path", "size")

    def __init__(self, name: str, size: int, kind: Literal["text", "bytes"], path: str | None = None) -> None:
        self.name: Final = name
        self.size: Final = size
        self.kind: Final = kind
        self.path: Final = path

    def __repr__(self) -> str:
        return f"Ref({self.name!r}, {self.size}, {self.kind!r})"

    @property
    def digest(self) -> str:
        """Give the sha256 of the raw bytes as 64 hex digits."""
        return self.name[:DIGEST_LENGTH]

    def stored(self) -> Ref:
        """Give what names the same once it is stored, when the local file will not be there any more."""
        return self if self.path is None else Ref(self.name, self.size, self.kind)

    def matches(self, value: str | memoryview | Ref) -> bool:
        """Tell whether ``value`` is what this names; the digest is computed only where the sizes agree."""
        if isinstance(value, Ref):
            return self == value
        if isinstance(value, memoryview) != (self.kind == "bytes"):
            return False
        # A character takes one to four bytes, so most strings are told apart without being encoded.
        if not len(value) <= self.size <= 4 * len(value):
            return False
        raw = value if isinstance(value, memoryview) else value.encode()
        return len(raw) == self.size and hashlib.sha256(raw).hexdigest() == self.digest

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ref):
            return NotImplemented
        return self.digest == other.digest and self.kind == other.kind

    def __hash__(self) -> int:
        return hash((self.digest, self.kind))
