"""A store in memory that counts what its calls would cost on the wire: no server is needed to count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import objstore
from objstore import SessionStore
from objstore._engine.drive import Driver
from objstore._engine.observing import Tally
from objstore._log.ops import Create, Get, StorageOp
from objstore.backends import Backend
from objstore.backends.memory import MemoryBackend


@dataclass(slots=True)
class Cost:
    """What some calls cost.

    Attributes:
        requests: By kind: ``Create`` is a PUT, ``Get`` and ``List`` are themselves.
        waves: How many of them had to wait for the one before: those that are sent side by side are one.
        sent: Bytes of contents.
        received: The same.
    """

    requests: Counter[str] = field(default_factory=Counter)
    waves: int = 0
    sent: int = 0
    received: int = 0


class CountingDriver(Driver):
    """A driver that adds up what it is asked for."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, None)
        self.costs: list[Cost] = []

    def _all_blocking(self, ops: tuple[Any, ...], tally: Tally) -> list[Any]:
        results = super()._all_blocking(ops, tally)
        asked = [(op, result) for op, result in zip(ops, results, strict=True) if isinstance(op, StorageOp)]
        for cost in self.costs:
            cost.waves += bool(asked)
            for op, result in asked:
                cost.requests[type(op).__name__] += 1
                cost.sent += len(op.data) if isinstance(op, Create) else 0
                cost.received += len(result or b"") if isinstance(op, Get) else 0
        return results


class Bench:
    """One place in memory, and the stores that are opened on it."""

    def __init__(self) -> None:
        self.backend = MemoryBackend.isolated()

    def open(self) -> SessionStore:
        """Open it anew, as another process would: nothing is remembered."""
        store = objstore.open(self.backend)
        store._opened.driver = CountingDriver(self.backend)
        return store

    @contextmanager
    def counted(self, store: SessionStore) -> Iterator[Cost]:
        """Count what is done with a store meanwhile."""
        driver = store._opened.driver
        assert isinstance(driver, CountingDriver)
        cost = Cost()
        driver.costs.append(cost)
        try:
            yield cost
        finally:
            driver.costs.remove(cost)
