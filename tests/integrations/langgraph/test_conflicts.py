"""Two runs on one thread: no turn is lost in silence."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any, Literal

import pytest

pytest.importorskip("langgraph.graph", reason="langgraph is not installed")

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, CheckpointTuple, empty_checkpoint
from langgraph.types import Command

from objstore import ConflictError, DocumentStore
from objstore.integrations.langgraph import ObjstoreSaver
from tests.integrations.langgraph.graphs import adding, asking, chain, fan, thread
from tests.places import Place, make_place

ROOT = Path(__file__).parents[3]
Durability = Literal["sync", "async", "exit"]
DURABILITIES: tuple[Durability, ...] = ("sync", "async", "exit")


class Meeting(ObjstoreSaver):
    """Lets two runs meet when both have read the thread and neither has written."""

    barrier: Barrier | None = None
    abarrier: asyncio.Barrier | None = None

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        found = super().get_tuple(config)
        if self.barrier:
            self.barrier.wait(30)
        return found

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        found = await super().aget_tuple(config)
        if self.abarrier:
            await self.abarrier.wait()
        return found


Savers = tuple[Meeting, Meeting]


@pytest.fixture(params=["one saver", "two savers"])
def savers(request: pytest.FixtureRequest, open_store: Callable[..., DocumentStore]) -> Savers:
    """The savers of two workers: one for both, as in a server, or one each, as in two processes."""
    memory = make_place("memory", request)
    first = Meeting(open_store(memory))
    return first, first if request.param == "one saver" else Meeting(open_store(memory))


def graph(saver: ObjstoreSaver) -> Any:
    return chain(adding("one"), adding("two")).compile(checkpointer=saver)


def items(saver: ObjstoreSaver) -> list[str]:
    found = saver.get_tuple(thread())
    assert found is not None
    value: list[str] = found.checkpoint["channel_values"]["items"]
    return value


def outcome(run: Callable[[], Any]) -> Any:
    try:
        return run()["items"]
    except ConflictError as error:
        return error


def check(found: list[Any], savers: Savers) -> None:
    """One turn is stored, the other raised, and the thread goes on from the one that is stored."""
    raised = [result for result in found if isinstance(result, ConflictError)]
    stored = [result for result in found if not isinstance(result, ConflictError)]
    assert len(raised) == 1, found
    assert "another run was faster; load the thread again" in str(raised[0])
    assert [items(saver) for saver in savers] == [stored[0]] * 2
    assert graph(savers[1]).invoke({"items": ["again"]}, thread())["items"] == [*stored[0], "again", "one", "two"]


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("start", ["new thread", "old thread"])
def test_of_two_racing_runs_one_is_stored_and_the_other_raises(
    savers: Savers, durability: Durability, start: str
) -> None:
    if start == "old thread":
        graph(savers[0]).invoke({"items": []}, thread())
    for saver in savers:
        saver.barrier = Barrier(2)
    savers[1].barrier = savers[0].barrier

    def run(n: int) -> Any:
        return outcome(lambda: graph(savers[n]).invoke({"items": [f"turn {n}"]}, thread(), durability=durability))

    with ThreadPoolExecutor(2) as pool:
        found = [*pool.map(run, range(2))]
    for saver in savers:
        saver.barrier = None
    check(found, savers)


def test_of_two_racing_runs_on_any_place_one_is_stored_and_the_other_raises(
    place: Place, open_store: Callable[..., DocumentStore]
) -> None:
    savers = Meeting(open_store(place)), Meeting(open_store(place))
    for _ in range(5):
        before = graph(savers[0]).get_state(thread()).values.get("items", [])
        savers[0].barrier = savers[1].barrier = Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            turns = [{"items": [f"turn {n}"]} for n in range(2)]
            runs = [
                pool.submit(outcome, partial(graph(saver).invoke, turn, thread(), durability="exit"))
                for saver, turn in zip(savers, turns, strict=True)
            ]
            found = [run.result(60) for run in runs]
        savers[0].barrier = savers[1].barrier = None
        stored = [result for result in found if not isinstance(result, ConflictError)]
        assert len(stored) == 1
        assert stored[0][: len(before)] == before
        assert [items(saver) for saver in savers] == [stored[0]] * 2


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("start", ["new thread", "old thread"])
def test_of_two_racing_runs_that_await_one_is_stored_and_the_other_raises(
    savers: Savers, durability: Durability, start: str
) -> None:
    async def main() -> None:
        if start == "old thread":
            await graph(savers[0]).ainvoke({"items": []}, thread())
        savers[0].abarrier = savers[1].abarrier = asyncio.Barrier(2)
        runs = [graph(savers[n]).ainvoke({"items": [f"turn {n}"]}, thread(), durability=durability) for n in range(2)]
        done = await asyncio.gather(*runs, return_exceptions=True)
        savers[0].abarrier = savers[1].abarrier = None
        found.extend(result["items"] if isinstance(result, dict) else result for result in done)

    found: list[Any] = []
    asyncio.run(main())
    check(found, savers)


@pytest.mark.parametrize("durability", DURABILITIES)
def test_of_two_racing_runs_that_end_in_a_question_one_raises(savers: Savers, durability: Durability) -> None:
    def ask(n: int) -> Any:
        asked = chain(adding("one"), asking("two")).compile(checkpointer=savers[n])
        return outcome(lambda: asked.invoke({"items": [f"turn {n}"]}, thread(), durability=durability))

    savers[0].barrier = savers[1].barrier = Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        found = [*pool.map(ask, range(2))]
    savers[0].barrier = savers[1].barrier = None
    stored = [result for result in found if not isinstance(result, ConflictError)]
    assert len(stored) == 1, found
    assert items(savers[0]) == stored[0]


@pytest.mark.parametrize("durability", DURABILITIES)
def test_of_two_racing_answers_to_a_question_one_raises(savers: Savers, durability: Durability) -> None:
    def graph(n: int) -> Any:
        return chain(asking("one"), asking("two")).compile(checkpointer=savers[n])

    graph(0).invoke({"items": []}, thread())
    savers[0].barrier = savers[1].barrier = Barrier(2)

    def answer(n: int) -> Any:
        return outcome(lambda: graph(n).invoke(Command(resume=f"answer {n}"), thread(), durability=durability))

    with ThreadPoolExecutor(2) as pool:
        found = [*pool.map(answer, range(2))]
    savers[0].barrier = savers[1].barrier = None
    stored = [result for result in found if not isinstance(result, ConflictError)]
    assert len(stored) == 1, found
    assert items(savers[0]) == stored[0]


def test_a_run_that_begins_in_the_middle_of_another_makes_that_one_raise(savers: Savers) -> None:
    def overtaken(state: Any) -> dict[str, Any]:
        if "first" in state["items"] and "second" not in state["items"]:
            graph(savers[1]).invoke({"items": ["second"]}, thread())
        return {"items": ["late"]}

    slow = chain(adding("early"), overtaken).compile(checkpointer=savers[0])
    with pytest.raises(ConflictError, match="was to follow"):
        slow.invoke({"items": ["first"]}, thread(), durability="sync")
    assert items(savers[0]) == ["first", "early", "second", "one", "two"]


def test_tasks_side_by_side_in_a_subgraph_that_remembers_do_not_lose_each_others_turns_in_silence(
    savers: Savers,
) -> None:
    inner = chain(adding("a"), adding("b")).compile(checkpointer=True)
    barrier = Barrier(2)

    def work(state: Any) -> dict[str, Any]:
        barrier.wait(30)
        return {"items": inner.invoke({"items": [f"worker {state['n']}"]})["items"]}

    def until_they_meet() -> None:
        for _ in range(20):
            fan(work, 2).compile(checkpointer=savers[0]).invoke({"items": []}, thread())

    with pytest.raises(ConflictError, match="another run was faster"):
        until_they_meet()


@pytest.mark.parametrize("durability", ["sync", "exit"])
def test_a_thread_that_is_deleted_under_a_run_stays_deleted(savers: Savers, durability: Durability) -> None:
    graph(savers[0]).invoke({"items": ["private"]}, thread())

    def deleting(state: Any) -> dict[str, Any]:
        savers[1].delete_thread("t")
        return {"items": ["more"]}

    slow = chain(deleting, adding("late")).compile(checkpointer=savers[0])
    with pytest.raises(ConflictError, match="which is not there: it was deleted, or never stored"):
        slow.invoke({"items": ["first"]}, thread(), durability=durability)
    assert [saver.get_tuple(thread()) for saver in savers] == [None, None]


def test_an_update_of_a_state_that_moved_raises(savers: Savers) -> None:
    graph(savers[0]).invoke({"items": []}, thread())
    savers[0].barrier = savers[1].barrier = Barrier(2)

    def update(n: int) -> Any:
        return outcome(lambda: {"items": graph(savers[n]).update_state(thread(), {"items": [f"edit {n}"]})})

    with ThreadPoolExecutor(2) as pool:
        found = [*pool.map(update, range(2))]
    savers[0].barrier = savers[1].barrier = None
    assert sum(isinstance(result, ConflictError) for result in found) == 1
    assert len(items(savers[0])) == 3


def test_to_branch_from_an_older_checkpoint_by_its_id_is_no_conflict(savers: Savers) -> None:
    for n in range(2):
        graph(savers[0]).invoke({"items": [f"turn {n}"]}, thread())
    old = [state.config for state in graph(savers[1]).get_state_history(thread())][4]
    again = graph(savers[1]).invoke({"items": ["other"]}, old)
    assert again["items"][:1] == ["turn 0"]
    assert items(savers[0]) == again["items"]


def test_a_mark_of_a_branch_does_not_outlive_the_id_that_it_stands_beside(savers: Savers) -> None:
    graph(savers[0]).invoke({"items": []}, thread())
    newest = savers[0].get_tuple(thread())
    assert newest is not None
    named = savers[0].get_tuple(newest.config)
    assert named is not None
    assert set(newest.config["configurable"]) == {"thread_id", "checkpoint_ns", "checkpoint_id"}
    without_id = {key: value for key, value in named.config["configurable"].items() if key != "checkpoint_id"}
    savers[0].barrier = savers[1].barrier = Barrier(2)

    def run(n: int) -> Any:
        config: RunnableConfig = {"configurable": without_id}
        return outcome(lambda: graph(savers[n]).invoke({"items": [f"turn {n}"]}, config))

    with ThreadPoolExecutor(2) as pool:
        found = [*pool.map(run, range(2))]
    savers[0].barrier = savers[1].barrier = None
    check(found, savers)


def test_a_branch_that_was_begun_has_no_right_of_way(savers: Savers) -> None:
    old = savers[0].put(thread(), checkpoint("1"), {"step": 0}, {})
    savers[1].put(old, checkpoint("2"), {"step": 1}, {})
    found = savers[0].get_tuple(old)
    assert found is not None
    begun = savers[0].put(found.config, checkpoint("3"), {"step": 1}, {})
    savers[1].put(begun, checkpoint("4"), {"step": 2}, {})
    later: RunnableConfig = {"configurable": {**found.config["configurable"], **begun["configurable"]}}
    with pytest.raises(ConflictError, match="was to follow 3, but 4"):
        savers[0].put(later, checkpoint("5"), {"step": 2}, {})


def test_a_replayed_subgraph_may_begin_behind_what_is_there(savers: Savers) -> None:
    inner = thread(checkpoint_ns="inner")
    assert savers[0].get_tuple(inner) is None  # by a run that died before it stored anything
    savers[1].put(inner, checkpoint("5"), {"step": 0}, {})
    before: RunnableConfig = {"configurable": {"checkpoint_id": "3"}}
    assert list(savers[0].list(inner, before=before, limit=1)) == []
    savers[0].put(inner, checkpoint("6"), {"step": 0}, {})
    assert [found.checkpoint["id"] for found in savers[1].list(inner)] == ["6", "5"]


def checkpoint(id: str) -> Checkpoint:
    return {**empty_checkpoint(), "id": id}


@pytest.mark.parametrize("there", [False, True])
def test_a_run_from_a_checkpoint_that_never_was_raises_whether_there_is_a_thread_or_not(
    savers: Savers, there: bool
) -> None:
    if there:
        graph(savers[0]).invoke({"items": []}, thread())
    for saver in savers:
        with pytest.raises(ConflictError, match="was to follow 1, which is not there: it was deleted, or never stored"):
            graph(saver).invoke({"items": ["lost"]}, thread(checkpoint_id="1"), durability="sync")
    graph(savers[1]).invoke({"items": ["new"]}, thread())
    assert items(savers[0])[-3:] == ["new", "one", "two"]


def test_to_store_a_checkpoint_again_is_no_conflict(savers: Savers) -> None:
    first = savers[0].put(thread(), checkpoint("1"), {"step": 0}, {})
    second = savers[0].put(first, checkpoint("2"), {"step": 1}, {})
    assert savers[1].put(first, checkpoint("2"), {"step": 1}, {}) == second
    assert savers[1].put(thread(), checkpoint("1"), {"step": 0}, {}) == first
    assert [found.checkpoint["id"] for found in savers[0].list(thread())] == ["2", "1"]


def test_the_newest_checkpoint_is_the_one_stored_last_whatever_the_clocks_say(savers: Savers) -> None:
    first = savers[0].put(thread(), checkpoint("9"), {"step": 0}, {})
    savers[1].put(first, checkpoint("5"), {"step": 1}, {})  # by a host whose clock is behind
    newest = savers[0].get_tuple(thread())
    assert newest is not None
    assert newest.checkpoint["id"] == "5"
    assert [found.checkpoint["id"] for found in savers[1].list(thread())] == ["5", "9"]


def test_writes_of_many_tasks_at_once_are_all_kept(savers: Savers) -> None:
    config = savers[0].put(thread(), checkpoint("1"), {"step": 0}, {})
    with ThreadPoolExecutor(8) as pool:
        for n in range(40):
            pool.submit(savers[n % 2].put_writes, config, [("channel", n)], f"task {n:02}")
    found = savers[1].get_tuple(config)
    assert found is not None
    assert found.pending_writes == [(f"task {n:02}", "channel", n) for n in range(40)]


WORKER = """
import sys
import objstore
from objstore.integrations.langgraph import ObjstoreSaver
from tests.integrations.langgraph.graphs import adding, asking, chain, fan, thread

