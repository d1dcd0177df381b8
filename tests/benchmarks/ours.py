"""objstore itself."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import objstore
from objstore import Message, SessionData, TextBlock, ToolResultBlock, ToolUseBlock

from .adapter import Adapter, Contender, Place
from .workload import Turn


def _messages(turn: Turn) -> list[Message]:
    call = ToolUseBlock(id=turn.call, name="run_command", input=turn.arguments)
    return [
        Message.user(turn.user),
        Message(role="assistant", content=[TextBlock(text=turn.assistant), call]),
        Message.tool_result(turn.call, turn.result),
    ]


def _counted(messages: Iterable[Message]) -> tuple[int, int]:
    number = chars = 0
    for message in messages:
        number += 1
        for block in message.content:
            if isinstance(block, TextBlock):
                chars += len(block.text)
            elif isinstance(block, ToolResultBlock):
                chars += len(block.content)
    return number, chars


class _Store(Adapter):
    """Each turn is appended by itself; nobody holds the session."""

    def __init__(self, place: Place, **options: Any) -> None:
        super().__init__(place)
        self._store = objstore.open(place.url, storage_options=place.options(), **options)
        self._known: set[str] = set()

    async def append(self, id: str, turn: Turn) -> None:
        if id in self._known:
            self._store.append(id, messages=_messages(turn))
        else:
            session = SessionData.new(id)
            session.messages += _messages(turn)
            self._store.save(session)
            self._known.add(id)

    async def load(self, id: str) -> tuple[int, int]:
        session = self._store.load(id)
        assert session is not None
        return _counted(session.messages)

    async def list(self) -> list[str]:
        return self._store.list()

    async def close(self) -> None:
        self._store.close()


class _Held(_Store):
    """The caller holds the session and saves it whole after each turn; objstore finds what changed."""

    def __init__(self, place: Place, **options: Any) -> None:
        super().__init__(place, **options)
        self._sessions: dict[str, SessionData] = {}

    async def append(self, id: str, turn: Turn) -> None:
        session = self._sessions.setdefault(id, SessionData.new(id))
        session.messages += _messages(turn)
        self._store.save(session)


class _Awaited(Adapter):
    """As the first, through the face that is awaited."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._store = objstore.open_async(place.url, storage_options=place.options())
        self._known: set[str] = set()

    async def append(self, id: str, turn: Turn) -> None:
        if id in self._known:
            await self._store.append(id, messages=_messages(turn))
        else:
            session = SessionData.new(id)
            session.messages += _messages(turn)
            await self._store.save(session)
            self._known.add(id)

    async def load(self, id: str) -> tuple[int, int]:
        session = await self._store.load(id)
        assert session is not None
        return _counted(session.messages)

    async def list(self) -> list[str]:
        return await self._store.list()

    async def close(self) -> None:
        await self._store.close()


_TREE = "history, conflict check, digests; rewrites the session"

OURS = [
    Contender("objstore log, append", "", local=_Store, s3=_Store),
    Contender("objstore log, append, awaited", "", local=_Awaited, s3=_Awaited),
    Contender("objstore log, save", "", local=_Held, s3=_Held),
    Contender("objstore log, append, no fsync", "fsync", local=partial(_Store, durability="none")),
    Contender(
        "objstore log, append, obstore",
        "",
        s3=partial(_Store, client="obstore"),
        module="obstore",
        install="'objstore[fast]'",
    ),
    Contender(
        "objstore tree, save", _TREE, local=partial(_Held, layout="tree"), s3=partial(_Held, layout="tree"), heavy=True
    ),
]
