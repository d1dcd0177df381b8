"""Links, pipes and directories in the place of objects on local disk: named, followed nowhere, and in nobody's way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import objstore
from objstore import IntegrityError, Message, ObjstoreError, OutcomeUnknownError, SessionData
from objstore.backends import MemoryBackend
from tests.bad_input.damage import TURNS, fill, log_key, turns
from tests.bad_input.no_files import circle, dangling, directory, pipe, through_a_file

LONG = "long " * 100


def link(path: Path) -> None:
    outside = path.parent.parent / "outside"
    shutil.move(path, outside)  # the very bytes, but not here
    path.symlink_to(outside)


Harm = Callable[[Path], None]
HARMS: list[Harm] = [link, dangling, circle, through_a_file, pipe, directory]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    for id in ("other", "s", LONG):
        fill(objstore.open(tmp_path), id)
    return tmp_path


def nobody_else_is_stopped(place: Path, key: str, id: str = "s") -> None:
    store = objstore.open(place)
    findings = store.verify().findings
    assert {finding.key for finding in findings} == {key}
    assert {finding.id for finding in findings} <= {id, None}
    assert set(store.collect().skipped) <= {id}
    assert set(store.du().skipped) <= {id}
    assert {usage.id for usage in store.du().sessions} >= {"other", "s", LONG} - {id}
    assert store.list() == sorted(["other", "s", LONG])
    summaries = {summary.id: summary for summary in store.iter_summaries()}
    assert summaries["other"].problem is None
    assert turns(store.load("other")) == TURNS
    copies_the_others(place, {"other", "s", LONG} - {id})


def copies_the_others(place: Path, ids: set[str]) -> None:
    for history in (True, False):
        goal = objstore.open(MemoryBackend.isolated())
        assert set(objstore.copy(objstore.open(place), goal, history=history).copied) >= ids


@pytest.mark.parametrize("harm", HARMS)
def test_in_the_place_of_the_newest_commit(filled: Path, harm: Harm) -> None:
    key = log_key("s", TURNS)
    harm(filled / key)
    store = objstore.open(filled)
    with pytest.raises(IntegrityError, match=f"at={TURNS - 1}") as caught:
        store.load("s")
    assert caught.value.key == key
    assert turns(store.load("s", at=TURNS - 1)) == TURNS - 1
    for call in (lambda: store.save(SessionData.new("s")), lambda: store.exists("s"), lambda: store.history("s")):
        with pytest.raises(IntegrityError) as caught:
            call()
        assert caught.value.key == key
    nobody_else_is_stopped(filled, key)
    planned = store.repair("s")
    assert (planned.resumed, [lost.seq for lost in planned.lost]) == (TURNS - 1, [TURNS])
    assert [finding.key for finding in planned.damage] == [key]
    assert store.repair("s", dry_run=False).resumed == TURNS - 1
    assert turns(objstore.open(filled).load("s")) == TURNS - 1
    assert objstore.open(filled).verify().ok


@pytest.mark.parametrize("harm", HARMS)
def test_in_the_place_of_an_older_commit(filled: Path, harm: Harm) -> None:
    key = log_key("s", 3)
    harm(filled / key)
    with pytest.raises(IntegrityError, match="at=2") as caught:
        objstore.open(filled).load("s")
    assert caught.value.key == key
    assert turns(objstore.open(filled).load("s", at=2)) == 2
    nobody_else_is_stopped(filled, key)


@pytest.mark.parametrize("harm", HARMS)
def test_in_the_place_of_an_object(filled: Path, harm: Harm) -> None:
    (path,) = (each for each in (filled / "sessions/s/objects").rglob("*") if each.is_file())
    key = str(path.relative_to(filled))
    harm(path)
    store = objstore.open(filled)
    with pytest.raises(IntegrityError) as caught:
        store.load_artifacts("s")
    assert caught.value.key == key
    assert turns(store.load("s")) == TURNS
    nobody_else_is_stopped(filled, key)


@pytest.mark.parametrize("harm", [link, dangling, circle, pipe])
def test_in_the_place_of_the_hint_and_the_newest_commit_of_a_long_id(filled: Path, harm: Harm) -> None:
    (hint,) = (path for path in (filled / "index").iterdir() if path.read_bytes())
    harm(hint)
    assert objstore.open(filled).list() == sorted(["other", "s", LONG])
    (log,) = (path for path in (filled / "sessions").glob("*/log") if "long" in str(path))
    harm(log / f"000000/{TURNS:010d}")
    store = objstore.open(filled)
    assert [finding.key for finding in store.verify().findings] == [
        str((log / f"000000/{TURNS:010d}").relative_to(filled))
    ]
    assert turns(store.load("other")) == TURNS
    assert set(store.collect().skipped) == {LONG}
    assert store.list() == sorted(["other", "s", LONG])
    assert {usage.id for usage in store.du().sessions} == {"other", "s"}
    copies_the_others(filled, {"other", "s"})


def test_a_directory_in_the_place_of_what_a_fork_copies_is_not_taken_for_it(filled: Path) -> None:
    store = objstore.open(filled)
    (name, *_) = (path.name for path in (filled / "sessions/s/objects/0").iterdir())
    (filled / "sessions/fork/objects/0" / name / "inner").mkdir(parents=True)
    with pytest.raises(ObjstoreError):
        store.fork("s", "fork")
    assert not store.exists("fork")


def test_in_the_place_of_the_log_of_a_long_id_whose_hint_is_empty(filled: Path) -> None:
    (hint,) = (path for path in (filled / "index").iterdir() if path.read_bytes())
    hint.write_bytes(b"")  # hints are not flushed
    (log,) = (path for path in (filled / "sessions").glob("*/log") if "long" in str(path))
    shutil.rmtree(log)
    log.symlink_to(log.name)
    assert objstore.open(filled).list() == ["other", "s"]


@pytest.mark.parametrize("name", ["sessions/s", "sessions/s/log", "sessions/s/log/000000", "sessions/s/objects"])
def test_a_directory_that_is_a_link_in_a_circle_stops_nobody_else(filled: Path, name: str) -> None:
    shutil.rmtree(filled / name)
    (filled / name).symlink_to((filled / name).name)
    store = objstore.open(filled)
    assert {finding.id for finding in store.verify().findings} == {"s"}
    assert {usage.id for usage in store.du().sessions} >= {"other", LONG}
    assert store.list() == sorted(["other", "s", LONG])
    for sizes in (False, True):
        listed = {found.id: found for found in store.iter_summaries(sizes=sizes)}
        assert listed.keys() == {"other", "s", LONG}
        assert (listed["other"].problem, listed[LONG].problem) == (None, None)
        assert (listed["s"].problem is None) == (name == "sessions/s/objects")
    with pytest.raises(IntegrityError, match="leads in a circle"):
        store.load_artifacts("s")


@pytest.mark.parametrize("place", ["index", "sessions/s/log/000000"])
def test_a_save_says_whether_it_may_be_there_where_a_link_in_a_circle_is_in_its_way(filled: Path, place: str) -> None:
    store = objstore.open(filled)
    session = store.load("s")
    assert session is not None
    session.messages.append(Message.user("more"))
    shutil.move(filled / place, filled / "aside")
    (filled / place).symlink_to(Path(place).name)
    with pytest.raises(OutcomeUnknownError if place == "index" else IntegrityError):
        store.save(session)
    (filled / place).unlink()
    shutil.move(filled / "aside", filled / place)
    assert turns(objstore.open(filled).load("s")) == TURNS + (place == "index")


@pytest.mark.parametrize("below", ["", "log", "log/000000"])
def test_nor_does_that_of_a_long_id(filled: Path, below: str) -> None:
    (session,) = (path for path in (filled / "sessions").iterdir() if "long" in path.name)
    place = session / below
    shutil.rmtree(place)
    place.symlink_to(place.name)
    store = objstore.open(filled)
    assert {finding.id for finding in store.verify().findings} == {None}
    assert {usage.id for usage in store.du().sessions} == {"other", "s"}
    assert store.list() == sorted(["other", "s", LONG])
    copies_the_others(filled, {"other", "s"})


def test_a_directory_of_a_session_that_is_a_link_stops_nobody_else(
    filled: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "s"
    shutil.move(filled / "sessions/s", outside)
    (filled / "sessions/s").symlink_to(outside)
    before = sorted(outside.rglob("*"))
    store = objstore.open(filled)
    with pytest.raises(IntegrityError, match="leads elsewhere"):
        store.load("s")
    assert {finding.id for finding in store.verify().findings} == {"s"}
    assert set(store.collect().skipped) == {"s"}
    assert set(store.du().skipped) == {"s"}
    assert turns(store.load("other")) == TURNS
    assert sorted(outside.rglob("*")) == before


@pytest.mark.parametrize("purge", [False, True])
def test_a_link_to_another_session_takes_that_with_it_nowhere(tmp_path: Path, purge: bool) -> None:
    with objstore.open(tmp_path / "store") as store:
        kept = SessionData.new("kept")
        store.save(kept)
        (tmp_path / "store" / "sessions" / "link").symlink_to("kept")
        with pytest.raises(IntegrityError, match="leads elsewhere"):
            store.delete("link", purge=purge)
        assert store.load("kept") == kept
        assert store.verify(["kept"]).ok


@pytest.mark.parametrize("name", ["objects", "objects/0"])
def test_nor_does_a_link_to_the_objects_of_another_session(tmp_path: Path, name: str) -> None:
    with objstore.open(tmp_path / "store") as store:
        for id in ("kept", "linked"):
            fill(store, id)
        place = tmp_path / "store" / "sessions" / "linked" / name
        shutil.rmtree(place)
        place.symlink_to(tmp_path / "store" / "sessions" / "kept" / name)
        calls: list[Callable[[], object]] = [
            lambda: store.prune("linked", keep_last=1),
            lambda: store.delete("linked"),
            lambda: store.delete("linked", purge=True),
        ]
        for call in calls:
            with pytest.raises(IntegrityError, match="leads elsewhere"):
                call()
        store.collect()
        assert store.verify(["kept"]).ok
        assert store.load_artifacts("kept")


def test_what_was_moved_into_the_place_of_another_session_is_not_deleted_with_it(tmp_path: Path) -> None:
    with objstore.open(tmp_path / "store") as store:
        store.save(SessionData.new("moved"))
    sessions = tmp_path / "store" / "sessions"
    (sessions / "moved").rename(sessions / "other")
    with objstore.open(tmp_path / "store") as store, pytest.raises(IntegrityError, match="the log of another session"):
        store.delete("other")
    (sessions / "other").rename(sessions / "moved")
    with objstore.open(tmp_path / "store") as store:
        assert store.load("moved")
