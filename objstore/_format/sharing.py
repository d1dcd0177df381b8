"""Taking a value down by what is known of it: what did not change is not copied.

To save a conversation of 10,000 messages after one more turn, all of them have to be looked at, since anything in them
may have been edited in place. Looking is all that it takes: a slice of them is written, compared and let go before the
next, and only what differs is copied. Models that were looked at before are not even written
(`objstore._format.watching`).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import compress
from operator import is_, is_not
from typing import Any, Final

from ..errors import InvalidValueError
from ..models._base import Unwritten
from .canonical import JSON, same
from .checking import check
from .watching import Pass

_PLAIN: Final = frozenset({str, int, bool, type(None)})  # two of one type that are equal are the same JSON
_SLICE: Final = 32  # items: few calls, and too few new objects at once to wake the collector of garbage


def taken(value: object, known: JSON, room: int, look: Pass) -> JSON:
    """Copy a value as `checking.check` does, but take what is the very same in a checked document from there.

    Args:
        value: What the user handed over; lists in it may be `Unwritten`.
        known: What is likely to stand in its place. It decides what is copied, never what comes out.
        room: How deep the value may be nested.
        look: What is remembered of models that were looked at before.

    Raises:
        InvalidValueError: It is not JSON, or nested too deep. The message does not say where; that of `check` does.
    """
    if type(value) in _PLAIN and type(value) is type(known) and value == known:
        return known
    if type(value) is dict:
        return _object(value, known if type(known) is dict else {}, room, look)
    if type(value) is list or type(value) is Unwritten:
        return _list(value, known if type(known) is list else [], room, look)
    copy = check(value, room=room)
    return known if _same(copy, known) else copy


def fresh(value: JSON, known: JSON) -> JSON:
    """Give a document of the same shape whose lists hold only what is not shared with what stood in its place."""
    if type(value) is dict:
        old = known if type(known) is dict else {}
        return {key: fresh(member, old.get(key)) for key, member in value.items()}
    if type(value) is list:
        if value is known:
            return []
        old_items = known if type(known) is list else []
        added = value[len(old_items) :]
        if not any(map(is_not, value, old_items)):  # nearly always, and sooner seen than found one by one
            return added
        changed = compress(zip(value, old_items), map(is_not, value, old_items))  # noqa: B905
        return [fresh(item, other) for item, other in changed] + added
    return value


def _object(value: dict[Any, Any], known: dict[str, JSON], room: int, look: Pass) -> JSON:
    if not room:
        raise InvalidValueError("nested too deep")
    copy = {
        key if type(key) is str and key in known else _key(key): taken(member, known.get(key), room - 1, look)
        for key, member in value.items()
    }
    if len(copy) == len(known) and all(map(is_, copy.values(), known.values())) and list(copy) == list(known):
        return known
    return copy


def _key(key: object) -> str:
    if type(key) is not str:
        raise InvalidValueError("not a plain key")
    check(key)
    return key


def _list(value: list[Any] | Unwritten, known: list[JSON], room: int, look: Pass) -> JSON:
    if not room:
        raise InvalidValueError("nested too deep")
    items: list[JSON] = []
    for start in range(0, len(value), _SLICE):
        here = slice(start, start + _SLICE)
        if isinstance(value, Unwritten):
            items += _models(value.models(here), known[here], value.write, room, look)
        else:
            items += _items(value[here], known[here], room, look)
    return known if len(items) == len(known) and all(map(is_, items, known)) else items


def _models(
    models: list[Any], known: list[JSON], write: Callable[[list[Any]], list[Any]], room: int, look: Pass
) -> list[JSON]:
    standing = look.standing(models, known) if models else None
    count = len(standing.models) if standing else 0
    if count == len(models):
        return known[:count]
    note = look.note(models[count:])
    items = known[:count] + _items(write(models[count:]), known[count:], room, look)
    if note:
        look.keep(standing.joined(note) if standing else note, items)
    return items


def _items(written: list[Any], known: list[JSON], room: int, look: Pass) -> list[JSON]:
    both = zip(written, known)  # noqa: B905 - what one has more is new, or gone
    items = [other if _same(item, other) else taken(item, other, room - 1, look) for item, other in both]
    return items + [taken(item, None, room - 1, look) for item in written[len(known) :]]


def _same(value: Any, known: Any) -> bool:
    """Tell whether a copy of a value would be the very same JSON as what is known, which holds the same texts mostly.

    Unlike `canonical.same` it looks into no text that both hold, so that what is big costs no more than what is small.
    """
    kind = type(value)
    if kind is not type(known):
        return False
    if kind is dict:
        if list(value) != list(known):
            return False
        value, known = value.values(), known.values()
    elif kind is not list:
        return value == known if kind is str else same(value, known)
    elif len(value) != len(known):
        return False
    for a, b in zip(value, known):  # noqa: B905, SIM110 - of one length; a generator is another frame per level
        if a is not b and not _same(a, b):
            return False
    return True
