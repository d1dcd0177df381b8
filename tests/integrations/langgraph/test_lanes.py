"""Writers of one thread in one process take turns, and nobody waits for one who gave up."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("langgraph.graph", reason="langgraph is not installed")

from langgraph.checkpoint.base import empty_checkpoint

from objstore import DocumentStore, InvalidValueError, ObjstoreError, UnavailableError
from objstore.backends import MemoryBackend
from objstore.integrations.langgraph import ObjstoreSaver
from objstore.integrations.langgraph.faces import Faces, Steps, Wait
from objstore.integrations.langgraph.lanes import Lane
from objstore.integrations.langgraph.threads import Threads
from objstore.testing.faults import Fault, FaultyBackend, Request, refused, unavailable
from tests.integrations.langgraph.graphs import thread

Commit = Callable[[list[str]], Steps[list[Exception | None]]]


@pytest.fixture
def faces() -> Faces:
    return Faces(DocumentStore(MemoryBackend.isolated()))


class Committing:
    """Commits that wait to be let go on; tells what they were of."""

    def __init__(self) -> None:
        self.begun: list[list[str]] = []
        self.gate: Future[None] = Future()

    def __call__(self, changes: list[str]) -> Steps[list[Exception | None]]:
        self.begun.append(changes)
        yield Wait(self.gate)
        return [ValueError(change) if change == "bad" else None for change in changes]


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0)


def test_who_comes_during_a_commit_is_in_the_next_one_together(faces: Faces) -> None:
    async def main() -> None:
        lane, commit = Lane[str](), Committing()
        tasks = [asyncio.create_task(faces.arun(lane.write(change, commit))) for change in ("a", "b", "bad", "c")]
        await until(lambda: commit.begun == [["a"]])
        commit.gate.set_result(None)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert commit.begun == [["a"], ["b", "bad", "c"]]
        assert [type(result) for result in found] == [type(None), type(None), ValueError, type(None)]
        assert lane.idle

    asyncio.run(main())


def test_who_is_patient_is_taken_along_by_who_is_not(faces: Faces) -> None:
    async def main() -> None:
        lane, commit = Lane[str](), Committing()
        commit.gate.set_result(None)
        patient = [asyncio.create_task(faces.arun(lane.write(n, commit, patience=60))) for n in ("1", "2")]
        await until(lambda: not lane.idle)
        await asyncio.sleep(0)
        await faces.arun(lane.write("hasty", commit))
        await asyncio.gather(*patient)
        assert commit.begun == [["1", "2", "hasty"]]

    asyncio.run(main())


def test_patience_ends(faces: Faces) -> None:
    lane, commit = Lane[str](), Committing()
    commit.gate.set_result(None)
    faces.run(lane.write("alone", commit, patience=0.001))
    assert commit.begun == [["alone"]]


@pytest.mark.parametrize("patience", [0.0, 60.0])
def test_who_gives_up_while_waiting_is_left_out(faces: Faces, patience: float) -> None:
    async def main() -> None:
        lane, commit = Lane[str](), Committing()
        first = asyncio.create_task(faces.arun(lane.write("first", commit)))
        await until(lambda: commit.begun == [["first"]])
        waiting = asyncio.create_task(faces.arun(lane.write("waiting", commit, patience=patience)))
        last = asyncio.create_task(faces.arun(lane.write("last", commit)))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        commit.gate.set_result(None)
        await asyncio.gather(first, last)
        assert commit.begun == [["first"], ["last"]]
        assert lane.idle

    asyncio.run(main())


def test_when_the_one_whose_turn_it_is_gives_up_the_others_commit_themselves(faces: Faces) -> None:
    async def main() -> None:
        lane, commit = Lane[str](), Committing()
        patient = asyncio.create_task(faces.arun(lane.write("patient", commit, patience=60)))
        await until(lambda: not lane.idle)
        leader = asyncio.create_task(faces.arun(lane.write("leader", commit)))
        await until(lambda: commit.begun == [["patient", "leader"]])
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        hasty = asyncio.create_task(faces.arun(lane.write("hasty", commit)))
        commit.gate.set_result(None)
        await asyncio.gather(patient, hasty)
        assert commit.begun[1:] == [["patient", "hasty"]]
        assert lane.idle

    asyncio.run(main())


def test_who_is_answered_for_returns_at_once_and_who_answers_when_both_are_stored(faces: Faces) -> None:
    async def main() -> None:
        lane, commit = Lane[str](), Committing()

        def write(change: str, **how: Any) -> asyncio.Task[None]:
            return asyncio.create_task(faces.arun(lane.write(change, commit, **how)))

        under_way = write("under way", name=1)
        await until(lambda: commit.begun == [["under way"]])
        answered = write("bad", name=2)
        await asyncio.sleep(0.01)
        assert not answered.done()
        answering = write("writes", answers_for=2, patience=60)
        await answered  # though nothing of it is stored
        early = write("early writes", answers_for=3, patience=60)
        await until(lambda: len(lane) == 4)
        await write("late", name=3)
        of_who_leads = write("of who leads", answers_for=1, patience=60)
        await until(lambda: len(lane) == 6)
        assert not any(task.done() for task in (answering, early, of_who_leads, under_way))
        commit.gate.set_result(None)
        found = await asyncio.gather(under_way, answering, early, of_who_leads, return_exceptions=True)
        assert commit.begun[1:] == [["bad", "writes", "early writes", "late", "of who leads"]]
        assert [str(error) for error in found] == ["None", "bad", "None", "None"]  # it raises for the other
        assert lane.idle

    asyncio.run(main())


def test_who_can_be_answered_for_leaves_the_commit_to_who_has_to_wait(faces: Faces) -> None:
    lane, commit = Lane[str](), Committing()
    writes = lane.write("writes", commit, patience=60)
    checkpoint = lane.write("checkpoint", commit, name=1)
    patience, waiting = next(writes), next(checkpoint)
    assert isinstance(patience, Wait)
    assert isinstance(waiting, Wait)
    assert (patience.future.done(), waiting.future.done(), commit.begun) == (True, False, [])
    writes.send(None)
    assert commit.begun == [["writes", "checkpoint"]]


def test_who_was_answered_for_is_left_out_when_who_answers_gives_up() -> None:
    lane, commit = Lane[str](), Committing()
    first = lane.write("first", commit)
    answered = lane.write("answered for", commit, name=1)
    answering = lane.write("answering", commit, answers_for=1)
    next(first), next(answered), next(answering)
    with pytest.raises(StopIteration):
        answered.send(None)
    answering.close()
    with pytest.raises(StopIteration):
        first.send(None)
    assert commit.begun == [["first"]]
    assert lane.idle


def test_who_is_still_there_when_who_answers_gives_up_waits_itself() -> None:
    lane, commit = Lane[str](), Committing()
    first = lane.write("first", commit)
    answered = lane.write("answered for", commit, name=1)
    answering = lane.write("answering", commit, answers_for=1)
    next(first), next(answered), next(answering)
    answering.close()
    assert isinstance(answered.send(None), Wait)
    with pytest.raises(StopIteration):
        first.send(None)
    answered.send(None)
    assert commit.begun == [["first"], ["answered for"]]


def test_what_was_under_way_is_left_out_of_the_next_commit_when_nobody_waits_for_it_any_more() -> None:
    lane, commit = Lane[str](), Committing()
    gone = lane.write("gone", commit, patience=60)
    leader = lane.write("leader", commit)
    next(gone), next(leader)
    assert commit.begun == [["gone", "leader"]]
    gone.close()
    leader.close()
    assert lane.idle


def test_who_gives_up_when_it_is_the_next_passes_the_turn_on() -> None:
    lane, commit = Lane[str](), Committing()
    first, second, third = (lane.write(change, commit) for change in ("first", "second", "third"))
    next(first)
    waits = [next(second), next(third)]
    with pytest.raises(StopIteration):
        first.send(None)
    assert [wait.future.done() for wait in waits if isinstance(wait, Wait)] == [True, False]
    with pytest.raises(asyncio.CancelledError):
        second.throw(asyncio.CancelledError())
    assert [wait.future.done() for wait in waits if isinstance(wait, Wait)] == [True, True]
    third.send(None)
    assert commit.begun == [["first"], ["third"]]


def test_why_a_commit_failed_is_told_to_all_that_were_in_it(faces: Faces) -> None:
    def fails(changes: list[str]) -> Steps[list[Exception | None]]:
        yield Wait(gate)
        raise UnavailableError("no answer")

    gate: Future[None] = Future()
    lane = Lane[str]()

    def write(change: str) -> Any:
        with pytest.raises(UnavailableError, match="no answer"):
            faces.run(lane.write(change, fails))
        return change

    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(write, change) for change in "abcd"]
        gate.set_result(None)
        assert [future.result(30) for future in found] == [*"abcd"]
    assert lane.idle


def test_threads_and_tasks_wait_in_one_lane(faces: Faces) -> None:
    lane, commit = Lane[str](), Committing()

    async def main() -> None:
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(faces.run, lane.write("thread", commit))
            await until(lambda: bool(commit.begun))
            task = asyncio.create_task(faces.arun(lane.write("task", commit)))
            await asyncio.sleep(0.01)
            commit.gate.set_result(None)
            await task
            first.result(30)

    asyncio.run(main())
    assert commit.begun == [["thread"], ["task"]]


def test_writes_that_come_together_are_one_commit_and_a_bad_one_harms_nobody() -> None:
    store = DocumentStore(MemoryBackend.isolated())
    saver = ObjstoreSaver(store, patience=0.1)
    config = saver.put(thread(checkpoint_ns=""), empty_checkpoint(), {"step": 0}, {})

    async def together(channels: list[str]) -> list[Any]:
        writes = [saver.aput_writes(config, [(channel, n)], f"task {channel!r}") for n, channel in enumerate(channels)]
        return await asyncio.gather(*writes, return_exceptions=True)

    assert asyncio.run(together(["a", "b", "c"])) == [None] * 3
    assert len(store.history("t")) == 2
    found = asyncio.run(together(["d", "lone \ud800", "e", "f"]))
    assert [type(result) for result in found] == [type(None), InvalidValueError, type(None), type(None)]
    kept = saver.get_tuple(config)
    assert kept is not None
    assert {channel for _, channel, _ in kept.pending_writes or []} == set("abcdef")


def test_the_threads_that_were_used_last_are_remembered_up_to_a_number_of_entries() -> None:
    store = DocumentStore(MemoryBackend.isolated())
    saver = ObjstoreSaver(store)
    for id in ("a", "b", "c", "d"):
        config = thread(id, checkpoint_ns="")
        for _ in range(3 if id != "c" else 30):
            config = saver.put(config, empty_checkpoint(), {"step": 0}, {})
    faces, threads = Faces(store), Threads(entries=12)
    for id, remembered in (("a", "a"), ("b", "ab"), ("d", "abd"), ("a", "bda"), ("c", "c"), ("b", "b"), ("d", "bd")):
        read = faces.run(threads.read(id))
        assert len(read.checkpoints) == (3 if id != "c" else 30)
        assert "".join(threads.remembered()) == remembered
    threads.forget("b")
    assert threads.remembered() == ["d"]


def test_why_a_checkpoint_is_not_there_is_told_of_those_that_follow_it() -> None:
    broken = False

    def choose(request: Request) -> Fault | None:
        return unavailable() if broken and request.operation == "create" else None

    saver = ObjstoreSaver(DocumentStore(FaultyBackend(MemoryBackend.isolated(), choose)))
    config = saver.put(thread(checkpoint_ns=""), empty_checkpoint(), {"step": 0}, {})
    first, second = empty_checkpoint(), empty_checkpoint()
    after_first = thread(checkpoint_ns="", checkpoint_id=first["id"])
    broken = True
    with pytest.raises(ObjstoreError) as why:
        saver.put(config, first, {"step": 1}, {})
    broken = False
    with pytest.raises(type(why.value), match=re.escape(str(why.value))):
        saver.put(after_first, second, {"step": 2}, {})
    with pytest.raises(type(why.value)):
        saver.put_writes(after_first, [("a", 1)], "task")
    saver.put(config, first, {"step": 1}, {})
    saver.put_writes(after_first, [("a", 1)], "task")
    saver.put(after_first, second, {"step": 2}, {})
    assert [found.metadata["step"] for found in saver.list(thread())] == [2, 1, 0]


def test_a_thread_that_somebody_writes_to_is_remembered_whatever_others_take() -> None:
    store = DocumentStore(MemoryBackend.isolated())
    ObjstoreSaver(store).put(thread("b", checkpoint_ns=""), empty_checkpoint(), {"step": 0}, {})
    threads = Threads(entries=1)
    change: Any = SimpleNamespace(key=("", "x"))
    writing = threads.write("a", change)
    next(writing)
    row = threads._rows["a"]
    assert Faces(store).run(threads.read("b")).checkpoints
    assert threads._rows["a"] is row
    writing.close()


def test_of_the_checkpoints_of_a_thread_few_are_held_whole() -> None:
    saver = ObjstoreSaver(DocumentStore(MemoryBackend.isolated()))
    config = thread("t", checkpoint_ns="")
    for step in range(100):
        config = saver.put(config, empty_checkpoint(), {"step": step}, {})
    known = saver._threads._rows["t"].thread
    assert known is not None
    assert len(known.checkpoints) == 100
    assert len(known._resolved) <= 100 // 32 + 2


def test_only_so_many_beginnings_of_threads_are_remembered() -> None:
    threads = Threads()
    for n in range(5000):
        threads.say_empty(str(n), "")
    assert len(threads._empty) == 4096
    assert not threads.begin("0", "")
    assert threads.begin("4999", "")


def test_of_what_was_refused_little_is_remembered_and_nothing_that_it_held() -> None:
    place = FaultyBackend(
        MemoryBackend.isolated(), lambda request: refused() if request.operation == "create" else None
    )
    saver = ObjstoreSaver(DocumentStore(place))
    for step in range(40):
        with pytest.raises(ObjstoreError):
            saver.put(thread("t", checkpoint_ns=""), empty_checkpoint(), {"step": step}, {})
    remembered = saver._threads._rows["t"].refused
    assert len(remembered) == 32
    assert [why.__traceback__ for why in remembered.values()] == [None] * 32


class Call:
    """A call of a lane that is taken on step by step: the checkpoint of a number, or writes on it."""

    def __init__(self, lane: Lane[Call], kind: str, number: int, patience: float, commits: Commits) -> None:
        self.kind, self.number, self.commits = kind, number, commits
        self.came = next(commits.came)
        how: dict[str, Any] = {"name": number} if kind == "checkpoint" else {"answers_for": number}
        self.steps = lane.write(self, commits.commit, patience=patience, **how)
        self.wait: Any = None
        self.ended: str | None = None
        self.go_on()

    @property
    def can_go_on(self) -> bool:
        return self.ended is None and (self.wait.future.done() or self.wait.seconds is not None)

    def go_on(self) -> None:
        try:
            self.wait = self.steps.send(None)
        except StopIteration:
            self.ended = "well"
        except UnavailableError:
            self.ended = "refused"

    def give_up(self) -> None:
        if self.ended is None:
            self.steps.close()
            self.ended = "gave up"


class Commits:
    """Commits that take a while, and fail when they are told to."""

    def __init__(self) -> None:
        self.stored: list[Call] = []
        self.came = itertools.count()
        self.under_way: Future[None] | None = None
        self.fails = False

    def commit(self, calls: list[Call]) -> Steps[list[Exception | None]]:
        assert self.under_way is None or self.under_way.done(), "there is one at a time"
        assert not set(calls) & set(self.stored), "nothing is stored twice"
        assert calls == sorted(calls, key=lambda call: call.came), "all in the order in which they came"
        gate: Future[None] = Future()
        self.under_way = gate
        try:
            yield Wait(gate)
        except BaseException:
            self.under_way = None
            raise
        if self.fails:
            self.fails = False
            raise UnavailableError("no answer")
        self.stored += calls
        return [None] * len(calls)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_comes_in_whatever_order_all_is_stored_before_it_is_said(data: st.DataObject) -> None:
    lane, commits, calls = Lane[Call](), Commits(), list[Call]()

    def check() -> None:
        """Who was told well is stored; a checkpoint at the latest when its writes are told."""
        for call in calls:
            if call.ended == "well" and call not in commits.stored:
                assert call.kind == "checkpoint"
                others = [other for other in calls if (other.kind, other.number) == ("writes", call.number)]
                assert any(other.ended != "well" for other in others), "nobody answers for it"

    for _ in range(data.draw(st.integers(1, 25))):
        can = [call for call in calls if call.can_go_on]
        alive = [call for call in calls if call.ended is None]
        what = data.draw(st.sampled_from(["come", "come", "come", "go on", "go on", "stored", "fail", "give up"]))
        if what == "come":
            kind, number = data.draw(st.sampled_from(["checkpoint", "writes"])), data.draw(st.integers(0, 3))
            calls.append(Call(lane, kind, number, data.draw(st.sampled_from([0.0, 1.0])), commits))
        elif what == "go on" and can:
            data.draw(st.sampled_from(can)).go_on()
        elif what == "stored" and commits.under_way and not commits.under_way.done():
            commits.under_way.set_result(None)
        elif what == "fail":
            commits.fails = True
        elif what == "give up" and alive:
            data.draw(st.sampled_from(alive)).give_up()
        check()
    while alive := [call for call in calls if call.ended is None]:
        if commits.under_way and not commits.under_way.done():
            commits.under_way.set_result(None)
        can = [call for call in alive if call.can_go_on]
        assert can, "somebody waits for ever"
        can[0].go_on()
        check()
    assert lane.idle
    assert len(lane) == 0
