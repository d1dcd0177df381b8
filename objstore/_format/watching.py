"""Telling at the speed of C that models are as they were, down to the last member of what they hold.

To write a model out and compare it costs microseconds, and a long conversation has thousands that nobody touched since
the last save. What they held is noted once, then; to compare the notes costs a tenth of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from operator import attrgetter, is_
from typing import Any, Final

from pydantic import BaseModel

from .canonical import JSON

_HELD: Final[Callable[[Any], tuple[dict[str, Any], dict[str, Any] | None]]] = attrgetter(
    "__dict__", "__pydantic_extra__"
)
_FIXED: Final = frozenset({str, type(None)})  # two that are equal are the same JSON
_FIRST: Final = 8
_SHARE: Final = 8  # of the slices, so many first ones and one in so many are noted in a pass: no save pays for all


class Watch:
    """What the holder of a revision holds: models, in slices, and the documents that they were found to be.

    It is a memory only. It never says of a model what was not once found by writing it out.
    """

    __slots__ = ("slices",)

    def __init__(self) -> None:
        self.slices: dict[str, dict[int, _Slice]] = {}


class Pass:
    """One look at all that stands in a part; what it did not come across is forgotten.

    Args:
        watch: The memory of earlier passes.
        part: Which part.
    """

    def __init__(self, watch: Watch, part: str) -> None:
        self._watch = watch
        self._part = part
        self._old = watch.slices.get(part, {})
        self._new: dict[int, _Slice] = {}
        self._seen = self._made = 0

    def unchanged(self, models: Sequence[Any], known: list[JSON]) -> bool:
        """Say whether these models are still what is known; ``False`` also where nothing was noted."""
        self._seen += 1
        found = self._old.get(id(models[0]))
        if found is None or not found.stands(models, known):
            return False
        self._new[id(models[0])] = found
        return True

    def note(self, models: Sequence[Any], known: list[JSON]) -> None:
        """Note of models that they were found to be what is known."""
        if self._made < _FIRST + self._seen // _SHARE:
            self._made += 1
            self._new[id(models[0])] = _Slice(models, known)

    def finish(self) -> None:
        """Remember this pass, for the next one."""
        self._watch.slices[self._part] = self._new


class _Slice:
    """Some models with all that they held. The models are kept, so their identities are nobody else's."""

    __slots__ = ("_all", "_held", "_known", "_models")

    def __init__(self, models: Sequence[Any], known: list[JSON]) -> None:
        self._models = [*models]
        self._known = known
        self._all = [*models]  # with the models in them, which are found on the way
        self._held: list[tuple[Any, Any]] = []
        for model in self._all:
            fields, extra = _HELD(model)
            self._held.append((self._noted(fields), _Members(extra, self._noted(extra)) if extra else copy(extra)))

    def stands(self, models: Sequence[Any], known: list[JSON]) -> bool:
        if not (len(models) == len(self._models) == len(known) == len(self._known)):
            return False
        if not (all(map(is_, models, self._models)) and all(map(is_, known, self._known))):
            return False
        try:
            return list(map(_HELD, self._all)) == self._held
        except Exception:  # of a foreign value that somebody put there, which does not compare; a dump will tell
            return False

    def _noted(self, members: dict[str, Any]) -> dict[str, Any]:
        return {key: value if type(value) in _FIXED else self._note(value) for key, value in members.items()}

    def _note(self, value: Any) -> Any:
        kind = type(value)
        if kind is list:
            noted = [item if type(item) is str else self._note(item) for item in value]
            return _Flat(value) if all(isinstance(item, BaseModel) for item in value) else _Items(value, noted)
        if kind is dict:
            return _Members(value, self._noted(value))
        if isinstance(value, BaseModel):
            self._all.append(value)
        elif not isinstance(value, str | int | float | None):
            return object()  # equals nothing: it may hold anything
        return _Very(value)


class _Very:
    """Equals one object only, so that ``1`` is not taken for ``True``, nor one model for another that equals it now."""

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return other is self._value


class _Flat:
    """Equals one list of models while it holds the same ones; what they hold is noted by themselves."""

    __slots__ = ("_items", "_list")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, items: list[Any]) -> None:
        self._list = items
        self._items = [*items]

    def __eq__(self, other: object) -> bool:
        return other is self._list and len(self._list) == len(self._items) and all(map(is_, self._list, self._items))


class _Items:
    """Equals one list while it holds what it held."""

    __slots__ = ("_items", "_list")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, items: list[Any], noted: list[Any]) -> None:
        self._list = items
        self._items = noted

    def __eq__(self, other: object) -> bool:
        return other is self._list and self._list == self._items


class _Members:
    """Equals one object of JSON while it holds what it held, in the same order."""

    __slots__ = ("_dict", "_keys", "_values")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, members: dict[str, Any], noted: dict[str, Any]) -> None:
        self._dict = members
        self._keys = [*noted]
        self._values = [*noted.values()]

    def __eq__(self, other: object) -> bool:
        return other is self._dict and [*self._dict] == self._keys and [*self._dict.values()] == self._values
