"""One damaged session does not hide the others from a listing, nor itself."""

from __future__ import annotations

import objstore
from objstore import Message, SessionData
from objstore.backends import MemoryBackend


def test_summaries_name_the_damage_and_show_the_newest_intact_commit() -> None:
    memory = MemoryBackend.isolated()
    store = objstore.open(memory)
    for id in ("a", "b", "c"):
        session = SessionData.new(id, name=id)
        store.save(session)
        session.messages.append(Message.user("x"))
        store.save(session)
    memory.put("sessions/b/log/000000/0000000002", b"damaged")
    memory.put("sessions/c/log/000000/0000000001", b"damaged")
    memory.put("sessions/c/log/000000/0000000002", b"damaged")

    intact, older, lost = objstore.open(memory).summaries(["a", "b", "c"])
    assert (intact.id, intact.seq, intact.messages, intact.problem) == ("a", 2, 1, None)
    assert (older.id, older.seq, older.name, older.messages) == ("b", 1, "b", 0)
    assert older.problem is not None
    assert "sessions/b/log/000000/0000000002" in older.problem
    assert (lost.id, lost.seq, lost.state) == ("c", None, "Unknown")
    assert lost.problem is not None
    assert [summary.id for summary in objstore.open(memory).iter_summaries()] == ["a", "b", "c"]
