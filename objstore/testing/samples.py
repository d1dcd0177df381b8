"""Small sessions and siblings for tests, equal whenever they are made but for the times of runs; odd ids and texts."""

from __future__ import annotations

from ..models import (
    AgentStartEvent,
    ArtifactStore,
    ContextUsage,
    ImageBlock,
    ImageSource,
    InMemoryRunStore,
    LlmConfigData,
    LlmCostRecord,
    Message,
    PlanningMode,
    RunRecord,
    SessionConfig,
    SessionData,
    SessionState,
    StorageBackend,
    Task,
    TaskStatus,
    TextBlock,
    TokenUsage,
    ToolArtifact,
    ToolResultBlock,
    ToolUseBlock,
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


def rich_session(id: str) -> SessionData:
    """Make a session in which nothing is as it is by default, with a block of each kind; equal each time it is made."""
    made = session(id, "one")
    made.config = SessionConfig(
        name="rich", workspace="/srv", system_prompt="be brief", max_context_length=7, auto_compact=True,
        auto_compact_threshold=0.5, storage_type=StorageBackend.MEMORY, max_parallel_tasks=3, parent_id="p",
        planning_mode=PlanningMode.ENABLED, goal_tracking=True,
    )  # fmt: skip
    image = ImageBlock(source=ImageSource(type="base64", media_type="image/png", data="AAAA"))
    made.messages += [
        Message(
            role="assistant",
            content=[TextBlock(text="two"), ToolUseBlock(id="c", name="t", input={"a": [1, 0.5, None, {}]})],
            reasoning_content="why",
        ),
        Message(role="user", content=[ToolResultBlock(tool_use_id="c", content="no", is_error=True), image]),
    ]
    made.state = SessionState.COMPLETED
    made.context_usage = ContextUsage(used_tokens=1, max_tokens=2, percent=0.5, turns=3)
    made.total_usage = TokenUsage(
        prompt_tokens=1, completion_tokens=2, total_tokens=3, cache_read_tokens=4, cache_write_tokens=5
    )
    made.total_cost = 0.25
    made.model_name = "m"
    made.cost_records = [
        LlmCostRecord(
            model="m", provider="p", prompt_tokens=1, completion_tokens=2, total_tokens=3, cost_usd=0.25,
            timestamp="2026-01-02T03:04:05.123456789+00:00", session_id=id,
        )
    ]  # fmt: skip
    made.tool_names = ["b", "a"]
    made.thinking_enabled = True
    made.thinking_budget = 9
    made.updated_at += 1
    made.llm_config = LlmConfigData(provider="p", model="m", base_url="https://example.org")
    made.tasks = [Task(id="t", content="do", status=TaskStatus.IN_PROGRESS, dependencies=["u"])]
    made.parent_id = "parent"
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
