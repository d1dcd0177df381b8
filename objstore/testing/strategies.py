"""Strategies of hypothesis for the tests of those who build on sessions: whatever a store has to keep.

They need the package `hypothesis`, which ``pip install 'objstore[test]'`` brings.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..models import (
    AgentStartEvent,
    ArtifactStore,
    ContentBlock,
    Message,
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    SessionData,
    SessionState,
    TextBlock,
    TextDeltaEvent,
    ToolArtifact,
    ToolResultBlock,
    ToolUseBlock,
    TraceEvent,
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
)

_COUNTS = st.integers(0, 2**53)


def texts(max_size: int = 40) -> SearchStrategy[str]:
    """Draw texts that UTF-8 can hold, odd ones among them: empty, with controls, or like a reference of the store."""
    odd = st.sampled_from(["", "=", "==", '{"=": "x"}', "\x00", "\u2028", "\U0001f680", "e\u0301"])
    return st.one_of(odd, st.text(st.characters(exclude_categories=["Cs"]), max_size=max_size))


def ids() -> SearchStrategy[str]:
    """Draw ids that every log store takes, many of them hard on a disk."""
    odd = st.sampled_from(
        ["a/b", "a\\b", "..", ".", "CON", "Bob", "bob", " ", "-dash", "=2e", "x" * 300, "\u65e5\u672c"]
    )
    return st.one_of(odd, texts(60).filter(lambda drawn: bool(drawn) and "\x00" not in drawn))


def json_values() -> SearchStrategy[Any]:
    """Draw JSON values, as the arguments of a tool may be."""
    numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    return st.recursive(
        st.one_of(st.none(), st.booleans(), numbers, texts(20)),
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts(8), inner, max_size=4)),
        max_leaves=12,
    )


def messages() -> SearchStrategy[Message]:
    """Draw messages: texts, tool calls and their results."""
    blocks: SearchStrategy[ContentBlock] = st.one_of(
        st.builds(TextBlock, text=texts()),
        st.builds(ToolUseBlock, id=texts(8), name=texts(8), input=json_values()),
        st.builds(ToolResultBlock, tool_use_id=texts(8), content=texts(), is_error=st.none() | st.booleans()),
    )
    return st.builds(Message, role=st.sampled_from(["user", "assistant"]), content=st.lists(blocks, max_size=3))


@st.composite
def sessions(draw: st.DrawFn, id: str | None = None, max_messages: int = 8) -> SessionData:
    """Draw sessions, of one id where that is given."""
    session = SessionData.new(draw(ids()) if id is None else id, name=draw(texts()), workspace=draw(texts(20)))
    session.state = draw(st.sampled_from(SessionState))
    session.messages = draw(st.lists(messages(), max_size=max_messages))
    session.total_cost = draw(st.floats(0, 1e6))
    session.tool_names = draw(st.lists(texts(8), max_size=3))
    session.created_at = session.updated_at = draw(st.integers(0, 2**40))
    return session


@st.composite
def artifact_stores(draw: st.DrawFn, max_size: int = 4) -> ArtifactStore:
    """Draw artifacts, some of them big enough to become objects."""
    store = ArtifactStore()
    for n in range(draw(st.integers(0, max_size))):
        content = draw(texts()) * draw(st.sampled_from([1, 1, 500]))
        size = len(content.encode())
        store.put(
            ToolArtifact(
                artifact_id=f"tool-output:test:{n}",
                artifact_uri=f"a3s://tool-output/test/{n}",
                tool_name="test",
                content=content,
                original_bytes=size,
                shown_bytes=min(size, 80),
            )
        )
    return store


def trace_events() -> SearchStrategy[TraceEvent]:
    """Draw trace events."""
    return st.builds(
        TraceEvent.tool_execution,
        texts(12),
        success=st.booleans(),
        exit_code=st.integers(-128, 255),
        duration_ms=_COUNTS,
        output_bytes=_COUNTS,
    )


@st.composite
def run_records(draw: st.DrawFn, session_id: str = "s") -> RunRecord:
    """Draw runs with their events."""
    events: SearchStrategy[Any] = st.one_of(
        st.builds(AgentStartEvent, prompt=texts()), st.builds(TextDeltaEvent, text=texts())
    )
    began = draw(st.integers(0, 2**40))
    recorded = [
        RunEventRecord(sequence=n, timestamp_ms=began + n, event=event)
        for n, event in enumerate(draw(st.lists(events, max_size=5)))
    ]
    snapshot = RunSnapshot(
        id=f"run-{draw(st.uuids())}",
        session_id=session_id,
        status=draw(st.sampled_from(RunStatus)),
        prompt=draw(texts()),
        created_at_ms=began,
        updated_at_ms=began + len(recorded),
        event_count=len(recorded),
    )
    return RunRecord(snapshot=snapshot, events=recorded)


def verification_reports() -> SearchStrategy[VerificationReport]:
    """Draw verification reports."""
    checks = st.builds(
        lambda name, status: VerificationCheck.required(name, "test", name).with_status(status),
        texts(12),
        st.sampled_from(VerificationStatus),
    )
    return st.builds(VerificationReport.new, texts(12), st.lists(checks, max_size=3))


@st.composite
def bundles(draw: st.DrawFn, id: str | None = None) -> dict[str, Any]:
    """Draw what `SessionStore.commit` takes: ``store.commit(**bundle)`` saves it."""
    session = draw(sessions(id))
    return {
        "session_or_id": session,
        "artifacts": draw(st.none() | artifact_stores()),
        "trace_events": draw(st.none() | st.lists(trace_events(), max_size=4)),
        "run_records": draw(
            st.none() | st.lists(run_records(session.id), max_size=3, unique_by=lambda r: r.snapshot.id)
        ),
        "verification_reports": draw(st.none() | st.lists(verification_reports(), max_size=2)),
    }
