"""Call any backend as if it were a blocking one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from .._engine.drive import finished, needs_no_loop
from .._log.ops import Entry, Names
from ..backends.base import AsyncBackend, Backend, Capabilities

T = TypeVar("T")


def blocking(backend: Backend | AsyncBackend) -> Backend:
    """Give a backend that can be called from plain code; one that can be already is given back as it is."""
    return _Blocking(backend) if isinstance(backend, AsyncBackend) else backend


class _Blocking:
    def __init__(self, backend: AsyncBackend) -> None:
        self._backend = backend

    def __repr__(self) -> str:
        return f"blocking({self._backend!r})"

    def __reduce__(self) -> tuple[Any, tuple[AsyncBackend]]:
        return blocking, (self._backend,)

    @property
    def name(self) -> str:
        return self._backend.name

    @property
    def capabilities(self) -> Capabilities:
        return self._backend.capabilities

    def create(self, key: str, data: bytes, *, durable: bool = True, beside: bool = False) -> bool:
        return self._wait(self._backend.create(key, data, durable=durable, beside=beside))

    def upload(self, key: str, path: str) -> bool:
        return self._wait(self._backend.upload(key, path), on_loop=True)

    def put(self, key: str, data: bytes) -> None:
        self._wait(self._backend.put(key, data))

    def get(self, key: str, limit: int | None = None) -> bytes | None:
        return self._wait(self._backend.get(key, limit))

    def read(self, key: str, start: int, length: int) -> bytes | None:
        return self._wait(self._backend.read(key, start, length))

    def list(self, prefix: str) -> list[Entry]:
        return self._wait(self._backend.list(prefix))

    def page(self, prefix: str, after: str) -> Names:
        return self._wait(self._backend.page(prefix, after))

    def delete(self, keys: Sequence[str]) -> None:
        self._wait(self._backend.delete(keys))

    def copy(self, source: str, target: str) -> bool:
        return self._wait(self._backend.copy(source, target), on_loop=True)

    def sync(self, prefix: str) -> None:
        self._wait(self._backend.sync(prefix))

    def close(self) -> None:
        self._backend.close()

    def _wait(self, answer: Coroutine[Any, Any, T], *, on_loop: bool = False) -> T:
        if not on_loop and needs_no_loop(self._backend):
            return finished(answer)
        return asyncio.run_coroutine_threadsafe(answer, self._backend.loop).result()
