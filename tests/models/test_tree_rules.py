from __future__ import annotations

import pytest

from objstore._seed.tree_rules import evicted, safe_id, unreadable, unstorable
from objstore.models import ArtifactStore, ToolArtifact
from objstore.models import _documents as documents
from objstore.models._documents import from_document

from .events import EVENTS
from .samples import ARTIFACT, SESSION, TRACE, changed, run


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("a/b", "a_b"),
        ("a\\b", "a_b"),
        ("a_b", "a_b"),
        ("..", "_"),
        ("...", "_."),
        ("....", "__"),
        ("../../../etc/passwd", "______etc_passwd"),
        ("dots..in...name", "dots_in_.name"),
        ("foo/bar\\baz..qux", "foo_bar_baz_qux"),
        ("v1.2.3", "v1.2.3"),
        (".hidden", ".hidden"),
        ("会话-ü-🚀", "会话-ü-🚀"),
        ("", ""),
    ],
)
def test_a_file_has_the_name_that_the_seed_gives_it(id: str, name: str) -> None:
    assert safe_id(id) == name


@pytest.mark.parametrize("id", ["", ".", "a\0b", "\ud800", "x" * 219, "é" * 110, "../" + "x" * 217])
def test_an_id_that_the_seed_cannot_store_is_told_why(id: str) -> None:
    assert unstorable(id)


@pytest.mark.parametrize(
    "id", ["..", "a/b", " ", "new\nline", "CON", "x.json", "x.", "-dash", "é", "x" * 218, "é" * 109, "artifacts"]
)
def test_an_id_that_the_seed_stores_is_fine(id: str) -> None:
    assert unstorable(id) is None


def artifacts(count: int, size: int) -> ArtifactStore:
    store = ArtifactStore()
    content = "é" * (size // 2)
    for number in range(count):
        store.put(ToolArtifact.model_validate({**ARTIFACT, "artifact_uri": str(number), "content": content}))
    return store


@pytest.mark.parametrize(("count", "size"), [(0, 0), (256, 2), (16, 2**20), (1, 2**24)])
def test_artifacts_that_the_seed_keeps(count: int, size: int) -> None:
    assert evicted(artifacts(count, size)) is None


@pytest.mark.parametrize(("count", "size"), [(257, 0), (17, 2**20), (1, 2**24 + 2)])
def test_artifacts_that_the_seed_would_drop(count: int, size: int) -> None:
    assert evicted(artifacts(count, size))


def test_what_the_seed_reads_is_not_complained_about() -> None:
    session = from_document(documents.SESSION, SESSION)
    traces = from_document(documents.TRACE_EVENTS, [TRACE])
    runs = from_document(documents.RUN_RECORDS, [run(*EVENTS)])
    assert list(unreadable(session, trace_events=traces, run_records=runs)) == []
    assert list(unreadable(None)) == []


def test_everything_that_the_seed_refuses_is_named() -> None:
    document = changed(SESSION, "messages.0.content.0", {"type": "thinking"})
    document = changed(document, "messages.2.content.0.content.1", {"type": "audio"})
    session = from_document(documents.SESSION, document)
    traces = from_document(documents.TRACE_EVENTS, [TRACE, {**TRACE, "kind": "later"}])
    record = run({"type": "turn_start", "turn": 1}, {"type": "peer_invocation"})
    runs = from_document(documents.RUN_RECORDS, [run(), record])
    assert list(unreadable(session, trace_events=traces, run_records=runs)) == [
        "messages.0.content.0: thinking",
        "messages.2.content.0.content.1: audio",
        "traces.1: later",
        "runs.1.events.1: peer_invocation",
    ]
