from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from objstore.backends import open_backend
from objstore.backends.base import AsyncBackend, Backend
from objstore.errors import BackendError, PermissionDeniedError, UnavailableError
from objstore.testing.backend import BackendTests
from objstore.testing.blocking import blocking
from tests.servers import azurite as azure
from tests.servers.scripted import Drop, Say, ScriptedServer

pytest.importorskip("adlfs", reason="adlfs is not installed: pip install 'objstore[azure]'")


def at(url: str, container: str, **limits: Any) -> AsyncBackend:
    options = {"connection_string": azure.connection_string(url)}
    backend = open_backend(f"az://{container}/some/prefix", storage_options=options, **limits)
    assert isinstance(backend, AsyncBackend)
    assert backend.name == "az"
    return backend


class TestAzure(BackendTests):
    @pytest.fixture
    def backend(self, azurite: str) -> Iterator[AsyncBackend]:
        backend = at(azurite, azure.make_container(azurite))
        yield backend
        backend.close()


def test_a_missing_container_is_named_whatever_is_asked(azurite: str) -> None:
    place = blocking(at(azurite, "no-such-container"))
    for call in (
        lambda: place.get("a"),
        lambda: place.list(""),
        lambda: place.create("a", b""),
        lambda: place.put("a", b""),
        lambda: place.delete(["a", "b"]),
    ):
        with pytest.raises(BackendError, match="the bucket 'no-such-container' does not exist"):
            call()
    place.close()


def error(status: int, code: str) -> Say:
    return Say(status, b"", {"x-ms-error-code": code})


@pytest.fixture
def place(scripted: ScriptedServer) -> Iterator[Backend]:
    place = blocking(at(f"{scripted.url}/{azure.ACCOUNT}", "c", retries=1))
    yield place
    place.close()


def test_answers_mean_what_they_mean_on_s3(place: Backend, scripted: ScriptedServer) -> None:
    for said, kind in (
        (error(403, "AuthenticationFailed"), PermissionDeniedError),
        (error(403, "AuthorizationFailure"), PermissionDeniedError),
        (error(401, "NoAuthenticationInformation"), PermissionDeniedError),
        (error(500, "InternalError"), UnavailableError),
        (error(503, "ServerBusy"), UnavailableError),
        (error(400, "InvalidBlobOrBlock"), BackendError),
        (Drop(), UnavailableError),
    ):
        scripted.play(said)
        with pytest.raises(BackendError, match="az://c/some/prefix/key") as caught:
            place.create("key", b"x")
        assert type(caught.value) is kind
        assert azure.KEY not in str(caught.value)
    scripted.play(error(409, "BlobAlreadyExists"))
    assert place.create("key", b"x") is False
    scripted.play(error(503, "ServerBusy"))
    with pytest.raises(UnavailableError):
        place.put("key", b"x")
    assert len(scripted.requests) == 2
