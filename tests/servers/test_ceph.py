"""Ceph's S3 gateway keeps every promise that the log layout needs."""

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

from . import ceph, s3

pytestmark = [pytest.mark.deep, pytest.mark.xdist_group("ceph")]


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The storage_options that lead to the gateway."""
    absent = ceph.missing()
    if absent:
        pytest.skip(absent)
    with ceph.ceph_server(tmp_path_factory.mktemp("ceph")) as url:
        yield s3.options(url, ceph.KEY, ceph.SECRET)


@pytest.fixture
def target(options: dict[str, Any]) -> str:
    return f"s3://{s3.make_bucket(options)}/some/prefix"


class TestBackend(BackendTests):
    @pytest.fixture
    def backend(self, target: str, options: dict[str, Any]) -> Iterator[Backend | AsyncBackend]:
        backend = open_backend(target, storage_options=options)
        yield backend
        backend.close()


class TestLog(LogStoreTests):
    @pytest.fixture
    def open_store(self, target: str, options: dict[str, Any]) -> OpenStore:
        return lambda: objstore.open(target, storage_options=options)


class TestTree(TreeStoreTests):
    @pytest.fixture
    def open_store(self, target: str, options: dict[str, Any]) -> OpenStore:
        return lambda: objstore.open(target, layout="tree", storage_options=options)


def test_check_finds_nothing(target: str, options: dict[str, Any]) -> None:
    backend = open_backend(target, storage_options=options)
    report = Driver(backend, None).run(check(backend))
    assert report.ok, report.findings
    assert {finding.name for finding in report.findings if finding.ok} >= {"create-only", "race", "known"}
    backend.close()
