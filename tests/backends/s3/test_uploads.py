"""Uploads in parts to S3, and what is known of an object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from objstore.backends import open_backend
from objstore.backends.base import Facts
from objstore.errors import BackendError, UnavailableError
from tests.backends.s3.calls import OK, SOMEBODY, at
from tests.conftest import options_for
from tests.servers.scripted import Drop, Say, ScriptedServer, s3_error


@SOMEBODY
def test_what_somebody_else_answers_is_no_upload_in_parts(scripted: ScriptedServer, said: Say, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 9_000_000)
    place = at(scripted, "fsspec")
    scripted.play(s3_error(404, "NoSuchKey"), said)
    with pytest.raises(UnavailableError):
        place.upload("key", str(file))
    place.close()


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
    monkeypatch.setattr("objstore.backends._s3_rules.PART", 1_000_000)
    monkeypatch.setattr("objstore.backends._s3_rules._MAX_PARTS", 4)
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
