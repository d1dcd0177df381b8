"""A little agent run on a local directory: python examples/quickstart.py [DIRECTORY or URL]."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import objstore
from objstore import (
    AgentStartEvent,
    ArtifactStore,
    InMemoryRunStore,
    Message,
    SessionData,
    TextBlock,
    ToolArtifact,
    ToolUseBlock,
    TraceEvent,
    TurnStartEvent,
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
)

ID = "support-42"


def run_agent(url: str) -> None:
    """Work through three turns, saving each when it is complete."""
    store = objstore.open(url)
    session = SessionData.new(ID, name="Support", workspace="/srv")
    runs, traces, artifacts = InMemoryRunStore(), [], ArtifactStore()

    for turn, question in enumerate(["Is the build green?", "Why not?", "Please fix it."], start=1):
        run = runs.create_run(ID, question)
        runs.record_event(run.id, AgentStartEvent(prompt=question))
        runs.record_event(run.id, TurnStartEvent(turn=turn))
        output = f"$ make test  # turn {turn}\n" + "collected 1 item ... ok\n" * 20_000
        uri = f"a3s://tool-output/bash/{turn:016x}"
        artifacts.put(
            ToolArtifact(
                artifact_id=f"tool-output:bash:{turn:016x}",
                artifact_uri=uri,
                tool_name="bash",
                content=output,
                original_bytes=len(output),
                shown_bytes=80,
            )
        )
        traces.append(
            TraceEvent.tool_execution(
                "bash",
                success=True,
                exit_code=0,
                duration_ms=12,
                output_bytes=len(output),
                metadata={"artifact": {"artifact_uri": uri}},
            )
        )
        session.messages += [
            Message.user(question),
            Message(
                role="assistant",
                content=[ToolUseBlock(id=f"call-{turn}", name="bash", input={"command": "make test"})],
            ),
            Message.tool_result(f"call-{turn}", output[:80] + "\n[truncated, see the artifact]"),
            Message(role="assistant", content=[TextBlock(text=f"Turn {turn} is done.")]),
        ]
        # One atomic commit: the conversation with everything that belongs to it, or nothing.
        revision = store.commit(session, artifacts=artifacts, trace_events=traces, run_records=runs.records())
        print(f"turn {turn}: saved as commit {revision.seq}, {len(output):,} bytes of tool output among it")

    check = VerificationCheck.required("tests", "test", "the tests pass").with_status(VerificationStatus.PASSED)
    store.save_verification_reports(ID, [VerificationReport.new("make test", [check])])
    store.close()


def resume(url: str) -> None:
    """Go on with the session in another process."""
    with objstore.open(url) as store:
        session = store.load(ID)
        assert session is not None
        print(f"process {os.getpid()}: resumed with {len(session.messages)} messages at {session.revision}")
        session.messages.append(Message.user("Thank you."))
        store.save(session)


def collide(url: str) -> None:
    """Let two workers save what both loaded: the second is told, and nothing is lost."""
    with objstore.open(url) as one, objstore.open(url) as other:
        mine, theirs = one.load(ID), other.load(ID)
        assert mine is not None
        assert theirs is not None
        mine.messages.append(Message.user("from one worker"))
        one.save(mine)
        theirs.messages.append(Message.user("from the other"))
        try:
            other.save(theirs)
        except objstore.ConflictError as error:
            print(f"the second worker: ConflictError: {error}")
        other.append(ID, messages=[Message.user("from the other")])  # an append lands at the newest end
        session = one.load(ID)
        assert session is not None
        blocks = [message.content[0] for message in session.messages[-2:]]
        print("both are there:", [block.text for block in blocks if isinstance(block, TextBlock)])


def look_back(url: str) -> None:
    """Show the history, an older state, and that everything stored is intact."""
    with objstore.open(url) as store:
        for commit in store.history(ID):
            print(f"  commit {commit.seq}: {commit.kind:8} {', '.join(commit.parts):40} {commit.size:6,} bytes")
        older = store.load(ID, at=1)
        assert older is not None
        print(f"commit 1 still has its {len(older.messages)} messages")
        report = store.verify()
        outcome = "intact" if report.ok else report.findings
        print(f"verified {report.commits} commits and {report.objects} objects: {outcome}")


def main() -> None:
    """Play it all."""
    if len(sys.argv) == 3:
        return resume(sys.argv[2])
    with tempfile.TemporaryDirectory() as directory:
        url = sys.argv[1] if len(sys.argv) == 2 else str(Path(directory, "agents"))
        print(f"a store at {url}")
        run_agent(url)
        subprocess.run([sys.executable, __file__, "resume", url], check=True)
        collide(url)
        look_back(url)
    return None


if __name__ == "__main__":
    main()
