"""An agent of pydantic-ai with an objstore behind it: python examples/pydantic_ai_agent.py [DIRECTORY or URL].

The model is played by a function, so nothing is asked of a network. It needs pydantic-ai: pip install '.[pydantic-ai]'.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from pydantic_ai import Agent, BinaryContent
from pydantic_ai.conversation import Conversation
from pydantic_ai.conversation_store import ConversationConflict
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from objstore import AsyncDocumentStore
from objstore.integrations.pydantic_ai import ObjstoreConversationStore

ID, OWNER = "build-42", "user-7"


def play(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Look at the build when asked something, then tell what was seen."""
    del info
    if any(isinstance(part, ToolReturnPart) for part in messages[-1].parts):
        return ModelResponse(parts=[TextPart(f"It is red, as message {len(messages)} shows.")])
    return ModelResponse(parts=[ToolCallPart("look", {"job": "tests"})])


def look(job: str) -> dict[str, object]:
    """Look at a job."""
    screen = BinaryContent(data=bytes(200_000), media_type="image/png")
    return {"log": f"{job}: 1 failed, 41 passed", "core dump": b"\x7fELF\x00\xff", "screen": screen}


agent = Agent(FunctionModel(play), tools=[look])


async def talk(store: ObjstoreConversationStore, prompt: str) -> None:
    """Run a turn, and run it again on the newer history where somebody else was faster."""
    while True:
        conversation = await store.load(ID, limit=50, scope=OWNER) or Conversation(conversation_id=ID)
        result = await agent.run(prompt, conversation=conversation)
        try:
            saved = await store.save(result, scope=OWNER)
        except ConversationConflict:
            print(f"  {prompt!r} came too late and is run again")
        else:
            print(f"  {prompt!r} -> {result.output!r}, {len(saved)} messages stored")
            return


async def work(url: str) -> None:
    """Talk in turn, at once, from an earlier point, and look back."""
    async with AsyncDocumentStore(url) as documents, AsyncDocumentStore(url) as others:
        store, other = ObjstoreConversationStore(documents), ObjstoreConversationStore(others)
        await talk(store, "Is the build green?")
        await asyncio.gather(talk(store, "Why not?"), talk(other, "Since when?"))

        conversation = await other.load(ID, scope=OWNER)
        assert conversation is not None
        assert len(conversation.messages) == 12, "no turn is lost, and none is there twice"

        branched = await store.branch(ID, at=4, expected_revision=conversation.revision, scope=OWNER)
        result = await agent.run("And on the other branch?", conversation=branched)
        await store.save(result)
        fork = await store.fork(ID, new_conversation_id="build-42-again", scope=OWNER)
        assert len(fork.messages) == 8

        for record in await store.list_conversations(scope=OWNER):
            print(f"listed: {record.conversation_id}, {record.usage.requests} requests, left {len(record.branches)}")
        for commit in await documents.history(ID):
            print(f"  commit {commit.seq}: {commit.size:6,} bytes and {commit.objects:7,} apart")
        report = await documents.verify()
        print(f"verified {report.commits} commits: {'intact' if report.ok else report.findings}")


def main() -> None:
    """Play it all."""
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(work(sys.argv[1] if len(sys.argv) == 2 else str(Path(directory, "conversations"))))


if __name__ == "__main__":
    main()
