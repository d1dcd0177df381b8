from __future__ import annotations

import errno
import os
import pickle
import signal
import threading
import traceback
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

from objstore.backends import GenericBackend, open_backend
from objstore.backends._target import Target
from objstore.errors import BackendError, PermissionDeniedError, UnavailableError
from objstore.testing.backend import BackendTests


class TestDirectoryOfLocal(BackendTests):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> GenericBackend:
        (tmp_path / "outer").mkdir()
        backend = open_backend(DirFileSystem(str(tmp_path / "outer"), fsspec.filesystem("file")), path="store")
        assert isinstance(backend, GenericBackend)
        return backend

    def test_promises_only_what_a_rename_gives(self, place: GenericBackend) -> None:
        assert (place.capabilities.exclusive_create, place.capabilities.atomic_put) == (False, True)

    def test_nothing_but_the_objects_is_left(self, place: GenericBackend, tmp_path: Path) -> None:
        place.create("a/b", b"1")
        place.put("a/b", b"2")
        assert [path.name for path in (tmp_path / "outer" / "store" / "a").iterdir()] == ["b"]

    def test_a_path_that_is_a_file_is_an_error(self, place: GenericBackend, tmp_path: Path) -> None:
        (tmp_path / "outer" / "store").write_bytes(b"x")
        with pytest.raises(BackendError):
            place.list("")
        with pytest.raises(BackendError):
            place.put("a", b"")

    def test_a_directory_is_not_replaced_and_nothing_goes_inside(self, place: GenericBackend, tmp_path: Path) -> None:
        place.put("a/b", b"1")
        with pytest.raises(BackendError):
            place.put("a", b"2")
        assert [path.name for path in (tmp_path / "outer" / "store" / "a").iterdir()] == ["b"]

    def test_a_write_that_fails_leaves_nothing(
        self, place: GenericBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place.put("a/b", b"1")
        write = LocalFileSystem.pipe_file

        def half(self: LocalFileSystem, path: str, value: bytes, **options: Any) -> None:
            write(self, path, value[: len(value) // 2], **options)
            raise OSError(errno.ENOSPC, "the disk is full")

        monkeypatch.setattr(LocalFileSystem, "pipe_file", half)
        with pytest.raises(BackendError, match="the disk is full"):
            place.put("a/b", b"23")
        assert {path.name: path.read_bytes() for path in (tmp_path / "outer" / "store" / "a").iterdir()} == {"b": b"1"}

    def test_a_directory_removed_by_others_is_made_again(self, place: GenericBackend, tmp_path: Path) -> None:
        place.put("a/b", b"1")
        place.delete(["a/b"])
        (tmp_path / "outer" / "store" / "a").rmdir()
        place.put("a/b", b"2")
        assert place.get("a/b") == b"2"


class TestPlainWrites(BackendTests):
    """A filesystem whose move is fsspec's own, a copy and a delete: objects are written in place."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> GenericBackend:
        return GenericBackend(Target("plain", str(tmp_path / "store"), filesystem=PlainFileSystem))

    def test_promises_nothing(self, place: GenericBackend) -> None:
        assert not place.capabilities.exclusive_create
        assert not place.capabilities.atomic_put
        assert place.name == "plain"


class TestErrorsOfItsOwn(BackendTests):
    """A filesystem that replaces nothing by a move, and has its own names for what goes wrong, as WebDAV and FTP."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> GenericBackend:
        return GenericBackend(Target("strange", str(tmp_path / "store"), filesystem=StrangeFileSystem))

    def test_what_goes_wrong_is_an_error(self, place: GenericBackend, tmp_path: Path) -> None:
        place.put("a/b", b"1")
        StrangeFileSystem.denied = True
        try:
            with pytest.raises(BackendError, match="StrangeError: denied"):
                place.put("a/b", b"2")
            with pytest.raises(BackendError, match="StrangeError: denied"):
                place.delete(["a/b"])
        finally:
            StrangeFileSystem.denied = False
        assert place.get("a/b") == b"1"

    def test_what_cannot_be_replaced_stays(self, place: GenericBackend, monkeypatch: pytest.MonkeyPatch) -> None:
        place.put("a/b", b"1")
        moves: list[str] = []

        def move(_: LocalFileSystem, path1: str, path2: str) -> None:
            moves.append(path2)
            if len(moves) in (1, 3):  # the temporary file into its place, in which there is something, and is not
                raise StrangeError("no room")
            Path(path1).rename(path2)

        monkeypatch.setattr(StrangeFileSystem, "mv", move)
        with pytest.raises(BackendError, match="no room"):
            place.put("a/b", b"2")
        assert len(moves) == 4
        assert place.get("a/b") == b"1"
        assert [entry.name for entry in place.list("a/")] == ["b"]


class StrangeError(Exception):
    pass


class StrangeFileSystem(LocalFileSystem):  # type: ignore[misc] # fsspec ships no types
    protocol = "strange"
    denied = False

    def mv(self, path1: str, path2: str, **options: Any) -> None:
        if self.denied or self.exists(path2):
            raise StrangeError("denied" if self.denied else "already exists")
        super().mv(path1, path2, **options)

    def rm_file(self, path: str) -> None:
        if self.denied or not self.exists(path):
            raise StrangeError("denied" if self.denied else "no such file")
        super().rm_file(path)


class PlainFileSystem(LocalFileSystem):  # type: ignore[misc] # fsspec ships no types
    protocol = "plain"
    mv = fsspec.AbstractFileSystem.mv


class LinkingFileSystem(LocalFileSystem):  # type: ignore[misc] # fsspec ships no types
    """Lists links as links, as SFTP does."""

    protocol = "linking"

    def ls(self, path: str, detail: bool = False, **options: Any) -> Any:
        found = super().ls(path, detail=True, **options)
        return [{**item, "type": "link"} if Path(item["name"]).is_symlink() else item for item in found]


class RememberingFileSystem(LocalFileSystem):  # type: ignore[misc] # fsspec ships no types
    """Answers listings from its cache, as filesystems of object storages do."""

    protocol = "remembering"

    def ls(self, path: str, detail: bool = False, **options: Any) -> Any:
        if path not in self.dircache:
            self.dircache[path] = found = super().ls(path, detail=detail, **options)
            return found
        return self.dircache[path]


class ForgettingFileSystem(RememberingFileSystem):
    """The same, and forgets when it is told to; whoever hands it over may go on using it."""

    protocol = "forgetting"

    def invalidate_cache(self, path: str | None = None) -> None:
        self.dircache.clear()


class SilentFileSystem(LocalFileSystem):  # type: ignore[misc] # fsspec ships no types
    """Does not answer some looks, and takes that for a no, as fsspec does where it is not said otherwise."""

    protocol = "silent"
    exists = fsspec.AbstractFileSystem.exists
    isdir = fsspec.AbstractFileSystem.isdir
    unanswered = 0

    def info(self, path: str, **options: Any) -> Any:
        if SilentFileSystem.unanswered:
            SilentFileSystem.unanswered -= 1
            raise TimeoutError("no answer")
        return super().info(path, **options)


class LostFileSystem(SilentFileSystem):
    """The same, whose connection is lost with the first look that is not answered."""

    protocol = "lost"

    def rm_file(self, path: str) -> None:
        if SilentFileSystem.unanswered:
            raise OSError("Socket is closed")
        super().rm_file(path)


class BrokenFileSystem(LocalFileSystem):  # type: ignore[misc] # fsspec ships no types
    """Fails with what ``failures`` holds, one by one, and counts how often it was made."""

    protocol = "broken"
    failures: list[Exception]
    made: int

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        type(self).made += 1

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        if self.failures:
            raise self.failures.pop(0)
        data: bytes = super().cat_file(path, start, end, **options)
        return data


@pytest.fixture
def broken(tmp_path: Path) -> GenericBackend:
    BrokenFileSystem.failures, BrokenFileSystem.made = [], 0
    (tmp_path / "a").write_bytes(b"1")
    return GenericBackend(Target("broken", str(tmp_path), {"password": "a-password"}, filesystem=BrokenFileSystem))


def test_a_link_is_listed_as_what_it_leads_to(tmp_path: Path) -> None:
    place = GenericBackend(Target("linking", str(tmp_path / "store"), filesystem=LinkingFileSystem))
    place.put("a/b", b"12")
    (tmp_path / "store" / "c").symlink_to(tmp_path / "store" / "a")
    (tmp_path / "store" / "d").symlink_to(tmp_path / "store" / "a" / "b")
    assert {entry.name: entry.is_directory for entry in place.list("")} == {"a": True, "c": True, "d": False}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_while_a_thread_asks_something_leaves_no_lock_that_nobody_holds(tmp_path: Path) -> None:
    place = GenericBackend(Target("plain", str(tmp_path / "store"), filesystem=PlainFileSystem))
    place.put("a", b"1")
    asked, go_on = threading.Event(), threading.Event()

    def ask(_: object) -> None:
        asked.set()
        go_on.wait()

    thread = threading.Thread(target=place._run, args=("read", "a", ask))
    thread.start()
    asked.wait()
    try:
        child = os.fork()
        if child == 0:
            signal.alarm(60)  # it must not wait for ever
            os._exit(0 if place.get("a") == b"1" else 1)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        go_on.set()
        thread.join()


def test_no_listing_comes_from_a_cache(tmp_path: Path) -> None:
    ours = GenericBackend(Target("remembering", str(tmp_path / "ours"), filesystem=RememberingFileSystem))
    users = open_backend(DirFileSystem(str(tmp_path), ForgettingFileSystem()), path="users")
    for place, path in ((ours, tmp_path / "ours"), (users, tmp_path / "users")):
        assert isinstance(place, GenericBackend)
        place.put("a/b", b"1")
        assert [entry.name for entry in place.list("a/")] == ["b"]
        (path / "a" / "c").write_bytes(b"")
        assert {entry.name for entry in place.list("a/")} == {"b", "c"}


def test_where_a_look_is_not_answered_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"3")
    place = GenericBackend(Target("silent", str(tmp_path / "store"), filesystem=SilentFileSystem))
    place.put("a", b"1")
    SilentFileSystem.unanswered = 1
    assert place.create("a", b"2") is False
    SilentFileSystem.unanswered = 1
    assert place.upload("a", str(tmp_path / "file")) is False
    assert place.get("a") == b"1"


def test_what_was_not_deleted_for_want_of_a_connection_is_deleted_over_another(tmp_path: Path) -> None:
    place = GenericBackend(Target("lost", str(tmp_path / "store"), filesystem=LostFileSystem))
    place.put("a", b"1")
    SilentFileSystem.unanswered = 2
    place.delete(["a"])
    assert place.get("a") is None


def test_a_broken_connection_is_made_again_once(broken: GenericBackend) -> None:
    assert broken.get("a") == b"1"
    BrokenFileSystem.failures = [ConnectionResetError("gone")]
    assert broken.get("a") == b"1"
    assert BrokenFileSystem.made == 2
    BrokenFileSystem.failures = [EOFError("gone"), TimeoutError("gone")]
    with pytest.raises(UnavailableError, match="the connection is broken"):
        broken.get("a")


def test_a_connection_that_never_was_is_not_tried_twice(broken: GenericBackend) -> None:
    BrokenFileSystem.failures = [ConnectionRefusedError("no"), ConnectionRefusedError("no")]
    with pytest.raises(UnavailableError):
        broken.get("a")
    assert len(BrokenFileSystem.failures) == 1


def test_errors_say_what_and_where_and_no_secret(broken: GenericBackend, tmp_path: Path) -> None:
    BrokenFileSystem.failures = [PermissionError("no, a-password is wrong")]
    with pytest.raises(PermissionDeniedError, match=f"cannot read broken:{tmp_path}/a") as caught:
        broken.get("a")
    assert "a-password" not in str(caught.value)
    assert caught.value.__cause__ is None
    BrokenFileSystem.failures = [ValueError("strange")]
    with pytest.raises(BackendError, match="ValueError: strange") as other:
        broken.get("a")
    assert isinstance(other.value.__cause__, ValueError)
    assert "a-password" not in repr(broken)


def test_no_error_is_its_own_cause(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    place = GenericBackend(Target("linking", str(tmp_path / "a"), filesystem=LinkingFileSystem))
    with pytest.raises(BackendError, match="is a file, not a directory") as caught:
        place.list("")
    assert caught.value.__cause__ is None


def test_nor_does_what_caused_an_error_say_a_secret(broken: GenericBackend) -> None:
    said = ValueError("strange")
    said.__cause__ = PermissionError("no, a-password is wrong")
    BrokenFileSystem.failures = [said]
    with pytest.raises(BackendError, match="ValueError: strange") as caught:
        broken.get("a")
    assert "a-password" not in "".join(traceback.format_exception(caught.value))


def test_a_url_with_a_password_is_not_shown() -> None:
    pytest.importorskip("paramiko", reason="paramiko is not installed")
    backend = open_backend("sftp://user:a-password@host.example/a/b")
    assert repr(backend) == "GenericBackend('sftp', '/a/b')"
    assert repr(pickle.loads(pickle.dumps(backend))) == repr(backend)
    assert backend.name == "sftp"
