"""The values that the seed's tests are about."""

from __future__ import annotations

from typing import TypeVar

from objstore import (
    AgentStartEvent,
    ArtifactStore,
    ContextUsage,
    InMemoryRunStore,
    Message,
    PlanningMode,
    RunRecord,
    SessionConfig,
    SessionData,
    SessionState,
    StorageBackend,
    TokenUsage,
    ToolArtifact,
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
)

T = TypeVar("T")

URI = "a3s://tool-output/test/a"


def found(value: T | None) -> T:
    assert value is not None
    return value


def session_data(id: str = "test-session-1") -> SessionData:
    return SessionData(
        id=id,
        config=SessionConfig(
            name="Test Session",
            workspace="/tmp/workspace",
            system_prompt="You are helpful.",
            max_context_length=200000,
            auto_compact=False,
            auto_compact_threshold=0.8,
            storage_type=StorageBackend.FILE,
            planning_mode=PlanningMode.AUTO,
            goal_tracking=False,
        ),
        state=SessionState.ACTIVE,
        messages=[Message.user("Hello"), Message.assistant("Hi there!")],
        context_usage=ContextUsage(used_tokens=100, max_tokens=200000, percent=0.0005, turns=2),
        total_usage=TokenUsage(prompt_tokens=50, completion_tokens=50, total_tokens=100),
        tool_names=["bash", "read"],
        thinking_enabled=False,
        thinking_budget=None,
        created_at=1700000000,
        updated_at=1700000100,
    )


def artifacts() -> ArtifactStore:
    store = ArtifactStore()
    store.put(
        ToolArtifact(
            artifact_id="tool-output:test:a",
            artifact_uri=URI,
            tool_name="test",
            content="artifact content",
            original_bytes=16,
            shown_bytes=4,
        )
    )
    return store


def run_records() -> list[RunRecord]:
    runs = InMemoryRunStore()
    run = runs.create_run("session/a", "persist run")
    runs.record_event(run.id, AgentStartEvent(prompt="persist run"))
    return runs.records()


def verification_report() -> VerificationReport:
    check = VerificationCheck.required("check:test", "test", "Run tests").with_status(VerificationStatus.PASSED)
    return VerificationReport.new("program:test", [check])
