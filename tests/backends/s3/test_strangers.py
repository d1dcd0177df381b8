"""What is no answer of S3, although it came with success, is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from objstore._log.ops import Names
from objstore.backends.base import Backend
from objstore.errors import UnavailableError
from tests.backends.s3.calls import (
    BYTES,
    SOMEBODY,
    at,
    copy,
    create,
    delete,
    delete_two,
    get,
    listing,
    names,
    names_of_a_log,
    page,
    put,
)
from tests.servers.scripted import Say, ScriptedServer, s3_error


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


def test_or_it_is_no_answer(scripted: ScriptedServer) -> None:
    pytest.importorskip("obstore", reason="obstore is not installed: pip install 'objstore[fast]'")
    place = at(scripted, "obstore")
    whole = Say(200, b"0123456789", {"ETag": '"etag"'})
    other = Say(206, b"01", {"ETag": '"etag"', "Content-Range": "bytes 0-1/10"})
    for said in (whole, other):
        scripted.play(said)
        with pytest.raises(UnavailableError, match="no answer of S3"):
            place.read("key", 3, 4)
    place.close()


@SOMEBODY
@pytest.mark.parametrize("call", [create, put, names, page, delete_two, copy])
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
def test_nor_is_what_only_s3fs_can_tell(scripted: ScriptedServer, said: Say) -> None:
    place = at(scripted, "fsspec")
    scripted.play(said)
    with pytest.raises(UnavailableError):
        names_of_a_log(place)
    place.close()


@SOMEBODY
def test_a_copy_that_somebody_else_has_answered_is_made(
    place: Backend, scripted: ScriptedServer, client: str, said: Say
) -> None:
    done = Say(200, b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>", {"ETag": '"x"'})
    scripted.play(said, *([] if client == "fsspec" else [s3_error(404, "NoSuchKey")]), done)
    assert copy(place)
    assert [request.method for request in scripted.requests].count("PUT") == 2


@pytest.mark.parametrize("call", [copy, delete, delete_two])
def test_an_error_that_comes_with_200_is_one(
    place: Backend, scripted: ScriptedServer, call: Callable[[Backend], object]
) -> None:
    scripted.play(s3_error(200, "InternalError"))
    with pytest.raises(UnavailableError, match="00 InternalError"):
        call(place)


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
