"""JSON as objstore stores it: read strictly, written compactly, compared exactly.

A document in memory is made of plain ``None``, ``bool``, ``int``, ``float``, ``str``, ``list`` and ``dict``, and where
big values are stored apart of `Ref` and ``memoryview``, which stands for bytes: the writer of JSON would make a text of
these, and refuses both of those. It is never changed once it has been checked or read: documents share their unchanged
parts.
"""

from __future__ import annotations

import json
import marshal
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn, TypeAlias

from pydantic_core import from_json, to_json

from .refs import Ref

JSON: TypeAlias = "bool | int | float | str | memoryview | Ref | list[JSON] | dict[str, JSON] | None"

MAX_STORED_DEPTH: Final = 500
"""How deep stored text may be nested: a value, the patches around it and the commit around those stay below it."""

_FRAMES: Final = 600  # that a reader goes down for what is nested so deep; it takes two a level, one in a patch
_STRANGE: Final[JSON] = ["what has to be looked at more closely"]
_SLICE: Final = 16  # items: few calls, and few bytes at once
_LONG: Final = 64  # items
_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE: Final = re.compile(  # a pair of surrogates, a lone one (group 1), any other escape
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F]|[\ud800-\udfff])|\\."
)

_encode: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
).encode


def dumps(value: JSON) -> str:
    """Write a value: compact, not sorted, not escaped to ASCII.

    A NaN, which neither `checking` nor `loads` lets through, would be ``null``: what is stored stays readable.

    Raises:
        TypeError: There is a `Ref` or a ``memoryview`` in it.
    """
    try:
        return to_json(value, inf_nan_mode="null").decode()
    except ValueError:  # what is no JSON, or nested deeper than this writer goes: the slow one tells them apart
        return _encode(value)


def loads(data: bytes | str) -> JSON:
    """Read one JSON text, strictly.

    Raises:
        ValueError: It is not UTF-8 or not JSON, begins with a byte order mark, has a key twice in one object, a NaN, an
            infinity, a number out of range or a lone surrogate, or is nested deeper than `MAX_STORED_DEPTH`. Neither
            the message nor an exception behind it carries the contents.
        RecursionError: The stack of the caller leaves no room; see `is_cramped`.
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
        if is_cramped():
            raise
        problem = "nested too deep"
    except _RefusedError as error:
        problem = str(error)
    except ValueError:  # int() past the interpreter's limit of digits
        problem = "an integer has too many digits"
    if problem:
        raise ValueError(problem)
    if is_deeper(value, MAX_STORED_DEPTH):
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


def is_deeper(value: Any, limit: int) -> bool:
    """Say whether a value is nested deeper than ``limit``."""
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


def is_cramped() -> bool:
    """Say whether a ``RecursionError`` is for the stack of the caller, which would leave no room for what is sound."""

    def down(frames: int) -> None:
        if frames:
            down(frames - 1)

    try:
        down(_FRAMES)
    except RecursionError:
        return True
    return False


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


def refs_in(value: JSON) -> Iterator[Ref]:
    """Give the references that stand in a value, in no promised order."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Ref):
            yield item
        elif isinstance(item, list):
            stack.extend(inner for part, free in without_refs(item) if not free for inner in part)
        elif isinstance(item, dict):
            stack.extend(item.values())


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
        return isinstance(b, Ref | str | memoryview) and a.matches(b)
    if isinstance(b, Ref):
        return isinstance(a, str | memoryview) and b.matches(a)
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
