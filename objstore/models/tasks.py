"""Tasks, plans and goals."""

from __future__ import annotations

from pydantic import Field

from ._base import F32, I64, U64, ListOf, Model, Named, OrAbsent, UnlessEmpty, WireEnum


class PlanningMode(WireEnum):
    """Whether a session plans before it acts."""

    AUTO = "Auto"
    DISABLED = "Disabled"
    ENABLED = "Enabled"


class TaskStatus(WireEnum):
    """How far a task is."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class TaskPriority(WireEnum):
    """How much a task matters."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Task(Model):
    """A step of a plan, or an entry of the user's list.

    Attributes:
        id: Its name within the list.
        content: What is to be done.
        status: How far it is.
        priority: How much it matters.
        tool: The tool for it, if one is chosen.
        dependencies: The ids of the tasks that must be completed first.
        success_criteria: When it counts as done.
    """

    id: str
    content: str
    status: Named[TaskStatus]
    priority: Named[TaskPriority] = TaskPriority.MEDIUM
    tool: OrAbsent[str] = None
    dependencies: UnlessEmpty[list[str]] = Field(default_factory=list)
    success_criteria: OrAbsent[str] = None


class Complexity(WireEnum):
    """How large a plan is."""

    SIMPLE = "Simple"
    MEDIUM = "Medium"
    COMPLEX = "Complex"
    VERY_COMPLEX = "VeryComplex"


class ExecutionPlan(Model):
    """The steps towards a goal."""

    goal: str
    steps: ListOf[Task]
    complexity: Named[Complexity]
    required_tools: list[str]
    estimated_steps: U64


class AgentGoal(Model):
    """A goal and how near it is.

    Attributes:
        description: The goal.
        success_criteria: When it counts as achieved.
        progress: From 0.0 to 1.0; single precision.
        achieved: Whether it is.
        created_at: Epoch seconds.
        achieved_at: Epoch seconds, once it is.
    """

    description: str
    success_criteria: list[str]
    progress: F32
    achieved: bool
    created_at: I64
    achieved_at: I64 | None = None
