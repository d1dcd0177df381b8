"""Two programs that open one empty place at the same time."""

from __future__ import annotations

import pytest

import objstore
from objstore import FormatError, SessionData, SessionStore
from objstore.backends import MemoryBackend
from objstore.testing.faults import Fault, FaultyBackend, Request, Wait


def slow(place: MemoryBackend, fast: SessionStore) -> SessionStore:
    """Open a place, with another one's first save between the look for a marker and the listing."""

    def choose(request: Request) -> Fault | None:
        if (request.operation, request.number) != ("list", 0):
            return None
        return Wait(lambda: fast.save(SessionData.new("fast")))

    return objstore.open(FaultyBackend(place, choose))


def test_a_marker_made_meanwhile_is_no_file_of_a_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    place = MemoryBackend.isolated()
    list_all = place.list
    monkeypatch.setattr(  # as early as can be: the marker is there, and nothing else yet
        place, "list", lambda prefix: [e for e in list_all(prefix) if prefix or e.name == "objstore.json"]
    )
    store = slow(place, objstore.open(place))
    assert store.save(SessionData.new("slow")).seq == 1
    assert store.list() == ["fast", "slow"]


def test_a_store_made_meanwhile_is_no_foreign_place() -> None:
    place = MemoryBackend.isolated()
    store = slow(place, objstore.open(place))
    assert store.list() == ["fast"]


def test_a_tree_made_meanwhile_by_a_session_of_the_markers_name_is_a_tree() -> None:
    place = MemoryBackend.isolated()

    def choose(request: Request) -> Fault | None:
        if (request.operation, request.number) != ("list", 0):
            return None
        return Wait(lambda: objstore.open(place, layout="tree").save(SessionData.new("objstore")))

    store = objstore.open(FaultyBackend(place, choose))
    assert store.list() == ["objstore"]
    assert store.save(SessionData.new("another")).seq is None


def test_a_marker_that_is_listed_and_never_read_is_no_place_to_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    place = MemoryBackend.isolated()
    objstore.open(place).save(SessionData.new("s"))
    read = place.get
    monkeypatch.setattr(place, "get", lambda key, limit: None if key == "objstore.json" else read(key, limit))
    with pytest.raises(FormatError, match="cannot be read"):
        objstore.open(place).save(SessionData.new("t"))
