"""A process that appends to one transcript.

``python -m tests.integrations.claude_agent_sdk.worker TARGET OPTIONS NAME BATCHES``
"""

from __future__ import annotations

import asyncio
import json
import sys

from objstore import AsyncDocumentStore


async def work(target: str, options: str, name: str, batches: int) -> None:
    """Append batches of three entries, each repeated as after a lost answer."""
    from objstore.integrations.claude_agent_sdk import ObjstoreSessionStore

    async with AsyncDocumentStore(target, storage_options=json.loads(options)) as documents:
        store = ObjstoreSessionStore(documents)
        for batch in range(batches):
            for _ in range(2):
                await store.append(
                    {"project_key": "project", "session_id": "session"},
                    [
                        {"type": "user", "uuid": f"{name}-{batch * 3 + n:04}", "lastPrompt": f"{name} {batch}"}  # type: ignore[typeddict-unknown-key]
                        for n in range(3)
                    ],
                )


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
