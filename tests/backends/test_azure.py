from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from objstore._log.ops import Names
from objstore.backends import RemoteBackend, open_backend
from objstore.backends._target import Limits, Target
from objstore.backends.base import AsyncBackend, Backend, Facts
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
    many = 50  # a page holds 5,000 names, and one request deletes one object; see below

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


def listing(marker: str, *names: str) -> Say:
    blob = "<Blob><Name>some/prefix/key/{}</Name><Properties><BlobType>BlockBlob</BlobType></Properties></Blob>"
    found = "".join(blob.format(name) for name in names)
    head = '<EnumerationResults ServiceEndpoint="http://127.0.0.1/" ContainerName="c"><Delimiter>/</Delimiter>'
    body = f"{head}<Blobs>{found}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
    return Say(200, body.encode(), {"Content-Type": "application/xml"})


def test_a_listing_goes_on_to_its_end(place: Backend, scripted: ScriptedServer) -> None:
    pages = listing("one", "a"), listing("two"), listing("", "b", "c")
    scripted.play(*pages)
    assert [entry.name for entry in place.list("key/")] == ["a", "b", "c"]
    assert ["marker=" in request.query for request in scripted.requests] == [False, True, True]
    scripted.play(*pages)
    assert place.page("key/", "a") == Names(["b", "c"], more=False)


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


def test_what_somebody_else_answers_is_no_success(scripted: ScriptedServer, tmp_path: Path) -> None:
    place = blocking(at(f"{scripted.url}/{azure.ACCOUNT}", "c", retries=0))
    file = tmp_path / "file"
    file.write_bytes(b"x")
    calls: list[Callable[[], object]] = [
        lambda: place.create("key", b"x"),
        lambda: place.upload("key", str(file)),
        lambda: place.put("key", b"x"),
        lambda: place.get("key"),
        lambda: place.list("key/"),
        lambda: place.page("key/", ""),
        lambda: place.delete(["key"]),
        lambda: place.copy("key", "other"),
    ]
    for said in (Say(200), Say(200, b"<html>Welcome</html>", {"Content-Type": "text/html"})):
        scripted.play(said)
        for call in calls:
            with pytest.raises(UnavailableError, match="what came is no answer of Azure"):
                call()
    place.close()


def test_an_answer_that_breaks_off_is_none(place: Backend, scripted: ScriptedServer) -> None:
    scripted.play(Say(201, b"", promised=5), error(409, "BlobAlreadyExists"))
    assert place.create("key", b"x") is False
    scripted.play(Say(200, b"<Enum", promised=500))
    with pytest.raises(UnavailableError, match="asked 2 times"):
        place.list("key/")


def test_a_source_that_may_not_be_copied_is_not_called_missing(place: Backend, scripted: ScriptedServer) -> None:
    scripted.play(error(404, "CannotVerifyCopySource"))
    assert place.copy("key", "other") is False
    scripted.play(error(403, "CannotVerifyCopySource"))
    with pytest.raises(PermissionDeniedError, match="403 CannotVerifyCopySource"):
        place.copy("key", "other")


@pytest.mark.parametrize("days", [7, None])
def test_an_account_that_keeps_what_is_deleted_says_so(azurite: str, days: int | None) -> None:
    from azure.storage.blob import RetentionPolicy

    with azure.service(azurite) as account:
        account.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=bool(days), days=days))
        backend = at(azurite, azure.make_container(azurite))
        assert isinstance(backend, RemoteBackend)
        blocking(backend).put("key", b"x")
        assert backend.facts("key").versioned is bool(days)
        backend.close()


def test_who_may_not_ask_for_the_account_is_told_the_rest(scripted: ScriptedServer) -> None:
    backend = at(f"{scripted.url}/{azure.ACCOUNT}", "c")
    assert isinstance(backend, RemoteBackend)
    scripted.play(
        Say(200, b"", {"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "ETag": '"e"', "x-ms-blob-type": "BlockBlob"}),
        error(403, "AuthorizationPermissionMismatch"),
    )
    assert backend.facts("key") == Facts(modified=1767225600.0, versioned=None)
    backend.close()


@pytest.mark.parametrize(
    ("options", "environment", "anonymous"), [({}, None, False), ({"anon": True}, None, True), ({}, "true", True)]
)
def test_credentials_are_looked_for_unless_it_is_said_that_there_are_none(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], environment: str | None, anonymous: bool
) -> None:
    from objstore.backends._azure import connect

    monkeypatch.delenv("AZURE_STORAGE_ANON", raising=False)
    if environment:
        monkeypatch.setenv("AZURE_STORAGE_ANON", environment)
    made = asyncio.run(connect(Target("az", "c", {"account_name": "account", **options}), Limits()))._filesystem
    assert made.anon is anonymous
    assert environment or made.storage_options["anon"] is anonymous  # whatever adlfs does by itself


def test_racing_writes_in_blocks_do_not_take_each_others(
    place: Backend, scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from objstore.backends import _azure

    monkeypatch.setattr(_azure, "_AT_ONCE", 3, raising=False)
    scripted.play(Say(201, b"", {"ETag": '"e"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}))
    place.put("key", b"1234")
    assert place.create("key", b"1234")
    staged = {request.query for request in scripted.requests if "comp=block&" in request.query}
    assert (len(staged), len(scripted.requests)) == (2, 4)
    assert [request.query for request in scripted.requests].count("comp=blocklist") == 2
    done, swept = scripted.script[0], error(400, "InvalidBlockList")
    scripted.play(done, swept, done)
    place.put("key", b"1234")
    assert len(scripted.requests) == 4
    scripted.play(done, swept)
    assert place.create("key", b"1234") is False
