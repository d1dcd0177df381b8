"""Session stores of others, each used as its documentation says. Their libraries are imported where they are made."""

from __future__ import annotations

import asyncio
import json
import operator
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

from .adapter import Adapter, Contender, Place
from .workload import Turn, counted


class _OpenAI(Adapter):
    """SQLiteSession of openai-agents: a row for each item."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        Path(place.root).mkdir(parents=True, exist_ok=True)
        self._sessions: dict[str, Any] = {}

    def _session(self, id: str) -> Any:
        from agents import SQLiteSession

        if id not in self._sessions:
            self._sessions[id] = SQLiteSession(id, Path(self.place.root, "sessions.db"))
        return self._sessions[id]

    async def append(self, id: str, turn: Turn) -> None:
        call = {"call_id": turn.call, "name": "run_command", "arguments": json.dumps(turn.arguments)}
        answer = {"type": "output_text", "text": turn.assistant}
        await self._session(id).add_items(
            [
                {"role": "user", "content": turn.user},
                {"type": "message", "role": "assistant", "content": [answer]},
                {"type": "function_call", **call},
                {"type": "function_call_output", "call_id": turn.call, "output": turn.result},
            ]
        )

    async def load(self, id: str) -> tuple[int, int]:
        number = chars = 0
        for item in await self._session(id).get_items():
            if item.get("type") == "function_call":
                continue  # a part of the message before
            number += 1
            said = item.get("output") or item["content"]
            chars += len(said if isinstance(said, str) else "".join(part["text"] for part in said))
        return number, chars

    async def close(self) -> None:
        for session in self._sessions.values():
            session.close()


class _Strands(Adapter):
    """The session managers of strands that keep a file for each message, called as their hooks are called."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._agents: dict[str, tuple[Any, Any]] = {}

    def _manager(self, id: str) -> Any:
        from strands.session.file_session_manager import FileSessionManager
        from strands.session.s3_session_manager import S3SessionManager

        if self.place.endpoint is None:
            return FileSessionManager(id, storage_dir=self.place.root)
        return S3SessionManager(
            id,
            bucket=self.place.bucket,
            prefix=self.place.prefix,
            boto_session=self._boto(),
            endpoint_url=self.place.endpoint,
        )

    def _boto(self) -> Any:
        import boto3

        arguments = self.place.boto()
        del arguments["endpoint_url"]
        return boto3.Session(**arguments)

    def _agent(self, id: str) -> tuple[Any, Any]:
        from strands import Agent

        if id not in self._agents:
            manager = self._manager(id)
            agent = Agent(model=_no_model(), session_manager=manager, agent_id="agent", callback_handler=None)
            self._agents[id] = manager, agent
        return self._agents[id]

    @staticmethod
    def _messages(turn: Turn) -> list[Any]:
        call = {"toolUse": {"toolUseId": turn.call, "name": "run_command", "input": turn.arguments}}
        result = {"toolUseId": turn.call, "status": "success", "content": [{"text": turn.result}]}
        return [
            {"role": "user", "content": [{"text": turn.user}]},
            {"role": "assistant", "content": [{"text": turn.assistant}, call]},
            {"role": "user", "content": [{"toolResult": result}]},
        ]

    async def append(self, id: str, turn: Turn) -> None:
        manager, agent = self._agent(id)
        for message in self._messages(turn):
            agent.messages.append(message)
            manager.append_message(message, agent)
            manager.sync_agent(agent)
        manager.sync_agent(agent)

    async def load(self, id: str) -> tuple[int, int]:
        _, agent = await asyncio.to_thread(self._agent, id)  # a snapshot is restored on a loop of its own
        texts: list[Any] = []
        for message in agent.messages:
            for block in message["content"]:
                texts += [block] if "text" in block else block.get("toolResult", {}).get("content", [])
        return len(agent.messages), sum([len(text["text"]) for text in texts])


class _StrandsSnapshot(_Strands):
    """The manager of strands that keeps the agent as one document, saved after each invocation."""

    def _manager(self, id: str) -> Any:
        from strands.session.snapshot_session_manager import SnapshotSessionManager
        from strands.storage import LocalFileStorage, S3Storage

        storage: Any
        if self.place.endpoint is None:
            storage = LocalFileStorage(self.place.root)
        else:
            os.environ["AWS_ENDPOINT_URL_S3"] = self.place.endpoint  # it takes no endpoint
            storage = S3Storage(self.place.bucket, prefix=self.place.prefix, boto_session=self._boto())
        return SnapshotSessionManager(id, storage=storage)

    async def append(self, id: str, turn: Turn) -> None:
        manager, agent = await asyncio.to_thread(self._agent, id)
        agent.messages.extend(self._messages(turn))
        await manager.save_snapshot(agent, is_latest=True)


