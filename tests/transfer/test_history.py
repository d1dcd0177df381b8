"""A copy between two log stores is the same session: every commit, under the same number, with the same digest."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

import objstore
from objstore import AsyncDocumentStore, DocumentStore, NotFoundError, SessionStore, TraceEvent
from objstore.backends import MemoryBackend
from objstore.testing.faults import FaultyBackend
from objstore.transfer import CopyEvent, copy
from tests.places import make_place

from .lives import live, prune, reopened, whole

TRACE = TraceEvent.tool_execution("t", success=True, exit_code=0, duration_ms=1, output_bytes=1)


@pytest.mark.parametrize(("here", "there"), [("local", "s3"), ("s3", "memory"), ("memory", "local")])
def test_a_copy_has_the_same_history_wherever_it_lies(here: str, there: str, request: pytest.FixtureRequest) -> None:
    with make_place(here, request).open() as source:
        live(source, 40, every=5)
        live(source, 2, "x" * 300)
        source.append("siblings only", trace_events=[TRACE])
        source.put_artifact("s", b"\0binary" * 300_000, tool_name="camera", uri="a3s://recording")
        source.put_artifact("s", "a long text " * 200_000, tool_name="bash", uri="a3s://log")
        place = make_place(there, request)
        events: list[CopyEvent] = []
        with place.open() as target:
            report = copy(source, target, progress=events.append)
            assert report.ok
            assert report.history
            assert report.copied == ("s", "siblings only", "x" * 300)
            assert report.commits == 42 + 1 + 2
            assert (report.commits, report.objects, report.size) == (
                sum(e.commits for e in events), sum(e.objects for e in events), sum(e.size for e in events)
            )  # fmt: skip
            assert [(e.id, e.done, e.total, e.commits) for e in events] == [
                ("s", 1, 3, 42), ("siblings only", 2, 3, 1), ("x" * 300, 3, 3, 2)
            ]  # fmt: skip
        with place.open() as target:
            for id in report.copied:
                assert whole(target, id) == whole(source, id)
            assert target.list() == source.list() == ["s", "x" * 300]
            assert target.verify().ok
            with target.open_artifact("s", "a3s://recording") as stream:
                assert stream.read() == b"\0binary" * 300_000
            assert copy(source, target).unchanged == report.copied
            live(target, 40)
            assert target.verify().ok


def test_what_was_committed_since_is_brought_by_the_next_copy(source: SessionStore, target: SessionStore) -> None:
    live(source, 10)
    copy(source, target)
    live(source, 30)
    report = copy(source, target)
    assert (report.copied, report.commits, report.objects) == (("s",), 30, 30)
    assert whole(target) == whole(source)
    assert copy(source, target).commits == 0


def test_who_is_named_twice_is_copied_once(source: SessionStore, target: SessionStore) -> None:
    live(source, 2)
    told: list[CopyEvent] = []
    assert copy(source, target, ids=["s", "s"], progress=told.append).copied == ("s",)
    assert [(event.id, event.done, event.total) for event in told] == [("s", 1, 1)]


def test_a_target_that_has_gone_on_is_unchanged(source: SessionStore, target: SessionStore) -> None:
    live(source, 10)
    copy(source, target)
    live(target, 3)
    before = whole(target)
    report = copy(source, target)
    assert (report.unchanged, report.failed) == (("s",), {})
    assert whole(target) == before
    live(source, 1)
    assert "the target has another session 's' already (commit 11 there" in copy(source, target).failed["s"]
    assert whole(target) == before


def test_a_target_that_has_gone_on_and_was_pruned_says_so(
    source: SessionStore, target: SessionStore, goal: MemoryBackend
) -> None:
    live(source, 10)
    copy(source, target)
    live(target, 40)
    assert prune(target, goal, 2) > 10
    assert "was pruned up to commit" in copy(source, target).failed["s"]


def test_another_session_of_the_same_name_is_left_alone(
    source: SessionStore, target: SessionStore, goal: MemoryBackend
) -> None:
    for turns, others in ((3, 2), (3, 3), (3, 5)):
        live(source, turns, f"s{others}")
        live(target, others, f"s{others}")
    before = FaultyBackend(goal)
    report = copy(source, reopened(before))
    assert list(report.failed) == ["s2", "s3", "s5"]
    assert all(why.startswith("ConflictError: the target has another session") for why in report.failed.values())
    assert not [r for r in before.requests if r.operation in ("create", "put", "upload", "delete", "copy")]


def test_a_deleted_session_is_not_copied_and_not_brought_back(source: SessionStore, target: SessionStore) -> None:
    live(source, 3)
    live(source, 3, "gone")
    copy(source, target, ids=["s"])
    source.delete("gone")
    target.delete("s")
    report = copy(source, target)
    assert "'s' was deleted in the target" in report.failed["s"]
    assert report.copied == ()
    assert target.list() == []
    assert copy(source, target, ids=["gone"]).failed["gone"].startswith("NotFoundError")
    assert copy(source, target, history=False).copied == ("s",)
    assert target.load("s") == source.load("s")


def test_a_session_that_was_deleted_and_made_anew_comes_with_its_tombstone(
    source: SessionStore, target: SessionStore
) -> None:
    live(source, 3)
    copy(source, target)
    source.delete("s")
    live(source, 3)
    assert copy(source, target).copied == ("s",)
    assert whole(target) == whole(source)
    assert [commit.kind for commit in target.history("s")][-1] == "delete"
    target.collect()
    assert whole(target) == whole(source)
    assert target.list() == ["s"]


def test_a_fork_and_a_repaired_session_are_copied_as_they_are(
    source: SessionStore, target: SessionStore, origin: MemoryBackend
) -> None:
    live(source, 5)
    source.fork("s", "branch", at=3)
    origin.put("sessions/s/log/000000/0000000005", b"damaged")
    assert not copy(source, target, ids=["s"]).ok
    reopened(origin).repair("s", dry_run=False)
    assert copy(reopened(origin), target).copied == ("branch", "s")
    for id in ("branch", "s"):
        assert whole(target, id) == whole(reopened(origin), id)
    assert target.verify().ok


@pytest.mark.parametrize("keep", [1, 3, 40])
def test_a_pruned_session_is_copied_from_its_floor_on(
    source: SessionStore, target: SessionStore, origin: MemoryBackend, goal: MemoryBackend, keep: int
) -> None:
    live(source, 80)
    floor = prune(source, origin, keep)
    live(source, 2)
    assert copy(source, target).copied == ("s",)
    assert whole(target) == whole(source)
    assert min(commit.seq for commit in target.history("s")) == floor > 1
    with pytest.raises(NotFoundError):
        target.load("s", at=floor - 1)
    assert target.verify().ok
    live(target, 3)
    target.prune("s", keep_last=1)
    target.collect()
    assert target.verify().ok
    assert target.load("s") is not None


def test_a_prune_of_the_source_is_copied_and_can_be_collected(
    source: SessionStore, target: SessionStore, origin: MemoryBackend, goal: MemoryBackend
) -> None:
    live(source, 50)
    copy(source, target)
    source.prune("s", keep_last=5)
    assert copy(source, target).commits == 1
    assert whole(target) == whole(source)
    target.collect()
    left = {entry.name for entry in origin.list("sessions/s/objects/0/")}
    assert {entry.name for entry in goal.list("sessions/s/objects/0/")} == left
    assert len(left) < 50
    assert target.verify().ok


def test_a_source_that_was_pruned_beyond_the_copy_is_not_guessed_to_be_the_same(
    source: SessionStore, target: SessionStore, origin: MemoryBackend
) -> None:
    live(source, 10)
    copy(source, target)
    before = whole(target)
    live(source, 60)
    prune(source, origin, 2)
    assert "up to commit 10 and the source from commit 65 on" in copy(source, target).failed["s"]
    assert whole(target) == before


@pytest.mark.parametrize("interval", [2, 7, 1_000])
def test_another_interval_of_snapshots_only_costs_requests(
    source: SessionStore, goal: MemoryBackend, interval: int
) -> None:
    live(source, 70, every=7)
    marker = f'{{"format":1,"layout":"log","K":{interval},"created":"2026-11-22T12:32:19.912067Z","requires":[]}}'
    goal.create("objstore.json", marker.encode())
    assert copy(source, reopened(goal)).commits == 70
    target = reopened(goal)
    assert whole(target) == whole(source)
    assert target.verify().ok
    live(target, 5)
    assert len(whole(reopened(goal))) == 75


@pytest.mark.parametrize("awaited", [False, True])
def test_documents_come_with_their_history(origin: MemoryBackend, goal: MemoryBackend, awaited: bool) -> None:
    with DocumentStore(origin) as source, DocumentStore(goal) as target:
        for n in range(3):
            source.save("d", {"one": {"n": n}, "two": [b"raw", 1.0]})
        face = AsyncDocumentStore.of if awaited else lambda store: store
        assert copy(face(source), face(target)).commits == 3
        assert target.history("d") == source.history("d")
        first = target.load("d", at=1)
        assert first is not None
        assert first.parts == {"one": {"n": 0}, "two": [b"raw", 1.0]}


@pytest.mark.parametrize("opened", [DocumentStore, SessionStore], ids=lambda face: face.__name__)
def test_the_bytes_of_documents_come_without_their_history_too(
    opened: type[DocumentStore | SessionStore], origin: MemoryBackend, goal: MemoryBackend
) -> None:
    parts = {"text": b"could be a text", "raw": b"\0\xff" * 1_000, "list": [{"b": b"\xff"}, "x" * 300_000], "one": 1.0}
    with DocumentStore(origin) as source, DocumentStore(goal) as target:
        source.save("d", parts)
        other = target if opened is DocumentStore else objstore.open(goal)
        assert copy(source, other, history=False).copied == ("d",)
        assert copy(source, other, history=False).unchanged == ("d",)
        assert copy(target, source, history=False).unchanged == ("d",)
    with DocumentStore(goal) as target:
        document = target.load("d")
        assert document is not None
        assert {name: document.parts[name] for name in document.names} == parts
        assert target.verify().ok


def test_a_big_artifact_needs_little_memory(tmp_path: Path) -> None:
    size = 48 * 2**20
    file = tmp_path / "recording"
    with file.open("wb") as out:
        for n in range(48):
            out.write(bytes([n]) * 2**20)
    with objstore.open(tmp_path / "a") as source, objstore.open(tmp_path / "b") as target:
        source.put_artifact("s", file, tool_name="camera", uri="a3s://r")
        tracemalloc.start()
        try:
            report = copy(source, target)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert report.size > size
        assert peak < size / 2
        assert target.verify().ok
