from __future__ import annotations

import errno
import multiprocessing
import os
import pickle
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from objstore._log.ops import Names
from objstore.backends import open_backend
from objstore.backends.local import Durability, LocalBackend
from objstore.testing.backend import BackendTests
from objstore.testing.racing import RACERS, at_once


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
                self.flushed.append(str(Path(f"/proc/self/fd/{args[0]}").readlink()))
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
        assert len(trace.flushed) == len(names) + 1  # each of them once, and the file

    def test_the_name_of_a_store_that_another_process_made_is_flushed_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "up" / "store").mkdir(parents=True)  # and may have been killed before it came to that
        place = LocalBackend(tmp_path / "up" / "store")
        trace = Trace(monkeypatch)
        place.create("a", b"1")
        place.create("b", b"1")
        assert trace.flushed.count(f"{tmp_path}/up") == 1

    def test_a_directory_that_was_removed_and_made_again_is_flushed_again(
        self, place: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place.create("s/log/1", b"1")
        shutil.rmtree(tmp_path / "store" / "s")
        trace = Trace(monkeypatch)
        place.create("s/objects/1", b"1")
        names = [name for name in trace.flushed if ".objstore-tmp-" not in name]
        assert names == [f"{tmp_path}/store/s", f"{tmp_path}/store", f"{tmp_path}/store/s/objects"]

    def test_directories_that_others_put_in_the_place_of_ours_are_flushed(
        self, place: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place.create("s/log/1", b"1")
        (tmp_path / "store" / "s").rename(tmp_path / "elsewhere")
        (tmp_path / "store" / "s" / "log").mkdir(parents=True)
        trace = Trace(monkeypatch)
        place.create("s/log/1", b"1")
        assert {f"{tmp_path}/store", f"{tmp_path}/store/s", f"{tmp_path}/store/s/log"} <= set(trace.flushed)

    def test_a_directory_that_was_seen_to_be_gone_is_flushed_though_its_number_is_given_out_again(
        self, place: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        same = SimpleNamespace(**vars(os) | {"fstat": lambda _: SimpleNamespace(st_dev=1, st_ino=1)})
        monkeypatch.setattr("objstore.backends._directories.os", same)
        place.create("s/log/1", b"1")
        shutil.rmtree(tmp_path / "store" / "s")
        assert place.list("s/log/") == []
        (tmp_path / "store" / "s" / "log").mkdir(parents=True)
        trace = Trace(monkeypatch)
        place.create("s/log/1", b"1")
        assert {f"{tmp_path}/store", f"{tmp_path}/store/s", f"{tmp_path}/store/s/log"} <= set(trace.flushed)

    @pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
    def test_a_network_disk_that_flushes_no_directories_is_written_to(
        self, place: LocalBackend, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        fsync, flushed = os.fsync, list[int]()

        def only_files(file: int) -> None:
            if stat.S_ISDIR(os.fstat(file).st_mode):
                raise OSError(code, os.strerror(code))
            flushed.append(file)
            fsync(file)

        monkeypatch.setattr(os, "fsync", only_files)
        assert place.create("s/1", b"1") is True
        assert len(flushed) == 1

    def test_a_directory_above_that_may_not_be_read_is_no_hindrance(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        really = os.open

        def refusing(path: Any, *args: Any, **named: Any) -> int:
            if str(path) == str(tmp_path):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            return really(path, *args, **named)

        monkeypatch.setattr(os, "open", refusing)
        place = LocalBackend(tmp_path / "store")
        assert place.create("a", b"1") is True
        assert place.get("a") == b"1"

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

    @pytest.mark.parametrize("call", ["put", "copy", "delete", "upload", "upload of what is there"])
    def test_what_else_is_acknowledged_is_flushed_before(
        self, place: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        place.create("s/1", b"1")
        (tmp_path / "file").write_bytes(b"1")
        calls: dict[str, Callable[[], object]] = {
            "put": lambda: place.put("s/1", b"2"),
            "copy": lambda: place.copy("s/1", "s/2"),
            "delete": lambda: place.delete(["s/1"]),
            "upload": lambda: place.upload("s/2", str(tmp_path / "file")),
            "upload of what is there": lambda: place.upload("s/1", str(tmp_path / "file")),
        }
        trace = Trace(monkeypatch)
        calls[call]()
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


def test_a_file_that_goes_between_the_listing_and_the_look_is_not_listed(
    place: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put("a/b", b"1")
    place.put("a/c", b"1")
    scandir = os.scandir

    @contextmanager
    def late(directory: int) -> Iterator[list[os.DirEntry[str]]]:
        with scandir(directory) as items:
            listed = list(items)
        (tmp_path / "store/a/b").unlink()
        yield listed

    monkeypatch.setattr(os, "scandir", late)
    assert [entry.name for entry in place.list("a/")] == ["c"]


def test_only_so_many_directories_are_remembered(place: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("objstore.backends._directories._REMEMBERED", 3)
    for n in range(20):
        place.create(f"{n}/a", b"")
        assert len(place._directories._seen) <= 3
        assert len(place._directories._settled) <= 3


def test_where_directories_are_on_two_disks_a_copy_has_its_own_bytes(
    place: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put("a/source", b"1")
    monkeypatch.setattr(os, "link", refusing(errno.EXDEV))
    assert place.copy("a/source", "b/copy") is True
    assert place.get("b/copy") == b"1"


def test_a_source_that_goes_while_it_is_copied_is_not_there(
    place: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put("a/source", b"1")
    link = os.link

    def late(*args: Any, **named: Any) -> None:
        (tmp_path / "store/a/source").unlink(missing_ok=True)
        link(*args, **named)

    monkeypatch.setattr(os, "link", late)
    assert place.copy("a/source", "b/copy") is False
    assert place.list("b/") == []


def test_a_page_has_so_many_names_and_says_whether_there_are_others(
    place: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("objstore.backends.local.PAGE", 2)
    for name in "dcba":
        place.create(f"paged/{name}", b"")
    assert place.page("paged/", "") == Names(["a", "b"], more=True)
    assert place.page("paged/", "a") == Names(["b", "c"], more=True)
    assert place.page("paged/", "b") == Names(["c", "d"], more=False)


def test_pickle_keeps_the_path_and_the_durability(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = pickle.loads(pickle.dumps(LocalBackend(tmp_path / "s", durability="none")))
    assert repr(place) == f"LocalBackend('{tmp_path}/s')"
    monkeypatch.setattr(os, "fsync", refusing(errno.EIO))
    place.create("a", b"1")
