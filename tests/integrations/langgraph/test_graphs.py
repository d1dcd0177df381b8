"""Compiled graphs on the saver: they go on from what was stored, as they do on LangGraph's own saver in memory."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import pytest

pytest.importorskip("langgraph.graph", reason="langgraph is not installed")

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.types import Command, StateSnapshot, interrupt

from objstore import ConflictError, DocumentStore, NotFoundError, UnavailableError
from objstore.integrations.langgraph import ObjstoreSaver
from tests.docs.test_tutorial import blocks_of, run
from tests.integrations.langgraph import graphs
from tests.integrations.langgraph.graphs import adding, agent, asking, chain, said, thread
from tests.integrations.langgraph.turns import CHECKPOINTS, DIED, Turns
from tests.places import Place

ROOT = Path(__file__).parents[3]
DURABILITIES: tuple[Literal["sync", "async", "exit"], ...] = ("sync", "async", "exit")


@pytest.fixture
def saver(memory: Place, open_store: Callable[..., DocumentStore]) -> ObjstoreSaver:
    return ObjstoreSaver(open_store(memory))


@pytest.fixture
def another(memory: Place, open_store: Callable[..., DocumentStore]) -> Callable[[], ObjstoreSaver]:
    """Savers of the same place that know nothing yet."""
    return lambda: ObjstoreSaver(open_store(memory))


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks_of("integrations/langgraph.md"):
        run(block, "integrations/langgraph.md", {"__name__": "page", "builder": graphs.agent()})
    assert len(capsys.readouterr().out.splitlines()) == 1 + 5  # the first turn is one checkpoint, the second has five
    with DocumentStore("threads") as store:
        state = graphs.agent().compile(checkpointer=ObjstoreSaver(store)).get_state(thread("support-42"))
        assert len(state.values["messages"]) == 8


def shown(states: Iterable[StateSnapshot]) -> list[Any]:
    """What a history says, without ids that are drawn by chance."""
    return [
        (state.values, state.next, (state.metadata or {}).get("source"), (state.metadata or {}).get("step"),
         [(task.name, task.error, task.result, [i.value for i in task.interrupts]) for task in state.tasks])
        for state in states
    ]  # fmt: skip


@pytest.mark.parametrize("durability", DURABILITIES)
def test_a_history_is_the_one_that_the_saver_in_memory_keeps(
    place: Place, open_store: Callable[..., DocumentStore], durability: Literal["sync", "async", "exit"]
) -> None:
    stored = graphs.agent().compile(checkpointer=ObjstoreSaver(open_store(place)))
    known = graphs.agent().compile(checkpointer=InMemorySaver())
    for n in range(3):
        mine = stored.invoke(said("look it up", f"h{n}"), thread(), durability=durability)
        assert mine == known.invoke(said("look it up", f"h{n}"), thread(), durability=durability)
    fresh = graphs.agent().compile(checkpointer=ObjstoreSaver(open_store(place)))
    history = shown(fresh.get_state_history(thread()))
    assert history == shown(known.get_state_history(thread()))
    assert len(history) == (3 if durability == "exit" else 15)


def test_the_same_awaited(place: Place, open_store: Callable[..., DocumentStore]) -> None:
    async def main() -> None:
        stored = graphs.agent().compile(checkpointer=ObjstoreSaver(open_store(place)))
        known = graphs.agent().compile(checkpointer=InMemorySaver())
        for n in range(2):
            mine = await stored.ainvoke(said("look it up", f"h{n}"), thread())
            assert mine == await known.ainvoke(said("look it up", f"h{n}"), thread())
        fresh = graphs.agent().compile(checkpointer=ObjstoreSaver(open_store(place)))
        history = shown([state async for state in fresh.aget_state_history(thread())])
        assert history == shown([state async for state in known.aget_state_history(thread())])

    asyncio.run(main())


def test_many_threads_at_once_in_one_loop(saver: ObjstoreSaver) -> None:
    async def main() -> None:
        graph = graphs.agent().compile(checkpointer=saver)
        await asyncio.gather(*(graph.ainvoke(said(str(n), f"h{n}"), thread(f"t{n}")) for n in range(20)))
        for n in range(20):
            state = await graph.aget_state(thread(f"t{n}"))
            assert state.values["messages"][0].content == str(n)
            assert len(state.values["messages"]) == 4

    asyncio.run(main())


@pytest.mark.parametrize("durability", DURABILITIES)
def test_an_interrupted_graph_goes_on_in_another_process_of_mind(
    saver: ObjstoreSaver, another: Callable[[], ObjstoreSaver], durability: Literal["sync", "async", "exit"]
) -> None:
    def graph(saver: ObjstoreSaver) -> Any:
        return chain(adding("one"), asking("two"), asking("three")).compile(checkpointer=saver)

    graph(saver).invoke({"items": ["zero"]}, thread(), durability=durability)
    assert graph(another()).get_state(thread()).next == ("two",)
    graph(another()).invoke(Command(resume="deux"), thread(), durability=durability)
    found = graph(another()).invoke(Command(resume="trois"), thread(), durability=durability)
    assert found["items"] == ["zero", "one", "deux", "trois"]


def test_subgraphs_have_checkpoints_of_their_own(saver: ObjstoreSaver, another: Callable[[], ObjstoreSaver]) -> None:
    def graph(saver: ObjstoreSaver) -> Any:
        inner = chain(adding("a"), asking("b")).compile()
        outer = chain(adding("one"), adding("two"))
        outer.add_node("inner", inner)
        outer.add_edge("two", "inner")
        return outer.compile(checkpointer=saver)

    graph(saver).invoke({"items": []}, thread())
    inside = graph(another()).get_state(thread(), subgraphs=True).tasks[0].state
    assert isinstance(inside, StateSnapshot)
    assert inside.values["items"] == ["one", "two", "a"]
    spaces = {found.config["configurable"]["checkpoint_ns"] for found in saver.list(thread())}
    assert len(spaces) == 2
    assert "" in spaces
    found = graph(another()).invoke(Command(resume="bee"), thread())
    assert found["items"] == ["one", "two", "one", "two", "a", "bee"]


def items_of(result: dict[str, Any]) -> list[str]:
    found: list[str] = result["items"]
    return found


def test_subgraphs_that_remember_and_time_travel_through_them(saver: ObjstoreSaver) -> None:
    def history(saver: Any) -> list[Any]:
        inner = chain(adding("a"), asking("b")).compile(checkpointer=True)
        outer = chain(adding("one"))
        outer.add_node("inner", inner)
        outer.add_edge("one", "inner")
        graph = outer.compile(checkpointer=saver)
        found = []
        for n in range(2):
            graph.invoke({"items": [f"turn {n}"]}, thread())
            found.append(items_of(graph.invoke(Command(resume=f"answer {n}"), thread())))
        states = [*graph.get_state_history(thread())]
        first = next(state for state in states[::-1] if state.next == ("inner",))
        found.append(items_of(graph.invoke(None, first.config)))
        found.append(items_of(graph.invoke(Command(resume="another answer"), thread())))
        inside = [state for state in graph.get_state_history(thread()) if state.next == ("inner",)]
        return [found, shown(graph.get_state_history(thread())), len(inside)]

    assert history(saver) == history(InMemorySaver())


def test_checkpoints_are_copied_as_on_the_saver_in_memory(saver: ObjstoreSaver) -> None:
    def history(saver: Any) -> list[Any]:
        graph = chain(adding("one"), adding("two")).compile(checkpointer=saver)
        graph.invoke({"items": ["a"]}, thread())
        states = [*graph.get_state_history(thread())]
        for config in (states[-1].config, states[1].config, thread()):
            graph.update_state(config, None, as_node="__copy__")
            graph.invoke(None, thread())
        return shown(graph.get_state_history(thread()))

    assert history(saver) == history(InMemorySaver())


def test_the_only_checkpoint_is_copied_though_somebody_looked_before_there_was_one(saver: ObjstoreSaver) -> None:
    def history(saver: Any) -> list[Any]:
        graph = chain(adding("one")).compile(checkpointer=saver)
        assert not graph.get_state(thread()).values
        graph.invoke({"items": ["a"]}, thread(), durability="exit")
        graph.update_state(thread(), None, as_node="__copy__")
        return shown(graph.get_state_history(thread()))

    assert history(saver) == history(InMemorySaver())


def test_functions_as_a_graph(another: Callable[[], ObjstoreSaver]) -> None:
    ran: list[int] = []

    @task
    def double(n: int) -> int:
        ran.append(n)
        return 2 * n

    def flow(saver: Any) -> Any:
        @entrypoint(checkpointer=saver)
        def add(n: int, *, previous: int | None = None) -> Any:
            doubled = [future.result() for future in [double(n), double(n + 1)]]
            return entrypoint.final(value=interrupt("sure?"), save=(previous or 0) + sum(doubled))

        return add

    def use(savers: Callable[[], Any]) -> list[Any]:
        flow(savers()).invoke(1, thread())
        first = flow(savers()).invoke(Command(resume="yes"), thread())
        flow(savers()).invoke(2, thread())
        second = flow(savers()).invoke(Command(resume="again"), thread())
        return [first, second, shown(flow(savers()).get_state_history(thread()))]

    known = InMemorySaver()
    assert use(another) == use(lambda: known)
    assert sorted(ran) == [1, 1, 2, 2, 2, 2, 3, 3]  # what the tasks gave is remembered over the interrupts


def test_after_an_error_only_the_failed_tasks_run_again(
    saver: ObjstoreSaver, another: Callable[[], ObjstoreSaver]
) -> None:
    ran: list[int] = []

    def worker(state: Any) -> dict[str, Any]:
        ran.append(state["n"])
        if state["n"] == 3 and len(ran) <= 4:
            raise RuntimeError("the last fails")
        return {"items": [f"done {state['n']}"]}

    one_by_one: Any = {**thread(), "max_concurrency": 1}  # a task that fails cancels those that have not begun
    with pytest.raises(RuntimeError, match="the last fails"):
        graphs.fan(worker, 4).compile(checkpointer=saver).invoke({"items": []}, one_by_one)
    assert ran == [0, 1, 2, 3]
    kept = another().get_tuple(thread())
    assert kept is not None
    assert {channel for _, channel, _ in kept.pending_writes or []} >= {"__error__", "items"}
    found = graphs.fan(worker, 4).compile(checkpointer=another()).invoke(None, thread())
    assert found["items"] == ["split", "done 0", "done 1", "done 2", "done 3"]
    assert ran[4:] == [3]


CRASHING = """
import os, sys
import objstore
from objstore.integrations.langgraph import ObjstoreSaver
from tests.integrations.langgraph.graphs import adding, chain, thread

