"""What a backend makes of the answers of an S3 server, right and wrong ones."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from objstore._log.ops import Names
from objstore.backends import RemoteBackend, open_backend
from objstore.backends._target import Facts
from objstore.backends.base import AsyncBackend, Backend
from objstore.errors import BackendError, PermissionDeniedError, UnavailableError, UnsupportedBackendError
from objstore.testing.backend import at_once
from objstore.testing.blocking import blocking
from tests.conftest import options_for
from tests.places import on_its_loop
from tests.servers.scripted import Act, Drop, Say, ScriptedServer, s3_error

OK = Say(200, b"", {"ETag": '"etag"'})
BYTES = Say(200, b"hello", {"ETag": '"etag"'})
EXISTS = s3_error(412, "PreconditionFailed", "<Condition>If-None-Match</Condition>")
BUSY = s3_error(503, "SlowDown")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Wait for nothing between attempts; give what would have been waited."""
    import objstore.backends.remote as remote

    waits: list[float] = []

    class Clockless:
        def __getattr__(self, name: str) -> Any:
            import asyncio

            return getattr(asyncio, name)

        @staticmethod
        async def sleep(seconds: float) -> None:
            waits.append(seconds)

    monkeypatch.setattr(remote, "asyncio", Clockless())
    monkeypatch.setattr(remote, "time", SimpleNamespace(sleep=waits.append))
    return waits


@pytest.fixture(scope="module", params=["fsspec", "obstore", "obstore, on a loop"])
def client(request: pytest.FixtureRequest) -> str:
    if request.param != "fsspec" and find_spec("obstore") is None:
        pytest.skip("obstore is not installed: pip install 'objstore[fast]'")
    return str(request.param)


@pytest.fixture(scope="module")
def place(scripted: ScriptedServer, client: str) -> Iterator[Backend]:
    place = at(scripted, client)
    yield place
    place.close()


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


def test_pauses_grow_to_five_seconds_each_half_by_chance(
    scripted: ScriptedServer, client: str, quick: list[float]
) -> None:
    place = at(scripted, client, retries=9)
    scripted.play(s3_error(503, "SlowDown"))
    with pytest.raises(UnavailableError):
        get(place)
    place.close()
    longest = [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0]
    assert [most / 2 <= waited <= most for waited, most in zip(quick, longest, strict=True)] == [True] * 9


@pytest.mark.parametrize(
    "said",
    [EXISTS, s3_error(412, "PreconditionFailed"), Say(412)],
    ids=["aws", "without condition", "without body"],
)
def test_a_failed_condition_says_that_something_is_there(place: Backend, scripted: ScriptedServer, said: Say) -> None:
    scripted.play(said)
    assert create(place) is False
    assert len(scripted.requests) == 1


def test_a_conflict_is_no_decision_and_asked_again(place: Backend, scripted: ScriptedServer) -> None:
    conflict = s3_error(409, "ConditionalRequestConflict")
    scripted.play(conflict, OK)
    assert create(place) is True
    scripted.play(conflict, EXISTS)
    assert create(place) is False
    scripted.play(conflict)
    with pytest.raises(UnavailableError, match="409 ConditionalRequestConflict"):
        create(place)
    assert len(scripted.requests) == 5


@pytest.mark.parametrize("call", EVERYTHING)
@pytest.mark.parametrize(
    "said",
    [
        s3_error(403, "AccessDenied"),
        s3_error(403, "SignatureDoesNotMatch"),
        s3_error(403, "InvalidAccessKeyId"),
        s3_error(400, "ExpiredToken"),
        s3_error(401, "Unauthorized"),
    ],
    ids=["denied", "signature", "key", "expired", "401"],
)
def test_a_refusal_is_not_asked_again(
    place: Backend, scripted: ScriptedServer, call: Callable[[Backend], object], said: Say
) -> None:
    scripted.play(said)
    with pytest.raises(PermissionDeniedError, match="s3://bucket/store"):
        call(place)
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("call", EVERYTHING)
@pytest.mark.parametrize(
    "said", [BUSY, s3_error(500, "InternalError"), Say(502), s3_error(400, "RequestTimeout")], ids=str
)
def test_a_storage_that_stays_away_is_asked_five_times(
    place: Backend, scripted: ScriptedServer, call: Callable[[Backend], object], said: Say, quick: list[float]
) -> None:
    scripted.play(said)
    with pytest.raises(UnavailableError, match="asked 5 times"):
        call(place)
    assert len(scripted.requests) == 5
    assert len(quick) == 4
    assert max(quick) < 5


