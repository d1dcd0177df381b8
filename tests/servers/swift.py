"""An OpenStack Swift of one node on 127.0.0.1, with its S3 interface: conditions that are honest, but not atomic.

PyPI: swift setuptools keystonemiddleware, in an environment of their own; Debian: liberasurecode-dev.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .running import free_ports, program, wait_for

KEY, SECRET = "test:tester", "testtest"
_PARTS = ("object", "container", "account")

_NAMES = """
[swift-hash]
swift_hash_path_suffix = s
swift_hash_path_prefix = p
[storage-policy:0]
name = gold
default = yes
"""

_PART = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {directory}
devices = {directory}/devices
recon_cache_path = {directory}
mount_check = false
workers = 0
user = {user}
[pipeline:main]
pipeline = {part}-server
[app:{part}-server]
use = egg:swift#{part}
"""

_FILTERS = (
    "catch_errors", "proxy_logging", "listing_formats", "bulk", "slo", "dlo", "symlink",
)  # fmt: skip

_PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {directory}
workers = 0
user = {user}
[pipeline:main]
pipeline = catch_errors proxy_logging cache listing_formats s3api tempauth bulk slo dlo symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testtest .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
auto_create_mpu_container = true
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
"""


def find() -> Path | None:
    """Find the directory of Swift's programs: ``SWIFT_BIN``, or where the PATH leads."""
    named = os.environ.get("SWIFT_BIN")
    if named:
        return Path(named)
    found = shutil.which("swift-proxy-server")
    return Path(found).parent if found else None


@contextmanager
def swift_server(programs: Path, directory: Path) -> Iterator[str]:
    """Run the four servers and give the URL of the S3 interface; user `KEY`, `SECRET`."""
    proxy, *ports = free_ports(4)
    user = getpass.getuser()
    (directory / "devices" / "d1").mkdir(parents=True)
    (directory / "swift.conf").write_text(_NAMES)
    for part, port in zip(_PARTS, ports, strict=True):
        (directory / f"{part}.conf").write_text(_PART.format(part=part, port=port, directory=directory, user=user))
        for step in (["create", "4", "1", "0"], ["add", f"r1z1-127.0.0.1:{port}/d1", "1"], ["rebalance"]):
            subprocess.run(
                [programs / "swift-ring-builder", f"{directory}/{part}.builder", *step], check=True, capture_output=True
            )
    filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in _FILTERS)
    (directory / "proxy.conf").write_text(_PROXY.format(port=proxy, directory=directory, user=user) + filters)
    log = directory / "output"
    with ExitStack() as servers:
        for part, port in zip((*_PARTS, "proxy"), (*ports, proxy), strict=True):
            command = [programs / f"swift-{part}-server", directory / f"{part}.conf"]
            wait_for(port, servers.enter_context(program(command, log)), log)
        yield f"http://127.0.0.1:{proxy}"
