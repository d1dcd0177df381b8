"""azurite, Microsoft's emulator of Azure Blob Storage, on 127.0.0.1.

``python -m tests.servers.azurite`` installs it from npm, beside this Python, where npm is there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .running import free_ports, program, wait_for

# The account that every Azure emulator has, as Microsoft documents it; it opens nothing else.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


_INSTALLED = Path(sys.prefix) / "node_modules" / ".bin" / "azurite-blob"


def find() -> str | None:
    """Find the program: ``AZURITE_BLOB``, beside this Python, or where the PATH leads."""
    beside = str(_INSTALLED) if _INSTALLED.exists() else None
    return os.environ.get("AZURITE_BLOB") or beside or shutil.which("azurite-blob")


def install() -> None:
    """Install it, unless it is there; where that cannot be, say so, and its tests will be skipped."""
    npm = shutil.which("npm")
    if find() is not None:
        return
    if npm is None:
        print("azurite is not installed, since npm is not there")
        return
    quietly = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--fetch-retries=1"]
    try:
        subprocess.run([npm, "install", "--prefix", sys.prefix, *quietly, "azurite@3"], check=True, timeout=120)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"azurite is not installed: {error}")


@contextmanager
def azurite_server(command: str, log: Path) -> Iterator[str]:
    """Run a server that forgets all, and give the URL of its account."""
    (port,) = free_ports(1)
    arguments = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--skipApiVersionCheck", "--inMemoryPersistence"]
    with program([command, "--silent", *arguments], log) as process:
        wait_for(port, process, log)
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"


def connection_string(url: str) -> str:
    """Give the one storage option of adlfs that leads to the account."""
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={url};"


def service(url: str) -> Any:
    """Give a client of Microsoft's for the account."""
    from azure.storage.blob import BlobServiceClient

    return BlobServiceClient(url, credential={"account_name": ACCOUNT, "account_key": KEY})


def make_container(url: str) -> str:
    """Make an empty container and give its name."""
    name = f"container-{uuid.uuid4().hex}"
    with service(url) as client:
        client.create_container(name)
    return name


if __name__ == "__main__":
    install()
