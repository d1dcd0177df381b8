"""What the tests of all servers with an S3 interface share."""

from __future__ import annotations

import uuid
from typing import Any


def options(url: str, key: str, secret: str) -> dict[str, Any]:
    """Give the storage_options of s3fs that lead to a server."""
    return {"key": key, "secret": secret, "endpoint_url": url, "client_kwargs": {"region_name": "us-east-1"}}


def make_bucket(storage_options: dict[str, Any]) -> str:
    """Make an empty bucket and give its name."""
    import s3fs

    name = f"bucket-{uuid.uuid4().hex}"
    filesystem = s3fs.S3FileSystem(**storage_options, skip_instance_cache=True)
    filesystem.call_s3("create_bucket", Bucket=name)
    return name
