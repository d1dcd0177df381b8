"""What is damaged does not arrive, whichever side hurt it, and is named."""

from __future__ import annotations

import pytest

import objstore
from objstore import SessionData, SessionStore
from objstore.backends import MemoryBackend
from objstore.testing.faults import Fault, FaultyBackend, Request, Tear
from objstore.transfer import copy

from .lives import live, reopened


def test_a_damaged_session_does_not_stop_the_others(
    source: SessionStore, target: SessionStore, origin: MemoryBackend
) -> None:
    for id in ("a", "b", "c", "d"):
        live(source, 3, id)
    origin.put("sessions/a/log/000000/0000000002", b"damaged")
    (name, *_) = sorted(entry.name for entry in origin.list("sessions/b/objects/0/"))
    origin.put(f"sessions/b/objects/0/{name}", b"damaged")
    (name, *_) = sorted(entry.name for entry in origin.list("sessions/c/objects/0/"))
    origin.delete([f"sessions/c/objects/0/{name}"])
    report = copy(source, target)
    assert report.copied == ("d",)
    assert report.failed["a"].startswith("IntegrityError: commit sessions/a/log/000000/0000000002 is damaged")
    assert "is damaged" in report.failed["b"]
    assert "is missing" in report.failed["c"]
    assert target.list() == ["d"]
    assert target.verify().ok


@pytest.mark.parametrize("what", ["/objects/", "/log/000000/0000000003"])
def test_what_the_target_stored_wrongly_is_found_before_anybody_counts_on_it(
    source: SessionStore, goal: MemoryBackend, what: str
) -> None:
    live(source, 3)

    def choose(request: Request) -> Fault | None:
        return Tear(20) if request.operation == "create" and what in request.keys[0] else None

    report = copy(source, reopened(FaultyBackend(goal, choose)))
    assert report.copied == ()
    assert "IntegrityError: what was written to the target is not what is there" in report.failed["s"]
    assert reopened(goal).list() == []
    if what == "/objects/":
        assert reopened(goal).load("s") is None


@pytest.mark.parametrize("history", [True, False])
def test_a_big_artifact_that_was_stored_wrongly_is_found_too(
    source: SessionStore, goal: MemoryBackend, history: bool
) -> None:
    source.save(SessionData.new("s"))
    source.put_artifact("s", bytes(range(256)) * 8000, tool_name="t")

    def choose(request: Request) -> Fault | None:
        return Tear(20) if request.operation == "upload" else None

    report = copy(source, reopened(FaultyBackend(goal, choose)), history=history)
    assert report.failed["s"].startswith("IntegrityError")
    assert ("what was written to the target is not what is there" in report.failed["s"]) is history


def test_a_big_artifact_that_is_damaged_in_the_source_is_not_sent(
    source: SessionStore, origin: MemoryBackend, goal: MemoryBackend
) -> None:
    source.save(SessionData.new("s"))
    source.put_artifact("s", bytes(range(256)) * 8000, tool_name="t")
    (found,) = origin.list("sessions/s/objects/0/")
    key = f"sessions/s/objects/0/{found.name}"
    origin.put(key, (origin.get(key) or b"")[:-1] + b"x")
    watched = FaultyBackend(goal)
    assert f"{key} is damaged" in copy(source, reopened(watched)).failed["s"]
    assert "upload" not in {request.operation for request in watched.requests}


def test_what_a_tree_holds_other_than_it_was_written_is_no_copy(source: SessionStore) -> None:
    class Changed(MemoryBackend):
        """Somebody else writes into it as soon as it is written to."""

        def put(self, key: str, data: bytes) -> None:
            super().put(key, data.replace(b"turn 1", b"turn 7"))

    live(source, 1)
    with objstore.open(Changed.isolated(), layout="tree") as tree:
        assert "what was read back of 's' is not what was written" in copy(source, tree).failed["s"]


def test_an_object_that_lies_there_already_is_checked(
    source: SessionStore, origin: MemoryBackend, goal: MemoryBackend
) -> None:
    live(source, 3)
    (name, *_) = sorted(entry.name for entry in origin.list("sessions/s/objects/0/"))
    goal.create("objstore.json", origin.get("objstore.json") or b"")
    goal.create(f"sessions/s/objects/0/{name}", b"another")
    assert "is damaged" in copy(source, reopened(goal)).failed["s"]
    assert reopened(goal).load("s") is None
