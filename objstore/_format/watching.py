"""Telling at the speed of C that models are as they were, down to the last member of what they hold.

To write a model out and compare it costs microseconds, and a long conversation has thousands that nobody touched since
the last save. What they held is noted once, then; to compare the notes costs a tenth of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from operator import attrgetter, is_
from typing import Any, Final

from pydantic import BaseModel

from .canonical import JSON

_FIELDS: Final[Callable[[Any], dict[str, Any]]] = attrgetter("__dict__")
_UNKNOWN: Final[Callable[[Any], dict[str, Any] | None]] = attrgetter("__pydantic_extra__")
_VALUES: Final = dict.values
_FIXED: Final = frozenset({str, int, float, bool, type(None)})  # nothing is in them
_FIRST: Final = 8
_SHARE: Final = 8  # of the slices, so many first ones and one in so many are noted in a pass: no save pays for all
_MOST: Final = 512  # models in a note: a run that grows has thousands of events, which are noted slice by slice


class Watch:
    """What the holder of a revision holds: models, in slices, and the documents that they were found to be.

    It is a memory only. It never says of a model what was not once found by writing it out.
    """

    __slots__ = ("slices",)

    def __init__(self) -> None:
        self.slices: dict[str, dict[int, Note]] = {}


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
        self._new: dict[int, Note] = {}
        self._seen = self._made = 0

    def standing(self, models: Sequence[Any], known: Sequence[JSON]) -> Note | None:
        """Find the note of the models at the beginning that are still what is known, if there is one."""
        self._seen += 1
        note = self._old.get(id(models[0]))
        if note is None or not note.stands(models, known):
            return None
        self._new[id(models[0])] = note
        return note

    def note(self, models: Sequence[Any]) -> Note | None:
        """Note what models hold, before they are written out: so an edit that comes between is found by the next pass.

        ``None`` where this pass has noted enough, and for what is too much, or holds itself, or is no model.
        """
        if self._made >= _FIRST + self._seen // _SHARE:
            return None
        self._made += 1
        try:
            return Note(models)
        except Exception:  # of whatever stands there; a dump will tell
            return None

    def keep(self, note: Note, known: Sequence[JSON]) -> None:
        """Remember what the models of a note were found to be."""
        note.known = [*known]
        self._new[id(note.models[0])] = note

    def finish(self) -> None:
        """Remember this pass, for the next one."""
        self._watch.slices[self._part] = self._new


class Note:
    """What some models hold, all the way down, and the models themselves, so that their identities are nobody else's.

    Everything is told by its identity. An equal model or list in the place of another could later be edited unseen, and
    an equal number be ``True`` for ``1``; an equal text costs one dump. All of it stands in flat lists: what takes time
    is to fetch from memory what lies scattered there, and this is the least of it. The names of fields are left out: an
    assignment gives a model another dict.

    Attributes:
        models: The models.
        known: The documents that they were found to be.

    Raises:
        ValueError: There is something of a foreign type, or there are too many models in them.
    """

    __slots__ = (
        "_dicts", "_extended", "_extras", "_fields", "_items", "_lengths", "_lists", "_objects", "_order", "_plain",
        "_sizes", "_values", "_within", "known", "models",
    )  # fmt: skip

    def __init__(self, models: Sequence[Any]) -> None:
        self.models = [*models]
        self.known: list[JSON] = []
        self._within = [*models]  # with the models in them, which are found on the way
        self._fields: list[dict[str, Any]] = []  # of each of them
        self._plain: list[Any] = []  # those without unknown fields
        self._extended: list[Any] = []  # those with some
        self._extras: list[dict[str, Any]] = []
        self._dicts: list[dict[str, Any]] = []  # all fields, and all objects of JSON
        self._sizes: list[int] = []
        self._values: list[Any] = []  # of all dicts, one behind the other
        self._objects: list[dict[str, Any]] = []
        self._order: list[str] = []  # the keys of all objects, one behind the other
        self._lists: list[list[Any]] = []
        self._lengths: list[int] = []
        self._items: list[Any] = []  # of all lists, one behind the other
        for model in self._within:
            fields, extra = _FIELDS(model), _UNKNOWN(model)
            self._fields.append(fields)
            self._members(fields)
            if extra:
                self._extended.append(model)
                self._extras.append(extra)
                self._value(extra)
            else:
                self._plain.append(model)

    def stands(self, models: Sequence[Any], known: Sequence[JSON]) -> bool:
        """Say whether these begin with the models and documents of this, and the models hold what they held."""
        if not len(models) >= len(self.models) == len(self.known) <= len(known):
            return False
        if not (all(map(is_, self.models, models)) and all(map(is_, self.known, known))):
            return False
        try:
            return (
                all(map(is_, map(_FIELDS, self._within), self._fields))
                and not any(map(_UNKNOWN, self._plain))
                and all(map(is_, map(_UNKNOWN, self._extended), self._extras))
                and [*map(len, self._dicts)] == self._sizes
                and all(map(is_, chain.from_iterable(map(_VALUES, self._dicts)), self._values))
                and [*chain.from_iterable(self._objects)] == self._order
                and [*map(len, self._lists)] == self._lengths
                and all(map(is_, chain.from_iterable(self._lists), self._items))
            )
        except Exception:  # of a foreign value that somebody put there, which does not compare; a dump will tell
            return False

    def joined(self, other: Note) -> Note:
        """Give the note of the models of this one and of another behind them."""
        both = Note(())
        for name in Note.__slots__:
            setattr(both, name, getattr(self, name) + getattr(other, name))
        return both

    def _members(self, members: dict[str, Any]) -> dict[str, Any]:
        copy = {**members}
        self._dicts.append(members)
        self._sizes.append(len(copy))
        self._values += copy.values()
        for value in copy.values():
            if type(value) not in _FIXED:
                self._value(value)
        return copy

    def _value(self, value: Any) -> None:
        kind = type(value)
        if kind is list:
            items = [*value]
            self._lists.append(value)
            self._lengths.append(len(items))
            self._items += items
            for item in items:
                if type(item) not in _FIXED:
                    self._value(item)
        elif kind is dict:
            order = self._members(value)  # those in it come first
            self._objects.append(value)
            self._order += order
        elif not isinstance(value, str | int | float):
            if not isinstance(value, BaseModel) or len(self._within) == _MOST:
                raise ValueError
            self._within.append(value)
