from __future__ import annotations

import itertools
import time
import warnings

import pytest
from pydantic import ValidationError

import objstore.models
from objstore.models import (
    AgentEndEvent,
    AgentStartEvent,
    ArtifactStore,
    ConfirmationPolicy,
    ContextUsage,
    ErrorEvent,
    InMemoryRunStore,
    Message,
    PermissionPolicy,
    PlanningStartEvent,
    RunStatus,
    SessionConfig,
    SessionData,
    SessionQueueConfig,
    SessionState,
    StepStartEvent,
    StorageBackend,
    TokenUsage,
    ToolArtifact,
    ToolDefinition,
    ToolStartEvent,
    TraceEvent,
    TraceEventKind,
    TurnStartEvent,
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
    VerificationSummary,
)
from objstore.models import _documents as documents
from objstore.models._documents import from_document, to_document

from .samples import ARTIFACT

PASSED, FAILED, NEEDS_REVIEW, SKIPPED = VerificationStatus


def test_a_new_session_is_active_and_complete() -> None:
    before = int(time.time())
    session = SessionData.new("s", name="n", workspace="/w", system_prompt="p", parent_id="q")
    assert (session.id, session.config.name, session.config.workspace) == ("s", "n", "/w")
    assert (session.config.system_prompt, session.parent_id, session.config.parent_id) == ("p", "q", "q")
    assert session.state is SessionState.ACTIVE
    assert before <= session.created_at == session.updated_at <= time.time()
    assert from_document(documents.SESSION, to_document(documents.SESSION, session)) == session


def test_two_new_sessions_share_nothing() -> None:
    one, two = SessionData.new("a"), SessionData.new("b")
    one.tasks.append(objstore.models.Task(id="1", content="c", status=objstore.models.TaskStatus.PENDING))
    one.messages.append(Message.user("x"))
    one.tool_names.append("bash")
    assert (two.tasks, two.messages, two.tool_names) == ([], [], [])


def test_the_names_of_tools_come_in_their_order() -> None:
    tools = [ToolDefinition(name=name, description="d", parameters={}) for name in ("bash", "read")]
    assert SessionData.tool_names_from_definitions(tools) == ["bash", "read"]


def test_messages_are_made_as_the_seed_makes_them() -> None:
    assert Message.user("u").model_dump() == {"role": "user", "content": [{"type": "text", "text": "u"}]}
    assert Message.assistant("a").model_dump() == {"role": "assistant", "content": [{"type": "text", "text": "a"}]}
    result = {"type": "tool_result", "tool_use_id": "c", "content": "out", "is_error": True}
    assert Message.tool_result("c", "out", is_error=True).model_dump() == {"role": "user", "content": [result]}


def test_the_defaults_are_those_of_the_seed() -> None:
    assert SessionConfig.default().model_dump() == {
        "name": "",
        "workspace": "",
        "system_prompt": None,
        "max_context_length": 0,
        "auto_compact": False,
        "auto_compact_threshold": 0.8,
        "storage_type": "file",
        "planning_mode": "Auto",
        "goal_tracking": False,
    }
    assert SessionConfig.default().storage_type is StorageBackend.FILE
    assert ContextUsage.default().max_tokens == 200_000
    assert TokenUsage.default().total_tokens == 0
    queue = [f"{lane}_max_concurrency" for lane in ("control", "query", "execute", "generate")]
    assert [getattr(SessionQueueConfig.default(), name) for name in queue] == [2, 4, 2, 1]
    assert [getattr(SessionQueueConfig.model_validate({}), name) for name in queue] == [4, 12, 4, 2]


def test_a_confirmation_policy_is_a_constructor_and_a_field() -> None:
    policy = ConfirmationPolicy.enabled()
    assert policy.enabled is True
    assert ConfirmationPolicy.default().enabled is False
    policy.enabled = False
    assert policy == ConfirmationPolicy.default()
    assert list(policy.model_dump()) == ["enabled", "default_timeout_ms", "timeout_action", "yolo_lanes"]


def test_a_permission_policy_grows_by_copies() -> None:
    empty = PermissionPolicy.new()
    policy = empty.allow("Bash(cargo:*)").deny("rm").ask("write").allow("read")
    assert policy.model_dump() == {
        "deny": [{"rule": "rm"}],
        "allow": [{"rule": "Bash(cargo:*)"}, {"rule": "read"}],
        "ask": [{"rule": "write"}],
        "default_decision": "Ask",
        "enabled": True,
    }
    assert empty == PermissionPolicy.new()


