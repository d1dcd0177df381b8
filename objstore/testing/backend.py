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
from pathlib import Path

import pytest

from .._log.ops import Entry
from ..backends.base import AsyncBackend, Backend, Located
from .blocking import blocking
from .racing import RacingTests, at_once, check_bytes


class BackendTests(RacingTests):
    """What every backend must do; a subclass gives the fixture ``backend``, an empty place.

    Attributes:
        many: How many objects the tests of long listings and deletes make: more than your storage names, or removes, in
            one answer. That is 1,000 for most; fewer only save time.
        big: How many bytes the object has that is made, or replaced, while others read it.
    """

    many = 1_100

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
        created = place.create("dir/created", data)
        assert created is True
        place.put("dir/put", data)
        check_bytes(place.get("dir/created"), data)
        check_bytes(place.get("dir/put"), data)

    @pytest.mark.parametrize("size", [0, 5_000_000, 20_000_000], ids=["0", "5M", "20M"])
    def test_an_upload_creates_what_is_in_the_file(self, place: Backend, tmp_path: Path, size: int) -> None:
        data = (hashlib.sha256(b"seed").digest() * (size // 32 + 1))[:size]
        file = tmp_path / "file"
        file.write_bytes(data)
        assert place.upload("dir/uploaded", str(file)) is True
        assert place.list("dir/") == [Entry("uploaded", is_directory=False, size=size)]
        check_bytes(place.get("dir/uploaded"), data)
        if size < 8_000_000:  # a storage that takes more in parts may replace it, by the bytes that it is named after
            file.write_bytes(data[::-1] + b"another")
        assert place.upload("dir/uploaded", str(file)) is False
        check_bytes(place.get("dir/uploaded"), data)

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
        names = [f"{number:010}" for number in range(self.many)]
        self._write(place, [f"log/{name}" for name in names])
        assert sorted(entry.name for entry in place.list("log/")) == names

    def test_list_names_each_directory_once(self, place: Backend) -> None:
        names = [f"{number:010}" for number in range(self.many)]
        self._write(place, [f"sessions/{name}/log" for name in names] + [f"sessions/{names[0]}/{n}" for n in range(9)])
        listed = place.list("sessions/")
        assert sorted(entry.name for entry in listed) == names
        assert all(entry.is_directory for entry in listed)

    def test_what_was_written_is_listed_at_once(self, place: Backend) -> None:
        for number in range(10):
            place.create(f"log/{number}", b"")
            assert {entry.name for entry in place.list("log/")} == {str(each) for each in range(number + 1)}

    @pytest.mark.parametrize(
        "key",
        [
            *("s/=c3=a9-._", "s/" + "x" * 180, "a b", "per%25cent", "plus+&?#", "sessions/k/log/000000/0000000001"),
            *("z.zst", "Traces/Support-42.json"),
        ],
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
        keys = [f"a/{number}" for number in range(self.many)]
        self._write(place, keys[::2])
        self._write(place, keys[-1:])
        place.put("a/kept", b"kept")
        place.delete(keys)
        assert place.get(keys[0]) is None
        assert place.get(keys[-1]) is None
        assert found(place, "a/") == {file("kept", 4)}

    def test_pages_name_all_objects_once_and_in_order(self, place: Backend) -> None:
        names = [f"{number:04d}" for number in range(self.many)]
        self._write(place, [f"paged/{name}" for name in reversed(names)])
        place.put("paged/a/below", b"x")
        for after, start in (("", ""), ("0010", ""), ("0010:", "001"), ("zzz", ""), ("", "nothing")):
            assert paged(place, f"paged/{start}", after) == [
                name for name in names if name > after and name.startswith(start)
            ]
        assert place.page("none/", "").names == []

    def test_pages_are_sorted_by_code_points(self, place: Backend) -> None:
        names = ["-", "0", "=", "_", "a", "a-", "a-b", "a.b", "a0", "a=", "a=.1", "a_", "aa"]
        for name in names:
            place.put(f"paged/{name}", b"x")
        for number, after in enumerate(["", *names]):
            assert paged(place, "paged/", after) == names[number:]

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

    def test_a_pickled_backend_is_the_same_place(self, backend: Backend | AsyncBackend, place: Backend) -> None:
        place.put("a", b"1")
        other: Backend = pickle.loads(pickle.dumps(place))  # noqa: S301 - it was made here
        assert other.get("a") == b"1"
        for number in range(3):  # as another program would, of which this one is not told
            assert place.get(f"log/{number}") is None
            assert len(place.list("log/")) == number
            assert other.create(f"log/{number}", b"1") is True
            assert place.get(f"log/{number}") == b"1"
            assert len(place.list("log/")) == number + 1
            assert len(place.page("log/", "").names) == number + 1
            assert place.create(f"log/{number}", b"2") is False
        other.put("log/0", b"replaced")
        assert place.get("log/0") == b"replaced"
        other.delete(["log/0"])
        assert place.get("log/0") is None
        assert len(place.list("log/")) == 2
        if isinstance(backend, Located):
            again = pickle.loads(pickle.dumps(backend))  # noqa: S301 - the same
            assert again.location == backend.location

    def _write(self, place: Backend, keys: list[str]) -> None:
        def write(part: int) -> None:
            for key in keys[part::8]:
                place.put(key, b"x")

        at_once(8, write)


def file(name: str, size: int) -> Entry:
    """Name an object as a listing does."""
    return Entry(name, is_directory=False, size=size)


def folder(name: str) -> Entry:
    """Name a directory as a listing does."""
    return Entry(name, is_directory=True)


def paged(place: Backend, prefix: str, after: str) -> list[str]:
    """Name all that the pages of a listing name."""
    page = place.page(prefix, after)
    names = list(page.names)
    while page.more:
        page = place.page(prefix, page.names[-1])
        names += page.names
    return names


def found(place: Backend, prefix: str) -> set[Entry]:
    """List a prefix as a set."""
    return set(place.list(prefix))
