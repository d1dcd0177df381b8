"""S3 through obstore: a client written in Rust, which needs a fraction of the CPU time that s3fs does."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from obstore import exceptions as obs
from obstore.store import S3Store

from .._log.ops import Entry, Names
from ._adapter import (
    ExistsError,
    KeyRefusedError,
    Kind,
    Refusal,
    Send,
    StrangeError,
    directory_of,
    entries,
    running_loop,
)
from ._obstore_client import Waiting, client_maker
from ._obstore_options import s3_settings
from ._pieces import Pieces
from ._s3_rules import ANOTHER_REGION, MAX_COPY, PAGE, PART, PARTS_AT_ONCE, STRANGE, part_size, refusal_of
from ._target import Limits, Target
from .base import Facts

_NOTHING = "~"  # no name that this store writes, and behind all of them
_LOG = "/log/"
_SECONDS_A_MIB = 16.0  # 64 KiB a second, where anything moves at all

# obstore's errors have no attributes. What they print as a Rust value, in which texts are quoted and lines cannot be
# forged, says the rest; tests/backends/s3/test_refusals.py holds it to what other clients understand.
_DEBUG = "\n\nDebug source:\n"
_STATUS = re.compile(r"^ +status: (\d{3}),$", re.MULTILINE)
_CODE = re.compile(r"<Code>(\w+)</Code>")
_REFUSED_KEY = re.compile(r'^ +path: "(.*)",\n +code: "(\w+)",$', re.MULTILINE)
_NO_ANSWER = re.compile(r"\bHttpError \{\n +kind: (\w+),$", re.MULTILINE)
_STRANGE = re.compile(r"^    source: (?:NotPartial,|(?:Metadata|UnexpectedRange|Invalid\w+Response) \{)$", re.MULTILINE)
_NO_CREDENTIALS = re.compile(r"\bpath: \"External AWS credential provider\",[\s\S]*type: <class '(?:\w+\.)*(\w+)'>")


class ObstoreAdapter:
    """One bucket, through obstore.

    Args:
        bucket: The bucket.
        prefix: The prefix of the store in it.
        make: Makes a client from how often it sends a request again, and how many seconds more than usual it waits.
        retries: How often the caller sends a request again.
    """

    deletes_many = True

    def __init__(self, bucket: str, prefix: str, make: Callable[[int, float], S3Store], retries: int) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self.retries = retries
        self._make = make
        self._stores: dict[tuple[int, float], S3Store] = {}

    def _client(self, size: int = 0) -> S3Store | Waiting:
        """Give a client for the running loop, or for the calling thread where there is none."""
        store = self._awaited(size)
        return store if running_loop() else Waiting(store)

    def _awaited(self, size: int = 0, retries: int = 0) -> S3Store:
        """Give a client that waits long enough for a body to be sent: obstore counts that as time without an answer."""
        mebibytes = size // 2**20
        # By doubling, so that there are a few clients, and not one for each size.
        more = _SECONDS_A_MIB * 2.0 ** mebibytes.bit_length() if mebibytes else 0.0
        store = self._stores.get((retries, more))
        if store is None:
            store = self._stores[retries, more] = self._make(retries, more)
        return store

    async def create(self, key: str, data: bytes) -> None:
        """Write an object that is not there yet: 1 PUT."""
        await self._client(len(data)).put_async(key, data, mode="create")

    async def upload(self, key: str, path: str, size: int, send: Send) -> None:
        """Write an object that is not there yet from a file: 1 PUT up to 8 MiB, else 1 HEAD, and 1 PUT for each part.

        obstore cannot end an upload in parts on a condition. It writes the same bytes again, since objects are named by
        their contents.
        """
        if size <= PART:
            data = await asyncio.to_thread(lambda: b"".join(Pieces(path)))
            await send(lambda: self.create(key, data))
        elif await send(lambda: self._has(key, size)):  # from an earlier attempt, whose answer was lost
            raise ExistsError
        else:
            await send(lambda: self._put_parts(key, Path(path), size), again=False)

    async def _put_parts(self, key: str, source: Any, size: int) -> None:
        """Send in parts, each of them again while the storage does not answer; obstore does that by itself."""
        part = part_size(size)
        store = self._awaited(part * PARTS_AT_ONCE, self.retries)
        await store.put_async(key, source, use_multipart=True, chunk_size=part, max_concurrency=PARTS_AT_ONCE)

    async def _has(self, key: str, size: int | None = None) -> bool:
        try:
            found = await self._awaited().head_async(key)
        except Exception as error:
            if self.explain(error).kind is not Kind.MISSING:
                raise
            return False
        if found["e_tag"] is None:
            raise StrangeError
        return size in (None, found["size"])

    async def put(self, key: str, data: bytes) -> None:
        """Write an object over what is there: 1 PUT."""
        await self._client(len(data)).put_async(key, data, use_multipart=False)

    async def get(self, key: str) -> bytes:
        """Read a whole object: 1 GET."""
        answer = await self._client().get_async(key)
        found = (await answer.bytes_async()) if running_loop() else answer.bytes()
        return found.to_bytes()

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Read a range of an object: 1 GET."""
        try:
            return (await self._client().get_range_async(key, start=start, length=length)).to_bytes()
        except Exception as error:
            if _status(_debug(error)) != 416:  # it begins behind the end
                raise
            return b""

    async def list(self, prefix: str) -> list[Entry]:
        """Name what lies directly below ``prefix``: 1 GET for each 1,000 names.

        obstore lists directories. The beginning of a name is looked for in all that lies behind it, however deep.
        """
        directory = directory_of(prefix)
        if directory != prefix:
            found = [entry async for entry in self._below(prefix, "")]
        else:
            page = await self._client().list_with_delimiter_async(directory)
            directories = (f"{path}/" for path in page["common_prefixes"])
            found = entries(prefix, directories, ((item["path"], item["size"]) for item in page["objects"]))
        if not found:
            await self._doubt(prefix)
        return found

    async def page(self, prefix: str, after: str) -> Names:
        """Name the next objects below ``prefix``: 1 GET for 1,000 names, and 1 more for each directory among them."""
        found: list[str] = []
        async for entry in self._below(prefix, after):
            if not entry.is_directory and entry.name > after:
                found.append(entry.name)
                if len(found) == PAGE:
                    return Names(found, more=True)
        if not found:
            await self._doubt(prefix)
        return Names(found, more=False)

    async def _doubt(self, prefix: str) -> None:
        """Ask once more where a listing is empty, for obstore takes a page of HTML for such a one: 1 GET.

        What is asked for is not there, which S3 says, and somebody else gives his page. Not behind listings of logs:
        two of these begin each new session, and what is written then nobody else acknowledges.
        """
        if _LOG in prefix:
            return
        try:
            answer = await self._client().get_async(directory_of(prefix) + _NOTHING)
        except Exception as error:
            if self.explain(error).kind not in (Kind.MISSING, Kind.DENIED):
                raise
        else:
            if answer.meta["e_tag"] is None:
                raise StrangeError

    async def _below(self, prefix: str, after: str) -> AsyncIterator[Entry]:
        directory = directory_of(prefix)
        cut, start, last = len(directory), prefix[len(directory) :], ""
        begin: str | None = max(after, _before(start))
        while begin is not None:
            offset, begin = directory + begin, None
            async for chunk in self._client().list(directory or None, offset=offset or None, chunk_size=PAGE):
                for item in chunk:
                    name, slash, _ = item["path"][cut:].partition("/")
                    if not name.startswith(start):
                        if name > start:
                            return
                    elif not slash:
                        if name:
                            yield Entry(name, is_directory=False, size=item["size"])
                    elif name != last:
                        yield Entry(name, is_directory=True)
                        last = name
                        begin = f"{name}/{_NOTHING}"  # behind all that is in it; what is behind that is passed over
                        break
                if begin is not None:
                    break

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects: 1 POST for each 1,000."""
        try:
            await self._client().delete_async(list(keys))
        except obs.BaseError as error:
            refused = _REFUSED_KEY.search(_debug(error))
            if refused is None:
                raise
            raise KeyRefusedError(refused[1], refusal_of(None, refused[2])) from error

    async def copy(self, source: str, target: str) -> None:
        """Copy an object inside the storage: 1 PUT, and 1 HEAD. Above 5 GB it passes through this machine.

        obstore takes whatever comes with success for a copy that is done, a page of HTML too, so it is looked whether
        there is one. What it was copied over, if anything, cannot be told from it.
        """
        try:
            await self._awaited().copy_async(source, target)
        except Exception as error:
            if self.explain(error).said != "400 InvalidRequest":  # what S3 says to more than 5 GB, and to other things
                raise
            size = (await self._awaited().head_async(source))["size"]
            if size <= MAX_COPY:
                raise
            await self._put_parts(target, await self._awaited().get_async(source), size)
        else:
            if not await self._has(target):
                raise StrangeError

    async def facts(self, key: str) -> Facts:
        """Say when an object was written, by the storage's clock, and whether it has a version."""
        head = await self._awaited().head_async(key)
        return Facts(modified=head["last_modified"].timestamp(), versioned=True if head["version"] else None)

    async def close(self) -> None:
        """Do nothing: idle connections end by themselves."""

    def explain(self, error: Exception) -> Refusal:
        """Say what happened by the HTTP status and S3's code, as far as the error prints them."""
        text = _debug(error)
        status, code = _status(text), _CODE.search(text)
        if code or status is not None:
            return refusal_of(status, code[1] if code else str(status))
        if missing := _NO_CREDENTIALS.search(text):
            return Refusal(Kind.DENIED, f"no credentials ({missing[1]})")
        if "inner: BareRedirect," in text:
            return Refusal(Kind.OTHER, ANOTHER_REGION)
        if unanswered := _NO_ANSWER.search(text):
            return Refusal(Kind.UNAVAILABLE, f"no answer: {unanswered[1]}")
        if isinstance(error, StrangeError) or _STRANGE.search(text):
            return STRANGE
        if isinstance(error, obs.InvalidPathError):
            said = 'a key there has "//", "." or "..", which obstore cannot list; remove it, or leave client out'
            return Refusal(Kind.OTHER, said)
        if isinstance(error, NotImplementedError):  # by which obstore says that a storage cannot do something
            return Refusal(Kind.UNSUPPORTED, type(error).__name__)
        return Refusal(Kind.OTHER, type(error).__name__)


