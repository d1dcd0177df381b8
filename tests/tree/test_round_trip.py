"""What A3S Code wrote comes back byte for byte, through either layout, on every place."""

from __future__ import annotations

import pytest

import objstore
from objstore import SessionStore
from objstore.transfer import copy
from tests.models.samples import CORPUS
from tests.places import Place, make_place

from .samples import PARTS, corpus_files, document, key, load, session, text


def test_the_sessions_of_the_real_program_go_into_a_log_and_out_again(
    place: Place, request: pytest.FixtureRequest
) -> None:
    other = make_place("s3" if place.target.startswith("s3") else "memory", request)
    with objstore.open(CORPUS, layout="tree") as source, place.open() as log, other.open("tree") as target:
        imported = copy(source, log)
        assert len(imported.copied) == 10
        assert imported.ok
        assert log.verify().ok
        assert log.list() == source.list()
        exported = copy(log, target)
        assert exported.copied == imported.copied
        assert exported.ok
    assert other.files() == corpus_files()


def test_loading_and_saving_changes_no_byte(place: Place) -> None:
    files = corpus_files()
    for name, data in files.items():
        place.put(name, data)
    with place.open() as tree:
        for id in tree.list():
            bundle = tree.load_bundle(id)
            assert bundle is not None
            assert bundle.session is not None
            tree.delete(id)
            tree.commit(
                bundle.session,
                artifacts=bundle.artifacts,
                trace_events=bundle.trace_events,
                run_records=bundle.run_records,
                verification_reports=bundle.verification_reports,
            )
    assert place.files() == files


def test_a_tree_is_recognised_without_being_told(place: Place) -> None:
    with place.open("tree") as tree:
        tree.save(session("a/b"))
    with place.open() as found:
        assert found.list() == ["a/b"]
        assert found.load("a/b") == session("a/b")


@pytest.mark.parametrize("part", PARTS)
def test_every_part_lies_where_the_seed_keeps_it(tree: SessionStore, place: Place, part: str) -> None:
    place.put(key(part, "a/b"), text(part, "a/b"))
    assert load(tree, part, "a/b") is not None
    assert [load(tree, other, "a/b") for other in PARTS if other != part] == [None] * 4
    assert tree.exists("a/b") == (part == "session")
    assert tree.list() == (["a/b"] if part == "session" else [])


def test_an_appended_message_changes_the_session_file_alone(tree: SessionStore, place: Place) -> None:
    for part in PARTS:
        place.put(key(part, "s"), text(part, "s"))
    tree.append("s", messages=[objstore.Message.user("more")])
    files = place.files()
    expected = document("session", "s")
    expected["messages"] = [*expected["messages"], {"role": "user", "content": [{"type": "text", "text": "more"}]}]
    assert tree.load("s") == objstore.SessionData.model_validate(expected)
    assert {part: files[key(part, "s")] for part in PARTS[1:]} == {part: text(part, "s") for part in PARTS[1:]}


def test_appends_go_to_the_ends_of_all_parts(tree: SessionStore) -> None:
    tree.save(session("s"))
    traces = [objstore.TraceEvent.model_validate(document("traces", "s")[0])]
    runs = [objstore.RunRecord.model_validate(document("runs", "s")[0])]
    reports = [objstore.VerificationReport.model_validate(document("verification", "s")[0])]
    for _ in range(2):
        tree.append("s", trace_events=traces, verification_reports=reports)
    tree.append("s", run_records=runs, run_events={"run-1": [objstore.AgentStartEvent(prompt="go")]})
    bundle = tree.load_bundle("s")
    assert bundle is not None
    assert bundle.trace_events == traces * 2
    assert bundle.verification_reports == reports * 2
    assert bundle.run_records is not None
    assert [event.sequence for event in bundle.run_records[0].events] == [0]


def test_a_summary_counts_what_is_in_the_files(tree: SessionStore, place: Place) -> None:
    for part in PARTS:
        place.put(key(part, "s"), text(part, "s"))
    (summary,) = tree.summaries(["gone", "s"])
    assert (summary.id, summary.seq, summary.messages) == ("s", None, 3)
    assert (summary.artifacts, summary.traces, summary.runs, summary.verification) == (1, 1, 1, 1)
    assert summary.saved_at.timestamp() == summary.updated_at.timestamp() == 1700000100


def test_revisions_of_a_tree_are_the_digests_of_its_session_files(tree: SessionStore) -> None:
    saved = tree.save(session("s"))
    loaded = tree.load("s")
    assert loaded is not None
    assert saved.seq is None
    assert loaded.revision == saved
    assert tree.save_trace_events("s", []) == saved
    loaded.messages.clear()
    assert tree.save(loaded) != saved
