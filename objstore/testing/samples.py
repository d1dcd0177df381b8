"""Small sessions and siblings for tests, equal whenever they are made but for the times of runs; odd ids and texts."""

from __future__ import annotations

from ..models import (
    AgentStartEvent,
    ArtifactStore,
    InMemoryRunStore,
    Message,
    RunRecord,
    SessionData,
    TextBlock,
    ToolArtifact,
    TraceEvent,
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
)
from ..store import SessionStore

ODD_IDS = (
    "a/b",
    "A/B",
    "..",
    "../../etc/passwd",
    "x.json",
    " ",
    "CON",
    "%2f+&#?",
    "caf\u00e9",
    "cafe\u0301",
    "\u65e5\u672c\u8a9e",
    "\U0001f680",
    "index",
    "objects",
    "x" * 218,
)
"""Ids that every layout keeps, all at once in one place."""

ODD_IDS_OF_A_LOG = (*ODD_IDS, "a\\b", "a_b", "A_B", ".", "con", "tab\tnew\nline", "x" * 1024, "\u00e9" * 512)
"""Ids that the log layout keeps apart; in a tree some of them are refused, and some share a file."""

ODD_TEXTS = (
    "",
    "\x01\x1f\x7f",
    "\u2028\u2029",
    "\U0001f680\u65e5\u0301",
    '{"=": "x"}',
    "=list",
    "\r\n\t\\\"'",
    "\ufeff",
)


def session(id: str, *words: str) -> SessionData:
    """Make a session whose messages say these words; equal each time it is made."""
    made = SessionData.new(id, name="a name", workspace="/srv")
    made.messages = [Message.user(text) for text in words]
    made.created_at = made.updated_at = 1_700_000_000
    return made


def artifact(name: str, content: str) -> ToolArtifact:
    """Make an artifact."""
    uri = f"a3s://tool-output/bash/{name}"
    size = len(content.encode())
    return ToolArtifact(
        artifact_id=name, artifact_uri=uri, tool_name="bash", content=content, original_bytes=size, shown_bytes=1
    )


def artifacts(*names: str) -> ArtifactStore:
    """Make artifacts, each of them big enough for an object of its own."""
    made = ArtifactStore()
    for name in names:
        made.put(artifact(name, f"{name} " * 4_000))
    return made


def trace(name: str) -> TraceEvent:
    """Make a trace event."""
    return TraceEvent.tool_execution(name, success=True, exit_code=0, duration_ms=1, output_bytes=1)


def run_records(session_id: str) -> list[RunRecord]:
    """Make one run with one event."""
    made = InMemoryRunStore()
    run = made.create_run(session_id, "a prompt")
    made.record_event(run.id, AgentStartEvent(prompt="a prompt"))
    return made.records()


def timeless(record: RunRecord) -> RunRecord:
    """Give a copy of a run without its times."""
    made = record.model_copy(deep=True)
    made.snapshot.created_at_ms = made.snapshot.updated_at_ms = 0
    for entry in made.events:
        entry.timestamp_ms = 0
    return made


def report(subject: str) -> VerificationReport:
    """Make a verification report."""
    check = VerificationCheck.required("id", "kind", "description").with_status(VerificationStatus.PASSED)
    return VerificationReport.new(subject, [check])


def loaded(store: SessionStore, id: str) -> SessionData:
    """Load a session that must be there."""
    found = store.load(id)
    assert found is not None
    return found


def texts(found: SessionData) -> list[str]:
    """Give the texts of the messages of a session."""
    return [block.text for message in found.messages for block in message.content if isinstance(block, TextBlock)]
