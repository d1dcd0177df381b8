"""Damaged newest commits are set aside, and the session goes on from what is left."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

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
    SessionStore,
    ToolArtifact,
    UnsupportedError,
)
from objstore.testing.samples import artifact
from tests.places import PLACES, Place, make_place, plain

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "flipped": lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
    "truncated": lambda data: data[: len(data) // 2],
    "emptied": lambda data: b"",
    "foreign": lambda data: b"\x00" * len(data),
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    return make_place(request.param, request)


@pytest.fixture
def memory(request: pytest.FixtureRequest) -> Place:
    return make_place("memory", request)


def key(n: int) -> str:
    return f"sessions/s/log/000000/{n:010d}"


def damage(place: Place, n: int, how: str = "flipped") -> bytes:
    """Damage a commit, and give what stands there now."""
    data = place.backend.get(key(n))
    assert data
    damaged = DAMAGES[how](data)
    assert damaged != data
    place.put(key(n), damaged)
    return damaged


def output(turn: int) -> ToolArtifact:
    return artifact(f"{turn}", f"{turn} " * 5_000)


def lived(store: SessionStore, turns: int) -> SessionData:
    """Let a session live for some turns, each with an artifact more."""
    session = SessionData.new("s")
    artifacts = ArtifactStore()
    for turn in range(1, turns + 1):
        session.messages.append(Message.user(f"turn {turn}"))
        artifacts.put(output(turn))
        store.commit(session, artifacts=artifacts)
    return session


def texts(store: SessionStore) -> list[Any]:
    session = store.load("s")
    assert session is not None
    return [message.content[0].text for message in session.messages if hasattr(message.content[0], "text")]


def turns(last: int) -> list[str]:
    return [f"turn {n}" for n in range(1, last + 1)]


def artifacts_of(store: SessionStore) -> list[ToolArtifact]:
    return list(store.load_artifacts("s") or [])


CASES = [*((name, how) for name in ("local", "memory") for how in DAMAGES), ("s3", "truncated")]


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


def test_a_lost_leaf_costs_what_was_saved_since_it_was_cut(memory: Place) -> None:
    store = memory.open()
    session = SessionData.new("s")
    for turn in range(1, 36):
        session.messages += [Message.user(f"{turn} " * 10_000)]
        store.save(session)
    objects = [name for name in memory.files("sessions/s/objects/") if name.endswith(".zst")]
    assert objects  # cut by the snapshot 33
    memory.backend.delete(objects)
    report = memory.open().repair("s", dry_run=False)
    assert (report.resumed, [lost.seq for lost in report.lost]) == (32, [35, 34, 33])
    loaded = memory.open().load("s")
    assert loaded is not None
    assert loaded.messages == session.messages[:32]
    assert memory.open().verify().ok


@pytest.mark.parametrize("how", ["flipped", "gone"])
def test_a_damaged_artifact_goes_alone(place: Place, how: str) -> None:
    session = lived(place.open(), 3)
    name = hashlib.sha256(output(2).content.encode()).hexdigest() + ".zst"
    where = f"sessions/s/objects/0/{name}"
    data = place.backend.get(where)
    assert data
    place.backend.delete([where])
    if how == "flipped":
        place.put(where, data[:-1] + bytes([data[-1] ^ 1]))
    store = place.open()
    with pytest.raises(IntegrityError):
        store.load_artifacts("s")
    report = store.repair("s", dry_run=False)
    assert (report.lost, report.resumed, report.seq) == ((), None, 4)
    assert [(m.ailment.kind, m.ailment.path, m.done) for m in report.mends] == [
        ("damaged contents", ("artifacts", 1), "removed")
    ]
    assert [finding.key for finding in report.damage] == [where]
    assert artifacts_of(store) == [output(1), output(3)]
    assert texts(store) == turns(3)
    assert [commit.seq for commit in store.history("s")] == [4, 3, 2, 1]
    session.messages.append(Message.user("turn 4"))
    store.save(session)  # that other part had not changed
    assert texts(store) == turns(4)


def test_a_damaged_text_of_a_message_is_replaced_by_a_note(memory: Place) -> None:
    session = SessionData.new("s")
    session.messages = [Message.user("first"), Message.user("long " * 100_000), Message.user("last")]
    memory.open().save(session)
    memory.backend.delete(list(memory.files("sessions/s/objects/")))
    with pytest.raises(IntegrityError):
        memory.open().load("s")
    memory.open().repair("s", dry_run=False)
    assert texts(memory.open()) == ["first", "[lost: what was stored here is damaged]", "last"]


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


def test_raw_bytes_come_back_as_they_were(place: Place) -> None:
    store = objstore.DocumentStore(place.target, storage_options=place.options)
    blob = bytes(range(256)) * 20_000  # more than one piece
    store.save("s", {"blob": blob})
    store.save("s", {"n": 1})
    damage(place, 2)
    store = objstore.DocumentStore(place.target, storage_options=place.options)
    store._opened.driver.run(store._opened.repair("s", dry_run=False))
    assert place.names("sessions/s/objects/2/")
    place.backend.delete(list(place.files("sessions/s/objects/0/")))  # which a sweep may do
    document = store.load("s")
    assert document is not None
    assert document.parts == {"blob": blob}


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
