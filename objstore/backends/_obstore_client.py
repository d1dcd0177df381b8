"""What a client of obstore is made of: where the bucket is, who asks, and whether it may wait."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from botocore.exceptions import NoCredentialsError
from botocore.session import Session
from obstore.store import S3Store

from ._obstore_options import S3Settings
from ._s3_models import share_models

_NO_HEADER = re.compile(r"[\x00-\x1f\x7f]")


def config_of(settings: S3Settings, bucket: str) -> dict[str, Any]:
    """Say where the bucket is and who we are: what the user said, and what botocore finds for the rest."""
    config: dict[str, Any] = {**settings.config, "conditional_put": "etag", "skip_signature": settings.anonymous}
    region, endpoint = settings.region, settings.endpoint
    if settings.key is not None:
        config |= {"access_key_id": settings.key, "secret_access_key": settings.secret}
        config |= {} if settings.token is None else {"session_token": settings.token}
    if endpoint is None or region is None or (settings.key is None and not settings.anonymous):
        session = Session(profile=settings.profile)
        share_models(session)
        client = session.create_client(
            "s3", region_name=region, endpoint_url=endpoint, use_ssl=settings.tls, verify=settings.verify
        )
        region, endpoint = client.meta.region_name, client.meta.endpoint_url
        if settings.key is None and not settings.anonymous:
            config["credential_provider"] = _Credentials(session)
    host = urlsplit(endpoint)
    style = settings.style
    if style == "auto":  # as botocore does it: by name where that is Amazon's and can be part of a host name
        amazon = bool(re.search(r"\.amazonaws\.com(\.cn)?$", host.hostname or ""))
        style = "virtual" if amazon and re.fullmatch(r"[a-z0-9-]+", bucket) else "path"
    if style == "virtual":
        endpoint = host._replace(netloc=f"{bucket}.{host.netloc}").geturl()
    region = "us-east-1" if region in (None, "aws-global") else region
    _checked(settings.key, settings.token, region)
    return {
        **config,
        "endpoint": endpoint,
        "region": region,
        "virtual_hosted_style_request": style == "virtual",
    }


class LineEndError(ValueError):
    """Credentials that no request can carry. obstore would panic over them, which is no `Exception`."""


def _checked(*texts: str | None) -> None:
    if any(text and _NO_HEADER.search(text) for text in texts):
        raise LineEndError("a line end, or another control character, in what goes into the headers of requests")


class _Credentials:
    """What botocore finds, asked for again every few minutes; it renews what ends at least 10 minutes before."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __call__(self) -> Any:
        found = self._session.get_credentials()
        if found is None:
            raise NoCredentialsError
        now = found.get_frozen_credentials()
        _checked(now.access_key, now.token)
        return {
            "access_key_id": now.access_key,
            "secret_access_key": now.secret_key,
            "token": now.token,
            "expires_at": datetime.now(UTC) + timedelta(minutes=10),
        }


class Waiting:
    """A client whose coroutines wait in the calling thread, so that they can be finished without an event loop."""

    def __init__(self, store: S3Store) -> None:
        self._store = store

    async def put_async(
        self, key: str, data: bytes, *, mode: Literal["create"] | None = None, use_multipart: bool | None = None
    ) -> Any:
        return self._store.put(key, data, mode=mode, use_multipart=use_multipart)

    async def get_async(self, key: str) -> Any:
        return self._store.get(key)

    async def get_range_async(self, key: str, *, start: int, length: int) -> Any:
        return self._store.get_range(key, start=start, length=length)

    async def list_with_delimiter_async(self, directory: str) -> Any:
        return self._store.list_with_delimiter(directory)

    async def list(self, directory: str | None, *, offset: str | None, chunk_size: int) -> AsyncIterator[Any]:
        for chunk in self._store.list(directory, offset=offset, chunk_size=chunk_size):
            yield chunk

    async def delete_async(self, keys: Sequence[str]) -> None:
        self._store.delete(keys)
