"""Conversations of pydantic-ai in a document store: what they cost, what they hold, and who may write them."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import math
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai.conversation_store", reason="pydantic-ai is not installed (objstore[pydantic-ai])")

from pydantic_ai import Agent, BinaryContent, BinaryImage, DeferredToolRequests, ImageUrl
from pydantic_ai.conversation import Conversation
from pydantic_ai.conversation_store import ConversationConflict, ConversationRecord
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
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage, UsageLimits

import objstore
from objstore import AsyncDocumentStore, FormatError, InvalidValueError
from objstore._format.views import ObjectView
from objstore.integrations.pydantic_ai import ObjstoreConversationStore
from tests.budget.test_requests import but_for_a_race, counted
from tests.docs.test_tutorial import blocks_of, run
from tests.integrations.conversation_contract import ask, begun, said, texts
from tests.integrations.waiting import Waiting
from tests.places import Place
from tests.servers.moto_server import MotoServer

TURNS = 200
UNLIMITED = UsageLimits(request_limit=None)
REPORT = "total 1234\n" + "-rw-r--r-- 1 agent agent 4096 report.txt\n" * 20


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def url() -> str:
    return f"memory://conversations/{uuid.uuid4().hex}"


@pytest.fixture
def store(url: str, runner: asyncio.Runner) -> Waiting[ObjstoreConversationStore]:
    return opened(url, runner)


def opened(url: str, runner: asyncio.Runner, **options: Any) -> Waiting[ObjstoreConversationStore]:
    return Waiting(ObjstoreConversationStore(AsyncDocumentStore(url, **options)), runner)


def agent() -> Agent[None, str]:
    """Make an agent whose model calls a tool in each turn, and then answers."""

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if any(isinstance(part, ToolReturnPart) for part in messages[-1].parts):
            return ModelResponse(parts=[TextPart(f"There is a report. {len(messages)}")])
        return ModelResponse(parts=[ToolCallPart("run", {"command": "ls -l"})])

    made = Agent(FunctionModel(respond))

    @made.tool_plain
    def run(command: str) -> str:
        return REPORT + command

    return made


def used(store: Waiting[ObjstoreConversationStore]) -> None:
    begun(store, "another")


def worked(n: int) -> list[ModelMessage]:
    """Make the messages of a turn, as an agent would."""
    call = ToolCallPart("run", {"command": "ls -l"}, tool_call_id=f"call-{n}")
    return [
        ask(f"What is there in turn {n}?"),
        ModelResponse(parts=[call], usage=RequestUsage(input_tokens=100 * n, output_tokens=9), model_name="a-model"),
        ModelRequest(parts=[ToolReturnPart("run", REPORT, tool_call_id=call.tool_call_id)]),
        ModelResponse(parts=[TextPart(f"There is a report. {n}")], model_name="a-model"),
    ]


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: asyncio.Runner) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks_of("integrations/pydantic-ai.md"):
        run(block, "integrations/pydantic-ai.md", {"__name__": "page"})
    assert len(opened(str(tmp_path / "conversations"), runner).load("build-42").messages) == 4


# What it costs.


def test_two_hundred_turns_of_an_agent_that_loads_and_saves_cost_two_requests_each(
    bucket: str,
    s3_options: dict[str, Any],
    s3_server: MotoServer,
    runner: asyncio.Runner,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = opened(f"s3://{bucket}/agents", runner, storage_options=s3_options)
    used(store)
    model = agent()
    turns: list[dict[str, int]] = []
    for n in range(TURNS):
        if n < 3:
            s3_server.reset()
        conversation = store.load("c", limit=8) or Conversation(conversation_id="c")
        prompt = f"What is there in turn {n}?"
        store.save(store.wait(model.run(prompt, conversation=conversation, usage_limits=UNLIMITED)))
        if n < 2:
            turns.append(counted(s3_server))
    turns.append(counted(s3_server))
    total = sum(sum(counts.values()) for counts in turns)
    with capsys.disabled():
        print(
            f"\n{TURNS} turns of an agent, loaded and saved: {total} requests: {turns[0]}, {turns[1]}, then {turns[2]}"
        )
    assert but_for_a_race(turns[0], 4) == {"LIST": 4, "PUT": 2}
    assert turns[1] == {"GET": 1, "PUT": 1}
    assert turns[2] == {"GET": TURNS - 2, "PUT": TURNS - 2 + 6}  # and six leaves of what got long
    assert len(store.load("c").messages) == 4 * TURNS


def test_two_hundred_saves_cost_one_request_each(
    bucket: str,
    s3_options: dict[str, Any],
    s3_server: MotoServer,
    runner: asyncio.Runner,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = opened(f"s3://{bucket}/agents", runner, storage_options=s3_options)
    used(store)
    conversation = Conversation(conversation_id="c")
    s3_server.reset()
    for n in range(TURNS):
        conversation.messages += worked(n)
        store.save(conversation)
    counts = counted(s3_server)
    with capsys.disabled():
        print(f"\n{TURNS} saves, each of a turn of 4 messages: {counts}")
    assert but_for_a_race(counts) == {"LIST": 2, "PUT": TURNS + 1 + 6}  # the hint of a new document, and leaves
    assert store.load("c") == conversation


def test_a_save_costs_what_it_adds(url: str, runner: asyncio.Runner) -> None:
    sizes: list[int] = []

    def watch(event: objstore.Event) -> None:
        if isinstance(event, objstore.OperationEvent) and event.operation == "create":
            sizes.append(event.size)

    store = opened(url, runner, observer=watch)
    used(store)
    conversation = Conversation(conversation_id="c")
    sizes.clear()
    for n in range(2 * TURNS):
        conversation.messages += worked(n)
        store.save(conversation)
    payload = len(ModelMessagesTypeAdapter.dump_json(conversation.messages))
    plain = sorted(sizes)[TURNS // 10 : TURNS * 19 // 10]
    print(
        f"{2 * TURNS} saves: {payload:,} bytes of messages, {sum(sizes):,} sent, {plain[0]:,} to {plain[-1]:,} a save"
    )
    assert sum(sizes) < payload / 2
    assert 1000 < plain[0] <= plain[-1] < 1200


def test_a_save_touches_no_entry_that_is_there(
    store: Waiting[ObjstoreConversationStore], touched: list[ObjectView]
) -> None:
    conversation = begun(store, "c", *(f"message {n}" for n in range(500)))
    touched.clear()
    conversation.messages += said("one more")
    store.save(conversation)
    assert len(touched) < 10


def test_a_long_history_is_read_at_once(
    bucket: str, s3_options: dict[str, Any], s3_server: MotoServer, runner: asyncio.Runner
) -> None:
    url = f"s3://{bucket}/agents"
    writer = opened(url, runner, storage_options=s3_options)
    conversation = Conversation(conversation_id="c")
    for n in range(50):
        conversation.messages += said(*(f"message {n * 20 + m}" for m in range(20)))
        writer.save(conversation)
    reader = opened(url, runner, storage_options=s3_options)
    s3_server.reset()
    assert len(reader.load("c").messages) == 1000
    cold = counted(s3_server)
    s3_server.reset()
    assert texts(reader.load("c", limit=2).messages) == ["message 998", "message 999"]
    warm = counted(s3_server)
    print(f"1,000 messages of 50 saves: cold {cold}, and the last two of them warm {warm}")
    assert cold == {"LIST": 2, "GET": 20}
    assert warm == {"GET": 1}


def test_a_list_costs_two_lists_and_a_get_for_each_conversation(
    bucket: str, s3_options: dict[str, Any], s3_server: MotoServer, runner: asyncio.Runner
) -> None:
    store = opened(f"s3://{bucket}/agents", runner, storage_options=s3_options)
    for n in range(10):
        begun(store, f"c-{n}")
    s3_server.reset()
    assert len(store.list_conversations(limit=3)) == 3
    assert counted(s3_server) == {"LIST": 1 + 2 * 10, "GET": 10}


def test_what_branches_and_forks_cost(
    bucket: str, s3_options: dict[str, Any], s3_server: MotoServer, runner: asyncio.Runner
) -> None:
    store = opened(f"s3://{bucket}/agents", runner, storage_options=s3_options)
    conversation = begun(store, "c", "one", "two", "three")
    s3_server.reset()
    store.branch("c", at=2, expected_revision=conversation.revision)
    branch = counted(s3_server)
    s3_server.reset()
    store.fork("c", new_conversation_id="d")
    fork = counted(s3_server)
    print(f"a branch costs {branch}, a fork {fork}")
    assert branch == {"GET": 1, "PUT": 1}
    assert but_for_a_race(fork, 4) == {"GET": 1, "LIST": 4, "PUT": 2}


# What it holds.


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


# Who may write it.


def test_workers_on_one_conversation_lose_no_turn(url: str) -> None:
    """Four workers with a store and a loop of their own; each runs its turns again when it was too late."""
    workers, turns = 4, 5

    def work(worker: int) -> int:
        conflicts = 0
        with asyncio.Runner() as runner:
            store, model = opened(url, runner), agent()
            for n in range(turns):
                while True:
                    conversation = store.load("c") or Conversation(conversation_id="c")
                    prompt = f"worker {worker} turn {n}"
                    result = store.wait(model.run(prompt, conversation=conversation, usage_limits=UNLIMITED))
                    try:
                        store.save(result)
                        break
                    except ConversationConflict:
                        conflicts += 1
        return conflicts

    with ThreadPoolExecutor(workers) as pool:
        conflicts = sum(pool.map(work, range(workers)))
    with asyncio.Runner() as runner:
        messages = opened(url, runner).load("c").messages
    asked = [text for text in texts(messages) if text.startswith("worker")]
    assert sorted(asked) == [f"worker {worker} turn {n}" for worker in range(workers) for n in range(turns)]
    assert len(messages) == 4 * workers * turns
    print(f"{workers * turns} turns of {workers} workers, {conflicts} of them run again")


def test_processes_on_one_conversation_lose_no_turn(tmp_path: Path, runner: asyncio.Runner) -> None:
    names, turns, target = ("one", "two", "three"), 4, str(tmp_path / "conversations")
    command = [sys.executable, "-m", "tests.integrations.pydantic_ai_worker", target]
    root = Path(__file__).parents[2]
    workers = [subprocess.Popen([*command, name, str(turns)], cwd=root) for name in names]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    messages = opened(target, runner).load("c").messages
    asked = texts(messages)[::2]
    assert sorted(asked) == sorted(f"{name} {n}" for name in names for n in range(turns))
    assert [text for text in asked if text.startswith("one")] == [f"one {n}" for n in range(turns)]
    assert texts(messages)[1::2] == ["fine"] * len(names) * turns


def test_a_conversation_can_be_saved_by_another_store_than_loaded_it(url: str, runner: asyncio.Runner) -> None:
    one, other = opened(url, runner), opened(url, runner)
    begun(one)
    for store, other_store in (one, other), (other, one), (one, other):
        other_store.load("c")
        conversation = store.load("c")
        conversation.messages += said("more")
        store.save(conversation)
        conversation.messages += said("and more")
        other_store.save(conversation)
    assert len(one.load("c").messages) == 2 + 6
    assert one.read_record("c").branches == []


def test_a_record_is_written_on_one_that_this_store_never_saw(url: str, runner: asyncio.Runner) -> None:
    one, other = opened(url, runner), opened(url, runner)
    first, second, third = (ConversationRecord(conversation_id="c", head_id=None) for _ in range(3))
    one.write_record(first, expected_revision=None)
    other.write_record(second, expected_revision=first.revision)
    one.write_record(third, expected_revision=second.revision)
    assert other.read_record("c") == third


def test_a_store_that_remembers_what_was_deleted_elsewhere_can_save_it_anew(url: str, runner: asyncio.Runner) -> None:
    one, other = opened(url, runner), opened(url, runner)
    begun(one)
    other.delete("c")
    begun(one, "c", "new")
    assert texts(other.load("c").messages) == ["new"]


def test_a_history_that_is_deleted_while_it_is_read_is_none(url: str, runner: asyncio.Runner) -> None:
    other = opened(url, runner)
    image = BinaryImage(data=bytes(100_000), media_type="image/png")
    other.save(Conversation(conversation_id="c", messages=[ModelRequest(parts=[UserPromptPart(content=[image])])]))
    documents = _DeletingBetween(url)
    store = Waiting(ObjstoreConversationStore(documents), runner)
    documents.between = lambda: other.inner.delete("c")
    assert store.load("c") is None


class _DeletingBetween(AsyncDocumentStore):
    """Somebody deletes the conversation between its entries and the large values that they name."""

    between: Any = None

    async def load(self, id: str, **arguments: Any) -> objstore.Document | None:
        document = await super().load(id, **arguments)
        if self.between:
            between, self.between = self.between, None
            await between()
        return document
