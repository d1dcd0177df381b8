"""One after the other: what tasks of a process ask of one session, in the order in which they asked."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary


class Turns:
    """Gives each session the lock that its writers wait for; processes and event loops do not wait for each other.

    Without it the writers of a process would race each other for every commit, and land in any order.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[asyncio.AbstractEventLoop, str], asyncio.Lock] = WeakValueDictionary()

    def of(self, id: str) -> asyncio.Lock:
        """Give the lock of a session, which lets in who came first."""
        key = (asyncio.get_running_loop(), id)
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks.setdefault(key, asyncio.Lock())
        return lock
