"""The log layout against a plain dict that remembers what it was at each commit."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

import objstore
from objstore import ConflictError, Message, NotFoundError, SessionData, TextBlock
from objstore.testing.samples import texts, trace
from tests.stateful.machine import BIG, DEEP, HANDLES, IDS, PLACES, QUICK, TEXTS, StoreMachine

where_sessions_are = precondition(lambda self: any("messages" in parts for parts in self.sessions.values()))


class LogMachine(StoreMachine):
    """What the log layout does beyond: revisions, history, forks."""

    def __init__(self) -> None:
        super().__init__()
        self.versions: dict[str, dict[int, dict[str, Any]]] = {}  # id -> number -> state
        self.known: dict[tuple[int, str], dict[str, Any]] = {}

    @initialize(interval=st.sampled_from([2, 3, 32]))
    def open(self, interval: int) -> None:
        """Open a store with few or many commits between two whole states: a floor is one of these."""
        marker = {"format": 1, "layout": "log", "K": interval, "created": "2026-01-01T00:00:00Z", "requires": []}
        self.backend.put("objstore.json", json.dumps(marker).encode())
        super().open()

    def changed(self, id: str, **parts: Any) -> None:
        super().changed(id, **parts)
        (newest, *_) = objstore.open(self.backend).history(id)
        self.versions.setdefault(id, {})[newest.seq] = copy.deepcopy(self.sessions[id])

    @rule(id=IDS, handle=HANDLES)
    def load(self, id: str, handle: int) -> None:
        super().load(id, handle)
        if (handle, id) in self.held:
            self.known[handle, id] = copy.deepcopy(self.sessions[id])

    @rule(id=IDS, handle=HANDLES, place=PLACES, words=st.lists(TEXTS, min_size=1, max_size=2), kind=st.integers(0, 4))
    def edit_what_was_loaded(self, id: str, handle: int, place: int, words: list[str], kind: int) -> None:
        session = self.held.pop((handle, id), None)
        if session is None:
            return
        new = [Message.user(word) for word in words]
        match kind:
            case 0:
                session.messages += new
            case 1:
                session.messages[place % (len(session.messages) + 1) :] = []  # truncate
            case 2:
                session.messages[: place % (len(session.messages) + 1)] = new  # compact
            case 3 if session.messages:  # inside a message
                message = session.messages[place % len(session.messages)]
                message.content = [*message.content, *(block for m in new for block in m.content)]
            case _:
                session.messages.insert(place % (len(session.messages) + 1), new[0])
        before = self.known[handle, id].get("messages")
        now = self.sessions.get(id, {}).get("messages")
        wanted = texts(session)
        alive = self.versions[id].keys() and id in self.sessions
        if alive and (now in (before, wanted)) and not self.reborn(id, session):
            self.stores[handle].save(session)
            if wanted != now:
                self.changed(id, messages=wanted)
        elif wanted != before:
            with pytest.raises(ConflictError):
                self.stores[handle].save(session)

    @where_sessions_are
    @rule(id=IDS, handle=HANDLES, word=BIG, more=st.text(max_size=5))
    def edit_inside_a_big_message(self, id: str, handle: int, word: str, more: str) -> None:
        session = self.stores[handle].load(id)
        if session is None:
            return
        session.messages.append(Message.user(word))
        self.stores[handle].save(session)
        self.changed(id, messages=texts(session))
        session.messages[-1].content = [*session.messages[-1].content, TextBlock(text=more)]
        self.stores[handle].save(session)
        self.changed(id, messages=texts(session))

    @where_sessions_are
    @rule(id=IDS, handle=HANDLES, words=st.lists(TEXTS, min_size=2, max_size=2, unique=True))
    def collide(self, id: str, handle: int, words: list[str]) -> None:
        """Both handles load a session and save it: the second is told."""
        first, second = self.stores[handle].load(id), self.stores[1 - handle].load(id)
        if first is None or second is None:
            return
        first.messages.append(Message.user(words[0]))
        second.messages.append(Message.user(words[1]))
        self.stores[handle].save(first)
        self.changed(id, messages=[*self.sessions[id]["messages"], words[0]])
        with pytest.raises(ConflictError):
            self.stores[1 - handle].save(second)

    @where_sessions_are
    @rule(id=IDS, handle=HANDLES, words=st.lists(TEXTS, min_size=1, max_size=2), name=st.text(max_size=5))
    def save_over_the_traces_of_another(self, id: str, handle: int, words: list[str], name: str) -> None:
        """One handle changes the conversation while the other appends a trace: both are kept."""
        session = self.stores[handle].load(id)
        if session is None:
            return
        self.append_trace(id, 1 - handle, name)
        session.messages += [Message.user(word) for word in words]
        self.stores[handle].save(session)
        self.changed(id, messages=self.sessions[id]["messages"] + words)

    @precondition(lambda self: bool(self.sessions))
    @rule(id=IDS, handle=HANDLES, names=st.lists(st.text(max_size=5), min_size=2, max_size=2, unique=True))
    def add_traces_side_by_side(self, id: str, handle: int, names: list[str]) -> None:
        """Both handles add to the traces that they loaded: all of it is there."""
        stores = (self.stores[handle], self.stores[1 - handle])
        bundles = [store.load_bundle(id) for store in stores]
        for store, bundle, name in zip(stores, bundles, names, strict=True):
            if bundle is None:
                return
            store.save_trace_events(id, [*(bundle.trace_events or []), trace(name)], base=bundle.revision)
            self.changed(id, traces=[*(self.sessions[id]["traces"] or []), name])

    @where_sessions_are
    @rule(id=IDS, handle=HANDLES, recreate=st.booleans())
    def save_what_another_deleted(self, id: str, handle: int, recreate: bool) -> None:
        """A handle that slept through a delete, and perhaps a new life, conflicts."""
        session = self.stores[handle].load(id)
        if session is None:
            return
        self.delete(id, 1 - handle)
        if recreate:
            self.append_trace(id, 1 - handle, "new life")
        session.messages.append(Message.user("late"))
        with pytest.raises(ConflictError):
            self.stores[handle].save(session)
        assert session.revision is not None
        with pytest.raises(ConflictError):
            self.stores[handle].save_verification_reports(id, [], base=session.revision)

    def reborn(self, id: str, session: SessionData) -> bool:
        """Say whether the session was deleted since it was loaded."""
        assert session.revision is not None
        assert session.revision.seq is not None
        return any(
            commit.kind == "delete" and commit.seq > session.revision.seq
            for commit in objstore.open(self.backend).history(id)
        ) or session.revision.seq < min(self.versions[id], default=0)

    @where_sessions_are
    @rule(id=IDS, handle=HANDLES, name=st.text(max_size=5), word=st.text(max_size=5))
    def save_what_was_never_seen(self, id: str, handle: int, name: str, word: str) -> None:
        """A handle whose traces went on top of a conversation that it has not seen may not save that."""
        bundle = self.stores[handle].load_bundle(id)
        if bundle is None or bundle.session is None:
            return
        self.append(id, 1 - handle, [word])
        traces = [*(bundle.trace_events or []), trace(name)]
        revision = self.stores[handle].save_trace_events(id, traces, base=bundle.revision)
        self.changed(id, traces=[*(self.sessions[id]["traces"] or []), name])
        bundle.session.messages.append(Message.user(f"unseen {word}"))
        with pytest.raises(ConflictError):
            self.stores[handle].save(bundle.session, base=revision)

    @where_sessions_are
    @rule(id=IDS, handle=HANDLES)
    def save_unchanged_what_another_deleted(self, id: str, handle: int) -> None:
        session = self.stores[handle].load(id)
        if session is not None:
            self.delete(id, 1 - handle)
            with pytest.raises(ConflictError):
                self.stores[handle].save(session)

    @rule(id=IDS, handle=HANDLES)
    def delete(self, id: str, handle: int) -> None:
        older = min(self.versions.get(id) or {0: {}})
        super().delete(id, handle)
        self.forget(id)
        if older:
            with pytest.raises(NotFoundError):
                self.stores[handle].load(id, at=older)

    def forget(self, id: str) -> None:
        self.sessions.pop(id, None)
        self.versions[id] = {}
        for other in (0, 1):
            self.held.pop((other, id), None)

    @rule(id=IDS, onto=IDS, handle=HANDLES, place=PLACES)
    def fork(self, id: str, onto: str, handle: int, place: int) -> None:
        versions = self.versions.get(id) or {}
        if id not in self.sessions:
            with pytest.raises(NotFoundError):
                self.stores[handle].fork(id, onto)
        elif onto in self.sessions:
            with pytest.raises(ConflictError):
                self.stores[handle].fork(id, onto)
        else:
            at = sorted(versions)[place % len(versions)]
            self.stores[handle].fork(id, onto, at=at)
            self.changed(onto, **versions[at])

    @where_sessions_are
    @rule(id=IDS, handle=HANDLES, word=BIG, drop=st.booleans(), newest=st.booleans())
    def fork_away(self, id: str, handle: int, word: str, drop: bool, newest: bool) -> None:
        """A fork of something big stands alone, whatever becomes of its origin."""
        if "messages" not in self.sessions.get(id, {}):
            return
        self.append(id, handle, [word])
        at = max(self.versions[id])
        if not newest:
            self.append(id, handle, ["after the fork"])
        self.delete("fork", handle)
        self.stores[1 - handle].fork(id, "fork", at=at)
        self.changed("fork", **self.versions[id][at])
        if drop:
            self.stores[handle].delete(id, purge=True)
            self.forget(id)

    @rule(id=IDS, handle=HANDLES, keep=st.integers(1, 5), turns=st.integers(0, 6))
    def prune(self, id: str, handle: int, keep: int, turns: int) -> None:
        for turn in range(turns if id in self.sessions else 0):  # there has to be something to prune
            self.append_trace(id, handle, f"turn {turn}")
        report = self.stores[handle].prune(id, keep_last=keep)
        if id in self.sessions:
            newest_first = sorted(self.versions[id], reverse=True)
            if keep > 1:  # 1 keeps the newest state, which the prune commit holds itself
                assert report.floor <= newest_first[min(keep, len(newest_first)) - 1]
            self.versions[id] = {n: state for n, state in self.versions[id].items() if n >= report.floor}
            (newest, *_) = objstore.open(self.backend).history(id)
            self.versions[id][newest.seq] = copy.deepcopy(self.sessions[id])
            for other in (0, 1):  # a revision below the floor may conflict; the model does not follow that
                self.held.pop((other, id), None)
            if report.floor > 1:
                with pytest.raises(NotFoundError):
                    self.stores[handle].load(id, at=report.floor - 1)

    @where_sessions_are
    @rule(id=IDS, handle=HANDLES, word=BIG, keep=st.integers(2, 6))
    def prune_above_what_is_gone(self, id: str, handle: int, word: str, keep: int) -> None:
        """What only commits in the middle name stays while they do."""
        session = self.stores[handle].load(id)
        if session is None:
            return
        self.prune(id, handle, 1, 0)
        for turn in range(4):
            self.append_trace(id, handle, f"turn {turn}")
        before = self.sessions[id]["messages"]
        self.append(id, handle, [f"{word} for a while"])
        self.create_or_replace(id, handle, before)
        self.prune(id, 1 - handle, keep, 0)
        for at in self.versions[id]:
            self.travelled(id, at, handle)

    @rule(handle=HANDLES)
    def collect(self, handle: int) -> None:
        self.stores[handle].collect()
        for id in self.sessions:
            (newest, *_) = objstore.open(self.backend).history(id)
            self.versions[id].setdefault(newest.seq, copy.deepcopy(self.sessions[id]))

    @precondition(lambda self: any(self.versions.values()))
    @rule(id=IDS, place=PLACES, handle=HANDLES)
    def travel(self, id: str, place: int, handle: int) -> None:
        versions = self.versions.get(id)
        if versions:
            self.travelled(id, sorted(versions)[place % len(versions)], handle)

    def travelled(self, id: str, at: int, handle: int) -> None:
        bundle = self.stores[handle].load_bundle(id, at=at)
        assert bundle is not None
        assert (bundle.session and texts(bundle.session)) == self.versions[id][at].get("messages")

    @precondition(lambda self: any(self.versions.values()))
    @rule(id=IDS, place=PLACES, handle=HANDLES)
    def restore(self, id: str, place: int, handle: int) -> None:
        versions = self.versions.get(id)
        if versions and id in self.sessions:
            at = sorted(versions)[place % len(versions)]
            state = copy.deepcopy(versions[at])
            self.stores[handle].restore(id, at)
            self.sessions[id] = state
            (newest, *_) = objstore.open(self.backend).history(id)
            versions[newest.seq] = copy.deepcopy(state)

    @invariant()
    def it_verifies(self) -> None:
        report = objstore.open(self.backend).verify()
        assert report.ok, report.findings


class LongLogMachine(LogMachine):
    """The same, for longer."""


TestLog = LogMachine.TestCase
TestLog.settings = QUICK
TestLongLog = pytest.mark.deep(LongLogMachine.TestCase)
TestLongLog.settings = DEEP
