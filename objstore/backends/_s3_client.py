"""What a client of s3fs is made of: its limits, and without what it would do in vain for each request."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any

from aiobotocore import __version__ as aiobotocore
from aiobotocore.session import AioSession
from botocore.config import Config
from botocore.utils import determine_content_length, parse_timestamp
from s3fs import S3FileSystem

from ..errors import UnsupportedBackendError
from ._s3_models import share_models
from ._target import Limits, Target

_ASKED_FIRST = 2**20


async def filesystem_of(target: Target, limits: Limits) -> Any:
    """Make the filesystem, connected. Nothing is sent, but botocore may look for credentials.

    Raises:
        UnsupportedBackendError: The installed botocore knows no create-only PUT, and would leave the condition out.
    """
    config: Mapping[str, Any] = target.options.get("config_kwargs") or {}
    ours = {
        "connect_timeout": min(10.0, limits.timeout),
        "read_timeout": limits.timeout,
        "max_pool_connections": limits.concurrency,
        "retries": {"total_max_attempts": 1},
        # One of its own spares botocore to put one together for each request, an eighth of its time.
        "user_agent": f"objstore/{version('objstore')} aiobotocore/{aiobotocore}",
    }
    if "response_checksum_validation" in Config.OPTION_DEFAULTS:  # not in older ones, which check nothing
        ours["response_checksum_validation"] = "when_required"  # what has no digest of ours can be read again
    more = target.options.get("s3_additional_kwargs") or {}
    # A copy names the key of its source by itself, which s3fs does not think of.
    source = {f"CopySource{name}": value for name, value in more.items() if name.startswith("SSECustomer")}
    both = {"s3_additional_kwargs": {**source, **more}} if source else {}
    s3 = target.make(S3FileSystem, {"config_kwargs": {**ours, **config}, **both})
    if s3.session is None:
        s3.session = _session(s3.kwargs)
    s3.retries = 1  # s3fs, botocore and we would multiply: only we can repeat a broken download as well
    client = await s3.set_session()
    client.meta.events.register_last("before-call.s3", _send_at_once)
    if "IfNoneMatch" not in client.meta.service_model.operation_model("PutObject").input_shape.members:
        raise UnsupportedBackendError("this botocore knows no create-only PUT: install botocore 1.35.20 or newer")
    return s3


def _session(options: Mapping[str, Any]) -> AioSession:
    """Make the session that s3fs would make, without two wastes of its time."""
    session = AioSession(**options)
    share_models(session)
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    return session


def _moment(text: Any) -> datetime:
    """Read a time. botocore tries every way to write one, and a listing of a long log spends most of its time there."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):  # as in bodies, as in headers
        with suppress(TypeError, ValueError, AttributeError):
            return read(text)
    found: datetime = parse_timestamp(text)
    return found


def _send_at_once(params: dict[str, Any], **_: Any) -> None:
    """Do not ask whether a small body may be sent, as botocore does of every body: it costs a way there and back."""
    headers = params["headers"]
    if "Expect" in headers and determine_content_length(params["body"]) <= _ASKED_FIRST:
        del headers["Expect"]
