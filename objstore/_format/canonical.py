"""JSON as objstore stores it: strict in, compact out, compared exactly.

A document in memory is made of plain ``None``, ``bool``, ``int``, ``float``, ``str``, ``list`` and ``dict``, and where
big values are stored apart of `Ref` and ``bytes``. It is never changed once it has been checked or read: documents
share their unchanged parts.
"""

from __future__ import annotations

import json
import marshal
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeAlias

from pydantic_core import from_json, to_json

from ..errors import InvalidValueError
from .refs import Ref
from .views import Grown, ListView, ObjectView

JSON: TypeAlias = "bool | int | float | str | bytes | Ref | list[JSON] | dict[str, JSON] | None"

MAX_DEPTH: Final = 200
"""How deep a user's value may be nested; a flat list has depth 1."""

MAX_STORED_DEPTH: Final = 500
"""How deep stored text may be nested: a value, the patches around it and the commit around those stay below it."""

_MAX_INT: Final = 10**640
# No interpreter can be told to convert fewer digits than 640, so a smaller integer is readable everywhere.

_STRANGE: Final[JSON] = ["what has to be looked at more closely"]
_SLICE: Final = 16  # items: few calls, and few bytes at once
_LONG: Final = 64  # items
_SHOWN: Final = 40  # characters of a key in an error message
_STEPS: Final = 12  # steps on the way to a place in an error message
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE: Final = re.compile(  # a pair of surrogates, a lone one (group 1), any other escape
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F]|[\ud800-\udfff])|\\."
)

_encode: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
).encode


def dumps(value: JSON) -> str:
    """Write a value: compact, not sorted, not escaped to ASCII.

    Raises:
        TypeError: There is a `Ref` or ``bytes`` in it.
        ValueError: There is a NaN or an infinity in it.
    """
    return _encode(value)


def loads(data: bytes | str) -> JSON:
    """Read one JSON text, strictly.

    Raises:
        ValueError: It is not UTF-8 or not JSON, begins with a byte order mark, has a key twice in one object, a NaN, an
            infinity, a number out of range or a lone surrogate, or is nested deeper than `MAX_STORED_DEPTH`. Neither
            the message nor an exception behind it carries the contents.
    """
    if isinstance(data, bytes) and (found := _own(data)) is not _STRANGE:
        return found
    # The library's exceptions hold the whole text, so ours is raised where they are gone from the context.
    problem = ""
    value: JSON = None
    try:
        text = data.decode() if isinstance(data, bytes) else data
        value = _decode(text)
        if _SURROGATE_ESCAPE.search(text) or not (isinstance(data, bytes) or text.isascii()):
            _encode(value).encode()
    except json.JSONDecodeError as error:
        problem = f"not JSON: {error.msg} at character {error.pos}"
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 at byte {error.start}"
    except UnicodeEncodeError:
        problem = _where_surrogate(text)
    except RecursionError:
        problem = "nested too deep"
    except _RefusedError as error:
        problem = str(error)
    except ValueError:  # int() past the interpreter's limit of digits
        problem = "an integer has too many digits"
    if problem:
        raise ValueError(problem)
    if _is_deeper(value, MAX_STORED_DEPTH):
        raise ValueError(f"nested deeper than {MAX_STORED_DEPTH}")
    return value


def _own(data: bytes) -> JSON:
    """Read what is written as we write it, which nearly all is, or say that it is `_STRANGE`.

    What gives back its very bytes when it is written again has no key twice, no escape that need not be and nothing
    that is not JSON, and this reader takes no more than 200 levels. Short texts that are the same are held once.
    """
    try:
        value: JSON = from_json(data, allow_inf_nan=False, cache_strings="all")
        return value if to_json(value, inf_nan_mode="constants") == data else _STRANGE
    except ValueError:
        return _STRANGE


class _RefusedError(ValueError):
    """JSON that the library would accept."""


def _object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RefusedError("an object has a key twice")
    return found


def _constant(_: str) -> NoReturn:
    raise _RefusedError("NaN and infinities are not JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _RefusedError("a number is out of range")
    return value


_decode: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float).decode


