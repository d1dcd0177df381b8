"""Sessions with a history, and what can be read of it."""

from __future__ import annotations

from typing import Any

import objstore
from objstore import ArtifactStore, Message, SessionData, SessionStore
from objstore._engine.observing import Event
from objstore.backends import Backend
from objstore.testing.samples import artifact


def live(store: SessionStore, turns: int, id: str = "s", *, every: int = 1) -> None:
    """Let a session live on for some turns; every so many turns a new artifact takes the place of the old one."""
    session = store.load(id) or SessionData.new(id)
    for _ in range(turns):
        session.messages.append(Message.user(f"turn {len(session.messages) + 1}"))
        artifacts = None
        if len(session.messages) % every == 0:
            artifacts = ArtifactStore()
            name = f"{id} output {len(session.messages)}"
            artifacts.put(artifact(name, f"{name} " * 500))
        store.commit(session, artifacts=artifacts)


def prune(store: SessionStore, backend: Backend, keep: int, id: str = "s") -> int:
    """Prune a session and free the numbers below its floor as if a day had passed; give the floor."""
    floor = store.prune(id, keep_last=keep).floor
    backend.delete([f"sessions/{id}/log/000000/{n:010d}" for n in range(1, floor)])
    return floor


State = list[tuple[Any, ...]]


def whole(store: SessionStore, id: str = "s") -> State:
    """Read all states of a session, with the digests of their commits, newest first."""
    seen: State = []
    for commit in store.history(id):
        bundle = store.load_bundle(id, at=commit.seq)
        seen.append((commit, (bundle.session, bundle.artifacts, bundle.trace_events) if bundle else None))
    return seen


def reopened(backend: Backend) -> SessionStore:
    """Open a place anew, so that nothing is remembered."""
    return objstore.open(backend)


class Meddler:
    """An observer that does something once, when an operation of some kind on some key is done."""

    def __init__(self, operation: str, part_of_key: str, act: Any) -> None:
        self._operation = operation
        self._part = part_of_key
        self._act = act
        self.done = False

    def __call__(self, event: Event) -> None:
        operation = isinstance(event, objstore.OperationEvent) and event.operation == self._operation
        if operation and self._part in event.key and not self.done:  # type: ignore[union-attr] # narrowed by the name
            self.done = True
            self._act()
