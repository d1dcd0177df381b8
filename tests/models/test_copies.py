from __future__ import annotations

import copy
import json
import pickle
import threading
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from objstore._seed.wire import WireError, decode, encode
from objstore.errors import InvalidValueError
from objstore.models import LlmConfigData, Message, Revision, SessionData, ToolUseBlock, UnknownBlock
from objstore.models import _documents as documents
from objstore.models._documents import from_document, to_document

from .samples import ARTIFACT, SESSION, TRACE, run

KEY = "sk-very-secret"


def containers(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value, *(found for item in value.values() for found in containers(item))]
    if isinstance(value, list):
        return [value, *(found for item in value for found in containers(item))]
    return []


@pytest.mark.parametrize(
    ("part", "document"),
    [
        (documents.SESSION, {**SESSION, "later": {"a": [1]}}),
        (documents.ARTIFACTS, {"artifacts": [{**ARTIFACT, "later": [1]}], "later": {"a": [1]}}),
        (documents.TRACE_EVENTS, [TRACE]),
        (documents.RUN_RECORDS, [run({"type": "later", "deep": {"a": [1]}}, {"type": "turn_start", "turn": 1})]),
    ],
)
def test_neither_reading_nor_writing_shares_anything(part: Any, document: Any) -> None:
    original, document = document, copy.deepcopy(document)
    value = from_document(part, document)
    for container in containers(document):
        container.clear()
    written = to_document(part, value)
    assert written == original
    for container in containers(written):
        container.clear()
    assert to_document(part, value) == original


def test_a_constructor_shares_nothing_with_its_arguments() -> None:
    given: dict[str, Any] = {"a": [1]}
    block = ToolUseBlock(id="c", name="bash", input=given)
    unknown = UnknownBlock.model_validate({"type": "x", "given": given})
    given["a"].append(2)
    assert block.input == {"a": [1]}
    assert unknown.model_dump()["given"] == {"a": [1]}


def test_a_value_may_be_edited_in_place() -> None:
    session = from_document(documents.SESSION, SESSION)
    block = session.messages[1].content[0]
    assert isinstance(block, ToolUseBlock)
    block.input["zeta"].append("new")
    document = to_document(documents.SESSION, session)
    assert document["messages"][1]["content"][0]["input"]["zeta"] == [1, {"n": None}, "new"]


def session_with_key() -> SessionData:
    session = SessionData.new("s")
    session.llm_config = LlmConfigData(provider="anthropic", model="m", api_key=KEY)
    return session


def test_the_api_key_is_kept_in_this_process_only() -> None:
    session = session_with_key()
    assert session.llm_config is not None
    assert session.llm_config.api_key == KEY
    for dump in (
        repr(session),
        str(session),
        session.model_dump_json(),
        json.dumps(session.model_dump()),
        repr(session.llm_config.model_dump(mode="json", exclude_none=False, by_alias=False)),
        json.dumps(to_document(documents.SESSION, session)),
        encode(documents.SESSION, session).decode(),
        *(pickle.dumps(session, protocol).decode("latin-1") for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)),
    ):
        assert KEY not in dump


def test_a_pickled_configuration_has_no_key_and_works() -> None:
    session = session_with_key()
    again = pickle.loads(pickle.dumps(session))
    assert again.llm_config.api_key is None
    assert again.llm_config.provider == "anthropic"
    assert to_document(documents.SESSION, again) == to_document(documents.SESSION, session)


def test_a_copy_keeps_the_key() -> None:
    for copied in (session_with_key().model_copy(), session_with_key().model_copy(deep=True)):
        assert copied.llm_config is not None
        assert copied.llm_config.api_key == KEY


def test_a_key_in_a_file_is_read_and_not_written_back() -> None:
    document = {**SESSION, "llm_config": {"provider": "p", "model": "m", "api_key": KEY, "base_url": None}}
    session = decode(documents.SESSION, json.dumps(document).encode())
    assert session.llm_config is not None
    assert session.llm_config.api_key == KEY
    assert KEY.encode() not in encode(documents.SESSION, session)


