"""Servers that are programs of their own: a free port, a process that is ended with the test, and when it answers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

_PATIENCE = 60.0
_WITH_PARENT: Final = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []


def free_ports(number: int) -> list[int]:
    """Find free ports of 127.0.0.1. Nobody holds them, so another program could take one before the server does."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def program(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program with its output in a file, and end it, and only it, in the end.

    On Linux it ends with this process too, which may be killed, or ended by faulthandler.
    """
    with (
        log.open("ab") as output,
        subprocess.Popen(
            [*_WITH_PARENT, *(str(word) for word in command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(3)  # some wait for connections that nobody will close
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until something listens on a port; a server says so in no other way that all of them share."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with closing(socket.socket()) as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on port {port}:\n{log.read_text(errors='replace')[-2000:]}")
