"""The OpenAI Agents SDK on an objstore: python examples/openai_agents.py [DIRECTORY or URL].

The runner, the tool and the session are real; the model is a script, so nothing goes over a network. It needs the SDK:
pip install '.[openai-agents]'.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from agents import Agent, RunConfig, Runner, function_tool
from agents.testing import ModelStep, ScriptedModel, assistant_message, function_call

from objstore import AsyncDocumentStore
from objstore.integrations.openai_agents import ObjstoreSession

QUIET = RunConfig(tracing_disabled=True)


@function_tool  # type: ignore[untyped-decorator, unused-ignore] # where the SDK is not installed it is of no type
def build_state(branch: str) -> str:
    """Say how the build of a branch is."""
    return f"{branch}: green\n" + "test ... ok\n" * 30_000


def agent(*outputs: Any) -> Agent[Any]:
    """Make an agent whose model gives these outputs, one after the other."""
    model = ScriptedModel([ModelStep(output=[output]) for output in outputs])
    return Agent(name="builder", model=model, tools=[build_state])


async def ask(url: str) -> None:
    """Run one turn, with a tool call in it."""
    async with AsyncDocumentStore(url) as documents:
        session = ObjstoreSession("support/42", documents)
        call = function_call("build_state", {"branch": "main"}, call_id="call-1")
        answering = agent(call, assistant_message("It is green."))
        result = await Runner.run(answering, "Is the build green?", session=session, run_config=QUIET)
        print(f"answer: {result.final_output}")


async def go_on(url: str) -> None:
    """Go on with the session as another process would, and look at what is kept."""
    async with AsyncDocumentStore(url) as documents:
        session = ObjstoreSession("support/42", documents)
        releasing = agent(assistant_message("Released."))
        result = await Runner.run(releasing, "Then release it.", session=session, run_config=QUIET)
        print(f"answer: {result.final_output}")
        assert isinstance(releasing.model, ScriptedModel)
        print(f"the model was given {len(releasing.model.calls[0].input)} items")

        workers = [ObjstoreSession("support/42", documents) for _ in range(4)]
        await asyncio.gather(
            *(w.add_items([{"role": "user", "content": f"worker {n}"}]) for n, w in enumerate(workers))
        )
        assert len(await session.get_items()) == 10
        popped = [str(item) for item in await asyncio.gather(*(worker.pop_item() for worker in workers))]
        assert len(set(popped)) == 4

        for commit in await documents.history("support/42"):
            print(f"  commit {commit.seq}: {commit.size:6,} bytes and {commit.objects:7,} bytes of big texts")


async def main() -> None:
    """Play it all."""
    with tempfile.TemporaryDirectory() as directory:
        url = sys.argv[1] if len(sys.argv) == 2 else str(Path(directory, "sessions"))
        print(f"a store at {url}")
        await ask(url)
        await go_on(url)


if __name__ == "__main__":
    asyncio.run(main())
