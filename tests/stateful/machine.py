"""A store against a plain dict: random lives of a few sessions, seen through handles that grow stale."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import objstore
from objstore import Message, NotFoundError, SessionData, SessionStore
from objstore.backends import MemoryBackend
from objstore.testing.samples import texts, trace

IDS = st.sampled_from(["a/b", "B"])
HANDLES = st.integers(0, 1)
BIG = st.sampled_from("xé").map(lambda letter: letter * 300_000)
TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(["=", '{"=": "y"}']), BIG)
PLACES = st.integers(0, 1_000)

QUICK = settings(
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
DEEP = settings(QUICK, max_examples=1_500, stateful_step_count=50, derandomize=False)


class StoreMachine(RuleBasedStateMachine):
    """What every layout does."""

    layout: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.backend = MemoryBackend.isolated()
        self.stores: list[SessionStore] = []
        self.sessions: dict[str, dict[str, Any]] = {}  # id -> {"messages": [...], "traces": [...] or None}
        self.held: dict[tuple[int, str], SessionData] = {}  # what a handle loaded last

    @initialize()
    def open(self) -> None:
        self.stores = [objstore.open(self.backend, layout=self.layout) for _ in range(2)]
        self.create_or_replace("a/b", 0, ["first"])

    def changed(self, id: str, **parts: Any) -> None:
        self.sessions[id] = {**self.sessions.get(id, {"traces": None}), **parts}

    @rule(id=IDS, handle=HANDLES, words=st.lists(TEXTS, max_size=3))
    def create_or_replace(self, id: str, handle: int, words: list[str]) -> None:
        session = SessionData.new(id)
        session.messages = [Message.user(word) for word in words]
        self.stores[handle].save(session)
        self.changed(id, messages=words)

    @rule(id=IDS, handle=HANDLES, words=st.lists(TEXTS, min_size=1, max_size=3))
    def append(self, id: str, handle: int, words: list[str]) -> None:
        if id not in self.sessions or "messages" not in self.sessions[id]:
            with pytest.raises(NotFoundError):
                self.stores[handle].append(id, messages=[Message.user(word) for word in words])
            return
        self.stores[handle].append(id, messages=[Message.user(word) for word in words])
        self.changed(id, messages=self.sessions[id]["messages"] + words)

    @rule(id=IDS, handle=HANDLES, name=st.text(max_size=5))
    def append_trace(self, id: str, handle: int, name: str) -> None:
        self.stores[handle].append(id, trace_events=[trace(name)])
        self.changed(id, traces=[*(self.sessions.get(id, {}).get("traces") or []), name])

    @rule(id=IDS, handle=HANDLES)
    def load(self, id: str, handle: int) -> None:
        session = self.stores[handle].load(id)
        if session is None:
            self.held.pop((handle, id), None)
        else:
            self.held[handle, id] = session

    @rule(id=IDS, handle=HANDLES)
    def delete(self, id: str, handle: int) -> None:
        self.stores[handle].delete(id)
        self.sessions.pop(id, None)

    @rule(handle=HANDLES)
    def reopen(self, handle: int) -> None:
        self.stores[handle] = objstore.open(self.backend, layout=self.layout)

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        fresh = objstore.open(self.backend, layout=self.layout)
        for store in (fresh, *self.stores):
            assert store.list() == sorted(id for id, parts in self.sessions.items() if "messages" in parts)
            for id in ("a/b", "B", "fork"):
                bundle = store.load_bundle(id)
                parts = self.sessions.get(id)
                assert store.exists(id) == ("messages" in (parts or {}))
                if parts is None:
                    assert bundle is None
                    continue
                assert bundle is not None
                assert (bundle.session and texts(bundle.session)) == parts.get("messages")
                traces = bundle.trace_events
                assert (None if traces is None else [t.name for t in traces]) == parts["traces"]
