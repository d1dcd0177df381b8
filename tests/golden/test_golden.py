"""Stores of every released format are read for ever."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import objstore
from objstore._format import naming
from tests.format.reader import Reader
from tests.golden.make import HERE, LONG_ID, digest

FORMATS = sorted(path for path in HERE.iterdir() if path.name.startswith("format-"))
PLACES = [path / name for path in FORMATS for name in ("sessions", "documents")]


def names(place: Path) -> str:
    return f"{place.parent.name}-{place.name}"


def expected(place: Path) -> dict[str, Any]:
    description: dict[str, Any] = json.loads((place.parent / "expected.json").read_text())[place.name]
    return description


def test_there_are_stores() -> None:
    assert [path.name for path in FORMATS] == ["format-1"]
    assert len(expected(PLACES[0])) == 5
    assert len(expected(PLACES[1])) == 12


@pytest.mark.parametrize("place", PLACES, ids=names)
def test_every_commit_of_every_session_is_what_it_was(place: Path) -> None:
    store = objstore.DocumentStore(place)
    assert store.list() == sorted(expected(place))
    for id, known in expected(place).items():
        assert [[c.seq, c.kind, c.digest] for c in store.history(id)] == known["history"]
        for seq, state in known["states"].items():
            document = store.load(id, at=int(seq))
            assert (document and digest(document.parts)) == state


@pytest.mark.parametrize("place", PLACES, ids=names)
def test_the_independent_reader_agrees(place: Path) -> None:
    for id, known in expected(place).items():
        reader = Reader(place, naming.session_key(id))
        for seq, digest_then in known["states"].items():
            state = reader.state(int(seq))
            assert (state and digest(state)) == digest_then


@pytest.mark.parametrize("place", PLACES, ids=names)
def test_nothing_is_found_wrong(place: Path) -> None:
    report = objstore.DocumentStore(place).verify() if place.name == "documents" else objstore.open(place).verify()
    assert report.findings == ()
    assert report.sessions >= len(expected(place))


@pytest.mark.parametrize("path", FORMATS, ids=lambda path: path.name)
def test_sessions_are_read_as_sessions(path: Path) -> None:
    store = objstore.open(path / "sessions")
    assert store.list() == sorted(["fork", LONG_ID, "pruned", "purged", "support/42 é"])
    bundle = store.load_bundle("support/42 é")
    assert bundle is not None
    assert bundle.session is not None
    assert len(bundle.session.messages) == len(bundle.trace_events or []) == 20
    assert bundle.artifacts is not None
    assert [artifact.content[:9] for artifact in bundle.artifacts] == [f"output {n}" for n in range(15, 20)]
    assert [len(run.events) for run in bundle.run_records or []] == [2]
    assert len(bundle.verification_reports or []) == 1
    purged = store.load("purged")
    assert purged is not None
    assert purged.config.name == "after"
    assert store.load("deleted") is None
    assert not store.exists("deleted")
    assert [summary.messages for summary in store.summaries(["fork", LONG_ID])] == [6, 600]


@pytest.mark.parametrize("path", FORMATS, ids=lambda path: path.name)
def test_the_store_goes_on(path: Path, tmp_path: Path) -> None:
    shutil.copytree(path / "sessions", tmp_path / "sessions")
    store = objstore.open(tmp_path / "sessions", durability="none")
    for id in store.list():
        before = store.load(id)
        assert before is not None
        assert before.revision is not None
        revision = store.append(id, messages=[objstore.Message.user("later")])
        assert revision.seq == (before.revision.seq or 0) + 1
        after = store.load(id)
        assert after is not None
        assert after.messages[:-1] == before.messages
    assert store.verify().ok