def test_a_check_is_made_and_changed_by_copies() -> None:
    check = VerificationCheck.required("check:test", "test", "Run tests")
    assert (check.required, check.status) == (True, NEEDS_REVIEW)
    assert VerificationCheck.optional("i", "k", "d").required is False
    full = check.with_status(PASSED).with_suggested_tools(["bash"]).with_evidence_uris(["u"]).with_residual_risk("r")
    assert full.model_dump() == {
        "id": "check:test",
        "kind": "test",
        "description": "Run tests",
        "status": "passed",
        "required": True,
        "suggested_tools": ["bash"],
        "evidence_uris": ["u"],
        "residual_risk": "r",
    }
    assert check == VerificationCheck.required("check:test", "test", "Run tests")
    with pytest.raises(ValidationError):
        check.with_status("great")  # type: ignore[arg-type]


@pytest.mark.parametrize("statuses", list(itertools.product(VerificationStatus, repeat=2)))
@pytest.mark.parametrize("required", list(itertools.product([True, False], repeat=2)))
def test_the_status_of_a_report_follows_from_its_checks(
    statuses: tuple[VerificationStatus, ...], required: tuple[bool, ...]
) -> None:
    checks = [
        (VerificationCheck.required if must else VerificationCheck.optional)("i", "k", "d").with_status(status)
        for status, must in zip(statuses, required, strict=True)
    ]
    report = VerificationReport.new("x", checks)
    open_ones = [must for status, must in zip(statuses, required, strict=True) if status in (NEEDS_REVIEW, SKIPPED)]
    expected = FAILED if FAILED in statuses else NEEDS_REVIEW if any(open_ones) else PASSED
    assert report.status is expected
    assert report.schema == "a3s.verification_report.v1"
    risky = report.with_residual_risk("r")
    assert risky.status is (FAILED if FAILED in statuses else NEEDS_REVIEW)
    assert (report.residual_risks, risky.residual_risks) == ([], ["r"])


def test_a_report_without_checks_is_skipped() -> None:
    assert VerificationReport.new("x", []).status is SKIPPED
    assert VerificationReport.new("x", []).with_residual_risk("r").status is NEEDS_REVIEW


def test_a_trace_names_every_artifact_of_its_metadata_once() -> None:
    event = TraceEvent.tool_execution(
        "read",
        success=True,
        exit_code=0,
        duration_ms=9,
        output_bytes=12,
        metadata={
            "z": [{"artifact_uri": "b"}, [{"artifact_uri": "a", "deeper": {"artifact_uri": "b"}}]],
            "artifact_uri": 5,
            "artifact": {"artifact_uri": {"artifact_uri": "c"}},
        },
    )
    assert event.model_dump() == {
        "schema": "a3s.trace_event.v1",
        "kind": "tool_execution",
        "name": "read",
        "success": True,
        "exit_code": 0,
        "duration_ms": 9,
        "output_bytes": 12,
        "metadata_keys": ["artifact", "artifact_uri", "z"],
        "artifact_uris": ["a", "b", "c"],
    }
    bare = TraceEvent.tool_execution("grep", success=False, exit_code=1, duration_ms=2, output_bytes=24)
    assert (bare.metadata_keys, bare.artifact_uris, bare.details) == ([], [], None)


def test_a_trace_of_a_program_keeps_the_summary_of_its_steps() -> None:
    facts = {"program_name": "map", "success": True, "step_count": 7, "failed_steps": 0}
    for metadata, details in (
        ({"trace": {**facts, "steps": ["not kept"]}}, facts),
        ({"trace": {"success": True}}, {**dict.fromkeys(facts), "success": True}),
        ({"trace": None}, dict.fromkeys(facts)),
        ({"program": 1}, None),
        (None, None),
    ):
        event = TraceEvent.program_execution(
            "program", success=True, exit_code=0, duration_ms=3, output_bytes=42, metadata=metadata
        )
        assert event.kind is TraceEventKind.PROGRAM_EXECUTION
        assert event.details == details


def artifact(uri: str, content: str = "x") -> ToolArtifact:
    return ToolArtifact.model_validate({**ARTIFACT, "artifact_uri": uri, "content": content})


def test_an_artifact_that_is_put_again_moves_to_the_end() -> None:
    store = ArtifactStore()
    for uri in ("a", "b", "a"):
        store.put(artifact(uri, f"{uri}{len(store)}"))
    assert [(item.artifact_uri, item.content) for item in store] == [("b", "b1"), ("a", "a2")]
    assert store.len() == len(store) == 2
    found = store.get("a")
    assert found is not None
    assert found.content == "a2"
    assert store.get("c") is None
    assert "a" in store
    assert store.remove("a") == found
    assert store.remove("a") is None
    assert "a" not in store


def test_no_artifact_is_ever_evicted() -> None:
    store = ArtifactStore()
    for number in range(300):
        store.put(artifact(str(number), "x" * 100_000))
    again = from_document(documents.ARTIFACTS, to_document(documents.ARTIFACTS, store))
    assert len(again) == 300
    assert again == store


