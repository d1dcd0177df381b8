"""Google Cloud Storage: gcsfs's session and credentials, and the JSON API spoken directly.

gcsfs's own calls repeat a request six times whatever one asks for, and tell neither a missing bucket from a missing
object nor a refusal from a failure.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import aiohttp
from gcsfs.core import GCSFileSystem
from google.auth.exceptions import TransportError
from yarl import URL

from .._log.ops import Entry, Names
from ._adapter import Kind, Refusal, Send, StrangeError, directory_of, entries, kind_of, names
from ._causes import causes
from ._pieces import Pieces
from ._target import Limits, Target
from .base import Facts

_Body = bytes | AsyncIterator[bytes]
_RENEWED = 300
"""How many seconds before it ends gcsfs renews a token."""


class _RefusedError(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}: {text[:200]}")
        self.status = status
        self.text = text


class GcsAdapter:
    """One bucket, with ``ifGenerationMatch=0`` as the condition of a create."""

    deletes_many = False

    def __init__(self, filesystem: Any, path: str, limits: Limits) -> None:
        self.bucket, self.prefix, _ = filesystem.split_path(path)
        self.retries = limits.retries
        self._gcs = filesystem
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=limits.timeout, sock_read=limits.timeout)

    async def create(self, key: str, data: bytes) -> None:
        """Write an object that is not there yet: 1 POST."""
        await self._upload(key, data, len(data), ifGenerationMatch="0")

    async def upload(self, key: str, path: str, size: int, send: Send) -> None:
        """Write an object that is not there yet from a file: 1 POST, whatever its size."""

        async def stream() -> AsyncIterator[bytes]:
            pieces = iter(Pieces(path))
            while piece := await asyncio.to_thread(next, pieces, b""):
                yield piece

        await send(lambda: self._upload(key, stream() if size else b"", size, ifGenerationMatch="0"))

    async def put(self, key: str, data: bytes) -> None:
        """Write an object over what is there: 1 POST."""
        await self._upload(key, data, len(data))

    async def get(self, key: str) -> bytes:
        """Read a whole object: 1 GET."""
        return await self._send("GET", self._object(key), alt="media")

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Read a range of an object: 1 GET."""
        wanted = {"Range": f"bytes={start}-{start + length - 1}"}
        try:
            status, data = await self._ask("GET", self._object(key), None, wanted, alt="media")
        except _RefusedError as error:
            if error.status != 416:  # it begins behind the end
                raise
            return b""
        return data if status == 206 else data[start : start + length]  # a proxy may know no ranges

    async def list(self, prefix: str) -> list[Entry]:
        """Name what lies directly below ``prefix``: 1 GET for each 1,000 names."""
        found: list[Entry] = []
        more: dict[str, str] = {}
        wanted = {"prefix": prefix, "delimiter": "/", "fields": "kind,nextPageToken,prefixes,items(name,size)"}
        while True:
            page = await self._listing(**wanted, **more)
            objects = ((item["name"], int(item["size"])) for item in page.get("items", ()))
            found += entries(prefix, page.get("prefixes", ()), objects)
            if "nextPageToken" not in page:
                return found
            more = {"pageToken": page["nextPageToken"]}

    async def page(self, prefix: str, after: str) -> Names:
        """Name the next objects below ``prefix``: 1 GET for 1,000 names."""
        wanted = {"prefix": prefix, "delimiter": "/", "fields": "kind,nextPageToken,items(name)"}
        more = {"startOffset": directory_of(prefix) + after} if after else {}
        while True:
            page = await self._listing(**wanted, **more)
            found = names(prefix, (item["name"] for item in page.get("items", ())), after)  # the offset is inclusive
            if found or "nextPageToken" not in page:
                return Names(found, more="nextPageToken" in page)
            more["pageToken"] = page["nextPageToken"]

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove an object: 1 DELETE."""
        (key,) = keys
        if said := await self._send("DELETE", self._object(key)):  # the storage says nothing
            _json(said)

    async def copy(self, source: str, target: str) -> None:
        """Copy an object inside the storage: 1 POST, more where the storage asks for it."""
        path = f"{self._object(source)}/rewriteTo/b/{quote(self.bucket, safe='')}/o/{quote(target, safe='')}"
        answer = _json(await self._send("POST", path))
        while not answer["done"]:
            answer = _json(await self._send("POST", path, rewriteToken=answer["rewriteToken"]))

    async def facts(self, key: str) -> Facts:
        """Say when an object was written, by the storage's clock, and whether the bucket keeps what is replaced."""
        item = _json(await self._send("GET", self._object(key), fields="updated"))
        modified = datetime.fromisoformat(item["updated"]).timestamp() if "updated" in item else None
        try:
            bucket = _json(await self._send("GET", self._base, fields="versioning,softDeletePolicy"))
        except _RefusedError:  # most roles do not allow the question
            return Facts(modified)
        kept = int(bucket.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0))
        return Facts(modified, versioned=kept > 0 or bool(bucket.get("versioning", {}).get("enabled")))

    async def close(self) -> None:
        """Close the connections."""
        if self._gcs.session is not None:
            await self._gcs.session.close()

    def explain(self, error: Exception) -> Refusal:
        """Say what happened by the HTTP status."""
        if isinstance(error, _RefusedError):
            kind = kind_of(error.status)
            if kind is Kind.MISSING and "bucket does not exist" in error.text:
                kind = Kind.NO_BUCKET
            return Refusal(kind, f"HTTP {error.status}")
        if isinstance(error, StrangeError):
            return Refusal(Kind.UNAVAILABLE, "what came is no answer of GCS")
        for cause in causes(error):
            if type(cause).__module__.startswith("google.auth"):
                passing = isinstance(cause, TransportError) or getattr(cause, "retryable", False)
                kind = Kind.UNAVAILABLE if passing else Kind.DENIED
                return Refusal(kind, f"no credentials ({type(cause).__name__})")
            if isinstance(cause, (aiohttp.ClientError, asyncio.TimeoutError, OSError)):
                return Refusal(Kind.UNAVAILABLE, type(cause).__name__)
        return Refusal(Kind.OTHER, f"{type(error).__name__}: {error}")

    @property
    def _base(self) -> str:
        return f"/storage/v1/b/{quote(self.bucket, safe='')}"

    def _object(self, key: str) -> str:
        return f"{self._base}/o/{quote(key, safe='')}"

    async def _upload(self, key: str, data: _Body, size: int, **condition: str) -> None:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        path = f"/upload{self._base}/o"
        answer = _json(await self._send("POST", path, data, headers, uploadType="media", name=key, **condition))
        if answer.get("name") != key:
            raise StrangeError

    async def _listing(self, **parameters: str) -> dict[str, Any]:
        page = _json(await self._send("GET", f"{self._base}/o", **parameters))
        if page.get("kind") != "storage#objects":  # which an empty one says too, so somebody else answered
            raise StrangeError
        return page

    async def _send(
        self,
        method: str,
        path: str,
        data: _Body | None = None,
        given: Mapping[str, str] | None = None,
        /,
        **parameters: str,
    ) -> bytes:
        _, body = await self._ask(method, path, data, given, **parameters)
        return body

    async def _ask(
        self,
        method: str,
        path: str,
        data: _Body | None = None,
        given: Mapping[str, str] | None = None,
        /,
        **parameters: str,
    ) -> tuple[int, bytes]:
        session = await self._gcs._set_session()
        credentials = self._gcs.credentials
        if credentials.credentials is not None and not credentials._credentials_valid(_RENEWED):
            await asyncio.to_thread(credentials.maybe_refresh)  # gcsfs blocks the loop of all filesystems meanwhile
        headers = self._gcs._get_headers(dict(given or {}))
        query: Mapping[str, str] = self._gcs._get_params(parameters)
        url = URL(self._gcs._location + path, encoded=True).update_query(query)
        async with session.request(method, url, headers=headers, data=data, timeout=self._timeout) as response:
            body: bytes = await response.read()
            if response.status >= 300:
                raise _RefusedError(response.status, body.decode(errors="replace"))
            return response.status, body


def _json(body: bytes) -> dict[str, Any]:
    """Read an answer, which is a JSON object.

    Raises:
        StrangeError: It is something else.
    """
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise StrangeError
    return answer


async def connect(target: Target, limits: Limits) -> GcsAdapter:
    """Make an adapter; the search for credentials may ask the machine's metadata server, so it runs in a thread."""
    filesystem = await asyncio.to_thread(target.make, GCSFileSystem, {})
    return GcsAdapter(filesystem, target.path, limits)
