"""S3 through obstore: the same contract as through s3fs, by requests as few."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest

from objstore.backends import open_backend
from objstore.backends.base import Backend
from objstore.errors import BackendError
from objstore.testing.backend import BackendTests
from objstore.testing.blocking import blocking
from tests.backends.obstore.through import OK, remote
from tests.conftest import options_for
from tests.places import on_its_loop
from tests.servers.moto_server import MotoServer
from tests.servers.scripted import Say, ScriptedServer, s3_error

pytest.importorskip("obstore", reason="obstore is not installed: pip install 'objstore[fast]'")


class TestObstore(BackendTests):
    many = 120

    @pytest.fixture
    def backend(self, bucket: str, s3_options: dict[str, Any]) -> object:
        return remote(f"s3://{bucket}/some/prefix", s3_options)


class TestObstoreOnALoop(BackendTests):
    many = 50

    @pytest.fixture
    def backend(self, bucket: str, s3_options: dict[str, Any]) -> object:
        return on_its_loop(remote(f"s3://{bucket}/some/prefix", s3_options))


class TestObstoreBucket(BackendTests):
    """A store at the top of a bucket, with the options of a filesystem of the user's own."""

    many = 50

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

    def test_a_copy_is_looked_for(self, place: Backend, s3_server: MotoServer) -> None:
        place.put("a/b", b"x")
        s3_server.reset()
        assert place.copy("a/b", "a/c")
        assert s3_server.methods == Counter(PUT=1, HEAD=1)

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
            list(threads.map(lambda number: place.put(f"log/{number:04}", b"x"), range(1000)))
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
        assert [entry.name for entry in place.list("l")] == ["log"]
        assert s3_server.methods == Counter(GET=2)  # and none for what else is in it
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
        monkeypatch.setattr(_obstore, "MAX_COPY", 9)
        scripted.play(refused, contents, contents, begun, OK, ended)
        assert place.copy("b", "c")
        assert [request.method for request in scripted.requests] == ["PUT", "HEAD", "GET", "POST", "PUT", "POST"]