def test_of_two_artifacts_with_one_uri_in_a_file_the_last_counts() -> None:
    document = {"artifacts": [artifact(uri, content).model_dump() for uri, content in ("a1", "b2", "a3")]}
    store = from_document(documents.ARTIFACTS, document)
    assert [item.content for item in store] == ["2", "3"]


def test_artifacts_are_compared_in_their_order() -> None:
    one, two = ArtifactStore(), ArtifactStore()
    for uri in "ab":
        one.put(artifact(uri))
    for uri in "ba":
        two.put(artifact(uri))
    assert one != two
    two.put(artifact("b"))
    assert one == two
    assert one != [artifact("a"), artifact("b")]


def test_artifacts_may_be_taken_out_while_one_walks_over_them() -> None:
    store = ArtifactStore()
    for uri in "abc":
        store.put(artifact(uri))
    for item in store:
        store.remove(item.artifact_uri)
    assert len(store) == 0


def test_an_artifact_cannot_be_renamed_in_place() -> None:
    with pytest.raises(ValidationError):
        artifact("a").artifact_uri = "b"


def test_runs_are_recorded_in_their_order() -> None:
    store = InMemoryRunStore()
    first = store.create_run("session/a", "persist run")
    second = store.create_run("session/a", "again")
    assert first.id.startswith("run-")
    assert first.id != second.id
    assert first.status is RunStatus.CREATED
    after = store.record_event(first.id, AgentStartEvent(prompt="persist run"))
    assert after is not None
    assert (after.status, after.event_count) == (RunStatus.EXECUTING, 1)
    store.record_event(first.id, TurnStartEvent(turn=1))
    assert store.record_event("run-unknown", TurnStartEvent(turn=1)) is None
    records = store.records()
    assert [record.snapshot.id for record in records] == [first.id, second.id]
    assert [entry.sequence for entry in records[0].events] == [0, 1]
    times = [records[0].snapshot.created_at_ms, *(entry.timestamp_ms for entry in records[0].events)]
    assert times == sorted(times)
    assert records[0].snapshot.updated_at_ms == times[-1]
    assert from_document(documents.RUN_RECORDS, to_document(documents.RUN_RECORDS, records)) == records


END = AgentEndEvent(text="done", usage=TokenUsage.default(), verification_summary=VerificationSummary.default())
STEP = StepStartEvent(step_id="s", description="d", step_number=1, total_steps=1)


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([AgentStartEvent(prompt="p")], RunStatus.EXECUTING),
        ([PlanningStartEvent(prompt="p")], RunStatus.PLANNING),
        ([PlanningStartEvent(prompt="p"), STEP, TurnStartEvent(turn=1)], RunStatus.PLANNING),
        ([STEP], RunStatus.EXECUTING),
        ([ToolStartEvent(id="i", name="n")], RunStatus.EXECUTING),
        ([TurnStartEvent(turn=1), END], RunStatus.COMPLETED),
        ([END, TurnStartEvent(turn=1), ErrorEvent(message="late")], RunStatus.COMPLETED),
        ([ErrorEvent(message="bad"), END], RunStatus.FAILED),
    ],
)
def test_events_move_the_status_of_a_run(events: list[objstore.models.AgentEvent], status: RunStatus) -> None:
    store = InMemoryRunStore()
    run = store.create_run("s", "")
    for event in events:
        store.record_event(run.id, event)
    snapshot = store.records()[0].snapshot
    assert snapshot.status is status
    assert snapshot.event_count == len(events)
    assert snapshot.result_text == ("done" if status is RunStatus.COMPLETED else None)
    assert snapshot.error == ("bad" if status is RunStatus.FAILED else None)


def test_a_run_without_a_prompt_takes_that_of_its_start() -> None:
    store = InMemoryRunStore()
    runs = [store.create_run("s", prompt) for prompt in ("", "given")]
    for run in runs:
        store.record_event(run.id, AgentStartEvent(prompt="started"))
    assert [record.snapshot.prompt for record in store.records()] == ["started", "given"]


def test_what_a_run_store_returns_is_not_its_own() -> None:
    store = InMemoryRunStore()
    run = store.create_run("s", "p")
    event = AgentStartEvent(prompt="p")
    store.record_event(run.id, event)
    event.prompt = "changed"
    run.prompt = "changed"
    store.records()[0].events.clear()
    (record,) = store.records()
    assert record.snapshot.prompt == "p"
    assert [entry.event for entry in record.events] == [AgentStartEvent(prompt="p")]


def test_every_public_name_is_described() -> None:
    names = objstore.models.__all__
    assert len(names) == len(set(names))
    undescribed = [
        name
        for name in names
        if isinstance(found := getattr(objstore.models, name), type) and not (found.__doc__ or "").strip()
    ]
    assert undescribed == []


def test_the_retired_method_of_pydantic_does_not_get_in_the_way() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = VerificationReport.new("x", [])
        report.schema = "other"
        assert (report.schema, report.model_dump()["schema"]) == ("other", "other")
