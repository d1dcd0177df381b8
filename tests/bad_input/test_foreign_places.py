"""Places that hold something else, or a store of a newer objstore: refused by name, and never written to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

import objstore
from objstore import (
    DocumentStore,
    FormatError,
    Message,
    ObjstoreError,
    PermissionDeniedError,
    SessionData,
    SessionStore,
    TraceEvent,
    UnavailableError,
    UnsupportedError,
)
from objstore._format.naming import MARKER
from objstore._log import marker
from objstore._log.ops import Entry, Get, List
from objstore.backends import MemoryBackend
from objstore.testing.faults import FailBefore, FaultyBackend, Request
from tests.bad_input.damage import TURNS, artifact, fill, log_key, turns
from tests.places import Place, plain

EVERYTHING: list[Callable[[SessionStore], object]] = [
    lambda store: store.load("s"),
    lambda store: store.list(),
    lambda store: store.exists("s"),
    lambda store: store.save(SessionData.new("s")),
    lambda store: store.append("s", messages=[Message.user("x")]),
    lambda store: store.delete("s"),
    lambda store: store.verify(),
    lambda store: store.health_check(),
]


def refused_untouched(place: Place, key: str, layout: Any = None) -> None:
    before = place.files()
    store = place.open(layout)
    for call in EVERYTHING:
        with pytest.raises(FormatError) as caught:
            call(store)
        assert caught.value.key == key
    assert place.files() == before


FOREIGN: dict[str, list[str]] = {
    "somebody's files": ["README.md", "src/main.py"],
    "one file": ["x"],
    "a store that lost its marker": ["sessions/s/log/000000/0000000001", "index/s=.0000000001"],
    "json among other things": ["s.json", "photo.png"],
    "a directory that is not a tree's": ["s.json", "backup/x"],
    "somebody's json": ["package.json", "tsconfig.json"],
    "json beside what a tree has too": ["package.json", "artifacts/app.js"],
    "a hidden file": [".gitignore"],
    "a marker in the wrong case": ["OBJSTORE.JSON", "x"],
}


@pytest.mark.parametrize("names", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_place_that_is_not_ours_is_refused_and_left_alone(memory: Place, names: list[str]) -> None:
    for name in names:
        memory.put(name, b"{}")
    refused_untouched(memory, "objstore.json")
    refused_untouched(memory, "objstore.json", "log")


def test_every_kind_of_storage_is_looked_at_before_it_is_written(place: Place) -> None:
    place.put("holiday/photo.png", b"\x89PNG")
    refused_untouched(place, "objstore.json")


MARKERS: dict[str, Any] = {
    "format 2": {"format": 2, "layout": "log", "K": 32, "requires": []},
    "format as text": {"format": "1", "layout": "log", "K": 32, "requires": []},
    "requires something": {"format": 1, "layout": "log", "K": 32, "requires": ["encryption"]},
    "requires is no list": {"format": 1, "layout": "log", "K": 32, "requires": "encryption"},
    "another layout": {"format": 1, "layout": "forest", "K": 32, "requires": []},
    "no layout": {"format": 1, "K": 32},
    "no K": {"format": 1, "layout": "log"},
    "K of 0": {"format": 1, "layout": "log", "K": 0},
    "K of 1": {"format": 1, "layout": "log", "K": 1},
    "K of -5": {"format": 1, "layout": "log", "K": -5},
    "K of 32.0": {"format": 1, "layout": "log", "K": 32.0},
    "K of true": {"format": 1, "layout": "log", "K": True},
    "a list": [1],
    "a number": 1,
    "null": None,
    "nothing": {},
}


@pytest.mark.parametrize("marker", MARKERS.values(), ids=MARKERS.keys())
def test_a_marker_of_a_newer_or_a_foreign_store_is_refused(memory: Place, marker: Any) -> None:
    fill(memory.open(), "s")
    memory.put("objstore.json", json.dumps(marker).encode())
    refused_untouched(memory, "objstore.json")


@pytest.mark.parametrize("interval", [2, 3, 7, 1000, 10**30])
def test_any_interval_that_a_marker_names_is_kept_to(memory: Place, interval: int) -> None:
    memory.put("objstore.json", json.dumps({"format": 1, "layout": "log", "K": interval, "new": "member"}).encode())
    fill(memory.open(), "s")
    kinds = [commit.kind for commit in reversed(memory.open().history("s"))]
    assert kinds == ["snapshot" if n % interval == 1 else "patch" for n in range(1, TURNS + 1)]
    assert turns(memory.open().load("s")) == TURNS


def rewritten(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Write a commit anew, as a newer objstore might have, with a digest that fits."""
    record = json.loads(plain(data))
    del record["self"]
    change(record)
    covered = json.dumps(record, separators=(",", ":"))[:-1].encode()
    return covered + f',"self":"{hashlib.sha256(covered).hexdigest()}"}}'.encode()


