"""An object storage that is reached by coroutines: s3fs, gcsfs, adlfs, obstore."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeVar

from .._log.ops import Entry, Names
from ..errors import BackendError, PermissionDeniedError, UnavailableError, UnsupportedBackendError, UnsupportedError
from ._adapter import Adapter, ExistsError, KeyRefusedError, Kind, Refusal, running_loop
from ._causes import harmless
from ._connection import Connections
from ._keys import checked, split_prefix
from ._obstore_options import s3_settings
from ._target import Limits, Target
from .base import Capabilities, Facts, Location

T = TypeVar("T")


class RemoteBackend:
    """An object storage, through a sync-mode fsspec filesystem of our own, without caches, or through obstore.

    The coroutines run on fsspec's event loop, so that one backend serves any number of threads and loops. The
    filesystem is made with the first request, and made anew after a fork and after unpickling.

    obstore's connections belong to no loop: its coroutines run on any, and with none they wait in the calling thread.
    Its own threads do not survive a fork, and nothing starts them again: in the child of a process that has used it the
    same storage is reached through fsspec, with a word in the log.

    A request is repeated at one place only, here: the retries of the libraries are switched off, since they would
    multiply, and few of them repeat a download that broke off (Azure's does, twice). Who sets retries in
    ``config_kwargs`` of s3fs gets those instead.

    Args:
        name: ``s3``, ``gcs`` or ``az``.
        target: The bucket, the prefix and the options.
        limits: Timeout, retries and connections.
        client: ``obstore`` for S3 through obstore.
    """

    def __init__(
        self, name: str, target: Target, limits: Limits, client: Literal["fsspec", "obstore"] = "fsspec"
    ) -> None:
        self.name = name
        self.client = client
        self._target = target
        self._limits = limits
        self._connections = Connections(name, target, limits, client)

    def __repr__(self) -> str:
        return f"RemoteBackend({self._target.scrub(self._connections.place(self._target.path))!r})"

    def __reduce__(self) -> tuple[Callable[..., RemoteBackend], tuple[str, Target, Limits, str]]:
        return RemoteBackend, (self.name, self._target, self._limits, self.client)

    @property
    def location(self) -> Location:
        """Bucket and prefix, in what this protocol reaches by these options."""
        return self._target.location

    def through_obstore(self) -> RemoteBackend:
        """Give a backend of the same place that uses obstore.

        Raises:
            UnsupportedError: obstore is not used for this place, or knows no such option.
        """
        target = self._target
        if self.name != "s3":
            raise UnsupportedError(f'client="obstore" reaches S3, not {self.name}: leave client out')
        if target.path.startswith("arn:"):
            raise UnsupportedError('client="obstore" knows no access points: name the bucket, or leave client out')
        if target.args or (target.filesystem is not None and target.filesystem.__module__ != "s3fs.core"):
            raise UnsupportedError(
                'client="obstore" translates options of s3fs that have a name: give a URL and storage_options'
            )
        if {"", ".", ".."} & {*target.path.strip("/").split("/")}:
            raise UnsupportedError(
                'client="obstore" takes no path with "//", "." or "..": mend it, or leave client out'
            )
        s3_settings(target.options)
        return RemoteBackend(self.name, target, self._limits, "obstore")

    @property
    def capabilities(self) -> Capabilities:
        """All that there is; on any event loop where obstore is used."""
        return Capabilities(exclusive_create=True, atomic_put=True, loop_free=self._connections.through_obstore)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of fsspec, in its own thread, on which the coroutines must run."""
        return self._connections.loop

    async def create(
        self,
        key: str,
        data: bytes,
        *,
        durable: bool = True,  # noqa: ARG002 - there is no flush and there are no directories
        beside: bool = False,  # noqa: ARG002 - the same
    ) -> bool:
        """Write a new object and say whether it is ours; see `Backend.create`."""
        return await self._run(
            "create", checked(key), lambda adapter, path: _done(adapter, adapter.create(path, data), Kind.EXISTS)
        )

    async def upload(self, key: str, path: str) -> bool:
        """Create an object from a local file, a few MiB at a time; see `Backend.upload`."""
        async with self._connections.used() as (adapter, _):
            return await self._upload(adapter, key, path)

    async def _upload(self, adapter: Adapter, key: str, path: str) -> bool:
        async def send(request: Callable[[], Awaitable[T]], *, again: bool = True) -> T:
            exists = False

            async def once(adapter: Adapter, _: str) -> T | None:
                nonlocal exists
                try:
                    return await request()
                except Exception as error:
                    exists = adapter.explain(error).kind is Kind.EXISTS
                    if not exists:
                        raise
                    return None

            answer = await self._run("upload", key, once, again=again)
            if exists:
                raise ExistsError
            return answer  # type: ignore[return-value] # None only where it exists

        try:
            size = (await asyncio.to_thread(os.stat, path)).st_size
            await adapter.upload(self._prefix(adapter) + checked(key), path, size, send)
        except ExistsError:
            return False
        return True

    async def put(self, key: str, data: bytes) -> None:
        """Write an object, replacing what is there; see `Backend.put`."""
        await self._run("write", checked(key), lambda adapter, path: adapter.put(path, data))

    async def get(self, key: str, limit: int | None = None) -> bytes | None:
        """Read an object, or say ``None`` where there is none; see `Backend.get`."""
        if limit is not None:
            return await self.read(key, 0, limit + 1)
        return await self._read(key, lambda adapter, path: adapter.get(path))

    async def read(self, key: str, start: int, length: int) -> bytes | None:
        """Read a range of an object; see `Backend.read`."""
        return await self._read(key, lambda adapter, path: adapter.read(path, start, length))

    async def _read(self, key: str, action: Callable[[Adapter, str], Awaitable[bytes]]) -> bytes | None:
        async def read(adapter: Adapter, path: str) -> bytes | None:
            try:
                return await action(adapter, path)
            except Exception as error:
                if adapter.explain(error).kind is not Kind.MISSING:
                    raise
                return None

        return await self._run("read", checked(key), read)

    async def list(self, prefix: str) -> list[Entry]:
        """Name what lies directly below ``prefix``; see `Backend.list`."""
        split_prefix(prefix)
        return await self._run("list", prefix, lambda adapter, path: adapter.list(path))

    async def page(self, prefix: str, after: str) -> Names:
        """Name the next objects below ``prefix``, in one request where the storage can begin anywhere."""
        split_prefix(prefix)
        return await self._run("list", prefix, lambda adapter, path: adapter.page(path, after))

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; see `Backend.delete`."""
        for key in keys:
            checked(key)
        if not keys:
            return
        async with self._connections.used() as (adapter, _):
            many = adapter.deletes_many
        if many:
            await self._delete(keys)
            return
        for failure in await asyncio.gather(*(self._delete([key]) for key in keys), return_exceptions=True):
            if failure is not None:
                raise failure

    async def _delete(self, keys: Sequence[str]) -> None:
        def delete(adapter: Adapter, prefix: str) -> Awaitable[bool]:
            return _done(adapter, adapter.delete([prefix + key for key in keys]), Kind.MISSING)

        await self._run("delete", "", delete, about=keys[0] if len(keys) == 1 else "")

    async def copy(self, source: str, target: str) -> bool:
        """Copy an object over ``target`` inside the storage; see `Backend.copy`."""
        checked(source)
        checked(target)

        def copy(adapter: Adapter, prefix: str) -> Awaitable[bool]:
            return _done(adapter, adapter.copy(prefix + source, prefix + target), Kind.MISSING)

        return await self._run("copy", "", copy, about=source)

    async def sync(self, prefix: str) -> None:
        """Do nothing: what an object storage has acknowledged is durable."""

    def facts(self, key: str) -> Facts:
        """Say what is known about an object beyond the contract, for `objstore.backends.probe.check`. Blocks."""
        asked = self._run("look at", checked(key), lambda adapter, path: adapter.facts(path))
        return asyncio.run_coroutine_threadsafe(asked, self.loop).result()

    def close(self) -> None:
        """Close the connections; the next request opens others."""
        self._connections.close()

    async def _run(
        self,
        doing: str,
        key: str,
        action: Callable[[Adapter, str], Awaitable[T]],
        *,
        about: str = "",
        again: bool = True,
    ) -> T:
        """Send a request, again while the storage does not answer, and turn what it says into errors of objstore."""
        attempt = 0
        while True:
            attempt += 1
            async with self._connections.used() as (adapter, gate):
                prefix = self._prefix(adapter)
                try:
                    async with gate:
                        return await action(adapter, prefix + key)
                except Exception as error:
                    if isinstance(error, KeyRefusedError):
                        refusal, place = error.refusal, f"{adapter.bucket}/{error.key}"
                    else:
                        refusal, place = adapter.explain(error), f"{adapter.bucket}/{prefix}{about or key}"
                    if refusal.kind is not Kind.UNAVAILABLE or not again or attempt > adapter.retries:
                        what = f"cannot {doing} {self._connections.place(place)}"
                        raise self._failure(what, refusal, adapter.bucket, attempt) from harmless(error, self._target)
            # Half of the wait is chance, so that writers that were refused together do not come back together.
            seconds = min(0.1 * 2**attempt, 5.0) * random.uniform(0.5, 1.0)  # noqa: S311
            if running_loop() is None:
                time.sleep(seconds)  # noqa: ASYNC251 - there is nobody else whom it could hold up
            else:
                await asyncio.sleep(seconds)

    def _failure(self, what: str, refusal: Refusal, bucket: str, attempts: int) -> BackendError:
        said = self._target.scrub(refusal.said)
        match refusal.kind:
            case Kind.UNAVAILABLE:
                times = "once" if attempts == 1 else f"{attempts} times"
                return UnavailableError(
                    f"{what}: the storage was asked {times} and did not do it ({said}). Try again; where it never "
                    f"answers, look at the endpoint and the network"
                )
            case Kind.DENIED:
                return PermissionDeniedError(
                    f"{what}: the storage refuses it ({said}). Look at the credentials and at what they are allowed; "
                    f"without the right to list, some storages refuse to read what is not there"
                )
            case Kind.NO_BUCKET | Kind.MISSING:
                return BackendError(f"{what}: the bucket {bucket!r} does not exist ({said}). Make it, or mend the URL")
            case Kind.UNSUPPORTED:
                return UnsupportedBackendError(f"{what}: the storage does not know how ({said}). Use another storage")
            case _:
                return BackendError(f"{what}: {said}")

    @staticmethod
    def _prefix(adapter: Adapter) -> str:
        prefix = adapter.prefix.strip("/")
        return prefix and prefix + "/"


async def _done(adapter: Adapter, request: Awaitable[object], unless: Kind) -> bool:
    """Say whether a request was done, or refused for one thing that is no error."""
    try:
        await request
    except Exception as error:
        if adapter.explain(error).kind is not unless:
            raise
        return False
    return True
