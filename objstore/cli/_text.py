"""Texts as they can be shown on a terminal without doing anything to it."""

from __future__ import annotations

import datetime
import re
import unicodedata

_AGE = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
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


def since(text: str, now: datetime.datetime) -> datetime.datetime:
    """Read an age such as ``30d``, or a date or time; one without an offset is in UTC.

    Raises:
        ValueError: It is neither.
    """
    found = _AGE.fullmatch(text)
    if found:
        return now - datetime.timedelta(**{_UNITS[found[2]]: int(found[1])})
    time = datetime.datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)


def where(path: tuple[str | int, ...]) -> str:
    """Write a path: ``session.messages[3].role``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def counted(number: int, thing: str) -> str:
    """Say how many there are of something."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


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
    try:
        return f"{time.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S}Z"
    except OverflowError:  # in UTC it is before the beginning of the calendar, or behind its end
        return time.isoformat(" ", "seconds")
