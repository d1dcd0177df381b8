from __future__ import annotations

import errno
import multiprocessing
import os
import pickle
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from objstore.backends import open_backend
from objstore.backends.local import Durability, LocalBackend
from objstore.errors import BackendError, PermissionDeniedError, UnavailableError, UnsupportedBackendError
from objstore.testing.backend import RACERS, BackendTests, at_once


def refusing(code: int) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return refuse


class Trace:
    """Which system calls were made, and on what."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.flushed: list[str] = []
        for name in ("open", "fsync", "link", "replace", "mkdir", "unlink", "write"):
            monkeypatch.setattr(os, name, self._traced(name, getattr(os, name)))

    def _traced(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def traced(*args: Any, **named: Any) -> Any:
            self.calls.append(name)
            if name == "fsync":
                self.flushed.append(os.readlink(f"/proc/self/fd/{args[0]}"))
            return call(*args, **named)

        return traced


class TestLocal(BackendTests):
    many = 300

    @pytest.fixture(params=["full", "none"])
    def backend(self, request: pytest.FixtureRequest, tmp_path: Path) -> LocalBackend:
        durability: Durability = request.param
        return LocalBackend(tmp_path / "a" / "store", durability=durability)


class TestLocalWithoutLinks(BackendTests):
    @pytest.fixture
    def backend(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalBackend:
        monkeypatch.setattr(os, "link", refusing(errno.EPERM))
        return LocalBackend(tmp_path, durability="none")


@pytest.fixture
def place(tmp_path: Path) -> LocalBackend:
    return LocalBackend(tmp_path / "store")


def test_opening_touches_nothing(tmp_path: Path) -> None:
    backend = open_backend(tmp_path / "not" / "there")
    assert isinstance(backend, LocalBackend)
    assert backend.list("") == []
    assert list(tmp_path.iterdir()) == []


def test_a_path_and_a_file_url_are_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LocalBackend(tmp_path / "s").put("a", b"1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for target in (tmp_path / "s", str(tmp_path / "s"), "s", f"file://{tmp_path}/s", "~/s"):
        backend = open_backend(target)
        assert isinstance(backend, LocalBackend)
        assert backend.get("a") == b"1"


def test_files_and_directories_are_the_owners_alone(place: LocalBackend, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        place.create("a/b", b"1")
        place.put("a/c", b"1")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"store": 0o700, "a": 0o700, "b": 0o600, "c": 0o600}


def test_nothing_but_the_objects_is_left(place: LocalBackend, tmp_path: Path) -> None:
    place.create("a/b", b"1")
    place.create("a/b", b"2")
    place.put("a/b", b"3")
    place.copy("a/b", "a/c")
    place.copy("a/b", "a/c")
    assert sorted(path.name for path in (tmp_path / "store" / "a").iterdir()) == ["b", "c"]


def test_an_unfinished_file_is_not_listed(place: LocalBackend, tmp_path: Path) -> None:
    place.put("a/b", b"1")
    (tmp_path / "store" / "a" / ".objstore-tmp-0123456789abcdef").write_bytes(b"torn")
    assert [entry.name for entry in place.list("a/")] == ["b"]


@pytest.mark.skipif(sys.platform != "linux", reason="looks file descriptors up in /proc")
class TestDurability:
    def test_create_flushes_the_file_and_every_name_on_the_way(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = LocalBackend(tmp_path / "up" / "store")
        trace = Trace(monkeypatch)
        place.create("s/log/1", b"1")
        names = {name.removeprefix(str(tmp_path)) for name in trace.flushed if ".objstore-tmp-" not in name}
        assert names == {"", "/up", "/up/store", "/up/store/s", "/up/store/s/log"}
        assert trace.flushed[-2].startswith(f"{tmp_path}/up/store/s/log/.objstore-tmp-")
        assert trace.flushed[-1] == f"{tmp_path}/up/store/s/log"
        assert trace.calls[-4:] == ["fsync", "link", "unlink", "fsync"]

    def test_a_later_create_makes_no_call_too_many(self, place: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
        place.create("s/log/1", b"1")
        trace = Trace(monkeypatch)
        assert place.create("s/log/2", b"2")
        assert trace.calls == ["open", "open", "write", "fsync", "link", "unlink", "fsync"]

    def test_the_names_that_another_process_made_are_flushed_too(
        self, place: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "store" / "s" / "log").mkdir(parents=True)
        trace = Trace(monkeypatch)
        place.create("s/log/1", b"1")
        assert {f"{tmp_path}/store", f"{tmp_path}/store/s", f"{tmp_path}/store/s/log"} <= set(trace.flushed)

    def test_a_refused_create_is_answered_after_the_directory_is_flushed(
        self, place: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place.create("s/1", b"1")
        trace = Trace(monkeypatch)
        assert place.create("s/1", b"2") is False
        assert trace.calls[-1] == "fsync"
        assert trace.flushed[-1] == f"{tmp_path}/store/s"

    def test_nothing_is_flushed_where_nothing_need_be_durable(
        self, place: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place.create("s/1", b"1")
        trace = Trace(monkeypatch)
        place.create("s/2", b"1", durable=False)
        loose = LocalBackend(tmp_path / "loose", durability="none")
        loose.create("a/b", b"1")
        loose.put("a/b", b"2")
        loose.copy("a/b", "a/c")
        loose.delete(["a/b"])
        loose.sync("a/")
        assert trace.flushed == []

    def test_sync_flushes_the_directory(
        self, place: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place.create("s/1", b"1", durable=False)
        trace = Trace(monkeypatch)
        place.sync("s/")
        place.sync("nothing/")
        assert trace.flushed == [f"{tmp_path}/store/s"]


class TestBadPlaces:
    @pytest.mark.parametrize("below", ["", "/below"])
    def test_a_path_that_is_a_file_is_an_error_for_everything(self, tmp_path: Path, below: str) -> None:
        (tmp_path / "file").write_bytes(b"x")
        place = LocalBackend(f"{tmp_path}/file{below}")
        for call in (
            lambda: place.get("a"),
            lambda: place.list(""),
            lambda: place.create("a", b""),
            lambda: place.put("a/b", b""),
            lambda: place.delete(["a"]),
        ):
            with pytest.raises(BackendError, match="a file is in the place of a directory"):
                call()

    def test_a_file_further_down_has_nothing_in_it_and_cannot_be_written_below(self, place: LocalBackend) -> None:
        place.put("a", b"1")
        assert place.get("a/b") is None
        assert place.list("a/") == []
        with pytest.raises(BackendError, match="a file is in the place of a directory"):
            place.create("a/b", b"")
        with pytest.raises(BackendError, match="a directory is in the place of a file"):
            place.put("c/d", b"1")
            place.put("c", b"1")

    def test_a_link_out_of_the_store_is_refused(self, place: LocalBackend, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "secret").write_bytes(b"secret")
        place.put("in/side", b"1")
        (tmp_path / "store" / "out").symlink_to(tmp_path / "outside")
        (tmp_path / "store" / "in" / "file").symlink_to(tmp_path / "outside" / "secret")
        for call in (
            lambda: place.get("out/secret"),
            lambda: place.list("out/"),
            lambda: place.create("out/new", b""),
            lambda: place.put("out/secret", b""),
            lambda: place.delete(["out/secret"]),
            lambda: place.copy("in/side", "out/secret"),
            lambda: place.copy("out/secret", "in/copy"),
        ):
            with pytest.raises(BackendError, match="leads out of the store"):
                call()
        with pytest.raises(BackendError, match="symbolic link"):
            place.get("in/file")
        assert place.create("in/file", b"x") is False
        assert (tmp_path / "outside" / "secret").read_bytes() == b"secret"
        assert [path.name for path in (tmp_path / "outside").iterdir()] == ["secret"]

    def test_a_directory_that_is_exchanged_for_a_link_is_noticed(self, place: LocalBackend, tmp_path: Path) -> None:
        place.put("s/log/1", b"1")
        shutil.copytree(tmp_path / "store" / "s", tmp_path / "elsewhere")
        shutil.rmtree(tmp_path / "store" / "s")
        (tmp_path / "store" / "s").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(BackendError, match="leads out of the store"):
            place.create("s/log/2", b"2")
        with pytest.raises(BackendError, match="leads out of the store"):
            place.get("s/log/1")

    def test_links_inside_the_store_and_to_the_store_are_followed(self, place: LocalBackend, tmp_path: Path) -> None:
        place.put("real/a", b"1")
        (tmp_path / "store" / "alias").symlink_to("real")
        (tmp_path / "link").symlink_to(tmp_path / "store")
        assert place.get("alias/a") == b"1"
        assert LocalBackend(tmp_path / "link").get("real/a") == b"1"

    def test_a_directory_removed_by_others_is_made_again(self, place: LocalBackend, tmp_path: Path) -> None:
        for _ in range(3):
            assert place.create("s/log/1", b"1")
            shutil.rmtree(tmp_path / "store")
            assert place.get("s/log/1") is None
            place.put("s/log/1", b"2")
            shutil.rmtree(tmp_path / "store" / "s")

    def test_a_directory_removed_during_a_write_is_made_again(
        self, place: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place.create("s/1", b"1")
        really, removals = os.open, iter([True, True])

        def open_late(path: Any, flags: int, *args: Any, **named: Any) -> int:
            if flags & os.O_CREAT and next(removals, False):
                shutil.rmtree(tmp_path / "store" / "s")
            return really(path, flags, *args, **named)

        monkeypatch.setattr(os, "open", open_late)
        assert place.create("s/2", b"2") is True
        assert place.get("s/2") == b"2"

    def test_a_fifo_in_the_store_does_not_hang_a_reader(self, place: LocalBackend, tmp_path: Path) -> None:
        place.put("a/b", b"1")
        os.mkfifo(tmp_path / "store" / "a" / "fifo")
        with pytest.raises(BackendError, match="not a regular file"):
            place.get("a/fifo")

    def test_a_name_that_is_too_long_is_an_error(self, place: LocalBackend) -> None:
        with pytest.raises(BackendError, match="longer than this disk allows"):
            place.create("x" * 300, b"")


class TestRefusals:
    @pytest.mark.parametrize(
        ("code", "kind", "words"),
        [
            (errno.ENOSPC, BackendError, "the disk is full: free some space"),
            (errno.EDQUOT, BackendError, "quota is used up"),
            (errno.EIO, BackendError, "input/output error"),
            (errno.EROFS, PermissionDeniedError, "Read-only file system"),
            (errno.EACCES, PermissionDeniedError, "Permission denied"),
            (errno.ESTALE, UnavailableError, "network disk"),
        ],
    )
    @pytest.mark.parametrize("call", ["write", "fsync"])
    def test_what_the_system_refuses_is_said_in_words_and_leaves_nothing(
        self,
        place: LocalBackend,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        code: int,
        kind: type[BackendError],
        words: str,
        call: str,
    ) -> None:
        place.put("a/kept", b"kept")
        with monkeypatch.context() as patched:
            patched.setattr(os, call, refusing(code))
            with pytest.raises(kind, match=words) as caught:
                place.create("a/b", b"contents")
            with pytest.raises(kind, match=words):
                place.put("a/kept", b"contents")
        assert type(caught.value) is kind
        assert f"{tmp_path}/store/a/b" in str(caught.value)
        assert isinstance(caught.value.__cause__, OSError)
        assert place.get("a/kept") == b"kept"
        assert [path.name for path in (tmp_path / "store" / "a").iterdir()] == ["kept"]

    def test_a_limit_on_the_size_of_files_tears_nothing(self, tmp_path: Path) -> None:
        script = (
            "import resource, sys; from objstore.backends.local import LocalBackend\n"
            "place = LocalBackend(sys.argv[1]); place.put('a', b'old')\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
            "for call in place.create, place.put:\n"
            "    try: call('a' if call == place.put else 'b', b'x' * 10_000)\n"
            "    except Exception as error: print(type(error).__name__, error)\n"
        )
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
        assert done.stdout.count("BackendError") == 2
        assert done.stdout.count("larger than this process or this disk allows") == 2
        assert [path.name for path in tmp_path.iterdir()] == ["a"]
        assert (tmp_path / "a").read_bytes() == b"old"

    def test_a_disk_with_neither_links_nor_exclusive_rename_is_unsupported(
        self, place: LocalBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "link", refusing(errno.ENOTSUP))
        monkeypatch.setattr("objstore.backends._files.rename_exclusive", refusing(errno.ENOSYS))
        with pytest.raises(UnsupportedBackendError, match="single_writer=True"):
            place.create("a", b"1")
        assert place.get("a") is None

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_read_only_directory_can_be_read_and_says_so_when_written(self, tmp_path: Path) -> None:
        for directory in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
            directory.chmod(0o755)
        LocalBackend(tmp_path / "store").put("a/b", b"1")
        for path in (tmp_path / "store" / "a" / "b", tmp_path / "store" / "a", tmp_path / "store"):
            path.chmod(0o555)
        context = multiprocessing.get_context("fork")
        results = context.SimpleQueue()

        def child() -> None:  # root may do anything, so the child is somebody else
            if os.getuid() == 0:
                os.setgroups([])
                os.setuid(65534)
            place = LocalBackend(tmp_path / "store")
            seen: list[object] = [place.get("a/b"), len(place.list("a/"))]
            for call in (
                lambda: place.create("a/c", b""),
                lambda: place.put("a/b", b""),
                lambda: place.create("new/c", b""),
                lambda: place.delete(["a/b"]),
            ):
                try:
                    call()
                except PermissionDeniedError as error:
                    seen.append("Permission denied" in str(error))
            results.put(seen)

        process = context.Process(target=child)
        process.start()
        process.join()
        assert process.exitcode == 0
        assert results.get() == [b"1", 1, True, True, True, True]
        for path in (tmp_path / "store", tmp_path / "store" / "a"):
            path.chmod(0o755)


def race_in_this_process(path: str, rounds: int, ready: Any, wins: Any) -> None:
    place = LocalBackend(path, durability="none")
    for number in range(rounds):
        ready.wait()
        won = at_once(4, lambda racer, key=f"race/{number}": place.create(key, f"{os.getpid()}-{racer}".encode()))  # type: ignore[misc]
        for racer, mine in enumerate(won):
            if mine:
                wins.put((number, f"{os.getpid()}-{racer}"))


def test_of_racing_processes_exactly_one_wins(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    rounds, ready, wins = 20, context.Barrier(3), context.Queue()
    processes = [
        context.Process(target=race_in_this_process, args=(str(tmp_path), rounds, ready, wins)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    won = dict(wins.get(timeout=60) for _ in range(rounds))
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert wins.empty()
    place = LocalBackend(tmp_path)
    assert {number: place.get(f"race/{number}") for number in range(rounds)} == {
        number: winner.encode() for number, winner in won.items()
    }


def test_threads_make_the_same_directories_at_once(tmp_path: Path) -> None:
    place = LocalBackend(tmp_path / "a" / "b" / "c")
    assert all(at_once(RACERS, lambda racer: place.create(f"d/e/f/{racer}", b"x")))
    assert len(place.list("d/e/f/")) == RACERS


def test_copies_are_links_and_a_put_does_not_change_them(place: LocalBackend, tmp_path: Path) -> None:
    place.put("a/source", b"1")
    place.copy("a/source", "b/copy")
    assert (tmp_path / "store/a/source").stat().st_ino == (tmp_path / "store/b/copy").stat().st_ino
    place.put("a/source", b"2")
    assert place.get("b/copy") == b"1"


def test_pickle_keeps_the_path_and_the_durability(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = pickle.loads(pickle.dumps(LocalBackend(tmp_path / "s", durability="none")))
    assert repr(place) == f"LocalBackend('{tmp_path}/s')"
    monkeypatch.setattr(os, "fsync", refusing(errno.EIO))
    place.create("a", b"1")
