"""Most cases run on local disk, in memory and on S3; those that no storage can change run in memory."""

from __future__ import annotations

import pytest

from objstore import SessionStore
from tests.places import PLACES, Place, make_place


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    return make_place(request.param, request)


@pytest.fixture
def store(place: Place) -> SessionStore:
    return place.open()


@pytest.fixture
def memory(request: pytest.FixtureRequest) -> Place:
    return make_place("memory", request)


@pytest.fixture
def local(request: pytest.FixtureRequest) -> Place:
    return make_place("local", request)


@pytest.fixture
def s3(request: pytest.FixtureRequest) -> Place:
    return make_place("s3", request)
