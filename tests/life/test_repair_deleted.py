"""A deleted session stays deleted, whatever of it is damaged, and a damaged one can be deleted."""

from __future__ import annotations

import json

import pytest

from objstore import (
    IntegrityError,
    SessionData,
)
from tests.life.damaged import DAMAGES, damage, key, lived
from tests.places import Place, make_place, plain


def test_a_deleted_session_does_not_come_back_when_its_tombstone_is_damaged(place: Place) -> None:
    store = place.open()
    session = SessionData.new("s")
    store.save(session)
    store.delete("s")
    damage(place, 2)
    store = place.open()
    foreseen, done = store.repair("s"), store.repair("s", dry_run=False)
    for report in (foreseen, done):
        assert [lost.seq for lost in report.lost] == [2]
        assert (report.deleted, report.resumed) == (True, None)
    assert store.load("s") is None
    assert not store.exists("s")
    assert store.list() == []
    assert json.loads(plain(place.backend.get(key(3)) or b""))["kind"] == "delete"
    assert store.save(SessionData.new("s")).seq == 4
    assert store.verify().ok


@pytest.mark.parametrize(
    ("how", "told_by"),
    [
        *((how, "hint") for how in (*DAMAGES, "directory", "recreated")),
        *((how, "itself") for how in ("flipped", "recreated")),
    ],
)
def test_a_damaged_tombstone_shows_nothing_of_what_it_deleted(
    request: pytest.FixtureRequest, how: str, told_by: str
) -> None:
    place = make_place("local" if how == "directory" else "memory", request)
    store = place.open()
    lived(store, 3)
    store.delete("s")
    if how == "recreated":
        store.save(SessionData.new("s"))
        damage(place, 5)
    if how == "directory":
        place.backend.delete([key(4)])
        place.put(f"{key(4)}/something", b"")
    else:
        damage(place, 4, "flipped" if how == "recreated" else how)
    if told_by == "itself":
        place.backend.delete(list(place.files("trash/")))
    store = place.open()
    for at in (1, 2, 3):
        for call in (store.load, store.load_artifacts, store.restore):
            with pytest.raises(IntegrityError, match="it deleted 's' with all below it") as caught:
                call("s", at=at)
            assert caught.value.key == key(4)
        with pytest.raises(IntegrityError) as caught:
            store.fork("s", "other", at=at)
        assert caught.value.key == key(4)
    with pytest.raises(IntegrityError, match="repair the session") as caught:
        store.load("s")
    assert caught.value.key == key(5 if how == "recreated" else 4)
    store.repair("s", dry_run=False)
    assert place.open().load("s") is None
    assert place.open().verify().ok


@pytest.mark.parametrize("ids", [None, ["s"]])
def test_verify_tells_of_a_tombstone_that_is_gone_before_its_sweep_was_done(
    memory: Place, ids: list[str] | None
) -> None:
    store = memory.open()
    store.save(SessionData.new("s"))
    store.delete("s")
    assert store.verify(ids).ok
    assert store.collect().removed == ()  # the sweep waits for a day, and its hint with it
    memory.backend.delete([key(2)])
    (finding,) = memory.open().verify(ids).findings
    assert (finding.id, finding.key, finding.problem) == ("s", key(2), "missing")
    assert "delete the session again" in finding.detail
    memory.open().delete("s")
    assert memory.open().verify(ids).ok


def test_a_tombstone_that_got_lost_with_others_is_settled_by_one_delete(memory: Place) -> None:
    store = memory.open()
    for _ in range(4):
        store.save(SessionData.new("s", name=str(store.history("s"))))
    store.delete("s")
    memory.backend.delete([key(3), key(4), key(5)])  # as a backup brings back what is older
    (finding,) = memory.open().verify().findings
    assert finding.key == key(5)
    memory.open().delete("s")
    assert memory.open().verify().ok
    memory.open().save(SessionData.new("s"))
    assert memory.open().verify().ok


@pytest.mark.parametrize("purge", [False, True])
def test_a_session_that_cannot_be_read_can_still_be_deleted(place: Place, purge: bool) -> None:
    revision = place.open().save(SessionData.new("s"))
    lived(place.open(), 1)
    damage(place, 1)
    damage(place, 2)
    store = place.open()
    with pytest.raises(IntegrityError):
        store.delete("s", base=revision)
    store.delete("s", purge=purge)
    assert store.load("s") is None
    assert store.list() == []
    assert place.names("sessions/s/objects/0/") == set()
    assert (place.backend.get(key(2)) == b"") == purge
    assert store.save(SessionData.new("s"), base=0).seq == 4
    assert store.verify().ok
