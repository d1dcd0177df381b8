"""What an observer of a store is told, and what a call cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._log.ops import Copy, Create, Delete, List, Page, Put, StorageOp, Sync, Upload


@dataclass(frozen=True, slots=True)
class OperationEvent:
    """One operation on the storage, as an observer sees it.

    Attributes:
        operation: ``create``, ``upload``, ``put``, ``get``, ``read``, ``list``, ``page``, ``delete``, ``copy`` or
            ``sync``.
        key: The key or prefix, relative to the store; of several, the first.
        size: Bytes sent or received as contents.
        seconds: How long it took.
        error: Name of the exception that it ended with, if any.
    """

    operation: str
    key: str
    size: int
    seconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class SaveEvent:
    """One save that was acknowledged.

    Attributes:
        id: The session.
        seq: The commit that holds it.
        requests: Operations on the storage that it took.
        size: Bytes that it sent as contents.
        seconds: How long it took.
    """

    id: str
    seq: int | None
    requests: int
    size: int
    seconds: float


Event = OperationEvent | SaveEvent
Observer = Callable[[Event], None]


class Tally:
    """Counts what one call of the store costs.

    Attributes:
        cancelled: Whether the caller has gone: nothing more is to be asked for it.
    """

    def __init__(self) -> None:
        self.cancelled = False
        self.requests = 0
        self.sent = 0
        self.started = time.perf_counter()

    def count(self, op: StorageOp) -> None:
        """Count one operation."""
        if not isinstance(op, Sync):
            self.requests += 1
        self.sent += _sent(op)


def event_of(op: StorageOp, result: Any, seconds: float, error: Exception | None) -> OperationEvent:
    """Describe an operation that was done, or that failed."""
    size = len(result) if isinstance(result, bytes) else _sent(op)
    return OperationEvent(type(op).__name__.lower(), _key(op), size, seconds, type(error).__name__ if error else None)


def _sent(op: StorageOp) -> int:
    match op:
        case Create() | Put():
            return len(op.data)
        case Upload():
            return op.size
    return 0


def _key(op: StorageOp) -> str:
    match op:
        case List() | Page() | Sync():
            return op.prefix
        case Delete():
            return op.keys[0]
        case Copy():
            return op.target
    return op.key
