"""A conformance suite for stores: every layout on every place, through either face.

from objstore.testing.log_store import LogStoreTests

class TestMine(LogStoreTests):
    @pytest.fixture
    def open_store(self):
        place = MyBackend(...)  # empty
        return lambda: objstore.open(place)

`StoreTests` is what both layouts promise; `TreeStoreTests` and `objstore.testing.log_store.LogStoreTests` are the rest.
"""

# A test says what it proves in its name.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ..errors import ConflictError, InvalidIdError, NotFoundError, UnsupportedError
from ..models import (
    AgentEndEvent,
    AgentEvent,
    AgentStartEvent,
    ArtifactStore,
    ErrorEvent,
    InMemoryRunStore,
    Message,
    PlanningStartEvent,
    SessionData,
    SessionState,
    TextDeltaEvent,
    TokenUsage,
    TurnStartEvent,
    VerificationSummary,
)
from ..store import SessionStore
from .samples import (
    ODD_IDS,
    artifacts,
    loaded,
    report,
    rich_session,
    run_records,
    session,
    texts,
    timeless,
    trace,
)
from .values import ValueTests

OpenStore = Callable[[], SessionStore]


class StoreTests(ValueTests):
    """What every store keeps; a subclass gives the fixture ``open_store``.

    That is a function which opens an empty place: the same place each time it is called within a test, as another
    handle. A store that is reached by awaiting goes in behind calls that wait, and that list what it iterates over.

    Attributes:
        odd_ids: Ids that one place must hold together.
        big: How many characters the biggest message and artifact have.
    """

    odd_ids: tuple[str, ...] = ODD_IDS

    @pytest.fixture
    def store(self, open_store: OpenStore) -> Iterator[SessionStore]:
        """Open the place, and hold that whatever the test did left nothing damaged."""
        store = open_store()
        yield store
        report = store.verify()
        assert report.ok, report.findings
        store.close()

    @pytest.fixture
    def other(self, open_store: OpenStore) -> Iterator[SessionStore]:
        """Open the place as another program would."""
        other = open_store()
        yield other
        other.close()

    def test_what_is_missing_is_none(self, store: SessionStore) -> None:
        assert store.list() == []
        assert not store.exists("s")
        assert store.load("s") is None
        assert store.load_artifacts("s") is None
        assert store.load_trace_events("s") is None
        assert store.load_run_records("s") is None
        assert store.load_verification_reports("s") is None
        assert store.load_bundle("s") is None
        assert store.summaries(["s"]) == []
        store.delete("s")
        with pytest.raises(NotFoundError):
            store.append("s", messages=[Message.user("x")])
        assert store.list() == []

    def test_the_place_can_be_worked_with(self, store: SessionStore) -> None:
        store.health_check()
        assert store.backend_name()
        assert store.list() == []

    def test_all_five_parts_come_back_one_by_one(self, store: SessionStore, other: SessionStore) -> None:
        store.save(rich_session("s"))
        store.save_artifacts("s", artifacts("b", "a"))
        store.save_trace_events("s", [trace("t1"), trace("t2"), trace("t1")])
        store.save_run_records("s", runs := run_records("s"))
        store.save_verification_reports("s", [report("r"), report("r")])
        for reader in (store, other):
            assert reader.load("s") == rich_session("s")
            assert reader.load_artifacts("s") == artifacts("b", "a")
            assert reader.load_trace_events("s") == [trace("t1"), trace("t2"), trace("t1")]
            assert reader.load_run_records("s") == runs
            assert reader.load_verification_reports("s") == [report("r"), report("r")]
            assert reader.list() == ["s"]
            assert reader.exists("s")

    def test_all_five_parts_come_back_together(self, store: SessionStore, other: SessionStore) -> None:
        store.commit(
            session("s", "hello"),
            artifacts=artifacts("a"),
            trace_events=[trace("t")],
            run_records=(runs := run_records("s")),
            verification_reports=[report("r")],
        )
        bundle = other.load_bundle("s")
        assert bundle is not None
        assert (bundle.session, bundle.artifacts) == (session("s", "hello"), artifacts("a"))
        assert (bundle.trace_events, bundle.run_records) == ([trace("t")], runs)
        assert bundle.verification_reports == [report("r")]
        (summary,) = other.summaries(["none", "s"])
        assert (summary.id, summary.name, summary.messages, summary.artifacts) == ("s", "a name", 1, 1)

    def test_emptied_is_not_missing_and_none_leaves_alone(self, store: SessionStore, other: SessionStore) -> None:
        store.commit("s", artifacts=artifacts("a"), trace_events=[trace("t")])
        store.commit("s", artifacts=ArtifactStore(), trace_events=None, run_records=[])
        assert other.load_artifacts("s") == ArtifactStore()
        assert other.load_trace_events("s") == [trace("t")]
        assert other.load_run_records("s") == []
        assert other.load_verification_reports("s") is None
        other.commit("s", trace_events=[], verification_reports=[])
        assert store.load_trace_events("s") == []
        assert store.load_verification_reports("s") == []

    def test_siblings_without_a_session_are_no_session(self, store: SessionStore, other: SessionStore) -> None:
        store.save_trace_events("s", [trace("t")])
        assert other.load("s") is None
        assert not other.exists("s")
        assert other.list() == []
        assert other.load_trace_events("s") == [trace("t")]
        bundle = other.load_bundle("s")
        assert bundle is not None
        assert (bundle.session, bundle.trace_events) == (None, [trace("t")])

    def test_a_save_replaces_and_touches_nothing_else(self, store: SessionStore, other: SessionStore) -> None:
        store.commit(session("s", "one"), trace_events=[trace("t")])
        store.save(session("t", "neighbour"))
        changed = loaded(other, "s")
        changed.messages = [Message.user("two"), Message.assistant("three")]
        changed.state = SessionState.PAUSED
        other.save(changed)
        assert loaded(store, "s") == changed
        assert store.load_trace_events("s") == [trace("t")]
        assert loaded(store, "t") == session("t", "neighbour")
        assert [summary.id for summary in store.summaries(["t", "s"])] == ["t", "s"]

    def test_append_adds_to_the_ends(self, store: SessionStore, other: SessionStore) -> None:
        store.commit(session("s", "one"), run_records=run_records("s"), artifacts=artifacts("a", "b"))
        (run,) = [record.snapshot.id for record in store.load_run_records("s") or ()]
        other.append(
            "s",
            messages=[Message.user("two")],
            trace_events=[trace("t")],
            run_records=run_records("s"),
            run_events={run: [TextDeltaEvent(text="more")]},
            artifacts=artifacts("a", "c"),
            verification_reports=[report("r")],
        )
        with pytest.raises(NotFoundError):
            other.append("s", trace_events=[trace("u")], run_events={"none": [TextDeltaEvent(text="more")]})
        assert texts(loaded(store, "s")) == ["one", "two"]
        assert store.load_trace_events("s") == [trace("t")]
        assert [len(record.events) for record in store.load_run_records("s") or ()] == [2, 1]
        assert [each.artifact_id for each in store.load_artifacts("s") or ()] == ["b", "a", "c"]
        assert store.load_verification_reports("s") == [report("r")]

    def test_events_that_are_appended_change_their_run_as_recorded_ones_do(self, store: SessionStore) -> None:
        memory = InMemoryRunStore()
        for prompt in ("ends", "", "fails"):
            memory.create_run("s", prompt)
        store.commit(session("s", "one"), run_records=memory.records())
        begin: list[AgentEvent] = [
            AgentStartEvent(prompt="asked"),
            PlanningStartEvent(prompt="asked"),
            TurnStartEvent(turn=1),
        ]
        usage, summary = TokenUsage.default(), VerificationSummary.default()
        end = AgentEndEvent(text="done", usage=usage, verification_summary=summary)
        ends: list[list[AgentEvent]] = [[end, ErrorEvent(message="late")], [], [ErrorEvent(message="bad"), end]]
        for record, last in zip(memory.records(), ends, strict=True):
            run = record.snapshot.id
            for events in (begin, last, []):
                for event in events:
                    memory.record_event(run, event)
                store.append("s", run_events={run: events})
        found = store.load_run_records("s") or []
        assert [timeless(record) for record in found] == [timeless(record) for record in memory.records()]
        assert [record.snapshot.status for record in found] == ["completed", "planning", "failed"]
        for record in found:
            assert record.snapshot.updated_at_ms == record.events[-1].timestamp_ms

    def test_update_changes_what_is_there(self, store: SessionStore, other: SessionStore) -> None:
        store.save(session("s", "one"))

        def change(found: SessionData) -> None:
            found.messages.append(Message.user("two"))

        assert texts(store.update("s", change)) == ["one", "two"]
        assert texts(loaded(other, "s")) == ["one", "two"]
        with pytest.raises(NotFoundError):
            store.update("none", change)

        def fail(found: SessionData) -> None:
            found.messages.clear()
            raise LookupError

        with pytest.raises(LookupError):
            store.update("s", fail)
        assert texts(loaded(other, "s")) == ["one", "two"]
        assert texts(store.update("s", lambda found: session(found.id, "another"))) == ["another"]
        assert texts(loaded(other, "s")) == ["another"]

    def test_a_deleted_session_is_gone_with_its_siblings(self, store: SessionStore, other: SessionStore) -> None:
        runs, reports = run_records("s"), [report("r")]
        store.commit(session("s", "one"), artifacts=artifacts("a"), run_records=runs, verification_reports=reports)
        store.save_trace_events("s", [trace("t")])
        store.save(session("t", "stays"))
        other.delete("s")
        other.delete("s")
        for reader in (store, other):
            assert reader.load("s") is None
            assert reader.load_bundle("s") is None
            assert reader.load_artifacts("s") is None
            assert not reader.exists("s")
            assert reader.list() == ["t"]

    def test_a_deleted_session_can_be_made_anew(self, store: SessionStore, other: SessionStore) -> None:
        store.commit(session("s", "one"), trace_events=[trace("t")])
        store.delete("s")
        other.save(session("s", "two"))
        assert texts(loaded(store, "s")) == ["two"]
        assert store.load_trace_events("s") is None
        assert store.list() == ["s"]

    def test_odd_ids_are_kept_apart(self, store: SessionStore, other: SessionStore) -> None:
        for number, id in enumerate(self.odd_ids):
            store.commit(session(id, f"text {number}"), trace_events=[trace(f"trace {number}")])
        assert other.list() == sorted(self.odd_ids)
        for number, id in enumerate(self.odd_ids):
            assert other.exists(id)
            assert loaded(other, id) == session(id, f"text {number}")
            assert other.load_trace_events(id) == [trace(f"trace {number}")]
        first, *rest = other.iter_ids()
        assert sorted([first, *rest]) == sorted(self.odd_ids)
        assert [*store.iter_ids(after=first)] == rest
        assert sorted(store.iter_ids("x")) == sorted(id for id in self.odd_ids if id.startswith("x"))
        assert [summary.id for summary in store.iter_summaries(prefix="x.")] == ["x.json"]
        other.delete(self.odd_ids[0])
        assert store.list() == sorted(self.odd_ids[1:])

    @pytest.mark.parametrize("id", ["", "a\0b", "\ud800", "x" * 1025], ids=["empty", "nul", "surrogate", "long"])
    def test_ids_that_name_no_session_are_refused(self, store: SessionStore, id: str) -> None:
        for call in (
            lambda: store.save(session(id, "x")),
            lambda: store.save_trace_events(id, []),
            lambda: store.append(id, trace_events=[trace("t")]),
            lambda: store.load(id),
            lambda: store.load_bundle(id),
            lambda: store.load_trace_events(id),
            lambda: store.exists(id),
            lambda: store.delete(id),
        ):
            with pytest.raises(InvalidIdError):
                call()
        assert store.list() == []


