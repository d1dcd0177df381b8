"""A model of Strands that says what it was told to say, and an agent with it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from typing import Any

from strands import Agent, tool
from strands.models import Model
from strands.types.content import Messages
from strands.types.streaming import StreamEvent

Respond = Callable[[Messages], "str | dict[str, Any]"]
"""The messages so far -> an answer, or the input of a call of the tool ``run``."""


def tools_first(messages: Messages) -> str | dict[str, Any]:
    """Call the tool in each turn, then answer."""
    if any("toolResult" in block for block in messages[-1]["content"]):
        return f"There is a report, as message {len(messages) - 1} shows."
    return {"command": "ls -l"}


def answer(messages: Messages) -> str | dict[str, Any]:
    """Answer at once."""
    return f"As I said in message {len(messages)}, fine."


class ScriptedModel(Model):
    """Says what a function of the messages says."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.asked: list[Messages] = []

    def update_config(self, **model_config: Any) -> None:
        """There is nothing to configure."""

    def get_config(self) -> Any:
        """There is nothing to configure."""
        return {}

    def structured_output(self, *args: Any, **kwargs: Any) -> AsyncGenerator[dict[str, Any], None]:
        """Nobody asks for it."""
        raise NotImplementedError

    async def stream(self, messages: Messages, *args: Any, **kwargs: Any) -> AsyncIterable[StreamEvent]:
        """Say it, as events."""
        self.asked.append(json.loads(json.dumps(messages, default=repr)))
        said = self.respond(messages)
        yield {"messageStart": {"role": "assistant"}}
        if isinstance(said, str):
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": said}}}
            reason: Any = "end_turn"
        else:
            use = {"name": "run", "toolUseId": f"call-{len(messages)}"}
            yield {"contentBlockStart": {"start": {"toolUse": use}}}  # type: ignore[typeddict-item]
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": json.dumps(said)}}}}
            reason = "tool_use"
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": reason}}


@tool
def run(command: str) -> str:
    """Run a command."""
    return "total 1234\n" + "-rw-r--r-- 1 agent agent 4096 report.txt\n" * 20 + command


def scripted_agent(session_manager: Any, respond: Respond = tools_first, **arguments: Any) -> Agent:
    """Make an agent that talks to nobody."""
    arguments = {"agent_id": "agent", "tools": [run], "callback_handler": None, **arguments}
    return Agent(model=ScriptedModel(respond), session_manager=session_manager, **arguments)


def check_pairs(messages: Messages) -> None:
    """Check that a conversation is one that a model takes: each tool call is followed by its result, and only then."""
    for at, message in enumerate(messages):
        calls = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
        following = messages[at + 1]["content"] if at + 1 < len(messages) else []
        results = [block["toolResult"]["toolUseId"] for block in following if "toolResult" in block]
        assert results == calls, f"message {at}"
    assert not any("toolResult" in block for block in messages[0]["content"])
