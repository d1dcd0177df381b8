from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field, PrivateAttr, TypeAdapter, ValidationError, create_model

from objstore.errors import InvalidValueError
from objstore.models import Message, SessionData, TextBlock, ToolUseBlock, UnknownBlock
from objstore.models import _documents as documents
from objstore.models._documents import from_document, to_document

from .events import EVENTS
from .samples import ARTIFACT, REPORT, SESSION, TRACE, USAGE, changed, run

PARTS: dict[str, tuple[TypeAdapter[Any], Any]] = {
    "session": (documents.SESSION, SESSION),
    "artifacts": (documents.ARTIFACTS, {"artifacts": [ARTIFACT]}),
    "traces": (documents.TRACE_EVENTS, [TRACE]),
    "runs": (documents.RUN_RECORDS, [run(*EVENTS)]),
    "verification": (documents.VERIFICATION_REPORTS, [REPORT]),
}

REQUIRED = {
    "session": "id config state messages context_usage total_usage tool_names thinking_enabled created_at updated_at "
    "config.name config.workspace config.max_context_length config.auto_compact "
    "config.queue_config.laneHandlers.Query.mode config.queue_config.laneHandlers.Query.timeout_ms "
    "config.queue_config.retryPolicy.strategy config.queue_config.rateLimit.limitType "
    "config.queue_config.priorityBoost.strategy config.confirmation_policy.enabled "
    "config.confirmation_policy.default_timeout_ms config.confirmation_policy.timeout_action "
    "config.confirmation_policy.yolo_lanes config.security_config.enabled config.security_config.classification_rules "
    "config.security_config.redaction_strategy config.security_config.network_whitelist "
    "config.security_config.dangerous_commands config.security_config.features "
    "config.security_config.features.output_sanitizer config.permission_policy.allow.0.rule "
    "messages.0.role messages.0.content messages.0.content.0.type messages.0.content.0.text "
    "messages.1.content.0.id messages.1.content.0.name messages.1.content.0.input "
    "messages.2.content.0.tool_use_id messages.2.content.0.content messages.2.content.0.content.1.source "
    "messages.2.content.0.content.1.source.type messages.2.content.0.content.1.source.media_type "
    "context_usage.used_tokens context_usage.max_tokens context_usage.percent context_usage.turns "
    "total_usage.prompt_tokens total_usage.completion_tokens total_usage.total_tokens "
    "cost_records.0.model cost_records.0.provider cost_records.0.total_tokens cost_records.0.timestamp "
    "llm_config.provider llm_config.model tasks.0.id tasks.0.content tasks.0.status",
    "artifacts": "artifacts artifacts.0.artifact_id artifacts.0.artifact_uri artifacts.0.tool_name "
    "artifacts.0.content artifacts.0.original_bytes artifacts.0.shown_bytes",
    "traces": "0.schema 0.kind 0.name 0.success 0.exit_code 0.duration_ms 0.output_bytes",
    "runs": "0.snapshot 0.events 0.snapshot.id 0.snapshot.session_id 0.snapshot.status 0.snapshot.prompt "
    "0.snapshot.created_at_ms 0.snapshot.updated_at_ms 0.snapshot.event_count 0.events.0.sequence "
    "0.events.0.timestamp_ms 0.events.0.event 0.events.0.event.type 0.events.0.event.prompt",
    "verification": "0.schema 0.subject 0.status 0.checks 0.checks.0.id 0.checks.0.kind 0.checks.0.description "
    "0.checks.0.status",
}


@pytest.mark.parametrize(("part", "path"), [(part, path) for part in REQUIRED for path in REQUIRED[part].split()])
def test_a_missing_key_is_refused(part: str, path: str) -> None:
    adapter, document = PARTS[part]
    with pytest.raises(ValidationError):
        from_document(adapter, changed(document, path, ...))