@pytest.mark.parametrize("retries", [0, 1, 7])
def test_retries_are_what_the_user_asked_for(scripted: ScriptedServer, client: str, retries: int) -> None:
    scripted.play(BUSY)
    with pytest.raises(UnavailableError):
        put(at(scripted, client, retries=retries))
    assert len(scripted.requests) == retries + 1


def test_retries_in_the_options_take_the_place_of_ours(scripted: ScriptedServer, client: str) -> None:
    scripted.play(s3_error(500, "InternalError"))
    with pytest.raises(UnavailableError):
        put(at(scripted, client, config={"retries": {"total_max_attempts": 2}}))
    assert len(scripted.requests) == 2


def test_a_storage_that_comes_back_is_served(place: Backend, scripted: ScriptedServer) -> None:
    scripted.play(BUSY, s3_error(500, "InternalError"), Drop(), OK)
    assert create(place) is True
    scripted.play(BUSY, BYTES)
    assert get(place) == b"hello"


def test_a_lost_answer_to_a_create_can_read_as_refused(place: Backend, scripted: ScriptedServer) -> None:
    scripted.play(Drop(), EXISTS)
    assert create(place) is False


@pytest.mark.parametrize("call", EVERYTHING)
def test_dropped_connections_are_unavailable(
    scripted: ScriptedServer, client: str, call: Callable[[Backend], object]
) -> None:
    scripted.play(Drop())
    with pytest.raises(UnavailableError):
        call(at(scripted, client, retries=0))


def test_a_download_that_breaks_off_is_begun_again(place: Backend, scripted: ScriptedServer) -> None:
    scripted.play(Say(200, b"hel", promised=5), BYTES)
    assert get(place) == b"hello"
    scripted.play(Say(200, b"hel", promised=5))
    with pytest.raises(UnavailableError):
        get(place)


def test_what_arrives_changed_is_given_out_for_those_who_know_its_digest(
    place: Backend, scripted: ScriptedServer
) -> None:
    scripted.play(Say(200, b"hello", {"ETag": '"etag"', "x-amz-checksum-crc32": "AAAAAA=="}))
    assert get(place) == b"hello"


def test_of_a_whole_object_that_comes_for_a_range_the_range_is_taken(scripted: ScriptedServer) -> None:
    place = at(scripted, "fsspec")
    scripted.play(Say(200, b"0123456789"))
    assert place.read("key", 3, 4) == b"3456"
    assert place.read("key", 10, 4) == b""
    scripted.play(Say(206, b"3456", {"Content-Range": "bytes 3-6/10"}))
    assert place.read("key", 3, 4) == b"3456"
    place.close()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 520, 522, 524, 529, 598])
def test_whatever_is_said_in_between_passes(place: Backend, scripted: ScriptedServer, status: int) -> None:
    scripted.play(Say(status, b"<html>words</html>"), OK)
    assert create(place) is True
    assert len(scripted.requests) == 2


@pytest.mark.parametrize("code", ["BadDigest", "IncompleteBody"])
def test_what_was_broken_on_the_way_is_sent_again(place: Backend, scripted: ScriptedServer, code: str) -> None:
    scripted.play(s3_error(400, code), OK)
    assert create(place) is True


@pytest.mark.parametrize(
    "code", ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"]
)
def test_another_region_is_told(place: Backend, scripted: ScriptedServer, code: str) -> None:
    said = s3_error(301 if code == "PermanentRedirect" else 400, code)
    scripted.play(replace(said, headers={**said.headers, "x-amz-bucket-region": "eu-west-1"}))
    with pytest.raises(BackendError, match="another region: name it in client_kwargs as region_name"):
        get(place)


def test_a_wrong_clock_is_told(place: Backend, scripted: ScriptedServer) -> None:
    scripted.play(s3_error(403, "RequestTimeTooSkewed"))
    with pytest.raises(PermissionDeniedError, match="the clock of this machine"):
        get(place)


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


@SOMEBODY
@pytest.mark.parametrize("call", [create, put, names, page, delete_two])
def test_what_somebody_else_answers_is_no_success(
    place: Backend, scripted: ScriptedServer, call: Callable[[Backend], object], said: Say
) -> None:
    scripted.play(said)
    with pytest.raises(UnavailableError, match="asked 5 times"):
        call(place)


@pytest.mark.parametrize("page", [b"<html>Welcome</html>", b"<html><br></html>"])
def test_nor_is_a_page_that_answers_one_delete(place: Backend, scripted: ScriptedServer, page: bytes) -> None:
    scripted.play(Say(200, page))
    with pytest.raises(UnavailableError, match="asked 5 times"):
        delete(place)


