"""The tests of the seed's file store, under their names, on every place, layout and face (docs/seed.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import objstore
from objstore import (
    BackendError,
    ConfirmationPolicy,
    IntegrityError,
    LlmConfigData,
    Message,
    PermissionPolicy,
    SessionQueueConfig,
    SessionState,
    SessionStore,
    TraceEvent,
)
from tests.places import Faces, Layout, Place

from .conftest import opened
from .samples import URI, artifacts, found, run_records, session_data, verification_report


def damage(place: Place, store: SessionStore, layout: Layout, id: str, data: bytes) -> None:
    """Put bytes where the one file or the one commit of a session would be, in a store that has another session."""
    store.save(session_data())
    place.put(f"{id}.json" if layout == "tree" else f"sessions/{id}/log/000000/0000000001", data)


def damaged(store: SessionStore, id: str) -> str:
    """Load a session that is damaged, and give the key that the error names."""
    with pytest.raises(IntegrityError) as caught:
        store.load(id)
    return caught.value.key


def test_file_store_save_and_load(store: SessionStore) -> None:
    session = session_data()
    store.save(session)
    loaded = found(store.load(session.id))
    assert loaded.id == session.id
    assert loaded.config.name == session.config.name
    assert len(loaded.messages) == 2
    assert loaded.state == SessionState.ACTIVE
    assert loaded == session


def test_file_store_load_nonexistent(store: SessionStore) -> None:
    assert store.load("nonexistent") is None


def test_file_store_delete(store: SessionStore) -> None:
    session = session_data()
    store.save(session)
    assert store.exists(session.id)
    store.delete(session.id)
    assert not store.exists(session.id)
    assert store.load(session.id) is None


def test_file_store_save_and_load_artifacts(store: SessionStore) -> None:
    store.save_artifacts("session/a", artifacts())
    loaded = found(store.load_artifacts("session/a"))
    assert loaded.len() == 1
    assert found(loaded.get(URI)).content == "artifact content"


def test_file_store_save_and_load_trace_events(store: SessionStore) -> None:
    event = TraceEvent.tool_execution(
        "read",
        success=True,
        exit_code=0,
        duration_ms=9,
        output_bytes=12,
        metadata={"artifact": {"artifact_uri": "a3s://tool-output/read/abc"}},
    )
    store.save_trace_events("session/a", [event])
    assert store.load_trace_events("session/a") == [event]


def test_file_store_save_and_load_run_records(store: SessionStore) -> None:
    store.save_run_records("session/a", run_records())
    loaded = found(store.load_run_records("session/a"))
    assert len(loaded) == 1
    assert loaded[0].snapshot.prompt == "persist run"
    assert len(loaded[0].events) == 1


def test_file_store_save_and_load_verification_reports(store: SessionStore) -> None:
    report = verification_report()
    store.save_verification_reports("session/a", [report])
    assert store.load_verification_reports("session/a") == [report]


def test_file_store_list(store: SessionStore) -> None:
    assert store.list() == []
    for number in (3, 1, 2):
        store.save(session_data(f"session-{number}"))
    assert store.list() == ["session-1", "session-2", "session-3"]


def test_file_store_overwrite(store: SessionStore) -> None:
    session = session_data()
    store.save(session)
    session.messages.append(Message.user("Another message"))
    session.updated_at = 1700000200
    store.save(session)
    loaded = found(store.load(session.id))
    assert len(loaded.messages) == 3
    assert loaded.updated_at == 1700000200


def test_file_store_path_traversal_prevention(store: SessionStore, place: Place, layout: Layout) -> None:
    session = session_data("../../../etc/passwd")
    store.save(session)
    tops = {"log": {"objstore.json", "sessions", "index"}, "tree": {"______etc_passwd.json"}}
    assert place.names() == tops[layout]
    if place.directory:
        assert list(place.directory.parent.iterdir()) == [place.directory]
    assert found(store.load(session.id)).id == session.id


def test_file_store_with_policies(store: SessionStore) -> None:
    session = session_data()
    session.config.confirmation_policy = ConfirmationPolicy.enabled()
    session.config.permission_policy = PermissionPolicy.new().allow("Bash(cargo:*)")
    session.config.queue_config = SessionQueueConfig.default()
    store.save(session)
    loaded = found(store.load(session.id))
    assert loaded.config.confirmation_policy == session.config.confirmation_policy
    assert loaded.config.permission_policy == session.config.permission_policy
    assert loaded.config.queue_config == session.config.queue_config
    assert loaded.config.confirmation_policy is not None
    assert loaded.config.permission_policy is not None
    assert loaded.config.queue_config is not None


def test_file_store_with_llm_config(store: SessionStore, place: Place) -> None:
    session = session_data()
    session.llm_config = LlmConfigData(
        provider="anthropic", model="claude-3-5-sonnet-20241022", api_key="secret", base_url=None
    )
    store.save(session)
    config = found(found(store.load(session.id)).llm_config)
    assert config.provider == "anthropic"
    assert config.model == "claude-3-5-sonnet-20241022"
    assert config.api_key is None
    assert not any(b"secret" in data or b"api_key" in data for data in place.files().values())


def test_file_store_backslash_sanitization(store: SessionStore, place: Place, layout: Layout) -> None:
    session = session_data(r"foo\bar\baz")
    store.save(session)
    assert found(store.load(session.id)).id == session.id
    if layout == "tree":
        assert place.names() == {"foo_bar_baz.json"}
    else:
        assert place.names("sessions/") == {"foo=5cbar=5cbaz"}


def test_file_store_mixed_separator_sanitization(store: SessionStore, place: Place, layout: Layout) -> None:
    session = session_data(r"foo/bar\baz..qux")
    store.save(session)
    assert found(store.load(session.id)).id == session.id
    if layout == "tree":
        assert place.names() == {"foo_bar_baz_qux.json"}
    else:
        assert place.names("sessions/") == {"foo=2fbar=5cbaz..qux"}


def test_file_store_corrupted_json_recovery(store: SessionStore, place: Place, layout: Layout) -> None:
    damage(place, store, layout, "test-id", b"not valid json {{{")
    assert "test-id" in damaged(store, "test-id")


def test_file_store_exists(store: SessionStore) -> None:
    session = session_data()
    assert not store.exists(session.id)
    store.save(session)
    assert store.exists(session.id)
    store.delete(session.id)
    assert not store.exists(session.id)


def test_file_store_health_check(store: SessionStore, place: Place) -> None:
    store.health_check()
    assert store.backend_name() == {"/": "file", "m": "memory", "s": "s3"}[place.target[0]]
    assert place.names() == set()


@pytest.fixture(params=["local", "s3"])
def bad_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place that nothing can be written to, whoever tries."""
    if request.param == "s3":
        return Place("s3://no-such-bucket/agents", request.getfixturevalue("s3_options"))
    (tmp_path / "file").write_bytes(b"not a directory")
    return Place(str(tmp_path / "file" / "store"))