def nest(record: dict[str, Any]) -> None:
    value: Any = {"=x": 1}
    for _ in range(480):
        value = [value]
    record["body"] = {"put": {"session": value}}


NAME = "0" * 64 + ".zst"
NEWER: dict[str, Callable[[dict[str, Any]], object]] = {
    "format 2": lambda r: r.update(format=2),
    "requires": lambda r: r.update(requires=["future"]),
    "unknown kind": lambda r: r.update(kind="merge"),
    "no kind": lambda r: r.pop("kind"),
    "unknown patch": lambda r: r.update(body={"splice": []}),
    "unknown patch inside": lambda r: r.update(body={"sub": {"session": {"splice": []}}}),
    "unknown piece": lambda r: r.update(body={"sub": {"session": {"sub": {"messages": {"list": [{"copy": 1}]}}}}}),
    "patch of nothing": lambda r: r.update(body={}),
    "patch that does not fit": lambda r: r.update(body={"sub": {"nobody": {"set": 1}}}),
    "range beyond the end": lambda r: r.update(body={"sub": {"session": {"sub": {"messages": {"list": [[0, 999]]}}}}}),
    "unknown reference": lambda r: r.update(body={"put": {"session": {"=future": NAME}}}),
    "reference to what is not listed": lambda r: r.update(body={"put": {"session": {"=": NAME}}}),
    "leaf in the wrong place": lambda r: r.update(body={"put": {"session": {"=list": NAME}}}),
    "leaf that is not listed": lambda r: r.update(body={"put": {"session": [{"=list": NAME}]}}),
    "reference that leads out": lambda r: r.update(body={"put": {"session": {"=": "../../../other"}}}),
    "listed object that leads out": lambda r: r.update(
        objects={"../../../other": [0, 5]}, body={"put": {"a": {"=": "../../../other"}}}
    ),
    "unknown member": lambda r: r.update(body={"put": {"session": {"=x": 1, "y": 2}}}),
    "body is a list": lambda r: r.update(body=[]),
    "body is null": lambda r: r.update(body=None),
    "no body": lambda r: r.pop("body"),
    "no time": lambda r: r.pop("time"),
    "a time without a zone": lambda r: r.update(time="2026-01-01T00:00:00"),
    "a floor above": lambda r: r.update(floor=99),
    "a floor of 0": lambda r: r.update(floor=0),
    "an epoch above": lambda r: r.update(epoch=99),
    "negative": lambda r: r.update(born=-1),
    "objects of another shape": lambda r: r.update(objects={NAME: 5}),
    "keys of another shape": lambda r: r.update(keys=["ab"]),
    "too deep to be walked": nest,
}  # fmt: skip


