"""The least that any store could do: it bounds the others and is no design."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .adapter import Adapter, Contender, Place
from .workload import Turn, counted, encoded

_AT_ONCE = 32


def _whole(bodies: list[bytes]) -> tuple[int, int]:
    return counted(message for body in bodies for line in body.splitlines() for message in json.loads(line))


class _Append(Adapter):
    """One file a session; each turn is a line, flushed."""

    async def append(self, id: str, turn: Turn) -> None:
        path = Path(self.place.root, id)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(encoded(turn) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    async def load(self, id: str) -> tuple[int, int]:
        return _whole([Path(self.place.root, id).read_bytes()])

    async def list(self) -> list[str]:
        return [path.name for path in Path(self.place.root).iterdir()]


class _Parts(Adapter):
    """One object a turn, by number."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._next: dict[str, int] = {}

    def _name(self, id: str) -> str:
        self._next[id] = number = self._next.get(id, 0) + 1
        return f"{id}/{number:06d}"


class _Files(_Parts):
    """One new file a turn: temporary file, fsync, link, fsync of the directory; the calls of a durable create."""

    flush = True

    async def append(self, id: str, turn: Turn) -> None:
        path = Path(self.place.root, self._name(id))
        path.parent.mkdir(parents=True, exist_ok=True)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            temporary = f".tmp-{secrets.token_hex(8)}"
            file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
            os.write(file, encoded(turn))
            if self.flush:
                os.fsync(file)
            os.close(file)
            os.link(temporary, path.name, src_dir_fd=directory, dst_dir_fd=directory)
            os.unlink(temporary, dir_fd=directory)
            if self.flush:
                os.fsync(directory)
        finally:
            os.close(directory)

    async def load(self, id: str) -> tuple[int, int]:
        return _whole([path.read_bytes() for path in sorted(Path(self.place.root, id).iterdir())])

    async def list(self) -> list[str]:
        return [path.name for path in Path(self.place.root).iterdir()]


class _PlainFiles(_Files):
    """The same without a flush."""

    flush = False


class _S3fs(_Parts):
    """One bare PUT a turn through s3fs."""

    def __init__(self, place: Place) -> None:
        import s3fs

        super().__init__(place)
        options: dict[str, Any] = {**place.options(), "config_kwargs": {"max_pool_connections": _AT_ONCE}}
        self._fs = s3fs.S3FileSystem(**options, asynchronous=True, skip_instance_cache=True, use_listings_cache=False)

    async def append(self, id: str, turn: Turn) -> None:
        await self._fs._pipe_file(f"{self.place.root}/{self._name(id)}", encoded(turn))

    async def load(self, id: str) -> tuple[int, int]:
        names = sorted(await self._fs._find(f"{self.place.root}/{id}"))
        return _whole([*(await self._fs._cat(names, batch_size=_AT_ONCE)).values()])

    async def list(self) -> list[str]:
        return [name.rpartition("/")[2] for name in await self._fs._ls(self.place.root, detail=False)]

    async def close(self) -> None:
        if self._fs._s3 is not None:
            await self._fs._s3.close()


class _Boto3(_Parts):
    """One bare PUT a turn through boto3."""

    def __init__(self, place: Place) -> None:
        import boto3
        from botocore.config import Config

        super().__init__(place)
        self._s3 = boto3.client("s3", **place.boto(), config=Config(max_pool_connections=_AT_ONCE))

    async def append(self, id: str, turn: Turn) -> None:
        key = f"{self.place.prefix}/{self._name(id)}"
        self._s3.put_object(Bucket=self.place.bucket, Key=key, Body=encoded(turn))

    async def load(self, id: str) -> tuple[int, int]:
        keys = [each["Key"] for page in self._pages(f"{id}/", "") for each in page.get("Contents", [])]

        def read(key: str) -> bytes:
            body: bytes = self._s3.get_object(Bucket=self.place.bucket, Key=key)["Body"].read()
            return body

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return _whole([*pool.map(read, keys)])

    async def list(self) -> list[str]:
        found = [each["Prefix"] for page in self._pages("", "/") for each in page.get("CommonPrefixes", [])]
        return [prefix.split("/")[-2] for prefix in found]

    async def close(self) -> None:
        self._s3.close()

    def _pages(self, below: str, delimiter: str) -> Any:
        prefix = f"{self.place.prefix}/{below}"
        pages = self._s3.get_paginator("list_objects_v2")
        return pages.paginate(Bucket=self.place.bucket, Prefix=prefix, Delimiter=delimiter)


class _Obstore(_Parts):
    """One bare PUT a turn through obstore, which is object_store of Rust."""

    def __init__(self, place: Place) -> None:
        from obstore.store import S3Store

        super().__init__(place)
        boto = place.boto()
        self._s3 = S3Store(
            place.bucket,
            prefix=place.prefix,
            endpoint=boto["endpoint_url"],
            region=boto["region_name"],
            access_key_id=boto["aws_access_key_id"],
            secret_access_key=boto["aws_secret_access_key"],
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )

    async def append(self, id: str, turn: Turn) -> None:
        await self._s3.put_async(self._name(id), encoded(turn), use_multipart=False)

    async def load(self, id: str) -> tuple[int, int]:
        names = [each["path"] async for batch in self._s3.list(id) for each in batch]

        async def read(name: str) -> bytes:
            return bytes(await (await self._s3.get_async(name)).bytes_async())

        return _whole(await asyncio.gather(*map(read, sorted(names))))

    async def list(self) -> list[str]:
        found = await self._s3.list_with_delimiter_async()
        return [prefix.rstrip("/") for prefix in found["common_prefixes"]]


_NONE = "history of edits, conflict check, digests"

FLOORS = [
    Contender("floor: append, fsync", f"{_NONE}; a crash tears the last line", local=_Append),
    Contender("floor: file a turn, fsync", _NONE, local=_Files),
    Contender("floor: file a turn, no fsync", f"fsync, {_NONE}", local=_PlainFiles),
    Contender("floor: s3fs PUT", _NONE, s3=_S3fs, module="s3fs", install="s3fs"),
    Contender("floor: boto3 PUT", _NONE, s3=_Boto3, module="boto3", install="boto3"),
    Contender("floor: obstore PUT", _NONE, s3=_Obstore, module="obstore", install="obstore"),
]
