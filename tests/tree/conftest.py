from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from objstore import SessionStore
from tests.places import Place


@pytest.fixture
def tree(place: Place) -> Iterator[SessionStore]:
    """An empty tree on a place of each kind."""
    with place.open("tree") as store:
        yield store


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The directory of `local`, made so that tests can put files in it."""
    made = tmp_path / "tree"
    made.mkdir()
    return made


@pytest.fixture
def local(directory: Path) -> Iterator[SessionStore]:
    """An empty tree on local disk."""
    with Place(str(directory)).open("tree") as store:
        yield store
