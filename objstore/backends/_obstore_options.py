"""What storage_options of s3fs mean to obstore; one that means nothing to it is an error, since it would be ignored."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from ..errors import UnsupportedError

T = TypeVar("T")

_NESTED = frozenset(
    {"client_kwargs", "config_kwargs", "config_kwargs.retries", "config_kwargs.s3", "s3_additional_kwargs"}
)


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Where a bucket is and how to speak with it, as far as the user said it.

    Attributes:
        endpoint: The URL of the server; ``None``: as botocore finds it.
        region: ``None``: as botocore finds it.
        profile: The section of AWS's own files.
        key: The access key and its secret come together.
        secret: See ``key``.
        token: Of credentials that end.
        anonymous: Whether requests are not signed.
        tls: Whether an endpoint that botocore finds is reached by HTTPS.
        style: How a request names the bucket; ``auto`` as botocore does it.
        verify: Whether certificates are checked, or the file of those that are trusted too.
        connect_timeout: Seconds.
        read_timeout: Seconds without a byte.
        connections: How many are kept open.
        retries: How often a request is sent again.
        config: Everything that obstore takes as it is.
    """

    endpoint: str | None
    region: str | None
    profile: str | None
    key: str | None = field(repr=False)
    secret: str | None = field(repr=False)
    token: str | None = field(repr=False)
    anonymous: bool
    tls: bool
    style: Literal["auto", "path", "virtual"]
    verify: bool | str
    connect_timeout: float | None
    read_timeout: float | None
    connections: int | None
    retries: int | None
    config: Mapping[str, Any] = field(repr=False)


def s3_settings(options: Mapping[str, Any]) -> S3Settings:
    """Translate the options. Nothing is looked up.

    Raises:
        UnsupportedError: obstore knows no such option, or not this kind of value; the message names it.
    """
    given = _Given(options)
    key = given.take(str, "key", "username", "client_kwargs.aws_access_key_id")
    secret = given.take(str, "secret", "password", "client_kwargs.aws_secret_access_key")
    if (key is None) is not (secret is None):
        raise UnsupportedError("storage_options hold one of key and secret: give both, or none of them")
    total = given.take(int, "config_kwargs.retries.total_max_attempts")
    again = given.take(int, "config_kwargs.retries.max_attempts")
    given.take(bool, "fixed_upload_size")  # all parts but the last are of one size anyway
    given.choose("s3v4", ("s3v4",), "config_kwargs.signature_version")
    settings = S3Settings(
        endpoint=given.take(str, "endpoint_url", "client_kwargs.endpoint_url"),
        region=given.take(str, "client_kwargs.region_name", "config_kwargs.region_name"),
        profile=given.take(str, "profile"),
        key=key,
        secret=secret,
        token=given.take(str, "token", "client_kwargs.aws_session_token"),
        anonymous=given.take(bool, "anon") or False,
        tls=given.take(bool, "client_kwargs.use_ssl", "use_ssl") is not False,
        style=cast(Any, given.choose("auto", ("auto", "path", "virtual"), "config_kwargs.s3.addressing_style")),
        verify=given.take((bool, str), "client_kwargs.verify", default=True),
        connect_timeout=given.take((int, float), "config_kwargs.connect_timeout"),
        read_timeout=given.take((int, float), "config_kwargs.read_timeout"),
        connections=given.take(int, "config_kwargs.max_pool_connections"),
        retries=again if total is None else total - 1,
        config=_encryption(given) | _payer(given),
    )
    given.finish()
    return settings


def _encryption(given: _Given) -> dict[str, Any]:
    kinds = ("AES256", "aws:kms", "aws:kms:dsse")
    found = {
        "server_side_encryption": given.choose(None, kinds, "s3_additional_kwargs.ServerSideEncryption"),
        "sse_kms_key_id": given.take(str, "s3_additional_kwargs.SSEKMSKeyId"),
        "sse_bucket_key_enabled": given.take(bool, "s3_additional_kwargs.BucketKeyEnabled"),
    }
    given.choose(None, ("AES256",), "s3_additional_kwargs.SSECustomerAlgorithm")
    key = given.take((str, bytes), "s3_additional_kwargs.SSECustomerKey")
    if key is not None:
        found["server_side_encryption"] = "sse-c"
        raw = key.encode() if isinstance(key, str) else key
        found["sse_customer_key_base64"] = base64.b64encode(raw).decode()
    return {name: value for name, value in found.items() if value is not None}


def _payer(given: _Given) -> dict[str, Any]:
    pays = given.take(bool, "requester_pays")
    named = given.choose(None, ("requester",), "s3_additional_kwargs.RequestPayer")
    return {"request_payer": True} if pays or named else {}


class _Given:
    """The options of a user. What is left when all have been asked for is what obstore does not know."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._left = dict(_flat(options))

    def take(self, kind: Any, *names: str, default: Any = None) -> Any:
        """Give the first of some options that is there; the others mean the same."""
        found = [(name, self._left.pop(name)) for name in names if name in self._left]
        for name, value in found:
            if not isinstance(value, kind) or (isinstance(value, bool) and kind in (int, (int, float))):
                raise UnsupportedError(f'client="obstore" cannot use the value of {name} in storage_options: its type')
        return found[0][1] if found else default

    def choose(self, default: str | None, words: tuple[str, ...], name: str) -> str | None:
        """Give an option that must be one of some words."""
        value = self.take(str, name, default=default)
        if value is not None and value not in words:
            raise UnsupportedError(f'client="obstore" knows {name} in storage_options only as {", ".join(words)}')
        return cast(str | None, value)

    def finish(self) -> None:
        """Refuse what nobody asked for."""
        if self._left:
            names = ", ".join(sorted(self._left))
            raise UnsupportedError(
                f'client="obstore" does not know {names} in storage_options: leave it out, or leave client out'
            )


def _flat(options: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        full = f"{above}{name}"
        if full in _NESTED and isinstance(value, Mapping):
            yield from _flat(value, f"{full}.")
        elif value is not None:
            yield full, value
