"""A source and a target that share their files: the same place by any name, and one among the files of the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import pytest

import objstore
from objstore import DocumentStore, SessionData, SessionStore, UnsupportedError
from objstore.backends import LocalBackend, MemoryBackend, open_backend
from objstore.backends.base import Located, Location
from objstore.testing import memory_store
from objstore.testing.faults import FaultyBackend
from objstore.transfer._overlap import way_between
from tests.places import Place

from .lives import reopened

SAME = "^source and target are the same place"


@pytest.mark.parametrize("layout", ["log", "tree"])
def test_a_place_is_not_copied_into_itself(place: Place, layout: Any) -> None:
    store = place.open(layout)
    store.save(SessionData.new("s"))
    before = place.files()
    for target in (store, place.open(layout), place.open_async(layout)):
        for history in (True, False):
            with pytest.raises(UnsupportedError, match=SAME):
                objstore.copy(store, target, history=history)
    assert place.files() == before


def test_nor_is_a_place_of_documents(place: Place) -> None:
    store = DocumentStore(place.target, storage_options=place.options)
    store.save("d", {"a": 1})
    with pytest.raises(UnsupportedError, match=SAME):
        objstore.copy(store, DocumentStore(place.target, storage_options=place.options))


def test_nor_is_one_that_a_store_in_hand_reaches(origin: MemoryBackend) -> None:
    with reopened(origin) as store:
        store.save(SessionData.new("s"))
        with pytest.raises(UnsupportedError, match=SAME):
            objstore.copy(store, reopened(origin))


def test_a_directory_is_the_same_by_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    objstore.open(tmp_path / "real" / "agents").save(SessionData.new("s"))
    monkeypatch.chdir(tmp_path / "real")
    for name in ("agents", "../link/agents", f"file://{tmp_path}/real/agents/", f"{tmp_path}/link/./agents"):
        with pytest.raises(UnsupportedError, match=SAME):
            objstore.copy(tmp_path / "real" / "agents", name)
    local = objstore.open(fsspec.filesystem("file"), path=f"{tmp_path}/link/agents")
    with pytest.raises(UnsupportedError, match=SAME):
        objstore.copy(tmp_path / "real" / "agents", local)


def test_a_directory_is_the_same_where_the_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that does not tell big letters from small ones does, or one that is mounted in two places."""
    monkeypatch.setattr(Path, "samefile", lambda one, other: str(one).lower() == str(other).lower())
    outer, inner = LocalBackend(tmp_path / "agents"), LocalBackend(tmp_path / "AGENTS" / "sessions")
    assert way_between(outer, inner) == "sessions"
    assert way_between(inner, outer) is None


@pytest.mark.parametrize("room", ["sessions", "index", "trash"])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_store_among_the_files_of_another_is_no_end_of_a_copy(place: Place, room: str, reverse: bool) -> None:
    outer = place.open()
    outer.save(SessionData.new("s"))
    inner = Place(f"{place.target}/{room}/deeper/still", place.options).open()
    if reverse:
        inner.save(SessionData.new("t"))
    before = place.files()
    around, sides = ("target", (inner, outer)) if reverse else ("source", (outer, inner))
    with pytest.raises(UnsupportedError, match=f"among the files of the {around}, in {room}/"):
        objstore.copy(*sides)
    assert place.files() == before


@pytest.mark.parametrize("room", ["artifacts", "traces", "runs", "verification"])
def test_nor_is_one_among_those_of_a_tree(place: Place, room: str) -> None:
    tree = place.open("tree")
    tree.save(SessionData.new("s"))
    before = place.files()
    with pytest.raises(UnsupportedError, match=f"among the files of the source, in {room}/"):
        objstore.copy(tree, Place(f"{place.target}/{room}", place.options).open("tree"))
    assert place.files() == before


