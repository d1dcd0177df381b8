from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from objstore import SessionStore
from tests.places import Faces, Layout, Place, make_place


@pytest.fixture(params=["log", "tree"])
def layout(request: pytest.FixtureRequest) -> Layout:
    layout: Layout = request.param
    return layout


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def faces() -> Iterator[Faces]:
    with asyncio.Runner() as runner:
        yield Faces(runner)


@pytest.fixture
def store(place: Place, layout: Layout, face: str, faces: Faces) -> Iterator[SessionStore]:
    """A store of each layout on each place behind each face: what the seed's file store has become."""
    yield from opened(place, layout, face, faces)


@pytest.fixture
def memory_store(request: pytest.FixtureRequest, layout: Layout, face: str, faces: Faces) -> Iterator[SessionStore]:
    """A store in memory: what the seed's memory store has become."""
    yield from opened(make_place("memory", request), layout, face, faces)


def opened(place: Place, layout: Layout, face: str, faces: Faces) -> Iterator[SessionStore]:
    store = place.open(layout) if face == "sync" else faces.waiting(place.open_async(layout))
    yield store
    store.close()
