"""Backends that break one promise each, under the suites that are to find it; `test_suites.py` runs this file."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence

import pytest

import objstore
from objstore import SessionStore
from objstore._log.ops import Entry, Names
from objstore.backends import MemoryBackend
from objstore.testing.backend import BackendTests
from objstore.testing.log_store import LogStoreTests

MOMENT = 0.002
"""How long the gap is open that somebody else may step into."""


class IgnoresCreateOnly(MemoryBackend):
    """Writes over what is there."""

    def create(self, key: str, data: bytes, *, durable: bool = True, beside: bool = False) -> bool:
        self.put(key, data)
        return True


class LooksThenWrites(MemoryBackend):
    """Refuses a second create, but not one of two at once."""

    def create(self, key: str, data: bytes, *, durable: bool = True, beside: bool = False) -> bool:
        if self.get(key) is not None:
            return False
        time.sleep(MOMENT)
        self.put(key, data)
        return True


class WritesInPieces(MemoryBackend):
    """Shows half of an object while it is replaced."""

    def put(self, key: str, data: bytes) -> None:
        super().put(key, data[: len(data) // 2])
        time.sleep(MOMENT)
        super().put(key, data)


class CreatesInPieces(MemoryBackend):
    """Takes the name first, and fills it then."""

    def create(self, key: str, data: bytes, *, durable: bool = True, beside: bool = False) -> bool:
        if not super().create(key, data[: len(data) // 2]):
            return False
        time.sleep(MOMENT)
        self.put(key, data)
        return True


class KnowsOnlyItsOwnWrites(MemoryBackend):
    """Remembers what it has listed until it writes something itself, as the caches of fsspec do."""

    def list(self, prefix: str) -> list[Entry]:
        seen: dict[str, list[Entry]] = self.__dict__.setdefault("seen", {})
        return seen.setdefault(prefix, super().list(prefix))

    def create(self, key: str, data: bytes, *, durable: bool = True, beside: bool = False) -> bool:
        self.__dict__.pop("seen", None)
        return super().create(key, data)

    def put(self, key: str, data: bytes) -> None:
        self.__dict__.pop("seen", None)
        super().put(key, data)

    def delete(self, keys: Sequence[str]) -> None:
        self.__dict__.pop("seen", None)
        super().delete(keys)


class ListsOnePage(MemoryBackend):
    """Takes the first answer of a storage for all of it."""

    def list(self, prefix: str) -> list[Entry]:
        return sorted(super().list(prefix), key=lambda entry: entry.name)[:1_000]


class ListsADirectoryForEachObject(MemoryBackend):
    """Names a directory as often as something lies in it."""

    def list(self, prefix: str) -> list[Entry]:
        found = super().list(prefix)
        return found + [entry for entry in found if entry.is_directory]


class SortsByLetters(MemoryBackend):
    """Gives its pages in the order of a dictionary, which knows letters and digits."""

    def page(self, prefix: str, after: str) -> Names:
        names = super().page(prefix, "").names
        return Names(sorted((name for name in names if _letters(name) > _letters(after)), key=_letters), more=False)


def _letters(name: str) -> str:
    return "".join(letter for letter in name if letter.isalnum())


class ForgetsCapitals(MemoryBackend):
    """Writes every key in small letters, and finds it in any."""

    def list(self, prefix: str) -> list[Entry]:
        return super().list(prefix.lower())

    def _path(self, key: str) -> str:
        return super()._path(key.lower())


class DeletesOneBatch(MemoryBackend):
    """Sends no second request where the first one is full."""

    def delete(self, keys: Sequence[str]) -> None:
        super().delete(keys[:1_000])


class ListsFromACache(MemoryBackend):
    """Goes on showing what it saw first."""

    def list(self, prefix: str) -> list[Entry]:
        seen: dict[str, list[Entry]] = self.__dict__.setdefault("seen", {})
        return seen.setdefault(prefix, super().list(prefix))


class LosesBytes(MemoryBackend):
    """Takes what it is given for text."""

    def create(self, key: str, data: bytes, *, durable: bool = True, beside: bool = False) -> bool:
        return super().create(key, data.replace(b"\r\n", b"\n"), durable=durable)


class LosesTheEnd(MemoryBackend):
    """Stores no more of an object than fits."""

    def create(self, key: str, data: bytes, *, durable: bool = True, beside: bool = False) -> bool:
        return super().create(key, data[:1000], durable=durable)


class KeepsWhatWasDeleted(MemoryBackend):
    """Removes the first object that it is told to, and no other."""

    def delete(self, keys: list[str]) -> None:  # type: ignore[override] # it is wrong in every way
        super().delete(keys[:1])


class Suite(BackendTests):
    kind: type[MemoryBackend] = MemoryBackend

    @pytest.fixture
    def backend(self) -> MemoryBackend:
        return self.kind.isolated()

    def test_a_pickled_backend_is_the_same_place(self, backend: object, place: object) -> None:
        pytest.skip("an isolated memory cannot be pickled")


class TestGood(Suite):
    pass


class TestIgnoresCreateOnly(Suite):
    kind = IgnoresCreateOnly


class TestLooksThenWrites(Suite):
    kind = LooksThenWrites


class TestWritesInPieces(Suite):
    kind = WritesInPieces


class TestCreatesInPieces(Suite):
    kind = CreatesInPieces


class TestKnowsOnlyItsOwnWrites(BackendTests):
    @pytest.fixture
    def backend(self) -> MemoryBackend:
        return KnowsOnlyItsOwnWrites(uuid.uuid4().hex)


class TestListsOnePage(Suite):
    kind = ListsOnePage


class TestListsADirectoryForEachObject(Suite):
    kind = ListsADirectoryForEachObject


class TestSortsByLetters(Suite):
    kind = SortsByLetters


class TestForgetsCapitals(Suite):
    kind = ForgetsCapitals
    many = 50


class TestDeletesOneBatch(Suite):
    kind = DeletesOneBatch


class TestListsFromACache(Suite):
    kind = ListsFromACache


class TestLosesBytes(Suite):
    kind = LosesBytes


class TestKeepsWhatWasDeleted(Suite):
    kind = KeepsWhatWasDeleted


class StoreSuite(LogStoreTests):
    kind: type[MemoryBackend] = MemoryBackend

    @pytest.fixture
    def open_store(self) -> Callable[[], SessionStore]:
        place = self.kind.isolated()
        return lambda: objstore.open(place)


class TestStoreOnGood(StoreSuite):
    pass


class TestStoreOnIgnoresCreateOnly(StoreSuite):
    kind = IgnoresCreateOnly


class TestStoreOnListsFromACache(StoreSuite):
    kind = ListsFromACache


class TestStoreOnLosesTheEnd(StoreSuite):
    kind = LosesTheEnd
