"""The contract of pydantic-ai's conversation stores, on its own store in memory and on ours on every place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

pytest.importorskip("pydantic_ai.conversation_store", reason="pydantic-ai is not installed (objstore[pydantic-ai])")

from pydantic_ai.conversation_store import ConversationStore, InMemoryConversationStore

import objstore
from objstore.integrations.pydantic_ai import ObjstoreConversationStore
from tests.integrations.pydantic_ai.contract import CLAUSES, ConversationContract
from tests.integrations.waiting import Waiting
from tests.places import PLACES, make_place

THEIRS = "pydantic-ai's own"


@pytest.fixture(params=[THEIRS, *PLACES])
def store(request: pytest.FixtureRequest) -> Iterator[Waiting[ConversationStore]]:
    with asyncio.Runner() as runner:
        if request.param == THEIRS:
            yield Waiting(InMemoryConversationStore(), runner)
            return
        place = make_place(request.param, request)
        documents = objstore.AsyncDocumentStore(place.target, storage_options=place.options)
        yield Waiting(ObjstoreConversationStore(documents), runner)
        report = runner.run(documents.verify())
        runner.run(documents.close())
        assert report.ok, report.findings


class TestContract(ConversationContract):
    """Each clause on each store."""


def test_the_number_of_clauses() -> None:
    print(f"{len(CLAUSES)} clauses, each on {THEIRS} store and on ours on {', '.join(PLACES)}")
    assert len(CLAUSES) == 90
