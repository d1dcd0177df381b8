"""Stores that hold a little of everything, and ways to damage what lies there."""

from __future__ import annotations

from collections.abc import Callable

from objstore import ArtifactStore, Message, SessionData, SessionStore, ToolArtifact
from objstore.testing import samples
from tests.places import Place

Harm = Callable[[bytes], bytes | None]
TURNS = 5


def flip_first(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def flip_middle(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :]


def flip_last(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def one_byte_short(data: bytes) -> bytes:
    return data[:-1]


def longer(data: bytes) -> bytes:
    return data + b"\n"


def foreign(data: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"\0" * 100


def json_of_another(data: bytes) -> bytes:
    return b'{"format": 1, "id": "s"}'


def not_utf8(data: bytes) -> bytes:
    return b'{"\xff":1}'


def deep(data: bytes) -> bytes:
    return b"[" * 100_000


def missing(data: bytes) -> None:
    return None


HARMS: list[Harm] = [
    flip_first, flip_middle, flip_last, half, one_byte_short, longer, foreign, json_of_another, not_utf8, deep, missing
]  # fmt: skip


def harm(place: Place, key: str, how: Harm) -> None:
    """Damage one object of a store."""
    data = place.backend.get(key)
    assert data is not None, key
    changed = how(data)
    place.backend.delete([key])
    if changed is not None:
        place.put(key, changed)


def artifact(text: str) -> ToolArtifact:
    return samples.artifact(text[:20], text)


def fill(store: SessionStore, id: str) -> None:
    """Save a session in `TURNS` commits, with a big artifact in the third."""
    session = SessionData.new(id)
    for turn in range(1, TURNS + 1):
        session.messages.append(Message.user(f"{id} turn {turn}"))
        artifacts = ArtifactStore()
        artifacts.put(artifact(f"{id} output " * 1000))
        store.commit(session, artifacts=artifacts if turn == 3 else None)


def log_key(id: str, n: int) -> str:
    return f"sessions/{id}/log/000000/{n:010d}"


def turns(session: SessionData | None) -> int:
    assert session is not None
    return len(session.messages)
