"""A session of some turns, each with an artifact more, and ways to damage its commits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from objstore import (
    ArtifactStore,
    Message,
    SessionData,
    SessionStore,
    ToolArtifact,
)
from objstore.testing.samples import artifact
from tests.places import Place

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "flipped": lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
    "truncated": lambda data: data[: len(data) // 2],
    "emptied": lambda data: b"",
    "foreign": lambda data: b"\x00" * len(data),
}


def key(n: int) -> str:
    return f"sessions/s/log/000000/{n:010d}"


def damage(place: Place, n: int, how: str = "flipped") -> bytes:
    """Damage a commit, and give what stands there now."""
    data = place.backend.get(key(n))
    assert data
    damaged = DAMAGES[how](data)
    assert damaged != data
    place.put(key(n), damaged)
    return damaged


def output(turn: int) -> ToolArtifact:
    return artifact(f"{turn}", f"{turn} " * 5_000)


def lived(store: SessionStore, turns: int) -> SessionData:
    """Let a session live for some turns, each with an artifact more."""
    session = SessionData.new("s")
    artifacts = ArtifactStore()
    for turn in range(1, turns + 1):
        session.messages.append(Message.user(f"turn {turn}"))
        artifacts.put(output(turn))
        store.commit(session, artifacts=artifacts)
    return session


def texts(store: SessionStore) -> list[Any]:
    session = store.load("s")
    assert session is not None
    return [message.content[0].text for message in session.messages if hasattr(message.content[0], "text")]


def turns(last: int) -> list[str]:
    return [f"turn {n}" for n in range(1, last + 1)]


def artifacts_of(store: SessionStore) -> list[ToolArtifact]:
    return list(store.load_artifacts("s") or [])
