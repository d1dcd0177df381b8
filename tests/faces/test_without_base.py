"""What is saved or appended without a base lands on whatever is there, also on top of what others deleted."""

from __future__ import annotations

import uuid

import pytest

import objstore
from objstore import ConflictError, Message, SessionData, TraceEvent


def trace(name: str) -> TraceEvent:
    return TraceEvent.tool_execution(name, success=True, exit_code=0, duration_ms=1, output_bytes=1)


def test_what_a_store_remembers_is_no_base_when_others_delete() -> None:
    url = f"memory://without-base/{uuid.uuid4().hex}"
    one, other = objstore.open(url), objstore.open(url)
    held = SessionData.new("s")
    one.save(held)
    other.delete("s")
    assert one.append("s", trace_events=[trace("a")]).seq == 3
    other.delete("s")
    assert one.save(SessionData.new("s", name="again")).seq == 5
    other.delete("s")
    held.messages.append(Message.user("stale"))
    with pytest.raises(ConflictError, match="deleted"):
        one.save(held)
    assert other.load("s") is None
