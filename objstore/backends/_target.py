"""Where a backend is and how to reach it: plain values that pickle, and print without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import TIMEOUT_MAX
from typing import Any

from .base import Location

_USER_IN_URL = re.compile(r"//[^/@\s]+@")
_HARMLESS = re.compile(
    r"url|host|region|profile|project|account_name|bucket|endpoint|path|style|version", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient a backend is.

    Attributes:
        timeout: Seconds without a byte from the storage after which a request counts as lost.
        retries: How often a request is sent again, at most.
        concurrency: How many connections are held open, at most.
    """

    timeout: float = 30.0
    retries: int = 4
    concurrency: int = 32

    def __post_init__(self) -> None:
        _seconds("timeout", self.timeout)
        whole("retries", self.retries, 0)
        whole("concurrency", self.concurrency, 1)


def _seconds(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= TIMEOUT_MAX:
        raise ValueError(f"{name} must be seconds, more than 0 and no more than a thread can wait, not {named(value)}")


def whole(name: str, value: object, least: int, otherwise: str = "") -> int:
    """Give back what is a whole number, and not less than another.

    Raises:
        ValueError: It is none, or it is less.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more, not {named(value)}{otherwise}")
    return value


def named(value: object) -> str:
    """Say what stands where it does not belong: a number itself, of all else the type, since it may hold a secret."""
    return repr(value) if isinstance(value, int | float) else type(value).__name__


@dataclass(frozen=True, slots=True)
class Target:
    """A filesystem that fsspec can make, and a path in it.

    Attributes:
        protocol: What fsspec calls the filesystem.
        path: The prefix of the store, without the protocol and without credentials.
        options: What the filesystem is made with; may hold secrets.
        args: The same, by position.
        filesystem: The class, where the user handed over an instance.
    """

    protocol: str
    path: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    args: tuple[Any, ...] = field(default=(), repr=False)
    filesystem: type[Any] | None = field(default=None, repr=False)

    @property
    def location(self) -> Location:
        """Where it is: other options may lead to another storage, such as another endpoint."""
        return Location((self.protocol, self.options, self.args), self.path)

    def make(self, default: type[Any], options: Mapping[str, Any]) -> Any:
        """Make the filesystem, uncached: fsspec's caches answer with what was true a while ago.

        Args:
            default: The class to use where the user named none.
            options: What to add to the user's own options, or to put in their place.
        """
        made = (self.filesystem or default)(*self.args, **{**self.options, **options, "skip_instance_cache": True})
        made.dircache.use_listings_cache = False  # not as an option: some hand theirs on to what does not know it
        return made

    def scrub(self, text: str) -> str:
        """Take what may be secret out of a text: values of options, and user and password of a URL."""
        for secret in _secrets(self.options):
            text = text.replace(secret, "***")
        return _USER_IN_URL.sub("//***@", text)


def _secrets(options: Mapping[str, Any]) -> list[str]:
    """List the longer texts among the values of options, but for those that only say where."""
    found: list[str] = []
    for name, value in options.items():
        if isinstance(value, Mapping):
            found += _secrets(value)
        elif isinstance(value, str) and len(value) > 3 and not _HARMLESS.search(str(name)):
            found.append(value)
    return sorted(found, key=len, reverse=True)
