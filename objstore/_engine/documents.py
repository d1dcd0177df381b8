"""The calls of a document store as protocols: any JSON on one side, parts of a state on the other."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .._format import checking
from .._format.canonical import JSON
from .._format.checking import MAX_DEPTH
from .._format.patching import Patch, append, diff
from .._format.views import view
from .._log.listing import Listed
from .._log.loaded import Loaded
from .._log.ops import Protocol
from ..errors import FormatError, InvalidValueError
from ..models import Revision
from .arguments import listed, text
from .layouts import BaseArgument, FindLayout, given

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was read.

    Attributes:
        parts: Name -> any JSON value; where ``bytes`` were saved, ``bytes``.
        revision: The commit that they were read from; save with it as ``base`` to notice other writers.
        names: The names of all its parts, also of those that were not asked for. A part that is ``None`` is none.
    """

    parts: dict[str, JSON]
    revision: Revision
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """A document as a listing shows it, read without its parts.

    Attributes:
        id: The document.
        seq: The number of its newest commit; ``None`` where nothing of it can be read.
        saved_at: When that was written, by the writer's clock, in UTC.
        summary: Its part ``summary``, if that is JSON of no more than 4 KiB; else ``None``.
        problem: Why its newest commit cannot be read, if so; the rest is that of the newest one that can.
    """

    id: str
    seq: int | None
    saved_at: datetime.datetime
    summary: JSON
    problem: str | None = None


Change = Callable[[Mapping[str, Any]], Mapping[str, object] | None]
"""Parts as they are -> those that change; see `DocumentStore.update`."""


class Documents:
    """The calls of a document store as protocols; both faces are made of it."""

    def __init__(self, layout: FindLayout) -> None:
        self._layout = layout

    def load(self, id: str, parts: Iterable[str] | None, at: int | None) -> Protocol[Document | None]:
        """See `DocumentStore.load`."""
        loaded = yield from (yield from self._layout(id)).load(id, _names(parts), at)
        if loaded is None:
            return None
        try:
            found = {name: checking.check_again(value, what=name) for name, value in loaded.parts.items()}
        except InvalidValueError as error:
            raise FormatError(
                f"{id!r} is whole, but not as an objstore would have saved it: {error}", loaded.key
            ) from None
        return _document(loaded, found)

    def view(self, id: str, parts: Iterable[str] | None) -> Protocol[Document | None]:
        """See `DocumentStore.view`."""
        loaded = yield from (yield from self._layout(id)).load(id, _names(parts), None, contents=False)
        if loaded is None:
            return None
        return _document(loaded, {name: view(value, MAX_DEPTH) for name, value in loaded.parts.items()})

    def save(self, id: str, parts: Mapping[str, object], base: BaseArgument, key: str | None) -> Protocol[Revision]:
        """See `DocumentStore.save`."""
        values = {_name(name): checking.check(value, what=name, binary=True) for name, value in _members(parts)}
        return self._save(id, values, given(base), key)

    def _save(
        self, id: str, parts: Mapping[str, JSON], base: Revision | int | None, key: str | None
    ) -> Protocol[Revision]:
        revision, _ = yield from (yield from self._layout()).save(id, parts, base, key)
        return revision

    def append(
        self, id: str, items: Mapping[str, Iterable[object]], base: BaseArgument, key: str | None
    ) -> Protocol[Revision]:
        """See `DocumentStore.append`."""
        added = {
            _name(name): checking.check(listed(name, new), what=name, binary=True) for name, new in _members(items)
        }
        return self._append(id, added, given(base), key)

    def _append(
        self, id: str, added: Mapping[str, JSON], base: Revision | int | None, key: str | None
    ) -> Protocol[Revision]:
        def patches(state: Mapping[str, JSON]) -> dict[str, Patch]:
            found: dict[str, Patch] = {}
            for name, new in added.items():
                assert isinstance(new, list)
                old = state.get(name)
                if old is not None and not isinstance(old, list):
                    raise InvalidValueError(f"{name} of {id!r} is no list, so nothing can be appended to it")
                if new:
                    found[name] = {"set": new} if old is None else append(len(old), new)
            return found

        revision, _ = yield from (yield from self._layout()).derive(id, patches, base, key)
        return revision

    def update(self, id: str, change: Change, key: str | None) -> Protocol[Revision]:
        """See `DocumentStore.update`."""

        def patches(state: Mapping[str, JSON]) -> dict[str, Patch]:
            seen = {name: view(value, MAX_DEPTH) for name, value in state.items() if value is not None}
            found: dict[str, Patch] = {}
            for name, value in _members(change(seen) or {}):
                patch = diff(state.get(_name(name)), checking.check(value, what=name, binary=True))
                if patch:
                    found[name] = patch
            return found

        revision, _ = yield from (yield from self._layout()).derive(id, patches, None, key)
        return revision

    def summaries(self, prefix: str) -> Protocol[list[DocumentSummary]]:
        """See `DocumentStore.summaries`."""
        layout = yield from self._layout()
        ids = yield from layout.list_ids(text("prefix", prefix))
        return [_summary_of(listed) for listed in (yield from layout.heads(ids))]


def _document(loaded: Loaded, parts: dict[str, Any]) -> Document:
    assert loaded.base is not None  # documents lie in logs only
    names = tuple(name for name, value in (loaded.base.state or {}).items() if value is not None)
    return Document(parts, loaded.revision, names)


def _summary_of(listed: Listed) -> DocumentSummary:
    return DocumentSummary(listed.id, listed.seq, listed.time, listed.summary.get("summary"), listed.problem)


def _members(parts: Mapping[str, T]) -> Iterable[tuple[str, T]]:
    if not isinstance(parts, Mapping):
        raise InvalidValueError(f"parts must be a mapping of names to values, not {type(parts).__name__}")
    return parts.items()


def _names(parts: Iterable[str] | None) -> list[str] | None:
    return None if parts is None else list(map(_name, parts))


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidValueError("the name of a part is a str that is not empty")
    checking.check(name, what="the name of a part")
    return name
