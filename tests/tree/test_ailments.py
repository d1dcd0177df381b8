"""What hurts an agent is found in a tree as in a log, and mended by way of a log."""

from __future__ import annotations

from pathlib import Path

import pytest

import objstore
from objstore import InMemoryRunStore, Message, SessionData, SessionStore, ToolUseBlock, UnsupportedError


def ailing(id: str) -> SessionData:
    session = SessionData.new(id)
    session.messages.append(Message.user("run it"))
    session.messages.append(Message(role="assistant", content=[ToolUseBlock(id="t1", name="bash", input={})]))
    return session


def test_they_are_named_as_in_a_log(tree: SessionStore) -> None:
    runs = InMemoryRunStore()
    runs.create_run("s", "run it")
    with objstore.open(objstore.backends.MemoryBackend.isolated()) as log:
        for store in (log, tree):
            store.commit(ailing("s"), run_records=list(runs.records()))
            store.save(SessionData.new("fit"))
        report = tree.verify()
        assert report.ailments == log.verify().ailments
        assert {ailment.id for ailment in report.ailments} == {"s"}
        assert {ailment.kind for ailment in report.ailments} == {"call without result", "unfinished run"}
        assert (report.ok, report.healthy) == (True, False)
        assert tree.verify(["fit"]).healthy


def test_where_a_file_is_damaged_that_comes_first(local: SessionStore, directory: Path) -> None:
    local.commit(ailing("s"), trace_events=[])
    (directory / "traces/s.json").write_text("{")
    report = local.verify()
    assert [finding.key for finding in report.findings] == ["traces/s.json"]
    assert report.ailments == ()


def test_they_are_mended_by_way_of_a_log(local: SessionStore, directory: Path) -> None:
    local.save(ailing("s"))
    with pytest.raises(UnsupportedError, match="copy it into a log store"):
        local.repair("s")
    with objstore.open(directory.parent / "log") as log:
        objstore.copy(local, log)
        log.repair("s", dry_run=False)
        local.delete("s")
        report = objstore.copy(log, local)
        assert report.failed == {}
    assert local.verify().healthy
    session = local.load("s")
    assert session is not None
    assert len(session.messages) == 3
