"""Taking a user's values in: a strict copy that shares nothing with them, or an error that names the place."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from ..errors import InvalidValueError
from .canonical import JSON, is_deeper
from .refs import Ref
from .views import Grown, ListView, ObjectView

MAX_DEPTH: Final = 200
"""How deep a user's value may be nested; a flat list has depth 1."""

_MAX_INT: Final = 10**640
# No interpreter can be told to convert fewer digits than 640, so a smaller integer is readable everywhere.

_SHOWN: Final = 40  # characters of a key in an error message
_STEPS: Final = 12  # steps on the way to a place in an error message
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check(value: object, *, what: str = "value", binary: bool = False, room: int = MAX_DEPTH) -> JSON:
    """Copy a user's value deeply into plain JSON, or say what is wrong with it.

    Tuples become lists, and instances of subclasses (an ``OrderedDict``, a ``StrEnum``) plain ones. Key order is kept.

    Args:
        value: What the user handed over.
        what: Its name in the error message.
        binary: Whether ``bytes``, `Ref` and views may stand in it. Bytes become a ``memoryview``; what a view shows is
            taken as it is, not copied.
        room: How deep the value may be nested.

    Raises:
        InvalidValueError: It is not JSON, or too deep. The message names the place, never a value.
    """
    return _copied(value, what, _BINARY if binary else _COPIERS, room)


def check_again(value: object, *, what: str) -> Any:
    """Copy what was taken in before, with its bytes and references as they are; see `check`."""
    return _copied(value, what, _TAKEN, MAX_DEPTH)


def _copied(value: object, what: str, copiers: _Copiers, room: int) -> JSON:
    try:
        return copiers.get(type(value), _copy_other)(value, room, copiers)
    except _InvalidError as error:
        place = what + "".join(_step(step) for step in error.path[: -_STEPS - 1 : -1])
        place += "..." if len(error.path) > _STEPS else ""
        raise InvalidValueError(f"{place} {error.reason}") from None


class _InvalidError(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str | int] = []


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _PLAIN_KEY.fullmatch(step) and len(step) <= _SHOWN:
        return f".{step}"
    return f"[{json.dumps(step[:_SHOWN])}{'...' if len(step) > _SHOWN else ''}]"


_Copier: TypeAlias = "Callable[[Any, int, _Copiers], JSON]"
_Copiers: TypeAlias = "Mapping[type, _Copier]"


def _copy_other(value: object, depth: int, copiers: _Copiers) -> JSON:
    for base, plain in _PLAIN.items():
        if isinstance(value, base):
            return copiers[base](plain(value), depth, copiers)
    raise _InvalidError(f"is not JSON but of type {type(value).__name__}")


def _copy_dict(value: dict[Any, Any], depth: int, copiers: _Copiers) -> JSON:
    if not depth:
        raise _InvalidError(f"is nested deeper than {MAX_DEPTH}")
    copy: dict[str, JSON] = {}
    for key, member in value.items():
        if type(key) is not str or not key.isascii():
            key = _copy_key(key)
        kind = type(member)
        if (kind is str and member.isascii()) or kind is bool or member is None:  # most members, without a call
            copy[key] = member
            continue
        try:
            copy[key] = copiers.get(kind, _copy_other)(member, depth - 1, copiers)
        except _InvalidError as error:
            error.path.append(key)
            raise
    return copy


def _copy_key(key: object) -> str:
    if not isinstance(key, str):
        raise _InvalidError(f"has a key of type {type(key).__name__}; the keys of JSON are strings")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise _InvalidError("has a key with a lone surrogate, which UTF-8 cannot hold") from None
    return str.__str__(key)


def _copy_list(value: list[Any] | tuple[Any, ...], depth: int, copiers: _Copiers) -> JSON:
    if not depth:
        raise _InvalidError(f"is nested deeper than {MAX_DEPTH}")
    return _copy_items([], value, depth, copiers)


def _copy_items(copy: list[JSON], items: Iterable[Any], depth: int, copiers: _Copiers) -> JSON:
    try:
        for item in items:
            copy.append(copiers.get(type(item), _copy_other)(item, depth - 1, copiers))  # noqa: PERF401
    except _InvalidError as error:
        error.path.append(len(copy))
        raise
    return copy


def _copy_text(value: str, _depth: int, _copiers: _Copiers) -> JSON:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _InvalidError("holds a lone surrogate, which UTF-8 cannot hold") from None
    return value


def _copy_int(value: int, _depth: int, _copiers: _Copiers) -> JSON:
    if not -_MAX_INT < value < _MAX_INT:
        raise _InvalidError("is an integer of more than 640 digits")
    return value


def _copy_float(value: float, _depth: int, _copiers: _Copiers) -> JSON:
    if not math.isfinite(value):
        raise _InvalidError("is NaN or infinite, which JSON cannot hold")
    return value


def _copy_constant(value: JSON, _depth: int, _copiers: _Copiers) -> JSON:
    return value


def _copy_bytes(value: bytes, _depth: int, _copiers: _Copiers) -> JSON:
    return memoryview(value)


def _copy_view(view: ObjectView | ListView, depth: int, _copiers: _Copiers) -> JSON:
    if depth < view.room and is_deeper(view.value, depth):  # it moves to where less may stand below
        raise _InvalidError(f"is nested deeper than {MAX_DEPTH}")
    return view.value


def _copy_grown(grown: Grown, depth: int, copiers: _Copiers) -> JSON:
    old: Any = _copy_view(grown.old, depth, copiers)
    return _copy_items([*old], grown.new, depth, copiers)


_COPIERS: Final[_Copiers] = MappingProxyType(
    {
        str: _copy_text,
        bool: _copy_constant,
        type(None): _copy_constant,
        int: _copy_int,
        float: _copy_float,
        dict: _copy_dict,
        list: _copy_list,
        tuple: _copy_list,
    }
)
_BINARY: Final[_Copiers] = MappingProxyType(
    {
        **_COPIERS,
        bytes: _copy_bytes,
        Ref: _copy_constant,
        ObjectView: _copy_view,
        ListView: _copy_view,
        Grown: _copy_grown,
    }
)
_TAKEN: Final[_Copiers] = MappingProxyType(
    {**_COPIERS, bytes: _copy_constant, memoryview: _copy_constant, Ref: _copy_constant}
)

# What makes a plain value of an instance of a subclass, whatever that overrides.
_PLAIN: Final[Mapping[type, Callable[[Any], Any]]] = MappingProxyType(
    {str: str.__str__, int: int.__int__, float: float.__float__, dict: dict, list: list, tuple: tuple}
)
