"""What is said of mistakes, and that secrets are not."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from objstore.backends.base import Backend
from objstore.errors import BackendError, PermissionDeniedError, UnavailableError
from objstore.testing.blocking import blocking
from tests.backends.obstore.through import remote
from tests.conftest import options_for
from tests.servers.moto_server import MotoServer
from tests.servers.scripted import Say, ScriptedServer, s3_error

pytest.importorskip("obstore", reason="obstore is not installed: pip install 'objstore[fast]'")


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
