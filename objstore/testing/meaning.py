"""What a commit means, worked out without the reader's code, so that a mistake in that shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._format import canonical, naming, patching
from .._format.canonical import JSON
from .._format.commit import Commit, Table
from .._format.refs import Ref
from .._format.state import opened
from .world import Storage, Violation


class Meaning:
    """Builds the states of one session, with the contents of all objects in them.

    Attributes:
        leaves: How many leaves were put in their place.
    """

    def __init__(self, key: str, storage: Storage, empty: Mapping[str, JSON]) -> None:
        self._key = key
        self._storage = storage
        self._empty = empty
        self._raw: dict[str, bytes] = {}
        self.leaves = 0

    def state(self, commit: Commit, below: Mapping[str, JSON] | None, objects: Table) -> dict[str, JSON] | None:
        """Build the state of a commit on that of the one below; ``None`` under a tombstone."""

        def raw(name: str) -> bytes:
            if name not in objects:
                raise Violation("B", f"commit {commit.seq} names {name[:8]}, which its table lacks")
            if name not in self._raw:
                data = self._storage.objects[naming.object_key(self._key, objects[name][0], name)]
                self._raw[name] = opened(name, data, objects[name][1])
            return self._raw[name]

        def value(encoded: Any) -> JSON:
            if isinstance(encoded, list):
                return items(encoded)
            if not isinstance(encoded, dict):
                found: JSON = encoded
                return found
            if "=" in encoded:
                return raw(encoded["="]).decode()
            if "=bytes" in encoded:
                return memoryview(raw(encoded["=bytes"]))
            return {plain_key(key): value(member) for key, member in encoded.items()}

        def items(encoded: list[Any]) -> list[JSON]:
            found: list[JSON] = []
            for item in encoded:
                if isinstance(item, dict) and "=list" in item:
                    self.leaves += 1
                    found += items(canonical.loads(raw(item["=list"])))  # type: ignore[arg-type]
                else:
                    found.append(value(item))
            return found

        def plain_key(key: str) -> str:
            return key.removeprefix("=")

        if commit.kind == "delete":
            return None
        body: Any = commit.body
        if commit.whole:
            body = value(body)
        else:
            ground = dict(self._empty) if below is None else dict(below)
            body = patching.apply(patching.map_values(body, value, items, plain_key), ground)
        state: dict[str, JSON] = body
        return state

    def plain(self, value: Any) -> Any:
        """Put the contents of references in their place."""
        if isinstance(value, Ref):
            raw = self._raw[value.name]
            return raw.decode() if value.kind == "text" else raw
        if isinstance(value, list):
            return [self.plain(item) for item in value]
        if isinstance(value, dict):
            return {key: self.plain(member) for key, member in value.items()}
        return value
