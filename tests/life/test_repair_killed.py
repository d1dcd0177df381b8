"""An agent is killed between a tool call and its result; its session is mended and goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import objstore
from objstore import Message, RunStatus, ToolResultBlock, ToolUseBlock


def test_a_session_whose_agent_was_killed_before_the_result_is_mended_and_goes_on(tmp_path: Path) -> None:
    url = str(tmp_path / "store")
    command = [sys.executable, "-m", "tests.life.agent", url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == "called\n"
        agent.send_signal(signal.SIGKILL)
    assert agent.returncode == -signal.SIGKILL

    store = objstore.open(url)
    report = store.verify()
    assert report.ok
    assert not report.healthy
    assert [(a.id, a.kind, a.part, a.severity) for a in report.ailments] == [
        ("s", "call without result", "session", "error"),
        ("s", "unfinished run", "runs", "note"),
    ]
    planned = store.repair("s")
    assert len(store.history("s")) == 2
    done = store.repair("s", dry_run=False)
    assert (done.mends, done.lost, done.seq) == (planned.mends, (), 3)
    assert [mend.done for mend in done.mends] == ["answered as interrupted", "closed as failed"]
    assert store.verify().healthy
    assert not store.repair("s", dry_run=False).needed

    session = store.load("s")
    assert session is not None
    call, answer = (message.content[0] for message in session.messages[1:])
    assert isinstance(call, ToolUseBlock)
    assert isinstance(answer, ToolResultBlock)
    assert (answer.tool_use_id, answer.is_error) == (call.id, True)
    (run,) = store.load_run_records("s") or []
    assert (run.snapshot.status, run.snapshot.error) == (RunStatus.FAILED, "interrupted")
    session.messages.append(Message.assistant("I was interrupted. Shall I try again?"))
    store.save(session)
    older = store.load("s", at=2)
    assert older is not None
    assert len(older.messages) == 2  # what it was before stays in the history
