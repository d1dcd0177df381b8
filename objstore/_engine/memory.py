"""What a store remembers of its sessions."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from sys import getsizeof

from .._format.refs import Ref
from .._log.base import Base
from ..lock import Lock


class Memory:
    """The sessions that were seen last, up to a number of bytes. Safe between threads, and empty after a fork.

    The very last one is kept whatever its size, else a session that is larger would be read for each append; with a
    size of 0 none is. What was read of big values that lie apart from them is kept in the room that the sessions leave.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._begin()

    def _begin(self) -> None:
        self._clear()
        self._lock = Lock()
        self._pid = os.getpid()

    def _clear(self) -> None:
        self._used = 0
        self._bases: OrderedDict[str, tuple[Base, int]] = OrderedDict()
        self._contents: OrderedDict[Ref, str | bytes] = OrderedDict()

    def _locked(self) -> Lock:
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
        self._change(self._put, base)

    def forget(self, id: str) -> None:
        """Forget a session."""
        self._change(self._drop, id)

    def contents(self, ref: Ref) -> str | bytes | None:
        """Give what a reference names, if it is remembered."""
        with self._locked():
            if ref not in self._contents:
                return None
            self._contents.move_to_end(ref)
            return self._contents[ref]

    def keep(self, ref: Ref, contents: str | bytes) -> None:
        """Remember what a reference names, in the room that the sessions leave."""
        self._change(self._keep, ref, contents)

    def _change(self, change: Callable[..., None], *args: object) -> None:
        with self._locked():
            try:
                change(*args)
            except BaseException:  # the handler of a signal raised in between: what is counted is not what is there
                self._clear()
                raise

    def _put(self, base: Base) -> None:
        if base.id in self._bases and self._bases[base.id][0].seq > base.seq:
            return
        self._drop(base.id)
        footprint = base.footprint  # once: another thread's save may be adding to it
        self._bases[base.id] = (base, footprint)
        self._used += footprint
        self._make_room()
        while self._used > self._size and len(self._bases) > (self._size > 0):
            self._drop(next(iter(self._bases)))

    def _keep(self, ref: Ref, contents: str | bytes) -> None:
        if ref not in self._contents:
            self._contents[ref] = contents
            self._used += getsizeof(contents)
            self._make_room()

    def _make_room(self) -> None:
        while self._used > self._size and self._contents:
            _, contents = self._contents.popitem(last=False)
            self._used -= getsizeof(contents)

    def _drop(self, id: str) -> None:
        self._used -= self._bases.pop(id, (None, 0))[1]