def two(state):
    if sys.argv[2] == "crash":
        os._exit(9)
    return {"items": ["two"]}

with objstore.DocumentStore(sys.argv[1]) as store:
    graph = chain(adding("one"), two, adding("three")).compile(checkpointer=ObjstoreSaver(store))
    given = {"items": ["zero"]} if sys.argv[2] == "crash" else None
    print(graph.invoke(given, thread(), durability="sync")["items"])
"""


def test_a_process_that_dies_in_a_node_loses_nothing_that_came_before(tmp_path: Path) -> None:
    def run(how: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", CRASHING, str(tmp_path / "store"), how]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )

    assert run("crash").returncode == 9
    gone_on = run("resume")
    assert gone_on.stdout.strip() == "['zero', 'one', 'two', 'three']", gone_on.stderr


# Checkpoints that are handed over while another one is being stored go together in the next commit


def turn(turns: Turns, place: Place) -> Any:
    graph = agent(work=turns.soon).compile(checkpointer=ObjstoreSaver(turns.store(place, late=True), patience=10))
    return graph.invoke(said("look it up", "h"), thread())  # LangGraph's default, durability="async"


def test_checkpoints_that_share_a_commit_are_those_that_the_saver_in_memory_keeps(
    memory: Place, another: Callable[[], ObjstoreSaver], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, known = Turns(monkeypatch, CHECKPOINTS), agent().compile(checkpointer=InMemorySaver())
    assert turn(turns, memory) == known.invoke(said("look it up", "h"), thread())
    assert turns.committed == 2
    found = agent().compile(checkpointer=another()).get_state_history(thread())
    assert shown(found) == shown(known.get_state_history(thread()))


def test_a_run_whose_last_commit_fails_raises_and_leaves_a_beginning_to_go_on_from(
    memory: Place, another: Callable[[], ObjstoreSaver], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = Turns(monkeypatch, CHECKPOINTS)

    def fail() -> None:
        raise UnavailableError("the storage does not answer")

    turns.second = fail
    with pytest.raises(UnavailableError):
        turn(turns, memory)
    goes_on_from_the_beginning(another())


def test_a_process_that_dies_with_checkpoints_in_hand_leaves_a_beginning_to_go_on_from(tmp_path: Path) -> None:
    target = str(tmp_path / "store")
    command = [sys.executable, "-m", "tests.integrations.langgraph.turns", target]
    assert subprocess.run(command, cwd=ROOT).returncode == DIED
    with DocumentStore(target) as store:
        goes_on_from_the_beginning(ObjstoreSaver(store))
        assert store.verify().ok


def goes_on_from_the_beginning(saver: ObjstoreSaver) -> None:
    """The checkpoints of the first commit are there, and nothing of the second; a run goes on from them."""
    graph = agent().compile(checkpointer=saver)
    history = list(graph.get_state_history(thread()))
    assert [state.next for state in history] == [("think",), ("__start__",)]
    found = graph.invoke(None, thread())
    assert found == agent().compile().invoke(said("look it up", "h"))
    assert len(list(graph.get_state_history(thread()))) == CHECKPOINTS


@pytest.mark.parametrize("durability", DURABILITIES)
def test_delta_channels_are_rebuilt(
    saver: ObjstoreSaver, another: Callable[[], ObjstoreSaver], durability: Literal["sync", "async", "exit"]
) -> None:
    def graph(saver: Any) -> Any:
        return chain(adding("one"), adding("two"), state=graphs.DeltaSum).compile(checkpointer=saver)

    known = InMemorySaver()
    for n in range(5):
        mine = graph(another()).invoke({"items": [str(n)]}, thread(), durability=durability)
        assert mine == graph(known).invoke({"items": [str(n)]}, thread(), durability=durability)
    newest = saver.get_tuple(thread())
    assert newest is not None
    assert "counters_since_delta_snapshot" in newest.metadata  # else nothing had to be rebuilt
    assert shown(graph(another()).get_state_history(thread())) == shown(graph(known).get_state_history(thread()))

    async def awaited() -> Any:
        return (await graph(another()).aget_state(thread())).values

    assert asyncio.run(awaited()) == graph(known).get_state(thread()).values


def test_a_prune_keeps_what_delta_channels_are_rebuilt_from(
    saver: ObjstoreSaver, another: Callable[[], ObjstoreSaver]
) -> None:
    graph = chain(adding("one"), adding("two"), state=graphs.DeltaSum).compile(checkpointer=saver)
    for n in range(5):
        graph.invoke({"items": [str(n)]}, thread())
    before, count = graph.get_state(thread()).values, len(list(saver.list(thread())))
    another().prune(["t"])
    fresh = chain(adding("one"), adding("two"), state=graphs.DeltaSum).compile(checkpointer=another())
    assert fresh.get_state(thread()).values == before
    assert 1 < len(list(saver.list(thread()))) < count
    assert fresh.invoke({"items": ["more"]}, thread())["items"] == [*before["items"], "more", "one", "two"]


def test_a_copied_thread_goes_its_own_way(saver: ObjstoreSaver, another: Callable[[], ObjstoreSaver]) -> None:
    graph = graphs.agent().compile(checkpointer=saver)
    graph.invoke(said("look", "h0"), thread())
    saver.copy_thread("t", "copy")
    other = graphs.agent().compile(checkpointer=another())
    assert shown(other.get_state_history(thread("copy"))) == shown(graph.get_state_history(thread()))
    other.invoke(said("again", "h1"), thread("copy"))
    assert len(graph.get_state(thread()).values["messages"]) == 4
    assert len(graph.get_state(thread("copy")).values["messages"]) == 8


def test_a_copy_of_no_thread_and_onto_one_speak_of_threads(saver: ObjstoreSaver) -> None:
    with pytest.raises(NotFoundError, match="there is no thread 't' to copy"):
        saver.copy_thread("t", "copy")
    graph = graphs.agent().compile(checkpointer=saver)
    for id in ("t", "copy"):
        graph.invoke(said("look", "h0"), thread(id))
    with pytest.raises(ConflictError, match="there is a thread 'copy' already; choose another id") as caught:
        saver.copy_thread("t", "copy")
    assert (caught.value.id, caught.value.expected) == ("copy", 0)


def test_time_travel_branches_and_the_branch_is_the_newest(
    saver: ObjstoreSaver, another: Callable[[], ObjstoreSaver]
) -> None:
    def graph(saver: Any) -> Any:
        return chain(adding("one"), adding("two")).compile(checkpointer=saver)

    known = InMemorySaver()

    def travel(saver: Any, read: Callable[[], Any]) -> list[Any]:
        graph(saver).invoke({"items": ["a"]}, thread())
        graph(saver).invoke({"items": ["b"]}, thread())
        old: RunnableConfig = [*graph(read()).get_state_history(thread())][4].config
        again = graph(read()).invoke(None, old)
        edited = graph(read()).update_state(old, {"items": ["edited"]})
        after = graph(read()).invoke(None, edited)
        return [
            again,
            after,
            graph(read()).get_state(thread()).values,
            shown(graph(read()).get_state_history(thread())),
        ]

    assert travel(saver, another) == travel(known, lambda: known)
