"""A store that found nothing at its place looks again, until somebody has made something there."""

from __future__ import annotations

import pytest

import objstore
from objstore import SessionData
from objstore.backends import MemoryBackend


@pytest.mark.parametrize("layout", ["log", "tree"])
def test_what_is_made_later_is_found(layout: str) -> None:
    place = MemoryBackend.isolated()
    early = objstore.open(place)
    assert early.load("s") is None
    assert early.list() == []
    objstore.open(place, layout=layout).save(SessionData.new("s"))  # type: ignore[arg-type]
    assert early.load("s") is not None
    assert early.list() == ["s"]