@pytest.mark.parametrize(
    ("part", "path", "value"),
    [
        ("session", "id", 1),
        ("session", "id", None),
        ("session", "state", "active"),
        ("session", "state", 1),
        ("session", "state", {"Active": 1}),
        ("session", "state", {"active": None}),
        ("session", "state", {"Active": None, "Error": None}),
        ("session", "messages", None),
        ("session", "messages", {}),
        ("session", "messages.0", "hi"),
        ("session", "messages.0", None),
        ("session", "messages.0.content", "hi"),
        ("session", "messages.0.content.0", "hi"),
        ("session", "messages.0.content.0.type", 1),
        ("session", "messages.0.content.0.type", ["text"]),
        ("session", "messages.0.content.0.text", 1),
        ("session", "messages.2.content.0.content", 1),
        ("session", "messages.2.content.0.content", None),
        ("session", "messages.2.content.0.is_error", 0),
        ("session", "messages.1.content.0.input", float("nan")),
        ("session", "total_cost", None),
        ("session", "total_cost", "0.0"),
        ("session", "total_cost", float("inf")),
        ("session", "cost_records", None),
        ("session", "cost_records.0.timestamp", "2026-11-22T11:46:00"),
        ("session", "cost_records.0.timestamp", "2026-13-22T11:46:00Z"),
        ("session", "cost_records.0.timestamp", "20261122T114600Z"),
        ("session", "cost_records.0.timestamp", 1700000000),
        ("session", "cost_records.0.prompt_tokens", 2**64),
        ("session", "tool_names", None),
        ("session", "tool_names", "bash"),
        ("session", "tool_names", [1]),
        ("session", "thinking_enabled", 1),
        ("session", "thinking_enabled", "true"),
        ("session", "thinking_budget", -1),
        ("session", "thinking_budget", 1.0),
        ("session", "thinking_budget", True),
        ("session", "created_at", 1.7e9),
        ("session", "created_at", "1700000000"),
        ("session", "created_at", 2**63),
        ("session", "created_at", -(2**63) - 1),
        ("session", "updated_at", False),
        ("session", "tasks", None),
        ("session", "tasks.0.status", "InProgress"),
        ("session", "tasks.0.priority", "urgent"),
        ("session", "tasks.0.dependencies", None),
        ("session", "config", None),
        ("session", "config.name", None),
        ("session", "config.max_context_length", 2**32),
        ("session", "config.max_context_length", -1),
        ("session", "config.max_context_length", 200000.0),
        ("session", "config.auto_compact", 0),
        ("session", "config.auto_compact_threshold", None),
        ("session", "config.auto_compact_threshold", "0.8"),
        ("session", "config.auto_compact_threshold", True),
        ("session", "config.storage_type", "File"),
        ("session", "config.storage_type", None),
        ("session", "config.planning_mode", "auto"),
        ("session", "config.planning_mode", None),
        ("session", "config.goal_tracking", None),
        ("session", "config.max_parallel_tasks", 2**32),
        ("session", "config.auto_delegation.minConfidence", None),
        ("session", "config.queue_config.queryMaxConcurrency", 1.0),
        ("session", "config.queue_config.laneHandlers", {"query": {"mode": "External", "timeout_ms": 1}}),
        ("session", "config.queue_config.laneHandlers.Query.mode", "external"),
        ("session", "config.queue_config.laneTimeouts", {"Execute": -1}),
        ("session", "config.queue_config.retryPolicy.maxRetries", 2**32),
        ("session", "config.confirmation_policy.timeout_action", "reject"),
        ("session", "config.confirmation_policy.yolo_lanes", ["query"]),
        ("session", "config.permission_policy.default_decision", "ask"),
        ("session", "config.permission_policy.allow", [1]),
        ("session", "config.security_config.redaction_strategy", "mask"),
        ("session", "context_usage.percent", None),
        ("session", "context_usage.turns", -1),
        ("session", "total_usage.cache_read_tokens", 1.0),
        ("session", "llm_config.provider", None),
        ("session", "llm_config.api_key", 1),
        ("artifacts", "artifacts", None),
        ("artifacts", "artifacts.0.shown_bytes", -1),
        ("artifacts", "artifacts.0.content", None),
        ("traces", "0", None),
        ("traces", "0.kind", 1),
        ("traces", "0.success", None),
        ("traces", "0.exit_code", 2**31),
        ("traces", "0.exit_code", 0.0),
        ("traces", "0.metadata_keys", None),
        ("runs", "0.snapshot.status", "Failed"),
        ("runs", "0.snapshot.event_count", -1),
        ("runs", "0.events", None),
        ("runs", "0.events.0.sequence", 1.0),
        ("runs", "0.events.0.event", "agent_start"),
        ("runs", "0.events.0.event.prompt", None),
        ("verification", "0.status", "Failed"),
        ("verification", "0.checks.0.required", None),
        ("verification", "0.residual_risks", None),
    ],
)
def test_a_value_that_the_seed_refuses_is_refused(part: str, path: str, value: Any) -> None:
    adapter, document = PARTS[part]
    with pytest.raises(ValidationError):
        from_document(adapter, changed(document, path, value))


@pytest.mark.parametrize("document", [None, [], "x", 1, {}])
def test_another_document_is_no_session(document: Any) -> None:
    with pytest.raises(ValidationError):
        from_document(documents.SESSION, document)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["type"])
def test_a_known_event_without_one_of_its_keys_is_refused(event: dict[str, Any]) -> None:
    optional = {"metadata", "error_kind", "meta", "reason", "query"}
    if event["type"] == "permission_denied":
        optional.remove("reason")
    for key in event.keys() - optional:
        with pytest.raises(ValidationError):
            from_document(documents.RUN_RECORDS, [run(changed(event, key, ...))])


def test_a_field_with_two_names_may_have_only_one_of_them() -> None:
    with pytest.raises(ValidationError, match="'tasks' and 'todos' are the same field"):
        from_document(documents.SESSION, {**SESSION, "todos": []})
    with pytest.raises(ValidationError, match="are the same field"):
        from_document(documents.SESSION, changed(SESSION, "config.auto_delegation.auto_parallel", True))


