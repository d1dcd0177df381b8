"""Runs: what became of a prompt, and every event on the way."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from ._base import U64, ByType, ListOf, Model, Named, OrAbsent, WireEnum
from .events import (
    AgentEndEvent,
    AgentModeChangedEvent,
    AgentStartEvent,
    CommandDeadLetteredEvent,
    CommandRetryEvent,
    ConfirmationReceivedEvent,
    ConfirmationRequiredEvent,
    ConfirmationTimeoutEvent,
    ContextResolvedEvent,
    ContextResolvingEvent,
    ErrorEvent,
    ExternalTaskCompletedEvent,
    ExternalTaskPendingEvent,
    MemoriesSearchedEvent,
    MemoryClearedEvent,
    MemoryRecalledEvent,
    MemoryStoredEvent,
    PermissionDeniedEvent,
    QueueAlertEvent,
    ReasoningDeltaEvent,
    SubagentEndEvent,
    SubagentProgressEvent,
    SubagentStartEvent,
    TaskUpdatedEvent,
    TextDeltaEvent,
    ToolEndEvent,
    ToolInputDeltaEvent,
    ToolOutputDeltaEvent,
    ToolStartEvent,
    TurnEndEvent,
    TurnStartEvent,
)
from .planning_events import (
    BtwAnswerEvent,
    ContextCompactedEvent,
    GoalAchievedEvent,
    GoalExtractedEvent,
    GoalProgressEvent,
    PersistenceFailedEvent,
    PlanningEndEvent,
    PlanningStartEvent,
    StepEndEvent,
    StepStartEvent,
    UnknownEvent,
)

AgentEvent: TypeAlias = (
    AgentStartEvent
    | AgentModeChangedEvent
    | TurnStartEvent
    | TextDeltaEvent
    | ReasoningDeltaEvent
    | ToolStartEvent
    | ToolInputDeltaEvent
    | ToolEndEvent
    | ToolOutputDeltaEvent
    | TurnEndEvent
    | AgentEndEvent
    | ErrorEvent
    | ConfirmationRequiredEvent
    | ConfirmationReceivedEvent
    | ConfirmationTimeoutEvent
    | ExternalTaskPendingEvent
    | ExternalTaskCompletedEvent
    | PermissionDeniedEvent
    | ContextResolvingEvent
    | ContextResolvedEvent
    | CommandDeadLetteredEvent
    | CommandRetryEvent
    | QueueAlertEvent
    | TaskUpdatedEvent
    | MemoryStoredEvent
    | MemoryRecalledEvent
    | MemoriesSearchedEvent
    | MemoryClearedEvent
    | SubagentStartEvent
    | SubagentProgressEvent
    | SubagentEndEvent
    | PlanningStartEvent
    | PlanningEndEvent
    | StepStartEvent
    | StepEndEvent
    | GoalExtractedEvent
    | GoalProgressEvent
    | GoalAchievedEvent
    | ContextCompactedEvent
    | PersistenceFailedEvent
    | BtwAnswerEvent
    | UnknownEvent
)
"""What an agent emits while it runs, told apart by `type`."""


class RunStatus(WireEnum):
    """How far a run is."""

    CREATED = "created"
    PLANNING = "planning"
    EXECUTING = "executing"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


_ENDED = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)


class RunEventRecord(Model):
    """An event with its place in the run.

    Attributes:
        sequence: 0 for the first event of the run.
        timestamp_ms: Epoch milliseconds.
        event: The event.
    """

    sequence: U64
    timestamp_ms: U64
    event: Annotated[AgentEvent, ByType()]


class RunSnapshot(Model):
    """A run without its events.

    Attributes:
        id: ``run-`` and a uuid.
        session_id: The session that it belongs to.
        status: How far it is.
        prompt: What was asked.
        created_at_ms: Epoch milliseconds.
        updated_at_ms: Epoch milliseconds of the last event.
        result_text: What the agent answered, once it did.
        error: Why it failed, if it did.
        event_count: How many events it has had.
    """

    id: str
    session_id: str
    status: Named[RunStatus]
    prompt: str
    created_at_ms: U64
    updated_at_ms: U64
    result_text: OrAbsent[str] = None
    error: OrAbsent[str] = None
    event_count: U64


class RunRecord(Model):
    """A run with its events."""

    snapshot: RunSnapshot
    events: ListOf[RunEventRecord]


class InMemoryRunStore:
    """The runs of a session while it goes on; `records` is what a store saves.

    All that it returns are copies.
    """

    __slots__ = ("_records",)

    def __init__(self) -> None:
        self._records: dict[str, RunRecord] = {}

    def create_run(self, session_id: str, prompt: str) -> RunSnapshot:
        """Begin a run and return its snapshot."""
        now = _now_ms()
        snapshot = RunSnapshot(
            id=f"run-{uuid.uuid4()}",
            session_id=session_id,
            status=RunStatus.CREATED,
            prompt=prompt,
            created_at_ms=now,
            updated_at_ms=now,
            event_count=0,
        )
        self._records[snapshot.id] = RunRecord(snapshot=snapshot, events=[])
        return snapshot.model_copy(deep=True)

    def record_event(self, run_id: str, event: AgentEvent) -> RunSnapshot | None:
        """Add an event to a run, and let it change the run's status as the seed does.

        The status of a run that has ended stays; times never run backwards.

        Returns:
            The run's snapshot after the event, or ``None`` when there is no such run.
        """
        record = self._records.get(run_id)
        if record is None:
            return None
        run = record.snapshot
        now = max(_now_ms(), run.updated_at_ms)
        entry = RunEventRecord(sequence=run.event_count, timestamp_ms=now, event=event)
        record.events.append(entry.model_copy(deep=True))
        for field, value in changed_by(vars(event), run.status, run.prompt).items():
            setattr(run, field, value)
        run.event_count += 1
        run.updated_at_ms = now
        return run.model_copy(deep=True)

    def records(self) -> list[RunRecord]:
        """Return all runs with their events, in the order in which they were created."""
        return [record.model_copy(deep=True) for record in self._records.values()]


def changed_by(event: Mapping[str, Any], status: object, prompt: object) -> dict[str, Any]:
    """Say what an event changes in the snapshot of its run, as the seed does it: fields and their new values.

    Args:
        event: The fields of the event.
        status: That of the run before. One that has ended stays.
        prompt: That of the run. One that has none takes that of its start.
    """
    if status in _ENDED:
        return {}
    match event:
        case {"type": "agent_start", "prompt": asked}:
            return {"status": RunStatus.EXECUTING.value, **({} if prompt else {"prompt": asked})}
        case {"type": "planning_start"}:
            return {"status": RunStatus.PLANNING.value}
        case {"type": "step_start" | "tool_start" | "turn_start"} if status != RunStatus.PLANNING:
            return {"status": RunStatus.EXECUTING.value}
        case {"type": "agent_end", "text": answer}:
            return {"status": RunStatus.COMPLETED.value, "result_text": answer}
        case {"type": "error", "message": why}:
            return {"status": RunStatus.FAILED.value, "error": why}
    return {}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
