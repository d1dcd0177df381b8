"""The seed's files, byte for byte: what serde_json writes for its types, and what it reads.

Bytes of a file become a part, and a part becomes the same bytes again:

    decode -> model -> to_document -> JSON document -> from_document -> model -> encode

The keys of a free JSON value (a tool's arguments, metadata) stay in the order in which they are. The seed sorts them,
so those of its files are sorted and stay so; those of a file that was written by hand, by a later version with fields
that are not known here, or of a new value are not changed either. The seed reads them in any order.
"""

from __future__ import annotations

import json
import math
import re
import sys
from json.encoder import encode_basestring
from typing import Any, Final, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from .._format.canonical import is_cramped
from ..errors import InvalidValueError
from ..models._base import Repeated, Single
from ..models._documents import describe, from_document, to_document
from ..models._numbers import f32_text, f64_text

T = TypeVar("T")

MAX_DEPTH: Final = 127
"""How deep the seed reads: 122 levels are left for the arguments of a tool."""

_MAX_INT: Final = int(sys.float_info.max)  # the seed reads what fits no 64 bits as a double
_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class WireError(ValueError):
    """Bytes that the seed would not read; the message says where, and shows no contents."""


def decode(part: TypeAdapter[T], data: bytes) -> T:
    """Read a file of the seed, as strictly as it does.

    Args:
        part: Which file: an adapter of `objstore.models._documents`.
        data: All of its bytes.

    Raises:
        WireError: It is not UTF-8 or not JSON, begins with a byte order mark, is empty, goes on behind the end, is
            nested too deep, names a field twice, or is not such a part. The message names the place, and neither it
            nor an exception behind it carries contents.
        RecursionError: The stack of the caller leaves no room; see `is_cramped`.
    """
    # The exceptions caught below hold the input, so ours is raised where they are no longer its context.
    try:
        return from_document(part, _parse(data))
    except json.JSONDecodeError as error:
        problem = f"not JSON: {error.msg} at line {error.lineno} column {error.colno}"
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 at byte {error.start}"
    except UnicodeEncodeError:
        problem = "a lone surrogate in a string"
    except ValidationError as error:
        problem = describe(error)
    except RecursionError:
        if is_cramped():
            raise
        problem = f"nested more than {MAX_DEPTH} deep"
    except ValueError as error:  # ours, and int() past the interpreter's limit of digits
        problem = str(error)
    raise WireError(problem)


def encode(part: TypeAdapter[T], value: T) -> bytes:
    """Write a file of the seed: pretty JSON, keys in the order of declaration, numbers as Rust prints them.

    Args:
        part: Which file: an adapter of `objstore.models._documents`.
        value: What to write.

    Raises:
        InvalidValueError: The seed could not read it back: a NaN, a lone surrogate, a foreign type, nested too deep.
            The message carries no contents.
    """
    chunks: list[str] = []
    _write(to_document(part, value, wire=True), "\n", chunks)
    try:
        return "".join(chunks).encode()
    except UnicodeEncodeError:
        problem = "a string holds a lone surrogate"
    raise InvalidValueError(problem)


def _parse(data: bytes) -> Any:
    document = json.loads(data.decode(), object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
    if _SURROGATE_ESCAPE.search(data):
        json.dumps(document, ensure_ascii=False, default=lambda repeated: repeated.last).encode()
    _check_depth(document)
    return document


def _object(pairs: list[tuple[str, Any]]) -> Any:
    members = dict(pairs)
    return members if len(members) == len(pairs) else Repeated(members)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number is out of range")
    return value


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for container in level
            for item in _items(container)
            if type(item) is dict or type(item) is list or type(item) is Repeated
        ]
        if not level:
            return
    raise ValueError(f"nested more than {MAX_DEPTH} deep")


def _items(container: Any) -> Any:
    if type(container) is dict:
        return container.values()
    if type(container) is Repeated:
        return container.last.values()
    return container if type(container) is list else ()


def _write(value: Any, newline: str, chunks: list[str]) -> None:
    kind = type(value)
    if kind is str:
        chunks.append(encode_basestring(value))
    elif kind is dict:
        _write_object(value, newline, chunks)
    elif kind is list:
        _write_array(value, newline, chunks)
    elif value is None:
        chunks.append("null")
    elif kind is bool:
        chunks.append("true" if value else "false")
    elif kind is int:
        chunks.append(_int_text(value))
    elif kind is float or kind is Single:
        if not math.isfinite(value):
            raise InvalidValueError("NaN and infinity are not JSON")
        chunks.append(f64_text(value) if kind is float else f32_text(value))
    else:
        raise InvalidValueError(f"{kind.__name__} is not a type of JSON")


def _int_text(value: int) -> str:
    if abs(value) > _MAX_INT:
        raise InvalidValueError("an integer is larger than any number that the seed reads")
    return int.__repr__(value)


def _write_object(value: dict[Any, Any], newline: str, chunks: list[str]) -> None:
    inner = _indent(newline)
    if not value:
        chunks.append("{}")
        return
    before = "{" + inner
    for key, item in value.items():
        if type(key) is not str:
            raise InvalidValueError(f"a key is {type(key).__name__}, not str")
        chunks.append(f"{before}{encode_basestring(key)}: ")
        _write(item, inner, chunks)
        before = "," + inner
    chunks.append(newline + "}")


def _write_array(value: list[Any], newline: str, chunks: list[str]) -> None:
    inner = _indent(newline)
    if not value:
        chunks.append("[]")
        return
    before = "[" + inner
    for item in value:
        chunks.append(before)
        _write(item, inner, chunks)
        before = "," + inner
    chunks.append(newline + "]")


def _indent(newline: str) -> str:
    inner = newline + "  "
    if len(inner) > 2 * MAX_DEPTH + 1:
        raise InvalidValueError(f"nested more than {MAX_DEPTH} deep")
    return inner
