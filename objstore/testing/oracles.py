"""The oracles of all sessions of a storage, which share out among them what happens there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from .._format import naming
from .oracle import Oracle
from .world import Storage


class Oracles:
    """The oracles of all sessions of a store; each is told what happens to what is its session's."""

    def __init__(self, storage: Storage, oracles: Iterable[Oracle]) -> None:
        self._storage = storage
        self._by_key = {oracle.key: oracle for oracle in oracles}

    def __iter__(self) -> Iterator[Oracle]:
        return iter(self._by_key.values())

    def __getitem__(self, id: str) -> Oracle:
        return self._by_key[naming.session_key(id)]

    @property
    def counts(self) -> Counter[str]:
        """What happened to any of them."""
        return sum((oracle.counts for oracle in self), Counter())

    def create(self, key: str, data: bytes) -> bool:
        """Let a create land, and say whether it was the first."""
        if key in self._storage.objects:
            return False
        if (oracle := self._of(key)) is None:
            self._storage.write(key, data)
        else:
            oracle.create(key, data)
        return True

    def put(self, key: str, data: bytes) -> None:
        """Let a put land."""
        self.of(key).put(key, data)

    def delete(self, key: str) -> None:
        """Let the deletion of one object land."""
        self.of(key).delete(key)

    def copy(self, source: str, target: str) -> bool:
        """Let a copy land, and say whether there was something to copy."""
        data = self._storage.objects.get(source)
        if data is not None:
            self.of(target).copy(target, data)
        return data is not None

    def garbage(self) -> list[str]:
        """Name what lies in the storage that nobody needs. What is needed must be there."""
        return sorted(set(self._storage.objects) - {naming.MARKER} - {key for each in self for key in each.needed()})

    def of(self, key: str) -> Oracle:
        """Give the oracle of the session that an object belongs to."""
        oracle = self._of(key)
        assert oracle is not None  # nobody has any business to change the marker
        return oracle

    def _of(self, key: str) -> Oracle | None:
        top, _, rest = key.partition("/")
        if f"{top}/" == naming.SESSIONS:
            return self._by_key[rest.partition("/")[0]]
        hint = naming.parse_hint(rest)
        return self._by_key[hint[0]] if hint else None
