from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from objstore._seed.wire import decode, encode
from objstore.models import AgentEvent, Message, ToolUseBlock, UnknownEvent
from objstore.models import _documents as documents
from objstore.models._documents import from_document, to_document

from .events import EVENTS
from .samples import ARTIFACT, CORPUS, REPORT, SESSION, TRACE, corpus, run

PARTS: list[tuple[TypeAdapter[Any], Any]] = [
    (documents.SESSION, SESSION),
    (documents.ARTIFACTS, {"artifacts": [ARTIFACT]}),
    (documents.TRACE_EVENTS, [TRACE]),
    (documents.RUN_RECORDS, [run(*EVENTS)]),
    (documents.VERIFICATION_REPORTS, [REPORT]),
]


def is_plain(value: Any) -> bool:
    if type(value) is dict:
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    if type(value) is list:
        return all(is_plain(item) for item in value)
    return type(value) in (str, int, float, bool, type(None))


@pytest.mark.parametrize(("name", "part"), corpus())
def test_a_file_of_the_real_program_comes_back_byte_for_byte(name: str, part: TypeAdapter[Any]) -> None:
    data = (CORPUS / name).read_bytes()
    read = decode(part, data)
    document = to_document(part, read)
    assert document == json.loads(data)
    assert is_plain(document)
    stored = json.loads(json.dumps(document))
    again = from_document(part, stored)
    assert again == read
    assert encode(part, again) == data


@pytest.mark.parametrize(("part", "document"), PARTS)
def test_every_field_keeps_its_place(part: TypeAdapter[Any], document: Any) -> None:
    value = from_document(part, document)
    assert json.dumps(to_document(part, value)) == json.dumps(document)
    assert is_plain(to_document(part, value))
    assert encode(part, value).decode() == json.dumps(document, indent=2, ensure_ascii=False)
    assert decode(part, encode(part, value)) == value


def test_the_sample_events_are_of_every_type() -> None:
    known = {variant.model_fields["type"].default for variant in get_args(AgentEvent) if variant is not UnknownEvent}
    assert {event["type"] for event in EVENTS} == known
    (record,) = from_document(documents.RUN_RECORDS, [run(*EVENTS)])
    assert {type(entry.event) for entry in record.events} == set(get_args(AgentEvent)) - {UnknownEvent}


def test_what_is_empty_is_written_as_the_seed_does() -> None:
    assert encode(documents.TRACE_EVENTS, []) == b"[]"
    empty = from_document(documents.ARTIFACTS, {"artifacts": []})
    assert encode(documents.ARTIFACTS, empty) == b'{\n  "artifacts": []\n}'


def test_optional_keys_are_left_out_or_null_as_the_seed_does() -> None:
    optional = {"model_name", "llm_config", "parent_id", "cost_records", "total_cost", "tasks", "thinking_budget"}
    shortest = {key: value for key, value in SESSION.items() if key not in optional}
    config = ("name", "workspace", "max_context_length", "auto_compact")
    shortest["config"] = {key: SESSION["config"][key] for key in config}
    document = to_document(documents.SESSION, from_document(documents.SESSION, shortest))
    assert list(document) == [key for key in SESSION if key not in ("model_name", "llm_config", "parent_id")]
    assert (document["total_cost"], document["cost_records"], document["tasks"]) == (0.0, [], [])
    assert document["thinking_budget"] is None
    assert document["config"] == {
        "name": "Test",
        "workspace": "/srv",
        "system_prompt": None,
        "max_context_length": 200000,
        "auto_compact": False,
        "auto_compact_threshold": 0.8,
        "storage_type": "file",
        "planning_mode": "Auto",
        "goal_tracking": False,
    }


def test_an_empty_string_is_not_an_absent_one() -> None:
    document = {"role": "user", "content": [], "reasoning_content": ""}
    assert Message.model_validate(document).model_dump() == document


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES, JSON_VALUES)
def test_any_json_value_comes_back_as_it_was(argument: Any, unknown: Any) -> None:
    document = [run({"type": "tool_end", "id": "", "name": "", "output": "", "exit_code": 0, "metadata": argument})]
    document[0]["later"] = unknown
    value = from_document(documents.RUN_RECORDS, document)
    data = encode(documents.RUN_RECORDS, value)
    assert decode(documents.RUN_RECORDS, data) == value
    assert encode(documents.RUN_RECORDS, decode(documents.RUN_RECORDS, data)) == data
    # Python's reader is the judge of what was written; null metadata is absent metadata.
    read = json.loads(data)[0]
    assert read["later"] == unknown
    assert read["events"][0]["event"].get("metadata") == argument


def test_a_dump_by_pydantic_itself_has_the_names_of_the_wire() -> None:
    session = from_document(documents.SESSION, SESSION)
    assert isinstance(session, BaseModel)
    assert session.model_dump(mode="json") == SESSION
    assert json.loads(session.model_dump_json()) == SESSION


def test_the_order_of_keys_in_a_free_value_is_kept() -> None:
    block = ToolUseBlock(id="c", name="bash", input={"zeta": 1, "alpha": {"b": 1, "a": 2}})
    assert json.dumps(block.model_dump()["input"]) == '{"zeta": 1, "alpha": {"b": 1, "a": 2}}'