@pytest.mark.parametrize(
    "value",
    [(1,), {1}, b"x", {1: 2}, [object()], {"a": [float("inf")]}, SessionData],
    ids=lambda value: str(type(value)),
)
def test_a_free_value_that_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        ToolUseBlock(id="c", name="bash", input=value)


def test_a_free_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(ValidationError, match="nested more than 200 deep"):
        ToolUseBlock(id="c", name="bash", input=value)


def test_an_assignment_is_checked_like_a_constructor() -> None:
    session = from_document(documents.SESSION, SESSION)
    with pytest.raises(ValidationError):
        session.created_at = 1.5  # type: ignore[assignment]
    with pytest.raises(ValidationError):
        session.config.max_context_length = -1
    assert to_document(documents.SESSION, session) == SESSION


@pytest.mark.parametrize(
    "spoil",
    [
        lambda session: session.messages.append("secret"),
        lambda session: session.messages.append({"role": "user", "content": "secret"}),
        lambda session: session.messages[0].content.append(UnknownBlock(type="text")),
        lambda session: session.messages[0].content.append(Message.user("secret")),
        lambda session: session.tool_names.append(5),
        lambda session: session.tasks.append(TextBlock(text="secret")),
        lambda session: session.messages.append(TextBlock(text="secret")),
        lambda session: session.messages.append(None),
    ],
)
def test_what_was_spoilt_in_place_is_refused_when_it_is_written(spoil: Any) -> None:
    session = from_document(documents.SESSION, SESSION)
    spoil(session)
    with pytest.raises(InvalidValueError) as caught:
        to_document(documents.SESSION, session)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("part", ["traces", "runs", "verification"])
def test_a_list_of_models_is_written_only_if_all_are_of_its_class(part: str) -> None:
    adapter, document = PARTS[part]
    items = from_document(adapter, document)
    other = Message.user("secret")
    with pytest.raises(
        InvalidValueError, match=f"{type(other).__name__} stands in a list of {type(items[0]).__name__}"
    ):
        to_document(adapter, [*items, other])


def test_an_integer_is_taken_for_a_float() -> None:
    document = changed(changed(SESSION, "total_cost", 3), "context_usage.percent", 1)
    session = from_document(documents.SESSION, document)
    assert [type(number) for number in (session.total_cost, session.context_usage.percent)] == [float, float]


def test_null_is_taken_where_the_seed_takes_it() -> None:
    nothing = {
        "model_name",
        "thinking_budget",
        "llm_config",
        "parent_id",
        "config.queue_config",
        "config.system_prompt",
        "config.parent_id",
        "config.security_config",
        "config.queue_config.storagePath",
        "messages.1.reasoning_content",
        "llm_config.base_url",
        "total_usage.cache_write_tokens",
        "tasks.0.tool",
    }
    for path in nothing:
        from_document(documents.SESSION, changed(SESSION, path, None))


def test_an_enum_may_be_spelt_as_an_object_without_contents() -> None:
    session = from_document(documents.SESSION, {**SESSION, "state": {"Active": None}})
    assert to_document(documents.SESSION, session) == SESSION


@pytest.mark.parametrize("path", ["total_usage.prompt_tokens", "context_usage.used_tokens", "thinking_budget"])
def test_the_largest_integers_are_taken(path: str) -> None:
    document = changed(SESSION, path, 2**64 - 1)
    assert to_document(documents.SESSION, from_document(documents.SESSION, document)) == document


@pytest.mark.parametrize("text", ["2026-11-22T11:46:00Z", "2026-11-22t11:46:00.12345678+02:00", "2026-11-22 11:46:00z"])
def test_a_timestamp_is_kept_as_it_is_written(text: str) -> None:
    session = from_document(documents.SESSION, changed(SESSION, "cost_records.0.timestamp", text))
    assert session.cost_records[0].timestamp == text


@pytest.mark.parametrize("text", ["2026-02-30T11:46:00Z", "2026-11-22T25:46:00Z", "2026-11-22T11:46:00+99:00", "other"])
def test_a_timestamp_that_is_none_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValidationError, match="not a timestamp") as caught:
        from_document(documents.SESSION, changed(SESSION, "cost_records.0.timestamp", text))
    assert text not in str(caught.value)


def test_all_sample_usage_is_valid() -> None:
    assert from_document(documents.SESSION, SESSION).total_usage.model_dump() == USAGE


def test_a_subclass_may_not_declare_what_would_not_be_stored() -> None:
    class Kept(Message):
        """Everything in it is stored, or says itself that it is not."""

        role: str = "user"
        seen: int = Field(default=0, exclude=True)
        _note: str = PrivateAttr(default="")

    for base in (Message, Kept):
        with pytest.raises(TypeError, match=r"^Tagged adds tags to (Message|Kept), which no store would write; "):
            create_model("Tagged", __base__=base, tags=(list[str], []))
    message: Message = Kept(content=[])
    message.tags = ["unknown"]  # type: ignore[attr-defined] # which is kept
    written: Any = to_document(documents.MESSAGES, [message])
    assert written == [{"role": "user", "content": [], "tags": ["unknown"]}]
