"""What Strands asks of session repositories, on its own for files and on ours on every place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("strands", reason="Strands Agents is not installed (objstore[strands])")

from strands.session import FileSessionManager, SessionRepository

from objstore import DocumentStore
from objstore.integrations.strands import ObjstoreSessionRepository
from tests.integrations.strands.contract import CLAUSES, SessionContract
from tests.places import PLACES, make_place

THEIRS = "Strands' own"


@pytest.fixture(params=[THEIRS, *PLACES])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SessionRepository]:
    if request.param == THEIRS:
        yield FileSessionManager("its own", storage_dir=str(tmp_path / "theirs"))
        return
    place = make_place(request.param, request)
    with DocumentStore(place.target, storage_options=place.options) as documents:
        yield ObjstoreSessionRepository(documents)
        report = documents.verify()
        assert report.ok, report.findings


class TestContract(SessionContract):
    """Each clause on each repository."""


def test_the_number_of_clauses() -> None:
    print(f"{len(CLAUSES)} clauses, each on {THEIRS} repository and on ours on {', '.join(PLACES)}")
    assert len(CLAUSES) == 33
