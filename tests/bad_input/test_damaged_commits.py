"""Commits that are not what was written: an error that names the key, and a way back."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

import objstore
from objstore import ConflictError, IntegrityError, Message, NotFoundError, SessionData, SessionStore
from objstore._format import naming
from objstore.backends import MemoryBackend
from tests.bad_input.damage import HARMS, TURNS, Harm, fill, flip_middle, harm, log_key, missing, turns
from tests.places import Place


@pytest.fixture
def filled() -> Place:
    return full(Place(f"memory://damage/{uuid.uuid4().hex}"))


def full(place: Place) -> Place:
    store = place.open()
    fill(store, "s")
    fill(store, "other")
    return place


@pytest.mark.parametrize("how", [flip_middle, missing])
def test_damage_is_found_on_every_kind_of_storage(place: Place, how: Harm) -> None:
    full(place)
    harm(place, log_key("s", 3), how)
    store = place.open()
    with pytest.raises(IntegrityError, match="at=2") as caught:
        store.load("s")
    assert caught.value.key == log_key("s", 3)
    assert turns(store.load("s", at=2)) == 2
    assert [(f.id, f.key) for f in store.verify().findings] == [("s", log_key("s", 3))]
    others_are_fine(store)


def others_are_fine(store: SessionStore) -> None:
    assert turns(store.load("other")) == TURNS
    assert store.list() == ["other", "s"]
    assert store.verify(["other"]).ok


@pytest.mark.parametrize("how", HARMS)
def test_a_damaged_newest_commit_is_named_and_the_ones_below_stay_reachable(filled: Place, how: Harm) -> None:
    key = log_key("s", TURNS)
    harm(filled, key, how)
    store = filled.open()
    if how is missing:  # nothing tells that it ever was, so it is as if it had never been
        assert turns(store.load("s")) == TURNS - 1
        return
    with pytest.raises(IntegrityError, match=rf"at={TURNS - 1}") as caught:
        store.load("s")
    assert caught.value.key == key
    for n in range(1, TURNS):
        assert turns(store.load("s", at=n)) == n
    with pytest.raises(IntegrityError):
        store.load("s", at=TURNS)
    for call in (lambda: store.exists("s"), lambda: store.history("s"), lambda: store.save(SessionData.new("s"))):
        with pytest.raises(IntegrityError) as caught:
            call()
        assert caught.value.key == key
    assert [(f.id, f.key, f.problem) for f in store.verify().findings] == [("s", key, "damaged")]
    others_are_fine(store)


@pytest.mark.parametrize("how", HARMS)
def test_a_damaged_older_commit_is_named_and_the_ones_below_stay_reachable(filled: Place, how: Harm) -> None:
    key = log_key("s", 3)
    harm(filled, key, how)
    store = filled.open()
    with pytest.raises(IntegrityError, match="at=2") as caught:
        store.load("s")
    assert caught.value.key == key
    assert turns(store.load("s", at=2)) == 2
    for n in (3, 4):
        with pytest.raises((IntegrityError, NotFoundError)):
            store.load("s", at=n)
    assert store.exists("s")
    with pytest.raises(IntegrityError):
        store.history("s")
    assert [(f.id, f.key) for f in store.verify().findings][:1] == [("s", key)]
    others_are_fine(store)


def test_a_damaged_first_commit_leaves_nothing_to_go_back_to_and_says_no_number(filled: Place) -> None:
    harm(filled, log_key("s", 1), missing)
    store = filled.open()
    with pytest.raises(IntegrityError) as caught:
        store.load("s")
    assert "at=" not in str(caught.value)
    others_are_fine(store)


SWAPS = {
    "another session's of this number": log_key("other", TURNS),
    "this session's of another number": log_key("s", 2),
    "an object": "objects",
    "the marker": "objstore.json",
}


@pytest.mark.parametrize("source", SWAPS.values(), ids=SWAPS.keys())
def test_a_commit_in_anothers_place_is_never_taken_for_it(filled: Place, source: str) -> None:
    if source == "objects":
        source = next(key for key in filled.files("sessions/s/objects/"))
    data = filled.backend.get(source)
    assert data is not None
    for number in (TURNS, 3):
        filled.put(log_key("s", number), data)
        with pytest.raises(IntegrityError) as caught:
            filled.open().load("s")
        assert caught.value.key in (log_key("s", 3), log_key("s", TURNS))
    others_are_fine(filled.open())


def test_a_commit_of_another_branch_does_not_fit_on_the_chain(filled: Place) -> None:
    before = filled.backend.get(log_key("s", 4))
    assert before is not None
    for number in (4, 5):
        harm(filled, log_key("s", number), missing)
    store = filled.open()
    for text in ("another four", "another five"):
        store.append("s", messages=[Message.user(text)])
    filled.put(log_key("s", 4), before)
    with pytest.raises(IntegrityError, match="is not the one that commit 5 stands on") as caught:
        filled.open().load("s")
    assert caught.value.key == log_key("s", 4)
    assert not filled.open().verify(["s"]).ok


def test_a_whole_session_under_anothers_name_is_not_given_out(filled: Place) -> None:
    for key, data in filled.files("sessions/other/").items():
        filled.put(key.replace("/other/", "/thief/"), data)
    store = filled.open()
    with pytest.raises(IntegrityError, match="belongs to another session"):
        store.load("thief")
    with pytest.raises(IntegrityError):
        store.exists("thief")
    assert {f.problem for f in store.verify().findings} == {"damaged"}


@pytest.mark.parametrize("how", [h for h in HARMS if h is not missing])
def test_a_handle_that_knows_the_session_does_not_build_on_a_damaged_commit_above(filled: Place, how: Harm) -> None:
    store = filled.open()
    session = store.load("s")
    assert session is not None
    filled.open().append("s", messages=[Message.user("six")])
    harm(filled, log_key("s", TURNS + 1), how)
    with pytest.raises(IntegrityError):
        store.load("s")
    session.messages.append(Message.user("mine"))
    with pytest.raises((IntegrityError, ConflictError)):
        store.save(session)
    assert filled.names("sessions/s/log/000000/") == {f"{n:010d}" for n in range(1, TURNS + 2)}


def test_files_that_are_no_commits_are_passed_over(filled: Place) -> None:
    for name in ("readme.txt", "0000000009.tmp", "00000000010", "x", "0000000000"):
        filled.put(f"sessions/s/log/000000/{name}", b"x")
    filled.put("sessions/s/log/notes", b"x")
    filled.put("sessions/s/log/000007/README", b"x")
    filled.put("sessions/s/notes.md", b"x")
    filled.put("index/README", b"x")
    store = filled.open()
    assert turns(store.load("s")) == TURNS
    assert store.list() == ["other", "s"]
    store.append("s", messages=[Message.user("more")])
    assert turns(filled.open().load("s")) == TURNS + 1


def test_a_stub_where_the_newest_commit_should_be_is_damage(filled: Place) -> None:
    filled.put(log_key("s", TURNS + 1), b"")
    with pytest.raises(IntegrityError, match="repair the session"):  # for all a reader knows it is a purge
        filled.open().load("s")
    assert filled.open().repair("s").resumed == TURNS
    others_are_fine(filled.open())


@pytest.mark.parametrize("told", [True, False])
def test_a_long_id_whose_hint_and_newest_commit_are_damaged_hides_no_other(told: bool) -> None:
    place = MemoryBackend.isolated()
    long = "long " * 100
    for each in ("other", long):
        fill(objstore.open(place), each)
    key = naming.session_key(long)
    place.put(naming.index_hint(key, 1), b"damaged")
    for n in range(TURNS if told else 1, TURNS + 1):
        place.put(naming.log_key(key, n), b"damaged")
    store = objstore.open(place)
    expected = sorted(["other", long] if told else ["other"])  # an older commit tells the id, or nothing does
    assert store.list() == expected
    assert sorted(store.iter_ids()) == expected
    assert {summary.id for summary in store.iter_summaries()} == set(expected)
    assert not store.verify().ok


@pytest.mark.parametrize("id", ["", "with\0nul", "x" * 2000, "other", 1, None])
def test_a_commit_of_a_long_id_that_tells_no_such_id_stops_nobody_else(id: Any) -> None:
    place = MemoryBackend.isolated()
    long = "long " * 100
    for each in ("other", long):
        fill(objstore.open(place), each)
    place.put(naming.log_key(naming.session_key(long), TURNS), json.dumps({"format": 1, "id": id}).encode())
    store = objstore.open(place)
    assert len(store.verify().findings) == 1
    assert {usage.id for usage in store.du().sessions} == {"other"}
    assert set(store.collect().skipped) == {long}
    for history in (True, False):
        report = objstore.copy(store, objstore.open(MemoryBackend.isolated()), history=history)
        assert (report.copied, report.unchanged, len(report.failed)) == (("other",), (), 1)
    assert store.list() == sorted(["other", long])
