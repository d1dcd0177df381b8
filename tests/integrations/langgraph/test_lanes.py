"""Writers of one thread in one process take turns, and nobody waits for one who gave up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("langgraph.graph", reason="langgraph is not installed")

from objstore import DocumentStore, UnavailableError
from objstore.backends import MemoryBackend
from objstore.integrations.langgraph.faces import Faces, Steps, Wait, Work
from objstore.integrations.langgraph.lanes import Lane


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


def test_who_would_block_the_loop_of_those_it_waits_for_commits_what_they_have_too(faces: Faces) -> None:
    taken: list[list[str]] = []

    def at_once(changes: list[str]) -> Steps[list[Exception | None]]:
        taken.append(changes)
        yield Work(bool)
        return [None] * len(changes)

    async def main() -> None:
        lane, commit = Lane[str](), Committing()
        tasks = [asyncio.create_task(faces.arun(lane.write(change, commit))) for change in ("a", "b")]
        await until(lambda: commit.begun == [["a"]] and len(lane) == 2)
        faces.run(lane.write("called where the loop runs", at_once))
        assert taken == [["a", "b", "called where the loop runs"]]
        commit.gate.set_result(None)
        await asyncio.gather(*tasks)
        assert commit.begun == [["a"]]
        assert lane.idle

    asyncio.run(main())
