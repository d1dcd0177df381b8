"""The conformance suite of `objstore.testing.store` on every place, through both faces."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem

from objstore.testing.log_store import LogStoreTests
from objstore.testing.store import OpenStore, TreeStoreTests
from tests.places import make_place
from tests.servers import azurite as azure

from .faces import opener

Opening = Callable[..., OpenStore]


@pytest.fixture
def opening(face: str) -> Iterator[Opening]:
    """Open a place through the face of this test."""
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(opener(face, *args, **options))


def sftp_options(port: int) -> dict[str, Any]:
    return {"port": port, "username": "u", "password": "p", "allow_agent": False, "look_for_keys": False}


class TestLog(LogStoreTests):
    """Places that can keep writers apart."""

    @pytest.fixture(params=["local", "memory", "s3"])
    def open_store(self, opening: Opening, request: pytest.FixtureRequest) -> OpenStore:
        place = make_place(request.param, request)
        return opening(place.target, storage_options=place.options)


class TestLogOnGoogle(LogStoreTests):
    @pytest.fixture
    def open_store(self, opening: Opening, request: pytest.FixtureRequest) -> OpenStore:
        server = request.getfixturevalue("gcs")
        options = {"endpoint_url": server.url, "token": "anon", "project": "p"}
        return opening(f"gs://bucket/{uuid.uuid4().hex}", storage_options=options)


class TestLogOnAzure(LogStoreTests):
    @pytest.fixture
    def open_store(self, opening: Opening, request: pytest.FixtureRequest) -> OpenStore:
        url = request.getfixturevalue("azurite")
        options = {"connection_string": azure.connection_string(url)}
        return opening(f"az://{azure.make_container(url)}/agents", storage_options=options)


class TestLogThroughObstore(LogStoreTests):
    @pytest.fixture
    def open_store(self, opening: Opening, request: pytest.FixtureRequest) -> OpenStore:
        pytest.importorskip("obstore", reason="obstore is not installed: pip install 'objstore[fast]'")
        place = make_place("s3", request)
        return opening(place.target, storage_options=place.options, client="obstore")


class TestLogOfOneWriterInADirectory(LogStoreTests):
    races = False

    @pytest.fixture
    def open_store(self, opening: Opening, tmp_path: Path) -> OpenStore:
        directory = DirFileSystem(str(tmp_path), fsspec.filesystem("file"))
        return opening(directory, path="store", single_writer=True)


class TestLogOfOneWriterOnSftp(LogStoreTests):
    races = False
    big = 300_000

    @pytest.fixture
    def open_store(self, opening: Opening, tmp_path: Path, request: pytest.FixtureRequest) -> OpenStore:
        options = sftp_options(request.getfixturevalue("sftp"))
        return opening(f"sftp://127.0.0.1{tmp_path}/store", storage_options=options, single_writer=True)


class TestTree(TreeStoreTests):
    @pytest.fixture(params=["local", "memory", "s3"])
    def open_store(self, opening: Opening, request: pytest.FixtureRequest) -> OpenStore:
        place = make_place(request.param, request)
        return opening(place.target, layout="tree", storage_options=place.options)


class TestTreeThroughObstore(TreeStoreTests):
    @pytest.fixture
    def open_store(self, opening: Opening, request: pytest.FixtureRequest) -> OpenStore:
        pytest.importorskip("obstore", reason="obstore is not installed: pip install 'objstore[fast]'")
        place = make_place("s3", request)
        return opening(place.target, layout="tree", storage_options=place.options, client="obstore")


class TestTreeOnSftp(TreeStoreTests):
    big = 300_000

    @pytest.fixture
    def open_store(self, opening: Opening, tmp_path: Path, request: pytest.FixtureRequest) -> OpenStore:
        options = sftp_options(request.getfixturevalue("sftp"))
        return opening(f"sftp://127.0.0.1{tmp_path}/store", storage_options=options, layout="tree")
