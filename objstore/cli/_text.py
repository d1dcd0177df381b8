"""Texts as they can be shown on a terminal without doing anything to it."""

from __future__ import annotations

import datetime
import unicodedata

_ACTIVE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that move the cursor, colour, reorder or cannot be encoded."""


def shown(text: str, *, keep: str = "") -> str:
    """Put escapes in the place of control characters, line ends and what changes the direction of writing.

    Args:
        text: What somebody stored or named.
        keep: Characters that may stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or unicodedata.category(c) not in _ACTIVE else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def short(text: str, length: int = 100) -> str:
    """Make one line of a text, not longer than ``length``."""
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length and len(text) <= 4 * length else f"{line[: length - 1]}…"


def age(time: datetime.datetime, now: datetime.datetime) -> str:
    """Say how long ago something was, in its largest unit."""
    seconds = max(0, int((now - time).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def size(count: int) -> str:
    """Say how many bytes, with a unit of 1024."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def moment(time: datetime.datetime) -> str:
    """Write a time for people, in UTC."""
    return f"{time.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S}Z"
