"""Azure Blob Storage: adlfs's client, used directly, since only there can a request say how often it is repeated."""

from __future__ import annotations

import asyncio
import io
import os
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from adlfs import AzureBlobFileSystem
from azure.core import MatchConditions
from azure.core import exceptions as azure
from azure.storage.blob import BlobBlock
from azure.storage.blob.aio import BlobPrefix

from .._log.ops import Entry, Names
from ._adapter import Kind, Refusal, Send, entries, kind_of, names
from ._causes import causes
from ._keys import PAGE
from ._pieces import PIECE, Pieces
from ._target import Limits, Target
from .base import Facts

T = TypeVar("T")

_KINDS = {
    "BlobAlreadyExists": Kind.EXISTS,
    "BlobNotFound": Kind.MISSING,
    "InvalidBlockList": Kind.EXISTS,  # another write has ended meanwhile, and swept the blocks of this one
    "ContainerNotFound": Kind.NO_BUCKET,
    "ContainerBeingDeleted": Kind.NO_BUCKET,
    "BlobImmutableDueToPolicy": Kind.DENIED,
}
_NO_ANSWER = (
    azure.ServiceRequestError,
    azure.ServiceResponseError,
    azure.IncompleteReadError,
    asyncio.TimeoutError,
    OSError,
)
_STRANGE = Refusal(Kind.UNAVAILABLE, "what came is no answer of Azure")
_IF_MISSING = {"match_condition": MatchConditions.IfMissing}
_POLL = 0.5
_MAX_BLOCKS = 50_000
_AT_ONCE = 64 * 2**20
"""Above it the library writes in blocks, too, and names them alike in each of racing writes."""


