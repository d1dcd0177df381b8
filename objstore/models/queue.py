"""The command queue of a session."""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from ._base import U32, U64, Model, Named, WireEnum


class _CamelModel(Model):
    model_config = ConfigDict(alias_generator=to_camel)


class SessionLane(WireEnum):
    """A lane of the queue, from the most urgent to the least."""

    CONTROL = "Control"
    QUERY = "Query"
    EXECUTE = "Execute"
    GENERATE = "Generate"


class TaskHandlerMode(WireEnum):
    """Who carries out the tasks of a lane."""

    INTERNAL = "Internal"
    EXTERNAL = "External"
    HYBRID = "Hybrid"


class LaneHandlerConfig(Model):
    """How the tasks of a lane are carried out.

    Attributes:
        mode: By whom.
        timeout_ms: How long somebody outside may take.
    """

    mode: Named[TaskHandlerMode]
    timeout_ms: U64


class RetryPolicyConfig(_CamelModel):
    """When a failed command is tried again.

    Attributes:
        strategy: ``exponential``, ``fixed`` or ``none``.
        max_retries: How often.
        initial_delay_ms: The first wait.
        fixed_delay_ms: Every wait, for the fixed strategy.
    """

    strategy: str
    max_retries: U32 = 3
    initial_delay_ms: U64 = 100
    fixed_delay_ms: U64 | None = None


class RateLimitConfig(_CamelModel):
    """How many commands may run in a time.

    Attributes:
        limit_type: ``per_second``, ``per_minute``, ``per_hour`` or ``unlimited``.
        max_operations: How many.
    """

    limit_type: str
    max_operations: U64 | None = None


class PriorityBoostConfig(_CamelModel):
    """When a waiting command becomes more urgent.

    Attributes:
        strategy: ``standard``, ``aggressive`` or ``disabled``.
        deadline_ms: By when it must run.
    """

    strategy: str
    deadline_ms: U64 | None = None


class SessionQueueConfig(_CamelModel):
    """The queue of a session; its keys are camelCase on the wire.

    The seed has two sets of numbers: what an absent key means (4, 12, 4, 2: the values of ``SessionQueueConfig()``) and
    what a new configuration starts with (2, 4, 2, 1: `default`).

    Attributes:
        control_max_concurrency: Commands of the lane Control at once.
        query_max_concurrency: Commands of the lane Query at once.
        execute_max_concurrency: Commands of the lane Execute at once.
        generate_max_concurrency: Commands of the lane Generate at once.
        lane_handlers: Who carries out the tasks of a lane.
        enable_dlq: Whether commands that failed for good are kept.
        dlq_max_size: How many of them.
        enable_metrics: Whether the queue counts.
        enable_alerts: Whether the queue warns.
        default_timeout_ms: How long a command may take.
        storage_path: Where the queue is kept on disk.
        retry_policy: When a failed command is tried again.
        rate_limit: How many commands may run in a time.
        priority_boost: When a waiting command becomes more urgent.
        pressure_threshold: How many waiting commands are too many.
        lane_timeouts: How long a command of a lane may take, in milliseconds.
    """

    control_max_concurrency: U64 = 4
    query_max_concurrency: U64 = 12
    execute_max_concurrency: U64 = 4
    generate_max_concurrency: U64 = 2
    lane_handlers: dict[Named[SessionLane], LaneHandlerConfig] = Field(default_factory=dict)
    enable_dlq: bool = False
    dlq_max_size: U64 | None = None
    enable_metrics: bool = False
    enable_alerts: bool = False
    default_timeout_ms: U64 | None = None
    storage_path: str | None = None
    retry_policy: RetryPolicyConfig | None = None
    rate_limit: RateLimitConfig | None = None
    priority_boost: PriorityBoostConfig | None = None
    pressure_threshold: U64 | None = None
    lane_timeouts: dict[Named[SessionLane], U64] = Field(default_factory=dict)

    @classmethod
    def default(cls) -> Self:
        """Make the one that a session starts with."""
        return cls(
            control_max_concurrency=2,
            query_max_concurrency=4,
            execute_max_concurrency=2,
            generate_max_concurrency=1,
        )
