from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.gcs import GcsServer, gcs_server
from tests.servers.sftp_server import sftp_server

from .faces import FACES


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="package")
def gcs() -> Iterator[GcsServer]:
    """A storage that speaks Google's API, with an empty bucket."""
    pytest.importorskip("gcsfs", reason="gcsfs is not installed: pip install 'objstore[gcs]'")
    with gcs_server() as server:
        server.buckets["bucket"] = {}
        yield server


@pytest.fixture(scope="package")
def sftp() -> Iterator[int]:
    """The port of an SFTP server that serves the files of this machine."""
    pytest.importorskip("paramiko", reason="paramiko is not installed: pip install 'objstore[sftp]'")
    pytest.importorskip("asyncssh", reason="asyncssh is not installed, so there is no SFTP server to test against")
    with sftp_server() as port:
        yield port