def test_a_server_that_says_nothing_with_200_has_deleted(scripted: ScriptedServer) -> None:
    place = at(scripted, "fsspec")
    for said in (Say(200), Say(204)):
        scripted.play(said)
        delete(place)
        assert len(scripted.requests) == 1
    place.close()


@SOMEBODY
@pytest.mark.parametrize("call", [names_of_a_log, copy])
def test_nor_is_what_only_s3fs_can_tell(scripted: ScriptedServer, call: Callable[[Backend], object], said: Say) -> None:
    place = at(scripted, "fsspec")
    scripted.play(said)
    with pytest.raises(UnavailableError):
        call(place)
    place.close()


@SOMEBODY
def test_nor_is_it_one_of_an_upload_in_parts(scripted: ScriptedServer, said: Say, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 9_000_000)
    place = at(scripted, "fsspec")
    scripted.play(s3_error(404, "NoSuchKey"), said)
    with pytest.raises(UnavailableError):
        place.upload("key", str(file))
    place.close()


@pytest.mark.parametrize("call", [copy, delete, delete_two])
def test_an_error_that_comes_with_200_is_one(
    place: Backend, scripted: ScriptedServer, call: Callable[[Backend], object]
) -> None:
    scripted.play(s3_error(200, "InternalError"))
    with pytest.raises(UnavailableError, match="00 InternalError"):
        call(place)


