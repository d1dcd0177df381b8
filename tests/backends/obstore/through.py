"""Backends that reach S3 through obstore."""

from __future__ import annotations

from typing import Any

from objstore.backends import RemoteBackend, open_backend
from tests.servers.scripted import Say

OK = Say(200, b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>", {"ETag": '"x"'})


def remote(url: str, options: dict[str, Any], **limits: Any) -> RemoteBackend:
    backend = open_backend(url, storage_options=options, client="obstore", **limits)
    assert isinstance(backend, RemoteBackend)
    return backend
