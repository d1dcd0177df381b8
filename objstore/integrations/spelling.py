"""Names that frameworks choose, spelled so that a store takes all of them and keeps them apart."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from ..errors import InvalidIdError

ROOM: Final = 400
"""Bytes that a name has in an id, of which two and a slash fit into the 1,024 of a store."""

_ODD: Final = re.compile("[%/\x00\ud800-\udfff]")
_ESCAPE: Final = re.compile("(?:%[0-9a-f]{2})+")


def spelled(name: str, *, room: int | None = ROOM, slashes: bool = False) -> str:
    """Spell a name without NUL, lone surrogates and, unless they are allowed, slashes, in at most ``room`` bytes.

    Different names are spelled differently. One that is too long is cut and ends in ``%~`` and its sha256.

    Raises:
        InvalidIdError: It is not a ``str``.
    """
    if not isinstance(name, str):
        raise InvalidIdError(f"an id must be a str, not {type(name).__name__}")
    text = _ODD.sub(lambda odd: "".join(f"%{byte:02x}" for byte in odd[0].encode(errors="surrogatepass")), name)
    if slashes:
        text = text.replace("%2f", "/")
    raw = text.encode()
    if room is None or len(raw) <= room:
        return text
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
    return f"{raw[: room - len(digest) - 2].decode(errors='ignore')}%~{digest}"


def document_id(name: str, *, room: int = ROOM, slashes: bool = False) -> str:
    """Spell a name that is all of a document's id, which may not be empty as a name may; see `spelled`."""
    return spelled(name, room=room, slashes=slashes) or "%"  # which spells nothing else


def named(spelling: str) -> str:
    """Give the name that `spelled` spelled without a limit."""
    return _ESCAPE.sub(lambda found: bytes.fromhex(found[0].replace("%", "")).decode(errors="surrogatepass"), spelling)
