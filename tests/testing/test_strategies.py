"""What the strategies draw is kept by a store, every part and byte of it."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings

import objstore
from objstore import SessionData
from objstore.testing import memory_store
from objstore.testing.strategies import bundles, ids, sessions

_FEWER = settings(max_examples=60)


def test_no_example_is_timed() -> None:
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check


@_FEWER
@given(bundle=bundles())
def test_a_bundle_comes_back_as_it_was_committed(bundle: dict[str, Any]) -> None:
    store = memory_store()
    session = bundle["session_or_id"]
    store.commit(**bundle)
    found = store.load_bundle(session.id)
    assert found is not None
    assert found.session == session
    assert found.artifacts == bundle["artifacts"]
    assert found.trace_events == bundle["trace_events"]
    assert found.run_records == bundle["run_records"]
    assert found.verification_reports == bundle["verification_reports"]
    assert store.list() == [session.id]
    assert store.verify().ok


@_FEWER
@given(one=sessions(id="s"), other=sessions(id="s"))
def test_one_session_becomes_another_and_both_can_be_loaded(one: SessionData, other: SessionData) -> None:
    store = memory_store()
    first = store.save(one).seq
    store.save(other, base=first or 0)
    assert store.load("s") == other
    assert store.load("s", at=1) == one


@_FEWER
@given(id=ids())
def test_every_drawn_id_is_taken(id: str) -> None:
    store = memory_store()
    store.save(objstore.SessionData.new(id))
    assert store.list() == [id]
