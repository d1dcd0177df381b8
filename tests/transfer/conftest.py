from __future__ import annotations

from collections.abc import Iterator

import pytest

from objstore import SessionStore
from objstore.backends import MemoryBackend

from .lives import reopened


@pytest.fixture
def origin() -> MemoryBackend:
    """Where `source` lies."""
    return MemoryBackend.isolated()


@pytest.fixture
def goal() -> MemoryBackend:
    """Where `target` lies."""
    return MemoryBackend.isolated()


@pytest.fixture
def source(origin: MemoryBackend) -> Iterator[SessionStore]:
    """An empty store in memory."""
    with reopened(origin) as store:
        yield store


@pytest.fixture
def target(goal: MemoryBackend) -> Iterator[SessionStore]:
    """Another empty store in memory."""
    with reopened(goal) as store:
        yield store
