"""The options of s3fs mean the same, and one that cannot be mapped is an error."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, cast

import pytest

import objstore
from objstore.backends import RemoteBackend, open_backend
from objstore.errors import BackendError, UnsupportedError
from objstore.testing.blocking import blocking
from tests.backends.obstore.through import OK, remote
from tests.conftest import options_for
from tests.servers.scripted import Player, ScriptedServer

pytest.importorskip("obstore", reason="obstore is not installed: pip install 'objstore[fast]'")


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
        assert [{name: headers.get(name) for name in expected} for headers in seen[:2]] == [expected] * 2

    def test_the_region_and_the_key_sign(self, scripted: ScriptedServer, seen: list[dict[str, str]]) -> None:
        options = options_for(scripted.url) | {"client_kwargs": {"region_name": "eu-central-1"}}
        blocking(remote("s3://bucket/a", options)).create("b", b"x")
        assert "Credential=an-access-key/" in seen[0]["authorization"]
        assert "/eu-central-1/s3/" in seen[0]["authorization"]
        other = {"username": "another", "password": "p", "client_kwargs": {"endpoint_url": scripted.url}}
        blocking(remote("s3://bucket/a", other)).create("b", b"x")
        assert "Credential=another/" in seen[1]["authorization"]
        assert "/us-east-1/s3/" in seen[1]["authorization"]

    def test_no_token_of_the_environment_goes_with_a_key_that_was_given(
        self, scripted: ScriptedServer, seen: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SESSION_TOKEN", "of-somebody-else")
        blocking(remote("s3://bucket/a", options_for(scripted.url))).create("b", b"x")
        assert "Credential=an-access-key/" in seen[0]["authorization"]
        assert "x-amz-security-token" not in seen[0]

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

    @pytest.mark.parametrize(
        ("said", "endpoint"),
        [
            ("endpoint_url = https://example.com\ns3 =\n  addressing_style = virtual\n", "https://bucket.example.com"),
            ("s3 =\n  addressing_style = path\n", "https://s3.amazonaws.com"),
            ("use_fips_endpoint = true\n", "https://bucket.s3-fips.us-east-1.amazonaws.com"),
        ],
    )
    def test_so_it_is_by_what_a_profile_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, endpoint: str
    ) -> None:
        from objstore.backends._obstore_client import config_of
        from objstore.backends._obstore_options import s3_settings

        file = tmp_path / "config"
        file.write_text(f"[profile there]\nregion = us-east-1\n{said}")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        found = config_of(s3_settings({"profile": "there"}), "bucket")
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
