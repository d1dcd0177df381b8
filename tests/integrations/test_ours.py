"""What an integration does not stand on is named: another kind of store, and a document of something else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest

import objstore
from objstore import AsyncDocumentStore, DocumentStore, FormatError
from objstore.backends import MemoryBackend

Calls = Callable[[DocumentStore], Mapping[str, Callable[[], Any]]]


def waiting(call: Callable[[], Coroutine[Any, Any, Any]]) -> Callable[[], Any]:
    return lambda: asyncio.run(call())


def module_of(name: str, missing: str) -> Any:
    """Import an integration, which says itself what to install where its framework is missing."""
    return pytest.importorskip(name, reason=missing, exc_type=ImportError)


def claude(documents: DocumentStore) -> Mapping[str, Callable[[], Any]]:
    module = module_of("objstore.integrations.claude_agent_sdk", "claude-agent-sdk is not installed")
    store = module.ObjstoreSessionStore(AsyncDocumentStore.of(documents))
    key = {"project_key": "p", "session_id": "s"}
    return {
        "append": waiting(lambda: store.append(key, [{"type": "user", "uuid": "1"}])),
        "append to a subagent": waiting(lambda: store.append({**key, "subpath": "a"}, [{"type": "user"}])),
        "load": waiting(lambda: store.load(key)),
        "list_subkeys": waiting(lambda: store.list_subkeys(key)),
    }


def openai(documents: DocumentStore) -> Mapping[str, Callable[[], Any]]:
    module = module_of("objstore.integrations.openai_agents", "openai-agents is not installed")
    session = module.ObjstoreSession("p/s", AsyncDocumentStore.of(documents))
    return {
        "add_items": waiting(lambda: session.add_items([{"role": "user", "content": "hello"}])),
        "get_items": waiting(session.get_items),
        "pop_item": waiting(session.pop_item),
    }


def langgraph(documents: DocumentStore) -> Mapping[str, Callable[[], Any]]:
    module = module_of("objstore.integrations.langgraph", "langgraph is not installed")
    from langgraph.checkpoint.base import empty_checkpoint

    saver = module.ObjstoreSaver(documents)
    config = {"configurable": {"thread_id": "p/s", "checkpoint_ns": ""}}
    return {
        "put": lambda: saver.put(config, empty_checkpoint(), {"step": 0}, {}),
        "get_tuple": lambda: saver.get_tuple(config),
        "list": lambda: list(saver.list(config)),
    }


def pydantic_ai(documents: DocumentStore) -> Mapping[str, Callable[[], Any]]:
    module = module_of("objstore.integrations.pydantic_ai", "pydantic-ai is not installed")
    from pydantic_ai.conversation import Conversation
    from pydantic_ai.messages import ModelRequest

    store = module.ObjstoreConversationStore(AsyncDocumentStore.of(documents))
    conversation = Conversation(conversation_id="s", messages=[ModelRequest.user_text_prompt("hello")])
    return {"save": waiting(lambda: store.save(conversation)), "load": waiting(lambda: store.load("s"))}


def strands(documents: DocumentStore) -> Mapping[str, Callable[[], Any]]:
    module = module_of("objstore.integrations.strands", "strands-agents is not installed")
    repository = module.ObjstoreSessionRepository(documents)
    return {
        "read_session": lambda: repository.read_session("s"),
        "list_messages": lambda: repository.list_messages("s", "a"),
        "opening": lambda: module.ObjstoreSessionManager("s", documents),
    }


OURS: dict[Calls, dict[str, Any]] = {
    claude: {"transcript": [], "summary": {"session_id": "s", "mtime": 1, "data": {}}},
    openai: {"items": []},
    langgraph: {"checkpoints": [], "writes": []},
    pydantic_ai: {"summary": {"value": {}}, "entries": []},
    strands: {"session": {"value": {}}},
}
OTHERS: dict[str, dict[str, Any]] = {
    "one of one's own": {"turns": [{"text": "hello"}], "summary": {"turns": 1}},
    **{calls.__name__: parts for calls, parts in OURS.items()},
}


@pytest.mark.parametrize(
    ("calls", "parts"),
    [
        pytest.param(calls, parts, id=f"{calls.__name__} and {name}")
        for calls, own in OURS.items()
        for name, parts in OTHERS.items()
        if parts is not own
    ],
)
def test_a_document_of_something_else_is_named_and_left_as_it_is(calls: Calls, parts: dict[str, Any]) -> None:
    documents = DocumentStore(MemoryBackend.isolated())
    for id in ("s", "p/s"):
        documents.save(id, parts)
    for name, call in calls(documents).items():
        with pytest.raises(FormatError, match=r"s' is a document, but no .* a place of its own"):
            print(name, call())
    for id in ("s", "p/s"):
        assert len(documents.history(id)) == 1


def test_a_listing_names_the_document_of_something_else() -> None:
    pytest.importorskip("claude_agent_sdk", reason="claude-agent-sdk is not installed")
    from objstore.integrations.claude_agent_sdk import ObjstoreSessionStore

    documents = DocumentStore(MemoryBackend.isolated())
    store = ObjstoreSessionStore(AsyncDocumentStore.of(documents))
    for summary in ({"turns": 1}, "a text", 5):
        documents.save("p/s", {"summary": summary})
        with pytest.raises(FormatError, match="'p/s' is a document, but no session of the Claude Agent SDK"):
            asyncio.run(store.list_sessions("p"))


@pytest.mark.parametrize("items", [{"a": 1}, "a text", 5])
@pytest.mark.parametrize("call", ["get_items", "pop_item", "add_items"])
def test_items_that_are_no_list_are_neither_read_nor_changed(call: str, items: object) -> None:
    pytest.importorskip("agents", reason="openai-agents is not installed")
    from objstore.integrations.openai_agents import ObjstoreSession

    documents = DocumentStore(MemoryBackend.isolated())
    documents.save("s", {"items": items})
    session = ObjstoreSession("s", AsyncDocumentStore.of(documents))
    with pytest.raises(FormatError, match="no session of the OpenAI Agents SDK"):
        asyncio.run(getattr(session, call)(*([[{"role": "user"}]] if call == "add_items" else [])))
    assert len(documents.history("s")) == 1


MAKERS: dict[str, tuple[str, str, Callable[[Any, Any], object], bool]] = {
    "ObjstoreSaver": ("langgraph", "langgraph", lambda make, store: make(store), False),
    "ObjstoreSessionStore": ("claude_agent_sdk", "claude-agent-sdk", lambda make, store: make(store), True),
    "ObjstoreSession": ("openai_agents", "openai-agents", lambda make, store: make("s", store), True),
    "ObjstoreConversationStore": ("pydantic_ai", "pydantic-ai", lambda make, store: make(store), True),
    "ObjstoreSessionRepository": ("strands", "strands-agents", lambda make, store: make(store), False),
    "ObjstoreSessionManager": ("strands", "strands-agents", lambda make, store: make("s", store), False),
}
"""Module, framework, how it is made, and whether it awaits."""


@pytest.mark.parametrize("name", MAKERS)
def test_a_store_of_another_kind_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    module, framework, made, awaits = MAKERS[name]
    make = getattr(module_of(f"objstore.integrations.{module}", f"{framework} is not installed"), name)
    documents = DocumentStore(tmp_path)
    kinds = [DocumentStore, AsyncDocumentStore]
    of_sessions = [objstore.open(tmp_path), objstore.open_async(tmp_path), objstore.open(tmp_path, layout="tree")]
    for wrong in (
        documents if awaits else AsyncDocumentStore.of(documents),
        *of_sessions,
        str(tmp_path),
        None,
        kinds[awaits],
    ):
        with pytest.raises(
            TypeError, match=rf"needs an objstore\.{kinds[awaits].__name__}, not {type(wrong).__name__}$"
        ):
            made(make, wrong)
    assert list(tmp_path.iterdir()) == []
