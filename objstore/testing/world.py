"""A storage in memory, strongly consistent, and what is said when a guarantee of the log layout is broken in it."""

from __future__ import annotations

from typing import Literal

from .._log.ops import Entry

Guarantee = Literal["A", "B", "C", "D", "E"]


class Violation(AssertionError):  # noqa: N818 - a finding, not an error of the program
    """A guarantee of the log layout was broken.

    Attributes:
        guarantee: Which one, a letter of the list in `objstore.testing.oracle`.
    """

    def __init__(self, guarantee: Guarantee, text: str) -> None:
        super().__init__(f"{guarantee}: {text}")
        self.guarantee = guarantee


class Storage:
    """Objects in memory, strongly consistent.

    Args:
        directories_stay: Whether an empty directory is still listed, as on a local disk.
    """

    def __init__(self, *, directories_stay: bool = False) -> None:
        self.objects: dict[str, bytes] = {}
        self._names: dict[str, dict[str, bool]] = {}  # directory -> name -> whether that is a directory
        self._stay = directories_stay

    def write(self, key: str, data: bytes) -> None:
        """Store an object, over what is there."""
        if key not in self.objects:
            path, _, name = key.rpartition("/")
            is_directory = False
            while name not in (names := self._names.setdefault(path, {})):
                names[name] = is_directory
                if not path:
                    break
                path, _, name = path.rpartition("/")
                is_directory = True
        self.objects[key] = data

    def remove(self, key: str) -> None:
        """Remove an object, if it is there."""
        if self.objects.pop(key, None) is None:
            return
        path, _, name = key.rpartition("/")
        names = self._names[path]
        del names[name]
        while not names and path and not self._stay:
            del self._names[path]
            path, _, name = path.rpartition("/")
            names = self._names[path]
            del names[name]

    def list(self, prefix: str) -> list[Entry]:
        """Name what lies directly below a prefix, see `objstore._log.ops.List`."""
        path, _, start = prefix.rpartition("/")
        return [
            Entry(name, is_directory)
            for name, is_directory in self._names.get(path, {}).items()
            if name.startswith(start)
        ]
