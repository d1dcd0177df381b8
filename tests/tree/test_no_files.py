"""Links, pipes and directories in the place of a tree's files on local disk, and files in that of its directories."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import objstore
from objstore import IntegrityError, SessionData, SessionStore
from objstore.testing.samples import trace
from tests.bad_input import no_files
from tests.bad_input.no_files import circle, pipe


def outside(path: Path) -> None:
    shutil.move(path, path.parent.parent.parent / "outside")
    path.symlink_to(path.parent.parent.parent / "outside")


def fill(store: SessionStore) -> None:
    for id in ("a/b", "s", "t"):
        store.commit(SessionData.new(id), trace_events=[trace("t")], artifacts=objstore.ArtifactStore())


@pytest.mark.parametrize("key", ["a_b.json", "s.json", "traces/s.json", "artifacts/s/artifacts.json"])
@pytest.mark.parametrize("harm", [outside, circle, pipe])
def test_they_are_named_and_stop_nobody_else(
    local: SessionStore, directory: Path, harm: Callable[[Path], None], key: str
) -> None:
    fill(local)
    harm(directory / key)
    id = "a/b" if key == "a_b.json" else "s"
    with pytest.raises(IntegrityError) as caught:
        local.load_bundle(id)
    assert caught.value.key == key
    shown = "a_b" if key == "a_b.json" else id  # who it is stands in the file
    assert local.list() == sorted({"a/b", "s", "t"} - {id} | {shown})
    summaries = {summary.id: summary.problem for summary in local.iter_summaries()}
    assert (summaries["t"], summaries[shown] is None) == (None, False)
    report = local.verify()
    assert [(finding.id, finding.key, finding.problem) for finding in report.findings] == [(shown, key, "damaged")]
    assert report.sessions == 3
    assert local.load("t") is not None


@pytest.mark.parametrize("key", ["s.json", "traces/s.json"])
def test_a_directory_in_the_place_of_a_file_is_found(local: SessionStore, directory: Path, key: str) -> None:
    fill(local)
    assert local.verify().ok
    no_files.directory(directory / key)
    assert [(finding.id, finding.key) for finding in local.verify().findings] == [("s", key)]


@pytest.mark.parametrize("key", ["runs", "verification"])
def test_a_link_in_a_circle_in_the_place_of_a_directory_stops_no_check(
    local: SessionStore, directory: Path, key: str
) -> None:
    fill(local)
    (directory / key).symlink_to(key)
    assert local.list() == ["a/b", "s", "t"]
    report = local.verify()
    assert report.sessions == 3
    assert {finding.id for finding in report.findings} == {None, "a/b", "s", "t"}
    assert local.load("s") is not None
    with pytest.raises(IntegrityError, match="leads in a circle"):
        local.load_bundle("s")


@pytest.mark.parametrize("key", ["artifacts", "traces", "artifacts/s"])
def test_a_file_in_the_place_of_a_directory_is_found(local: SessionStore, directory: Path, key: str) -> None:
    fill(local)
    shutil.rmtree(directory / key)
    (directory / key).write_bytes(b"a file")
    assert [finding.key for finding in local.verify().findings] == [key]
