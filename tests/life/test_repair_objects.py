"""What a repair does where leaves, artifacts, texts or raw bytes are lost."""

from __future__ import annotations

import hashlib

import pytest

import objstore
from objstore import (
    IntegrityError,
    Message,
    SessionData,
)
from tests.life.damaged import artifacts_of, damage, lived, output, texts, turns
from tests.places import Place


def test_a_lost_leaf_costs_what_was_saved_since_it_was_cut(memory: Place) -> None:
    store = memory.open()
    session = SessionData.new("s")
    for turn in range(1, 36):
        session.messages += [Message.user(f"{turn} " * 10_000)]
        store.save(session)
    objects = [name for name in memory.files("sessions/s/objects/") if name.endswith(".zst")]
    assert objects  # cut by the snapshot 33
    memory.backend.delete(objects)
    report = memory.open().repair("s", dry_run=False)
    assert (report.resumed, [lost.seq for lost in report.lost]) == (32, [35, 34, 33])
    loaded = memory.open().load("s")
    assert loaded is not None
    assert loaded.messages == session.messages[:32]
    assert memory.open().verify().ok


@pytest.mark.parametrize("how", ["flipped", "gone"])
def test_a_damaged_artifact_goes_alone(place: Place, how: str) -> None:
    session = lived(place.open(), 3)
    name = hashlib.sha256(output(2).content.encode()).hexdigest() + ".zst"
    where = f"sessions/s/objects/0/{name}"
    data = place.backend.get(where)
    assert data
    place.backend.delete([where])
    if how == "flipped":
        place.put(where, data[:-1] + bytes([data[-1] ^ 1]))
    store = place.open()
    with pytest.raises(IntegrityError):
        store.load_artifacts("s")
    report = store.repair("s", dry_run=False)
    assert (report.lost, report.resumed, report.seq) == ((), None, 4)
    assert [(m.ailment.kind, m.ailment.path, m.done) for m in report.mends] == [
        ("damaged contents", ("artifacts", 1), "removed")
    ]
    assert [finding.key for finding in report.damage] == [where]
    assert artifacts_of(store) == [output(1), output(3)]
    assert texts(store) == turns(3)
    assert [commit.seq for commit in store.history("s")] == [4, 3, 2, 1]
    session.messages.append(Message.user("turn 4"))
    store.save(session)  # that other part had not changed
    assert texts(store) == turns(4)


def test_a_damaged_text_of_a_message_is_replaced_by_a_note(memory: Place) -> None:
    session = SessionData.new("s")
    session.messages = [Message.user("first"), Message.user("long " * 100_000), Message.user("last")]
    memory.open().save(session)
    memory.backend.delete(list(memory.files("sessions/s/objects/")))
    with pytest.raises(IntegrityError):
        memory.open().load("s")
    memory.open().repair("s", dry_run=False)
    assert texts(memory.open()) == ["first", "[lost: what was stored here is damaged]", "last"]


def test_raw_bytes_come_back_as_they_were(place: Place) -> None:
    store = objstore.DocumentStore(place.target, storage_options=place.options)
    blob = bytes(range(256)) * 20_000  # more than one piece
    store.save("s", {"blob": blob})
    store.save("s", {"n": 1})
    damage(place, 2)
    store = objstore.DocumentStore(place.target, storage_options=place.options)
    store._opened.driver.run(store._opened.repair("s", dry_run=False))
    assert place.names("sessions/s/objects/2/")
    place.backend.delete(list(place.files("sessions/s/objects/0/")))  # which a sweep may do
    document = store.load("s")
    assert document is not None
    assert document.parts == {"blob": blob}