with objstore.DocumentStore(sys.argv[1]) as store:
    graph = chain(adding("done")).compile(checkpointer=ObjstoreSaver(store))
    raised = 0
    for n in range(10):
        while True:
            try:
                graph.invoke({"items": [f"{sys.argv[2]} {n}"]}, thread(), durability=sys.argv[3])
                break
            except objstore.ConflictError:
                raised += 1
    print(raised)
"""


@pytest.mark.parametrize("durability", ["async", "exit"])  # where a turn is one checkpoint, and where it is several
def test_processes_on_one_thread_that_redo_what_was_refused_lose_nothing(
    tmp_path: Path, durability: Durability
) -> None:
    commands = [[sys.executable, "-c", WORKER, str(tmp_path), name, durability] for name in "ab"]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) for command in commands]
    assert [worker.communicate(timeout=240)[0].strip().isdigit() for worker in workers] == [True, True]
    with DocumentStore(tmp_path) as store:
        saver = ObjstoreSaver(store)
        kept = items(saver)
        turns = {f"{name} {n}" for name in "ab" for n in range(10)}
        assert turns <= set(kept)
        if durability == "exit":
            assert (sorted(kept[::2]), kept[1::2]) == (sorted(turns), ["done"] * 20)
        found = list(saver.list(thread()))
        parents = [(tup.parent_config or {"configurable": {}})["configurable"].get("checkpoint_id") for tup in found]
        ids: list[Any] = [tup.config["configurable"]["checkpoint_id"] for tup in found]
        assert parents == [*ids[1:], None]  # one line, no branches
