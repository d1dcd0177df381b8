"""The connections of a `RemoteBackend`: one adapter in each process, and whose turn it is to send a request."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from itertools import starmap
from queue import SimpleQueue
from typing import Literal
from weakref import WeakKeyDictionary

from fsspec.asyn import get_loop

from ..errors import BackendError, ObjstoreError
from ._adapter import Adapter, Connect, running_loop
from ._causes import harmless
from ._target import Limits, Target

_MODULES = {"s3": "._s3", "gcs": "._gcs", "az": "._azure"}
_SCHEMES = {"s3": "s3", "gcs": "gs", "az": "az"}
_LOG = logging.getLogger("objstore")


class _Turns:
    """What belongs to one event loop: who may send a request, and who connects."""

    def __init__(self, concurrency: int) -> None:
        self.gate = asyncio.Semaphore(concurrency)
        self.lock = asyncio.Lock()


class Slots:
    """The same for threads without a loop: a turn is waited for in the thread, which has one request at a time.

    The handler of a signal may raise between any two steps of Python. So a turn is taken and noted in one call in C,
    and one that was never given back is the next of its thread.
    """

    def __init__(self, concurrency: int) -> None:
        self._free: SimpleQueue[None] = SimpleQueue()
        self._mine = _Mine()
        for _ in range(concurrency):
            self._free.put(None)

    async def __aenter__(self) -> None:
        if not self._mine.turns:
            self._mine.turns.extend(starmap(self._free.get, [()]))

    async def __aexit__(self, *_: object) -> None:
        self._free.put(None)
        self._mine.turns.clear()


class _Mine(threading.local):
    def __init__(self) -> None:
        self.turns: list[None] = []


@dataclass(slots=True)
class _Connection:
    """What belongs to one process: sockets and loops do not survive a fork."""

    pid: int
    slots: Slots
    turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = field(default_factory=WeakKeyDictionary)
    adapter: Adapter | None = None
    users: set[object] = field(default_factory=set)
    unused: asyncio.Event = field(default_factory=asyncio.Event)
    inherited: _Connection | None = None  # kept: to close it here would disturb the parent's event loop

    def forget_closed_loops(self) -> None:
        """Let go of loops that have ended: a gate for which somebody had to wait holds the loop that holds it."""
        for reference in self.turns.keyrefs():  # a list of now, whatever other threads add meanwhile
            loop = reference()
            if loop is not None and loop.is_closed():
                self.turns.pop(loop, None)


class Connections:
    """Connects with the first request, and anew after a fork. The arguments are those of `RemoteBackend`."""

    def __init__(self, name: str, target: Target, limits: Limits, client: Literal["fsspec", "obstore"]) -> None:
        self._name = name
        self._target = target
        self._limits = limits
        self._client = client
        self._connection = self._unconnected()

    @property
    def through_obstore(self) -> bool:
        """Whether obstore is used, in this process."""
        if self._client != "obstore":
            return False
        from . import _obstore

        return _obstore.works_here()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of fsspec, in its own thread."""
        loop: asyncio.AbstractEventLoop = get_loop()
        return loop

    def place(self, path: str) -> str:
        """Write a path as a URL, for people."""
        return f"{_SCHEMES[self._name]}://{path}"

    @asynccontextmanager
    async def used(self) -> AsyncIterator[tuple[Adapter, asyncio.Semaphore | Slots]]:
        """Give the adapter, and the gate behind which a request may be sent; until the end it is not closed.

        A client that is closed in the middle of a request may let that wait for ever.

        Raises:
            BackendError: It cannot be made with these options.
        """
        connection, gate = await self._connected()
        assert connection.adapter is not None
        user = object()
        connection.users.add(user)
        connection.unused.clear()
        try:
            yield connection.adapter, gate
        finally:
            connection.users.discard(user)
            if not connection.users:
                connection.unused.set()

    async def _connected(self) -> tuple[_Connection, asyncio.Semaphore | Slots]:
        if self._connection.pid != os.getpid():
            self._connection = self._unconnected(inherited=self._connection)
        connection = self._connection
        loop = running_loop()
        if loop is None:
            if connection.adapter is None:
                connection, _ = asyncio.run_coroutine_threadsafe(self._connected(), self.loop).result()
            return connection, connection.slots
        turns = connection.turns.get(loop)
        if turns is None:
            connection.forget_closed_loops()
            turns = connection.turns[loop] = _Turns(self._limits.concurrency)
        if connection.adapter is None:
            async with turns.lock:
                if connection.adapter is None:
                    connection.adapter = await self._adapter()
        return connection, turns.gate

    def close(self) -> None:
        """Close what is open when the requests under way have ended; the next one opens others.

        It waits for them as long as for an answer. What lasts longer, a big upload, goes on, and is closed after it.
        """
        connection, self._connection = self._connection, self._unconnected()
        if connection.adapter is None or connection.pid != os.getpid() or self.through_obstore:
            return  # obstore's end by themselves
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(_ended(connection), self.loop).result(self._limits.timeout)

    def _unconnected(self, inherited: _Connection | None = None) -> _Connection:
        return _Connection(os.getpid(), Slots(self._limits.concurrency), inherited=inherited)

    async def _adapter(self) -> Adapter:
        through_obstore = self.through_obstore
        if self._client == "obstore" and not through_obstore:
            _LOG.warning("obstore was used before this process was forked, and cannot be used in it: fsspec takes over")
        module = "._obstore" if through_obstore else _MODULES[self._name]
        try:
            connect: Connect = import_module(module, __package__).connect
            return await connect(self._target, self._limits)
        except ObjstoreError:
            raise
        except Exception as error:
            said = self._target.scrub(f"{type(error).__name__}: {error}")
            raise BackendError(
                f"cannot reach {self.place(self._target.path)} with these storage_options: {said}"
            ) from harmless(error, self._target)


async def _ended(connection: _Connection) -> None:
    if connection.users:
        await connection.unused.wait()
    assert connection.adapter is not None
    await connection.adapter.close()
