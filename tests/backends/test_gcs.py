from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from objstore._log.ops import Names
from objstore.backends import RemoteBackend, open_backend
from objstore.backends.base import AsyncBackend, Backend, Facts
from objstore.errors import BackendError, PermissionDeniedError, UnavailableError
from objstore.testing.backend import BackendTests
from objstore.testing.blocking import blocking
from objstore.testing.racing import at_once
from tests.servers.gcs import GcsServer, gcs_server
from tests.servers.scripted import Drop, Player, Say, ScriptedServer

pytest.importorskip("gcsfs", reason="gcsfs is not installed: pip install 'objstore[gcs]'")
credentials: Any = pytest.importorskip("google.auth.credentials")
exceptions: Any = pytest.importorskip("google.auth.exceptions")


@pytest.fixture
def server() -> Iterator[GcsServer]:
    with gcs_server() as server:
        server.buckets["bucket"] = {}
        yield server


def at(url: str, target: str = "gs://bucket/some/prefix", **limits: Any) -> AsyncBackend:
    options = {"endpoint_url": url, "token": "anon", "project": "p"}
    backend = open_backend(target, storage_options=options, **limits)
    assert isinstance(backend, AsyncBackend)
    assert backend.name == "gcs"
    return backend


class TestGcs(BackendTests):
    many = 50  # on pages of seven, and one request deletes one object

    @pytest.fixture
    def backend(self, server: GcsServer) -> Iterator[AsyncBackend]:
        server.page = 7
        backend = at(server.url)
        yield backend
        backend.close()


@pytest.fixture
def place(server: GcsServer) -> Iterator[Backend]:
    place = blocking(at(server.url))
    yield place
    place.close()


def test_each_operation_is_one_request(place: Backend, server: GcsServer) -> None:
    for call, method in (
        (lambda: place.create("a/b", b"x"), "POST"),
        (lambda: place.create("a/b", b"x"), "POST"),
        (lambda: place.get("a/b"), "GET"),
        (lambda: place.get("a/c"), "GET"),
        (lambda: place.put("a/b", b"x"), "POST"),
        (lambda: place.list("a/"), "GET"),
        (lambda: place.delete(["a/b"]), "DELETE"),
    ):
        server.requests.clear()
        call()
        assert Counter(request.method for request in server.requests) == Counter({method: 1})


def test_a_page_that_is_full_of_directories_is_not_the_last_nor_empty(place: Backend, server: GcsServer) -> None:
    server.page = 1
    for key in ("paged/a/1", "paged/b/1", "paged/c", "paged/d"):
        place.put(key, b"x")
    assert place.page("paged/", "") == Names(["c"], more=True)
    assert place.page("paged/", "c") == Names(["d"], more=False)


def test_a_missing_bucket_is_named_whatever_is_asked(server: GcsServer) -> None:
    place = blocking(at(server.url, "gs://no-such-bucket/a"))
    for call in (
        lambda: place.get("a"),
        lambda: place.list(""),
        lambda: place.create("a", b""),
        lambda: place.put("a", b""),
        lambda: place.copy("a", "b"),
        lambda: place.delete(["a", "b"]),
    ):
        with pytest.raises(BackendError, match="the bucket 'no-such-bucket' does not exist"):
            call()
    place.close()


def test_answers_mean_what_they_mean_on_s3(scripted: ScriptedServer) -> None:
    place = blocking(at(scripted.url, retries=1))
    for said, kind in (
        (Say(401), PermissionDeniedError),
        (Say(403), PermissionDeniedError),
        (Say(409), UnavailableError),
        (Say(429), UnavailableError),
        (Say(500), UnavailableError),
        (Say(503), UnavailableError),
        (Say(400, b"invalid"), BackendError),
    ):
        scripted.play(said)
        with pytest.raises(BackendError, match="gs://bucket/some/prefix/key") as caught:
            place.create("key", b"x")
        assert type(caught.value) is kind
        assert len(scripted.requests) == (2 if kind is UnavailableError else 1)
    scripted.play(Say(412))
    assert place.create("key", b"x") is False
    scripted.play(Say(503), Say(200, b'{"name": "some/prefix/key"}'))
    assert place.create("key", b"x") is True
    scripted.play(Drop(), Drop(), Say(200, b"hello"))
    assert place.get("key") == b"hello"
    scripted.play(Say(200, b"hel", promised=5))
    with pytest.raises(UnavailableError):
        place.get("key")
    place.close()


def test_deletes_too_are_no_more_at_once_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    under_way, seen = 0, set[int]()

    async def send(*args: object) -> bytes:
        nonlocal under_way
        under_way += 1
        seen.add(under_way)
        for _ in range(10):
            await asyncio.sleep(0)  # the others come to it, if they are on their way
        under_way -= 1
        return b""

    async def delete() -> None:
        await asyncio.gather(*(backend.delete([f"{n}/{k}" for k in range(4)]) for n in range(4)))

    monkeypatch.setattr("objstore.backends._gcs.GcsAdapter._send", send)
    backend = at("http://127.0.0.1:1", concurrency=2)
    asyncio.run_coroutine_threadsafe(delete(), backend.loop).result()
    assert seen == {1, 2}


