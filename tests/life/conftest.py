"""Empty places for sessions to live in."""

from __future__ import annotations

import pytest

from tests.places import PLACES, Place, make_place


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    return make_place(request.param, request)


@pytest.fixture
def memory(request: pytest.FixtureRequest) -> Place:
    return make_place("memory", request)