def _where_surrogate(text: str) -> str:
    position = next(found.start() for found in _ESCAPE.finditer(text) if found[1])
    return f"a lone surrogate at character {position}"


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        if not level:
            return False
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]
    return bool(level)


def check(value: object, *, what: str = "value", binary: bool = False, room: int = MAX_DEPTH) -> JSON:
    """Copy a user's value deeply into plain JSON, or say what is wrong with it.

    Tuples become lists, and instances of subclasses (an ``OrderedDict``, a ``StrEnum``) plain ones. Key order is kept.

    Args:
        value: What the user handed over.
        what: Its name in the error message.
        binary: Whether ``bytes``, `Ref` and views may stand in it; what a view shows is taken as it is, not copied.
        room: How deep the value may be nested.

    Raises:
        InvalidValueError: It is not JSON, or too deep. The message names the place, never a value.
    """
    try:
        copiers = _BINARY if binary else _COPIERS
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


def _copy_view(view: ObjectView | ListView, depth: int, _copiers: _Copiers) -> JSON:
    if depth < view.room and _is_deeper(view.value, depth):  # it moves to where less may stand below
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
        bytes: _copy_constant,
        Ref: _copy_constant,
        ObjectView: _copy_view,
        ListView: _copy_view,
        Grown: _copy_grown,
    }
)

# What makes a plain value of an instance of a subclass, whatever that overrides.
_PLAIN: Final[Mapping[type, Callable[[Any], Any]]] = MappingProxyType(
    {str: str.__str__, int: int.__int__, float: float.__float__, dict: dict, list: list, tuple: tuple}
)


def same(a: JSON, b: JSON) -> bool:
    """Tell whether two values are the same JSON, exactly.

    ``1``, ``1.0`` and ``True`` differ, so do ``0.0`` and ``-0.0``, and so do two orders of keys. A `Ref` is the same as
    what it names.
    """
    if a is b:
        return True
    if isinstance(a, dict | list) and isinstance(b, dict | list) and len(a) != len(b):
        return False
    try:
        return exact_bytes(a) == exact_bytes(b)
    except ValueError:
        return _same_walk(a, b)


def exact_bytes(value: Any) -> bytes:
    """Give bytes that two values share exactly when they are the same, at the speed of C.

    They live in this process only and are never stored.

    Raises:
        ValueError: There is a `Ref` in it.
    """
    # Version 2 writes types, the bits of floats and the order of keys, and, unlike later ones, not what happens to be
    # interned or referred to twice.
    return marshal.dumps(value, 2)


def is_long(value: Mapping[str, JSON]) -> bool:
    """Say whether a long list stands in an object: what is done at the speed of C is done to its items then."""
    for member in value.values():
        if isinstance(member, list):
            if len(member) > _LONG:
                return True
        elif isinstance(member, dict) and is_long(member):
            return True
    return False


def without_refs(items: list[JSON]) -> Iterator[tuple[list[JSON], bool]]:
    """Cut a list into slices, and say of each whether no `Ref` is in it, so that nobody has to walk through it."""
    for start in range(0, len(items), _SLICE):
        part = items[start : start + _SLICE]
        yield part, _is_free(part)


def _is_free(part: list[JSON]) -> bool:
    if any(isinstance(item, dict) and is_long(item) for item in part):  # too much of it at once; its items tell
        return False
    try:
        exact_bytes(part)
    except ValueError:
        return False
    return True


def _same_walk(a: JSON, b: JSON) -> bool:
    if a is b:
        return True
    if isinstance(a, Ref):
        return isinstance(b, Ref | str | bytes) and a.matches(b)
    if isinstance(b, Ref):
        return isinstance(a, str | bytes) and b.matches(a)
    if type(a) is not type(b):
        return False
    if isinstance(a, dict) and isinstance(b, dict):
        if len(a) != len(b):
            return False
        for (key, member), (other_key, other) in zip(a.items(), b.items(), strict=True):
            if key != other_key or not _same_walk(member, other):
                return False
        return True
    if isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            return False
        for item, other in zip(a, b, strict=True):  # noqa: SIM110 - a generator is another frame per level
            if not _same_walk(item, other):
                return False
        return True
    return exact_bytes(a) == exact_bytes(b)
