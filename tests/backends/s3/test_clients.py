"""What is sent to S3, and how s3fs and botocore are set up for it."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from objstore.backends import open_backend
from objstore.backends.base import AsyncBackend, Backend
from objstore.errors import UnsupportedBackendError
from objstore.testing.blocking import blocking
from objstore.testing.racing import at_once
from tests.backends.s3.calls import BYTES, OK, at, create
from tests.conftest import options_for
from tests.servers.scripted import Say, ScriptedServer


def test_a_condition_goes_with_every_create_and_no_put(
    scripted: ScriptedServer, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.servers.scripted import Player

    seen: list[str | None] = []
    begin = Player.begin

    def watched(self: Player) -> bytes:
        seen.append(self.headers.get("If-None-Match"))
        return begin(self)

    monkeypatch.setattr(Player, "begin", watched)
    place = at(scripted, client)
    scripted.play(OK)
    place.create("key", b"")
    place.create("key", b"x" * 20_000_000)
    place.put("key", b"x")
    assert seen == ["*", "*", None]
    assert Counter(request.method for request in scripted.requests) == Counter(PUT=3)


@pytest.mark.parametrize(
    ("options", "both", "copies"),
    [
        (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:key"},
            {"": "aws:kms", "-aws-kms-key-id": "arn:key"},
            {},
        ),
        (
            {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32},
            {"-customer-key": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="},
            {"-customer-key": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="},
        ),
    ],
    ids=["kms", "customer"],
)
def test_encryption_goes_with_every_write_and_with_both_ends_of_a_copy(
    scripted: ScriptedServer,
    client: str,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, str],
    both: dict[str, str],
    copies: dict[str, str],
) -> None:
    from tests.servers.scripted import Player

    seen: list[dict[str, str]] = []
    begin = Player.begin

    def watched(self: Player) -> bytes:
        seen.append({name.lower(): value for name, value in self.headers.items()})
        return begin(self)

    monkeypatch.setattr(Player, "begin", watched)
    place = blocking(
        open_backend(
            "s3://bucket/store",
            storage_options={**options_for(scripted.url), "s3_additional_kwargs": options},
            client="fsspec" if client == "fsspec" else "obstore",
        )
    )
    scripted.play(Say(200, b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>", {"ETag": '"x"'}))
    place.create("key", b"x")
    place.copy("key", "other")
    for name, value in both.items():
        assert [headers.get(f"x-amz-server-side-encryption{name}") for headers in seen[:2]] == [value] * 2
    for name, value in copies.items():
        assert seen[1].get(f"x-amz-copy-source-server-side-encryption{name}") == value
    place.close()


def test_new_credentials_in_the_environment_are_found_after_a_close(
    scripted: ScriptedServer, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.servers.scripted import Player

    seen: list[str] = []
    begin = Player.begin

    def watched(self: Player) -> bytes:
        seen.append(self.headers["Authorization"].partition("Credential=")[2].partition("/")[0])
        return begin(self)

    monkeypatch.setattr(Player, "begin", watched)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    options = {"endpoint_url": scripted.url, "client_kwargs": {"region_name": "us-east-1"}}
    name: Any = client.partition(",")[0]
    place = blocking(open_backend("s3://bucket/store", storage_options=options, client=name))
    scripted.play(BYTES)
    for key in ("first", "second"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        place.get("key")
        place.get("key")
        place.close()
    assert seen == ["first", "first", "second", "second"]


def test_only_a_big_body_is_announced_before_it_is_sent(
    place: Backend, scripted: ScriptedServer, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.servers.scripted import Player

    seen: list[str | None] = []
    begin = Player.begin

    def watched(self: Player) -> bytes:
        seen.append(self.headers.get("Expect"))
        return begin(self)

    monkeypatch.setattr(Player, "begin", watched)
    scripted.play(OK)
    place.create("key", b"x" * 2**20)
    place.create("key", b"")
    place.put("key", b"x")
    assert seen == [None, None, None]
    place.create("key", b"x" * (2**20 + 1))
    place.put("key", b"x" * (2**20 + 1))
    assert seen[3:] == (["100-continue"] * 2 if client == "fsspec" else [None, None])


def test_as_many_connections_are_used_as_allowed_and_used_again(
    scripted: ScriptedServer, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.servers.scripted import Player

    full, lock, under_way, connections = threading.Barrier(8), threading.Lock(), [0, 0], []
    begin, accept = Player.begin, ScriptedServer.get_request

    def watched(self: Player) -> bytes:
        with lock:
            under_way[0] += 1
            under_way[1] = max(under_way)
        full.wait()
        with lock:
            under_way[0] -= 1
        return begin(self)

    def counted(self: ScriptedServer) -> Any:
        connections.append(accept(self))
        return connections[-1]

    monkeypatch.setattr(Player, "begin", watched)
    monkeypatch.setattr(ScriptedServer, "get_request", counted)
    place = at(scripted, client, concurrency=8)
    scripted.play(BYTES)
    for _ in range(4):
        assert at_once(64, lambda _: place.get("key")) == [b"hello"] * 64
    assert under_way == [0, 8]
    assert 8 <= len(connections) < 64  # for 256 requests; one may begin before the connection of another is back


def test_a_close_closes_the_client(scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from aiobotocore.client import AioBaseClient

    close, closed = AioBaseClient.close, list[AioBaseClient]()

    async def told(self: AioBaseClient) -> None:
        closed.append(self)
        await close(self)

    monkeypatch.setattr(AioBaseClient, "close", told)
    place = at(scripted, "fsspec")
    place.close()
    assert closed == []
    scripted.play(OK)
    create(place)
    place.close()
    place.close()
    assert len(closed) == 1


def test_a_botocore_that_would_drop_the_condition_is_refused(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.model import StructureShape

    really = StructureShape.members

    def without(shape: StructureShape) -> dict[str, Any]:
        members = really.__get__(shape, StructureShape)
        return {name: member for name, member in members.items() if name != "IfNoneMatch"}

    monkeypatch.setattr(StructureShape, "members", property(without))
    with pytest.raises(UnsupportedBackendError, match="install botocore"):
        create(at(scripted, "fsspec"))


def connected(scripted: ScriptedServer, **options: Any) -> Any:
    """Connect as a backend does, and give s3fs's filesystem."""
    from objstore.backends._s3 import connect
    from objstore.backends._target import Limits, Target

    target = Target("s3", "bucket", {**options_for(scripted.url), **options})
    backend = open_backend("s3://b")
    assert isinstance(backend, AsyncBackend)
    asked = connect(target, Limits(7.0, 4, 9))
    adapter: Any = asyncio.run_coroutine_threadsafe(asked, backend.loop).result()
    return adapter._s3


