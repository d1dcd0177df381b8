"""What is kept, what goes, and that a dry run says so."""

from __future__ import annotations

import datetime
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import objstore
from objstore import ArtifactStore, Message, NotFoundError, SessionData, SessionStore
from objstore._format import naming
from objstore.backends import MemoryBackend
from objstore.backends._keys import TEMPORARY
from objstore.testing.faults import Fault, FaultyBackend, Request
from objstore.testing.samples import artifact
from tests.places import Place, make_place


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    return make_place("memory", request)


def lived(store: SessionStore, turns: int, id: str = "s") -> None:
    """Let a session live for some turns, each with an artifact that replaces the one before."""
    session = store.load(id) or SessionData.new(id)
    for _ in range(turns):
        session.messages.append(Message.user(f"turn {len(session.messages)}"))
        content = f"output {len(session.messages)} " * 2_000
        artifacts = ArtifactStore()
        artifacts.put(artifact("a", content))
        store.commit(session, artifacts=artifacts)


def later(monkeypatch: pytest.MonkeyPatch, hours: float = 25) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + hours * 3600)


WISHES = {
    "last": (10, None),
    "newest state": (1, None),
    "snapshots": (None, 2),
    "one snapshot": (None, 1),
}
CASES = [("memory", wish, days) for wish in WISHES for days in (0, 2)]