def _no_model() -> Any:
    from strands.models import Model

    base: Any = Model  # strands is not among what `tox -e types` installs

    class NoModel(base):  # type: ignore[misc]
        """Is never asked."""

        def update_config(self, **config: Any) -> None:
            pass

        def get_config(self) -> dict[str, Any]:
            return {}

        async def structured_output(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
            raise NotImplementedError
            yield

        async def stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            raise NotImplementedError
            yield

    return NoModel()


class _LangGraph(Adapter):
    """AsyncSqliteSaver of LangGraph below a graph of one node, with one checkpoint a turn, its cheapest way."""

    delta = False

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        Path(place.root).mkdir(parents=True, exist_ok=True)
        self._stack = AsyncExitStack()
        self._graph: Any = None
        self._saver: Any = None

    async def _open(self) -> None:
        from langgraph.channels.delta import DeltaChannel
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
        from langgraph.graph import END, START, StateGraph
        from typing_extensions import TypedDict

        if self._graph:
            return
        channel_of: Any = DeltaChannel  # it is typed for reducers of any two types
        channel = channel_of(_joined) if self.delta else operator.add
        made: Any = TypedDict  # as a class it would name the channel in a string, which nobody could look up
        state = made("state", {"log": Annotated[list[Any], channel]})
        opened = AsyncSqliteSaver.from_conn_string(str(Path(self.place.root, "checkpoints.db")))
        self._saver = await self._stack.enter_async_context(opened)
        await self._saver.setup()
        graph: Any = StateGraph(state)
        graph.add_node("nothing", lambda state: None)
        graph.add_edge(START, "nothing")
        graph.add_edge("nothing", END)
        self._graph = graph.compile(checkpointer=self._saver)

    async def append(self, id: str, turn: Turn) -> None:
        await self._open()
        config = {"configurable": {"thread_id": id}}
        added = [{"turn": turn.messages()}]  # opaque: a DeltaChannel makes LangChain's messages of roles and contents
        await self._graph.ainvoke({"log": added}, config, durability="exit")

    async def load(self, id: str) -> tuple[int, int]:
        await self._open()
        state = await self._graph.aget_state({"configurable": {"thread_id": id}})
        return counted(message for each in state.values["log"] for message in each["turn"])

    async def list(self) -> list[str]:
        await self._open()
        return [*{each.config["configurable"]["thread_id"]: 0 async for each in self._saver.alist(None)}]

    async def close(self) -> None:
        await self._stack.aclose()


class _LangGraphDelta(_LangGraph):
    """The same with the channel that stores what was added."""

    delta = True


def _joined(state: list[Any], writes: list[list[Any]]) -> list[Any]:
    return [*(state or []), *(item for write in writes for item in write)]


_LOG = "fsync on disk, history, conflict check, digests, listing; three writes a turn"
_SNAPSHOT = "fsync on disk, history, conflict check, digests, listing; rewrites the session"

PEERS = [
    Contender(
        "openai-agents SQLiteSession",
        "history, conflict check, digests, listing; S3",
        local=_OpenAI,
        lists=False,
        module="agents",
        install="openai-agents",
    ),
    Contender(
        "strands session manager",
        _LOG,
        local=_Strands,
        s3=_Strands,
        lists=False,
        module="strands.session",
        install="strands-agents",
    ),
    Contender(
        "strands snapshots",
        _SNAPSHOT,
        local=_StrandsSnapshot,
        s3=_StrandsSnapshot,
        lists=False,
        heavy=True,
        module="strands.session",
        install="strands-agents",
    ),
    Contender(
        "langgraph-checkpoint-sqlite",
        "conflict check, digests; S3; each checkpoint is the whole state",
        local=_LangGraph,
        heavy=True,
        module="langgraph.checkpoint.sqlite",
        install="langgraph langgraph-checkpoint-sqlite",
    ),
    Contender(
        "langgraph, DeltaChannel (beta)",
        "conflict check, digests; S3",
        local=_LangGraphDelta,
        heavy=True,
        module="langgraph.checkpoint.sqlite",
        install="langgraph langgraph-checkpoint-sqlite",
    ),
]
