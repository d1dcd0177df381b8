"""A Ceph of one node on 127.0.0.1: a monitor, a disk in memory and the S3 gateway, without authentication below it.

Debian's packages: radosgw ceph-mon ceph-osd ceph-common.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .running import free_ports, program, wait_for

PROGRAMS = ("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "monmaptool")
KEY, SECRET = "test", "testtest"
_STARTS, _LOOKS = 5, 60

# Without `monmap` a client that asks before it has heard of the monitor is refused, now and then ("wrong fsid"), and
# seldom with it: then the disk ends, and is started once more.
_CONFIGURATION = """
[global]
fsid = {fsid}
mon host = [v1:127.0.0.1:{monitor}/0]
monmap = {directory}/monmap
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
keyring = {directory}/keyring
mon data = {directory}/mon
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
osd data = {directory}/osd
osd objectstore = memstore
memstore device bytes = 8589934592
run dir = {directory}
admin socket = {directory}/$name.asok
pid file = {directory}/$name.pid
log file = {directory}/$name.log

[client.rgw]
rgw data = {directory}/rgw
rgw frontends = beast endpoint=127.0.0.1:{gateway}
"""


def missing() -> str | None:
    """Say what is not installed."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if not absent:
        return None
    return f"{', '.join(absent)} not on the PATH (Debian: apt-get install radosgw ceph-mon ceph-osd ceph-common)"


@contextmanager
def ceph_server(directory: Path) -> Iterator[str]:
    """Run the three servers and give the URL of the gateway; user `KEY`, `SECRET`."""
    monitor, gateway = free_ports(2)
    for name in ("mon", "osd", "rgw"):
        (directory / name).mkdir()
    (directory / "keyring").touch()
    fsid = str(uuid.uuid4())
    settings = directory / "ceph.conf"
    settings.write_text(_CONFIGURATION.format(fsid=fsid, directory=directory, monitor=monitor, gateway=gateway))
    log = directory / "output"

    def ask(*command: str) -> str:
        done = subprocess.run([*command, "-c", str(settings)], capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{command} failed: {done.stderr[-2000:]}")
        return done.stdout.strip()

    monitors = str(directory / "monmap")
    ask("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v1:127.0.0.1:{monitor}]", monitors)
    ask("ceph-mon", "--mkfs", "-i", "a", "--monmap", monitors)
    with ExitStack() as servers:

        def start(port: int | None, *command: str) -> subprocess.Popen[bytes]:
            process = servers.enter_context(program([*command, "-f", "-c", settings], log))
            if port is not None:
                wait_for(port, process, log)
            return process

        def is_up(process: subprocess.Popen[bytes]) -> bool:
            for _ in range(_LOOKS):
                if process.poll() is not None:
                    return False
                if json.loads(ask("ceph", "osd", "stat", "-f", "json"))["num_up_osds"]:
                    return True
            return False

        start(monitor, "ceph-mon", "-i", "a")
        disk = str(uuid.uuid4())
        number = ask("ceph", "osd", "new", disk)
        # Without --osd-uuid the monitor ignores that the disk has started, and the gateway waits for ever.
        ask("ceph-osd", "-i", number, "--mkfs", "--osd-uuid", disk)
        if not any(is_up(start(None, "ceph-osd", "-i", number)) for _ in range(_STARTS)):
            raise RuntimeError(f"the disk ends at once:\n{log.read_text(errors='replace')[-2000:]}")
        start(gateway, "radosgw", "-n", "client.rgw")
        ask(
            "radosgw-admin", "user", "create", "--uid=test", "--display-name=test",
            f"--access-key={KEY}", f"--secret={SECRET}",
        )  # fmt: skip
        yield f"http://127.0.0.1:{gateway}"