@pytest.mark.parametrize(("kind", "wish", "days"), [*CASES, ("local", "last", 2), ("s3", "newest state", 0)])
def test_a_dry_run_names_exactly_what_goes(
    kind: str, wish: str, days: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_place(kind, request)
    last, snapshots = WISHES[wish]
    with place.open() as store:
        lived(store, 70)
        later(monkeypatch, 24 * days)
        went = 0
        for _ in range(2):  # once to raise the floor, and once more when there is nothing left to raise
            before = place.files("sessions/")
            planned = store.prune("s", keep_last=last, keep_snapshots=snapshots, dry_run=True)
            assert place.files("sessions/") == before
            done = store.prune("s", keep_last=last, keep_snapshots=snapshots)
            gone = before.keys() - place.files("sessions/").keys()
            assert gone == {doomed.key for doomed in planned.removed}
            went += len(gone)
            assert (planned.floor, planned.removed) == (done.floor, done.removed)
            assert [(d.key, d.why) for d in planned.later] == [(d.key, d.why) for d in done.later]
            assert store.verify().ok
        later(monkeypatch)
        before = place.files()
        swept = store.collect(dry_run=True).removed
        assert store.collect().removed == swept
        assert before.keys() - place.files().keys() == {doomed.key for doomed in swept}
        assert store.collect(dry_run=True).removed == ()
        assert went
        assert (len(swept) > 0) is (days == 0 or wish == "newest state")  # else what was freed went at once


@pytest.mark.parametrize(("others", "kept"), [(63, True), (64, False)])
def test_a_commit_of_a_clock_that_ran_ahead_keeps_what_is_above_it_unless_64_older_ones_are(
    memory: Place, monkeypatch: pytest.MonkeyPatch, others: int, kept: bool
) -> None:
    with memory.open() as store:
        with monkeypatch.context() as ahead:
            later(ahead)
            store.save(SessionData.new("s"))
        for _ in range(others):
            store.append("s", messages=[Message.user("x")])
        report = store.prune("s", keep_newer_than=datetime.datetime.now(datetime.UTC), dry_run=True)
    assert report.floor == (1 if kept else others + 2)


def left_by_a_crash(place: Place) -> None:
    place.put(naming.object_key("s", 0, "0" * 64), b"an upload")


def left_after_a_delete(place: Place) -> None:
    with place.open() as store:
        store.delete("s")
    place.put(naming.object_key("s", 71, "0" * 64), b"an upload under the epoch of the tombstone")


def listed_by_nobody(place: Place) -> None:
    with place.open() as store:
        store.delete("s")
    place.put(naming.index_hint("s", 80), b"")


def half_a_snapshot(place: Place) -> None:
    """A snapshot was broken off behind its leaf, and what `collect` writes to sweep that needs the same leaf."""
    with place.open() as store:
        for n in range(10):
            store.append("s", messages=[Message.user(f"{n} " * 10_000)])
        before = place.files()
        store.prune("s", keep_last=1)
    after = place.files("sessions/s/objects/")
    for key in place.files().keys() - before.keys():
        place.backend.delete([key])
    for key, data in (before | after).items():
        place.put(key, data)


@pytest.mark.parametrize("trouble", [left_by_a_crash, left_after_a_delete, listed_by_nobody, half_a_snapshot])
def test_a_dry_run_of_collect_names_exactly_what_goes(
    place: Place, trouble: Callable[[Place], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with place.open() as store:
        lived(store, 70)
        trouble(place)
        named = 0
        for days in (2, 0, 2):
            later(monkeypatch, 24 * days)
            before = place.files()
            planned = store.collect(dry_run=True).removed
            assert place.files() == before
            assert store.collect().removed == planned
            assert before.keys() - place.files().keys() == {doomed.key for doomed in planned}
            named += len(planned)
        assert (named > 0) is (trouble is not half_a_snapshot)  # of which all stays
        assert store.verify().ok


@pytest.mark.parametrize(("number", "floor"), [(1, 65), (2, 33), (3, 1), (4, 1), (1_000, 1)])
def test_the_newest_snapshots_are_kept_and_all_since(place: Place, number: int, floor: int) -> None:
    with place.open() as store:
        lived(store, 70)
        for _ in range(3):  # a repeat keeps as much: the commit of a prune is none of the snapshots
            assert store.prune("s", keep_snapshots=number).floor == floor
        assert [c.seq for c in store.history("s")][-1] == floor
        assert store.load("s", at=floor) is not None
        lived(store, 32)  # and another snapshot takes the place of one
        assert store.prune("s", keep_snapshots=number).floor == {65: 97, 33: 65, 1: 1 if number > 3 else 33}[floor]


def test_of_one_commit_all_is_kept_by_more_snapshots_than_there_are(place: Place) -> None:
    with place.open() as store:
        lived(store, 1)
        assert store.prune("s", keep_snapshots=2).floor == 1
        assert [c.seq for c in store.history("s")] == [1]


@pytest.mark.parametrize(("number", "floor"), [(1, 71), (2, 65), (6, 65), (7, 33), (38, 33), (39, 1), (1_000, 1)])
def test_so_many_of_the_newest_commits_are_kept_and_none_more_than_a_whole_state_needs(
    place: Place, number: int, floor: int
) -> None:
    with place.open() as store:
        lived(store, 70)
        assert store.prune("s", keep_last=number, dry_run=True).floor == floor
        assert store.prune("s", keep_last=number).floor == floor


def test_of_several_wishes_the_one_counts_that_keeps_most(place: Place) -> None:
    with place.open() as store:
        lived(store, 70)
        assert store.prune("s", keep_snapshots=1, keep_last=50, dry_run=True).floor == 1
        assert store.prune("s", keep_snapshots=2, keep_last=1, dry_run=True).floor == 33
        day = datetime.timedelta(days=1)
        assert store.prune("s", keep_snapshots=1, keep_newer_than=day, dry_run=True).floor == 1
        for last, snapshots in ((None, None), (None, 0), (-1, None)):
            with pytest.raises(ValueError, match="keep"):
                store.prune("s", keep_last=last, keep_snapshots=snapshots)


def test_what_is_stored_under_two_epochs_is_kept_under_both_while_commits_name_them(place: Place) -> None:
    """A writer who has just come does not know what older commits name, and stores the same contents once more."""
    held = ArtifactStore()
    held.put(artifact("a", "held " * 4_000))
    with place.open() as store:
        lived(store, 34)
        first = store.save_artifacts("s", held).seq
        lived(store, 1)
        assert store.prune("s", keep_snapshots=1).floor == 33
    with place.open() as store:
        second = store.save_artifacts("s", held).seq
        lived(store, 1)
        epochs = Counter(key.rpartition("/")[2] for key in place.files("sessions/s/objects/"))
        assert max(epochs.values()) == 2
        assert store.collect().removed == ()
        store.prune("s", keep_last=10)
    with place.open() as store:
        assert [store.load_artifacts("s", at=seq) for seq in (first, second)] == [held, held]
        assert store.verify().ok


def test_the_newest_state_alone_is_pruned_once(place: Place) -> None:
    with place.open() as store:
        lived(store, 3)
        assert store.prune("s", keep_last=1).floor == 4
        before = place.files()
        assert store.prune("s", keep_last=1).floor == 4
        assert place.files() == before


def test_that_a_session_was_deleted_is_remembered_apart_until_all_of_it_is_gone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with place.open() as store:
        lived(store, 3)
        store.delete("s")
        assert store.collect().removed == ()
        assert place.names("trash/") == {"s=.0000000004"}
        later(monkeypatch)
        store.collect()
        assert place.names("trash/") == set()


def test_a_restore_of_what_is_pruned_meanwhile_commits_nothing() -> None:
    memory = MemoryBackend.isolated()
    pruned: list[objstore.PruneReport] = []

    def choose(request: Request) -> Fault | None:
        if request.keys[0] == naming.log_key("s", 3) and not pruned:  # it has read 1, and looks for the newest
            pruned.append(objstore.open(memory).prune("s", keep_last=1))
        return None

    store = objstore.open(FaultyBackend(memory, choose))
    lived(store, 2)
    with pytest.raises(NotFoundError, match="pruned"):
        store.restore("s", 1)
    assert pruned
    assert store.history("s")[0].seq == 3
    assert store.verify().ok


def test_documents_are_kept_alike() -> None:
    store = objstore.DocumentStore(f"memory://retention/{time.time_ns()}")
    for n in range(70):
        store.save("d", {"part": {"n": n}})
    assert store.prune("d", keep_snapshots=2, dry_run=True).floor == 33
    assert store.prune("d", keep_snapshots=2).floor == 33


def test_nothing_is_pruned_by_itself(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with place.open() as store:
        lived(store, 40)
        before = place.files("sessions/")
        later(monkeypatch, 24 * 365)
        assert store.collect().removed == ()
        store.repair("s", dry_run=False)
        store.verify()
        lived(store, 30)
        assert before.items() <= place.files("sessions/").items()
        assert [c.seq for c in store.history("s")] == list(range(70, 0, -1))


class TestUnfinishedFiles:
    """On local disk, a process that is killed while it writes leaves a file that no listing shows."""

    def test_they_go_when_they_are_a_day_old(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        root = tmp_path / "store"
        with objstore.open(root) as store:
            lived(store, 2)
            lived(store, 2, "other")
            places = ["", "index/", "sessions/s/log/000000/", "sessions/s/objects/0/", "sessions/other/log/000000/"]
            left = [f"{place}{TEMPORARY}{number:016x}" for number, place in enumerate(places)]
            for key in left:
                (root / key).write_bytes(b"half")
            (root / "foreign").mkdir()
            (root / "foreign" / f"{TEMPORARY}0").write_bytes(b"not ours")
            assert store.collect().removed == ()
            later(monkeypatch)
            assert [d.key for d in store.collect(["s"], dry_run=True).removed] == sorted(left[2:4])
            planned = store.collect(dry_run=True).removed
            assert {d.key for d in planned} == set(left)
            assert {d.why for d in planned} == {"it was never finished, since its writer was killed"}
            assert store.collect().removed == planned
            assert [path.name for path in root.rglob(f"{TEMPORARY}*")] == [f"{TEMPORARY}0"]
            assert store.collect(dry_run=True).removed == ()
            assert store.verify().ok

    def test_one_that_is_being_written_stays(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        root = tmp_path / "store"
        with objstore.open(root) as store:
            lived(store, 1)
            old = root / "sessions/s/log/000000" / f"{TEMPORARY}0123456789abcdef"
            old.write_bytes(b"half")
            os.utime(old, (1, 1))  # what it says of its contents' age is not when it was last touched
            assert store.collect().removed == ()
            assert old.exists()

    def test_none_outside_the_store_is_removed_by_a_link(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        root, outside = tmp_path / "store", tmp_path / "outside"
        outside.mkdir()
        (outside / f"{TEMPORARY}0").write_bytes(b"not ours")
        with objstore.open(root) as store:
            lived(store, 1)
            (root / "sessions" / "s" / "objects" / "7").symlink_to(outside)
            later(monkeypatch)
            assert "symbolic link" in store.collect().skipped["s"]
            assert (outside / f"{TEMPORARY}0").exists()
