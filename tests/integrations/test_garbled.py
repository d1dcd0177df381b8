"""A document that looks like an integration's and is garbled inside: reading it says so, and nothing is lost."""

from __future__ import annotations

import asyncio
import itertools
import traceback
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest

from objstore import AsyncDocumentStore, ConflictError, DocumentStore, FormatError
from objstore.backends import MemoryBackend
from objstore.integrations.ours import Ours
from tests.integrations.test_ours import module_of, waiting

SECRET = "the-secret-of-the-user"
BIG = SECRET * 16 * 1024
"""Long enough for a part of its own in each of them."""

Calls = Mapping[str, Callable[[], Any]]
Integration = Callable[[DocumentStore], tuple[str, Callable[[], Any], Callable[[], Calls]]]
"""A store -> the id of the document, what makes it, and what makes the calls that read it anew."""


def claude(documents: DocumentStore) -> tuple[str, Callable[[], Any], Callable[[], Calls]]:
    module = module_of("objstore.integrations.claude_agent_sdk", "claude-agent-sdk is not installed")
    key = {"project_key": "p", "session_id": "s"}

    def store() -> Any:
        return module.ObjstoreSessionStore(AsyncDocumentStore.of(documents))

    def make() -> None:
        entries = [{"type": "user", "uuid": str(n), "message": {"content": SECRET}} for n in range(2)]
        odd = {"type": "user", "uuid": "odd", "message": {"content": f"{SECRET}\ud800"}}
        asyncio.run(store().append(key, entries))
        asyncio.run(store().append(key, [odd]))
        asyncio.run(store().append({**key, "subpath": "a"}, entries))

    def calls() -> Calls:
        return {
            "append": waiting(lambda: store().append(key, [{"type": "user", "uuid": "9"}])),
            "load": waiting(lambda: store().load(key)),
            "load a subagent": waiting(lambda: store().load({**key, "subpath": "a"})),
            "list_sessions": waiting(lambda: store().list_sessions("p")),
            "list_session_summaries": waiting(lambda: store().list_session_summaries("p")),
            "list_subkeys": waiting(lambda: store().list_subkeys(key)),
        }

    return "p/s", make, calls


def openai(documents: DocumentStore) -> tuple[str, Callable[[], Any], Callable[[], Calls]]:
    module = module_of("objstore.integrations.openai_agents", "openai-agents is not installed")

    def session() -> Any:
        return module.ObjstoreSession("s", AsyncDocumentStore.of(documents))

    def make() -> None:
        asyncio.run(session().add_items([{"role": "user", "content": SECRET}]))
        asyncio.run(session().add_items([{"role": "user", "content": f"{SECRET}\ud800"}]))

    def calls() -> Calls:
        return {
            "add_items": waiting(lambda: session().add_items([{"role": "user", "content": "hello"}])),
            "get_items": waiting(lambda: session().get_items()),
            "get_items of the newest": waiting(lambda: session().get_items(1)),
            "pop_item": waiting(lambda: session().pop_item()),
        }

    return "s", make, calls


def langgraph(documents: DocumentStore) -> tuple[str, Callable[[], Any], Callable[[], Calls]]:
    module = module_of("objstore.integrations.langgraph", "langgraph is not installed")
    from langgraph.checkpoint.base import empty_checkpoint

    config = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}

    def saved(saver: Any, n: int, on: Any, values: dict[str, Any]) -> Any:
        checkpoint = empty_checkpoint() | {"id": f"{n:04}", "channel_values": values}
        checkpoint["channel_versions"] = dict.fromkeys(values, n)
        checkpoint["versions_seen"] = {"a node": dict.fromkeys(values, n)}
        return saver.put(on, checkpoint, {"source": "loop", "step": n, "run_id": "r"}, dict.fromkeys(values, n))

    def make() -> None:
        saver, texts = module.ObjstoreSaver(documents), [f"{SECRET} {SECRET} {SECRET} {SECRET}"] * 2
        on = saved(saver, 1, config, {"texts": texts, "gone": 1, "big": BIG[:20_000]})
        on = saved(saver, 2, on, {"texts": [*texts, f"{SECRET} {SECRET} {SECRET} more"], "raw": b"\x80" * 32})
        saver.put_writes(on, [("texts", texts), ("one", 1)], "a task", "a path")

    def calls() -> Calls:
        def saver() -> Any:
            return module.ObjstoreSaver(documents)

        def goes_on() -> object:
            found = saver()
            read = found.get_tuple(config)
            return saved(found, 3, read.config if read else config, {"texts": ["x" * 100]})

        return {
            "get_tuple": lambda: saver().get_tuple(config),
            "get_tuple of the first": lambda: saver().get_tuple(
                {"configurable": {**config["configurable"], "checkpoint_id": "0001"}}
            ),
            "list": lambda: list(saver().list(config)),
            "list with a filter": lambda: list(saver().list(config, filter={"step": 1})),
            "get_delta_channel_history": lambda: saver().get_delta_channel_history(
                config=config, channels=["texts", "none"]
            ),
            "put": goes_on,
            "put_writes": lambda: saver().put_writes(
                {"configurable": {**config["configurable"], "checkpoint_id": "0002"}}, [("one", 2)], "a task"
            ),
            "delete_for_runs": lambda: saver().delete_for_runs(["another"]),
            "prune": lambda: saver().prune(["t"]),
        }

    return "t", make, calls


