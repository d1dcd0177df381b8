"""What the tests of artifacts share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from objstore import ArtifactInfo, SessionStore
from tests.places import Place

MIB = 2**20


def noise(size: int, seed: str = "") -> bytes:
    """Make bytes that look like chance and are the same each time."""
    return hashlib.shake_256(seed.encode()).digest(size)


def contents(store: SessionStore, info: ArtifactInfo, id: str = "s", at: int | None = None) -> bytes:
    """Read an artifact to the end; the stream must vouch for it."""
    with store.open_artifact(id, info.uri, at=at) as stream:
        data = stream.read()
        assert stream.verified is True
    return data


def objects(place: Place, id: str = "s") -> dict[str, bytes]:
    """Give the objects of a session by their keys."""
    return place.files(f"sessions/{id}/objects/")


def object_key(place: Place, digest: str, id: str = "s") -> str:
    """Find the object that holds certain raw bytes."""
    (key,) = [key for key in objects(place, id) if digest in key]
    return key


def damaged(place: Place, key: str, change: Callable[[bytearray], None]) -> None:
    """Change the stored bytes of an object."""
    data = bytearray(place.files(key.rpartition("/")[0] + "/")[key])
    change(data)
    place.put(key, bytes(data))
