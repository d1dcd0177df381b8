from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from objstore.backends.local import LocalBackend
from objstore.errors import (
    BackendError,
    IntegrityError,
    PermissionDeniedError,
    UnavailableError,
    UnsupportedBackendError,
)
from tests.backends.test_local import place, refusing

__all__ = ["place"]  # a fixture


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
        place.put("c/d", b"1")
        with pytest.raises(BackendError, match="a directory is in the place of a file"):
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
            with pytest.raises(IntegrityError, match="leads elsewhere"):
                call()
        with pytest.raises(IntegrityError, match="symbolic link"):
            place.get("in/file")
        assert place.create("in/file", b"x") is False
        assert (tmp_path / "outside" / "secret").read_bytes() == b"secret"
        assert [path.name for path in (tmp_path / "outside").iterdir()] == ["secret"]

    def test_a_directory_that_is_exchanged_for_a_link_is_noticed(self, place: LocalBackend, tmp_path: Path) -> None:
        place.put("s/log/1", b"1")
        shutil.copytree(tmp_path / "store" / "s", tmp_path / "elsewhere")
        shutil.rmtree(tmp_path / "store" / "s")
        (tmp_path / "store" / "s").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(IntegrityError, match="leads elsewhere"):
            place.create("s/log/2", b"2")
        with pytest.raises(IntegrityError, match="leads elsewhere"):
            place.get("s/log/1")

    def test_a_link_to_the_store_is_followed_and_one_inside_it_is_not(
        self, place: LocalBackend, tmp_path: Path
    ) -> None:
        place.put("real/a", b"1")
        (tmp_path / "store" / "alias").symlink_to("real")
        (tmp_path / "link").symlink_to(tmp_path / "store")
        assert LocalBackend(tmp_path / "link").get("real/a") == b"1"
        for store in (place, LocalBackend(tmp_path / "link")):
            with pytest.raises(IntegrityError, match="leads elsewhere"):
                store.get("alias/a")

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
        with pytest.raises(IntegrityError, match="no file"):
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
    def test_a_read_only_directory_can_be_read_and_says_so_when_written(self, outside: Path) -> None:
        LocalBackend(outside / "store").put("a/b", b"1")
        for path in (outside / "store" / "a" / "b", outside / "store" / "a", outside / "store"):
            path.chmod(0o555)
        context = multiprocessing.get_context("fork")
        results = context.SimpleQueue()

        def child() -> None:  # root may do anything, so the child is somebody else
            if os.getuid() == 0:
                os.setgroups([])
                os.setuid(65534)
            place = LocalBackend(outside / "store")
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
        for path in (outside / "store", outside / "store" / "a"):
            path.chmod(0o755)
