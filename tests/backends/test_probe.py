from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem

from objstore._engine.drive import Driver
from objstore._log.ops import Entry
from objstore.backends import LocalBackend, MemoryBackend, open_backend
from objstore.backends.base import AsyncBackend, Backend
from objstore.backends.probe import CheckReport, check
from objstore.errors import PermissionDeniedError, UnavailableError
from objstore.testing.faults import FailBefore, Fault, FaultyBackend, Request, Tear
from tests.servers.moto_server import MotoServer


def report_on(backend: Backend | AsyncBackend) -> CheckReport:
    return Driver(backend, None).run(check(backend))


def found(report: CheckReport) -> dict[str, bool | None]:
    return {finding.name: finding.ok for finding in report.findings}


ALL = (
    "list",
    "read",
    "write",
    "known",
    "read-after-write",
    "list-after-write",
    "create-only",
    "race",
    "delete",
    "gone-after-delete",
)


def test_local_disk_is_fit_and_nothing_is_left_behind(tmp_path: Path) -> None:
    report = report_on(LocalBackend(tmp_path, durability="none"))
    assert found(report) == dict.fromkeys(ALL, True)
    assert report.ok
    assert report.backend == "file"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_s3_is_fit_and_nothing_is_left_behind(bucket: str, s3_options: dict[str, Any], s3_server: MotoServer) -> None:
    backend = open_backend(f"s3://{bucket}/a", storage_options=s3_options)
    assert isinstance(backend, AsyncBackend)
    report = asyncio.run(Driver(backend, None).arun(check(backend)))
    assert found(report) == dict.fromkeys(ALL, True)
    assert "no old versions are kept" in report.findings[3].detail
    assert asyncio.run_coroutine_threadsafe(backend.list(""), backend.loop).result() == []
    assert all(request.path.startswith(f"/{bucket}") for request in s3_server.requests[-5:])


def test_a_bucket_that_keeps_versions_is_said_to(bucket: str, s3_options: dict[str, Any]) -> None:
    import s3fs

    s3fs.S3FileSystem(**s3_options).call_s3(
        "put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    report = report_on(open_backend(f"s3://{bucket}/a", storage_options=s3_options))
    assert "old versions of what is deleted are kept" in report.findings[3].detail
    assert report.ok


def test_a_place_whose_creates_are_not_exclusive_fails(tmp_path: Path) -> None:
    class Careless(MemoryBackend):
        def create(self, key: str, data: bytes, *, durable: bool = True, beside: bool = False) -> bool:
            self.put(key, data)
            return True

    report = report_on(Careless("careless"))
    assert {name for name, ok in found(report).items() if ok is False} == {"create-only", "race"}
    assert not report.ok
    assert "16 were told that they won" in next(each.detail for each in report.findings if each.name == "race")


def test_a_place_that_only_loses_races_fails(tmp_path: Path) -> None:
    """The conditions are honest, one by one, but two at once are not told apart."""
    import threading

    class Racy(MemoryBackend):
        gate = threading.Barrier(16)

        def create(self, key: str, data: bytes, *, durable: bool = True, beside: bool = False) -> bool:
            free = self.get(key) is None
            if "race" in key:
                self.gate.wait()
            if free:
                self.put(key, data)
            return free

    report = report_on(Racy("racy"))
    assert {name for name, ok in found(report).items() if ok is False} == {"race"}


@pytest.mark.parametrize(
    ("operation", "findings"),
    [
        ("list", {"list"}),
        ("put", {"write"}),
        ("delete", {"delete"}),
        ("get", {"read", "read-after-write", "create-only", "race", "gone-after-delete"}),
    ],
)
def test_each_missing_permission_is_a_finding(operation: str, findings: set[str]) -> None:
    def choose(request: Request) -> Fault | None:
        return FailBefore(PermissionDeniedError("no")) if request.operation == operation else None

    report = report_on(FaultyBackend(MemoryBackend.isolated(), choose))
    assert {name for name, ok in found(report).items() if ok is False} == findings
    assert not report.ok


@pytest.mark.parametrize(
    ("choose", "finding"),
    [
        (lambda request: Tear(1) if request.operation == "put" else None, "read-after-write"),
        (
            lambda request: FailBefore(UnavailableError("no")) if request.keys[0].endswith("created") else None,
            "create-only",
        ),
    ],
)
def test_a_place_that_fails_says_where(choose: Callable[[Request], Fault | None], finding: str) -> None:
    report = report_on(FaultyBackend(MemoryBackend.isolated(), choose))
    assert found(report)[finding] is not True


def test_a_place_that_lists_what_was_deleted_fails(tmp_path: Path) -> None:
    class Stale(MemoryBackend):
        def __init__(self) -> None:
            super().__init__(str(tmp_path))
            self.seen: dict[str, Entry] = {}

        def list(self, prefix: str) -> list[Entry]:
            self.seen |= {entry.name: entry for entry in super().list(prefix)}
            return [entry for name, entry in self.seen.items() if name.startswith(prefix)]

    report = report_on(Stale())
    assert {name for name, ok in found(report).items() if ok is False} == {"gone-after-delete"}
    assert ".object'" in report.findings[-1].detail


def test_a_clock_that_is_wrong_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 3600)
    report = report_on(LocalBackend(tmp_path, durability="none"))
    assert {name for name, ok in found(report).items() if ok is False} == {"known"}
    assert "the clocks differ by 3" in report.findings[3].detail


def test_what_cannot_be_asked_is_left_open(tmp_path: Path) -> None:
    inner = open_backend(DirFileSystem(str(tmp_path), fsspec.filesystem("file")), path="d")
    report = report_on(inner)
    assert found(report)["known"] is None