class AzureAdapter:
    """One container."""

    deletes_many = False

    def __init__(self, filesystem: Any, path: str, limits: Limits) -> None:
        self.bucket, self.prefix, _ = filesystem.split_path(path)
        self.retries = limits.retries
        self._filesystem = filesystem
        self._container = filesystem.service_client.get_container_client(self.bucket)
        self._once = {
            "retry_total": 0,
            "connection_timeout": min(10.0, limits.timeout),
            "read_timeout": limits.timeout,
        }

    async def create(self, key: str, data: bytes) -> None:
        """Write an object that is not there yet: 1 PUT; above 64 MiB as `upload` does."""
        if len(data) > _AT_ONCE:
            await self._blocks(key, _pieces_of(data), _directly, **_IF_MISSING)
        else:
            await self._container.upload_blob(key, data, overwrite=False, **self._once)

    async def upload(self, key: str, path: str, size: int, send: Send) -> None:
        """Write an object that is not there yet from a file: 1 PUT for each 4 MiB, and 1 more.

        Blocks that no object was made of are forgotten by the storage after a week.
        """
        await self._blocks(key, iter(Pieces(path, max(PIECE, -(-size // _MAX_BLOCKS)))), send, **_IF_MISSING)

    async def _blocks(self, key: str, pieces: Iterator[bytes], send: Send, **condition: MatchConditions) -> None:
        """Write an object in blocks of names of our own: of racing writes none may take the other's for its own."""
        blob = self._container.get_blob_client(key)

        async def stage(block: str, data: bytes) -> None:
            await blob.stage_block(block, io.BytesIO(data), length=len(data), **self._once)

        attempt = uuid.uuid4().hex
        blocks: list[str] = []
        while (data := await asyncio.to_thread(next, pieces, None)) is not None:
            blocks.append(f"{attempt}{len(blocks):08d}")
            await send(partial(stage, blocks[-1], data))
        named = [BlobBlock(block) for block in blocks]
        await send(lambda: blob.commit_block_list(named, **condition, **self._once))

    async def put(self, key: str, data: bytes) -> None:
        """Write an object over what is there: 1 PUT; above 64 MiB one for each 4 MiB, and 1 more."""
        if len(data) <= _AT_ONCE:
            await self._container.upload_blob(key, data, overwrite=True, **self._once)
            return
        try:
            await self._blocks(key, _pieces_of(data), _directly)
        except azure.HttpResponseError as error:
            if _code(error) != "InvalidBlockList":
                raise
            raise azure.ServiceResponseError("another write was faster") from error

    async def get(self, key: str) -> bytes:
        """Read a whole object: 1 GET; 1 more for an empty one, and for each 4 MiB above 32 MiB."""
        answer = await self._container.download_blob(key, max_concurrency=4, **self._once)
        data: bytes = await answer.readall()
        return data

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Read a range of an object: 1 GET."""
        try:
            answer = await self._container.download_blob(key, offset=start, length=length, **self._once)
            data: bytes = await answer.readall()
        except azure.HttpResponseError as error:
            if _code(error) != "InvalidRange":  # it begins behind the end
                raise
            return b""
        return data

    async def list(self, prefix: str) -> list[Entry]:
        """Name what lies directly below ``prefix``: 1 GET for each 5,000 names."""
        directories: list[str] = []
        objects: list[tuple[str, int]] = []
        async for item in self._container.walk_blobs(name_starts_with=prefix, delimiter="/", **self._once):
            if isinstance(item, BlobPrefix):
                directories.append(item.name)
            else:
                objects.append((item.name, item.size))
        return entries(prefix, directories, objects)

    async def page(self, prefix: str, after: str) -> Names:
        """Name the next objects below ``prefix``: 1 GET for each 5,000 names, those before ``after`` among them."""
        found: list[str] = []
        async for item in self._container.walk_blobs(name_starts_with=prefix, delimiter="/", **self._once):
            found += () if isinstance(item, BlobPrefix) else names(prefix, [item.name], after)
            if len(found) > PAGE:  # a listing can be gone on with only by a token, so there are few and large pages
                return Names(found[:PAGE], more=True)
        return Names(found, more=False)

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove an object: 1 DELETE."""
        (key,) = keys
        await self._container.delete_blob(key, **self._once)

    async def copy(self, source: str, target: str) -> None:
        """Copy an object inside the storage: 1 PUT, then a look now and then until a long copy has ended."""
        blob = self._container.get_blob_client(target)
        origin = self._container.get_blob_client(source)
        state = (await blob.start_copy_from_url(origin.url, **self._once))["copy_status"]
        while state == "pending":
            await asyncio.sleep(_POLL)
            state = (await blob.get_blob_properties(**self._once)).copy.status
        if state != "success":
            raise azure.HttpResponseError(f"the copy ended as {state}")

    async def facts(self, key: str) -> Facts:
        """Say when an object was written, by the storage's clock, and whether the account keeps what is replaced."""
        found = await self._container.get_blob_client(key).get_blob_properties(**self._once)
        kept = True if found.version_id is not None else await self._keeps_deleted()
        return Facts(modified=found.last_modified.timestamp(), versioned=kept)

    async def _keeps_deleted(self) -> bool | None:
        try:
            account = await self._filesystem.service_client.get_service_properties(**self._once)
        except azure.HttpResponseError:  # who has rights to a container may not ask
            return None
        return bool(account["delete_retention_policy"].enabled)

    async def close(self) -> None:
        """Close the connections."""
        await self._filesystem.service_client.close()

    def explain(self, error: Exception) -> Refusal:
        """Say what happened by the HTTP status and Azure's code."""
        if isinstance(error, azure.ClientAuthenticationError):
            return Refusal(Kind.DENIED, _said(error))
        if isinstance(error, azure.HttpResponseError) and error.status_code is not None:
            if error.status_code < 400:  # the library waited for another one
                return _STRANGE
            kind = _KINDS.get(_code(error)) or kind_of(error.status_code)
            return Refusal(kind, _said(error))
        for cause in causes(error):
            if isinstance(cause, _NO_ANSWER):
                return Refusal(Kind.UNAVAILABLE, type(cause).__name__)
        if isinstance(error, (AttributeError, ValueError)):  # the library does not find in it what it looks for
            return _STRANGE
        return Refusal(Kind.OTHER, type(error).__name__)


def _pieces_of(data: bytes) -> Iterator[bytes]:
    return (data[start : start + PIECE] for start in range(0, len(data), PIECE))


async def _directly(request: Callable[[], Awaitable[T]], *, again: bool = True) -> T:  # noqa: ARG001 - it is one of several
    return await request()


async def connect(target: Target, limits: Limits) -> AzureAdapter:
    """Make an adapter; the search for credentials may take a while, so it runs in a thread."""
    unless_said = {} if "anon" in target.options or "AZURE_STORAGE_ANON" in os.environ else {"anon": False}
    # Before 2026.4 adlfs looked for no credentials unless it was told to.
    filesystem = await asyncio.to_thread(target.make, AzureBlobFileSystem, unless_said)
    return AzureAdapter(filesystem, target.path, limits)


def _code(error: Any) -> str:
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def _said(error: azure.HttpResponseError) -> str:
    return f"{error.status_code or ''} {_code(error)}".strip()