def test_errors_show_neither_the_key_nor_contents() -> None:
    with pytest.raises(ValidationError) as caught:
        LlmConfigData.model_validate({"provider": 1, "api_key": KEY})
    assert KEY not in str(caught.value)
    document = {**SESSION, "llm_config": {"provider": "p", "api_key": KEY}, "created_at": KEY}
    with pytest.raises(ValidationError) as caught:
        from_document(documents.SESSION, document)
    assert KEY not in str(caught.value)
    lists: list[TypeAdapter[Any]] = [documents.TRACE_EVENTS, documents.RUN_RECORDS, documents.VERIFICATION_REPORTS]
    for part in lists:
        with pytest.raises(ValidationError) as listed:
            from_document(part, KEY)
        assert KEY not in str(listed.value)
    with pytest.raises(WireError) as refused:
        decode(documents.SESSION, json.dumps(document).encode())
    assert KEY not in str(refused.value)
    assert refused.value.__context__ is None


def test_the_hook_engine_stays_in_this_process() -> None:
    session = SessionData.new("s")
    engine = threading.Lock()  # it can be neither copied nor pickled
    session.config.hook_engine = engine
    assert "hook_engine" not in to_document(documents.SESSION, session)["config"]
    assert "hook_engine" not in repr(session)
    assert pickle.loads(pickle.dumps(session)).config.hook_engine is None
    assert session.model_copy(deep=True).config.hook_engine is engine


def test_a_revision_is_a_value_without_what_the_store_remembers() -> None:
    revision = Revision(3, "ab", object())
    assert revision == Revision(3, "ab")
    assert hash(revision) == hash(Revision(3, "ab"))
    assert revision not in (Revision(4, "ab"), Revision(3, "cd"), Revision(None, "ab"))
    assert repr(Revision(None, "ab")).startswith("Revision(seq=None, digest='ab'")
    again = pickle.loads(pickle.dumps(revision))
    assert again == revision
    assert again.base is None
    assert copy.copy(revision).base is copy.deepcopy(revision).base is revision.base
    with pytest.raises(AttributeError):
        revision.seq = 4  # type: ignore[misc]


def test_what_is_no_revision_is_none_of_a_session() -> None:
    session = SessionData.new("s")
    for wrong in (3, "3", object()):
        with pytest.raises(InvalidValueError, match=f"^revision must be .*, not {type(wrong).__name__};"):
            session.revision = wrong  # type: ignore[assignment]
    assert session.revision is None


def test_a_session_carries_its_revision_through_copies_and_pickles() -> None:
    session = SessionData.new("s")
    assert session.revision is None
    base = object()
    session.revision = Revision(3, "ab", base)
    for copied in (session.model_copy(), session.model_copy(deep=True), copy.deepcopy(session)):
        assert copied.revision == Revision(3, "ab")
        assert copied.revision is not None
        assert copied.revision.base is base
    again = pickle.loads(pickle.dumps(session))
    assert again.revision == Revision(3, "ab")
    assert again.revision.base is None


def test_a_revision_is_not_in_the_json_and_not_in_the_comparison() -> None:
    session = from_document(documents.SESSION, SESSION)
    other = session.model_copy(deep=True)
    session.revision = Revision(3, "ab")
    assert session == other
    assert to_document(documents.SESSION, session) == SESSION
    assert session.model_dump(mode="json") == SESSION
    other.messages.append(Message.user("more"))
    assert session != other
    assert session != SESSION


def test_sessions_with_unlike_unknown_fields_are_not_equal() -> None:
    session = from_document(documents.SESSION, {**SESSION, "later": 1})
    assert session != from_document(documents.SESSION, {**SESSION, "later": 2})
    assert session != from_document(documents.SESSION, SESSION)
    assert session == from_document(documents.SESSION, {**SESSION, "later": 1})


def test_a_deep_copy_shares_no_messages() -> None:
    session = from_document(documents.SESSION, SESSION)
    copied = session.model_copy(deep=True)
    copied.messages[1].content.clear()
    copied.config.name = "other"
    assert to_document(documents.SESSION, session) == SESSION


def test_all_parts_can_be_pickled() -> None:
    parts: list[tuple[TypeAdapter[Any], Any]] = [
        (documents.SESSION, SESSION),
        (documents.ARTIFACTS, {"artifacts": [ARTIFACT], "later": 1}),
        (documents.RUN_RECORDS, [run({"type": "later", "x": 1})]),
    ]
    for part, document in parts:
        value = from_document(part, document)
        assert to_document(part, pickle.loads(pickle.dumps(value))) == document
