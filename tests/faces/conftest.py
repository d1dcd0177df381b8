"""Two stores at one place, as two workers have them, and one of documents, all of which is whole in the end."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

import objstore
from objstore import DocumentStore, SessionStore


@pytest.fixture
def url() -> str:
    return f"memory://faces/{uuid.uuid4().hex}"


@pytest.fixture
def one(url: str) -> SessionStore:
    return objstore.open(url)


@pytest.fixture
def other(url: str) -> SessionStore:
    return objstore.open(url)


@pytest.fixture
def store(url: str) -> Iterator[DocumentStore]:
    with DocumentStore(url) as store:
        yield store
        report = store.verify()
        assert report.ok, report.findings
