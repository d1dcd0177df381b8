"""What a store of the log layout keeps beyond what every store does; see `objstore.testing.store`."""

# A test says what it proves in its name.
# ruff: noqa: D102

from __future__ import annotations

import pickle

import pytest

from ..errors import ConflictError, InvalidValueError, NotFoundError
from ..models import Message, Revision, SessionData
from ..store import SessionStore
from .racing import at_once
from .samples import ODD_IDS_OF_A_LOG, artifacts, loaded, report, run_records, session, texts, trace
from .store import OpenStore, StoreTests

WRITERS = 6
APPENDS = 4


def _count(found: SessionData) -> None:
    found.total_cost += 1


class LogStoreTests(StoreTests):
    """What a store of the log layout keeps; see `StoreTests`.

    Attributes:
        races: Whether several programs may write at once. A place that was opened with ``single_writer=True`` is told
            that none does.
    """

    odd_ids = ODD_IDS_OF_A_LOG
    races = True

    def test_each_save_has_a_revision_and_an_equal_one_writes_nothing(
        self, store: SessionStore, other: SessionStore
    ) -> None:
        data = session("s", "one")
        first = store.save(data)
        assert (first.seq, data.revision) == (1, first)
        assert store.save(data) == first
        assert other.save(loaded(other, "s")) == first
        data.messages.append(Message.user("two"))
        assert store.save(data).seq == 2
        assert [commit.seq for commit in other.history("s")] == [2, 1]

    def test_the_second_of_two_saves_on_one_revision_conflicts(self, store: SessionStore, other: SessionStore) -> None:
        store.save(session("s", "one"))
        mine, theirs = loaded(store, "s"), loaded(other, "s")
        mine.messages.append(Message.user("mine"))
        theirs.messages.append(Message.user("theirs"))
        store.save(mine)
        with pytest.raises(ConflictError) as caught:
            other.save(theirs)
        assert (caught.value.id, caught.value.expected, caught.value.actual) == ("s", 1, 2)
        assert texts(loaded(other, "s")) == ["one", "mine"]
        with pytest.raises(ConflictError):
            other.save(session("s", "new"), base=0)

    def test_nothing_is_done_on_an_old_revision(self, store: SessionStore, other: SessionStore) -> None:
        first = store.commit(
            session("s", "one"), artifacts=artifacts("a"), run_records=run_records("s"), verification_reports=[]
        )
        newest = other.commit(
            session("s", "two"), artifacts=artifacts("b"), run_records=[], verification_reports=[report("r")]
        )
        for call in (
            lambda: store.save(session("s", "three"), base=first),
            lambda: store.commit(session("s", "three"), base=first),
            lambda: store.save_artifacts("s", artifacts("c"), base=first),
            lambda: store.save_run_records("s", run_records("s"), base=first),
            lambda: store.save_verification_reports("s", [report("q")], base=first),
            lambda: store.append("s", messages=[Message.user("three")], base=first),
            lambda: store.delete("s", base=first),
        ):
            with pytest.raises(ConflictError):
                call()
        assert other.history("s")[0].seq == newest.seq == 2
        store.delete("s", base=newest)
        assert other.list() == []

    def test_what_was_not_changed_stays_as_others_made_it(self, store: SessionStore, other: SessionStore) -> None:
        base = store.save(session("s", "one"))
        mine = loaded(store, "s")
        other.append("s", messages=[Message.user("theirs")])
        store.save(mine)
        assert texts(loaded(other, "s")) == ["one", "theirs"]
        merged = store.save_trace_events("s", [trace("t")], base=base)
        mine.messages.append(Message.user("mine"))
        with pytest.raises(ConflictError):  # what it was put on top of was not seen
            store.save(mine, base=merged)
        assert texts(loaded(other, "s")) == ["one", "theirs"]

    def test_a_revision_is_as_good_in_another_process(self, store: SessionStore, other: SessionStore) -> None:
        first = store.save(session("s", "one"))
        sent: Revision = pickle.loads(pickle.dumps(first))  # noqa: S301 - it was made here
        assert sent == first
        assert other.save(session("s", "one", "two"), base=sent).seq == 2
        with pytest.raises(ConflictError):
            other.save(session("s", "one", "three"), base=sent)

    def test_changes_of_other_parts_are_put_on_top(self, store: SessionStore, other: SessionStore) -> None:
        store.commit(session("s", "one"), trace_events=[trace("a")])
        mine = loaded(store, "s")
        base = mine.revision
        assert base is not None
        other.save_trace_events("s", [trace("a"), trace("b")], base=base)
        mine.messages.append(Message.user("two"))
        assert store.save(mine).seq == 3
        assert store.save_trace_events("s", [trace("a"), trace("c")], base=base).seq == 4
        assert other.load_trace_events("s") == [trace("a"), trace("b"), trace("c")]
        assert texts(loaded(other, "s")) == ["one", "two"]

    def test_without_a_revision_a_save_replaces_and_the_history_keeps_it(self, store: SessionStore) -> None:
        store.save(session("s", "one"))
        store.save(session("s", "two"))
        assert texts(loaded(store, "s")) == ["two"]
        older = store.load("s", at=1)
        assert older is not None
        assert texts(older) == ["one"]
        for nowhere in (0, 3):
            with pytest.raises(NotFoundError):
                store.load("s", at=nowhere)

    def test_a_key_is_answered_once(self, store: SessionStore, other: SessionStore) -> None:
        store.save(session("s", "one"))
        first = store.append("s", messages=[Message.user("two")], key="k")
        assert other.append("s", messages=[Message.user("two")], key="k") == first
        assert texts(loaded(other, "s")) == ["one", "two"]
        second = store.commit("s", trace_events=[trace("a")], key="k 2")
        assert other.commit("s", trace_events=[trace("a"), trace("b")], key="k 2") == second
        assert other.load_trace_events("s") == [trace("a")]
        store.save(session("t", "another"))
        assert other.append("t", messages=[Message.user("session")], key="k").seq == 2
        assert texts(loaded(store, "t")) == ["another", "session"]
        with pytest.raises(InvalidValueError):
            store.append("t", messages=[Message.user("x")], key="k" * 129)

    def test_a_stale_writer_conflicts_after_a_delete(self, store: SessionStore, other: SessionStore) -> None:
        store.save(session("s", "one"))
        stale = loaded(other, "s")
        store.delete("s")
        with pytest.raises(ConflictError):
            other.save(stale)
        store.save(session("s", "new life"))
        stale.messages.append(Message.user("late"))
        with pytest.raises(ConflictError):
            other.save(stale)
        assert texts(loaded(other, "s")) == ["new life"]

    def test_a_purged_session_is_gone_for_good(self, store: SessionStore, other: SessionStore) -> None:
        store.commit(session("s", "one"), artifacts=artifacts("a"))
        stale = loaded(other, "s")
        store.delete("s", purge=True)
        assert other.load("s") is None
        assert other.list() == []
        with pytest.raises(ConflictError):
            other.save(stale)
        with pytest.raises(NotFoundError):
            other.load("s", at=1)

    def test_every_state_of_a_long_life_can_be_read(self, store: SessionStore, other: SessionStore) -> None:
        data = session("s")
        for turn in range(40):  # past a snapshot
            data.messages.append(Message.user(f"turn {turn}"))
            store.commit(data, trace_events=[trace(f"turn {turn}")])
        for turn in (0, 20, 31, 32, 33, 39):
            bundle = other.load_bundle("s", at=turn + 1)
            assert bundle is not None
            assert bundle.session is not None
            assert texts(bundle.session) == [f"turn {n}" for n in range(turn + 1)]
            assert bundle.trace_events == [trace(f"turn {turn}")]
        history = other.history("s")
        assert [commit.seq for commit in history] == [*range(40, 0, -1)]
        assert [commit.seq for commit in history if commit.kind == "snapshot"] == [33, 1]

    def test_an_older_state_is_put_on_top_not_written_over(self, store: SessionStore, other: SessionStore) -> None:
        store.commit(session("s", "one"), artifacts=artifacts("a"))
        store.commit(session("s", "two"), artifacts=artifacts("b"))
        assert other.restore("s", 1).seq == 3
        assert texts(loaded(store, "s")) == ["one"]
        assert store.load_artifacts("s") == artifacts("a")
        assert store.load_artifacts("s", at=2) == artifacts("b")
        assert store.diff("s", 1, 3).differences == ()
        assert {each.path[0] for each in store.diff("s", 1, 2).differences} == {"session", "artifacts"}
        for nowhere in (0, 4):
            with pytest.raises(NotFoundError):
                store.restore("s", nowhere)

    def test_a_fork_shares_nothing_with_its_origin(self, store: SessionStore, other: SessionStore) -> None:
        store.commit(session("s", "one"), artifacts=artifacts("a"), trace_events=[trace("t")])
        store.commit(session("s", "two"), artifacts=artifacts("b"))
        store.fork("s", "branch", at=1)
        with pytest.raises(ConflictError):
            other.fork("s", "branch")
        with pytest.raises(NotFoundError):
            other.fork("none", "another")
        store.delete("s", purge=True)
        assert texts(loaded(other, "branch")) == ["one"]
        assert other.load_artifacts("branch") == artifacts("a")
        assert other.load_trace_events("branch") == [trace("t")]
        origin = other.history("branch")[-1].origin
        assert origin is not None
        assert (origin.id, origin.seq) == ("s", 1)
        assert other.list() == ["branch"]

    def test_pruning_keeps_what_it_is_told_to(self, store: SessionStore, other: SessionStore) -> None:
        for turn in range(5):
            store.commit(session("s", f"turn {turn}"), artifacts=artifacts(f"a{turn}"))
        store.prune("s", keep_last=3)
        assert store.prune("s", keep_last=1, dry_run=True).floor == 6
        assert [texts(each) for n in (3, 4, 5) if (each := other.load("s", at=n))] == [[f"turn {n}"] for n in (2, 3, 4)]
        report = store.prune("s", keep_last=1)
        assert report.floor == 6
        with pytest.raises(NotFoundError):
            other.load("s", at=2)
        assert texts(loaded(other, "s")) == ["turn 4"]
        assert other.load_artifacts("s") == artifacts("a4")
        store.collect()
        assert other.load_artifacts("s") == artifacts("a4")

    def test_of_racing_first_saves_all_are_kept(self, store: SessionStore, other: SessionStore) -> None:
        self._skip_unless_races()
        stores = [store, other] * (WRITERS // 2)
        at_once(WRITERS, lambda n: stores[n].save(session("s", f"writer {n}")))
        kept = [other.load("s", at=commit.seq) for commit in other.history("s")]
        assert sorted(texts(each)[0] for each in kept if each) == [f"writer {n}" for n in range(WRITERS)]

    def test_of_racing_saves_on_one_revision_one_wins(self, store: SessionStore, open_store: OpenStore) -> None:
        self._skip_unless_races()
        base = store.save(session("s", "one"))
        stores = [open_store() for _ in range(WRITERS)]

        def save(n: int) -> Revision | None:
            try:
                return stores[n].save(session("s", "one", f"writer {n}"), base=base)
            except ConflictError:
                return None

        outcomes = at_once(WRITERS, save)
        (winner,) = [n for n, outcome in enumerate(outcomes) if outcome]
        assert texts(loaded(store, "s")) == ["one", f"writer {winner}"]
        for each in stores:
            each.close()

    def test_of_racing_appends_each_is_there_once(self, store: SessionStore, open_store: OpenStore) -> None:
        self._skip_unless_races()
        store.save(session("s"))
        stores = [open_store() for _ in range(WRITERS)]

        def append(n: int) -> None:
            for turn in range(APPENDS):
                name = f"{n}-{turn}"
                stores[n].append("s", messages=[Message.user(name)], trace_events=[trace(name)])

        at_once(WRITERS, append)
        found: SessionData = loaded(store, "s")
        expected = [f"{n}-{turn}" for n in range(WRITERS) for turn in range(APPENDS)]
        assert sorted(texts(found)) == expected
        assert [event.name for event in store.load_trace_events("s") or ()] == texts(found)
        for n in range(WRITERS):
            assert [text for text in texts(found) if text.startswith(f"{n}-")] == expected[n * APPENDS :][:APPENDS]
        at_once(WRITERS, lambda n: stores[n].update("s", _count))
        assert loaded(store, "s").total_cost == WRITERS
        for each in stores:
            each.close()

    def _skip_unless_races(self) -> None:
        if not self.races:
            pytest.skip("this place was opened with single_writer=True, so writers may not race on it")
