"""Places for transcripts; a test may ask for some of them."""

from __future__ import annotations

import pytest

from tests.places import PLACES, Place, make_place


@pytest.fixture(params=PLACES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(kind: str, request: pytest.FixtureRequest) -> Place:
    return make_place(kind, request)
