"""Entries of transcripts, and what is asked of a store of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import claude_agent_sdk as sdk

from objstore import AsyncDocumentStore
from objstore.integrations.claude_agent_sdk import ObjstoreSessionStore
from tests.places import Place

KEY: sdk.SessionKey = {"project_key": "project", "session_id": "session"}
SUB: sdk.SessionKey = {**KEY, "subpath": "subagents/agent-1"}


def opened(place: Place) -> ObjstoreSessionStore:
    return ObjstoreSessionStore(AsyncDocumentStore(place.target, storage_options=place.options))


def entry(n: object, /, **more: object) -> Any:
    return {"type": "user", "uuid": f"uuid-{n}", "timestamp": "2026-01-01T00:00:00.000Z", **more}


def prompt(text: str, /, **more: object) -> Any:
    return entry(text[:40], message={"role": "user", "content": text}, **more)


def uuids(entries: Sequence[Any] | None) -> list[str]:
    return [e["uuid"] for e in entries or ()]


async def summary(store: sdk.SessionStore, key: sdk.SessionKey = KEY) -> sdk.SessionSummaryEntry:
    found = {s["session_id"]: s for s in await store.list_session_summaries(key["project_key"])}
    return found[key["session_id"]]


async def assert_the_summary_is_the_fold(store: ObjstoreSessionStore) -> None:
    entries = await store.load(KEY)
    assert entries
    assert (await summary(store))["data"] == sdk.fold_session_summary(None, KEY, entries)["data"]


class Script(sdk.Transport):
    """Plays Claude Code: answers every prompt, and reports the transcript for the SDK to mirror."""

    def __init__(self, transcript: Path) -> None:
        self._transcript = transcript
        self._messages: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._turns = 0

    async def connect(self) -> None: ...

    def is_ready(self) -> bool:
        return True

    async def close(self) -> None:
        self._messages.put_nowait(None)

    async def end_input(self) -> None:
        self._messages.put_nowait(None)

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        while (message := await self._messages.get()) is not None:
            yield message

    async def write(self, data: str) -> None:
        line = json.loads(data)
        if line["type"] == "control_request":
            answer = {"subtype": "success", "request_id": line["request_id"], "response": {}}
            self._messages.put_nowait({"type": "control_response", "response": answer})
        elif line["type"] == "user":
            self._turns += 1
            for n in range(4):
                entries = [entry(f"{self._turns} {n}", text="y" * 1000)]
                frame = {"type": "transcript_mirror", "filePath": str(self._transcript), "entries": entries}
                self._messages.put_nowait(frame)
            self._messages.put_nowait(
                {"type": "result", "subtype": "success", "duration_ms": 1, "duration_api_ms": 1, "is_error": False}
                | {"num_turns": self._turns, "session_id": self._transcript.stem}
            )
