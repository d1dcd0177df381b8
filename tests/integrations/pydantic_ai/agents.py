"""Stores of conversations, an agent with a tool, and what its turns leave."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage, UsageLimits

from objstore import AsyncDocumentStore
from objstore.integrations.pydantic_ai import ObjstoreConversationStore
from tests.integrations.pydantic_ai.conversations import ask
from tests.integrations.waiting import Waiting

UNLIMITED = UsageLimits(request_limit=None)
REPORT = "total 1234\n" + "-rw-r--r-- 1 agent agent 4096 report.txt\n" * 20


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


def worked(n: int) -> list[ModelMessage]:
    """Make the messages of a turn, as an agent would."""
    call = ToolCallPart("run", {"command": "ls -l"}, tool_call_id=f"call-{n}")
    return [
        ask(f"What is there in turn {n}?"),
        ModelResponse(parts=[call], usage=RequestUsage(input_tokens=100 * n, output_tokens=9), model_name="a-model"),
        ModelRequest(parts=[ToolReturnPart("run", REPORT, tool_call_id=call.tool_call_id)]),
        ModelResponse(parts=[TextPart(f"There is a report. {n}")], model_name="a-model"),
    ]
