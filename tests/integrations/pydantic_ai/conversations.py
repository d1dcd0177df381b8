"""Messages, entries, records and conversations to try stores with."""

from __future__ import annotations

from typing import Any

from pydantic_ai import DeferredToolRequests
from pydantic_ai.conversation import Conversation
from pydantic_ai.conversation_store import ConversationEntry, ConversationRecord
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart

Waiting = Any
"""A conversation store whose calls wait."""


def ask(text: str) -> ModelMessage:
    return ModelRequest.user_text_prompt(text)


def answer(text: str) -> ModelMessage:
    return ModelResponse(parts=[TextPart(text)])


def said(*texts: str) -> list[ModelMessage]:
    return [answer(text) if n % 2 else ask(text) for n, text in enumerate(texts)]


def texts(messages: list[ModelMessage]) -> list[str]:
    return [str(getattr(part, "content", "")) for message in messages for part in message.parts]


def entry(id: str, parent_id: str | None = None, text: str = "hello") -> ConversationEntry:
    return ConversationEntry(id=id, parent_id=parent_id, message=ask(text))


def record(id: str, head_id: str | None = None, **fields: Any) -> ConversationRecord:
    return ConversationRecord(conversation_id=id, head_id=head_id, **fields)


def begun(store: Waiting, id: str = "c", *said_: str, **arguments: Any) -> Conversation:
    """Save a new conversation of some turns, and give what was saved."""
    conversation = Conversation(conversation_id=id, messages=said(*(said_ or ("one", "two"))))
    store.save(conversation, **arguments)
    return conversation


def deferred() -> DeferredToolRequests:
    call = ToolCallPart("pay", {"amount": 3}, tool_call_id="call-1")
    return DeferredToolRequests(approvals=[call], metadata={"call-1": {"reason": "money"}})
