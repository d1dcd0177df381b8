"""LangGraph's own suite for checkpointers, all of it, on every place and by both faces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import pytest

pytest.importorskip("langgraph.checkpoint.base", reason="langgraph is not installed: pip install 'objstore[langgraph]'")
pytest.importorskip("langgraph.checkpoint.conformance", reason="langgraph-checkpoint-conformance is not installed")

from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
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


def awaited(name: str) -> Any:
    """Give a method that is awaited and makes the call that waits."""

    async def call(self: Waiting, *args: Any, **options: Any) -> Any:
        return getattr(self.saver, name)(*args, **options)

    return call


class Waiting(BaseCheckpointSaver[int]):
    """The calls that wait behind the names of those that are awaited, since the suite knows only these."""

    def __init__(self, saver: ObjstoreSaver) -> None:
        super().__init__(serde=saver.serde)
        self.saver = saver

    aget_tuple, aput, aput_writes = awaited("get_tuple"), awaited("put"), awaited("put_writes")
    adelete_thread, adelete_for_runs = awaited("delete_thread"), awaited("delete_for_runs")
    acopy_thread, aprune = awaited("copy_thread"), awaited("prune")

    async def alist(self, *args: Any, **options: Any) -> AsyncIterator[CheckpointTuple]:
        for found in self.saver.list(*args, **options):
            yield found


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
