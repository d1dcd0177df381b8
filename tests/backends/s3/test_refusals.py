"""What refusals of S3 mean, and what is said of them."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from objstore.backends import open_backend
from objstore.backends.base import Backend
from objstore.errors import BackendError, PermissionDeniedError, UnavailableError, UnsupportedBackendError
from objstore.testing.blocking import blocking
from tests.backends.s3.calls import BYTES, EVERYTHING, at, copy, create, delete_two, get, put
from tests.servers.scripted import Say, ScriptedServer, s3_error


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
