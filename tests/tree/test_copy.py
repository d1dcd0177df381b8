"""Copying between stores: whole, checked, repeatable, and one bad session does not stop the others."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import objstore
from objstore import BackendError, DocumentStore, FormatError, Message, SessionStore
from objstore.backends import MemoryBackend
from objstore.transfer import CopyEvent, copy
from tests.places import Place, make_place

from .samples import PARTS, artifacts, corpus_files, document, fill, key, session, text


@pytest.fixture
def log(request: pytest.FixtureRequest) -> Iterator[SessionStore]:
    with make_place("memory", request).open("log") as store:
        yield store


@pytest.fixture
def other(request: pytest.FixtureRequest) -> Place:
    return make_place("memory", request)


def test_a_session_comes_with_all_its_siblings(local: SessionStore, directory: Path, log: SessionStore) -> None:
    fill(directory, "a/b")
    report = copy(local, log)
    assert (report.copied, report.unchanged, report.failed, report.warnings) == (("a/b",), (), {}, {})
    assert report.ok
    assert not report.history
    bundle, original = log.load_bundle("a/b"), local.load_bundle("a/b")
    assert bundle is not None
    assert original is not None
    for part in ("session", "artifacts", "trace_events", "run_records", "verification_reports"):
        assert getattr(bundle, part) == getattr(original, part) != None  # noqa: E711 - both are there


def test_a_copy_that_is_repeated_changes_nothing(local: SessionStore, directory: Path, log: SessionStore) -> None:
    fill(directory, "s")
    copy(local, log)
    history = log.history("s")
    again = copy(local, log)
    assert (again.copied, again.unchanged, again.ok) == ((), ("s",), True)
    assert log.history("s") == history
    assert len(history) == 1
    back = copy(log, local)
    assert (back.copied, back.unchanged, back.ok) == ((), ("s",), True)


def test_a_copy_that_was_cut_off_is_completed(log: SessionStore, local: SessionStore, directory: Path) -> None:
    fill(directory, "s")
    copy(local, log)
    (directory / "s.json").unlink()
    (directory / key("runs", "s")).unlink()
    assert copy(log, local).copied == ("s",)
    assert (directory / "s.json").read_bytes() == text("session", "s")
    assert (directory / key("runs", "s")).read_bytes() == text("runs", "s")


@pytest.mark.parametrize("layout", ["log", "tree"])
def test_a_session_that_differs_is_never_replaced(
    layout: str, other: Place, local: SessionStore, directory: Path
) -> None:
    fill(directory, "r")
    fill(directory, "s")
    with other.open("log" if layout == "log" else "tree") as target:
        theirs = session("s")
        theirs.messages.append(Message.user("theirs"))
        target.save(theirs)
        report = copy(local, target)
        assert report.copied == ("r",)
        assert list(report.failed) == ["s"]
        assert report.failed["s"].startswith("ConflictError: the target has another session 's' already")
        assert not report.ok
        assert target.load("s") == theirs
        assert target.load_trace_events("s") is None


def test_more_events_in_the_target_are_a_difference_too(
    local: SessionStore, directory: Path, log: SessionStore
) -> None:
    fill(directory, "s")
    copy(local, log)
    log.append("s", run_events={"run-1": [objstore.AgentStartEvent(prompt="go on")]})
    assert "(runs differ)" in copy(local, log).failed["s"]


def test_a_bad_session_does_not_stop_the_others(local: SessionStore, directory: Path, log: SessionStore) -> None:
    for id in ("a", "b", "c"):
        fill(directory, id)
    (directory / key("runs", "b")).write_bytes(b"")
    events: list[CopyEvent] = []
    report = copy(local, log, ids=["c", "b", "gone", "a", "c"], progress=events.append)
    assert report.copied == ("c", "a")
    assert report.failed["b"].startswith("IntegrityError: runs/b.json")
    assert report.failed["gone"].startswith("NotFoundError")
    assert log.list() == ["a", "c"]
    assert events == [
        CopyEvent("c", "copied", 1, 4),
        CopyEvent("b", "failed", 2, 4),
        CopyEvent("gone", "failed", 3, 4),
        CopyEvent("a", "copied", 4, 4),
    ]


def test_only_the_sessions_asked_for_are_copied(local: SessionStore, directory: Path, log: SessionStore) -> None:
    fill(directory, "a")
    fill(directory, "b")
    assert copy(local, log, ids=["b"]).copied == ("b",)
    assert log.list() == ["b"]


@pytest.mark.parametrize("part", PARTS[1:])
def test_siblings_without_a_session_are_copied_too(
    part: str, local: SessionStore, directory: Path, log: SessionStore, other: Place
) -> None:
    fill(directory, "a_b", part)
    assert copy(local, log).copied == ("a_b",)
    assert log.list() == []
    with other.open("tree") as tree:
        assert copy(log, tree).copied == ("a_b",)
    assert other.files() == {key(part, "a_b"): text(part, "a_b")}


def test_deleted_and_hashed_and_colliding_ids_between_logs_and_trees(
    log: SessionStore, other: Place, local: SessionStore, directory: Path
) -> None:
    long = "é" * 100
    for id in ("a/b", "a_b", "gone", long, ".", "x" * 300):
        log.save(session(id))
    log.delete("gone")
    with other.open("log") as target:
        report = copy(log, target)
        assert report.ok
        assert target.list() == log.list() == sorted(["a/b", "a_b", long, ".", "x" * 300])
        target.delete("a_b")
        assert copy(log, target, history=False).copied == ("a_b",)
    report = copy(log, local)
    assert report.copied == ("a/b", long)
    assert {id: message.partition(":")[0] for id, message in report.failed.items()} == {
        ".": "InvalidIdError",
        "a_b": "ConflictError",
        "x" * 300: "InvalidIdError",
    }
    assert local.list() == ["a/b", long]


def test_artifacts_that_the_seed_would_drop_need_to_be_said_so(
    log: SessionStore, local: SessionStore, directory: Path
) -> None:
    log.commit(session("s"), artifacts=artifacts(257))
    refused = copy(log, local)
    assert "lossy=True" in refused.failed["s"]
    assert list(directory.iterdir()) == []
    report = copy(log, local, lossy=True)
    assert report.copied == ("s",)
    assert report.warnings == {"s": ("A3S Code drops the oldest artifacts: 257 artifacts are more than 256",)}
    assert local.load_artifacts("s") == artifacts(257)
    again = copy(log, local, lossy=True)
    assert again.unchanged == ("s",)
    assert again.warnings == report.warnings


def test_what_the_seed_does_not_load_is_copied_with_a_warning(log: SessionStore, local: SessionStore) -> None:
    unknown = document("session", "s")
    unknown = {**unknown, "messages": [{"role": "assistant", "content": [{"type": "thinking", "thought": "hm"}]}]}
    log.save(objstore.SessionData.model_validate(unknown))
    report = copy(log, local)
    assert report.copied == ("s",)
    assert report.warnings == {"s": ("A3S Code does not load messages.0.content.0: thinking",)}
    assert local.load("s") == log.load("s")


def test_places_can_be_named_instead_of_opened(tmp_path: Path, directory: Path) -> None:
    fill(directory, "s")
    report = copy(directory, str(tmp_path / "log"))
    assert report.copied == ("s",)
    with objstore.open(tmp_path / "log") as store:
        assert store.load("s") == session("s")
        assert store.verify().ok


def test_stores_of_the_asynchronous_face_and_of_documents_can_be_copied(request: pytest.FixtureRequest) -> None:
    one, two, three = (make_place("memory", request) for _ in range(3))

    async def save() -> None:
        async with one.open_async("log") as store:
            await store.save(session("s"))
            await asyncio.to_thread(copy, store, two.target)

    asyncio.run(save())
    with two.open() as store:
        assert store.load("s") == session("s")
    with DocumentStore(three.target) as documents, DocumentStore(make_place("memory", request).target) as target:
        documents.save("d", {"one": {"b": 1, "a": [b"raw", 1.0]}, "two": []})
        assert copy(documents, target).copied == ("d",)
        found, original = target.load("d"), documents.load("d")
        assert found is not None
        assert original is not None
        assert found.parts == original.parts


def test_documents_do_not_fit_a_tree(log: SessionStore, local: SessionStore, request: pytest.FixtureRequest) -> None:
    with DocumentStore(make_place("memory", request).target) as documents:
        documents.save("d", {"one": 1})
        documents.save("e", {"traces": "not events"})
        report = copy(documents, local)
    assert report.copied == ()
    assert report.failed["d"].startswith("UnsupportedError: the tree layout has no part 'one'")
    assert report.failed["e"].startswith("UnsupportedError: the traces of 'e' cannot be kept")


def test_a_place_that_is_no_store_stops_the_copy(tmp_path: Path, log: SessionStore) -> None:
    (tmp_path / "notes.txt").write_bytes(b"not a store")
    with pytest.raises(FormatError):
        copy(tmp_path, log)


class Altering(MemoryBackend):
    """Stores something that reads well and is not what it was given, or forgets a file."""

    def put(self, key: str, data: bytes) -> None:
        if "lost" not in key or not key.startswith("traces"):
            super().put(key, data.replace(b"honest", b"forged"))


def test_what_is_read_back_is_compared_with_what_was_to_be_written(log: SessionStore) -> None:
    for id, word in (("kept", "plain"), ("altered", "honest"), ("lost", "plain")):
        trace = objstore.TraceEvent.tool_execution("t", success=True, exit_code=0, duration_ms=1, output_bytes=1)
        log.commit(objstore.SessionData.new(id, name=word), trace_events=[trace])
    target = objstore.open(Altering(f"altering-{uuid.uuid4().hex}"), layout="tree")
    report = copy(log, target)
    assert (report.copied, sorted(report.failed)) == (("kept",), ["altered", "lost"])
    for id, problem in report.failed.items():
        assert problem.startswith(f"IntegrityError: what was read back of {id!r} is not what was written")


def test_a_storage_that_fails_stops_the_copy(tmp_path: Path, local: SessionStore, directory: Path) -> None:
    fill(directory, "s")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BackendError):
        copy(local, tmp_path / "file" / "store")


def test_a_damaged_session_in_the_target_is_left_alone(log: SessionStore, local: SessionStore, directory: Path) -> None:
    log.save(session("s"))
    (directory / "s.json").write_bytes(b"{")
    report = copy(log, local)
    assert report.failed["s"].startswith("ConflictError: the target has something else in the place of 's': s.json")
    assert (directory / "s.json").read_bytes() == b"{"


def test_the_real_sessions_between_two_logs(
    log: SessionStore, other: Place, local: SessionStore, directory: Path
) -> None:
    for name, data in corpus_files().items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)
    copy(local, log)
    with other.open("log") as target:
        assert len(copy(log, target).copied) == 10
        assert target.verify().ok
        for id in log.list():
            assert target.load(id) == log.load(id)
