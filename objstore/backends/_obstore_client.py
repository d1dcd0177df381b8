"""What a client of obstore is made of: where the bucket is, who asks, how patiently, and whether it may wait."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import obstore
from botocore.exceptions import NoCredentialsError
from botocore.session import Session
from obstore.store import S3Store

from ._obstore_options import S3Settings
from ._s3_models import share_models
from ._target import Limits

_NO_HEADER = re.compile(r"[\x00-\x1f\x7f]")


def config_of(settings: S3Settings, bucket: str) -> dict[str, Any]:
    """Say where the bucket is and who we are: what the user said, and what botocore finds for the rest."""
    config: dict[str, Any] = {**settings.config, "conditional_put": "etag", "skip_signature": settings.anonymous}
    region, endpoint, style = settings.region, settings.endpoint, settings.style
    if settings.key is not None:
        config["credential_provider"] = _Given(settings)
    if endpoint is None or region is None or (settings.key is None and not settings.anonymous):
        session = Session(profile=settings.profile)
        share_models(session)
        client = session.create_client(
            "s3", region_name=region, endpoint_url=endpoint, use_ssl=settings.tls, verify=settings.verify
        )
        region, endpoint = client.meta.region_name, client.meta.endpoint_url
        if style == "auto":
            style = (client.meta.config.s3 or {}).get("addressing_style", style)
        if settings.key is None and not settings.anonymous:
            config["credential_provider"] = _Credentials(session)
    region = "us-east-1" if region in (None, "aws-global") else region
    host = urlsplit(endpoint.replace(".aws-global.", f".{region}."))  # of no host, but of what botocore makes one
    if style == "auto":  # as botocore does it: by name where that is Amazon's and can be part of a host name
        amazon = bool(re.search(r"\.amazonaws\.com(\.cn)?$", host.hostname or ""))
        style = "virtual" if amazon and re.fullmatch(r"[a-z0-9-]+", bucket) else "path"
    if style == "virtual":
        host = host._replace(netloc=f"{bucket}.{host.netloc}")
    _checked(settings.key, settings.token, region)
    return {
        **config,
        "endpoint": host.geturl(),
        "region": region,
        "virtual_hosted_style_request": style == "virtual",
    }


def client_maker(settings: S3Settings, bucket: str, limits: Limits) -> Callable[[int, float], S3Store]:
    """Give what makes a client, from how often it sends a request again and how many seconds more than usual it waits.

    Nothing is sent, but files may be read, and credentials looked for.
    """
    config = config_of(settings, bucket)
    # The time in all is not limited: obstore counts it from the beginning of a request to the end of its body.
    options: Any = {
        "allow_http": urlsplit(config["endpoint"]).scheme == "http",
        "connect_timeout": timedelta(seconds=settings.connect_timeout or min(10.0, limits.timeout)),
        "timeout": timedelta(days=1),
        "pool_max_idle_per_host": str(settings.connections or limits.concurrency),
        "user_agent": f"objstore/{version('objstore')} obstore/{obstore.__version__}",
    }
    if settings.verify is False:
        options["allow_invalid_certificates"] = True
    elif isinstance(settings.verify, str):
        options["root_certificate"] = Path(settings.verify).read_bytes()

    def make(retries: int, more: float) -> S3Store:
        patience = timedelta(seconds=(settings.read_timeout or limits.timeout) + more)
        again: Any = {
            "max_retries": retries,
            "retry_timeout": timedelta(days=1),
            "backoff": {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=5), "base": 2},
        }
        return S3Store(bucket, client_options=options | {"read_timeout": patience}, retry_config=again, **config)

    return make


class LineEndError(ValueError):
    """Credentials that no request can carry. obstore would panic over them, which is no `Exception`."""


def _checked(*texts: str | None) -> None:
    if any(text and _NO_HEADER.search(text) for text in texts):
        raise LineEndError("a line end, or another control character, in what goes into the headers of requests")


class _Given:
    """What the user has given: alone, while obstore would add a token of the environment to it."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings

    def __call__(self) -> Any:
        return {
            "access_key_id": self._settings.key,
            "secret_access_key": self._settings.secret,
            "token": self._settings.token,
            "expires_at": None,
        }


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
