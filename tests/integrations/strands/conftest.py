"""Sessions of Strands in memory, each test's own."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from objstore import DocumentStore

if TYPE_CHECKING:
    from objstore.integrations.strands import ObjstoreSessionRepository


@pytest.fixture
def url() -> str:
    return f"memory://sessions/{uuid.uuid4().hex}"


@pytest.fixture
def documents(url: str) -> DocumentStore:
    return DocumentStore(url)


@pytest.fixture
def repository(documents: DocumentStore) -> ObjstoreSessionRepository:
    from objstore.integrations.strands import ObjstoreSessionRepository

    return ObjstoreSessionRepository(documents)
