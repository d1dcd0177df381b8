"""Servers and places for all tests."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.places import PLACES, Place, make_place
from tests.servers import azurite as azure
from tests.servers.moto_server import MotoServer, moto_server
from tests.servers.scripted import ScriptedServer, scripted_server

_NUMBERS = itertools.count(1)

# Of an example that takes 200 ms hypothesis says that it fails, which on a busy machine any may take.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[MotoServer]:
    """An S3 server with atomic creates; ``requests``, ``methods`` and ``reset()`` tell what it was asked."""
    if find_spec("moto") is None:
        pytest.skip("moto is not installed, so there is no S3 server to test against (pip install 'objstore[test]')")
    with moto_server() as server:
        yield server


@pytest.fixture(scope="session")
def s3_options(s3_server: MotoServer) -> dict[str, Any]:
    """The storage_options that lead to the S3 server."""
    return options_for(s3_server.url)


@pytest.fixture
def options_without_credentials(s3_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The same without a key, in an environment that knows none."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    return {name: value for name, value in s3_options.items() if name not in ("key", "secret")}


@pytest.fixture
def bucket(s3_server: MotoServer) -> str:
    """A new, empty bucket on the S3 server."""
    name = f"bucket-{next(_NUMBERS)}"
    s3_server.make_bucket(name)
    return name


@pytest.fixture(scope="session")
def scripted() -> Iterator[ScriptedServer]:
    """A server that says what the test tells it to say."""
    with scripted_server() as server:
        yield server


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an account of Azure's emulator."""
    pytest.importorskip("adlfs", reason="adlfs is not installed: pip install 'objstore[azure]'")
    command = azure.find()
    if command is None:
        pytest.skip("azurite-blob is nowhere (python -m tests.servers.azurite installs it), nor is AZURITE_BLOB set")
    with azure.azurite_server(command, tmp_path_factory.mktemp("azurite") / "output") as url:
        yield url


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    """An empty place of each kind: local disk, memory, S3."""
    return make_place(request.param, request)


@pytest.fixture
def local(request: pytest.FixtureRequest) -> Place:
    """An empty place on local disk."""
    return make_place("local", request)


@pytest.fixture
def memory(request: pytest.FixtureRequest) -> Place:
    """An empty place in memory."""
    return make_place("memory", request)


@pytest.fixture
def s3(request: pytest.FixtureRequest) -> Place:
    """An empty place on S3."""
    return make_place("s3", request)


@pytest.fixture
def outside(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that anybody can reach, for tests that root runs as somebody else; pytest keeps its own closed.

    Only what pytest made is opened. Where what lies above is closed to others the test is skipped.
    """
    ours = [tmp_path, *tmp_path.parents]
    ours = ours[: ours.index(tmp_path_factory.getbasetemp()) + 1]
    if "PYTEST_XDIST_WORKER" in os.environ:
        ours.append(ours[-1].parent)  # of all workers
    if ours[-1].parent.name.startswith("pytest-of-"):
        ours.append(ours[-1].parent)  # of all runs
    for directory in ours:
        directory.chmod(directory.stat().st_mode | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    for directory in ours[-1].parents:
        if os.geteuid() == 0 and not directory.stat().st_mode & stat.S_IXOTH:
            pytest.skip(f"{directory} is closed to others, so nobody but root could look into a directory below it")
    return tmp_path


def options_for(url: str) -> dict[str, Any]:
    """Make storage_options of s3fs for a server."""
    return {
        "key": "an-access-key",
        "secret": "a-secret-key",
        "endpoint_url": url,
        # Plain HTTP: to read all certificates of the machine for each store takes as long as ten requests.
        "client_kwargs": {"region_name": "us-east-1", "verify": False},
    }
