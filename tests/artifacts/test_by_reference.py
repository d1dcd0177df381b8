"""Binary artifacts pass through saves, forks, prunes and copies without being read."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

import objstore
from objstore import (
    ArtifactInfo,
    ArtifactStore,
    Message,
    NotFoundError,
    OperationEvent,
    SessionData,
    SessionStore,
    ToolArtifact,
    UnsupportedError,
)
from objstore._format import naming
from tests.artifacts.samples import MIB, contents, noise, object_key, objects
from tests.places import Place, plain

DATA = noise(5 * MIB)


@pytest.fixture
def info(store: SessionStore) -> ArtifactInfo:
    store.save(SessionData.new("s"))
    store.put_artifact("s", "a text " * 2000, uri="u:text", tool_name="t", media_type="text/plain")
    return store.put_artifact("s", DATA, tool_name="t", media_type="image/png")


def artifacts(store: SessionStore, id: str = "s") -> ArtifactStore:
    loaded = store.load_artifacts(id)
    assert loaded is not None
    return loaded


def binary(store: SessionStore, info: ArtifactInfo) -> ToolArtifact:
    found = artifacts(store).get(info.uri)
    assert found is not None
    return found


def test_what_is_loaded_names_its_contents_and_does_not_hold_them(store: SessionStore, info: ArtifactInfo) -> None:
    loaded = binary(store, info)
    assert loaded.data is not None
    assert (loaded.content, loaded.media_type, loaded.original_bytes) == ("", "image/png", len(DATA))
    assert (loaded.data.digest, loaded.data.size) == (info.digest, len(DATA))
    bundle = store.load_bundle("s")
    assert bundle is not None
    assert bundle.artifacts == artifacts(store)


def test_saving_what_was_loaded_changes_nothing(store: SessionStore, place: Place, info: ArtifactInfo) -> None:
    before = place.files()
    store.save_artifacts("s", artifacts(store))
    store.commit("s", artifacts=artifacts(store))
    with place.open() as other:
        revision = other.save_artifacts("s", artifacts(other))
        other.save_artifacts("s", artifacts(other), base=revision)
        other.save_artifacts("s", pickle.loads(pickle.dumps(artifacts(other))))
    assert place.files() == before


def test_what_was_loaded_is_saved_by_a_store_that_does_not_remember_the_session(
    store: SessionStore, place: Place, info: ArtifactInfo
) -> None:
    added = artifacts(store)
    added.put(binary(store, info).model_copy(update={"artifact_uri": "u:second name"}))
    with place.open() as other:
        other.save_artifacts("s", added)
    with objstore.open(place.target, storage_options=place.options, cache_bytes=0) as other:
        assert artifacts(other) == added
        other.save_artifacts("s", artifacts(other))
        other.commit("s", artifacts=added, trace_events=[])
        assert other.verify().ok
    assert contents(store, info) == DATA


def test_and_by_one_that_remembers_it_as_it_was_before(store: SessionStore, place: Place) -> None:
    store.save(SessionData.new("s"))
    with place.open() as other:
        info = other.put_artifact("s", DATA, tool_name="t")
        added = artifacts(other)
        added.put(binary(other, info).model_copy(update={"artifact_uri": "u:second name"}))
        store.save_artifacts("s", added)
        assert artifacts(other) == added


def test_loading_does_not_touch_the_object(store: SessionStore, place: Place, info: ArtifactInfo) -> None:
    place.backend.delete([object_key(place, info.digest)])
    with place.open() as other:
        other.save_artifacts("s", artifacts(other))
        assert binary(other, info).data is not None
        assert other.artifact("s", info.uri) == info


def test_appending_what_was_loaded_moves_it_to_the_end(store: SessionStore, place: Place, info: ArtifactInfo) -> None:
    store.put_artifact("s", b"another", uri="u:another", tool_name="t")
    stored = set(objects(place))
    store.append("s", artifacts=[binary(store, info)])
    assert [a.artifact_uri for a in artifacts(store)] == ["u:text", "u:another", info.uri]
    assert set(objects(place)) == stored
    assert contents(store, info) == DATA
    commit = place.backend.get(naming.log_key("s", 5)) or b""
    assert json.loads(plain(commit))["objects"] == {}  # the one below lists it


def test_a_commit_can_reorder_drop_and_add(store: SessionStore, place: Place, info: ArtifactInfo) -> None:
    session = store.load("s")
    assert session is not None
    session.messages.append(Message.user("hello"))
    new = ArtifactStore()
    new.put(binary(store, info))
    new.put(binary(store, info).model_copy(update={"artifact_uri": "u:second name"}))
    store.commit(session, artifacts=new)
    with place.open() as other:
        assert artifacts(other) == new
        assert contents(other, info) == DATA
        with other.open_artifact("s", "u:second name") as stream:
            assert stream.read() == DATA
    store.save_artifacts("s", ArtifactStore())
    assert store.artifact("s", info.uri) is None
    assert contents(store, info, at=4) == DATA


def test_it_is_in_snapshots_as_in_patches(store: SessionStore, place: Place, info: ArtifactInfo) -> None:
    for n in range(40):
        store.append("s", messages=[Message.user(f"message {n}")])
    with place.open() as other:
        assert contents(other, info) == DATA
        other.save_artifacts("s", artifacts(other))
        assert other.verify().ok


def test_a_fork_has_it_when_the_origin_is_gone(store: SessionStore, place: Place, info: ArtifactInfo) -> None:
    store.fork("s", "fork")
    store.delete("s", purge=True)
    store.collect()
    assert contents(store, info, "fork") == DATA
    assert store.artifact("fork", info.uri) == info
    store.save_artifacts("fork", artifacts(store, "fork"))
    assert store.verify().ok


def test_a_fork_that_goes_on_after_a_crash_does_not_read_it(place: Place, info: ArtifactInfo) -> None:
    events: list[objstore.Event] = []
    store = objstore.open(place.target, storage_options=place.options, observer=events.append)
    place.backend.copy(object_key(place, info.digest), naming.object_key("fork", 0, info.digest))
    store.fork("s", "fork")
    asked = [event for event in events if isinstance(event, OperationEvent)]
    assert [event for event in asked if event.key.endswith(info.digest)] == []
    assert [e.operation for e in asked if e.key == naming.objects_dir("fork", 0)] == ["list", "sync"]  # to be durable
    assert contents(store, info, "fork") == DATA


def test_prune_keeps_what_is_named_and_takes_the_rest(store: SessionStore, place: Place, info: ArtifactInfo) -> None:
    gone = store.put_artifact("s", noise(MIB, "other"), uri="u:gone", tool_name="t")
    store.put_artifact("s", b"in its place", uri="u:gone", tool_name="t")
    for n in range(40):
        store.append("s", messages=[Message.user(f"message {n}")])
    store.prune("s", keep_last=1)
    assert contents(store, info) == DATA
    assert not [key for key in objects(place) if gone.digest in key]
    with place.open() as other:
        other.save_artifacts("s", artifacts(other))
        assert other.verify().ok


def test_restore_brings_all_back_without_reading_or_sending_it(
    store: SessionStore, place: Place, info: ArtifactInfo
) -> None:
    store.save_artifacts("s", ArtifactStore())
    for n in range(40):  # past the next snapshot, which does not name it any more
        store.append("s", messages=[Message.user(f"message {n}")])
    stored = set(objects(place))
    events: list[objstore.Event] = []
    with objstore.open(place.target, storage_options=place.options, observer=events.append) as other:
        other.restore("s", 3)
        assert set(objects(place)) == stored
        assert not [event for event in events if isinstance(event, OperationEvent) and "/objects/" in event.key]
        assert contents(other, info) == DATA
        assert other.verify().ok


def test_what_was_pruned_since_it_was_loaded_cannot_be_saved(store: SessionStore, info: ArtifactInfo) -> None:
    held = artifacts(store)
    store.save_artifacts("s", ArtifactStore())
    store.prune("s", keep_last=1)
    with pytest.raises(NotFoundError, match="put the artifact anew"):
        store.save_artifacts("s", held)
    assert artifacts(store).len() == 0


def test_it_cannot_be_saved_into_another_session(store: SessionStore, info: ArtifactInfo) -> None:
    with pytest.raises(NotFoundError, match="another session's"):
        store.save_artifacts("t", artifacts(store))
    assert store.history("t") == []


def test_a_writer_that_was_pruned_under_sends_it_again(place: Place) -> None:
    with place.open() as store, place.open() as other:
        store.save(SessionData.new("s"))
        store.put_artifact("s", b"old", uri="u", tool_name="t")
        other.prune("s", keep_last=1)
        info = store.put_artifact("s", DATA, tool_name="t")
        assert contents(other, info) == DATA
        assert other.verify().ok


def test_a_diff_describes_it(store: SessionStore, info: ArtifactInfo) -> None:
    (difference,) = store.diff("s", 2, 3).differences
    new = difference.new
    assert isinstance(new, dict)
    assert new["data"] == {"digest": info.digest, "size": len(DATA)}


@pytest.mark.parametrize("data", [b"", DATA], ids=["empty", "big"])
def test_a_copy_between_log_stores_has_it(store: SessionStore, info: ArtifactInfo, tmp_path: Path, data: bytes) -> None:
    extra = store.put_artifact("s", data, uri="u:extra", tool_name="t")
    target = tmp_path / "target"
    assert objstore.copy(store, target).copied == ("s",)
    with objstore.open(target) as there:
        assert artifacts(there) == artifacts(store)
        assert contents(there, info) == DATA
        assert contents(there, extra) == data
        assert there.verify().ok
    assert objstore.copy(store, target).unchanged == ("s",)


def test_a_damaged_artifact_is_not_copied(
    store: SessionStore, place: Place, info: ArtifactInfo, tmp_path: Path
) -> None:
    place.put(object_key(place, info.digest), DATA[::-1])
    report = objstore.copy(store, tmp_path / "target")
    assert "digest" in report.failed["s"]
    with objstore.open(tmp_path / "target") as there:
        assert there.load("s") is None


def test_a_tree_refuses_it_by_name_and_leaves_it_out_when_told_to(
    store: SessionStore, info: ArtifactInfo, tmp_path: Path
) -> None:
    with objstore.open(tmp_path / "tree", layout="tree") as tree:
        assert info.uri in objstore.copy(store, tree).failed["s"]
        assert tree.load("s") is None
        report = objstore.copy(store, tree, lossy=True)
        assert report.copied == ("s",)
        assert any(info.uri in warning for warning in report.warnings["s"])
        assert any("media type" in warning and "u:text" in warning for warning in report.warnings["s"])
        assert [a.artifact_uri for a in artifacts(tree)] == ["u:text"]
        file = (tmp_path / "tree" / "artifacts" / "s" / "artifacts.json").read_text()
        assert "media_type" not in file
        assert '"data"' not in file
        with pytest.raises(UnsupportedError, match="binary"):
            tree.put_artifact("s", b"x", tool_name="t")
        with pytest.raises(UnsupportedError, match="binary"):
            tree.save_artifacts("s", artifacts(store))
        text = tree.put_artifact("s", "text", tool_name="t")
        assert contents(tree, text) == b"text"
        assert tree.artifact("s", text.uri) == text
