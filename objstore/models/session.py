"""The session: configuration, conversation and usage in one document."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final, Self

from pydantic import AliasChoices, ConfigDict, Field, PrivateAttr, model_validator
from pydantic.alias_generators import to_camel

from ..errors import InvalidValueError
from ._base import F32, I64, U32, U64, GuardedModel, ListOf, Model, Named, OrAbsent, WireEnum, refuse_both
from ._revision import Revision
from .messages import Message, ToolDefinition
from .policy import ConfirmationPolicy, PermissionPolicy, SecurityConfig
from .queue import SessionQueueConfig
from .tasks import PlanningMode, Task
from .usage import ContextUsage, LlmCostRecord, TokenUsage

DEFAULT_AUTO_COMPACT_THRESHOLD: Final = 0.8


class SessionState(WireEnum):
    """What a session is doing."""

    UNKNOWN = "Unknown"
    ACTIVE = "Active"
    PAUSED = "Paused"
    COMPLETED = "Completed"
    ERROR = "Error"


class StorageBackend(WireEnum):
    """Where A3S Code keeps a session."""

    MEMORY = "memory"
    FILE = "file"
    CUSTOM = "custom"


class AutoDelegationConfig(Model):
    """When an agent hands work to subagents by itself; its keys are camelCase on the wire.

    Attributes:
        enabled: Whether it does.
        auto_parallel: Whether to several of them at once.
        min_confidence: How sure it must be; single precision.
        max_tasks: To how many of them for one prompt.
    """

    model_config = ConfigDict(alias_generator=to_camel)

    enabled: bool = False
    auto_parallel: bool = Field(
        default=True, validation_alias=AliasChoices("autoParallel", "auto_parallel"), serialization_alias="autoParallel"
    )
    min_confidence: F32 = 0.72
    max_tasks: U64 = 4

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, data: Any) -> Any:
        refuse_both(data, "autoParallel", "auto_parallel")
        return data


class SessionConfig(GuardedModel):
    """How a session is set up.

    Attributes:
        name: For people.
        workspace: The directory that the agent works in.
        system_prompt: The system prompt, if there is one of its own.
        max_context_length: The size of the model's context in tokens.
        auto_compact: Whether a long conversation is shortened.
        auto_compact_threshold: At which share of the context; single precision.
        storage_type: Where A3S Code keeps the session.
        queue_config: The command queue, if it has one.
        confirmation_policy: How a person is asked before a tool runs.
        permission_policy: Which calls are denied, allowed or asked about.
        max_parallel_tasks: How many tasks may run at once; known since version 3.1.0.
        auto_delegation: When work is handed to subagents; known since version 3.1.0.
        parent_id: The session that it was started from.
        security_config: How sensitive data is protected.
        hook_engine: An object of the running program. It is neither written nor pickled, and copies share it.
        planning_mode: Whether the agent plans before it acts.
        goal_tracking: Whether it tracks its goal.
    """

    name: str
    workspace: str
    system_prompt: str | None = None
    max_context_length: U32
    auto_compact: bool
    auto_compact_threshold: F32 = DEFAULT_AUTO_COMPACT_THRESHOLD
    storage_type: Named[StorageBackend] = StorageBackend.FILE
    queue_config: OrAbsent[SessionQueueConfig] = None
    confirmation_policy: OrAbsent[ConfirmationPolicy] = None
    permission_policy: OrAbsent[PermissionPolicy] = None
    max_parallel_tasks: OrAbsent[U32] = None
    auto_delegation: OrAbsent[AutoDelegationConfig] = None
    parent_id: OrAbsent[str] = None
    security_config: OrAbsent[SecurityConfig] = None
    hook_engine: Any = Field(default=None, exclude=True, repr=False)
    planning_mode: Named[PlanningMode] = PlanningMode.AUTO
    goal_tracking: bool = False

    @classmethod
    def default(cls) -> Self:
        """Make the one with empty names and a context of length 0."""
        return cls(name="", workspace="", max_context_length=0, auto_compact=False)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return super().__deepcopy__({**(memo or {}), id(self.hook_engine): self.hook_engine})


class LlmConfigData(GuardedModel):
    """Which model a session talks to.

    Attributes:
        provider: The provider's name.
        model: The model's name.
        api_key: Read where it is given, and kept in this process: it is in no file, dump, pickle or ``repr``.
        base_url: Where the provider answers, if not at its usual place.
    """

    provider: str
    model: str
    api_key: str | None = Field(default=None, exclude=True, repr=False)
    base_url: str | None = None


class SessionData(Model):
    """A session: everything that is needed to go on with it.

    Attributes:
        id: Its name in the store.
        config: How it is set up.
        state: What it is doing.
        messages: The conversation.
        context_usage: How much of the context is used.
        total_usage: All tokens so far.
        total_cost: All costs so far, in US dollars.
        model_name: The model that the costs are of.
        cost_records: The costs, call by call.
        tool_names: The tools that it may use.
        thinking_enabled: Whether the model thinks before it answers.
        thinking_budget: How many tokens it may think.
        created_at: Epoch seconds.
        updated_at: Epoch seconds; a store does not touch it.
        llm_config: The model that it talks to, if it has one of its own.
        tasks: Its tasks; read under the old name ``todos`` as well.
        parent_id: The session that it was started from.
    """

    id: str
    config: SessionConfig
    state: Named[SessionState]
    messages: ListOf[Message]
    context_usage: ContextUsage
    total_usage: TokenUsage
    total_cost: float = 0.0
    model_name: OrAbsent[str] = None
    cost_records: ListOf[LlmCostRecord] = Field(default_factory=list)
    tool_names: list[str]
    thinking_enabled: bool
    thinking_budget: U64 | None = None
    created_at: I64
    updated_at: I64
    llm_config: OrAbsent[LlmConfigData] = None
    tasks: ListOf[Task] = Field(default_factory=list, validation_alias=AliasChoices("tasks", "todos"))
    parent_id: OrAbsent[str] = None

    _revision: Revision | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, data: Any) -> Any:
        refuse_both(data, "tasks", "todos")
        return data

    @classmethod
    def new(
        cls,
        id: str,
        *,
        name: str = "",
        workspace: str = "",
        system_prompt: str | None = None,
        parent_id: str | None = None,
    ) -> Self:
        """Make an active session without messages, created now.

        Args:
            id: Its name in the store.
            name: Its name for people.
            workspace: The directory that the agent works in.
            system_prompt: The system prompt.
            parent_id: The session that it was started from.
        """
        now = int(time.time())
        config = SessionConfig(
            name=name,
            workspace=workspace,
            system_prompt=system_prompt,
            max_context_length=200_000,
            auto_compact=False,
            parent_id=parent_id,
        )
        return cls(
            id=id,
            config=config,
            state=SessionState.ACTIVE,
            messages=[],
            context_usage=ContextUsage.default(),
            total_usage=TokenUsage.default(),
            tool_names=[],
            thinking_enabled=False,
            created_at=now,
            updated_at=now,
            parent_id=parent_id,
        )

    @staticmethod
    def tool_names_from_definitions(tools: Iterable[ToolDefinition]) -> list[str]:
        """Return the names of the tools, in their order."""
        return [tool.name for tool in tools]

    @property
    def revision(self) -> Revision | None:
        """The commit that the session was loaded from or saved as.

        It goes along with copies and pickles. It is not in the JSON, and equal sessions may have different ones.
        """
        return self._revision

    @revision.setter
    def revision(self, revision: Revision | None) -> None:
        if revision is not None and not isinstance(revision, Revision):
            raise InvalidValueError(
                f"revision must be one that a store gave, or None, not {type(revision).__name__}; to save on the "
                "number of a commit, pass base="
            )
        self._revision = revision

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SessionData):
            return NotImplemented
        return self.__dict__ == other.__dict__ and self.__pydantic_extra__ == other.__pydantic_extra__
