"""A conformance suite for backends: subclass it and give it a fixture.

from objstore.testing.backend import BackendTests

class TestMine(BackendTests):
    @pytest.fixture
    def backend(self):
        return MyBackend(...)  # empty, blocking or asynchronous
"""

# A test says what it proves in its name.
# ruff: noqa: D102

from __future__ import annotations

import hashlib
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from .._log.ops import Entry
from ..backends.base import AsyncBackend, Backend, Located
from .blocking import blocking

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


class BackendTests:
    """What every backend must do; a subclass gives the fixture ``backend``, an empty place.

    Attributes:
        many: How many objects the test of a long listing makes.
        big: How many bytes the object has that is replaced while others read it.
    """

    many = 50
    big = 300_000

    @pytest.fixture
    def place(self, backend: Backend | AsyncBackend) -> Backend:
        """Call the backend from plain code."""
        return blocking(backend)

    def test_nothing_is_there_at_first(self, place: Backend) -> None:
        assert place.get("a/b") is None
        assert place.list("") == []
        assert place.list("a/") == []
        assert place.copy("a/b", "a/c") is False
        place.delete(["a/b", "c"])
        place.delete([])

    @pytest.mark.parametrize("data", [b"", b"\x00", b"plain\r\n", bytes(range(256)) * 4096], ids=["0", "1", "7", "1M"])
    def test_bytes_come_back_as_they_were(self, place: Backend, data: bytes) -> None:
        assert place.create("dir/created", data) is True
        place.put("dir/put", data)
        assert place.get("dir/created") == data
        assert place.get("dir/put") == data

    @pytest.mark.parametrize("size", [0, 5_000_000, 20_000_000], ids=["0", "5M", "20M"])
    def test_an_upload_creates_what_is_in_the_file(self, place: Backend, tmp_path: Path, size: int) -> None:
        data = (hashlib.sha256(b"seed").digest() * (size // 32 + 1))[:size]
        file = tmp_path / "file"
        file.write_bytes(data)
        assert place.upload("dir/uploaded", str(file)) is True
        assert place.list("dir/") == [Entry("uploaded", is_directory=False, size=size)]
        assert place.get("dir/uploaded") == data
        if size < 8_000_000:  # a storage that takes more in parts may replace it, by the bytes that it is named after
            file.write_bytes(data[::-1] + b"another")
        assert place.upload("dir/uploaded", str(file)) is False
        assert place.get("dir/uploaded") == data

    def test_ranges_of_an_object_can_be_read(self, place: Backend) -> None:
        place.put("a/b", b"0123456789")
        place.put("a/empty", b"")
        assert place.read("a/b", 0, 4) == b"0123"
        assert place.read("a/b", 8, 1) == b"8"
        assert place.read("a/b", 8, 100) == b"89"
        assert place.read("a/b", 10, 1) == b""
        assert place.read("a/b", 100, 1) == b""
        assert place.read("a/empty", 0, 1) == b""
        assert place.read("a/none", 0, 1) is None
        assert place.read("a", 0, 1) is None

    def test_of_an_object_that_is_too_big_no_more_is_read_than_shows_it(self, place: Backend) -> None:
        place.put("a/b", b"0123456789")
        place.put("a/empty", b"")
        assert place.get("a/b", 10) == b"0123456789"
        assert place.get("a/b", 9) == b"0123456789"
        assert place.get("a/b", 3) == b"0123"
        assert place.get("a/b", 0) == b"0"
        assert place.get("a/empty", 3) == b""
        assert place.get("a/none", 3) is None
        assert place.get("a", 3) is None

    def test_a_second_create_is_refused_and_changes_nothing(self, place: Backend) -> None:
        assert place.create("a/b", b"first") is True
        assert place.create("a/b", b"second") is False
        assert place.create("a/b", b"second", durable=False) is False
        assert place.get("a/b") == b"first"

    def test_create_is_refused_where_a_put_was(self, place: Backend) -> None:
        place.put("a", b"put")
        assert place.create("a", b"created") is False
        assert place.get("a") == b"put"

    def test_a_key_is_free_again_after_delete(self, place: Backend) -> None:
        assert place.create("a", b"1")
        place.delete(["a"])
        assert place.create("a", b"2", durable=False)
        assert place.get("a") == b"2"

    def test_put_replaces(self, place: Backend) -> None:
        place.put("a/b", b"a longer first text")
        place.put("a/b", b"short")
        assert place.get("a/b") == b"short"

    def test_list_names_what_lies_directly_below(self, place: Backend) -> None:
        for key in ("a/1", "a/2", "a/deep/er/3", "ab/4", "top"):
            place.put(key, key.encode())
        assert found(place, "") == {folder("a"), folder("ab"), file("top", 3)}
        assert found(place, "a/") == {file("1", 3), file("2", 3), folder("deep")}
        assert found(place, "a/deep/") == {folder("er")}
        assert place.list("top/") == []
        assert place.list("a/1/") == []

    def test_list_takes_the_beginning_of_a_name(self, place: Backend) -> None:
        for key in ("index/a=.1", "index/a=.2", "index/a=.d/1", "index/aa=.1", "index/b=.1", "indexed", "a=.top"):
            place.put(key, b"x")
        assert found(place, "index/a=.") == {file("a=.1", 1), file("a=.2", 1), folder("a=.d")}
        assert found(place, "index/c") == set()
        assert found(place, "nothing/a") == set()
        assert found(place, "index") == {folder("index"), file("indexed", 1)}
        assert found(place, "a") == {file("a=.top", 1)}

    def test_list_names_everything_once(self, place: Backend) -> None:
        names = {f"{number:010}" for number in range(self.many)}

        def write(part: int) -> None:
            for name in sorted(names)[part::4]:
                place.put(f"log/{name}", b"x")

        at_once(4, write)
        listed = [entry.name for entry in place.list("log/")]
        assert len(listed) == self.many
        assert set(listed) == names

    def test_what_was_written_is_listed_at_once(self, place: Backend) -> None:
        for number in range(10):
            place.create(f"log/{number}", b"")
            assert {entry.name for entry in place.list("log/")} == {str(each) for each in range(number + 1)}

    @pytest.mark.parametrize(
        "key",
        ["s/=c3=a9-._", "s/" + "x" * 180, "a b", "per%25cent", "plus+&?#", "sessions/k/log/000000/0000000001", "z.zst"],
    )
    def test_any_key_of_a_store_is_a_name(self, place: Backend, key: str) -> None:
        assert place.create(key, b"1") is True
        assert place.create(key, b"2") is False
        parent, slash, name = key.rpartition("/")
        assert found(place, parent + slash) == {file(name, 1)}
        assert place.copy(key, key + ".copy") is True
        assert place.get(key + ".copy") == b"1"
        place.delete([key, key + ".copy"])
        assert place.get(key) is None

    def test_delete_removes_those_that_are_there(self, place: Backend) -> None:
        keys = [f"a/{number}" for number in range(12)]
        for key in keys[::2]:
            place.put(key, b"x")
        place.put("a/kept", b"kept")
        place.delete(keys)
        assert [place.get(key) for key in keys] == [None] * len(keys)
        assert found(place, "a/") == {file("kept", 4)}

    def test_pages_name_all_objects_once_and_in_order(self, place: Backend) -> None:
        names = [f"{number:03d}" for number in range(self.many)]
        for name in reversed(names):
            place.put(f"paged/{name}", b"x")
        place.put("paged/a/below", b"x")
        for after, start in (("", ""), ("010", ""), ("010:", "01"), ("zzz", ""), ("", "nothing")):
            found: list[str] = []
            page = place.page(f"paged/{start}", after)
            found += page.names
            while page.more:
                page = place.page(f"paged/{start}", page.names[-1])
                found += page.names
            assert found == [name for name in names if name > after and name.startswith(start)]
        assert place.page("none/", "").names == []

    def test_delete_of_a_directory_removes_nothing(self, place: Backend) -> None:
        place.put("a/b/c", b"x")
        place.delete(["a", "a/b"])
        assert place.get("a/b/c") == b"x"
        assert place.get("a/b") is None

    def test_copy_replaces_and_leaves_the_source(self, place: Backend) -> None:
        place.put("a/source", b"new")
        place.put("b/target", b"old")
        assert place.copy("a/source", "b/target") is True
        assert place.copy("a/source", "b/target") is True
        assert place.copy("a/source", "a/source.2") is True
        place.put("a/source", b"changed later")
        assert place.get("b/target") == b"new"
        assert place.copy("a/nothing", "b/target") is False
        assert place.get("b/target") == b"new"
        assert len(place.list("b/")) == 1

    def test_sync_and_close_can_be_called_at_any_time(self, place: Backend) -> None:
        place.sync("")
        place.put("a/b", b"1")
        place.sync("a/")
        place.close()
        assert place.get("a/b") == b"1"
        place.close()

    @pytest.mark.parametrize("key", ["../x", "a/../../x", "/x", "a//b", "a/./b", "", "a/", "a\x00b"])
    def test_a_key_that_could_lead_outside_is_refused(self, place: Backend, key: str) -> None:
        for call in (
            lambda: place.create(key, b""),
            lambda: place.upload(key, __file__),
            lambda: place.put(key, b""),
            lambda: place.get(key),
            lambda: place.read(key, 0, 1),
            lambda: place.delete([key]),
            lambda: place.copy(key, "a"),
            lambda: place.copy("a", key),
        ):
            with pytest.raises(ValueError, match="is no key"):
                call()
        assert place.list("") == []

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

        assert set().union(*at_once(4, work)) <= {old, new}

    def test_a_pickled_backend_is_the_same_place(self, backend: Backend | AsyncBackend, place: Backend) -> None:
        place.put("a", b"1")
        assert pickle.loads(pickle.dumps(place)).get("a") == b"1"  # noqa: S301 - it was made here
        if isinstance(backend, Located):
            again = pickle.loads(pickle.dumps(backend))  # noqa: S301 - the same
            assert again.location == backend.location


def file(name: str, size: int) -> Entry:
    """Name an object as a listing does."""
    return Entry(name, is_directory=False, size=size)


def folder(name: str) -> Entry:
    """Name a directory as a listing does."""
    return Entry(name, is_directory=True)


def found(place: Backend, prefix: str) -> set[Entry]:
    """List a prefix as a set."""
    return set(place.list(prefix))
