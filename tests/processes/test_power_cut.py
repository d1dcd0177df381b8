"""A power cut: what was acknowledged is in a copy of the device, which has all that reached it and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import objstore
from objstore import Message, SessionData
from objstore.testing.samples import artifacts, loaded, texts

DISKS = {
    "ext4": (32, ["mkfs.ext4", "-qF"]),
    "ext4 without a journal": (32, ["mkfs.ext4", "-qF", "-O", "^has_journal"]),
    "xfs": (320, ["mkfs.xfs", "-qf"]),
}
"""Megabytes, and how such a disk is made."""


def is_xfs(image: Path) -> bool:
    with image.open("rb") as file:
        return file.read(4) == b"XFSB"


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[None]:
    at.mkdir(exist_ok=True)
    options = "loop,nouuid" if is_xfs(image) else "loop"  # a copy has the identity of the first
    done = subprocess.run(["mount", "-o", options, image, at], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"an image of a disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", at], check=True)


@contextmanager
def after_a_power_cut(image: Path) -> Iterator[Path]:
    """Give what is on the device at this moment, after what a computer does with such a disk when it starts again."""
    copy, place = image.with_name("copy"), image.with_name("after")
    subprocess.run(["cp", "--sparse=always", image, copy], check=True)
    if not is_xfs(copy):
        checked = subprocess.run(["e2fsck", "-fy", copy], capture_output=True, text=True)
        assert checked.returncode in (0, 1), checked.stdout  # 1: it mended something
    with mounted(copy, place):
        yield place


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can mount a disk")
@pytest.mark.parametrize("kind", DISKS)
def test_what_was_acknowledged_is_there_after_a_power_cut(tmp_path: Path, kind: str) -> None:
    size, command = DISKS[kind]
    if shutil.which(command[0]) is None or shutil.which("e2fsck") is None:
        pytest.skip(f"{command[0]} or e2fsck is not installed")
    image, disk = tmp_path / "image", tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(size * 2**20)
    subprocess.run([*command, image], check=True, capture_output=True)
    with mounted(image, disk):
        store = objstore.open(disk / "up" / "store")
        data = SessionData.new("s")
        for turn in range(6):
            for part in range(3):  # what several writes left unflushed is more than one write does
                data.messages.append(Message.user(f"turn {turn}.{part} " + "x" * 3_000 * turn))
                store.commit(data, artifacts=artifacts(f"output {turn}.{part}"))
            with after_a_power_cut(image) as place:
                found = objstore.open(place / "up" / "store")
                assert texts(loaded(found, "s")) == texts(data)
                report = found.verify()
                assert report.ok, report.findings
