from __future__ import annotations

from collections.abc import Iterator

import pytest

from objstore import SessionStore
from tests.places import Place


@pytest.fixture
def store(place: Place) -> Iterator[SessionStore]:
    with place.open() as store:
        yield store
