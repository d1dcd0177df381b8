"""What is asked again of a server of S3, how often, and what is not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from objstore.backends.base import Backend
from objstore.errors import PermissionDeniedError, UnavailableError
from tests.backends.s3.calls import BUSY, BYTES, EVERYTHING, EXISTS, OK, at, create, get, put
from tests.servers.scripted import Act, Drop, Say, ScriptedServer, s3_error


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


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 520, 522, 524, 529, 598])
def test_whatever_is_said_in_between_passes(place: Backend, scripted: ScriptedServer, status: int) -> None:
    scripted.play(Say(status, b"<html>words</html>"), OK)
    assert create(place) is True
    assert len(scripted.requests) == 2


@pytest.mark.parametrize("code", ["BadDigest", "IncompleteBody", "ThrottlingException"])
def test_what_was_broken_on_the_way_or_too_much_is_sent_again(
    place: Backend, scripted: ScriptedServer, code: str
) -> None:
    scripted.play(s3_error(400, code), OK)
    assert create(place) is True


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