MISSING = s3_error(404, "NoSuchKey")
BEGUN = Say(200, b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
ENDED = Say(200, b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")


@pytest.fixture
def big(tmp_path: Path) -> str:
    (tmp_path / "big").write_bytes(b"x" * 9_000_000)
    return str(tmp_path / "big")


def test_an_upload_in_parts_ends_without_a_condition_where_the_storage_knows_none(
    scripted: ScriptedServer, big: str
) -> None:
    place = at(scripted, "fsspec")
    scripted.play(MISSING, BEGUN, OK, OK, s3_error(501, "NotImplemented"), ENDED)
    assert place.upload("key", big) is True
    assert [request.method for request in scripted.requests] == ["HEAD", "POST", "PUT", "PUT", "POST", "POST"]
    place.close()


@pytest.mark.parametrize(("there", "recognised"), [(9_000_000, True), (8_000_000, False)])
def test_an_end_that_was_not_heard_of_is_known_by_the_object_that_is_there(
    scripted: ScriptedServer, big: str, there: int, recognised: bool
) -> None:
    place = at(scripted, "fsspec")
    scripted.play(MISSING, BEGUN, OK, OK, Drop(), s3_error(404, "NoSuchUpload"), Say(200, b"x" * there), Say(204))
    if recognised:
        assert place.upload("key", big) is True
    else:
        with pytest.raises(BackendError, match="NoSuchUpload"):
            place.upload("key", big)
    place.close()


def test_of_what_would_be_too_many_parts_each_is_bigger(
    scripted: ScriptedServer, big: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("objstore.backends._s3._PART", 1_000_000)
    monkeypatch.setattr("objstore.backends._s3._MAX_PARTS", 4)
    place = at(scripted, "fsspec")
    scripted.play(MISSING, BEGUN, OK, OK, OK, OK, ENDED)
    assert place.upload("key", big) is True
    assert [request.method for request in scripted.requests].count("PUT") == 4
    place.close()


def test_who_may_not_ask_for_versions_is_told_the_rest(scripted: ScriptedServer) -> None:
    place: Any = open_backend("s3://bucket/store", storage_options=options_for(scripted.url))
    scripted.play(Say(200, b"", {"Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT"}), s3_error(403, "AccessDenied"))
    assert place.facts("key") == Facts(modified=1767323045.0, versioned=None)
    place.close()


def test_a_listing_that_is_empty_is_told_from_what_somebody_else_says(place: Backend, scripted: ScriptedServer) -> None:
    nothing = Say(200, b"<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>")
    for besides in (s3_error(404, "NoSuchKey"), s3_error(403, "AccessDenied"), BYTES):
        scripted.play(nothing, besides)
        assert page(place) == Names([], more=False)
        scripted.play(nothing, besides)
        assert names(place) == []


@pytest.mark.parametrize("token", ["", "<NextContinuationToken/>", "<NextContinuationToken>a</NextContinuationToken>"])
def test_a_listing_that_does_not_go_on_is_no_endless_one(scripted: ScriptedServer, token: str) -> None:
    place = at(scripted, "fsspec")
    scripted.play(listing(token))
    with pytest.raises(UnavailableError, match="no answer of S3"):
        names(place)
    place.close()


def test_a_silent_server_is_given_up_after_the_timeout(scripted: ScriptedServer, client: str) -> None:
    silence = threading.Event()

    class Silent(list[Act]):
        def __getitem__(self, index: Any) -> Any:
            silence.wait()
            return OK

    scripted.script = Silent([OK])
    try:
        with pytest.raises(UnavailableError, match="Timeout"):
            put(at(scripted, client, retries=0, timeout=0.2))
    finally:
        silence.set()


@pytest.mark.parametrize("call", [get, copy])
def test_a_missing_key_is_no_error(place: Backend, scripted: ScriptedServer, call: Callable[[Backend], object]) -> None:
    scripted.play(s3_error(404, "NoSuchKey"))
    assert not call(place)
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("call", EVERYTHING)
def test_a_missing_bucket_is_an_error_that_names_it(
    place: Backend, scripted: ScriptedServer, call: Callable[[Backend], object]
) -> None:
    scripted.play(s3_error(404, "NoSuchBucket"))
    with pytest.raises(BackendError, match="the bucket 'bucket' does not exist"):
        call(place)


def test_a_storage_without_conditions_is_unsupported(place: Backend, scripted: ScriptedServer) -> None:
    scripted.play(s3_error(501, "NotImplemented"))
    with pytest.raises(UnsupportedBackendError, match="501 NotImplemented"):
        create(place)


def test_anything_else_is_said_as_it_is(place: Backend, scripted: ScriptedServer) -> None:
    scripted.play(s3_error(400, "EntityTooLarge"))
    with pytest.raises(BackendError, match="cannot write s3://bucket/store/key: 400 EntityTooLarge") as caught:
        put(place)
    assert type(caught.value) is BackendError
    assert "words" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("AccessDenied", PermissionDeniedError), ("InternalError", UnavailableError), ("Strange", BackendError)],
)
def test_a_key_that_a_bulk_delete_leaves_is_named(
    place: Backend, scripted: ScriptedServer, client: str, code: str, kind: type[BackendError]
) -> None:
    error = f"<Error><Key>store/other</Key><Code>{code}</Code><Message>m</Message></Error>"
    scripted.play(Say(200, f"<DeleteResult>{error}</DeleteResult>".encode()))
    named = "" if client != "fsspec" and code == "InternalError" else "other"  # which says only that some key was left
    with pytest.raises(kind, match=f"cannot delete s3://bucket/store/{named}.*{code}") as caught:
        delete_two(place)
    assert type(caught.value) is kind


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


@pytest.mark.parametrize("how", ["environment", "options"])
@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"])
def test_a_line_end_in_credentials_is_told_at_once(
    scripted: ScriptedServer, client: str, monkeypatch: pytest.MonkeyPatch, variable: str, how: str
) -> None:
    found = {"AWS_ACCESS_KEY_ID": "a-key", "AWS_SECRET_ACCESS_KEY": "a-secret", "AWS_SESSION_TOKEN": "a-token"}
    found[variable] += "\n"
    options: dict[str, Any] = {"endpoint_url": scripted.url, "client_kwargs": {"region_name": "us-east-1"}}
    if how == "options":
        options |= zip(("key", "secret", "token"), found.values(), strict=True)
    else:
        for name, value in found.items():
            monkeypatch.setenv(name, value)
    scripted.play(BYTES)
    named: Any = client.partition(",")[0]
    with pytest.raises(BackendError, match=r"LineEnd|line end") as caught:
        blocking(open_backend("s3://bucket/store", storage_options=options, client=named)).get("key")
    assert not isinstance(caught.value, UnavailableError)
    assert "a-key" not in str(caught.value)
    assert "a-token" not in str(caught.value)
    assert scripted.requests == []


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
    monkeypatch.setattr("objstore.backends._s3.parse_timestamp", slow)
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
    from objstore.backends._s3 import _moment

    assert _moment(text).timestamp() == 1767323045
    assert _moment(text).tzinfo is not None


def test_error_numbers_play_no_part(scripted: ScriptedServer) -> None:
    scripted.play(s3_error(409, "BucketNotEmpty"))
    with pytest.raises(UnavailableError) as caught:
        put(at(scripted, "fsspec"))
    assert getattr(caught.value.__cause__, "errno", None) == errno.ENOTEMPTY


def test_a_cause_that_repeats_a_signed_request_is_not_kept(place: Backend, scripted: ScriptedServer) -> None:
    repeated = "<CanonicalRequest>x-amz-security-token:a-token-of-the-environment</CanonicalRequest>"
    scripted.play(s3_error(403, "SignatureDoesNotMatch", repeated))
    with pytest.raises(PermissionDeniedError, match="403 SignatureDoesNotMatch") as caught:
        put(place)
    for shown in (str(caught.value), repr(caught.value), str(caught.value.__cause__)):
        assert "a-token" not in shown
