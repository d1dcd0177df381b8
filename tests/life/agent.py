"""An agent that never comes to the end of its turn: python -m tests.life.agent URL [OPTIONS]."""

from __future__ import annotations

import json
import sys

import objstore
from objstore import AgentStartEvent, InMemoryRunStore, Message, SessionData, ToolStartEvent, ToolUseBlock


def main() -> None:
    """Save a tool call, say so, and wait for a tool that does not answer."""
    store = objstore.open(sys.argv[1], storage_options=json.loads(sys.argv[2]) if sys.argv[2:] else None)
    session = SessionData.new("s")
    runs = InMemoryRunStore()
    run = runs.create_run("s", "list the files")
    runs.record_event(run.id, AgentStartEvent(prompt="list the files"))
    session.messages.append(Message.user("list the files"))
    store.commit(session, run_records=runs.records())
    call = ToolUseBlock(id="call_1", name="bash", input={"command": "ls"})
    session.messages.append(Message(role="assistant", content=[call]))
    runs.record_event(run.id, ToolStartEvent(id="call_1", name="bash"))
    store.commit(session, run_records=runs.records())
    sys.stdout.write("called\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
