"""Values of channels as they stand in a document: serialised, a list item by item, and written as what they add."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from ..ours import UnreadableError

ITEM_BYTES: Final = 16 * 1024
WHOLE_BYTES: Final = 8 * 1024
"""Above this many bytes an item of a value, or a value that is replaced as a whole, is a part of its own.

What is in the lists is read whenever the thread is, so what grows with every change must not be there.
"""

VALUE: Final = "value/"
"""How the name of such a part begins; the sha256 of what stands in it follows."""

_SAMPLE: Final = 8
_WORTH: Final = 64  # bytes of an item below which to keep it by itself would cost more than it saves
_PLAIN: Final = bytes(set(range(0x20, 0x7F)) - {*b'"\\'})
_HIGH: Final = bytes(range(0x7F, 0x100))

Item: TypeAlias = tuple[str, ...]
"""Something serialised: type and text, type and base64 and ``base64``, or type and the name of a part and ``part``."""


class Serde(Protocol):
    """What a serialiser of LangGraph does."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Give a type and bytes."""

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Make the object again."""


class Value(NamedTuple):
    """A value in serialised form: ``whole``, or the items of a ``list``, or the pairs of a ``dict``."""

    kind: str
    items: list[Item]


@dataclass(frozen=True, slots=True)
class Codec:
    """Values on their way into the document and out of it."""

    serde: Serde

    def item(self, value: Any, big: dict[str, bytes], limit: int = ITEM_BYTES) -> Item:
        """Serialise a value; one that is above a limit goes into ``big``, by the name of its part."""
        kind, data = self.serde.dumps_typed(value)
        if len(data) > limit:
            name = f"{VALUE}{hashlib.sha256(data).hexdigest()}"
            big[name] = bytes(data)
            return kind, name, "part"
        odd = data.translate(None, _PLAIN)
        control = odd.translate(None, _HIGH)
        if len(odd) + 4 * len(control) > len(data) // 3:  # what JSON adds to text is more than what base64 adds
            return kind, base64.b64encode(data).decode(), "base64"
        return kind, data.decode("latin-1")

    def value(self, value: Any, big: dict[str, bytes]) -> Value:
        """Serialise a value, item by item where that pays."""
        members = _members(value)
        first = [self.item(member, big) for member in members[:_SAMPLE]]
        if first and sum(len(item[1]) for item in first) >= _WORTH * len(first):
            return Value(type(value).__name__, first + [self.item(member, big) for member in members[_SAMPLE:]])
        return Value("whole", [self.item(value, big, WHOLE_BYTES)])

    def read(self, item: Sequence[str], big: Mapping[str, Any]) -> Any:
        """Make what was serialised again.

        Raises:
            UnreadableError: The serialiser fails.
        """
        kind, text, *form = item
        if not form:
            data = text.encode("latin-1")
        elif form == ["part"]:
            data = big[text]
        else:
            data = base64.b64decode(text)
        try:
            return self.serde.loads_typed((kind, data))
        except Exception as error:  # of one of the user's own, or for want of the right key: it may be anything
            why = f"the serialiser raises {type(error).__name__}; is it the one that wrote this, with its key?"
            raise UnreadableError(why) from None

    def read_value(self, value: Value, big: Mapping[str, Any]) -> Any:
        """Make a value again."""
        members = [self.read(item, big) for item in value.items]
        if value.kind == "whole":
            return members[0]
        return members if value.kind == "list" else dict(members)


def _members(value: Any) -> Sequence[Any]:
    """Give what a value may be serialised as, one by one; a key comes back as what it was only where it is a text."""
    if type(value) is list:
        return value
    return [*value.items()] if type(value) is dict and all(type(key) is str for key in value) else ()


def stored(value: Value, old: Value | None) -> Any:
    """Write a value down as what it adds to an older one."""
    if value.kind == "whole":
        return [*value.items[0]]
    return {value.kind: _pieces(old.items if old and old.kind == value.kind else [], value.items)}


def _pieces(old: Sequence[Item], new: Sequence[Item]) -> list[Any]:
    """Write new items as runs of old ones, ``[from, count]``, and added ones."""
    pieces: list[Any] = []
    places: dict[Item, int] | None = None
    at = 0  # the place of the old item that is expected next
    for item in new:
        place: int | None = at
        if at == len(old):
            place = None
        elif old[at] != item:
            if places is None:
                places = {other: n for n, other in reversed([*enumerate(old)])}
            place = places.get(item)
        last = pieces[-1] if pieces else None
        if place is None:
            if not isinstance(last, dict):
                last = {"add": []}
                pieces.append(last)
            last["add"].append([*item])
            continue
        if isinstance(last, list) and sum(last) == place:
            last[1] += 1
        else:
            pieces.append([place, 1])
        at = place + 1
    return pieces


def restored(written: Any, old: Value | None) -> Value:
    """Read a value that was written down."""
    if not isinstance(written, Mapping):
        return Value("whole", [tuple(written)])
    ((kind, pieces),) = written.items()
    items: list[Item] = []
    for piece in pieces:
        if isinstance(piece, Mapping):
            items.extend(tuple(item) for item in piece["add"])
        elif old is not None:
            items.extend(old.items[piece[0] : piece[0] + piece[1]])
    return Value(kind, items)


def names_of_parts(items: Iterable[Sequence[str]]) -> set[str]:
    """Name the parts in which big values stand.

    Raises:
        ValueError: What stands in the place of a name is none.
    """
    names = [item[1] for item in items if len(item) == 3 and item[2] == "part"]
    if not all(name.startswith(VALUE) for name in names):
        raise ValueError("no name of a part")
    return set(names)
