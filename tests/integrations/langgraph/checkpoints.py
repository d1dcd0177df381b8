"""Checkpoints that are put and read without a graph."""

from __future__ import annotations

import uuid
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, CheckpointTuple, empty_checkpoint

from objstore.integrations.langgraph import ObjstoreSaver


def thread(id: Any = "t", space: str = "", checkpoint: str | None = None) -> RunnableConfig:
    named = {} if checkpoint is None else {"checkpoint_id": checkpoint}
    return {"configurable": {"thread_id": id, "checkpoint_ns": space, **named}}


def put(
    saver: ObjstoreSaver, values: dict[str, Any], config: RunnableConfig | None = None, **meta: Any
) -> RunnableConfig:
    checkpoint = empty_checkpoint()
    versions: ChannelVersions = dict.fromkeys(values, 1)
    checkpoint |= {"id": str(uuid.uuid4()), "channel_values": values, "channel_versions": versions}
    return saver.put(config or thread(), checkpoint, {"source": "loop", "step": 0, **meta}, versions)  # type: ignore[typeddict-item]


def got(saver: ObjstoreSaver, config: RunnableConfig | None = None) -> CheckpointTuple:
    found = saver.get_tuple(config or thread())
    assert found is not None
    return found