def test_of_many_deletes_only_those_are_sent_again_that_were_not_answered(scripted: ScriptedServer) -> None:
    place = blocking(at(scripted.url))
    scripted.play(Say(503), Say(204))
    place.delete(["a", "b", "c"])
    assert len(scripted.requests) == 4
    assert len({request.path for request in scripted.requests}) == 3
    place.close()


def test_as_many_requests_are_under_way_as_allowed_and_no_more(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, lock, seen = threading.Barrier(2), threading.Lock(), [0, 0]
    begin = Player.begin

    def watched(self: Player) -> bytes:
        with lock:
            seen[0] += 1
            seen[1] = max(seen)
        pair.wait()
        with lock:
            seen[0] -= 1
        return begin(self)

    monkeypatch.setattr(Player, "begin", watched)
    place = blocking(at(scripted.url, concurrency=2))
    scripted.play(Say(200, b"hello"))
    assert at_once(16, lambda _: place.get("key")) == [b"hello"] * 16
    assert seen == [0, 2]
    place.close()


def test_of_a_whole_object_that_comes_for_a_range_the_range_is_taken(scripted: ScriptedServer) -> None:
    place = blocking(at(scripted.url))
    scripted.play(Say(200, b"0123456789"))
    assert place.read("key", 3, 4) == b"3456"
    assert place.get("key", 3) == b"0123"
    assert place.read("key", 10, 4) == b""
    place.close()


def test_what_somebody_else_answers_is_no_success(scripted: ScriptedServer) -> None:
    place = blocking(at(scripted.url, retries=0))
    calls: list[Callable[[], object]] = [
        lambda: place.create("key", b"x"),
        lambda: place.put("key", b"x"),
        lambda: place.list("key/"),
        lambda: place.page("key/", ""),
        lambda: place.delete(["key"]),
        lambda: place.delete(["key", "other"]),
        lambda: place.copy("key", "other"),
    ]
    for said in (Say(200, b"<html>Welcome</html>"), Say(200, b'["Welcome"]')):
        scripted.play(said)
        for call in calls:
            with pytest.raises(UnavailableError, match="what came is no answer of GCS"):
                call()
    for said in (Say(200), Say(200, b'{"welcome": true}')):
        scripted.play(said)
        for call in calls[:4]:
            with pytest.raises(UnavailableError, match="asked once"):
                call()
    place.close()


@pytest.mark.parametrize(
    ("bucket", "kept"),
    [
        (b"{}", False),
        (b'{"versioning": {"enabled": true}}', True),
        (b'{"softDeletePolicy": {"retentionDurationSeconds": "604800"}}', True),
        (b'{"softDeletePolicy": {"retentionDurationSeconds": "0"}}', False),
    ],
)
def test_a_bucket_that_keeps_what_is_deleted_says_so(scripted: ScriptedServer, bucket: bytes, kept: bool) -> None:
    backend = at(scripted.url)
    assert isinstance(backend, RemoteBackend)
    scripted.play(Say(200, b'{"updated": "2026-01-01T00:00:00Z"}'), Say(200, bucket))
    assert backend.facts("key") == Facts(modified=1767225600.0, versioned=kept)
    backend.close()


class Tokens(credentials.Credentials):  # type: ignore[misc] # which is not there everywhere
    """Gives a token when the errors have been raised, and remembers which threads have asked."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.token: str | None = None
        self.errors = list(errors)
        self.asked: list[threading.Thread] = []

    def refresh(self, request: object) -> None:
        self.asked.append(threading.current_thread())
        if self.errors:
            raise self.errors.pop(0)
        self.token, self.expiry = "a-token", datetime.max


def test_a_token_that_is_not_to_be_had_now_is_asked_for_again_and_beside_the_loop(scripted: ScriptedServer) -> None:
    tokens = Tokens(exceptions.TransportError("nobody there"), exceptions.RefreshError("busy", retryable=True))
    options = {"endpoint_url": scripted.url, "project": "p", "token": tokens}
    place = blocking(open_backend("gs://bucket/store", storage_options=options))
    scripted.play(Say(200, b"hello"))
    assert place.get("key") == b"hello"
    assert len(tokens.asked) == 3
    assert "fsspecIO" not in {thread.name for thread in tokens.asked}
    tokens.token = None
    tokens.errors = [exceptions.RefreshError("invalid_grant")]
    with pytest.raises(PermissionDeniedError, match="no credentials"):
        place.get("key")
    place.close()