class TreeStoreTests(StoreTests):
    """What a store of the tree layout says about what it cannot do."""

    def test_there_is_no_history(self, store: SessionStore) -> None:
        assert store.save(session("s", "x")).seq is None
        store.save_trace_events("s", [trace("t")])
        for call in (
            lambda: store.history("s"),
            lambda: store.restore("s", 1),
            lambda: store.fork("s", "t"),
            lambda: store.prune("s", keep_last=1),
            lambda: store.diff("s", 1, 2),
            lambda: store.load("s", at=1),
            lambda: store.load_trace_events("s", at=1),
            lambda: store.save(session("s", "y"), base=1),
            lambda: store.append("s", messages=[Message.user("y")], key="k"),
            lambda: store.commit("s", trace_events=[], key="k"),
            lambda: store.put_artifact("s", b"\xff", tool_name="t"),
        ):
            with pytest.raises(UnsupportedError):
                call()
        assert store.list() == ["s"]
        assert loaded(store, "s") == session("s", "x")
        assert store.load_trace_events("s") == [trace("t")]

    def test_a_file_that_is_there_is_not_made_anew_nor_another_sessions(self, store: SessionStore) -> None:
        store.save(session("a/b", "x"), base=0)
        with pytest.raises(ConflictError):
            store.save(session("a/b", "y"), base=0)
        with pytest.raises(ConflictError):
            store.save(session("a_b", "y"))
        assert loaded(store, "a/b") == session("a/b", "x")
        assert not store.exists("a_b")
