"""Running a protocol for real: one driver for callers that wait, one for callers that await.

Callers that wait make a request themselves where it needs no loop. The asynchronous driver does no work on the caller's
loop: protocols advance in a worker thread, requests run on the loop that owns their connections, or wait on the
caller's where none does, and only the caller's own functions are called where the caller is.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar, assert_never

from .._format.records import record
from .._log.ops import (
    Call,
    Copy,
    Create,
    Delete,
    Get,
    List,
    Moment,
    NewId,
    Now,
    Page,
    Pause,
    Protocol,
    Put,
    Read,
    StorageOp,
    Sync,
    Upload,
)
from ..backends._adapter import running_loop
from ..backends.base import AsyncBackend, Backend
from ..errors import ObjstoreError, UnavailableError, UnsupportedError
from .observing import Event, Observer, Tally, event_of

T = TypeVar("T")

_LOG = logging.getLogger("objstore")

_CREATES = (Create, Upload)
"""What is told of an unknown outcome by its result, since only who asked can find out what became of it."""


@record
class _Done:
    value: Any


@record
class _Outside:
    """Operations that have to be done on a loop, and whether they were yielded as one or as a tuple."""

    ops: tuple[Any, ...]
    single: bool


class Driver:
    """Runs protocols on one backend."""

    def __init__(self, backend: Backend | AsyncBackend, observer: Observer | None) -> None:
        self.backend = backend
        self._local = None if isinstance(backend, AsyncBackend) else backend
        self._remote = backend if isinstance(backend, AsyncBackend) else None
        self._observer = observer

    def run(self, protocol: Protocol[T], finish: Callable[[T, Tally], None] | None = None) -> T:
        """Run a protocol to its end and give what it returns; ``finish`` is told the cost."""
        tally = Tally()
        send: Callable[[], Any] = partial(next, protocol)
        while True:
            outcome = self._advance(protocol, send, tally)
            if isinstance(outcome, _Done):
                value: T = outcome.value
                if finish:
                    finish(value, tally)
                return value
            send = _answer(protocol, outcome, partial(self._outside_blocking, outcome.ops, tally))

    async def arun(self, protocol: Protocol[T], finish: Callable[[T, Tally], None] | None = None) -> T:
        """Run a protocol to its end without blocking the running loop."""
        tally = Tally()
        send: Callable[[], Any] = partial(next, protocol)
        while True:
            try:
                outcome = await asyncio.to_thread(self._advance, protocol, send, tally)
            except asyncio.CancelledError:
                tally.cancelled = True  # nothing ends a thread from outside, and it has all the rest of the call to do
                raise
            if isinstance(outcome, _Done):
                value: T = outcome.value
                if finish:
                    finish(value, tally)
                return value
            try:
                results = await self._outside(outcome.ops, tally)
            except ObjstoreError as error:
                send = _thrower(protocol, error)
            else:
                send = _sender(protocol, outcome, results)

    async def aclose(self) -> None:
        """Close the backend without blocking the running loop."""
        await asyncio.to_thread(self.backend.close)

    @property
    def listened_to(self) -> bool:
        """Whether anybody is told of events."""
        return self._observer is not None or _LOG.isEnabledFor(logging.DEBUG)

    def notify(self, event: Event) -> None:
        """Tell the log, and the observer, whose failure must not make a save of which it is told look like none."""
        _LOG.debug("%r: %r", self.backend, event)
        if self._observer:
            try:
                self._observer(event)
            except Exception as error:
                _LOG.warning("the observer failed with %s; the call goes on", type(error).__name__, exc_info=True)

    def _advance(self, protocol: Protocol[Any], send: Callable[[], Any], tally: Tally) -> _Done | _Outside:
        """Run the protocol here as far as it goes: to its end, or to operations that need a loop."""
        while True:
            try:
                yielded = send()
            except StopIteration as stop:
                return _Done(stop.value)
            if isinstance(yielded, (Now, NewId)):
                send = partial(protocol.send, _local(yielded))
                continue
            if tally.cancelled:
                raise asyncio.CancelledError
            single = not isinstance(yielded, tuple)
            outcome = _Outside((yielded,) if single else yielded, single)
            if self._remote is not None or isinstance(yielded, Call):
                return outcome
            send = _answer(protocol, outcome, partial(self._all_blocking, outcome.ops, tally))

    def _all_blocking(self, ops: tuple[Any, ...], tally: Tally) -> list[Any]:
        return [self._blocking(op, tally) for op in ops]

    def _blocking(self, op: Any, tally: Tally) -> Any:
        if isinstance(op, Pause):
            return time.sleep(op.seconds)
        assert self._local is not None
        started = time.perf_counter()
        try:
            result = dispatch(self._local, op)
        except ObjstoreError as error:
            self._observe(op, None, started, tally, error)
            if isinstance(error, UnavailableError) and isinstance(op, _CREATES):
                return error
            raise
        self._observe(op, result, started, tally, None)
        return result

    def _outside_blocking(self, ops: tuple[Any, ...], tally: Tally) -> list[Any]:
        if len(ops) == 1 and isinstance(ops[0], Call):
            return [ops[0].function(*ops[0].args)]
        assert self._remote is not None
        if running_loop() is self._remote.loop:  # an observer is called on it
            raise UnsupportedError(
                "a call that waits was made on the very event loop that its requests run on, which would wait for "
                "itself; make it in another thread"
            )
        coroutine = self._batch(self._remote, ops, tally)
        if len(ops) == 1 and not isinstance(ops[0], (Upload, Copy, Pause)) and needs_no_loop(self._remote):
            return finished(coroutine)
        future = asyncio.run_coroutine_threadsafe(coroutine, self._remote.loop)
        try:
            return future.result()
        except BaseException:  # an interrupt must not leave requests under way
            future.cancel()
            raise

    async def _outside(self, ops: tuple[Any, ...], tally: Tally) -> list[Any]:
        if len(ops) == 1 and isinstance(ops[0], Call):
            call = ops[0]
            if call.blocking:
                return [await asyncio.to_thread(call.function, *call.args)]
            value = call.function(*call.args)
            return [await value if inspect.isawaitable(value) else value]
        assert self._remote is not None
        coroutine = self._batch(self._remote, ops, tally)
        if self._remote.capabilities.loop_free:
            return await coroutine
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._remote.loop))

    async def _batch(self, backend: AsyncBackend, ops: tuple[Any, ...], tally: Tally) -> list[Any]:
        if len(ops) == 1:  # nearly all, so it does without tasks of its own
            try:
                return [await self._one(backend, ops[0], tally)]
            except UnavailableError as error:
                if isinstance(ops[0], _CREATES):
                    return [error]
                raise
        results = await asyncio.gather(*(self._one(backend, op, tally) for op in ops), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, UnavailableError):
                raise result
        for op, result in zip(ops, results, strict=True):
            if isinstance(result, UnavailableError) and not isinstance(op, _CREATES):
                raise result
        return results

    async def _one(self, backend: AsyncBackend, op: Any, tally: Tally) -> Any:
        if isinstance(op, Pause):
            return await asyncio.sleep(op.seconds)
        started = time.perf_counter()
        try:
            result = await dispatch(backend, op)
        except ObjstoreError as error:
            self._observe(op, None, started, tally, error)
            raise
        self._observe(op, result, started, tally, None)
        return result

    def _observe(self, op: StorageOp, result: Any, started: float, tally: Tally, error: Exception | None) -> None:
        tally.count(op)
        if self.listened_to:
            self.notify(event_of(op, result, time.perf_counter() - started, error))


def needs_no_loop(backend: AsyncBackend) -> bool:
    """Say whether coroutines of a backend can be finished here and now; see `Capabilities.loop_free`."""
    return running_loop() is None and backend.capabilities.loop_free


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits where it is called, and give what it returns."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    coroutine.close()
    raise RuntimeError("a coroutine of a backend that needs no loop waited for one")


def dispatch(backend: Any, op: StorageOp) -> Any:
    """Call the method of a backend that an operation stands for; gives a coroutine where the backend does."""
    match op:
        case Create():
            return backend.create(op.key, op.data, durable=op.durable, beside=op.beside)
        case Upload():
            return backend.upload(op.key, op.path)
        case Put():
            return backend.put(op.key, op.data)
        case Get():
            return backend.get(op.key, op.limit)
        case Read():
            return backend.read(op.key, op.start, op.length)
        case List():
            return backend.list(op.prefix)
        case Page():
            return backend.page(op.prefix, op.after)
        case Delete():
            return backend.delete(op.keys)
        case Copy():
            return backend.copy(op.source, op.target)
        case Sync():
            return backend.sync(op.prefix)
        case _:
            assert_never(op)


def _local(op: Now | NewId) -> Moment | str:
    return Moment(time.monotonic(), time.time()) if isinstance(op, Now) else os.urandom(16).hex()


def _answer(protocol: Protocol[Any], asked: _Outside, perform: Callable[[], list[Any]]) -> Callable[[], Any]:
    try:
        results = perform()
    except ObjstoreError as error:
        return _thrower(protocol, error)
    return _sender(protocol, asked, results)


def _sender(protocol: Protocol[Any], asked: _Outside, results: list[Any]) -> Callable[[], Any]:
    value = results[0] if asked.single else results
    return lambda: protocol.send(value)


def _thrower(protocol: Protocol[Any], error: ObjstoreError) -> Callable[[], Any]:
    return lambda: protocol.throw(error)
