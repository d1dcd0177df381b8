"""A program that forks while a thread of it is in the middle of a call of an adapter, and uses that in the child."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from objstore import DocumentStore
from objstore.models import Revision
from tests.bad_input.forking import forked, waited

PARENT = os.getpid()


class Gate:
    """Where a thread of the parent stays until it is let go."""

    def __init__(self) -> None:
        self.closed = False
        self.reached = threading.Event()
        self.opened = threading.Event()

    def pass_through(self) -> None:
        if self.closed and os.getpid() == PARENT:
            self.reached.set()
            self.opened.wait()

    def fork_inside(self, call: Callable[[], object], child: Callable[[], object]) -> None:
        """Begin a call, fork in the middle of it, let the child do something, and then the call end."""
        self.closed = True
        thread = threading.Thread(target=call)
        thread.start()
        self.reached.wait()
        try:
            waited([forked(lambda _: child(), 0)])
        finally:
            self.opened.set()
            thread.join()


class GatedStore(DocumentStore):
    """A store whose updates go through a gate."""

    def __init__(self, target: str, gate: Gate) -> None:
        super().__init__(target)
        self._gate = gate

    def update(self, *args: Any, **options: Any) -> Revision:
        self._gate.pass_through()
        return super().update(*args, **options)


def langgraph(target: str) -> None:
    from objstore.integrations.langgraph import ObjstoreSaver
    from tests.integrations.langgraph.checkpoints import got, put

    gate = Gate()
    saver = ObjstoreSaver(GatedStore(target, gate))
    config = put(saver, {"a": 1})

    def child() -> None:
        assert got(saver).checkpoint["channel_values"] == {"a": 1}
        saver.put_writes(config, [("a", "of the child")], "child")

    gate.fork_inside(lambda: saver.put_writes(config, [("a", "of the parent")], "parent"), child)
    written = got(saver).pending_writes
    assert written == [("child", "a", "of the child"), ("parent", "a", "of the parent")], written


def strands(target: str) -> None:
    from objstore.integrations.strands import ObjstoreSessionRepository
    from tests.integrations.strands.contract import agent_of, begun, message, numbers

    gate = Gate()
    repository = ObjstoreSessionRepository(GatedStore(target, gate))
    begun(repository, 2)

    def child() -> None:
        assert numbers(repository.list_messages("s", "a")) == [0, 1]
        repository.update_agent("s", agent_of(of="the child"))

    gate.fork_inside(lambda: repository.create_message("s", "a", message(2)), child)
    assert numbers(repository.list_messages("s", "a")) == [0, 1, 2]
    agent = repository.read_agent("s", "a")
    assert agent is not None
    assert agent.state == {"of": "the child"}


def recent(target: str) -> None:
    from objstore.integrations.values import Recent

    gate = Gate()

    def weigh(value: str) -> int:
        gate.pass_through()
        return len(value)

    values = Recent(9, weigh)
    values.put("a", "1")

    def child() -> None:
        assert values.get("a") == "1"

    gate.fork_inside(lambda: values.put("b", "2"), child)
    assert values.values() == ["1", "2"]


if __name__ == "__main__":
    {"langgraph": langgraph, "strands": strands, "recent": recent}[sys.argv[1]](sys.argv[2])
