"""Read-only views of documents in memory, for the functions of callers.

What a store remembers is shared by all who read it. A function that changed it would lose its own change, and that of
others, in silence; a view lets it only look, and put what it saw back where it likes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final


class ObjectView(Mapping[str, Any]):
    """A JSON object to look at.

    Attributes:
        value: The object itself.
        room: How deep what stands in its place may be nested; see `checking.MAX_DEPTH`.
    """

    __slots__ = ("room", "value")

    def __init__(self, value: dict[str, Any], room: int) -> None:
        self.value: Final = value
        self.room: Final = room

    def __getitem__(self, key: str) -> Any:
        return view(self.value[key], self.room - 1)

    def __iter__(self) -> Iterator[str]:
        return iter(self.value)

    def __len__(self) -> int:
        return len(self.value)


class ListView(Sequence[Any]):
    """A JSON list to look at; see `ObjectView`. It equals a list of the same items, and ``+`` puts a list behind it."""

    __slots__ = ("room", "value")
    __hash__ = None  # type: ignore[assignment]  # nor has a list

    def __init__(self, value: list[Any], room: int) -> None:
        self.value: Final = value
        self.room: Final = room

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [view(item, self.room - 1) for item in self.value[index]]
        return view(self.value[index], self.room - 1)

    def __iter__(self) -> Iterator[Any]:
        return (view(item, self.room - 1) for item in self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __add__(self, items: object) -> Grown:
        return Grown(self, tuple(items)) if isinstance(items, list) else NotImplemented

    def each(self, key: str) -> list[Any]:
        """Give the value that each item has under a key; ``None`` where it has none, or is no object."""
        return [view(item.get(key), self.room - 2) if type(item) is dict else None for item in self.value]

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, ListView | list) else NotImplemented


@dataclass(frozen=True, slots=True)
class Grown(Sequence[Any]):
    """A list that was looked at, which need not be copied for it, with what was put behind it."""

    old: ListView
    new: tuple[Any, ...]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        return self.old[at] if at < len(self.old) else self.new[at - len(self.old)]

    def __len__(self) -> int:
        return len(self.old) + len(self.new)

    def __add__(self, items: object) -> Grown:
        return Grown(self.old, (*self.new, *items)) if isinstance(items, list) else NotImplemented


def view(value: Any, room: int) -> Any:
    """Give a value to look at; what cannot be changed stands for itself."""
    if type(value) is dict:
        return ObjectView(value, room)
    return ListView(value, room) if type(value) is list else value
