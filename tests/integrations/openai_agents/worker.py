"""A process that works on one session: python -m tests.integrations.openai_agents.worker TARGET OPTIONS NAME."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from objstore import AsyncDocumentStore


async def work(target: str, options: str, name: str) -> None:
    """Add two items ten times, then take items away ten times and print these."""
    from objstore.integrations.openai_agents import ObjstoreSession

    async with AsyncDocumentStore(target, storage_options=json.loads(options)) as documents:
        session = ObjstoreSession("shared", documents)
        for n in range(10):
            items: Any = [{"role": "user", "content": f"{name}-{n:04}-{part}"} for part in "ab"]
            await session.add_items(items)
        for _ in range(10):
            print(json.dumps(await session.pop_item()))


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
