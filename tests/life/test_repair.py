"""Damaged newest commits are set aside, and the session goes on from what is left."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time

import pytest

import objstore
from objstore import (
    ArtifactStore,
    ConflictError,
    FormatError,
    IntegrityError,
    Message,
    NotFoundError,
    SessionData,
    UnsupportedError,
)
from tests.life.damaged import DAMAGES, artifacts_of, damage, key, lived, output, texts, turns
from tests.places import Place, plain

CASES = [*((name, how) for name in ("local", "memory") for how in DAMAGES), ("s3", "truncated")]


@pytest.mark.parametrize("place", ["memory"], indirect=True)
def test_what_was_deleted_before_it_was_made_anew_buries_nothing_of_the_new_life(place: Place) -> None:
    store = place.open()
    lived(store, 2)
    store.delete("s")
    lived(store, 3)
    assert place.names("trash/") == {"s=.0000000003"}
    damage(place, 6, "truncated")
    old = place.open().load("s", at=5)
    assert old is not None
    assert len(old.messages) == 2


@pytest.mark.parametrize(("place", "how"), CASES, indirect=["place"])
def test_a_damaged_newest_commit_is_set_aside_and_the_session_goes_on(place: Place, how: str) -> None:
    lived(place.open(), 5)
    parent = place.open().history("s")[1].digest
    damaged = damage(place, 5, how)
    store = place.open()
    with pytest.raises(IntegrityError, match="at=4"):
        store.load("s")
    old = store.load("s", at=4)
    assert old is not None
    assert len(old.messages) == 4
    with pytest.raises(IntegrityError):
        store.append("s", messages=[Message.user("blocked")])
    assert not store.verify().ok
    before = place.files()

    planned = store.repair("s")
    assert (planned.resumed, planned.floor, planned.seq, planned.dry_run) == (4, 6, 5, True)
    assert [(lost.seq, lost.problem) for lost in planned.lost] == [(5, "missing" if how == "emptied" else "damaged")]
    assert [finding.key for finding in planned.damage] == [key(5)]
    assert planned.needed
    assert place.files() == before

    done = store.repair("s", dry_run=False)
    assert (done.resumed, done.floor, done.seq, done.lost) == (4, 6, 6, planned.lost)
    assert texts(place.open()) == texts(store) == turns(4)
    assert artifacts_of(place.open()) == [output(turn) for turn in (1, 2, 3, 4)]
    record = json.loads(plain(place.backend.get(key(6)) or b""))
    assert record["over"] == hashlib.sha256(damaged).hexdigest()
    assert (record["parent"], record["kind"], record["floor"], record["epoch"]) == (parent, "prune", 6, 6)
    after = place.files()
    assert {name: after[name] for name in before} == before
    assert store.verify().ok
    assert [commit.seq for commit in store.history("s")] == [6]
    for n in (4, 5):
        with pytest.raises(NotFoundError, match="begins at 6"):
            store.load("s", at=n)
    assert not store.repair("s", dry_run=False).needed
    assert store.append("s", messages=[Message.user("turn 5")]).seq == 7
    assert texts(place.open()) == turns(5)


def test_those_who_knew_more_or_less_conflict_and_appends_land(memory: Place) -> None:
    author, reader, third = memory.open(), memory.open(), memory.open()
    newest = lived(author, 4)
    older = reader.load("s")
    assert older is not None
    newest.messages.append(Message.user("lost"))
    author.save(newest)
    damage(memory, 5)
    third.repair("s", dry_run=False)
    for store, held in ((author, newest), (reader, older)):
        held.messages.append(Message.user("stale"))
        with pytest.raises(ConflictError):
            store.save(held)
        with pytest.raises(ConflictError):  # not even what its store remembers lets it through
            store.save(held, base=held.revision)  # type: ignore[arg-type]
    with pytest.raises(ConflictError):
        memory.open().save(newest, base=5)
    author.append("s", messages=[Message.user("appended")])
    assert texts(third) == [*turns(4), "appended"]


def test_what_is_added_without_a_base_lands_on_top_of_a_mend(memory: Place) -> None:
    author = memory.open()
    lived(author, 5)
    damage(memory, 5)
    memory.open().repair("s", dry_run=False)
    assert author.append("s", messages=[Message.user("appended")]).seq == 7
    assert texts(memory.open()) == [*turns(4), "appended"]


def test_nothing_goes_before_a_day_is_over_and_then_everything_that_was_passed_over(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = place.open()
    session = lived(store, 4)
    store.commit(session, artifacts=ArtifactStore())
    damaged = damage(place, 5)
    store = place.open()
    store.repair("s", dry_run=False)
    store.save_artifacts("s", ArtifactStore())
    before = place.files("sessions/")
    assert [doomed.key for doomed in store.collect().removed] == ["index/s=.0000000001"]  # a repair has its own
    report = store.prune("s", keep_last=1)
    assert (report.floor, report.removed) == (6, ())
    assert [doomed.key for doomed in report.later] == [key(n) for n in (1, 2, 3, 4, 5)]
    assert place.files("sessions/") == before
    assert before[key(5)] == damaged
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 25 * 3600)
    planned = store.collect(dry_run=True)
    objects = [doomed.key for doomed in planned.removed if "/objects/" in doomed.key]
    assert len(objects) == 4  # those of epoch 0; those of commit 6 are what it needs
    assert [doomed.key for doomed in planned.removed if "/log/" in doomed.key] == [key(n) for n in (1, 2, 3, 4, 5)]
    store.collect()
    left = place.files("sessions/")
    assert {name for name in left if "/log/" in name} == {key(6), key(7)}
    assert {name.split("/")[3] for name in left if "/objects/" in name} == {"5"}
    assert store.verify().ok
    assert store.prune("s", keep_last=1).floor == 8
    assert texts(place.open()) == turns(4)


def test_collect_lists_a_session_again_whatever_of_its_history_is_damaged(memory: Place) -> None:
    lived(memory.open(), 33)  # a snapshot
    damage(memory, 2)
    memory.backend.delete(["index/s=.0000000001"])
    store = memory.open()
    assert store.list() == []
    assert "s" in store.collect().skipped
    assert store.list() == ["s"]


@pytest.mark.parametrize(
    ("broken", "lost", "resumed"),
    [
        ((5, 4), [(5, "damaged"), (4, "damaged")], 3),
        ((4,), [(5, "unusable"), (4, "damaged")], 3),
        ((5, 3), [(5, "damaged"), (4, "unusable"), (3, "damaged")], 2),
    ],
)
def test_all_that_stands_on_damage_is_passed_over(
    memory: Place, broken: tuple[int, ...], lost: list[tuple[int, str]], resumed: int
) -> None:
    lived(memory.open(), 5)
    for n in broken:
        damage(memory, n)
    stored = b"".join(memory.backend.get(key(n)) or b"" for n in range(resumed + 1, 6))
    store = memory.open()
    report = store.repair("s", dry_run=False)
    assert ([(one.seq, one.problem) for one in report.lost], report.resumed) == (lost, resumed)
    assert all(one.parts == ("session", "artifacts") for one in report.lost if one.problem == "unusable")
    assert json.loads(plain(memory.backend.get(key(6)) or b""))["over"] == hashlib.sha256(stored).hexdigest()
    assert texts(store) == turns(resumed)
    assert store.verify().ok


def test_a_commit_that_is_gone_in_the_middle_takes_with_it_what_stands_on_it(memory: Place) -> None:
    lived(memory.open(), 5)
    memory.backend.delete([key(4)])
    report = memory.open().repair("s", dry_run=False)
    assert [(lost.seq, lost.problem) for lost in report.lost] == [(5, "unusable"), (4, "missing")]
    assert texts(memory.open()) == turns(3)


def test_what_lies_below_a_gap_counts_only_where_the_newest_commit_retains_it(memory: Place) -> None:
    lived(memory.open(), 5)
    memory.backend.delete([key(4)])
    damage(memory, 5)  # so nothing tells whether 4 was freed, and 3 is that of a writer who slept
    report = memory.open().repair("s")
    assert (report.resumed, [lost.seq for lost in report.lost]) == (None, [5, 4, 3, 2, 1])
    with pytest.raises(IntegrityError):
        memory.open().repair("s", dry_run=False)


def test_when_the_newest_commit_is_gone_only_who_wrote_it_can_tell(memory: Place) -> None:
    author = memory.open()
    newest = lived(author, 5)
    memory.backend.delete([key(5)])
    store = memory.open()
    assert not store.repair("s").needed
    assert texts(store) == turns(4)
    newest.messages.append(Message.user("turn 6"))
    author.save(newest)  # it knows of no gap below
    store = memory.open()
    with pytest.raises(IntegrityError, match="missing"):
        store.load("s")
    report = store.repair("s", dry_run=False)
    assert [(lost.seq, lost.problem) for lost in report.lost] == [(6, "unusable"), (5, "missing")]
    assert texts(store) == turns(4)


def test_damage_below_a_newer_snapshot_is_none_of_the_newest_state(memory: Place) -> None:
    lived(memory.open(), 34)
    damage(memory, 32)
    store = memory.open()
    assert not store.repair("s", dry_run=False).needed
    assert texts(store) == turns(34)
    assert [finding.key for finding in store.verify().findings] == [key(32)]


def test_where_nothing_can_be_read_repair_says_so_and_touches_nothing(memory: Place) -> None:
    memory.open().save(SessionData.new("s"))
    damage(memory, 1)
    store = memory.open()
    report = store.repair("s")
    assert (report.resumed, [lost.seq for lost in report.lost]) == (None, [1])
    before = memory.files()
    with pytest.raises(IntegrityError, match="no state of 's'"):
        store.repair("s", dry_run=False)
    assert memory.files() == before


@pytest.mark.parametrize("harmed", [(1, 2, 3, 4), (1, 3), (1, 2), (1,)])
@pytest.mark.parametrize("how", DAMAGES)
def test_of_several_that_are_damaged_it_names_the_newest_as_a_load_does(
    memory: Place, how: str, harmed: tuple[int, ...]
) -> None:
    lived(memory.open(), 4)
    for n in harmed:
        damage(memory, n, how)
    with pytest.raises(IntegrityError) as loading:
        memory.open().load("s")
    with pytest.raises(IntegrityError, match="no state of 's'") as repairing:
        memory.open().repair("s", dry_run=False)
    assert repairing.value.key == loading.value.key == key(max(harmed))


def test_a_commit_of_a_newer_objstore_is_not_taken_for_damage(memory: Place) -> None:
    lived(memory.open(), 2)
    data = plain(memory.backend.get(key(2)) or b"")
    text = data[:-75].replace(b'"requires":[]', b'"requires":["future"]')
    memory.put(key(2), text + f',"self":"{hashlib.sha256(text).hexdigest()}"}}'.encode())
    with pytest.raises(FormatError, match="upgrade"):
        memory.open().repair("s", dry_run=False)
    assert memory.names("sessions/s/log/000000/") == {"0000000001", "0000000002"}


def test_what_does_not_exist_needs_no_repair(place: Place) -> None:
    report = place.open().repair("nobody", dry_run=False)
    assert (report.needed, report.seq) == (False, 0)


def test_the_awaited_face_repairs_as_well(memory: Place) -> None:
    lived(memory.open(), 3)
    damage(memory, 3)

    async def repaired() -> tuple[bool, int]:
        async with memory.open_async() as store:
            planned = await store.repair("s")
            return planned.dry_run, (await store.repair("s", dry_run=False)).seq

    assert asyncio.run(repaired()) == (True, 4)
    assert texts(memory.open()) == turns(2)


def test_a_tree_has_no_history_to_put_a_mend_on(memory: Place) -> None:
    store = memory.open(layout="tree")
    store.save(SessionData.new("s"))
    with pytest.raises(UnsupportedError):
        store.repair("s")


def test_documents_are_not_judged_by_what_sessions_are(memory: Place) -> None:
    store = objstore.DocumentStore(memory.target)
    store.save("s", {"runs": [{"snapshot": {"id": "r", "status": "created", "event_count": 7}, "events": []}]})
    assert store.verify().ailments == ()