@pytest.mark.parametrize("change", NEWER.values(), ids=NEWER.keys())
def test_a_whole_commit_that_is_not_understood_is_a_format_error_that_names_it(
    memory: Place, change: Callable[[dict[str, Any]], object]
) -> None:
    fill(memory.open(), "s")
    fill(memory.open(), "other")
    key = log_key("s", TURNS)
    data = memory.backend.get(key)
    assert data is not None
    memory.put(key, rewritten(data, change))
    store = memory.open()
    with pytest.raises(FormatError) as caught:
        store.load_bundle("s")
    assert caught.value.key in (key, NAME)
    assert turns(store.load("s", at=TURNS - 1)) == TURNS - 1
    assert turns(store.load("other")) == TURNS
    with pytest.raises(FormatError):
        store.append("s", messages=[Message.user("x")])
    with pytest.raises(FormatError):
        store.save_trace_events("s", [], base=1)
    findings = store.verify().findings
    assert {finding.id for finding in findings} == {"s"}


@pytest.mark.parametrize("number", [1, 3])
def test_a_patch_where_a_snapshot_must_be_is_a_format_error(memory: Place, number: int) -> None:
    fill(memory.open(), "s")
    data = memory.backend.get(log_key("s", 1))
    assert data is not None
    memory.put(log_key("s", 1), rewritten(data, lambda r: r.update(kind="patch", body={"put": {}})))
    with pytest.raises(FormatError) as caught:
        memory.open().load("s", at=number)
    assert caught.value.key == log_key("s", 1)


OTHER_TYPES: list[Any] = [{"id": 5}, [1], "text", 5, {"config": None, "messages": {}}]
CALLS: dict[str, Callable[[SessionStore], object]] = {
    "load": lambda store: store.load("s"),
    "bundle": lambda store: store.load_bundle("s"),
    "traces": lambda store: store.load_trace_events("s"),
    "update": lambda store: store.update("s", lambda session: None),
    "append": lambda store: store.append("s", messages=[Message.user("x")]),
    "append to traces": lambda store: store.append("s", trace_events=[trace()]),
    "append to a run": lambda store: store.append("s", run_events={"r": []}),
    "append an artifact": lambda store: store.append("s", artifacts=[artifact("x")]),
}


def trace() -> TraceEvent:
    return TraceEvent.tool_execution("t", success=True, exit_code=0, duration_ms=1, output_bytes=1)


@pytest.mark.parametrize("value", OTHER_TYPES, ids=repr)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_documents_that_are_no_sessions_are_a_format_error(
    memory: Place, call: Callable[[SessionStore], object], value: Any
) -> None:
    parts = dict.fromkeys(("session", "traces", "runs", "artifacts"), value)
    DocumentStore(memory.target).save("s", {**parts, "traces": {"no": "list"}, "runs": [5]})
    with pytest.raises(FormatError, match="document"):
        call(memory.open())
    assert len(memory.open().history("s")) == 1
    memory.open().save(SessionData.new("s"))  # a deliberate replace mends it
    assert memory.open().load("s") is not None


def test_members_of_a_newer_objstore_are_passed_over(memory: Place) -> None:
    fill(memory.open(), "s")
    data = memory.backend.get(log_key("s", TURNS))
    assert data is not None
    memory.put(log_key("s", TURNS), rewritten(data, lambda r: r.update(color="red", summary={"new": 1})))
    assert turns(memory.open().load("s")) == TURNS


def test_a_tree_is_opened_as_one_and_never_as_a_log(place: Place) -> None:
    tree = place.open("tree")
    tree.save(SessionData.new("s"))
    assert place.open().list() == ["s"]
    assert place.names() == {"s.json"}
    refused_untouched(place, "objstore.json", "log")
    with pytest.raises(FormatError, match="tree layout; open it without layout='log'"):
        place.open("log").list()
    with pytest.raises(UnsupportedError):
        place.open().history("s")


@pytest.mark.parametrize("data", [b"", b"{", b'{"id": "s", "config"'])
def test_nor_is_one_whose_file_is_torn_taken_for_somebodys_json(memory: Place, data: bytes) -> None:
    memory.put("s.json", data)
    assert memory.open().list() == ["s"]
    (finding,) = memory.open().verify().findings
    assert finding.key == "s.json"