@pytest.fixture
def bad_store(bad_place: Place, layout: Layout, face: str, faces: Faces) -> Iterator[SessionStore]:
    yield from opened(bad_place, layout, face, faces)


def test_file_store_health_check_bad_dir(bad_store: SessionStore) -> None:
    with pytest.raises(BackendError):
        bad_store.health_check()


def test_file_store_health_check_bad_dir_is_no_new_directory(tmp_path: Path, layout: Layout) -> None:
    with objstore.open(tmp_path / "path" / "that" / "does" / "not" / "exist", layout=layout) as store:
        store.health_check()
        assert store.list() == []


def test_file_store_load_empty_file(store: SessionStore, place: Place, layout: Layout) -> None:
    damage(place, store, layout, "empty-session", b"")
    assert "empty-session" in damaged(store, "empty-session")


def test_file_store_load_partial_json(store: SessionStore, place: Place, layout: Layout) -> None:
    damage(place, store, layout, "partial-session", b'{"id":"partial-session","message')
    assert "partial-session" in damaged(store, "partial-session")


def test_file_store_concurrent_save(store: SessionStore, faces: Faces) -> None:
    session = session_data()
    store.save(session)
    saved = faces.at_once(store, "save", [session.model_copy(deep=True) for _ in range(5)])
    assert saved == [session.revision] * 5
    loaded = found(store.load(session.id))
    assert loaded.id == session.id
    assert loaded == session


def test_file_store_load_nonexistent_returns_none(store: SessionStore) -> None:
    assert store.load("does-not-exist-at-all") is None
