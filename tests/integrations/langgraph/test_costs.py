"""What the saver costs in requests and bytes, counted."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import pytest

pytest.importorskip("langgraph.graph", reason="langgraph is not installed")

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint

from objstore import DocumentStore
from objstore.integrations.langgraph import ObjstoreSaver
from tests.integrations.conftest import Count
from tests.integrations.langgraph.graphs import agent, said, thread
from tests.integrations.langgraph.turns import Turns
from tests.places import Place, make_place
from tests.servers.moto_server import MotoServer

SNAPSHOTS = 32  # commits from one snapshot to the next


def page(n: int) -> str:
    """20,000 letters that nothing can shorten."""
    return random.Random(n).randbytes(10_000).hex()


def put_turns(
    saver: BaseCheckpointSaver[Any], count: int, values: Callable[[int], dict[str, Any]], always: dict[str, Any]
) -> Iterator[int]:
    """Store checkpoints one behind the other, as graphs do: what a turn changes gets a new version."""
    config: RunnableConfig = thread(checkpoint_ns="")
    versions = dict.fromkeys(always, 1)
    for n in range(count):
        changed = values(n)
        new = dict.fromkeys(changed, n + 2) | (versions if n == 0 else {})
        versions |= new
        checkpoint = empty_checkpoint() | {"channel_versions": dict(versions), "channel_values": always | changed}
        config = saver.put(config, checkpoint, {"source": "loop", "step": n}, new)  # type: ignore[arg-type]
        yield n


def sizes(store: Callable[[Count], DocumentStore], count: int, **given: Any) -> list[int]:
    """Give what each checkpoint sent."""
    counted = Count()
    saver = ObjstoreSaver(store(counted))
    found = []
    for _ in put_turns(saver, count, **given):
        found.append(counted.sent)
        counted.reset()
    return found


def between_snapshots(found: list[int]) -> list[int]:
    return [size for n, size in enumerate(found) if n % SNAPSHOTS]


def test_unchanged_channels_are_not_written_again(
    request: pytest.FixtureRequest, open_store: Callable[..., DocumentStore]
) -> None:
    def sent(channels: int) -> list[int]:
        always = {f"channel {n}": random.Random(n).randbytes(4000).hex() for n in range(channels)}
        place = make_place("memory", request)
        return sizes(lambda c: open_store(place, c), 20, values=lambda n: {"note": f"note {n:03}"}, always=always)

    one, many = sent(1), sent(200)
    assert many[0] > 200 * 4000
    assert statistics.mean(many[2:]) == pytest.approx(statistics.mean(one[2:]), abs=8)
    assert max(many[2:]) < 1200


def test_a_checkpoint_of_a_long_conversation_costs_what_the_turn_does(
    memory: Place, open_store: Callable[..., DocumentStore]
) -> None:
    messages: list[Any] = []

    def turn(n: int) -> dict[str, Any]:
        messages.extend(HumanMessage(f"{n:05} " * 100, id=f"{n:05}-{m}") for m in range(4))
        return {"messages": list(messages)}

    found = sizes(lambda c: open_store(memory, c), 120, values=turn, always={})
    plain = between_snapshots(found)
    assert statistics.mean(plain[-20:]) < 1.1 * statistics.mean(plain[5:25])
    assert max(plain) < 6000  # 4 messages of 600 characters with their names


def test_a_value_that_is_replaced_each_time_is_not_read_with_the_thread(
    memory: Place, open_store: Callable[..., DocumentStore]
) -> None:
    saver = ObjstoreSaver(open_store(memory))
    for _ in put_turns(saver, 50, lambda n: {"page": page(n)}, {}):
        pass
    counted = Count()
    found = ObjstoreSaver(open_store(memory, counted)).get_tuple(thread())
    assert found is not None
    assert found.checkpoint["channel_values"]["page"] == page(49)
    assert counted.received < 80_000  # one page of 20,000, and what is said of the others


@pytest.mark.parametrize(
    ("durability", "tools", "late", "count", "puts", "leaves"),
    [
        pytest.param("async", False, False, 200, 2, 5, id="async, the model takes longer than a commit"),
        pytest.param("async", True, False, 40, 4, 1, id="async, with a tool, model and tool take longer than a commit"),
        pytest.param("async", True, True, 200, 2, 9, id="async, with a tool, all takes less than a commit"),
        pytest.param("sync", False, False, 40, 2, 0, id="sync"),
        pytest.param("sync", True, False, 40, 4, 1, id="sync, with a tool"),
        pytest.param("exit", True, False, 200, 1, 3, id="exit, with a tool"),
    ],
)  # a turn with a tool has five checkpoints: its input, and what follows the start, the model, the tool and the model
def test_what_turns_cost_on_s3(
    s3: Place,
    s3_server: MotoServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    durability: Literal["sync", "async", "exit"],
    tools: bool,
    late: bool,
    count: int,
    puts: int,
    leaves: int,
) -> None:
    turns = Turns(monkeypatch, checkpoints=0, writes=durability != "exit")
    with turns.store(s3, late=late) as store:
        work = turns.soon if late else turns.slow
        given = {} if durability == "exit" else {"work": work}
        graph = agent(tools=tools, **given).compile(checkpointer=ObjstoreSaver(store, patience=10))
        graph.invoke(said("look it up", "h"), thread("another"), durability=durability)  # the store is in use
        turns.checkpoints = 5 if tools else 3
        s3_server.reset()
        for n in range(count):
            turns.next()
            graph.invoke(said("look it up", f"h{n}"), thread(), durability=durability)
        asked = s3_server.methods
        stored = ObjstoreSaver(store).get_tuple(thread())
        assert store.verify().ok
    first = Counter({"GET": 3, "PUT": 1})  # to look for the thread, twice for its head, and to list it by a hint
    how = f"durability={durability!r}, {'with a tool' if tools else 'without tools'}{', late commits' if late else ''}"
    with capsys.disabled():
        print(f"\n{count} turns on S3, {how}: {dict(asked)}, {asked.total() / count:.2f} a turn")
    assert asked - first == Counter({"PUT": puts * count + leaves, "GET": count})
    assert stored is not None
    assert len(stored.checkpoint["channel_values"]["messages"]) == count * (4 if tools else 2)


@pytest.mark.parametrize("face", ["waiting", "awaiting"])
def test_what_turns_cost_on_s3_as_they_come(
    s3: Place,
    s3_server: MotoServer,
    open_store: Callable[..., DocumentStore],
    capsys: pytest.CaptureFixture[str],
    face: str,
) -> None:
    """How many of five checkpoints share a commit is a matter of time here; LangGraph's default durability."""
    count = 40
    graph = agent().compile(checkpointer=ObjstoreSaver(open_store(s3)))

    async def turns(numbers: Iterable[int]) -> None:
        for n in numbers:
            if face == "awaiting":
                await graph.ainvoke(said("look it up", f"h{n}"), thread())
            else:
                graph.invoke(said("look it up", f"h{n}"), thread())

    asyncio.run(turns([0]))
    s3_server.reset()
    asyncio.run(turns(range(1, count + 1)))
    asked = s3_server.methods
    with capsys.disabled():
        print(f"\n{count} turns on S3, {face}, as they come: {dict(asked)}, {asked.total() / count:.2f} a turn")
    assert asked["GET"] == count
    assert asked["PUT"] <= 5 * count + 2