def test_nor_is_one_whose_file_is_not_given_out() -> None:
    tree = MemoryBackend.isolated()
    objstore.open(tree, layout="tree").save(SessionData.new("s"))

    def opened(error: ObjstoreError) -> SessionStore:
        return objstore.open(FaultyBackend(tree, lambda r: FailBefore(error) if r.keys == ("s.json",) else None))

    refused = PermissionDeniedError("not yours")
    (finding,) = opened(refused).verify().findings
    assert finding.key == "s.json"
    objstore.open(tree).save(SessionData.new("longer", name="than the one that is looked into"))
    assert opened(refused).load("longer") is not None
    with pytest.raises(UnavailableError):  # it may be anybody's
        opened(UnavailableError("no answer")).save(SessionData.new("t"))


def test_how_a_tree_among_other_things_is_opened_is_told(memory: Place) -> None:
    memory.open("tree").save(SessionData.new("s"))
    memory.put("README.md", b"what this is")
    with pytest.raises(FormatError, match="or say layout='tree' where sessions of A3S Code lie among other files"):
        memory.open().list()
    assert memory.open("tree").list() == ["s"]


def test_a_log_is_never_opened_as_a_tree(place: Place) -> None:
    fill(place.open(), "s")
    refused_untouched(place, "objstore.json", "tree")


@pytest.mark.parametrize(
    "target", ["", "  ", "\0", "a\0b", "s3://", "s3:///", "nosuch://x", "simplecache::file:///x", "s3://bucket\0/x"]
)
def test_a_target_that_cannot_be_is_refused_when_it_is_opened(target: str) -> None:
    with pytest.raises(ObjstoreError):
        objstore.open(target)
    with pytest.raises(ObjstoreError):
        objstore.open_async(target)


def test_a_check_tells_what_is_no_file_in_the_place_of_the_marker(tmp_path: Path) -> None:
    (tmp_path / "objstore.json").symlink_to("/etc/hostname")
    report = objstore.open(tmp_path).check()
    assert [finding.name for finding in report.findings if not finding.ok] == ["place"]
    assert "objstore.json is no object" in report.findings[0].detail
    assert [path.name for path in tmp_path.iterdir()] == ["objstore.json"]


@pytest.mark.parametrize("layout", ["log", "tree"])
def test_what_a_check_leaves_that_is_killed_makes_no_place_foreign(layout: Literal["log", "tree"]) -> None:
    place = MemoryBackend.isolated()
    if layout == "tree":
        objstore.open(place, layout="tree").save(SessionData.new("s"))
    before = {entry.name for entry in place.list("")}

    def killed(request: Request) -> FailBefore | None:
        return FailBefore(KeyboardInterrupt()) if request.operation == "delete" else None

    with pytest.raises(KeyboardInterrupt):
        objstore.open(FaultyBackend(place, killed)).check()
    left = {entry.name for entry in place.list("")} - before
    assert len(left) > 2
    assert all(name.startswith("check-") for name in left)
    store = objstore.open(place)
    assert store.list() == (["s"] if layout == "tree" else [])
    store.save(SessionData.new("t"))
    assert objstore.open(place).list() == (["s", "t"] if layout == "tree" else ["t"])
    assert store.check().ok
    place.put("check-mate", b"somebody's")
    place.delete(["objstore.json", "s.json", "t.json"])
    with pytest.raises(FormatError, match="'check-mate'"):
        objstore.open(place).list()


def test_a_marker_that_a_crash_cut_off_is_none(tmp_path: Path) -> None:
    (tmp_path / "objstore.json").write_bytes(b'{"format":1,"lay')
    assert objstore.open(tmp_path).list() == []
    Place(str(tmp_path)).backend.delete(["objstore.json"])
    (tmp_path / "objstore.json").write_bytes(b'{"format":1,"lay')
    (tmp_path / "sessions").mkdir()
    with pytest.raises(FormatError, match="cannot be read"):
        objstore.open(tmp_path).list()


def test_a_marker_that_is_made_between_two_looks_is_read() -> None:
    looking = marker.look(None)
    first = next(looking)
    assert first == Get(MARKER, marker._READ)
    assert looking.send(None) == List("")
    assert looking.send([Entry(MARKER, is_directory=False)]) == first
