"""Calls of a backend, and what a server of S3 says to them."""

from __future__ import annotations

from typing import Any

import pytest

from objstore.backends import RemoteBackend, open_backend
from objstore.backends.base import Backend
from objstore.testing.blocking import blocking
from tests.conftest import options_for
from tests.places import on_its_loop
from tests.servers.scripted import Say, ScriptedServer, s3_error

OK = Say(200, b"", {"ETag": '"etag"'})


BYTES = Say(200, b"hello", {"ETag": '"etag"'})


EXISTS = s3_error(412, "PreconditionFailed", "<Condition>If-None-Match</Condition>")


BUSY = s3_error(503, "SlowDown")


def at(server: ScriptedServer, client: str, *, config: dict[str, Any] | None = None, **limits: Any) -> Backend:
    options = options_for(server.url)
    if config is not None:
        options["config_kwargs"] = config
    name: Any = client.partition(",")[0]
    backend = open_backend("s3://bucket/store", storage_options=options, client=name, **limits)
    assert isinstance(backend, RemoteBackend)
    return blocking(on_its_loop(backend) if client.endswith("loop") else backend)


def create(place: Backend) -> object:
    return place.create("key", b"x")


def put(place: Backend) -> None:
    place.put("key", b"x")


def get(place: Backend) -> object:
    return place.get("key")


def names(place: Backend) -> object:
    return place.list("key/")


def delete(place: Backend) -> None:
    place.delete(["key"])


def delete_two(place: Backend) -> None:
    place.delete(["key", "other"])


def copy(place: Backend) -> object:
    return place.copy("key", "other")


EVERYTHING = [create, put, get, names, delete, delete_two, copy]


def listing(inside: str) -> Say:
    found = "<Contents><Key>store/key/a</Key><Size>1</Size></Contents>"
    return Say(200, f"<ListBucketResult><IsTruncated>true</IsTruncated>{inside}{found}</ListBucketResult>".encode())


def page(place: Backend) -> object:
    return place.page("key/", "")


def names_of_a_log(place: Backend) -> object:
    return place.list("key/log/")


SOMEBODY = pytest.mark.parametrize(
    "said",
    [Say(200), Say(200, b"<html>Welcome</html>"), Say(200, b"<html><br></html>")],
    ids=["nothing", "a page", "a page that is no XML"],
)