def pydantic_ai(documents: DocumentStore) -> tuple[str, Callable[[], Any], Callable[[], Calls]]:
    module = module_of("objstore.integrations.pydantic_ai", "pydantic-ai is not installed")
    from pydantic_ai import BinaryContent
    from pydantic_ai.conversation import Conversation
    from pydantic_ai.messages import ModelRequest, UserPromptPart

    def store() -> Any:
        return module.ObjstoreConversationStore(AsyncDocumentStore.of(documents))

    def asked(text: str) -> Any:
        return ModelRequest(parts=[UserPromptPart([text, BinaryContent(b"\0" * 16, media_type="image/png")])])

    def make() -> None:
        conversation = Conversation(conversation_id="s", messages=[asked(SECRET), asked(BIG)])
        asyncio.run(store().save(conversation))

    def calls() -> Calls:
        async def goes_on() -> object:
            found = store()
            conversation = await found.load("s") or Conversation(conversation_id="s", messages=[])
            conversation.messages.append(asked("more"))
            return await found.save(conversation)

        return {
            "load": waiting(lambda: store().load("s")),
            "load the newest": waiting(lambda: store().load("s", limit=1)),
            "load_entries": waiting(lambda: store().load_entries("s")),
            "list_conversations": waiting(lambda: store().list_conversations()),
            "save": waiting(goes_on),
            "fork": waiting(lambda: store().fork("s")),
            "delete": waiting(lambda: store().delete("s")),
        }

    return "s", make, calls


def strands(documents: DocumentStore) -> tuple[str, Callable[[], Any], Callable[[], Calls]]:
    module = module_of("objstore.integrations.strands", "strands-agents is not installed")
    from strands.types.session import SessionAgent, SessionMessage

    from tests.integrations.strands.contract import Multi, session

    def repository() -> Any:
        return module.ObjstoreSessionRepository(documents)

    def an_agent() -> Any:
        return SessionAgent("a", {"secret": SECRET}, {"__name__": "none"})

    def numbered(n: int, content: Any) -> Any:
        return SessionMessage({"role": "user", "content": content}, n)

    def make() -> None:
        found = repository()
        found.create_session(session("s"))
        found.create_agent("s", an_agent())
        found.create_multi_agent("s", Multi("m", {"secret": SECRET, "raw": b"b"}))
        for n, content in enumerate([[{"text": SECRET}], [{"text": BIG}], [{"raw": b"b"}]]):
            found.create_message("s", "a", numbered(n, content))

    def calls() -> Calls:
        def read_and_update() -> object:
            found = repository()
            read = found.read_agent("s", "a") or an_agent()
            read.state = {"changed": 1}
            return found.update_agent("s", read)

        return {
            "read_session": lambda: repository().read_session("s"),
            "read_agent": lambda: repository().read_agent("s", "a"),
            "read_multi_agent": lambda: repository().read_multi_agent("s", "m"),
            "read_message": lambda: repository().read_message("s", "a", 1),
            "list_messages": lambda: repository().list_messages("s", "a"),
            "list_messages of none": lambda: repository().list_messages("s", "a", offset=9),
            "update_agent": lambda: repository().update_agent("s", an_agent()),
            "read and update_agent": read_and_update,
            "create_message": lambda: repository().create_message("s", "a", numbered(3, [{"text": "more"}])),
            "update_message": lambda: repository().update_message("s", "a", numbered(1, [{"text": "redacted"}])),
            "opening": lambda: module.ObjstoreSessionManager("s", documents),
        }

    return "s", make, calls


INTEGRATIONS: list[Integration] = [claude, openai, langgraph, pydantic_ai, strands]

