"""One of several workers on a conversation: python -m tests.integrations.pydantic_ai.worker STORE NAME TURNS."""

from __future__ import annotations

import asyncio
import sys

from pydantic_ai import Agent, UsageLimits
from pydantic_ai.conversation import Conversation
from pydantic_ai.conversation_store import ConversationConflict
from pydantic_ai.models.test import TestModel

from objstore import AsyncDocumentStore
from objstore.integrations.pydantic_ai import ObjstoreConversationStore

UNLIMITED = UsageLimits(request_limit=None)


async def work(target: str, name: str, turns: int) -> None:
    """Run turns, each again where it came too late."""
    async with AsyncDocumentStore(target) as documents:
        store, agent = ObjstoreConversationStore(documents), Agent(TestModel(custom_output_text="fine"))
        for n in range(turns):
            while True:
                conversation = await store.load("c", limit=2) or Conversation(conversation_id="c")
                result = await agent.run(f"{name} {n}", conversation=conversation, usage_limits=UNLIMITED)
                try:
                    await store.save(result)
                except ConversationConflict:
                    continue
                break


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], int(sys.argv[3])))
