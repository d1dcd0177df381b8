"""Taking a caller's values down as JSON that shares nothing with them, before the call returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import TypeAdapter

from .._format import checking, sharing
from .._format.canonical import JSON
from .._format.watching import Pass, Watch
from .._log.loaded import Sight
from .._seed import five_parts
from ..errors import InvalidValueError
from ..models import Revision
from ..models import _documents as documents

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the holder of a revision has seen, so that what did not change need not be copied.

    Attributes:
        parts: The parts as they were.
        watch: What was found of the models that it holds.
    """

    parts: Mapping[str, JSON] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)


def seen(revision: Revision | None) -> Seen:
    """Give what the holder of a revision has seen; nothing, where nobody here knows it."""
    sight = revision.base if revision else None
    if not isinstance(sight, Sight):
        return Seen()
    return Seen({**(sight.base.state or {}), **sight.known}, sight.watch)


def hand_on(watch: Watch, revision: Revision) -> None:
    """Let whoever saves on a new revision go on with what was found of the models until now."""
    if isinstance(revision.base, Sight):
        revision.base.watch.slices.update(watch.slices)


def taken_down(name: str, adapter: TypeAdapter[T], value: T, known: Seen) -> JSON:
    """Take a part down; what a model holds in free fields may be anything.

    Args:
        name: The part.
        adapter: What it is made of.
        value: The part itself.
        known: What was seen. The result is the same without it, and shares with it what did not change.

    Raises:
        InvalidValueError: It is not JSON, or could not be loaded again; the message says where.
    """
    old = known.parts.get(name)
    taken = _by_slices(adapter, value, old, Pass(known.watch, name))
    if taken is None:
        taken = checking.check(documents.to_document(adapter, value), what=name)
    if documents.unreadable(adapter, sharing.fresh(taken, old)):
        check_readable(name, adapter, taken)  # as a whole, to say where
    if name == five_parts.ARTIFACTS and isinstance(taken, dict):
        artifacts: Any = taken["artifacts"]
        return {**taken, "artifacts": [five_parts.referring(artifact) for artifact in artifacts]}
    return taken


def _by_slices(adapter: TypeAdapter[T], value: T, known: JSON, look: Pass) -> JSON:
    if known is None:
        return None
    try:
        taken = sharing.taken(documents.to_document(adapter, value, sliced=True), known, checking.MAX_DEPTH, look)
    except ValueError:  # to say where, it has to be looked at as a whole
        return None
    look.finish()
    return taken


def check_readable(name: str, adapter: TypeAdapter[Any], taken: JSON) -> None:
    """Refuse what a load would refuse; pydantic writes a ``None``, and what `model_copy` was told, without a word.

    Raises:
        InvalidValueError: A model holds what it would not have taken. The message says where.
    """
    problem = documents.unreadable(adapter, taken)
    if problem:
        raise InvalidValueError(f"this could not be loaded again: {name} at {problem}")
