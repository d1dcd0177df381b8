"""The life of a session: fork, compare, prune, collect."""

from __future__ import annotations

import datetime
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import objstore
from objstore import ArtifactStore, ConflictError, Message, NotFoundError, SessionData, SessionStore, ToolArtifact
from objstore._format import naming
from objstore._log.session import CommitInfo
from objstore.testing.samples import artifact

Place = tuple[str, dict[str, Any] | None]


@pytest.fixture(params=["local", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return str(tmp_path / "store"), None
    if request.param == "memory":
        return f"memory://life/{uuid.uuid4().hex}", None
    return f"s3://{request.getfixturevalue('bucket')}/store", request.getfixturevalue("s3_options")


@pytest.fixture
def store(place: Place) -> Iterator[SessionStore]:
    with objstore.open(place[0], storage_options=place[1]) as store:
        yield store


def output(turn: int) -> ToolArtifact:
    return artifact(f"output-{turn}", f"output-{turn} " * 2_000)


def lived(store: SessionStore, turns: int, id: str = "s") -> SessionData:
    """Let a session live for some turns, each with an artifact that replaces the one before."""
    session = SessionData.new(id)
    for turn in range(1, turns + 1):
        session.messages.append(Message.user(f"turn {turn}"))
        artifacts = ArtifactStore()
        artifacts.put(output(turn))
        store.commit(session, artifacts=artifacts)
    return session


def loaded(store: SessionStore, id: str, at: int | None = None) -> SessionData:
    session = store.load(id, at=at)
    assert session is not None
    return session


def numbers(history: list[CommitInfo]) -> list[int]:
    return [commit.seq for commit in history]


def test_a_fork_is_self_contained_and_says_where_it_came_from(store: SessionStore) -> None:
    lived(store, 5)
    revision = store.fork("s", "branch/1", at=3)
    assert revision.seq == 1
    fork = loaded(store, "branch/1")
    assert (fork.id, len(fork.messages)) == ("branch/1", 3)
    (only,) = store.history("branch/1")
    assert only.origin is not None
    assert (only.origin.id, only.origin.seq) == ("s", 3)
    store.delete("s", purge=True)
    store.collect()
    bundle = store.load_bundle("branch/1")
    assert bundle is not None
    assert [a.content for a in bundle.artifacts or []] == [output(3).content]
    fork.messages.append(Message.user("on the branch"))
    assert store.save(fork).seq == 2
    assert store.list() == ["branch/1"]
    assert store.verify().ok


def test_a_fork_into_a_live_session_conflicts_and_into_a_deleted_one_lands_on_top(store: SessionStore) -> None:
    lived(store, 2)
    lived(store, 2, "t")
    with pytest.raises(ConflictError):
        store.fork("s", "t")
    store.delete("t")
    assert store.fork("s", "t").seq == 4
    assert len(loaded(store, "t").messages) == 2
    assert store.verify().ok


def test_a_fork_of_nothing_says_so(store: SessionStore) -> None:
    with pytest.raises(NotFoundError, match="'s'"):
        store.fork("s", "t")
    lived(store, 2)
    with pytest.raises(NotFoundError, match="7"):
        store.fork("s", "t", at=7)
    assert store.list() == ["s"]


def test_a_fork_of_a_long_conversation_reuses_its_leaves(store: SessionStore) -> None:
    session = SessionData.new("s")
    session.messages = [Message.user(f"{n} " * 500) for n in range(2_000)]
    store.save(session)
    store.fork("s", "t")
    assert loaded(store, "t").messages == session.messages
    assert store.verify().ok


def test_diff_says_what_changed(store: SessionStore) -> None:
    session = lived(store, 2)
    session.config.name = "renamed"
    session.messages.pop(0)
    session.messages.append(Message.user("new"))
    store.save(session)
    store.save_artifacts("s", ArtifactStore())
    diff = store.diff("s", 2, 4)
    assert [(d.path, d.kind) for d in diff.differences] == [
        (("session", "config", "name"), "changed"),
        (("session", "messages", 1), "added"),
        (("session", "messages", 0), "removed"),
        (("artifacts", "artifacts", 0), "removed"),
    ]
    removed: Any = diff.differences[-1].old
    assert removed["content"] == output(2).content
    assert store.diff("s", 2, 2).differences == ()


def test_prune_keeps_the_last_commits_and_what_they_need(store: SessionStore) -> None:
    session = lived(store, 70)
    planned = store.prune("s", keep_last=10, dry_run=True)
    assert numbers(store.history("s")) == list(range(70, 0, -1))
    assert planned.floor == 33  # the next older commit that holds a whole state
    report = store.prune("s", keep_last=10)
    assert {d.key for d in report.removed} == {d.key for d in planned.removed}
    assert len(report.removed) == 32  # the artifacts that only commits 1 to 32 named
    assert {d.key for d in report.later} == {d.key for d in planned.later}
    assert len(report.later) == 32
    assert numbers(store.history("s")) == list(range(71, 32, -1))
    assert loaded(store, "s").messages == session.messages
    assert len(loaded(store, "s", at=33).messages) == 33
    with pytest.raises(NotFoundError, match="pruned"):
        store.load("s", at=32)
    assert store.verify().ok
    assert store.prune("s", keep_last=10).removed == ()


def test_pruned_numbers_go_a_day_later(store: SessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    lived(store, 40)
    store.prune("s", keep_last=1)
    assert numbers(store.history("s")) == [41]
    assert len(store.collect(dry_run=True).removed) == 0
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 25 * 3600)
    planned = store.collect(dry_run=True).removed
    removed = store.collect().removed
    assert removed == planned
    assert len(removed) == 40
    assert all("/log/" in doomed.key for doomed in removed)
    assert store.verify().ok
    assert len(loaded(store, "s").messages) == 40


def test_prune_by_age_keeps_what_is_newer(store: SessionStore) -> None:
    lived(store, 40)
    assert store.prune("s", keep_newer_than=datetime.timedelta(days=1)).floor == 1
    assert store.prune("s", keep_newer_than=datetime.datetime.now(datetime.UTC), keep_last=3).floor == 33
    with pytest.raises(ValueError, match="keep_last"):
        store.prune("s")


def test_a_writer_that_was_pruned_under_goes_on(store: SessionStore, place: Place) -> None:
    session = lived(store, 40)
    other = objstore.open(place[0], storage_options=place[1])
    other.prune("s", keep_last=1)
    session.messages.append(Message.user("after"))
    assert store.save(session).seq == 42
    assert len(loaded(other, "s").messages) == 41
    assert other.verify().ok


def test_collect_removes_what_a_crashed_save_left(store: SessionStore, place: Place) -> None:
    lived(store, 3)
    raw = objstore.backends.open_backend(place[0], storage_options=place[1])
    from objstore.testing.blocking import blocking

    backend = blocking(raw)
    name = "ab" * 32
    backend.create(f"sessions/s/objects/0/{name}", b"left over")
    backend.create(f"sessions/never/objects/0/{name}", b"left over")
    planned = {doomed.key for doomed in store.collect(dry_run=True).removed}
    assert planned == {f"sessions/s/objects/0/{name}", f"sessions/never/objects/0/{name}"}
    store.collect()
    assert backend.get(f"sessions/s/objects/0/{name}") is None
    assert backend.get(f"sessions/never/objects/0/{name}") is None
    assert store.collect(dry_run=True).removed == ()
    assert len(loaded(store, "s").messages) == 3
    assert store.verify().ok


def test_collect_removes_hints_of_a_long_id_that_only_one_of_them_tells(store: SessionStore, place: Place) -> None:
    from objstore.testing.blocking import blocking

    store.save(SessionData.new("another"))
    backend = blocking(objstore.backends.open_backend(place[0], storage_options=place[1]))
    id = "x" * 300
    hints = [naming.index_hint(naming.session_key(id), n) for n in (1, 2, 3)]
    for hint, data in zip(hints, (b"", id.encode(), b""), strict=True):
        backend.create(hint, data)
    for _ in hints:  # each time takes the number of one
        store.collect()
    assert [f"index/{entry.name}" for entry in backend.list("index/")] == [naming.index_hint("another", 1)]
    assert store.list() == ["another"]


@pytest.mark.parametrize("id", ["never", "long " * 60])
def test_collect_removes_the_hint_of_a_first_save_that_was_broken_off(
    store: SessionStore, place: Place, id: str
) -> None:
    from objstore.testing.blocking import blocking

    lived(store, 3)
    backend = blocking(objstore.backends.open_backend(place[0], storage_options=place[1]))
    key = naming.session_key(id)
    backend.create(naming.index_hint(key, 1), b"" if naming.id_of(key) else id.encode())
    assert set(store.list()) == {"s", id}
    assert [doomed.key for doomed in store.collect(dry_run=True).removed] == [naming.index_hint(key, 1)]
    store.collect()
    assert store.list() == ["s"]
    assert not store.exists(id)
    assert store.collect(dry_run=True).removed == ()
    assert store.save(SessionData.new(id)).seq == 2
    assert set(store.list()) == {"s", id}


@pytest.mark.parametrize("purge", [False, True])
def test_deleting_erases_and_a_day_later_nothing_is_left_but_the_tombstone(
    store: SessionStore, place: Place, purge: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from objstore.testing.blocking import blocking

    backend = blocking(objstore.backends.open_backend(place[0], storage_options=place[1]))
    lived(store, 3)
    store.delete("s", purge=purge)
    contents = [backend.get(f"sessions/s/log/000000/{n:010d}") for n in (1, 2, 3)]
    assert all(stored == b"" for stored in contents) == purge
    assert [e.name for e in backend.list("sessions/s/objects/0/")] == []
    assert len(backend.list("trash/")) == 1
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 25 * 3600)
    store.collect()
    assert [e.name for e in backend.list("sessions/s/log/000000/")] == ["0000000004"]
    assert backend.list("trash/") == []
    assert store.load("s") is None


def test_a_thousand_turns_pruned_to_fifty_take_what_those_fifty_need(monkeypatch: pytest.MonkeyPatch) -> None:
    store = objstore.open(f"memory://life/{uuid.uuid4().hex}")
    lived(store, 1_000)
    (before,) = store.du(["s"]).sessions
    store.prune("s", keep_last=50)
    (pruned,) = store.du(["s"]).sessions
    assert pruned.objects[0].count == 1_000 - 929 + 1 == len(store.history("s")) - 1  # at once; 929 holds a whole state
    assert pruned.garbage.count == 0
    assert pruned.below.count == 928
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 25 * 3600)
    store.collect(["s"])
    (left,) = store.du(["s"]).sessions
    assert (left.below.count, left.garbage.count, left.commits.count) == (0, 0, 73)
    assert left.total.size < before.total.size / 4
    assert len(loaded(store, "s", at=951).messages) == 951
    assert store.verify().ok