@pytest.mark.parametrize("beside", ["backup", "backup/sessions", "sessions-old", "../{name}-backup"])
def test_a_place_beside_those_files_is_a_target_like_any_other(place: Place, beside: str) -> None:
    store = place.open()
    store.save(SessionData.new("s"))
    parent, _, name = place.target.rpartition("/")
    url = f"{place.target}/{beside}"
    if beside.startswith("../"):
        url = f"{parent}/{beside[3:].format(name=name)}"
    target = Place(url, place.options).open()
    assert objstore.copy(store, target).copied == ("s",)
    assert objstore.copy(store, target).unchanged == ("s",)
    assert target.list() == store.list() == ["s"]
    assert store.verify().ok
    assert target.verify().ok


def test_stores_in_memory_that_share_nothing_are_two_places() -> None:
    one, other = memory_store(), memory_store()
    one.save(SessionData.new("s"))
    assert objstore.copy(one, other).copied == ("s",)


def way(first: tuple[str, dict[str, Any]], second: tuple[str, dict[str, Any]]) -> str | None:
    one, other = (open_backend(url, storage_options=options) for url, options in (first, second))
    return way_between(one, other)


def test_what_may_be_two_places_is_taken_for_two() -> None:
    plain: dict[str, Any] = {}
    elsewhere = {"endpoint_url": "http://127.0.0.1:9"}
    assert way(("s3://bucket/a", plain), ("s3://bucket/a", plain)) == ""
    assert way(("s3://bucket/a", plain), ("s3a://bucket/a/", plain)) == ""
    assert way(("s3://bucket/a", plain), ("s3://bucket/a/b/c", plain)) == "b/c"
    assert way(("s3://bucket/a/b", plain), ("s3://bucket/a", plain)) is None
    assert way(("s3://bucket/a", plain), ("s3://bucket/ab", plain)) is None
    assert way(("s3://bucket/a", plain), ("s3://bucket/a", elsewhere)) is None
    assert way(("s3://bucket/a", plain), ("memory://bucket/a", plain)) is None
    assert way(("memory://", plain), ("memory://a", plain)) == "a"


def test_another_client_reaches_the_same_place() -> None:
    pytest.importorskip("obstore")
    one, other = (open_backend("s3://bucket/a", client=client) for client in ("fsspec", "obstore"))
    assert way_between(one, other) == ""


def test_a_backend_of_ones_own_is_the_same_place_as_itself() -> None:
    class Own(MemoryBackend):
        pass

    backend = Own.isolated()
    store: SessionStore = objstore.open(backend)
    store.save(SessionData.new("s"))
    with pytest.raises(UnsupportedError, match=SAME):
        objstore.copy(store, objstore.open(backend))


class Shelf(MemoryBackend):
    """A backend of somebody else, on one shelf with all others of the kind."""

    path = "shelf"

    @property
    def location(self) -> Location:
        return Location("shelves", self.path)


@pytest.mark.parametrize(
    ("path", "refused"), [("shelf", SAME), ("/shelf/sessions/", "among the files of the source"), ("shelf/other", None)]
)
def test_a_backend_of_somebody_else_may_say_where_it_is(path: str, refused: str | None) -> None:
    outer, inner = Shelf.isolated(), Shelf.isolated()
    inner.path = path  # type: ignore[attr-defined]
    store = objstore.open(outer)
    store.save(SessionData.new("s"))
    if refused:
        with pytest.raises(UnsupportedError, match=refused):
            objstore.copy(store, objstore.open(inner))
    else:
        assert objstore.copy(store, objstore.open(inner)).copied == ("s",)


def test_one_that_does_not_say_it_is_a_place_by_itself() -> None:
    place = MemoryBackend.isolated()
    silent = FaultyBackend(place, lambda request: None)
    assert not isinstance(silent, Located)
    assert way_between(place, silent) is None
    assert way_between(silent, silent) == ""


def test_what_a_location_stands_on_is_not_shown() -> None:
    backend = open_backend("s3://bucket/a", storage_options={"secret": "SECRET", "key": "KEY"})
    assert isinstance(backend, Located)
    assert repr(backend.location) == "Location(path='bucket/a')"
