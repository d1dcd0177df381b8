"""An agent of Strands with an objstore behind it: python examples/strands_agent.py [DIRECTORY or URL].

A class plays the model, so nothing is asked of a network. A process dies while its tool runs, and another goes on. It
needs Strands: pip install '.[strands]'.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable
from pathlib import Path
from typing import Any

from strands import Agent, tool
from strands.models import Model
from strands.types.content import Messages
from strands.types.exceptions import EventLoopException
from strands.types.streaming import StreamEvent

from objstore import DocumentStore
from objstore.integrations.strands import ObjstoreSessionManager, SessionConflictError

SESSION, DIED = "build-42", 9


class PlayedModel(Model):  # type: ignore[misc, unused-ignore] # where Strands is not installed it is of no type
    """Looks at the build when asked something, then tells what it saw."""

    def update_config(self, **model_config: Any) -> None:
        """There is nothing to configure."""

    def get_config(self) -> Any:
        """There is nothing to configure."""
        return {}

    def structured_output(self, *args: Any, **kwargs: Any) -> AsyncGenerator[dict[str, Any], None]:
        """Nobody asks for it."""
        raise NotImplementedError

    async def stream(self, messages: Messages, *_args: Any, **_kwargs: Any) -> AsyncIterable[StreamEvent]:
        """Say it, as events."""
        results = [block["toolResult"]["status"] for block in messages[-1]["content"] if "toolResult" in block]
        yield {"messageStart": {"role": "assistant"}}
        if results:
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": f"It is red, as message {len(messages) - 1} shows."}}}
        else:
            call: Any = {"toolUse": {"name": "look", "toolUseId": f"call-{len(messages)}"}}
            yield {"contentBlockStart": {"start": call}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": json.dumps({"job": "tests"})}}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "end_turn" if results else "tool_use"}}


def look(job: str) -> str:
    """Look at a job.

    Args:
        job: Its name.
    """
    if "--die" in sys.argv:
        os._exit(DIED)
    return f"{job}: 1 failed, 41 passed"


def open_agent(documents: DocumentStore) -> Agent:
    """Open the session, wherever it was left."""
    manager = ObjstoreSessionManager(SESSION, documents)
    return Agent(
        model=PlayedModel(), agent_id="support", tools=[tool(look)], session_manager=manager, callback_handler=None
    )


def work(url: str) -> None:
    """Talk, lose a process in the middle of a turn, go on, collide, look back."""
    with DocumentStore(url) as documents, DocumentStore(url) as others:
        agent = open_agent(documents)
        print(f"  {str(agent('Is the build green?')).strip()}")

        died = subprocess.run([sys.executable, __file__, url, "--die"], check=False)
        assert died.returncode == DIED
        agent = open_agent(documents)
        print(f"a process died in its tool; the session has {len(agent.messages)} messages, the last one its call")
        assert "toolUse" in agent.messages[-1]["content"][0]
        print(f"  {str(agent('And now?')).strip()}")

        other = open_agent(others)
        agent("From one worker.")
        try:
            other("From another.")
        except (SessionConflictError, EventLoopException) as error:
            print(f"the second worker: {error}")
        other = open_agent(others)
        other("From another.")
        assert len(other.messages) == 4 + 3 + 4 + 4 + 4, "no turn is lost, and none is there twice"

        for commit in documents.history(SESSION):
            print(f"  commit {commit.seq:2}: {', '.join(commit.parts):30} {commit.size:5,} bytes")
        report = documents.verify()
        print(f"verified {report.commits} commits: {'intact' if report.ok else report.findings}")


def main() -> None:
    """Play it all, or the part of the process that dies."""
    if "--die" in sys.argv:
        open_agent(DocumentStore(sys.argv[1]))("Why not?")
    with tempfile.TemporaryDirectory() as directory:
        work(sys.argv[1] if len(sys.argv) == 2 else str(Path(directory, "sessions")))


if __name__ == "__main__":
    main()
