"""How often a call waits for an answer before it can ask for more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import objstore
from objstore import DocumentStore, Message, SessionData, SessionStore
from objstore._engine.drive import Driver
from tests.budget.counting import Bench
from tests.budget.workload import turns

Count = Callable[[Callable[[], object]], int]


@pytest.fixture
def place(bucket: str, s3_options: dict[str, Any]) -> dict[str, Any]:
    return {"target": f"s3://{bucket}/agents", "storage_options": s3_options}


@pytest.fixture
def waves(monkeypatch: pytest.MonkeyPatch) -> Count:
    """Count the rounds of requests that a call makes; those of a round are sent together."""
    rounds: list[Any] = []
    original = Driver._batch

    async def batch(self: Driver, backend: Any, ops: tuple[Any, ...], *rest: Any) -> list[Any]:
        rounds.append(ops)
        return await original(self, backend, ops, *rest)

    monkeypatch.setattr(Driver, "_batch", batch)

    def count(call: Callable[[], object]) -> int:
        rounds.clear()
        call()
        return len(rounds)

    return count


def with_leaves(place: dict[str, Any]) -> SessionData:
    store = objstore.open(**place)
    session = SessionData.new("s")
    for turn in turns(34):  # three big results make a leaf, and commit 33 is a snapshot that names it
        session.messages += turn
        store.save(session)
    return session


def test_a_cold_load_is_three_waves_the_marker_included(place: dict[str, Any], waves: Count) -> None:
    session = with_leaves(place)
    reader: SessionStore = objstore.open(**place)
    assert waves(lambda: reader.load("s")) == 3  # marker and head; commits; leaves
    assert reader.load("s") == session
    assert waves(lambda: reader.load("s")) == 1


def test_a_cold_load_of_a_session_that_is_not_there_is_one_wave(place: dict[str, Any], waves: Count) -> None:
    with_leaves(place)
    reader = objstore.open(**place)
    assert waves(lambda: reader.load("nobody")) == 1


def test_a_cold_load_of_a_short_session_is_two_waves(place: dict[str, Any], waves: Count) -> None:
    writer = objstore.open(**place)
    session = SessionData.new("s")
    session.messages.append(Message.user("hello"))
    writer.save(session)
    assert waves(lambda: objstore.open(**place).load("s")) == 2
    assert waves(lambda: objstore.open(**place).load_bundle("s")) == 2
    assert waves(lambda: objstore.open(**place).load("s", at=1)) == 2


def test_a_cold_load_or_view_of_a_document_is_two_waves(place: dict[str, Any], waves: Count) -> None:
    DocumentStore(**place).save("d", {"part": [1]})
    assert waves(lambda: DocumentStore(**place).load("d")) == 2
    assert waves(lambda: DocumentStore(**place).view("d")) == 2


def test_the_head_that_was_looked_for_beside_the_marker_serves_that_load_only(place: dict[str, Any]) -> None:
    reader = objstore.open(**place)
    assert reader.load("s") is None
    session = SessionData.new("s")
    objstore.open(**place).save(session)
    assert reader.load("s") == session


def test_a_purge_empties_commits_side_by_side() -> None:
    def rounds(commits: int) -> int:
        bench = Bench()
        store = bench.open()
        session = SessionData.new("s")
        for number in range(commits):
            session.updated_at = number
            store.save(session)
        with bench.counted(store) as cost:
            store.delete("s", purge=True)
        assert cost.requests["Put"] == commits
        return cost.waves

    assert rounds(60) == rounds(10)
