"""The tests of the seed's memory store, under their names, on both layouts and behind both faces (docs/seed.md)."""

from __future__ import annotations

from objstore import SessionStore, TraceEvent

from .samples import URI, artifacts, found, run_records, session_data, verification_report


def test_memory_store_save_load_and_delete_artifacts(memory_store: SessionStore) -> None:
    session = session_data()
    memory_store.save(session)
    memory_store.save_artifacts(session.id, artifacts())
    assert found(memory_store.load_artifacts(session.id)).get(URI) is not None
    memory_store.delete(session.id)
    assert memory_store.load_artifacts(session.id) is None


def test_memory_store_save_load_and_delete_trace_events(memory_store: SessionStore) -> None:
    session = session_data()
    event = TraceEvent.tool_execution("grep", success=False, exit_code=1, duration_ms=2, output_bytes=24)
    memory_store.save(session)
    memory_store.save_trace_events(session.id, [event])
    assert memory_store.load_trace_events(session.id) == [event]
    memory_store.delete(session.id)
    assert memory_store.load_trace_events(session.id) is None


def test_memory_store_save_load_and_delete_run_records(memory_store: SessionStore) -> None:
    session = session_data()
    memory_store.save(session)
    memory_store.save_run_records(session.id, run_records())
    loaded = found(memory_store.load_run_records(session.id))
    assert len(loaded) == 1
    assert len(loaded[0].events) == 1
    memory_store.delete(session.id)
    assert memory_store.load_run_records(session.id) is None


def test_memory_store_save_load_and_delete_verification_reports(memory_store: SessionStore) -> None:
    session = session_data()
    report = verification_report()
    memory_store.save(session)
    memory_store.save_verification_reports(session.id, [report])
    assert memory_store.load_verification_reports(session.id) == [report]
    memory_store.delete(session.id)
    assert memory_store.load_verification_reports(session.id) is None


def test_memory_store_save_and_load(memory_store: SessionStore) -> None:
    session = session_data()
    memory_store.save(session)
    assert found(memory_store.load(session.id)).id == session.id


def test_memory_store_delete(memory_store: SessionStore) -> None:
    session = session_data()
    memory_store.save(session)
    assert memory_store.exists(session.id)
    memory_store.delete(session.id)
    assert not memory_store.exists(session.id)


def test_memory_store_list(memory_store: SessionStore) -> None:
    for number in (1, 2, 3):
        memory_store.save(session_data(f"session-{number}"))
    assert len(memory_store.list()) == 3


def test_memory_store_exists(memory_store: SessionStore) -> None:
    assert not memory_store.exists("unknown-id")
    session = session_data()
    memory_store.save(session)
    assert memory_store.exists(session.id)


def test_memory_store_health_check(memory_store: SessionStore) -> None:
    memory_store.health_check()
    assert memory_store.backend_name() == "memory"
