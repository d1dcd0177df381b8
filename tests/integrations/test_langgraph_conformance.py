"""LangGraph's own suite for checkpointers, all of it, on every place and by both faces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

import pytest

pytest.importorskip("langgraph.checkpoint.base", reason="langgraph is not installed: pip install 'objstore[langgraph]'")
pytest.importorskip("langgraph.checkpoint.conformance", reason="langgraph-checkpoint-conformance is not installed")

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.conformance import checkpointer_test, validate

from objstore import DocumentStore
from objstore.integrations.langgraph import ObjstoreSaver
from tests.places import Place

TESTS = {
    "put": 17,
    "put_writes": 10,
    "get_tuple": 10,
    "list": 16,
    "delete_thread": 5,
    "delete_for_runs": 7,
    "copy_thread": 8,
    "prune": 8,
}
assert sum(TESTS.values()) == 81


class Waiting(BaseCheckpointSaver[int]):
    """The calls that wait behind the names of those that are awaited, since the suite knows only these."""

    def __init__(self, saver: ObjstoreSaver) -> None:
        super().__init__(serde=saver.serde)
        self._saver = saver

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return self._saver.get_tuple(config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        for found in self._saver.list(config, filter=filter, before=before, limit=limit):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return self._saver.put(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        self._saver.put_writes(config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        self._saver.delete_thread(thread_id)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        self._saver.delete_for_runs(run_ids)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        self._saver.copy_thread(source_thread_id, target_thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        self._saver.prune(thread_ids, strategy=strategy)


@pytest.mark.parametrize("face", ["awaiting", "waiting"])
def test_all_81_tests_of_the_suite_pass(
    place: Place, open_store: Callable[..., DocumentStore], face: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store(place)

    @checkpointer_test(name="ObjstoreSaver")
    async def saver() -> AsyncGenerator[BaseCheckpointSaver[Any], None]:
        made = ObjstoreSaver(store, patience=0)
        yield made if face == "awaiting" else Waiting(made)

    report = asyncio.run(validate(saver))
    passed = {name: result.tests_passed for name, result in report.results.items()}
    failures = [failure for result in report.results.values() for failure in result.failures]
    where = "local disk" if place.directory else place.target.partition(":")[0]
    with capsys.disabled():
        print(f"\nlanggraph-checkpoint-conformance on {where}, {face}: {sum(passed.values())} of 81 passed")
    assert failures == []
    assert passed == TESTS