@pytest.mark.parametrize("where", ["memory", pytest.param("s3", marks=pytest.mark.deep)])
@pytest.mark.parametrize(("count", "gets"), [(1000, 16), pytest.param(1024, 40, marks=pytest.mark.deep)])
def test_a_thread_of_1000_checkpoints_is_resumed_in_a_handful_of_requests(
    request: pytest.FixtureRequest,
    open_store: Callable[..., DocumentStore],
    capsys: pytest.CaptureFixture[str],
    where: str,
    count: int,
    gets: int,
) -> None:
    messages: list[Any] = []

    def turn(n: int) -> dict[str, Any]:
        messages.append(f"message {n:05} " * 40)
        return {"messages": list(messages), "note": f"note {n}"}

    place = make_place(where, request)
    saver = ObjstoreSaver(open_store(place))
    for _ in put_turns(saver, count, turn, {}):
        pass
    counted = Count()
    found = ObjstoreSaver(open_store(place, counted)).get_tuple(thread())
    assert found is not None
    assert found.checkpoint["channel_values"]["messages"] == messages
    with capsys.disabled():
        print(f"\nto resume {count} checkpoints: {dict(counted.asked)}, {counted.received} bytes")
    assert counted.asked == {"get": gets, "list": 3}


def test_a_listing_by_metadata_reads_no_values(memory: Place, open_store: Callable[..., DocumentStore]) -> None:
    saver = ObjstoreSaver(open_store(memory))
    for _ in put_turns(saver, 40, lambda n: {"page": page(n)}, {}):
        pass
    counted = Count()
    lister = ObjstoreSaver(open_store(memory, counted))
    assert list(lister.list(thread(), filter={"step": 77})) == []
    before = counted.requests
    assert [found.metadata["step"] for found in lister.list(thread(), filter={"step": 7})] == [7]
    assert counted.received < 80_000  # the same; 40 pages have 800,000
    assert counted.requests == before + 1 + 2  # whether the thread moved, and then the one value that was asked for
    counted.reset()
    assert len(list(lister.list(thread(), limit=32))) == 32
    assert counted.requests == 1 + 2 * 1 + 32  # the same, and the values of 16 at a time side by side


@pytest.mark.parametrize("face", ["waiting", "awaiting"])
def test_a_listing_of_all_threads_reads_no_more_of_them_than_its_limit_wants(
    memory: Place, open_store: Callable[..., DocumentStore], face: str
) -> None:
    saver = ObjstoreSaver(open_store(memory))
    for n in range(8):
        saver.put(thread(f"t{n}", checkpoint_ns=""), empty_checkpoint(), {"step": n}, {})
    counted = Count()
    lister = ObjstoreSaver(open_store(memory, counted))

    def listed(limit: int | None) -> list[int]:
        async def awaited() -> list[Any]:
            return [found async for found in lister.alist(None, limit=limit)]

        found = asyncio.run(awaited()) if face == "awaiting" else lister.list(None, limit=limit)
        return [one.metadata["step"] for one in found]

    assert listed(2) == [0, 1]
    assert counted.asked == {"list": 1 + 2 * 2, "get": 1 + 2}  # the ids and the marker; heads and commits of two
    assert listed(None) == [*range(8)]
    counted.reset()
    assert listed(0) == []
    assert counted.requests == 1


def test_what_another_process_stored_costs_a_read_for_each_of_its_commits(
    memory: Place, open_store: Callable[..., DocumentStore]
) -> None:
    counted = Count()
    saver, other = ObjstoreSaver(open_store(memory, counted)), ObjstoreSaver(open_store(memory))
    messages: list[Any] = []

    def turn(n: int) -> dict[str, Any]:
        messages.append(f"message {n:05} " * 40)
        return {"messages": list(messages)}

    for n in put_turns(other, 60, turn, {}):
        if n == 49:
            saver.get_tuple(thread())
            counted.reset()
    found = saver.get_tuple(thread())
    assert found is not None
    assert found.checkpoint["channel_values"]["messages"] == messages
    assert counted.asked == {"get": 10 + 1}  # and that there is no further one
