"""azurite, Microsoft's emulator of Azure Blob Storage, on 127.0.0.1. npm: azurite."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .running import free_ports, program, wait_for

# The account that every Azure emulator has, as Microsoft documents it; it opens nothing else.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def find() -> str | None:
    """Find the program: ``AZURITE_BLOB``, or where the PATH leads."""
    return os.environ.get("AZURITE_BLOB") or shutil.which("azurite-blob")


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


def make_container(url: str) -> str:
    """Make an empty container and give its name."""
    from azure.storage.blob import BlobServiceClient

    name = f"container-{uuid.uuid4().hex}"
    with BlobServiceClient(url, credential={"account_name": ACCOUNT, "account_key": KEY}) as client:
        client.create_container(name)
    return name
