"""A disk that refuses: read-only, full, a file or a link in the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

import objstore
from objstore import BackendError, IntegrityError, Message, NotFoundError, ObjstoreError, SessionData
from tests.bad_input.damage import fill
from tests.places import Place


def run(*command: str) -> list[str]:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


def temporary_files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.name.startswith(".objstore-tmp-")]


def test_a_read_only_directory_can_be_read_and_says_who_refuses(outside: Path) -> None:
    directory = outside / "store"
    fill(objstore.open(directory), "s")
    (outside / "store-secret").mkdir(mode=0)
    for path in (directory, *directory.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        lines = run(sys.executable, "-m", "tests.bad_input.disk", "readonly", str(directory))
    finally:
        for path in (directory, *directory.rglob("*")):
            path.chmod(0o755)
    assert [line.split()[0] for line in lines] == ["PermissionDeniedError"] * 5
    assert all(str(directory) in line and "Mend the owner or the mode" in line for line in lines)
    assert temporary_files(directory) == []


def test_a_file_that_grows_too_large_changes_nothing_and_the_store_goes_on(local: Place) -> None:
    assert local.directory is not None
    lines = run(sys.executable, "-m", "tests.bad_input.disk", "limited", str(local.directory))
    assert [line.split()[0] for line in lines] == ["BackendError", "ok"]
    assert "larger than this process or this disk allows" in lines[0]
    assert temporary_files(local.directory) == []


@pytest.mark.skipif(shutil.which("unshare") is None, reason="this system has no small disk to offer")
def test_a_full_disk_is_named_and_the_store_goes_on_when_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size=1m none "{disk}"'
    own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*own, mount], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let us mount a small disk")
    left = f'find "{disk}" -name ".objstore-tmp-*"'
    lines = run(*own, f'{mount} && "{sys.executable}" -m tests.bad_input.disk full "{disk}/store" && {left}')
    assert [line.split()[0] for line in lines] == ["BackendError", "BackendError", "ok"]
    assert all("the disk is full" in line for line in lines[:2])


def every_call_says(store: objstore.SessionStore, words: str) -> None:
    for call in (
        lambda: store.load("s"),
        lambda: store.list(),
        lambda: store.save(SessionData.new("s")),
        lambda: store.health_check(),
    ):
        with pytest.raises(BackendError, match=words):
            call()


def test_a_path_that_is_a_file_or_lies_below_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    every_call_says(objstore.open(file), "a file is in the place of a directory")
    below = objstore.open(file / "below")
    with pytest.raises(BackendError, match="a file is in the place of a directory"):
        below.save(SessionData.new("s"))
    assert file.read_text() == "mine"


def test_links_that_lead_in_a_circle_or_nowhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    every_call_says(objstore.open(tmp_path / "a"), "leads in a circle")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    with pytest.raises(ObjstoreError):
        objstore.open(tmp_path / "nowhere").save(SessionData.new("s"))
    assert not (tmp_path / "missing").exists()


def test_a_store_behind_a_link_is_a_store(tmp_path: Path) -> None:
    fill(objstore.open(tmp_path / "real"), "s")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert objstore.open(tmp_path / "link").list() == ["s"]
    objstore.open(tmp_path / "link").save(SessionData.new("t"))
    assert objstore.open(tmp_path / "real").list() == ["s", "t"]


@pytest.mark.parametrize("name", ["sessions", "index", "sessions/s", "sessions/s/log", "sessions/s/log/000000"])
def test_a_link_inside_that_leads_out_is_never_followed(tmp_path: Path, name: str) -> None:
    store, outside = tmp_path / "store", tmp_path / "outside"
    fill(objstore.open(store), "s")
    shutil.move(store / name, outside)
    (store / name).symlink_to(outside)
    before = sorted(outside.rglob("*"))
    opened = objstore.open(store)
    errors: list[str] = []
    for call in (
        lambda: opened.list(),
        lambda: opened.load("s"),
        lambda: opened.save(SessionData.new("s")),
        lambda: opened.delete("s"),
    ):
        try:
            call()
        except ObjstoreError as error:
            errors += [str(error), str(error.__cause__)]
    assert any("leads elsewhere" in error for error in errors)
    assert sorted(outside.rglob("*")) == before


@pytest.mark.parametrize("name", ["sessions", "sessions/s", "sessions/s/log"])
def test_nor_is_anything_made_where_one_leads(tmp_path: Path, name: str) -> None:
    store, outside = tmp_path / "store", tmp_path / "outside"
    outside.mkdir()
    fill(objstore.open(store), "other")
    (store / name).parent.mkdir(parents=True, exist_ok=True)
    if name == "sessions":
        shutil.move(store / "sessions", tmp_path / "aside")
    (store / name).symlink_to(outside)
    with pytest.raises(IntegrityError, match="leads elsewhere"):
        objstore.open(store).save(SessionData.new("s"))
    assert list(outside.iterdir()) == []


def test_files_of_other_kinds_in_the_place_of_objects_are_named_and_hang_nobody(tmp_path: Path) -> None:
    fill(objstore.open(tmp_path), "s")
    newest = max((tmp_path / "sessions/s/log/000000").iterdir())
    newest.unlink()
    os.mkfifo(newest)
    with pytest.raises(ObjstoreError):
        objstore.open(tmp_path).load("s")
    newest.unlink()
    newest.symlink_to("/etc/hostname")
    with pytest.raises(ObjstoreError):
        objstore.open(tmp_path).load("s")
    newest.unlink()
    newest.mkdir()
    with pytest.raises(ObjstoreError):  # a directory is no commit, and takes the number of one
        objstore.open(tmp_path).load("s")


class TestRemoved:
    """Somebody removes a directory of the store under an open handle: nothing is acknowledged that cannot be read."""

    def test_a_session_whose_directory_is_gone_is_not_saved_on(self, local: Place) -> None:
        store = local.open()
        session = SessionData.new("s")
        store.save(session)
        store.save(SessionData.new("other"))
        shutil.rmtree(directory_of(local) / "sessions" / "s")
        before = local.files()
        session.messages.append(Message.user("lost"))
        for _ in range(3):
            with pytest.raises(BackendError, match="somebody removed it while the store was open"):
                store.save(session)
        with pytest.raises(NotFoundError):
            store.append("s", messages=[Message.user("lost")])
        assert local.files() == before
        assert store.load("s") is None
        assert store.load("other") is not None
        store.save(session, base=0)  # begun anew, on purpose
        assert local.open().load("s") == session
        assert local.open().verify().ok

    @pytest.mark.parametrize("durability", ["full", "none"])
    def test_nor_by_the_first_commit_of_a_new_thousand(
        self, tmp_path: Path, durability: Literal["full", "none"]
    ) -> None:
        filled = objstore.open(tmp_path / "filled", durability="none")
        session = SessionData.new("s")
        for turn in range(999):
            session.messages = [Message.user(f"turn {turn}")]
            filled.save(session)
        for number, gone in enumerate(["", "sessions", "sessions/s", "sessions/s/log"]):
            place = tmp_path / str(number)
            shutil.copytree(tmp_path / "filled", place)
            store = objstore.open(place, durability=durability)
            saved = store.load("s")
            assert saved is not None
            shutil.rmtree(place / gone)
            saved.messages.append(Message.user("lost"))
            with pytest.raises(BackendError, match="somebody removed it while the store was open"):
                store.save(saved)
            assert not list(place.rglob("0000001000"))
            assert objstore.open(place).load("s") is None
        session.messages.append(Message.user("kept"))
        assert filled.save(session).seq == 1000

    def test_a_store_that_is_gone_is_not_saved_on_and_what_is_begun_anew_has_a_marker(self, local: Place) -> None:
        store = local.open()
        session = SessionData.new("s")
        store.save(session)
        shutil.rmtree(directory_of(local))
        session.messages.append(Message.user("lost"))
        with pytest.raises(BackendError, match="somebody removed it"):
            store.save(session)
        assert not directory_of(local).exists()
        assert store.load("s") is None
        store.save(session, base=0)
        assert local.open().load("s") == session
        assert "objstore.json" in local.names()
        assert local.open().verify().ok

    def test_an_append_to_what_is_gone_is_not_acknowledged(self, local: Place) -> None:
        store = local.open()
        store.save(SessionData.new("s"))
        store.append("s", messages=[Message.user("kept")])
        shutil.rmtree(directory_of(local) / "sessions")
        with pytest.raises(BackendError, match="somebody removed it"):
            store.append("s", messages=[Message.user("lost")])
        assert not (directory_of(local) / "sessions").exists()


def directory_of(place: Place) -> Path:
    assert place.directory is not None
    return place.directory
