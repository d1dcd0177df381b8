"""What callers give, checked: how a place is opened, what is to be kept, which ids are meant, a key."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from fsspec import AbstractFileSystem

from .._care.retention import ChooseFloor, retention
from .._format import checking
from ..backends import AsyncBackend, Backend
from ..backends._target import named, whole
from ..errors import InvalidValueError
from ..models._base import Model
from .observing import Observer

T = TypeVar("T")

LayoutName = Literal["log", "tree"]

_KEY_BYTES: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a place is opened; see `objstore.open`. Holds secrets, so only what is harmless is shown."""

    target: str | os.PathLike[str] | AbstractFileSystem | Backend | AsyncBackend = field(repr=False)
    path: str | None = field(default=None, repr=False)
    layout: LayoutName | None = None
    storage_options: Mapping[str, Any] | None = field(default=None, repr=False)
    single_writer: bool = False
    durability: Literal["full", "none"] = "full"
    timeout: float = 30.0
    retries: int = 4
    concurrency: int = 32
    cache_bytes: int = 64 * 1024 * 1024
    client: Literal["fsspec", "obstore"] = "fsspec"
    observer: Observer | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | None):
            raise ValueError(f"path must be a str, not {named(self.path)}")
        if self.layout is not None:
            _word("layout", self.layout, "log", "tree")
        _word("durability", self.durability, "full", "none")
        whole("cache_bytes", self.cache_bytes, 0)
        if not isinstance(self.single_writer, bool):  # a "false" out of a configuration would be taken for true
            raise ValueError(f"single_writer must be True or False, not {named(self.single_writer)}")
        if not isinstance(self.storage_options, Mapping | None):
            raise ValueError(f"storage_options must be a mapping of names to values, not {named(self.storage_options)}")
        if self.observer is not None and not callable(self.observer):
            raise ValueError(f"observer must be something to call, not {named(self.observer)}")


def _word(name: str, value: object, *words: str) -> None:
    if value not in words:
        shown = repr(value) if isinstance(value, str) else named(value)
        raise ValueError(f"{name} must be {' or '.join(map(repr, words))}, not {shown}")


def keeping(
    last: int | None, newer_than: datetime.datetime | datetime.timedelta | None, snapshots: int | None
) -> ChooseFloor:
    """Make the choice of what a prune keeps out of what was asked for.

    Raises:
        ValueError: Nothing was said, or something that cannot be meant.
    """
    if last is None and newer_than is None and snapshots is None:
        raise ValueError("say what to keep: keep_last=, keep_newer_than=, keep_snapshots= or several of them")
    for name, number in (("keep_last", last), ("keep_snapshots", snapshots)):
        if number is not None:
            whole(name, number, 1, "; to keep nothing, delete the session")
    if isinstance(newer_than, datetime.timedelta):
        newer_than = _ago(newer_than)
    elif newer_than is not None:
        aware("keep_newer_than", newer_than, " or a timedelta")
        if newer_than > datetime.datetime.now(datetime.UTC):
            raise InvalidValueError(
                "keep_newer_than must not be a time to come: that would keep nothing but the newest state"
            )
    return retention(last, newer_than, snapshots)


def _ago(age: datetime.timedelta) -> datetime.datetime:
    if age < datetime.timedelta():
        raise ValueError("keep_newer_than must not be a negative age: that would keep nothing but the newest state")
    try:
        return datetime.datetime.now(datetime.UTC) - age
    except OverflowError:
        raise ValueError("keep_newer_than reaches back before the calendar begins") from None


def aware(name: str, time: datetime.datetime, otherwise: str = "") -> None:
    """Make sure that a time says where on earth it is meant.

    Raises:
        ValueError: It does not, or is no time.
    """
    if not isinstance(time, datetime.datetime):
        raise ValueError(f"{name} must be an aware time{otherwise}, not {named(time)}")
    if time.utcoffset() is None:
        raise ValueError(f"{name} must be an aware time{otherwise}; this one does not say of which zone it is")


def text(name: str, value: str) -> str:
    """Give back what is a text.

    Raises:
        InvalidValueError: It is none.
    """
    if not isinstance(value, str):
        raise InvalidValueError(f"{name} must be a str, not {type(value).__name__}")
    return value


def flag(name: str, value: bool) -> bool:  # noqa: FBT001 - it is what is looked at
    """Give back what says yes or no; a "false" out of a configuration would be taken for yes, and ``None`` for no.

    Raises:
        InvalidValueError: It says neither.
    """
    if not isinstance(value, bool):
        raise InvalidValueError(f"{name} must be True or False, not {type(value).__name__}")
    return value


def check_key(key: str | None) -> None:
    """Make sure that an idempotency key, if there is one, is a text of a size that each commit can carry.

    Raises:
        InvalidValueError: It is not.
    """
    if key is None:
        return
    if not isinstance(key, str):
        raise InvalidValueError(f"an idempotency key is a str, not {type(key).__name__}")
    checking.check(key, what="the idempotency key")
    if not 0 < len(key.encode()) <= _KEY_BYTES:
        raise InvalidValueError(f"an idempotency key has 1 to {_KEY_BYTES} bytes, this one has {len(key.encode())}")


def listed(name: str, values: Iterable[T]) -> list[T]:
    """Take down what a call saves as a list, or adds to one.

    Raises:
        InvalidValueError: It is one thing, which would be taken for what is in it: letters, keys or fields.
    """
    if not isinstance(values, list | tuple) and (
        isinstance(values, str | bytes | Mapping | Model) or not isinstance(values, Iterable)
    ):
        raise InvalidValueError(f"{name} must be a list, not {type(values).__name__}; give one as [it]")
    return [*values]


def several(names: Iterable[str] | None, what: str = "ids") -> list[str] | None:
    """Take down the ids or parts that a call is about, ``None`` for all.

    Raises:
        TypeError: It is one of them, which would be taken for one per letter, or no list at all.
    """
    return None if names is None else [*no_text(names, what)]


def no_text(names: Iterable[str], what: str = "ids") -> Iterable[str]:
    """Give ids back, unless it is one, which would be taken for one per letter.

    Raises:
        TypeError: It is, or it is no list at all.
    """
    if isinstance(names, str):
        raise TypeError(f"give the {what} as a list: [{names!r}]")
    given: object = names
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        raise TypeError(f"{what} must be a list, not {type(given).__name__}")
    return names
