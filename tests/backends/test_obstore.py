"""S3 through obstore: the same contract as through s3fs, reached with the same options."""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import pickle
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import fsspec
import pytest

import objstore
from objstore import Message, SessionData
from objstore.backends import RemoteBackend, open_backend
from objstore.backends.base import Backend
from objstore.errors import BackendError, PermissionDeniedError, UnavailableError, UnsupportedError
from objstore.testing.backend import BackendTests
from objstore.testing.blocking import blocking
from tests.conftest import options_for
from tests.places import on_its_loop
from tests.servers.moto_server import MotoServer
from tests.servers.scripted import Player, Say, ScriptedServer, s3_error

pytest.importorskip("obstore", reason="obstore is not installed: pip install 'objstore[fast]'")

OK = Say(200, b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>", {"ETag": '"x"'})


def remote(url: str, options: dict[str, Any], **limits: Any) -> RemoteBackend:
    backend = open_backend(url, storage_options=options, client="obstore", **limits)
    assert isinstance(backend, RemoteBackend)
    return backend


@pytest.fixture
def place(bucket: str, s3_options: dict[str, Any]) -> Backend:
    return blocking(remote(f"s3://{bucket}/some/prefix", s3_options))


class TestObstore(BackendTests):
    many = 120

    @pytest.fixture
    def backend(self, bucket: str, s3_options: dict[str, Any]) -> object:
        return remote(f"s3://{bucket}/some/prefix", s3_options)


class TestObstoreOnALoop(BackendTests):
    @pytest.fixture
    def backend(self, bucket: str, s3_options: dict[str, Any]) -> object:
        return on_its_loop(remote(f"s3://{bucket}/some/prefix", s3_options))


class TestObstoreBucket(BackendTests):
    """A store at the top of a bucket, with the options of a filesystem of the user's own."""

    @pytest.fixture
    def backend(self, bucket: str, s3_options: dict[str, Any]) -> object:
        return open_backend(fsspec.filesystem("s3", **s3_options), path=bucket, client="obstore")


class TestSamePlace:
    def test_what_one_client_writes_the_other_reads(self, bucket: str, s3_options: dict[str, Any]) -> None:
        url = f"s3://{bucket}/a prefix+ü"
        one, other = blocking(remote(url, s3_options)), blocking(open_backend(url, storage_options=s3_options))
        keys = ["s/=c3=a9-._", "a b", "per%25cent", "plus+&?#", "会话-ü-🚀.json", "x~y", "a*[b]\\c"]
        for key in keys:
            assert one.create(key, key.encode())
            assert other.get(key) == key.encode()
            assert not other.create(key, b"")
            other.put(f"other/{key}", b"x")
            assert one.get(f"other/{key}") == b"x"
        for first in ("0", ".hidden", "..x", ". x", " x", "!x", "\x80x", "\ue000x"):
            one.put(f"firsts/{first}", b"")
        starts = [f"firsts/{start}" for start in ("0", ".", "..", ". ", ". x", " ", "!", "\x80", "\ue000")]
        for prefix in ("", "other/", "s/", "p", "other/p", "firsts/", *starts):
            named = sorted(one.list(prefix), key=lambda entry: entry.name)
            assert named == sorted(other.list(prefix), key=lambda entry: entry.name)
            assert one.page(prefix, "").names == other.page(prefix, "").names


class TestRequests:
    def test_each_operation_is_one_request(self, place: Backend, s3_server: MotoServer, bucket: str) -> None:
        for call, method in (
            (lambda: place.create("a/b", b"x"), "PUT"),
            (lambda: place.create("a/b", b"y"), "PUT"),
            (lambda: place.get("a/b"), "GET"),
            (lambda: place.get("a/nothing"), "GET"),
            (lambda: place.read("a/b", 0, 1), "GET"),
            (lambda: place.put("a/b", b"z" * 6_000_000), "PUT"),
            (lambda: place.copy("a/b", "a/c"), "PUT"),
            (lambda: place.list("a/"), "GET"),
            (lambda: place.list("a/b"), "GET"),
            (lambda: place.page("a/", ""), "GET"),
            (lambda: place.page("a/b", "a"), "GET"),
            (lambda: place.list("nothing/log/"), "GET"),
            (lambda: place.delete(["a/b"]), "POST"),
            (lambda: place.delete(["a/c", "a/d"]), "POST"),
        ):
            s3_server.reset()
            call()
            assert s3_server.methods == Counter({method: 1})
            assert s3_server.requests[0].path.startswith(f"/{bucket}")

    def test_no_name_at_all_is_believed_after_one_request_more(self, place: Backend, s3_server: MotoServer) -> None:
        for call in (
            lambda: place.page("nothing/", "").names,
            lambda: place.list("nothing/"),
            lambda: place.list("no"),
        ):
            s3_server.reset()
            assert call() == []
            assert s3_server.methods == Counter(GET=2)

    def test_a_listing_is_one_request_for_each_thousand_names(self, place: Backend, s3_server: MotoServer) -> None:
        place.put("log/0", b"x")
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: place.copy("log/0", f"log/{number:04}"), range(1000)))
        s3_server.reset()
        assert len(place.list("log/")) == 1001
        assert s3_server.methods == Counter(GET=2)
        s3_server.reset()
        assert len(place.list("log/0")) == 1001
        assert s3_server.methods == Counter(GET=2)
        s3_server.reset()
        page = place.page("log/", "")
        assert page.more
        assert len(page.names) == 1000
        assert s3_server.methods == Counter(GET=1)
        s3_server.reset()
        place.delete([f"log/{number:04}" for number in range(1000)] + ["log/0"])
        assert s3_server.methods == Counter(POST=2)
        assert place.list("log/") == []

    def test_a_directory_among_names_is_passed_over_whatever_it_holds(
        self, place: Backend, s3_server: MotoServer
    ) -> None:
        for key in ("a", "b/1", "b/2/3", "b/~~", "b/\U0001f680", "b0", "c"):
            place.put(f"top/{key}", b"")
        s3_server.reset()
        assert place.page("top/", "").names == ["a", "b0", "c"]
        assert len(s3_server.requests) == 2
        assert place.page("top/b", "").names == ["b0"]
        assert [(each.name, each.is_directory) for each in place.list("top/b")] == [("b", True), ("b0", False)]

    def test_a_big_upload_asks_first_and_goes_in_parts(
        self, place: Backend, s3_server: MotoServer, tmp_path: Path
    ) -> None:
        file = tmp_path / "file"
        file.write_bytes(os.urandom(40_000_000))
        s3_server.reset()
        assert place.upload("big", str(file))
        assert s3_server.methods == Counter(HEAD=1, POST=2, PUT=5)
        s3_server.reset()
        assert not place.upload("big", str(file))
        assert s3_server.methods == Counter(HEAD=1)

    def test_opening_asks_nothing(self, bucket: str, s3_options: dict[str, Any], s3_server: MotoServer) -> None:
        s3_server.reset()
        remote(f"s3://{bucket}", s3_options)
        assert s3_server.requests == []


