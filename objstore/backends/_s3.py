"""S3 and what speaks its language, through s3fs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import aiohttp
from botocore import exceptions as boto

from .._log.ops import Entry, Names
from ._adapter import ExistsError, KeyRefusedError, Kind, Refusal, Send, StrangeError, directory_of, entries, names
from ._causes import causes
from ._pieces import Pieces
from ._s3_client import filesystem_of
from ._s3_rules import MAX_COPY, PAGE, PART, PARTS_AT_ONCE, STRANGE, part_size, refusal_of
from ._target import Limits, Target
from .base import Facts

_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.NoAuthTokenError,
    boto.ProfileNotFound,
    boto.SSOError,
    boto.TokenRetrievalError,
)
_NO_ANSWER = (
    boto.ConnectionError,
    boto.HTTPClientError,
    boto.IncompleteReadError,
    boto.ResponseStreamingError,
    aiohttp.ClientError,
    asyncio.TimeoutError,
    OSError,
)


class S3Adapter:
    """One bucket, through s3fs's `_call_s3`: the only way into it that carries conditions and asks nothing twice."""

    deletes_many = True

    def __init__(self, filesystem: Any, path: str, retries: int) -> None:
        self.bucket, self.prefix, _ = filesystem.split_path(path)
        self.retries = retries
        self._s3 = filesystem

    async def create(self, key: str, data: bytes) -> None:
        """Write an object that is not there yet: 1 PUT."""
        await self._write("put_object", key, Body=data, IfNoneMatch="*")

    async def upload(self, key: str, path: str, size: int, send: Send) -> None:
        """Write an object that is not there yet from a file: 1 PUT up to 8 MiB, else 1 HEAD, and 1 PUT for each part.

        The end of an upload in parts is create-only where the storage knows how. Where it does not, it writes the same
        bytes again, since objects are named by their contents: good enough for them, never for a commit.
        """
        if size <= PART:
            data = await asyncio.to_thread(lambda: b"".join(Pieces(path)))
            return await send(lambda: self.create(key, data))
        if await send(lambda: self._has(key, size)):  # an earlier attempt, whose answer was lost
            raise ExistsError
        begun = (await send(lambda: self._write("create_multipart_upload", key)))["UploadId"]
        try:
            parts = await self._parts(key, begun, path, size, send)
            await send(lambda: self._complete(key, begun, parts, size))
        except BaseException:
            with suppress(Exception):  # one that stays is for the bucket's lifecycle rules
                await self._call("abort_multipart_upload", key, UploadId=begun)
            raise

    async def _parts(self, key: str, upload: str, path: str, size: int, send: Send) -> list[dict[str, Any]]:
        async def one(number: int, data: bytes) -> dict[str, Any]:
            part = {"PartNumber": number, "UploadId": upload}
            answer = await send(lambda: self._write("upload_part", key, Body=data, **part))
            return {"PartNumber": number, "ETag": answer["ETag"]}

        done: list[dict[str, Any]] = []
        pieces = enumerate(Pieces(path, part_size(size)), 1)
        while some := await asyncio.to_thread(lambda: list(islice(pieces, PARTS_AT_ONCE))):
            for answer in await asyncio.gather(*(one(number, data) for number, data in some), return_exceptions=True):
                if isinstance(answer, BaseException):  # not before the others have ended, or they outlive the upload
                    raise answer
                done.append(answer)
        return done

    async def _complete(self, key: str, upload: str, parts: list[dict[str, Any]], size: int) -> None:
        arguments: dict[str, Any] = {"UploadId": upload, "MultipartUpload": {"Parts": parts}}
        try:
            try:
                await self._write("complete_multipart_upload", key, IfNoneMatch="*", **arguments)
            except Exception as error:
                if self.explain(error).kind is not Kind.UNSUPPORTED:
                    raise
                await self._write("complete_multipart_upload", key, **arguments)
        except Exception as error:
            # The answer to an earlier attempt may have been lost; then there is an object, and no upload any more.
            if _code(error)[1] != "NoSuchUpload" or not await self._has(key, size):
                raise

    async def _has(self, key: str, size: int) -> bool:
        try:
            return bool((await self._call("head_object", key))["ContentLength"] == size)
        except Exception as error:
            if self.explain(error).kind is not Kind.MISSING:
                raise
            return False

    async def put(self, key: str, data: bytes) -> None:
        """Write an object over what is there: 1 PUT."""
        await self._write("put_object", key, Body=data)

    async def get(self, key: str) -> bytes:
        """Read a whole object: 1 GET, no HEAD before it."""
        _, data = await self._get(key)
        return data

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Read a range of an object: 1 GET."""
        try:
            partial, data = await self._get(key, Range=f"bytes={start}-{start + length - 1}")
        except Exception as error:
            if _code(error)[1] != "InvalidRange":  # what S3 says to one that begins behind the end
                raise
            return b""
        return data if partial else data[start : start + length]  # a proxy may know no ranges, and give all of it

    async def _get(self, key: str, **arguments: Any) -> tuple[bool, bytes]:
        answer = await self._call("get_object", key, **arguments)
        async with answer["Body"] as body:
            return "ContentRange" in answer, await body.read()

    async def list(self, prefix: str) -> list[Entry]:
        """Name what lies directly below ``prefix``: 1 GET for each 1,000 names."""
        found: list[Entry] = []
        more: dict[str, str] = {}
        while True:
            page = await self._listing(prefix, more)
            directories = (item["Prefix"] for item in page.get("CommonPrefixes", ()))
            objects = ((item["Key"], item["Size"]) for item in page.get("Contents", ()))
            found += entries(prefix, directories, objects)
            if not page.get("IsTruncated"):
                return found
            more = _behind(page, more)

    async def page(self, prefix: str, after: str) -> Names:
        """Name the next objects below ``prefix``: 1 GET for 1,000 names."""
        more = {"StartAfter": directory_of(prefix) + after} if after else {}
        while True:
            page = await self._listing(prefix, more)
            found = names(prefix, (item["Key"] for item in page.get("Contents", ())))
            truncated = bool(page.get("IsTruncated"))
            if found or not truncated:  # else it was full of directories
                return Names(found, more=truncated)
            more = _behind(page, more)

    async def _listing(self, prefix: str, more: dict[str, str]) -> Any:
        page = await self._s3._call_s3("list_objects_v2", Bucket=self.bucket, Prefix=prefix, Delimiter="/", **more)
        if page.keys() <= {"ResponseMetadata"}:  # somebody else answered; an empty listing says at least of what
            raise StrangeError
        return page

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects: 1 DELETE for one, 1 POST for each 1,000 of many."""
        if len(keys) == 1:
            said = (await self._call("delete_object", keys[0]))["ResponseMetadata"]
            if said["HTTPStatusCode"] != 204 and said["HTTPHeaders"].get("content-length") != "0":  # a page
                raise StrangeError
            return
        for start in range(0, len(keys), PAGE):
            page = {"Objects": [{"Key": key} for key in keys[start : start + PAGE]]}
            answer = await self._s3._call_s3("delete_objects", Bucket=self.bucket, Delete=page)
            if not answer.keys() & {"Deleted", "Errors"}:  # S3 names what it has deleted
                raise StrangeError
            for refused in answer.get("Errors", ()):  # the request succeeds whatever became of its keys
                refusal = refusal_of(None, refused.get("Code", ""))
                if refusal.kind is not Kind.MISSING:
                    raise KeyRefusedError(refused["Key"], refusal)

    async def copy(self, source: str, target: str) -> None:
        """Copy an object inside the storage: 1 PUT, or parts above 5 GB."""
        try:
            await self._write("copy_object", target, CopySource={"Bucket": self.bucket, "Key": source})
        except Exception as error:
            if _code(error)[1] != "InvalidRequest":  # what S3 says to more than 5 GB, and to other things
                raise
            size = (await self._call("head_object", source))["ContentLength"]
            if size <= MAX_COPY:
                raise
            await self._s3._copy_managed(f"{self.bucket}/{source}", f"{self.bucket}/{target}", size)

    async def facts(self, key: str) -> Facts:
        """Say when an object was written, by the storage's clock, and whether the bucket keeps versions."""
        head = await self._call("head_object", key)
        try:
            versioning = await self._s3._call_s3("get_bucket_versioning", Bucket=self.bucket)
        except Exception:  # most policies do not allow the question
            versioned = None
        else:
            versioned = "Status" in versioning
        return Facts(modified=head["LastModified"].timestamp(), versioned=versioned)

    async def close(self) -> None:
        """Close the connections."""
        await self._s3._s3.close()

    def explain(self, error: Exception) -> Refusal:
        """Say what happened by the HTTP status and S3's code, wherever in the chain of causes they are."""
        status, code = _code(error)
        if code:
            return refusal_of(status, code)
        if isinstance(error, StrangeError):
            return STRANGE
        for cause in causes(error):
            if isinstance(cause, _NO_CREDENTIALS):
                return Refusal(Kind.DENIED, f"no credentials ({type(cause).__name__})")
        for cause in causes(error):
            if isinstance(cause, boto.HTTPClientError) and isinstance(cause.kwargs.get("error"), ValueError):
                return Refusal(Kind.OTHER, "no request can be made of this: is there a line end in the credentials?")
            if isinstance(cause, _NO_ANSWER):
                return Refusal(Kind.UNAVAILABLE, type(cause).__name__)
        return Refusal(Kind.OTHER, f"{type(error).__name__}: {error}")

    async def _write(self, method: str, key: str, **arguments: Any) -> Any:
        answer = await self._call(method, key, **arguments)
        if not any(answer[said] for said in answer.keys() - {"ResponseMetadata"}):  # of what is written S3 gives a tag
            raise StrangeError
        return answer

    async def _call(self, method: str, key: str, **arguments: Any) -> Any:
        return await self._s3._call_s3(method, Bucket=self.bucket, Key=key, **arguments)


async def connect(target: Target, limits: Limits) -> S3Adapter:
    """Make an adapter. Nothing is sent, but botocore may look for credentials.

    Raises:
        UnsupportedBackendError: The installed botocore knows no create-only PUT, and would leave the condition out.
    """
    filesystem = await filesystem_of(target, limits)
    theirs = "retries" in (target.options.get("config_kwargs") or {})
    return S3Adapter(filesystem, target.path, 0 if theirs else limits.retries)


def _behind(page: Mapping[str, Any], before: Mapping[str, str]) -> dict[str, str]:
    """Say where the next page of a listing begins; one that begins where the last one did would never end."""
    token = page.get("NextContinuationToken")
    if not token or token == before.get("ContinuationToken"):
        raise StrangeError
    return {"ContinuationToken": token}


def _code(error: BaseException) -> tuple[int | None, str]:
    for cause in causes(error):
        response = getattr(cause, "response", None)
        if isinstance(cause, boto.ClientError) and isinstance(response, dict):
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            return status, str(response.get("Error", {}).get("Code") or status)
    return None, ""
