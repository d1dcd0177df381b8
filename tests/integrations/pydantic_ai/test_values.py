"""What a conversation holds comes back as it was, whatever it is, or is refused."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai.conversation_store", reason="pydantic-ai is not installed (objstore[pydantic-ai])")

from pydantic_ai import BinaryContent, BinaryImage, DeferredToolRequests, ImageUrl
from pydantic_ai.conversation import Conversation
from pydantic_ai.messages import (
    FilePart,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

import objstore
from objstore import AsyncDocumentStore, FormatError, InvalidValueError
from objstore.integrations.pydantic_ai import ObjstoreConversationStore
from tests.docs.test_tutorial import blocks_of, run
from tests.integrations.pydantic_ai.agents import agent, opened
from tests.integrations.pydantic_ai.conversations import ask, begun, said, texts
from tests.integrations.waiting import Waiting
from tests.places import Place


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: asyncio.Runner) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks_of("integrations/pydantic-ai.md"):
        run(block, "integrations/pydantic-ai.md", {"__name__": "page"})
    assert len(opened(str(tmp_path / "conversations"), runner).load("build-42").messages) == 4


def everything() -> list[ModelMessage]:
    image = BinaryImage(data=bytes(range(256)), media_type="image/png", vendor_metadata={"detail": b"\xff"})
    sound = BinaryContent(data=b"RIFF\x00\xff", media_type="audio/wav")
    return [
        ModelRequest(
            parts=[UserPromptPart(content=["Look:", image, sound, ImageUrl("https://example.com/a.png")])],
            instructions="Be brief.",
            run_id="run-1",
        ),
        ModelResponse(
            parts=[
                ThinkingPart("hm", signature="c2ln", provider_details={"raw": b"\x00\xfe"}),
                ToolCallPart("draw", {"mask": b"\x80\x81", "size": [1, 2.5]}, tool_call_id="call-1"),
                ToolCallPart("draw", '{"size": 1}', tool_call_id="call-2"),
                FilePart(content=BinaryImage(data=b"\xff\xd8\xff", media_type="image/jpeg")),
            ],
            model_name="some-model",
            provider_details={"logprobs": [-0.5, -math.inf]},
        ),
        ModelRequest(
            parts=[
                ToolReturnPart("draw", b"\x89PNG\r\n\x1a\n\xff", tool_call_id="call-1", metadata={"raw": b"\xfe"}),
                ToolReturnPart(
                    "draw",
                    {"deep": [{"raw": b"\xff\xfe", "file": image}], "half": "\ud83d", "inf": math.inf, "": None},
                    tool_call_id="call-2",
                ),
            ]
        ),
        ModelResponse(parts=[TextPart("half an emoji: \ud83d, nul: \0, \u2028, 会话")]),
    ]


def test_binary_content_of_any_kind_comes_back_as_it_was(store: Waiting[ObjstoreConversationStore]) -> None:
    conversation = Conversation(conversation_id="c", messages=everything())
    store.save(conversation)
    assert store.load("c").messages == conversation.messages


def test_what_comes_back_as_something_that_is_written_alike_is_no_difference(url: str, runner: asyncio.Runner) -> None:
    image = BinaryContent(data=bytes(100_000), media_type="image/png")  # comes back as a `BinaryImage`
    asked = ModelRequest(parts=[UserPromptPart(content=[image])])
    called = ModelResponse(parts=[ToolCallPart("f", {"pair": (1, 2)}, tool_call_id="1")])  # and this as a list
    conversation = Conversation(conversation_id="c", messages=[asked, called, ask("two"), ask("three")])
    opened(url, runner).save(conversation)
    store = opened(url, runner)
    changed = [*conversation.messages[:3], ask("drei")]
    rewritten = dataclasses.replace(conversation, messages=changed, new_message_index=None)
    assert texts([entry.message for entry in store.save(rewritten)]) == ["drei"]
    assert texts(store.load("c").messages[2:]) == ["two", "drei"]
    other = dataclasses.replace(image, data=bytes(100_001))
    changed = [ModelRequest(parts=[UserPromptPart(content=[other])]), ask("two")]
    rewritten = dataclasses.replace(rewritten, messages=changed, new_message_index=None)
    assert len(store.save(rewritten)) == 2


def test_large_content_comes_back_as_it_was_and_is_stored_once(url: str, runner: asyncio.Runner) -> None:
    store = opened(url, runner)
    image = BinaryImage(data=bytes(range(256)) * 4096, media_type="image/png")
    text, raw = "line\n" * 200_000, bytes(100_000)
    messages: list[ModelMessage] = [
        ModelRequest(parts=[UserPromptPart(content=[image, text])]),
        ModelRequest(parts=[ToolReturnPart("t", {"raw": raw, "again": [image, text]}, tool_call_id="c")]),
    ]
    store.save(Conversation(conversation_id="c", messages=messages))
    assert opened(url, runner).load("c").messages == messages
    document = runner.run(AsyncDocumentStore(url).load("c"))
    assert document is not None
    assert sorted(len(value) for value in document.parts.values() if isinstance(value, bytes | str)) == [
        100_000, 1_000_000, 1_048_576,
    ]  # fmt: skip


def test_what_is_stored_is_the_json_of_pydantic_ai(url: str, runner: asyncio.Runner) -> None:
    store = opened(url, runner)
    messages = [ask("hello"), *agent_messages(runner)]
    store.save(Conversation(conversation_id="c", messages=messages))
    document: Any = runner.run(AsyncDocumentStore(url).load("c"))
    stored = [entry["value"]["message"] for entry in document.parts["entries"]]
    assert stored == ModelMessagesTypeAdapter.dump_python(messages, mode="json")
    assert ModelMessagesTypeAdapter.validate_python(stored) == messages


def agent_messages(runner: asyncio.Runner) -> list[ModelMessage]:
    result: Any = runner.run(agent().run("hello"))
    messages: list[ModelMessage] = result.all_messages()
    return messages


def test_only_the_large_values_that_are_asked_for_are_read_and_only_once(url: str, runner: asyncio.Runner) -> None:
    read: list[str] = []

    def watch(event: objstore.Event) -> None:
        if isinstance(event, objstore.OperationEvent) and event.operation == "get" and "/objects/" in event.key:
            read.append(event.key)

    conversation = Conversation(conversation_id="c")
    writer = opened(url, runner)
    for n in range(10):
        image = BinaryImage(data=bytes([n]) * 100_000, media_type="image/png")
        conversation.messages.append(ModelRequest(parts=[UserPromptPart(content=[image])]))
        writer.save(conversation)
    store = opened(url, runner, observer=watch)
    assert store.load("c", limit=2).messages == conversation.messages[-2:]
    assert len(read) == 2
    assert store.load("c", limit=3).messages == conversation.messages[-3:]
    assert len(read) == 3
    assert store.load("c").messages == conversation.messages
    assert len(read) == 10
    store.load("c")
    assert len(read) == 10


@pytest.mark.parametrize("size", [262_143, 262_144, 262_145])
def test_a_tail_with_a_text_at_the_limit_is_read(store: Waiting[ObjstoreConversationStore], size: int) -> None:
    conversation = Conversation(conversation_id="c", messages=[ask("x" * size), ask("é" * (size // 2)), ask("end")])
    conversation.deferred_tool_requests = DeferredToolRequests(calls=[ToolCallPart("t", "y" * size, tool_call_id="1")])
    store.save(conversation)
    assert store.load("c", limit=3) == conversation


def test_large_values_beyond_the_cache_are_read_again(url: str, runner: asyncio.Runner) -> None:
    store = Waiting(ObjstoreConversationStore(AsyncDocumentStore(url), cache_bytes=150_000), runner)
    images = [BinaryImage(data=bytes([n]) * 100_000, media_type="image/png") for n in range(3)]
    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart(content=[image])]) for image in images]
    store.save(Conversation(conversation_id="c", messages=messages))
    assert store.load("c").messages == messages
    assert store.load("c").messages == messages


def test_a_fork_has_a_copy_of_the_large_values(url: str, runner: asyncio.Runner) -> None:
    image = BinaryImage(data=bytes(100_000), media_type="image/png")
    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart(content=[image])]), ask("more")]
    store = opened(url, runner)
    store.save(Conversation(conversation_id="c", messages=messages))
    opened(url, runner).fork("c", new_conversation_id="d")
    store.delete("c")
    assert opened(url, runner).load("d").messages == messages


def test_deferred_requests_with_bytes_come_back_as_they_were(store: Waiting[ObjstoreConversationStore]) -> None:
    call = ToolCallPart("sign", {"key": b"\xff" * 100_000}, tool_call_id="call-1")
    waiting = DeferredToolRequests(calls=[call], metadata={"call-1": {"raw": b"\xfe"}})
    store.save(Conversation(conversation_id="c", messages=[ask("sign")], deferred_tool_requests=waiting))
    assert store.load("c").deferred_tool_requests == waiting
    assert store.list_conversations()[0].deferred_tool_requests == waiting


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("thing", "why"),
    [
        (object(), "the message .* cannot be stored"),
        ({1: b"raw", "1": "text"}, "the message .* cannot be stored: .*thing has two keys that are one"),
        (nested(300), "nested deeper"),
        (nested(700), "nested (too deeply|deeper)"),
    ],
    ids=["an object", "keys that are one in JSON", "deep", "deeper than Python goes"],
)
def test_what_has_no_form_in_json_is_refused_and_loses_nothing(
    store: Waiting[ObjstoreConversationStore], thing: object, why: str
) -> None:
    conversation = begun(store)
    conversation.messages.append(ModelRequest(parts=[ToolReturnPart("t", {"thing": thing}, tool_call_id="call-1")]))
    with pytest.raises(InvalidValueError, match=why):
        store.save(conversation)
    assert texts(store.load("c").messages) == ["one", "two"]
    conversation.messages[-1] = ask("three")
    store.save(conversation)
    assert texts(store.load("c").messages) == ["one", "two", "three"]


def test_times_keep_their_microseconds(store: Waiting[ObjstoreConversationStore]) -> None:
    moment = datetime.datetime(2026, 11, 26, 1, 2, 3, 456789, tzinfo=datetime.UTC)
    message = ModelResponse(parts=[TextPart("hi")], timestamp=moment)
    store.save(Conversation(conversation_id="c", messages=[message]))
    assert store.load("c").messages[0].timestamp == moment


def test_every_save_is_a_commit_that_can_be_looked_back_at(url: str, runner: asyncio.Runner) -> None:
    store = opened(url, runner)
    conversation = begun(store)
    conversation.messages += said("three")
    store.save(conversation)
    documents = objstore.DocumentStore(url)
    assert [commit.seq for commit in documents.history("c")] == [2, 1]
    documents.restore("c", 1)
    assert texts(store.load("c").messages) == ["one", "two"]


@pytest.mark.parametrize("purge", [False, True])
def test_deleting_deletes_the_entries_and_purging_erases_them(
    tmp_path: Path, runner: asyncio.Runner, purge: bool
) -> None:
    store = Waiting(ObjstoreConversationStore(AsyncDocumentStore(tmp_path / "s"), purge=purge), runner)
    begun(store, "c", "secret")
    store.fork("c", new_conversation_id="d")
    store.delete("c")
    with pytest.raises(LookupError):
        store.read_history("anything")
    left = [path for path in tmp_path.rglob("*") if path.is_file() and b"secret" in path.read_bytes()]
    assert [path for path in left if "sessions/c/" in path.as_posix()] == ([] if purge else left[:1])
    assert texts(store.load("d").messages) == ["secret"]


def test_a_damaged_conversation_does_not_hide_the_others(memory: Place, runner: asyncio.Runner) -> None:
    store = opened(memory.target, runner)
    for id in ("a", "b", "c"):
        begun(store, id)
    memory.put("sessions/b/log/000000/0000000001", b"damaged")
    reader = opened(memory.target, runner)
    assert sorted(record.conversation_id for record in reader.list_conversations()) == ["a", "c"]
    with pytest.raises(objstore.IntegrityError):
        reader.load("b")


def test_what_is_no_conversation_is_named(url: str, store: Waiting[ObjstoreConversationStore]) -> None:
    objstore.DocumentStore(url).save("c", {"text": "hello"})
    with pytest.raises(FormatError, match="'c' is a document, but no conversation"):
        store.load("c")


def test_a_format_of_the_future_is_named_without_its_contents(
    url: str, store: Waiting[ObjstoreConversationStore]
) -> None:
    begun(store, "c", "secret")
    documents = objstore.DocumentStore(url)
    documents.update("c", lambda parts: {"summary": {"value": {**parts["summary"]["value"], "format_version": 2}}})
    with pytest.raises(FormatError, match=r"at summary.format_version") as caught:
        store.load("c")
    assert "secret" not in str(caught.value)
