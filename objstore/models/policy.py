"""Policies: what needs a confirmation, what is permitted, what is kept from leaking."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from ._base import U64, ListOf, Model, Named, WireEnum, constructor
from .queue import SessionLane

if TYPE_CHECKING:
    from ._base import Twin


class TimeoutAction(WireEnum):
    """What happens when nobody answers."""

    REJECT = "Reject"
    AUTO_APPROVE = "AutoApprove"


class ConfirmationPolicy(Model):
    """How a person is asked before a tool runs.

    ``ConfirmationPolicy.enabled()`` makes one that asks, `default` one that does not.

    Attributes:
        enabled: Whether anybody is asked.
        default_timeout_ms: How long to wait for the answer.
        timeout_action: What happens when none comes.
        yolo_lanes: Lanes whose tools run without asking. The seed keeps a set; here the order of the file stays.
    """

    if TYPE_CHECKING:
        enabled: Twin[Callable[[], ConfirmationPolicy], bool]
    else:
        enabled: bool
    default_timeout_ms: U64
    timeout_action: Named[TimeoutAction]
    yolo_lanes: list[Named[SessionLane]]

    @classmethod
    def default(cls) -> Self:
        """Make the policy that asks nobody; it would wait 30 seconds and then reject."""
        return cls(enabled=False, default_timeout_ms=30_000, timeout_action=TimeoutAction.REJECT, yolo_lanes=[])


@constructor(ConfirmationPolicy, "enabled")
def _enabled(cls: type[ConfirmationPolicy]) -> ConfirmationPolicy:
    """Make the default policy, asking."""
    return cls.default().model_copy(update={"enabled": True})


class PermissionDecision(WireEnum):
    """What a policy says about a call."""

    ALLOW = "Allow"
    DENY = "Deny"
    ASK = "Ask"


class PermissionRule(Model):
    """A pattern for calls, for instance ``bash(cargo:*)`` or ``read``; a plain string is read as one."""

    rule: str

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:
        return {"rule": data} if isinstance(data, str) else data


class PermissionPolicy(Model):
    """Which calls are denied, allowed or asked about; the first list with a match decides, in this order.

    The seed has methods and keys of the same names. Here `allow`, `deny` and `ask` are the methods, which return a
    changed copy; the fields have ``_rules`` behind their name, in Python only.

    Attributes:
        deny_rules: Calls that never run; ``deny`` on the wire.
        allow_rules: Calls that run without asking; ``allow`` on the wire.
        ask_rules: Calls that a person decides; ``ask`` on the wire.
        default_decision: What holds for all other calls.
        enabled: Whether the policy is asked at all.
    """

    deny_rules: ListOf[PermissionRule] = Field(default_factory=list, alias="deny")
    allow_rules: ListOf[PermissionRule] = Field(default_factory=list, alias="allow")
    ask_rules: ListOf[PermissionRule] = Field(default_factory=list, alias="ask")
    default_decision: Named[PermissionDecision] = PermissionDecision.ASK
    enabled: bool = True

    @classmethod
    def new(cls) -> Self:
        """Make the policy without rules, which asks about everything."""
        return cls()

    def allow(self, rule: str) -> Self:
        """Return a copy that allows what `rule` matches."""
        copy = self.model_copy(deep=True)
        copy.allow_rules.append(PermissionRule(rule=rule))
        return copy

    def deny(self, rule: str) -> Self:
        """Return a copy that denies what `rule` matches."""
        copy = self.model_copy(deep=True)
        copy.deny_rules.append(PermissionRule(rule=rule))
        return copy

    def ask(self, rule: str) -> Self:
        """Return a copy that asks about what `rule` matches."""
        copy = self.model_copy(deep=True)
        copy.ask_rules.append(PermissionRule(rule=rule))
        return copy


class SensitivityLevel(WireEnum):
    """How sensitive data is."""

    PUBLIC = "Public"
    NORMAL = "Normal"
    SENSITIVE = "Sensitive"
    HIGHLY_SENSITIVE = "HighlySensitive"


class RedactionStrategy(WireEnum):
    """What becomes of sensitive data in an output."""

    MASK = "Mask"
    REMOVE = "Remove"
    HASH = "Hash"


class ClassificationRule(Model):
    """A pattern for sensitive data."""

    name: str
    pattern: str
    level: Named[SensitivityLevel]
    description: str


class FeatureToggles(Model):
    """The parts of the protection that are switched on."""

    output_sanitizer: bool
    taint_tracking: bool
    tool_interceptor: bool
    injection_defense: bool


class SecurityConfig(Model):
    """How a session protects sensitive data.

    Attributes:
        enabled: Whether it does.
        classification_rules: What is sensitive.
        redaction_strategy: What becomes of it.
        network_whitelist: Where a tool may connect to.
        dangerous_commands: Patterns of commands that are blocked.
        features: The parts that are switched on.
    """

    enabled: bool
    classification_rules: ListOf[ClassificationRule]
    redaction_strategy: Named[RedactionStrategy]
    network_whitelist: list[str]
    dangerous_commands: list[str]
    features: FeatureToggles