_home: int | None = None


def works_here() -> bool:
    """Say whether obstore can be used in this process: not where one that it was forked from has used it.

    Its threads are one set per process, begun with the first request, and a fork does not copy threads: a request in
    the child would wait for ever. What others did with obstore before the fork is not known here.
    """
    return _home in (None, os.getpid())


async def connect(target: Target, limits: Limits) -> ObstoreAdapter:
    """Make an adapter. Nothing is sent, but botocore may look for credentials, in a thread."""
    global _home  # the threads are the process's as well
    _home = os.getpid()
    settings = s3_settings(target.options)
    bucket, _, prefix = target.path.strip("/").partition("/")
    make = await asyncio.to_thread(client_maker, settings, bucket, limits)
    retries = limits.retries if settings.retries is None else settings.retries
    return ObstoreAdapter(bucket, prefix, make, retries)


def _before(start: str) -> str:
    """Give a text that sorts before all that begins like ``start``, and behind most of what does not."""
    if not start:
        return ""
    last = chr(ord(start[-1]) - 1)
    if last < " " or last == "\x7f" or "\ud800" <= last <= "\udfff":  # in no key that obstore takes
        return start[:-1].rstrip(".")
    return start[:-1] + (last if last != "/" else ".") + "~"


def _debug(error: Exception) -> str:
    return str(error).rpartition(_DEBUG)[2] if _DEBUG in str(error) else ""


def _status(debug: str) -> int | None:
    found = _STATUS.search(debug)
    return int(found[1]) if found else None
