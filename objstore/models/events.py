"""The events of an agent at work, one class per type; those of planning and upkeep are in `planning_events`."""

from __future__ import annotations

from typing import Literal

from ._base import F32, I32, JSON, U32, U64, ListOf, Model, Named, OrAbsent
from .queue import SessionLane
from .tasks import Task
from .usage import LlmResponseMeta, TokenUsage
from .verification import VerificationSummary


class AgentStartEvent(Model):
    """The agent has begun to work on a prompt."""

    type: Literal["agent_start"] = "agent_start"
    prompt: str


class AgentModeChangedEvent(Model):
    """The agent works in another mode, under the name of another agent."""

    type: Literal["agent_mode_changed"] = "agent_mode_changed"
    mode: str
    agent: str
    description: str


class TurnStartEvent(Model):
    """A call of the model begins."""

    type: Literal["turn_start"] = "turn_start"
    turn: U64


class TextDeltaEvent(Model):
    """The model has said some more."""

    type: Literal["text_delta"] = "text_delta"
    text: str


class ReasoningDeltaEvent(Model):
    """The model has thought some more."""

    type: Literal["reasoning_delta"] = "reasoning_delta"
    text: str


class ToolStartEvent(Model):
    """A tool begins."""

    type: Literal["tool_start"] = "tool_start"
    id: str
    name: str


class ToolInputDeltaEvent(Model):
    """Some more of a tool's arguments, as unfinished JSON."""

    type: Literal["tool_input_delta"] = "tool_input_delta"
    delta: str


class ToolEndEvent(Model):
    """A tool has ended.

    Attributes:
        type: ``tool_end``.
        id: The call.
        name: The tool.
        output: What it put out, as far as the model was shown it.
        exit_code: What it ended with.
        metadata: What it said about itself: any JSON value, copied.
        error_kind: Why it failed; written since version 3.0.0.
    """

    type: Literal["tool_end"] = "tool_end"
    id: str
    name: str
    output: str
    exit_code: I32
    metadata: OrAbsent[JSON] = None
    error_kind: OrAbsent[JSON] = None


class ToolOutputDeltaEvent(Model):
    """A tool has put out some more."""

    type: Literal["tool_output_delta"] = "tool_output_delta"
    id: str
    name: str
    delta: str


class TurnEndEvent(Model):
    """A call of the model has ended."""

    type: Literal["turn_end"] = "turn_end"
    turn: U64
    usage: TokenUsage


class AgentEndEvent(Model):
    """The agent is done with a prompt."""

    type: Literal["agent_end"] = "agent_end"
    text: str
    usage: TokenUsage
    verification_summary: VerificationSummary
    meta: OrAbsent[LlmResponseMeta] = None


class ErrorEvent(Model):
    """The agent has given up."""

    type: Literal["error"] = "error"
    message: str


class ConfirmationRequiredEvent(Model):
    """A person is asked whether a tool may run."""

    type: Literal["confirmation_required"] = "confirmation_required"
    tool_id: str
    tool_name: str
    args: JSON
    timeout_ms: U64


class ConfirmationReceivedEvent(Model):
    """The person has answered."""

    type: Literal["confirmation_received"] = "confirmation_received"
    tool_id: str
    approved: bool
    reason: str | None = None


class ConfirmationTimeoutEvent(Model):
    """Nobody has answered; `action_taken` is ``rejected`` or ``auto_approved``."""

    type: Literal["confirmation_timeout"] = "confirmation_timeout"
    tool_id: str
    action_taken: str


class ExternalTaskPendingEvent(Model):
    """Somebody outside is asked to carry out a task."""

    type: Literal["external_task_pending"] = "external_task_pending"
    task_id: str
    session_id: str
    lane: Named[SessionLane]
    command_type: str
    payload: JSON
    timeout_ms: U64


class ExternalTaskCompletedEvent(Model):
    """Somebody outside has carried out a task."""

    type: Literal["external_task_completed"] = "external_task_completed"
    task_id: str
    session_id: str
    success: bool


class PermissionDeniedEvent(Model):
    """A policy does not let a tool run."""

    type: Literal["permission_denied"] = "permission_denied"
    tool_id: str
    tool_name: str
    args: JSON
    reason: str


class ContextResolvingEvent(Model):
    """Context is asked for."""

    type: Literal["context_resolving"] = "context_resolving"
    providers: list[str]


class ContextResolvedEvent(Model):
    """Context has been found."""

    type: Literal["context_resolved"] = "context_resolved"
    total_items: U64
    total_tokens: U64


class CommandDeadLetteredEvent(Model):
    """A command has failed for good."""

    type: Literal["command_dead_lettered"] = "command_dead_lettered"
    command_id: str
    command_type: str
    lane: str
    error: str
    attempts: U32


class CommandRetryEvent(Model):
    """A command is tried again."""

    type: Literal["command_retry"] = "command_retry"
    command_id: str
    command_type: str
    lane: str
    attempt: U32
    delay_ms: U64


class QueueAlertEvent(Model):
    """The queue warns."""

    type: Literal["queue_alert"] = "queue_alert"
    level: str
    alert_type: str
    message: str


class TaskUpdatedEvent(Model):
    """The list of tasks is another one."""

    type: Literal["task_updated"] = "task_updated"
    session_id: str
    tasks: ListOf[Task]


class MemoryStoredEvent(Model):
    """Something was remembered."""

    type: Literal["memory_stored"] = "memory_stored"
    memory_id: str
    memory_type: str
    importance: F32
    tags: list[str]


class MemoryRecalledEvent(Model):
    """Something was recalled."""

    type: Literal["memory_recalled"] = "memory_recalled"
    memory_id: str
    content: str
    relevance: F32


class MemoriesSearchedEvent(Model):
    """The memory was searched."""

    type: Literal["memories_searched"] = "memories_searched"
    query: str | None = None
    tags: list[str]
    result_count: U64


class MemoryClearedEvent(Model):
    """A tier of the memory was emptied."""

    type: Literal["memory_cleared"] = "memory_cleared"
    tier: str
    count: U64


class SubagentStartEvent(Model):
    """A subagent begins, in a session of its own."""

    type: Literal["subagent_start"] = "subagent_start"
    task_id: str
    session_id: str
    parent_session_id: str
    agent: str
    description: str


class SubagentProgressEvent(Model):
    """A subagent says how far it is."""

    type: Literal["subagent_progress"] = "subagent_progress"
    task_id: str
    session_id: str
    status: str
    metadata: JSON


class SubagentEndEvent(Model):
    """A subagent is done."""

    type: Literal["subagent_end"] = "subagent_end"
    task_id: str
    session_id: str
    agent: str
    output: str
    success: bool
