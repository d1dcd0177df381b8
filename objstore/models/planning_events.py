"""The events of planning, goals and upkeep, and the events of types that the seed does not know."""

from __future__ import annotations

from typing import Literal

from ._base import F32, I64, U64, Model, Named
from .tasks import AgentGoal, ExecutionPlan, TaskStatus
from .usage import TokenUsage


class PlanningStartEvent(Model):
    """The agent begins to plan."""

    type: Literal["planning_start"] = "planning_start"
    prompt: str


class PlanningEndEvent(Model):
    """The agent has a plan."""

    type: Literal["planning_end"] = "planning_end"
    plan: ExecutionPlan
    estimated_steps: U64


class StepStartEvent(Model):
    """A step of the plan begins."""

    type: Literal["step_start"] = "step_start"
    step_id: str
    description: str
    step_number: U64
    total_steps: U64


class StepEndEvent(Model):
    """A step of the plan has ended."""

    type: Literal["step_end"] = "step_end"
    step_id: str
    status: Named[TaskStatus]
    step_number: U64
    total_steps: U64


class GoalExtractedEvent(Model):
    """The goal was read from the prompt."""

    type: Literal["goal_extracted"] = "goal_extracted"
    goal: AgentGoal


class GoalProgressEvent(Model):
    """The goal is nearer."""

    type: Literal["goal_progress"] = "goal_progress"
    goal: str
    progress: F32
    completed_steps: U64
    total_steps: U64


class GoalAchievedEvent(Model):
    """The goal is achieved."""

    type: Literal["goal_achieved"] = "goal_achieved"
    goal: str
    total_steps: U64
    duration_ms: I64


class ContextCompactedEvent(Model):
    """The conversation was shortened."""

    type: Literal["context_compacted"] = "context_compacted"
    session_id: str
    before_messages: U64
    after_messages: U64
    percent_before: F32


class PersistenceFailedEvent(Model):
    """The session could not be saved."""

    type: Literal["persistence_failed"] = "persistence_failed"
    session_id: str
    operation: str
    error: str


class BtwAnswerEvent(Model):
    """A side question was answered; only versions 2.0 to 2.2 know this event."""

    type: Literal["btw_answer"] = "btw_answer"
    question: str
    answer: str
    usage: TokenUsage


class UnknownEvent(Model):
    """An event of a type that the seed does not know, kept as it is and written back.

    A3S Code refuses a session that holds one.
    """

    type: str