def test_timeouts_and_the_pool_are_set_unless_the_user_set_them(scripted: ScriptedServer) -> None:
    ours = connected(scripted).s3.meta.config
    assert (ours.read_timeout, ours.connect_timeout, ours.max_pool_connections) == (7.0, 7.0, 9)
    assert ours.user_agent.startswith("objstore/")
    given = {"read_timeout": 1, "max_pool_connections": 2, "user_agent": "mine"}
    theirs = connected(scripted, config_kwargs=given).s3.meta.config
    assert (theirs.read_timeout, theirs.connect_timeout, theirs.max_pool_connections) == (1, 7.0, 2)
    assert theirs.user_agent.startswith("mine ")


def test_a_session_of_the_users_own_is_used_as_it_is(scripted: ScriptedServer) -> None:
    from aiobotocore.session import AioSession

    session = AioSession()
    assert connected(scripted, session=session).session is session


def test_a_profile_still_says_who_asks(
    scripted: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config"
    file.write_text("[profile there]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    assert connected(scripted, profile="there", client_kwargs={}).s3.meta.region_name == "eu-west-1"


def test_the_models_of_botocore_are_parsed_once_for_all_clients(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.loaders import JSONFileLoader

    connected(scripted)
    parsed: list[str] = []
    load = JSONFileLoader.load_file

    def watched(self: JSONFileLoader, path: str) -> Any:
        parsed.append(path)
        return load(self, path)

    monkeypatch.setattr(JSONFileLoader, "load_file", watched)
    assert connected(scripted).s3 is not connected(scripted).s3
    assert parsed == []


def test_times_in_listings_are_not_left_to_botocore(scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(text: object) -> None:
        raise AssertionError(f"botocore reads {text!r}")

    monkeypatch.setattr("botocore.parsers.DEFAULT_TIMESTAMP_PARSER", slow)
    monkeypatch.setattr("objstore.backends._s3_client.parse_timestamp", slow)
    item = "<Contents><Key>store/a</Key><Size>1</Size><LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>"
    headers = {"ETag": '"etag"', "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT"}
    place = at(scripted, "fsspec")
    scripted.play(Say(200, f"<ListBucketResult>{item}</ListBucketResult>".encode()), Say(200, b"x", headers))
    assert [entry.name for entry in place.list("")] == ["a"]
    assert place.get("a") == b"x"


@pytest.mark.parametrize(
    "text",
    ["2026-01-02T03:04:05.000Z", "2026-01-02T03:04:05Z", "Fri, 02 Jan 2026 03:04:05 GMT", 1767323045, "1767323045"],
)
def test_times_are_read_in_every_form(text: Any) -> None:
    from objstore.backends._s3_client import _moment

    assert _moment(text).timestamp() == 1767323045
    assert _moment(text).tzinfo is not None
