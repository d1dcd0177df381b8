"""What a store shows of the session `s`."""

from __future__ import annotations

from typing import Any

from objstore import SessionData, SessionStore


def names(store: SessionStore) -> list[str]:
    return [event.name for event in store.load_trace_events("s") or []]


def texts(store: SessionStore) -> list[Any]:
    session = store.load("s")
    assert session is not None
    return [message.content[0].text for message in session.messages if hasattr(message.content[0], "text")]


def loaded(store: SessionStore) -> SessionData:
    session = store.load("s")
    assert session is not None
    return session
