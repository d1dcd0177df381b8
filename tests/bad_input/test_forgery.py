"""What somebody who may write to the storage can falsify, and nobody notices: docs/security.md says just this."""

from __future__ import annotations

import json
from typing import Any

import pytest

import objstore
from objstore import Message, SessionData, SessionStore
from objstore.backends import MemoryBackend

from .damage import log_key, turns
from .test_sealed_nonsense import sealed, text

TURNS = 3


@pytest.fixture
def place() -> MemoryBackend:
    place = MemoryBackend.isolated()
    with objstore.open(place) as store:
        session = SessionData.new("s", name="ours")
        for turn in range(TURNS):
            session.messages.append(Message.user(f"turn {turn}"))
            store.save(session)
    return place


def record(place: MemoryBackend, n: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text(place.get(log_key("s", n)) or b""))
    return found


def on_top(place: MemoryBackend, **members: Any) -> None:
    """Put a commit that nobody has made on the newest, as somebody does who may only create."""
    newest = record(place, TURNS)
    forged = {**newest, "seq": TURNS + 1, "parent": newest["self"], "commit": "f" * 32, "objects": {}, **members}
    assert place.create(log_key("s", TURNS + 1), sealed(forged))


def believed(place: MemoryBackend) -> SessionStore:
    store = objstore.open(place)
    assert store.verify().ok
    return store


def test_contents_and_who_wrote_them_and_when(place: MemoryBackend) -> None:
    body = json.loads(json.dumps(record(place, 1)["body"]).replace("turn 0", "forged"))
    on_top(place, kind="snapshot", body=body, summary={"writer": "host:1"}, time="2000-01-01T00:00:00Z")
    found = believed(place).load("s")
    assert found is not None
    assert found.messages == [Message.user("forged")]
    newest = believed(place).history("s")[0]
    assert (newest.writer, newest.time.year) == ("host:1", 2000)


def test_that_the_newest_saves_never_were(place: MemoryBackend) -> None:
    place.delete([log_key("s", n) for n in range(2, TURNS + 1)])
    assert turns(believed(place).load("s")) == 1


def test_that_a_save_with_a_key_is_there_already(place: MemoryBackend) -> None:
    newest = record(place, TURNS)
    place.put(log_key("s", TURNS), sealed({**newest, "keys": [["job-17", TURNS]]}))
    believed(place).append("s", messages=[Message.user("lost")], key="job-17")
    assert turns(believed(place).load("s")) == TURNS


def test_what_a_listing_shows_and_whether_it_does(place: MemoryBackend) -> None:
    newest = record(place, TURNS)
    place.put(log_key("s", TURNS), sealed({**newest, "summary": {**newest["summary"], "name": "theirs"}}))
    assert [summary.name for summary in believed(place).iter_summaries()] == ["theirs"]
    place.delete([f"index/{entry.name}" for entry in place.list("index/")])
    assert believed(place).list() == []


def test_a_deletion_which_our_own_collect_carries_out(place: MemoryBackend) -> None:
    gone = {"kind": "delete", "body": None, "epoch": TURNS + 1, "floor": TURNS + 1, "born": 0}
    on_top(place, **gone, time="2000-01-01T00:00:00Z")
    store = believed(place)
    assert store.load("s") is None
    assert {log_key("s", n) for n in range(1, TURNS + 1)} <= {doomed.key for doomed in store.collect().removed}
