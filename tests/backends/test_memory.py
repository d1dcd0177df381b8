from __future__ import annotations

import multiprocessing
import pickle
import sys
import uuid

import pytest

from objstore.backends import open_backend
from objstore.backends.memory import MemoryBackend
from objstore.errors import BackendError
from objstore.testing.backend import BackendTests
from objstore.testing.racing import RACERS, at_once


class TestMemory(BackendTests):
    @pytest.fixture
    def backend(self) -> MemoryBackend:
        return MemoryBackend(f"tests/{uuid.uuid4().hex}")


class TestIsolatedMemory(BackendTests):
    @pytest.fixture
    def backend(self) -> MemoryBackend:
        return MemoryBackend.isolated()

    def test_a_pickled_backend_is_the_same_place(self, backend: object, place: object) -> None:
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(place)


def test_one_memory_url_is_one_place_and_isolated_ones_share_nothing() -> None:
    name = uuid.uuid4().hex
    one, other = (open_backend(f"memory://{name}/deep") for _ in range(2))
    assert isinstance(one, MemoryBackend)
    assert isinstance(other, MemoryBackend)
    one.put("a", b"1")
    assert other.get("a") == b"1"
    assert MemoryBackend(f"{name}/deep").get("a") == b"1"
    assert MemoryBackend(name).get("deep/a") == b"1"
    assert MemoryBackend(f"{name}/dee").get("a") is None
    first, second = MemoryBackend.isolated(), MemoryBackend.isolated()
    first.put("a", b"2")
    assert second.get("a") is None
    assert MemoryBackend().get("a") is None


def test_an_object_in_the_place_of_a_directory_is_an_error() -> None:
    place = MemoryBackend.isolated()
    place.put("a", b"1")
    with pytest.raises(BackendError, match="in its way"):
        place.put("a/b", b"2")


def test_a_create_is_not_interrupted_between_its_look_and_its_write() -> None:
    """The threads change hands as often as they can, where fsspec's own create has several winners."""
    place = MemoryBackend.isolated()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        won = [at_once(RACERS, lambda _, key=str(number): place.create(key, b"x")) for number in range(60)]  # type: ignore[misc]
    finally:
        sys.setswitchinterval(before)
    assert [round.count(True) for round in won] == [1] * 60


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_a_copy_of_its_own() -> None:
    place = MemoryBackend.isolated()
    place.put("a", b"1")
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()

    def child() -> None:
        results.put((place.get("a"), place.create("b", b"2")))

    process = context.Process(target=child)
    process.start()
    process.join()
    assert results.get() == (b"1", True)
    assert place.get("b") is None
