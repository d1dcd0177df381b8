"""The places that tests of a store run on: local disk, memory and S3, reached by one face or the other."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import pytest

import objstore
from objstore import AsyncSessionStore, SessionStore
from objstore._format import zstd
from objstore.backends import Backend, Capabilities, RemoteBackend, open_backend
from objstore.testing.blocking import blocking

PLACES = ("local", "memory", "s3")


def plain(commit: bytes) -> bytes:
    """Give the text of a stored commit, whether it is a frame or not."""
    return zstd.inflate(commit, limit=1 << 30) if zstd.is_frame(commit) else commit


Layout = Literal["log", "tree"]


@dataclass(frozen=True)
class Place:
    """Somewhere a store may lie.

    Attributes:
        directory: Where that is on disk, if it is.
    """

    target: str
    options: dict[str, Any] | None = None
    directory: Path | None = None

    @cached_property
    def backend(self) -> Backend:
        """The same place without a store's knowledge of it."""
        return blocking(open_backend(self.target, storage_options=self.options))

    def open(self, layout: Layout | None = None) -> SessionStore:
        """Open a store there."""
        return objstore.open(self.target, layout=layout, storage_options=self.options)

    def open_async(self, layout: Layout | None = None) -> AsyncSessionStore:
        """Open a store there."""
        return objstore.open_async(self.target, layout=layout, storage_options=self.options)

    def put(self, key: str, data: bytes) -> None:
        """Put a file there."""
        self.backend.put(key, data)

    def names(self, prefix: str = "") -> set[str]:
        """Name what lies directly below a prefix."""
        return {entry.name for entry in self.backend.list(prefix)}

    def files(self, prefix: str = "") -> dict[str, bytes]:
        """Read everything below a prefix."""
        found: dict[str, bytes] = {}
        for entry in self.backend.list(prefix):
            if entry.is_directory:
                found |= self.files(f"{prefix}{entry.name}/")
            else:
                data = self.backend.get(f"{prefix}{entry.name}")
                assert data is not None
                found[f"{prefix}{entry.name}"] = data
        return found


def make_place(name: str, request: pytest.FixtureRequest) -> Place:
    """Make an empty place of one kind for a test."""
    if name == "local":
        directory: Path = request.getfixturevalue("tmp_path") / uuid.uuid4().hex
        return Place(str(directory), directory=directory)
    if name == "memory":
        return Place(f"memory://tests/{uuid.uuid4().hex}")
    options = request.getfixturevalue("s3_options")
    return Place(f"s3://{request.getfixturevalue('bucket')}/{uuid.uuid4().hex}", options)


@dataclass
class Faces:
    """Stores of both faces, called alike; the calls of the asynchronous one run in one event loop."""

    runner: asyncio.Runner
    _awaited: dict[int, AsyncSessionStore] = field(default_factory=dict)

    def waiting(self, store: AsyncSessionStore) -> SessionStore:
        """Make an asynchronous store one whose calls wait."""
        waiting = cast(SessionStore, _Waiting(store, self.runner))
        self._awaited[id(waiting)] = store
        return waiting

    def at_once(self, store: SessionStore, call: str, arguments: Sequence[Any]) -> list[Any]:
        """Make one call with each of some arguments, all at the same time."""
        awaited = self._awaited.get(id(store))
        if awaited is None:
            with ThreadPoolExecutor(len(arguments)) as pool:
                return list(pool.map(getattr(store, call), arguments))

        async def gather() -> list[Any]:
            return await asyncio.gather(*(getattr(awaited, call)(argument) for argument in arguments))

        return self.runner.run(gather())


class _Waiting:
    def __init__(self, store: AsyncSessionStore, runner: asyncio.Runner) -> None:
        self._store = store
        self._runner = runner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._store, name)

        def wait(*args: Any, **kwargs: Any) -> Any:
            async def awaited() -> Any:
                answer = call(*args, **kwargs)
                if isinstance(answer, AsyncIterator):
                    return [each async for each in answer]
                return await answer if asyncio.iscoroutine(answer) else answer

            return self._runner.run(awaited())

        return wait


class _OnItsLoop(RemoteBackend):
    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, loop_free=False)


def on_its_loop(backend: RemoteBackend) -> RemoteBackend:
    """Give the same place by coroutines on a loop, as the asynchronous face has it, where plain code could wait."""
    name, target, limits, client = backend.__reduce__()[1]
    return _OnItsLoop(name, target, limits, cast(Any, client))
