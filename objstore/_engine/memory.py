"""What a store remembers of its sessions."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict

from .._log.base import Base


class Memory:
    """The sessions that were seen last, up to a number of bytes. Safe between threads, and empty after a fork.

    The very last one is kept whatever its size, else a session that is larger would be read for each append; with a
    size of 0 none is.
    """

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
            footprint = base.footprint  # once: another thread's save may be adding to it
            self._bases[base.id] = (base, footprint)
            self._used += footprint
            while self._used > self._size and len(self._bases) > (self._size > 0):
                self._drop(next(iter(self._bases)))

    def forget(self, id: str) -> None:
        """Forget a session."""
        with self._locked():
            self._drop(id)

    def _drop(self, id: str) -> None:
        self._used -= self._bases.pop(id, (None, 0))[1]
