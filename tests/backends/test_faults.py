from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from objstore.backends import MemoryBackend
from objstore.backends.base import Backend
from objstore.errors import PermissionDeniedError, UnavailableError
from objstore.testing.backend import BackendTests
from objstore.testing.faults import Fault, FaultyBackend, Request, Tear, Wait, lost_answer, refused, unavailable
from objstore.testing.racing import at_once


class TestNoFaults(BackendTests):
    @pytest.fixture
    def backend(self) -> FaultyBackend:
        return FaultyBackend(MemoryBackend.isolated())

    def test_a_pickled_backend_is_the_same_place(self, backend: object, place: Backend) -> None:
        pytest.skip("a wrapper with a function that chooses faults cannot be pickled, and is not meant to be")


def faulty(**faults: Fault) -> FaultyBackend:
    """Fail the first call of each of these operations."""
    return FaultyBackend(
        MemoryBackend.isolated(), lambda request: faults.get(request.operation) if request.number == 0 else None
    )


def test_a_lost_request_did_nothing_and_a_lost_answer_did() -> None:
    place = faulty(create=unavailable())
    with pytest.raises(UnavailableError, match="the request is lost"):
        place.create("a", b"1")
    assert place.create("a", b"1") is True
    place = faulty(create=lost_answer())
    with pytest.raises(UnavailableError, match="the answer is lost"):
        place.create("a", b"1")
    assert place.create("a", b"1") is False


@pytest.mark.parametrize("operation", ["create", "put", "get", "list", "delete", "copy", "sync"])
def test_every_operation_can_be_refused_once(operation: str) -> None:
    place = faulty(**{operation: refused()})
    calls: dict[str, Callable[[], Any]] = {
        "create": lambda: place.create("a", b""),
        "put": lambda: place.put("a", b""),
        "get": lambda: place.get("a"),
        "list": lambda: place.list("a/"),
        "delete": lambda: place.delete(["a"]),
        "copy": lambda: place.copy("a", "b"),
        "sync": lambda: place.sync("a/"),
    }
    with pytest.raises(PermissionDeniedError):
        calls[operation]()
    calls[operation]()
    assert [(request.operation, request.number) for request in place.requests] == [(operation, 0), (operation, 1)]
    place.requests.clear()
    with pytest.raises(PermissionDeniedError):
        calls[operation]()


def test_a_torn_write_stores_its_beginning() -> None:
    place = faulty(put=Tear(3), create=Tear(0))
    place.put("a", b"contents")
    assert place.create("b", b"contents")
    assert (place.get("a"), place.get("b")) == (b"con", b"")


def test_a_request_waits_until_it_may_go_on() -> None:
    release = threading.Event()
    place = faulty(put=Wait(release.wait))

    def work(number: int) -> bytes | None:
        if number == 0:
            place.put("a", b"late")
            return None
        before = place.get("a")
        release.set()
        return before

    assert at_once(2, work) == [None, None]
    assert place.get("a") == b"late"


def test_requests_of_many_threads_have_numbers_of_their_own() -> None:
    place = FaultyBackend(MemoryBackend.isolated(), lambda _: time.sleep(0))  # lets another thread have its turn
    often = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        at_once(8, lambda _: [place.get("a") for _ in range(500)])
    finally:
        sys.setswitchinterval(often)
    assert [request.number for request in place.requests] == [*range(4_000)]


def test_requests_are_remembered_with_their_keys() -> None:
    place = FaultyBackend(MemoryBackend.isolated())
    place.create("a", b"")
    place.delete(["a", "b"])
    assert place.requests == [Request("create", ("a",), 0), Request("delete", ("a", "b"), 0)]
