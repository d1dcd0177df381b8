"""Turns of LangGraph graphs whose commits come when they are told, and a process that dies with checkpoints in hand.

``python -m tests.integrations.langgraph.turns STORE`` runs a turn and dies in the place of its second commit, when all
that is left of the turn was handed over to be in it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from objstore import DocumentStore, Revision
from objstore.integrations.langgraph import ObjstoreSaver
from objstore.integrations.langgraph.lanes import Lane
from tests.integrations.langgraph.graphs import agent, said, thread
from tests.places import Place

DIED = 9
CHECKPOINTS = 5  # of a turn of `agent`


class Turns:
    """Turns of which the commits take as long, next to the work of the graph, as they are told.

    LangGraph hands over the writes of a step before the checkpoint that follows, each in a thread of its own. Here they
    come in this order, also on a busy machine.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, checkpoints: int, *, writes: bool = True) -> None:
        self.checkpoints = checkpoints
        self.entered = self.written = self.begun = self.committed = self.worked = 0
        self.changed = threading.Condition()
        self.second: Callable[[], object] = bool
        enter = Lane._enter

        def entering(lane: Lane[Any], ticket: Any) -> None:
            if ticket.name is not None and writes:
                self.until(lambda: self.written >= self.entered)
            enter(lane, ticket)
            self.count("written" if ticket.name is None else "entered")

        monkeypatch.setattr(Lane, "_enter", entering)

    def count(self, name: str, more: int = 1) -> None:
        with self.changed:
            setattr(self, name, getattr(self, name) + more)
            self.changed.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, 60)

    def slow(self) -> None:
        """Work until everything that the graph handed over so far is stored."""
        self.count("worked")
        done = self.worked
        self.until(lambda: self.committed >= done)

    def soon(self) -> None:
        """Work until a commit has begun."""
        self.until(lambda: self.begun > 0)

    def next(self) -> None:
        self.entered = self.written = self.begun = self.committed = self.worked = 0

    def store(self, place: Place, *, late: bool) -> DocumentStore:
        """Open a store; one that is late stores nothing of a turn before all its checkpoints were handed over.

        What is to happen in the place of the second commit of a turn is told by `second`.
        """
        turns = self

        class Store(DocumentStore):
            def update(self, *args: Any, **options: Any) -> Revision:
                turns.count("begun")
                if late and turns.checkpoints:
                    turns.until(lambda: turns.entered >= turns.checkpoints)
                if turns.begun == 2:
                    turns.second()
                revision = super().update(*args, **options)
                turns.count("committed")
                return revision

        return Store(place.target, storage_options=place.options)


def main() -> None:
    """Run a turn, and die."""
    turns = Turns(pytest.MonkeyPatch(), CHECKPOINTS)
    turns.second = lambda: os._exit(DIED)
    store = turns.store(Place(sys.argv[1]), late=True)
    graph = agent(work=turns.soon).compile(checkpointer=ObjstoreSaver(store, patience=10))
    graph.invoke(said("look it up", "h"), thread())


if __name__ == "__main__":
    main()
