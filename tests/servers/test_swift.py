"""OpenStack Swift's S3 interface: one create after another is honest, and a race is not; `check` finds it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import objstore
from objstore._engine.drive import Driver
from objstore.backends import Backend, open_backend
from objstore.backends.base import AsyncBackend
from objstore.backends.probe import check
from objstore.testing.backend import BackendTests
from objstore.testing.log_store import LogStoreTests
from objstore.testing.store import OpenStore, TreeStoreTests

from . import s3, swift

pytestmark = [pytest.mark.deep, pytest.mark.xdist_group("swift")]


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The storage_options that lead to the server."""
    programs = swift.find()
    if programs is None:
        pytest.skip("swift-proxy-server is not on the PATH (pip install swift), nor is SWIFT_BIN set")
    with swift.swift_server(programs, tmp_path_factory.mktemp("swift")) as url:
        yield s3.options(url, swift.KEY, swift.SECRET)


@pytest.fixture
def target(options: dict[str, Any]) -> str:
    return f"s3://{s3.make_bucket(options)}/some/prefix"


def test_check_finds_that_races_are_lost(target: str, options: dict[str, Any]) -> None:
    backend = open_backend(target, storage_options=options)
    for _ in range(10):  # a race need not be lost each time
        report = Driver(backend, None).run(check(backend))
        found = {finding.name: finding for finding in report.findings}
        assert found["create-only"].ok, "one after another they are honest"
        if found["race"].ok is False:
            break
    assert not report.ok
    assert {name for name, finding in found.items() if finding.ok is False} == {"race"}
    assert "layout" in found["race"].detail
    backend.close()


class TestBackend(BackendTests):
    @pytest.fixture
    def backend(self, target: str, options: dict[str, Any]) -> Iterator[Backend | AsyncBackend]:
        backend = open_backend(target, storage_options=options)
        yield backend
        backend.close()

    def test_of_racing_creates_exactly_one_wins(self, place: Backend) -> None:
        pytest.skip("this is what Swift does not keep")


class TestLogOfOneWriter(LogStoreTests):
    """Nothing is lost while one program writes after another."""

    races = False

    @pytest.fixture
    def open_store(self, target: str, options: dict[str, Any]) -> OpenStore:
        return lambda: objstore.open(target, storage_options=options, single_writer=True)


class TestTree(TreeStoreTests):
    @pytest.fixture
    def open_store(self, target: str, options: dict[str, Any]) -> OpenStore:
        return lambda: objstore.open(target, layout="tree", storage_options=options)
