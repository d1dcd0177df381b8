from __future__ import annotations

from collections.abc import Iterator

import pytest

from objstore import SessionStore
from tests.places import PLACES, Place, make_place


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    return make_place(request.param, request)


@pytest.fixture
def store(place: Place) -> Iterator[SessionStore]:
    with place.open() as store:
        yield store
