from __future__ import annotations

import json
from typing import Any

import pytest

from objstore._seed.wire import decode, encode
from objstore.models import TraceEventKind, UnknownBlock, UnknownEvent
from objstore.models import _documents as documents
from objstore.models._documents import from_document, to_document

from .samples import ARTIFACT, REPORT, SESSION, TRACE, changed, run

NEW = {"z": [1, {"y": None}], "a": "é"}


@pytest.mark.parametrize(
    "place",
    [
        "",
        "config",
        "config.queue_config",
        "config.queue_config.laneHandlers.Query",
        "config.confirmation_policy",
        "config.permission_policy.allow.0",
        "config.security_config.features",
        "config.auto_delegation",
        "messages.0",
        "messages.0.content.0",
        "messages.1.content.0",
        "messages.2.content.0",
        "messages.2.content.0.content.1.source",
        "context_usage",
        "total_usage",
        "cost_records.0",
        "llm_config",
        "tasks.0",
    ],
)
def test_an_unknown_field_is_kept_behind_the_known_ones(place: str) -> None:
    document = changed(changed(SESSION, f"{place}.later".lstrip("."), NEW), f"{place}.trust".lstrip("."), True)
    session = from_document(documents.SESSION, document)
    assert json.dumps(to_document(documents.SESSION, session)) == json.dumps(document)
    data = encode(documents.SESSION, session)
    assert encode(documents.SESSION, decode(documents.SESSION, data)) == data


@pytest.mark.parametrize(
    ("part", "document"),
    [
        (documents.ARTIFACTS, {"artifacts": [{**ARTIFACT, "later": NEW}], "later": NEW}),
        (documents.TRACE_EVENTS, [{**TRACE, "later": NEW}]),
        (documents.VERIFICATION_REPORTS, [{**REPORT, "later": NEW}]),
        (documents.RUN_RECORDS, [{**run({"type": "turn_start", "turn": 1, "later": NEW}, later=NEW), "later": NEW}]),
    ],
)
def test_an_unknown_field_of_a_sibling_is_kept(part: Any, document: Any) -> None:
    assert json.dumps(to_document(part, from_document(part, document))) == json.dumps(document)


@pytest.mark.parametrize("type", ["thinking", "", "unknown", "Text"])
def test_a_block_of_an_unknown_type_is_kept_as_it_is(type: str) -> None:
    block = {"type": type, "signature": NEW, "thinking": "t"}
    document = changed(changed(SESSION, "messages.0.content.0", block), "messages.2.content.0.content.0", block)
    session = from_document(documents.SESSION, document)
    assert isinstance(session.messages[0].content[0], UnknownBlock)
    assert json.dumps(to_document(documents.SESSION, session)) == json.dumps(document)


def test_a_tool_call_inside_a_result_is_an_unknown_block() -> None:
    document = changed(SESSION, "messages.2.content.0.content.0", {"type": "tool_use", "id": "x"})
    assert to_document(documents.SESSION, from_document(documents.SESSION, document)) == document


def test_an_event_of_an_unknown_type_is_kept_as_it_is() -> None:
    document = [run({"type": "peer_invocation", "peer": NEW, "n": 2**70}, {"type": "turn_start", "turn": 1})]
    (record,) = from_document(documents.RUN_RECORDS, document)
    assert isinstance(record.events[0].event, UnknownEvent)
    assert json.dumps(to_document(documents.RUN_RECORDS, [record])) == json.dumps(document)


def test_a_trace_of_an_unknown_kind_is_kept_as_it_is() -> None:
    document = [{**TRACE, "kind": "later_execution"}, TRACE]
    later, known = from_document(documents.TRACE_EVENTS, document)
    assert (type(later.kind), later.kind) == (str, "later_execution")
    assert known.kind is TraceEventKind.TOOL_EXECUTION
    assert to_document(documents.TRACE_EVENTS, [later, known]) == document


def test_the_old_name_of_tasks_is_read_and_the_new_one_written() -> None:
    document = {("todos" if key == "tasks" else key): value for key, value in SESSION.items()}
    session = from_document(documents.SESSION, document)
    assert json.dumps(to_document(documents.SESSION, session)) == json.dumps(SESSION)
    assert not session.model_extra


def test_a_python_name_on_the_wire_is_an_unknown_field() -> None:
    document = changed(SESSION, "config.queue_config.query_max_concurrency", 99)
    session = from_document(documents.SESSION, document)
    assert session.config.queue_config is not None
    assert session.config.queue_config.query_max_concurrency == 12
    assert to_document(documents.SESSION, session) == document


def test_an_unknown_field_may_have_the_name_of_a_python_attribute() -> None:
    document = {**SESSION, "revision": {"seq": 1}, "model_copy": 1, "_revision": 2, "__dict__": 3}
    session = from_document(documents.SESSION, document)
    assert session.revision is None
    assert to_document(documents.SESSION, session) == document


def test_a_rule_may_be_a_plain_string() -> None:
    document = changed(SESSION, "config.permission_policy.allow.0", "bash(ls:*)")
    assert to_document(documents.SESSION, from_document(documents.SESSION, document)) == SESSION


def test_the_fields_of_3_1_are_written_only_when_they_are_there() -> None:
    document = changed(changed(SESSION, "config.max_parallel_tasks", ...), "config.auto_delegation", ...)
    session = from_document(documents.SESSION, document)
    assert json.dumps(to_document(documents.SESSION, session)) == json.dumps(document)
