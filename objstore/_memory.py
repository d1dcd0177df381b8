"""What a store remembers of its sessions, and what it hands out of them."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import _keys
from ._base import Base
from ._json import JSON
from ._refs import Ref
from .models import Revision


@dataclass(frozen=True, slots=True)
class Sight:
    """What the holder of a revision knows: a commit, and parts that it holds otherwise than they stand there.

    Attributes:
        store: Which store the commit is of: where that lies, and its marker, which hardly another one shares.
    """

    base: Base
    known: Mapping[str, JSON]
    store: tuple[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Parts of a session as they were read, with the revision that vouches for them and the key of its commit."""

    key: str
    parts: dict[str, JSON]
    revision: Revision
    base: Base | None = None

    def place(self, ref: Ref) -> tuple[str, int]:
        """Give the key and the raw size of an object that stands in the parts as a reference."""
        assert self.base is not None  # a tree has no references
        epoch, size = self.base.objects[ref.name]
        return _keys.object_key(self.base.key, epoch, ref.name), size


class Memory:
    """The sessions that were seen last, up to a number of bytes. Safe between threads, and empty after a fork."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._begin()

    def _begin(self) -> None:
        self._used = 0
        self._bases: OrderedDict[str, tuple[Base, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def _locked(self) -> threading.Lock:
        if self._pid != os.getpid():  # a thread of the parent may have held the lock, and nobody here will let it go
            self._begin()
        return self._lock

    def get(self, id: str) -> Base | None:
        """Give what is remembered of a session."""
        with self._locked():
            if id not in self._bases:
                return None
            self._bases.move_to_end(id)
            return self._bases[id][0]

    def put(self, base: Base) -> None:
        """Remember a head, unless a newer one of the same session is remembered."""
        with self._locked():
            if base.id in self._bases and self._bases[base.id][0].seq > base.seq:
                return
            self._drop(base.id)
            self._bases[base.id] = (base, base.footprint)
            self._used += base.footprint
            while self._used > self._size and self._bases:
                self._drop(next(iter(self._bases)))

    def forget(self, id: str) -> None:
        """Forget a session."""
        with self._locked():
            self._drop(id)

    def _drop(self, id: str) -> None:
        self._used -= self._bases.pop(id, (None, 0))[1]


def described(ref: Ref) -> JSON:
    """Say of contents that were not read what they are."""
    return {"digest": ref.digest, "size": ref.size}


def plain(
    value: JSON, unread: Callable[[Ref], JSON] = lambda ref: ref, contents: Mapping[str, str | bytes] | None = None
) -> JSON:
    """Put contents in the place of references, and what ``unread`` gives where they were not read.

    Everything else is shared.
    """
    if isinstance(value, Ref):
        found = (contents or {}).get(value.name) if value.value is None else value.value
        return unread(value) if found is None else found
    if isinstance(value, list):
        items = [plain(item, unread, contents) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if isinstance(value, dict):
        members = {key: plain(member, unread, contents) for key, member in value.items()}
        return members if any(members[key] is not value[key] for key in value) else value
    return value
