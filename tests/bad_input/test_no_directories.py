"""Files in the place of directories: a list shows nothing of what was in those, so `verify` has to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import objstore
from objstore import BackendError, Message, SessionData, ToolUseBlock
from tests.bad_input.damage import TURNS, fill, log_key, turns
from tests.places import make_place


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    for id in ("other", "s"):
        fill(objstore.open(tmp_path), id)
    assert objstore.open(tmp_path).verify().ok
    return tmp_path


def replaced(path: Path) -> None:
    shutil.rmtree(path)
    path.write_bytes(b"a file")


@pytest.mark.parametrize(
    ("key", "id"),
    [
        ("sessions", None),
        ("index", None),
        ("sessions/s", "s"),
        ("sessions/s/log", "s"),
        ("sessions/s/log/000000", "s"),
    ],
)
def test_verify_says_so(filled: Path, key: str, id: str | None) -> None:
    replaced(filled / key)
    store = objstore.open(filled)
    assert [(found.id, found.key, found.problem) for found in store.verify().findings] == [(id, key, "foreign")]
    if key != "index":
        assert [(found.id, found.key) for found in store.verify(["s"]).findings] == [("s", key)]
    if id:
        assert turns(store.load("other")) == TURNS
        with pytest.raises(BackendError, match="a file is in the place of a directory"):
            store.save(SessionData.new("s"))


@pytest.mark.parametrize("id", ["s", "s" * 300], ids=["short", "hashed"])
def test_what_hurts_an_agent_is_only_told_where_nothing_else_is_wrong(tmp_path: Path, id: str) -> None:
    store = objstore.open(tmp_path)
    store.save(SessionData.new(id))
    store.append(id, messages=[Message(role="assistant", content=[ToolUseBlock(id="call", name="bash", input={})])])
    assert [found.kind for found in store.verify().ailments] == ["call without result"]
    (directory,) = (tmp_path / "sessions").iterdir()
    (directory / "log/000001").write_bytes(b"a file")
    for report in (store.verify(), store.verify([id])):
        assert ([found.problem for found in report.findings], report.ailments) == (["foreign"], ())


def test_of_objects_too(filled: Path) -> None:
    replaced(filled / "sessions/s/objects")
    report = objstore.open(filled).verify()
    assert {(found.id, found.problem) for found in report.findings} == {("s", "missing")}


def test_an_object_beside_a_directory_of_the_same_name_is_foreign_and_harms_nobody(
    request: pytest.FixtureRequest,
) -> None:
    s3 = make_place("s3", request)
    fill(s3.open(), "s")
    s3.put("sessions", b"a file")
    s3.put("sessions/s", b"a file")
    report = s3.open().verify()
    assert [(found.id, found.key) for found in report.findings] == [(None, "sessions"), ("s", "sessions/s")]
    assert (report.sessions, report.commits) == (1, TURNS)
    assert turns(s3.open().load("s")) == TURNS


def test_a_tombstone_that_is_gone_is_told_by_its_hint(request: pytest.FixtureRequest) -> None:
    memory = make_place("memory", request)
    store = memory.open()
    fill(store, "s")
    store.delete("s")
    assert store.verify().ok
    memory.backend.delete([log_key("s", TURNS + 1)])
    store = memory.open()
    assert [(found.id, found.key, found.problem) for found in store.verify().findings][:1] == [
        ("s", log_key("s", TURNS + 1), "missing")
    ]
    store.delete("s")
    assert store.verify().ok
