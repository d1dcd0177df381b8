"""The Claude Agent SDK on an objstore: python examples/claude_agent.py [DIRECTORY or URL].

The SDK runs as it always does. Where it would start Claude Code it starts this file, which plays that part by a script:
no model is called, and nothing goes over a network. It needs the SDK: pip install '.[claude]'.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from claude_agent_sdk import (
    AssistantMessage,
    ClaudeAgentOptions,
    ResultMessage,
    TextBlock,
    get_session_messages_from_store,
    list_sessions_from_store,
    list_subagents_from_store,
    project_key_for_directory,
    query,
)

from objstore import AsyncDocumentStore
from objstore.integrations.claude_agent_sdk import ObjstoreSessionStore


async def ask(prompt: str, options: ClaudeAgentOptions) -> str:
    """Run one turn and give the id of its session."""
    session_id = ""
    async for message in query(prompt=prompt, options=options):
        if isinstance(message, AssistantMessage):
            print("  " + "".join(block.text for block in message.content if isinstance(block, TextBlock)))
        elif isinstance(message, ResultMessage):
            session_id = message.session_id
    return session_id


async def work(url: str, directory: Path) -> None:
    """Talk, lose the machine, and go on elsewhere with what the store has."""
    claude = directory / "claude"
    claude.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, __file__])} --as-claude-code "$@"\n')
    claude.chmod(0o700)
    project = directory / "project"
    project.mkdir()

    async with AsyncDocumentStore(url) as documents:
        store = ObjstoreSessionStore(documents)
        options = ClaudeAgentOptions(
            cli_path=claude,
            cwd=project,
            session_store=store,
            env={"CLAUDE_CONFIG_DIR": str(directory / "one machine")},
        )
        session_id = await ask("Is the build green?", options)
        key = project_key_for_directory(project)
        print(f"session {session_id}: {len(await store.list_subkeys(subkeys_of(key, session_id)))} subagent")

        options.resume = session_id  # the transcript comes from the store: this machine never had it
        options.env = {"CLAUDE_CONFIG_DIR": str(directory / "another machine")}
        assert await ask("Then release it.", options) == session_id

        for info in await list_sessions_from_store(store, str(project)):
            print(f"listed: {info.summary!r}")
        messages = await get_session_messages_from_store(store, session_id, str(project))
        assert [message.type for message in messages] == ["user", "assistant", "user", "assistant"]
        assert await list_subagents_from_store(store, session_id, str(project)) == ["looker"]

        for commit in await documents.history((await documents.list())[0]):
            print(f"  commit {commit.seq}: {', '.join(commit.parts):30} {commit.size:6,} bytes")


def subkeys_of(project_key: str, session_id: str) -> Any:
    """Name a session to the SDK."""
    return {"project_key": project_key, "session_id": session_id}


def play_claude_code(arguments: list[str]) -> None:
    """Answer on the standard streams as Claude Code does, with a transcript on local disk."""
    resumed = next((a.partition("=")[2] for a in arguments if a.startswith("--resume=")), None)
    if "--resume" in arguments:
        resumed = arguments[arguments.index("--resume") + 1]
    session_id = resumed or str(uuid.uuid4())
    folder = Path(os.environ["CLAUDE_CONFIG_DIR"], "projects", project_key_for_directory())
    transcript = folder / f"{session_id}.jsonl"
    before = transcript.read_text().splitlines() if transcript.exists() else []
    parent = json.loads(before[-1])["uuid"] if before else None
    for line in map(json.loads, sys.stdin):
        if line["type"] == "control_request":
            answer = {"subtype": "success", "request_id": line["request_id"], "response": {}}
            say({"type": "control_response", "response": answer})
        elif line["type"] == "user":
            prompt = line["message"]["content"]
            reply = f"I know {len(before)} entries of this session. {prompt!r}: done."
            entries = list(turn(session_id, parent, prompt, reply))
            write(transcript, entries)
            write(folder / session_id / "subagents" / "agent-looker.jsonl", list(turn("", None, "Look.", "I looked.")))
            say({"type": "assistant", "message": entries[-1]["message"], "parent_tool_use_id": None})
            say(
                {"type": "result", "subtype": "success", "duration_ms": 1, "duration_api_ms": 0, "is_error": False}
                | {"num_turns": 1, "session_id": session_id, "result": reply}
            )
            return


def turn(session_id: str, parent: str | None, prompt: str, reply: str) -> Iterator[dict[str, Any]]:
    """Make the entries of a turn."""
    texts = [("user", prompt), ("assistant", [{"type": "text", "text": reply}])]
    for n, (role, content) in enumerate(texts):
        entry = {
            "parentUuid": parent,
            "type": role,
            "uuid": str(uuid.uuid4()),
            "sessionId": session_id,
            "isSidechain": not session_id,
            "timestamp": f"2026-01-01T00:00:0{n}.000Z",
            "cwd": str(Path.cwd()),
            "message": {"role": role, "content": content, "model": "a-script"},
        }
        parent = str(entry["uuid"])
        yield entry


def write(transcript: Path, entries: list[dict[str, Any]]) -> None:
    """Add to a transcript on local disk, and hand the SDK what it mirrors to its store."""
    transcript.parent.mkdir(parents=True, exist_ok=True)
    with transcript.open("a") as file:
        file.writelines(json.dumps(entry) + "\n" for entry in entries)
    say({"type": "transcript_mirror", "filePath": str(transcript), "entries": entries})


def say(message: dict[str, Any]) -> None:
    """Send a message to the SDK."""
    print(json.dumps(message), flush=True)


def main() -> None:
    """Play it all."""
    if "--as-claude-code" in sys.argv:
        play_claude_code(sys.argv[2:])
        return
    with tempfile.TemporaryDirectory() as directory:
        url = sys.argv[1] if len(sys.argv) == 2 else str(Path(directory, "sessions"))
        print(f"a store at {url}")
        asyncio.run(work(url, Path(directory)))


if __name__ == "__main__":
    main()
