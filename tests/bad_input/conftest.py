"""Most cases run on local disk, in memory and on S3; those that no storage can change run in memory."""

from __future__ import annotations

import pytest

from objstore import SessionStore
from tests.places import Place


@pytest.fixture
def store(place: Place) -> SessionStore:
    return place.open()
