"""What may lie in the place of a file on local disk and is none."""

from __future__ import annotations

import os
from pathlib import Path


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def through_a_file(path: Path) -> None:
    path.unlink()
    (path.parent.parent / "file").touch()
    path.symlink_to("../file/below")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
