"""Calls of a lane in any order, taken on step by step: whatever is said to be stored is."""

from __future__ import annotations

import itertools
from concurrent.futures import Future
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("langgraph.graph", reason="langgraph is not installed")

from objstore import UnavailableError
from objstore.integrations.langgraph.faces import Steps, Wait
from objstore.integrations.langgraph.lanes import Lane


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
