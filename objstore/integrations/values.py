"""What frameworks hand over, as JSON: a value that it has no form for is written in another one and marked.

A mark says where the value stands and what it is: ``[["parts", 0, "content"], "bytes"]``. What is too big to be read
with everything else is left out, to be stored as a part of its own under the digest of its contents.
"""

from __future__ import annotations

import base64
import hashlib
import math
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from pydantic_core import PydanticSerializationError, to_jsonable_python

from ..errors import InvalidValueError
from ..lock import Lock

LARGE = "large:"
"""How the names of parts begin that hold one large value each."""

LARGE_BYTES: Final = 64 * 1024
LARGE_TEXT: Final = 256 * 1024
"""No more than a store keeps inside of a document: what is larger a view would not show."""

T = TypeVar("T")

Large = dict[str, "str | bytes"]
"""Large values by the names of their parts."""


def take(value: object, what: str, large: Large | None = None) -> dict[str, Any]:
    """Take a value down as ``{"value": JSON, "marks": [...]}``; where there are no marks, without them.

    Args:
        value: JSON with ``bytes`` in it, and with whatever else pydantic has a form in JSON for. It is not changed.
        what: Names the value in the error.
        large: Takes up what is to be stored as parts. Without it everything stays where it is.

    Raises:
        InvalidValueError: There is something in it that has no form in JSON.
    """
    marks: list[Any] = []
    try:
        taken = {"value": _taken(value, (), marks, large)}
    except PydanticSerializationError as error:
        raise InvalidValueError(f"{what} cannot be stored: {error}") from None
    except RecursionError:
        raise InvalidValueError(f"{what} cannot be stored: it is nested too deeply") from None
    return {**taken, "marks": marks} if marks else taken


def _taken(value: Any, path: tuple[str | int, ...], marks: list[Any], large: Large | None) -> Any:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return _taken_text(value, path, marks, large)
    if isinstance(value, bytes | bytearray | memoryview):
        return _taken_bytes(bytes(value), path, marks, large)
    if isinstance(value, float):
        return value if math.isfinite(value) else _marked("float", str(value), path, marks)
    if isinstance(value, Mapping):
        members = ((key if isinstance(key, str) else _key(key), member) for key, member in value.items())
        taken = {key: _taken(member, (*path, key), marks, large) for key, member in members}
        if len(taken) < len(value):
            where = ".".join(map(str, path)) or "it"
            raise PydanticSerializationError(f"{where} has two keys that are one in JSON, such as 1 and '1'")
        return taken
    if isinstance(value, list | tuple):
        return [_taken(item, (*path, place), marks, large) for place, item in enumerate(value)]
    return _taken(to_jsonable_python(value, bytes_mode="base64"), path, marks, large)


def _taken_text(value: str, path: tuple[str | int, ...], marks: list[Any], large: Large | None) -> str:
    if len(value) <= LARGE_TEXT // 4 and value.isascii():  # most texts, without a copy
        return value
    try:
        data = value.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates, as a stream that was cut off leaves it
        encoded = base64.b64encode(value.encode(errors="surrogatepass")).decode()
        return _marked("text", encoded, path, marks)
    return value if large is None or len(data) <= LARGE_TEXT else _put_aside(value, data, path, marks, large)


def _taken_bytes(value: bytes, path: tuple[str | int, ...], marks: list[Any], large: Large | None) -> str:
    if large is not None and len(value) > LARGE_BYTES:
        return _put_aside(value, value, path, marks, large)
    return _marked("bytes", base64.b64encode(value).decode(), path, marks)


def _put_aside(value: str | bytes, data: bytes, path: tuple[str | int, ...], marks: list[Any], large: Large) -> str:
    name = f"{LARGE}{'text' if isinstance(value, str) else 'bytes'}:{hashlib.sha256(data).hexdigest()}"
    large[name] = value
    return _marked("large", name, path, marks)


def _marked(kind: str, written: str, path: tuple[str | int, ...], marks: list[Any]) -> str:
    marks.append([list(path), kind])
    return written


def _key(key: object) -> str:
    ((name, _),) = to_jsonable_python({key: None}, bytes_mode="base64").items()
    return str(name)


def plain(seen: Any) -> Any:
    """Copy what a view shows into JSON of one's own."""
    if isinstance(seen, Mapping):
        return {key: plain(member) for key, member in seen.items()}
    return [plain(item) for item in seen] if isinstance(seen, Sequence) and not isinstance(seen, str | bytes) else seen


def names_in(taken: Iterable[Mapping[str, Any]]) -> list[str]:
    """Name the parts that hold the large values of what was taken down, each once.

    Raises:
        ValueError: What stands in the place of a name is none.
    """
    found = [_at(one["value"], path) for one in taken for path, kind in one.get("marks", ()) if kind == "large"]
    if not all(isinstance(name, str) and name.startswith(LARGE) for name in found):
        raise ValueError("no name of a part")
    return list(dict.fromkeys(found))


def give(taken: Mapping[str, Any], large: Mapping[str, Any]) -> Any:
    """Give a value back that was taken down.

    What carries no mark is shared with ``taken``, which is not changed.

    Raises:
        KeyError: ``large`` lacks one of its large values.
    """
    forms: dict[str, Callable[[str], Any]] = {
        "bytes": base64.b64decode,
        "text": lambda written: base64.b64decode(written).decode(errors="surrogatepass"),
        "float": float,
        "large": large.__getitem__,
    }
    value = taken["value"]
    for path, kind in taken.get("marks", ()):
        value = _replaced(value, path, forms[kind])
    return value


def _at(value: Any, path: list[str | int]) -> Any:
    for step in path:
        value = value[step]
    return value


def _replaced(value: Any, path: list[str | int], form: Callable[[str], Any]) -> Any:
    if not path:
        return form(value)
    copy = value.copy()
    copy[path[0]] = _replaced(value[path[0]], path[1:], form)
    return copy


class Recent(Generic[T]):
    """What was seen last, by keys, up to a size. Safe between threads."""

    def __init__(self, size: int, weigh: Callable[[T], int]) -> None:
        self._size = size
        self._weigh = weigh
        self._used = 0
        self._values: OrderedDict[str, T] = OrderedDict()
        self._lock = Lock()
        self._pid = os.getpid()

    def _locked(self) -> Lock:
        if self._pid != os.getpid():  # a thread of the parent may have held the lock, and nobody here will let it go
            self._lock, self._pid = Lock(), os.getpid()
        return self._lock

    def get(self, key: str) -> T | None:
        """Give a value that is remembered."""
        with self._locked():
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: str, value: T) -> None:
        """Remember a value, and forget what was not asked for the longest while that is too much."""
        with self._locked():
            self._drop(key)
            self._values[key] = value
            self._used += self._weigh(value)
            while self._used > self._size and self._values:
                self._drop(next(iter(self._values)))

    def forget(self, key: str) -> None:
        """Forget a value."""
        with self._locked():
            self._drop(key)

    def values(self) -> list[T]:
        """Give all that is remembered, the latest last."""
        with self._locked():
            return [*self._values.values()]

    def _drop(self, key: str) -> None:
        if key in self._values:
            self._used -= self._weigh(self._values.pop(key))
