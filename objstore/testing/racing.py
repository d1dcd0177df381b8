"""The part of the conformance suite for backends that has several threads at work at once."""

# A test says what it proves in its name.
# ruff: noqa: D102

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from ..backends.base import Backend

T = TypeVar("T")

RACERS = 16
ROUNDS = 10


def at_once(number: int, do: Callable[[int], T]) -> list[T]:
    """Call a function from as many threads, which start together, and give the results in order."""
    start = threading.Barrier(number)

    def one(index: int) -> T:
        start.wait()
        return do(index)

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(one, range(number)))


def brief(data: bytes | None) -> str:
    """Say in few words what the contents of an object are; a diff of them may take megabytes, and minutes."""
    if data is None:
        return "nothing"
    return repr(data) if len(data) < 40 else f"{len(data)} bytes, {data[:10]!r} to {data[-10:]!r}"


def check_bytes(seen: bytes | None, wanted: bytes) -> None:
    """Hold that big contents are what they should be."""
    if seen != wanted:
        pairs = zip(seen or b"", wanted, strict=False)
        same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        raise AssertionError(f"{brief(seen)} instead of {brief(wanted)}; the first {same} bytes are the same")


class RacingTests:
    """What every backend must do when several call it at once; see `objstore.testing.backend.BackendTests`.

    Attributes:
        big: How many bytes the object has that is made, or replaced, while others read it.
    """

    big = 300_000

    def test_many_threads_work_at_once(self, place: Backend) -> None:
        def work(number: int) -> bytes | None:
            place.put(f"t/{number}", str(number).encode())
            return place.get(f"t/{number}")

        assert at_once(RACERS, work) == [str(number).encode() for number in range(RACERS)]

    def test_of_racing_creates_exactly_one_wins(self, place: Backend) -> None:
        if not place.capabilities.exclusive_create:
            pytest.skip("this backend does not promise exclusive creates (Capabilities.exclusive_create)")
        for number in range(ROUNDS):
            key = f"race/{number}"
            won = at_once(RACERS, lambda racer, key=key: place.create(key, b"%d" % racer * 1000))  # type: ignore[misc]
            assert won.count(True) == 1
            assert place.get(key) == b"%d" % won.index(True) * 1000

    def test_readers_of_a_new_key_see_all_of_it_or_nothing(self, place: Backend) -> None:
        if not place.capabilities.exclusive_create:
            pytest.skip("this backend does not promise whole creates (Capabilities.exclusive_create)")
        data = b"n" * self.big
        for number in range(ROUNDS):
            key = f"new/{number}"

            def work(racer: int, key: str = key) -> bytes | None:
                if racer % 2 == 0:
                    place.create(key, data)  # who is refused finds it whole
                    return place.get(key)
                while (seen := place.get(key)) is None:
                    continue
                return seen

            for seen in at_once(4, work):
                check_bytes(seen, data)

    def test_readers_of_a_changing_key_see_old_or_new(self, place: Backend) -> None:
        if not place.capabilities.atomic_put:
            pytest.skip("this backend does not promise whole replacements (Capabilities.atomic_put)")
        old, new = b"o" * self.big, b"n" * self.big
        place.put("torn", old)
        written = threading.Event()

        def work(number: int) -> set[bytes | None]:
            if number == 0:
                try:
                    for _ in range(10):
                        place.put("torn", new)
                        place.put("torn", old)
                finally:
                    written.set()
                return set()
            seen = {place.get("torn")}
            while not written.is_set():  # however fast it reads, it reads as long as there is something to see
                seen.add(place.get("torn"))
            return seen

        torn = [brief(seen) for seen in set().union(*at_once(4, work)) if seen not in (old, new)]
        assert not torn