GONE = object()
OTHERS: tuple[Any, ...] = (GONE, None, 5, SECRET, [], {}, [SECRET], {"key": SECRET}, [5], [None])


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Name all that can be garbled in parts."""
    if path:
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, member in members:
        yield from places(member, (*path, step))


def garbled(parts: dict[str, Any], path: tuple[str | int, ...], other: Any) -> dict[str, Any]:
    """Give the parts with something else in one place, or without it."""
    found = deepcopy(parts)
    holder: Any = found
    for step in path[:-1]:
        holder = holder[step]
    if other is GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = deepcopy(other)
    return found


def of_theirs(error: Exception) -> bool:
    """Say whether an error is one that the framework has for what is not there, or was changed by others."""
    return type(error).__name__ in ("SessionException", "SessionConflictError", "ConversationConflict", "UserError")


@pytest.mark.parametrize(
    "step", [pytest.param(7, id="some"), pytest.param(1, id="all", marks=[pytest.mark.deep])]
)  # of what can be wrong: prime to the number of kinds, so that each kind comes up
@pytest.mark.parametrize("integration", INTEGRATIONS, ids=lambda integration: integration.__name__)
def test_what_is_garbled_is_named_without_its_contents_and_stays(integration: Integration, step: int) -> None:
    documents = DocumentStore(MemoryBackend.isolated())
    id, make, _ = integration(documents)
    make()
    document = documents.load(id)
    assert document is not None
    told = 0
    for path, other in [*itertools.product(places(document.parts), OTHERS)][::step]:
        parts = garbled(document.parts, path, other)
        if all(part is None for part in parts.values()):
            continue
        documents = DocumentStore(MemoryBackend.isolated())
        documents.save(id, parts)
        for name, call in integration(documents)[2]().items():
            commits = len(documents.history(id))
            try:
                call()
            except FormatError as error:
                told, said = told + 1, "".join(traceback.format_exception(error))
                ok = repr(id) in str(error) and SECRET not in said and len(documents.history(id)) == commits
                if not ok:
                    raise AssertionError(f"{name} of what has {other!r} at {path}") from error
            except Exception as error:
                said = "".join(traceback.format_exception(error))
                if SECRET in said or not (of_theirs(error) or isinstance(error, ConflictError)):
                    raise AssertionError(f"{name} of what has {other!r} at {path}") from error
    print(f"{told} calls said what is wrong")
    assert told


@pytest.mark.parametrize(
    ("integration", "reads"),
    [
        (langgraph, {"get_tuple of the first", "list"}),
        (pydantic_ai, {"load", "load the newest", "load_entries", "fork"}),
        (strands, {"read_message", "list_messages"}),
    ],
    ids=lambda given: given.__name__ if callable(given) else "",
)
def test_a_value_that_is_missing_was_not_deleted_meanwhile(integration: Integration, reads: set[str]) -> None:
    documents = DocumentStore(MemoryBackend.isolated())
    id, make, calls = integration(documents)
    make()
    document = documents.load(id, parts=())
    assert document is not None
    documents.save(id, dict.fromkeys(name for name in document.names if name.startswith(("large:", "value/"))))
    for name in reads:
        with pytest.raises(FormatError, match=rf"{id}' is whole, but not of the form .* missing"):
            print(name, calls()[name]())


@pytest.mark.parametrize("entries", [SECRET, 5, {"key": SECRET}])
def test_nothing_is_added_to_entries_that_are_no_list(entries: object) -> None:
    documents = DocumentStore(MemoryBackend.isolated())
    id, make, _ = pydantic_ai(documents)
    make()
    documents.save(id, {"entries": entries})
    from pydantic_ai.conversation_store import ConversationRecord

    from objstore.integrations.pydantic_ai import ObjstoreConversationStore

    found: Any = documents.load(id, parts=["summary"])
    there = found.parts["summary"]["value"]
    record = ConversationRecord(conversation_id=id, head_id=there["head_id"])
    store = ObjstoreConversationStore(AsyncDocumentStore.of(documents))
    with pytest.raises(FormatError, match="at entries"):
        asyncio.run(store.write_record(record, expected_revision=there["revision"]))
    assert len(documents.history(id)) == 2


def test_an_entry_that_is_missing_is_told_of_without_its_name() -> None:
    documents = DocumentStore(MemoryBackend.isolated())
    id, make, calls = pydantic_ai(documents)
    make()
    documents.update(id, lambda parts: {"summary": {"value": {**parts["summary"]["value"], "head_id": SECRET}}})
    with pytest.raises(FormatError, match="missing") as caught:
        calls()["load"]()
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_traceback_does_not_show_what_stands_in_the_document() -> None:
    garbled = {"number": SECRET}
    reading = Ours("thread", "LangGraph", ("langgraph",)).reading("t", "writes")
    with pytest.raises(FormatError, match="ValueError") as caught, reading:
        int(garbled["number"])
    assert SECRET not in "".join(traceback.format_exception(caught.value))
