"""The suites for stores find one that does a little thing wrong, which the same test passes where nothing is."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import objstore
from objstore import ArtifactStore, NotFoundError, Revision, SessionData, SessionStore
from objstore._engine.arguments import LayoutName
from objstore.backends import MemoryBackend
from objstore.testing.log_store import LogStoreTests
from objstore.testing.store import TreeStoreTests


class LosesAField(SessionStore):
    def load(self, id: str, **options: Any) -> SessionData | None:
        found = super().load(id, **options)
        if found is not None:
            found.cost_records = []
        return found


class LosesWhatIsThereTwice(SessionStore):
    def load_trace_events(self, id: str, **options: Any) -> Any:
        found = super().load_trace_events(id, **options) or []
        return [each for n, each in enumerate(found) if each not in found[:n]]


class GivesOneObjectToAll(SessionStore):
    def load_artifacts(self, id: str, **options: Any) -> ArtifactStore | None:
        found = super().load_artifacts(id, **options)
        known: dict[str, Any] = self.__dict__.setdefault("known", {})
        if found is not None and known.get(id, (None, None))[1] != found:
            known[id] = found, copy.deepcopy(found)
        return found and known[id][0]


class TakesTheCallersKeyAway(SessionStore):
    def save(self, session: SessionData, **options: Any) -> Revision:
        revision = super().save(session, **options)
        if session.llm_config is not None:
            session.llm_config.api_key = None
        return revision


class ForgetsASibling(SessionStore):
    def delete(self, id: str, **options: Any) -> None:
        kept = self.load_verification_reports(id)
        super().delete(id, **options)
        if kept:
            self.save_verification_reports(id, kept)


class PutsNoRunsBehindTheOthers(SessionStore):
    def append(self, id: str, **options: Any) -> Revision:
        options.pop("run_records", None)
        return super().append(id, **options)


class SavesWhatAFailedUpdateLeft(SessionStore):
    def update(self, id: str, change: Callable[[SessionData], Any], **options: Any) -> SessionData:
        def changed(session: SessionData) -> Any:
            try:
                return change(session)
            except LookupError:
                return None

        return super().update(id, changed, **options)


class BeginsAtTheSessionItself(SessionStore):
    def iter_ids(self, prefix: str = "", *, after: str | None = None) -> Iterator[str]:
        return iter(([] if after is None else [after]) + [*super().iter_ids(prefix, after=after)])


class KnowsNoWrongIds(SessionStore):
    def exists(self, id: str) -> bool:
        return id in self.list()


class MakesAnewWhatIsThere(SessionStore):
    def save(self, session: SessionData, **options: Any) -> Revision:
        options.pop("base", None)
        return super().save(session, **options)


class LeavesTheKeyOut(SessionStore):
    def commit(self, session_or_id: SessionData | str, **options: Any) -> Revision:
        options.pop("key", None)
        return super().commit(session_or_id, **options)


class DeletesWhatWasNotSeen(SessionStore):
    def delete(self, id: str, **options: Any) -> None:
        options.pop("base", None)
        super().delete(id, **options)


class SavesOverTheOthers(SessionStore):
    def save(self, session: SessionData, **options: Any) -> Revision:
        revision = super().save(session, **options)
        if self.load(session.id) == session:
            return revision
        unseen = SessionData.new(session.id)
        unseen.messages = session.messages
        return super().save(unseen)


class VouchesForWhatWasNotSeen(SessionStore):
    def save_trace_events(self, id: str, events: Any, **options: Any) -> Revision:
        super().save_trace_events(id, events, **options)
        found = self.load(id)
        assert found is not None
        assert found.revision is not None
        return found.revision


class ShowsTheNewest(SessionStore):
    def load_artifacts(self, id: str, **options: Any) -> ArtifactStore | None:
        return super().load_artifacts(id)


class KeepsLessThanItIsTold(SessionStore):
    def prune(self, id: str, **options: Any) -> Any:
        return super().prune(id, **{**options, "keep_last": 1})


class TakesANumberForTheNewest(SessionStore):
    def load(self, id: str, *, at: int | None = None) -> SessionData | None:
        return super().load(id, at=at or None)


class ForksNothing(SessionStore):
    def fork(self, id: str, new_id: str, **options: Any) -> Any:
        try:
            return super().fork(id, new_id, **options)
        except NotFoundError:
            return None


BOTH = {
    LosesAField: "all_five_parts_come_back_one_by_one",
    LosesWhatIsThereTwice: "all_five_parts_come_back_one_by_one",
    GivesOneObjectToAll: "what_is_saved_or_loaded_is_shared_with_nobody",
    TakesTheCallersKeyAway: "a_key_of_a_model_is_never_stored",
    ForgetsASibling: "a_deleted_session_is_gone_with_its_siblings",
    PutsNoRunsBehindTheOthers: "append_adds_to_the_ends",
    SavesWhatAFailedUpdateLeft: "update_changes_what_is_there",
    BeginsAtTheSessionItself: "odd_ids_are_kept_apart",
    KnowsNoWrongIds: "ids_that_name_no_session_are_refused",
}
TREE = {
    MakesAnewWhatIsThere: "a_file_that_is_there_is_not_made_anew_nor_another_sessions",
    LeavesTheKeyOut: "there_is_no_history",
}
LOG = {
    LeavesTheKeyOut: "a_key_is_answered_once",
    DeletesWhatWasNotSeen: "nothing_is_done_on_an_old_revision",
    SavesOverTheOthers: "what_was_not_changed_stays_as_others_made_it",
    VouchesForWhatWasNotSeen: "what_was_not_changed_stays_as_others_made_it",
    ShowsTheNewest: "an_older_state_is_put_on_top_not_written_over",
    KeepsLessThanItIsTold: "pruning_keeps_what_it_is_told_to",
    TakesANumberForTheNewest: "without_a_revision_a_save_replaces_and_the_history_keeps_it",
    ForksNothing: "a_fork_shares_nothing_with_its_origin",
}
CASES: list[tuple[LayoutName, type[SessionStore], str]] = [
    *(("tree", kind, test) for kind, test in (BOTH | TREE).items()),
    *(("log", kind, test) for kind, test in (BOTH | LOG).items()),
]


def run(layout: LayoutName, kind: type[SessionStore], test: str) -> None:
    """Run one test of a suite on stores of this kind."""
    place = MemoryBackend.isolated()
    call = getattr(TreeStoreTests() if layout == "tree" else LogStoreTests(), f"test_{test}")
    arguments: dict[str, Any] = {"id": ""} if "id" in inspect.signature(call).parameters else {}
    for name in inspect.signature(call).parameters.keys() & {"store", "other"}:
        arguments[name] = store = objstore.open(place, layout=layout)
        store.__class__ = kind
    call(**arguments)


@pytest.mark.parametrize(("layout", "kind", "test"), CASES, ids=lambda case: getattr(case, "__name__", case))
def test_a_store_that_does_a_little_thing_wrong_is_found(
    layout: LayoutName, kind: type[SessionStore], test: str
) -> None:
    run(layout, SessionStore, test)
    with pytest.raises((AssertionError, pytest.fail.Exception, NotFoundError)):
        run(layout, kind, test)