class TestMistakes:
    def test_a_missing_bucket_is_named_whatever_is_asked(
        self, s3_options: dict[str, Any], s3_server: MotoServer
    ) -> None:
        place = blocking(remote("s3://no-such-bucket/a", s3_options))
        for call in (
            lambda: place.get("a"),
            lambda: place.read("a", 0, 1),
            lambda: place.list(""),
            lambda: place.page("", ""),
            lambda: place.create("a", b""),
            lambda: place.put("a", b""),
            lambda: place.copy("a", "b"),
            lambda: place.delete(["a", "b"]),
        ):
            s3_server.reset()
            with pytest.raises(BackendError, match="the bucket 'no-such-bucket' does not exist") as caught:
                call()
            assert type(caught.value) is BackendError
            assert len(s3_server.requests) == 1

    def test_nobody_at_the_endpoint_is_unavailable(self) -> None:
        place = blocking(remote("s3://bucket/a", options_for("http://127.0.0.1:9"), retries=0))
        with pytest.raises(UnavailableError, match="no answer: Connect"):
            place.get("b")

    def test_a_key_that_obstore_takes_for_none_is_an_error(self, place: Backend) -> None:
        with pytest.raises(BackendError, match="ValueError"):
            place.get("new\nline")

    def test_a_bucket_in_another_region_says_what_to_do(self, scripted: ScriptedServer) -> None:
        place = blocking(remote("s3://bucket/a", options_for(scripted.url)))
        scripted.play(s3_error(301, "PermanentRedirect"))
        with pytest.raises(BackendError, match="region_name"):
            place.get("b")

    def test_an_upload_in_parts_is_sent_again_part_by_part_and_taken_back(
        self, scripted: ScriptedServer, tmp_path: Path
    ) -> None:
        file = tmp_path / "file"
        file.write_bytes(b"x" * 17_000_000)
        place = blocking(remote("s3://bucket/a", options_for(scripted.url), retries=1))
        begun = Say(200, b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
        scripted.play(s3_error(404, "NoSuchKey"), begun, Say(500))
        with pytest.raises(UnavailableError, match="asked once"):
            place.upload("b", str(file))
        asked = Counter((request.method, "uploadId" in request.query) for request in scripted.requests)
        assert asked["HEAD", False] == asked["POST", False] == 1
        assert 2 <= asked["PUT", True] <= 4
        assert asked["DELETE", True] >= 1


class TestCopies:
    def test_what_is_above_five_gigabytes_passes_through_here(
        self, scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from objstore.backends import _obstore

        place = blocking(remote("s3://bucket/a", options_for(scripted.url)))
        refused = s3_error(400, "InvalidRequest")
        contents = Say(200, b"0123456789", {"ETag": '"x"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"})
        begun = Say(200, b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
        ended = Say(200, b"<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")
        scripted.play(refused, contents)
        with pytest.raises(BackendError, match="400 InvalidRequest"):
            place.copy("b", "c")
        monkeypatch.setattr(_obstore, "_MAX_COPY", 9)
        scripted.play(refused, contents, contents, begun, OK, ended)
        assert place.copy("b", "c")
        assert [request.method for request in scripted.requests] == ["PUT", "HEAD", "GET", "POST", "PUT", "POST"]


class TestSecrets:
    def test_they_are_not_in_repr_or_errors(self) -> None:
        options = {**options_for("http://user:pass-word@127.0.0.1:9"), "token": "a-session-token"}
        backend = remote("s3://bucket/a", options, retries=0)
        with pytest.raises(BackendError) as caught:
            blocking(backend).get("b")
        for shown in (repr(backend), str(caught.value), repr(caught.value), str(caught.value.__cause__)):
            for secret in ("an-access-key", "a-secret-key", "a-session-token", "pass-word"):
                assert secret not in shown
        assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args

    def test_what_was_found_in_the_environment_is_used_and_not_pickled(
        self, bucket: str, s3_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-environment")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-environment")
        options = {name: value for name, value in s3_options.items() if name not in ("key", "secret")}
        place = blocking(remote(f"s3://{bucket}", options))
        place.put("a", b"1")
        pickled = pickle.dumps(place)
        assert b"of-environment" not in pickled
        assert pickle.loads(pickled).get("a") == b"1"

    def test_no_credentials_is_a_refusal(self, options_without_credentials: dict[str, Any]) -> None:
        with pytest.raises(PermissionDeniedError, match=r"no credentials \(NoCredentialsError\)"):
            blocking(remote("s3://bucket", options_without_credentials)).get("a")
        with pytest.raises(BackendError, match="nobody-here"):
            blocking(remote("s3://bucket", {"profile": "nobody-here"})).get("a")


class TestProcesses:
    def test_a_request_is_made_where_the_caller_is(
        self, bucket: str, s3_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = f"s3://{bucket}/agents"
        store = objstore.open(url, storage_options=s3_options, client="obstore")
        store.save(SessionData.new("s"))
        awaited = objstore.open_async(url, storage_options=s3_options, client="obstore")

        def elsewhere(*_: object) -> None:
            raise AssertionError("it went to another thread's loop")

        monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", elsewhere)
        store.append("s", messages=[Message.user("here")])
        asyncio.run(awaited.append("s", messages=[Message.user("on this loop")]))
        assert [message.role for message in asyncio.run(awaited.load("s")).messages] == ["user"] * 2  # type: ignore[union-attr] # it is there

    def test_one_backend_serves_loops_and_threads(self, bucket: str, s3_options: dict[str, Any]) -> None:
        backend = remote(f"s3://{bucket}", s3_options)

        async def use(name: str) -> list[bytes | None]:
            async def one(number: int) -> bytes | None:
                key = f"{name}/{number}"
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(backend.put(key, b"x"), backend.loop))
                return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(backend.get(key), backend.loop))

            return await asyncio.gather(*(one(number) for number in range(20)))

        with ThreadPoolExecutor(4) as threads:
            results = list(threads.map(lambda name: asyncio.run(use(name)), "abcd"))
        assert results == [[b"x"] * 20] * 4

    def test_loops_that_have_ended_are_not_kept(self, bucket: str, s3_options: dict[str, Any]) -> None:
        url = f"s3://{bucket}/agents"
        store = objstore.open_async(url, storage_options=s3_options, client="obstore", concurrency=1)
        loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

        async def wait_for_each_other() -> None:
            loops.append(weakref.ref(asyncio.get_running_loop()))
            await asyncio.gather(*(store.exists(str(number)) for number in range(4)))

        for _ in range(5):
            asyncio.run(wait_for_each_other())
        gc.collect()
        assert sum(loop() is not None for loop in loops) <= 1

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_child_forked_after_use_reaches_the_same_place_through_fsspec(
        self, bucket: str, s3_options: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        place = blocking(remote(f"s3://{bucket}", s3_options))
        place.put("parent", b"1")
        context = multiprocessing.get_context("fork")
        results = context.SimpleQueue()

        def child() -> None:
            with caplog.at_level(logging.WARNING, "objstore"):
                found = (place.get("parent"), place.create("child", b"2"), place.create("child", b"3"))
                another = blocking(remote(f"s3://{bucket}", s3_options)).get("parent")
            results.put((found, another, caplog.text.count("fsspec takes over")))

        process = context.Process(target=child)
        process.start()
        process.join()
        assert process.exitcode == 0
        assert results.get() == ((b"1", True, False), b"1", 2)
        assert place.get("child") == b"2"
        assert caplog.text == ""


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, scripted: ScriptedServer) -> list[dict[str, str]]:
    """The headers of the requests that the scripted server was sent, by names in small letters."""
    headers: list[dict[str, str]] = []
    begin = Player.begin

    def watched(self: Player) -> bytes:
        headers.append({name.lower(): value for name, value in self.headers.items()})
        return begin(self)

    monkeypatch.setattr(Player, "begin", watched)
    scripted.play(OK)
    return headers


class TestOptions:
    """What the options of s3fs become on the wire."""

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, {"x-amz-server-side-encryption": None, "x-amz-request-payer": None, "x-amz-security-token": None}),
            ({"token": "t"}, {"x-amz-security-token": "t"}),
            ({"anon": True}, {"authorization": None}),
            ({"requester_pays": True}, {"x-amz-request-payer": "requester"}),
            ({"s3_additional_kwargs": {"RequestPayer": "requester"}}, {"x-amz-request-payer": "requester"}),
            ({"s3_additional_kwargs": {"ServerSideEncryption": "AES256"}}, {"x-amz-server-side-encryption": "AES256"}),
            (
                {
                    "s3_additional_kwargs": {
                        "ServerSideEncryption": "aws:kms",
                        "SSEKMSKeyId": "arn:key",
                        "BucketKeyEnabled": True,
                    }
                },
                {
                    "x-amz-server-side-encryption": "aws:kms",
                    "x-amz-server-side-encryption-aws-kms-key-id": "arn:key",
                    "x-amz-server-side-encryption-bucket-key-enabled": "true",
                },
            ),
            (
                {"s3_additional_kwargs": {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}},
                {
                    "x-amz-server-side-encryption-customer-algorithm": "AES256",
                    "x-amz-server-side-encryption-customer-key": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
                },
            ),
        ],
    )
    def test_it_goes_with_every_write_and_every_copy(
        self,
        scripted: ScriptedServer,
        seen: list[dict[str, str]],
        options: dict[str, Any],
        expected: dict[str, str | None],
    ) -> None:
        place = blocking(remote("s3://bucket/a", {**options_for(scripted.url), **options}))
        assert place.create("b", b"x")
        assert place.copy("b", "c")
        assert [{name: headers.get(name) for name in expected} for headers in seen] == [expected] * 2

    def test_the_region_and_the_key_sign(self, scripted: ScriptedServer, seen: list[dict[str, str]]) -> None:
        options = options_for(scripted.url) | {"client_kwargs": {"region_name": "eu-central-1"}}
        blocking(remote("s3://bucket/a", options)).create("b", b"x")
        assert "Credential=an-access-key/" in seen[0]["authorization"]
        assert "/eu-central-1/s3/" in seen[0]["authorization"]
        other = {"username": "another", "password": "p", "client_kwargs": {"endpoint_url": scripted.url}}
        blocking(remote("s3://bucket/a", other)).create("b", b"x")
        assert "Credential=another/" in seen[1]["authorization"]
        assert "/us-east-1/s3/" in seen[1]["authorization"]

    def test_a_profile_says_who_and_where(
        self, scripted: ScriptedServer, seen: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "config"
        file.write_text(
            "[profile there]\nregion = eu-west-1\naws_access_key_id = of-profile\naws_secret_access_key = s\n"
            f"endpoint_url = {scripted.url}\n"
        )
        monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        place = blocking(remote("s3://bucket/a", {"profile": "there"}))
        for _ in range(3):
            place.put("b", b"x")
        assert len(seen) == 3
        assert all("Credential=of-profile/" in headers["authorization"] for headers in seen)
        assert all("/eu-west-1/s3/" in headers["authorization"] for headers in seen)

    @pytest.mark.parametrize(
        ("bucket", "options", "endpoint"),
        [
            ("bucket", {}, "https://bucket.s3.eu-central-1.amazonaws.com"),
            ("dotted.bucket", {}, "https://s3.eu-central-1.amazonaws.com"),
            ("bucket", {"use_ssl": False}, "http://bucket.s3.eu-central-1.amazonaws.com"),
            (
                "bucket",
                {"config_kwargs": {"s3": {"addressing_style": "path"}}},
                "https://s3.eu-central-1.amazonaws.com",
            ),
            (
                "bucket",
                {"client_kwargs": {"region_name": "cn-north-1"}},
                "https://bucket.s3.cn-north-1.amazonaws.com.cn",
            ),
            ("bucket", {"endpoint_url": "https://s3.example.com:8443"}, "https://s3.example.com:8443"),
            (
                "bucket",
                {"endpoint_url": "https://example.com:8443", "config_kwargs": {"s3": {"addressing_style": "virtual"}}},
                "https://bucket.example.com:8443",
            ),
        ],
    )
    def test_a_bucket_is_addressed_as_botocore_does_it(
        self, bucket: str, options: dict[str, Any], endpoint: str
    ) -> None:
        from objstore.backends._obstore_client import config_of
        from objstore.backends._obstore_options import s3_settings

        given = {"key": "k", "secret": "s", "client_kwargs": {"region_name": "eu-central-1"}} | options
        found = config_of(s3_settings(given), bucket)
        assert found["endpoint"] == endpoint
        assert found["virtual_hosted_style_request"] is ("//bucket." in endpoint)

    def test_timeouts_and_retries_of_the_options_come_first(self, scripted: ScriptedServer) -> None:
        from objstore.backends._obstore import connect
        from objstore.backends._target import Limits, Target

        config = {"read_timeout": 1, "connect_timeout": 2.5, "retries": {"max_attempts": 0}, "max_pool_connections": 3}
        theirs = asyncio.run(
            connect(Target("s3", "bucket", {**options_for(scripted.url), "config_kwargs": config}), Limits())
        )
        assert theirs.retries == 0
        found = cast(Any, theirs._client())._store.client_options
        assert (str(found["read_timeout"]), str(found["connect_timeout"])) == ("1s", "2s 500ms")
        assert found["pool_max_idle_per_host"] == "3"

    def test_a_big_body_gets_time_to_be_sent(self) -> None:
        from objstore.backends._obstore import ObstoreAdapter

        adapter = ObstoreAdapter("bucket", "", lambda retries, more: cast(Any, (retries, more)), 4)

        def more(size: int) -> float:
            found: tuple[int, float] = cast(Any, adapter._awaited(size))
            return found[1]

        assert more(0) == more(2**20 - 1) == 0
        assert all(more(mebibytes * 2**20) >= 16 * mebibytes for mebibytes in range(1, 100))
        assert adapter._awaited(5 * 2**20) is adapter._awaited(7 * 2**20)

    @pytest.mark.parametrize(
        "options",
        [
            {"nonsense": "a-secret"},
            {"session": "a-secret"},
            {"version_aware": True},
            {"client_kwargs": {"api_version": "a-secret"}},
            {"config_kwargs": {"proxies": {"https": "a-secret"}}},
            {"config_kwargs": {"s3": {"use_accelerate_endpoint": True}}},
            {"config_kwargs": {"s3": {"addressing_style": "a-secret"}}},
            {"config_kwargs": {"signature_version": "a-secret"}},
            {"s3_additional_kwargs": {"ACL": "a-secret"}},
            {"s3_additional_kwargs": {"ServerSideEncryption": "a-secret"}},
            {"anon": "a-secret"},
            {"config_kwargs": {"read_timeout": "a-secret"}},
            {"config_kwargs": {"max_pool_connections": True}},
        ],
        ids=str,
    )
    def test_one_that_obstore_does_not_know_is_an_error_that_names_it(self, options: dict[str, Any]) -> None:
        def name(options: dict[str, Any]) -> str:
            key, value = next(iter(options.items()))
            return f"{key}.{name(value)}" if isinstance(value, dict) and key not in ("proxies",) else key

        with pytest.raises(UnsupportedError, match=f"obstore.*{name(options)} in storage_options") as caught:
            remote("s3://bucket/a", options)
        assert "a-secret" not in str(caught.value)

    def test_none_is_no_value(self) -> None:
        remote("s3://bucket/a", {"endpoint_url": None, "nonsense": None, "client_kwargs": None, "config_kwargs": {}})

    def test_half_a_pair_of_credentials_is_an_error(self) -> None:
        with pytest.raises(UnsupportedError, match="one of key and secret"):
            remote("s3://bucket/a", {"key": "a-key"})

    @pytest.mark.parametrize(
        ("target", "words"),
        [
            ("/a", "reaches S3, not file"),
            ("memory://a", "reaches S3, not memory"),
            ("gs://bucket/a", "reaches S3, not gcs"),
            ("s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/a/b", "no access points"),
        ],
    )
    def test_other_places_are_refused(self, target: str, words: str) -> None:
        if target.startswith("gs:"):
            pytest.importorskip("gcsfs", reason="gcsfs is not installed: pip install 'objstore[gcs]'")
        with pytest.raises(UnsupportedError, match=words):
            open_backend(target, client="obstore")

    def test_it_is_a_stated_choice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        backend = open_backend("s3://bucket/a")
        assert isinstance(backend, RemoteBackend)
        assert backend.client == "fsspec"
        with pytest.raises(UnsupportedError, match="there is no client 'boto3'"):
            objstore.open("s3://bucket/a", client="boto3")  # type: ignore[arg-type] # what is tried
        with pytest.raises(ValueError, match="leave path=, storage_options= and client= out"):
            open_backend(backend, client="obstore")
        monkeypatch.setattr("objstore.backends.find_spec", lambda name: None if name == "obstore" else object())
        with pytest.raises(BackendError, match=r"pip install 'objstore\[fast\]'"):
            open_backend("s3://bucket/a", client="obstore")
