"""Taking a caller's values down as JSON that shares nothing with them, before the call returns."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from .._format import canonical, sharing
from .._format.canonical import JSON
from .._log.loaded import Sight
from .._seed import five_parts
from ..errors import InvalidValueError
from ..models import Revision
from ..models import _documents as documents

T = TypeVar("T")

NOTHING: Final[Mapping[str, JSON]] = MappingProxyType({})


def seen(revision: Revision | None) -> Mapping[str, JSON]:
    """Give the parts that the holder of a revision knows, so that what did not change need not be copied."""
    sight = revision.base if revision else None
    if not isinstance(sight, Sight):
        return NOTHING
    return {**(sight.base.state or {}), **sight.known}


def taken_down(name: str, adapter: TypeAdapter[T], value: T, known: Mapping[str, JSON] = NOTHING) -> JSON:
    """Take a part down; what a model holds in free fields may be anything.

    Args:
        name: The part.
        adapter: What it is made of.
        value: The part itself.
        known: Parts as they were. The result is the same without them, and shares with them what did not change.

    Raises:
        InvalidValueError: It is not JSON, or could not be loaded again; the message says where.
    """
    old = known.get(name)
    taken = _by_slices(adapter, value, old)
    if taken is None:
        taken = canonical.check(document(adapter, value), what=name)
    if documents.unreadable(adapter, sharing.fresh(taken, old)):
        check_readable(name, adapter, taken)  # as a whole, to say where
    if name == five_parts.ARTIFACTS and isinstance(taken, dict):
        artifacts: Any = taken["artifacts"]
        return {**taken, "artifacts": [five_parts.referring(artifact) for artifact in artifacts]}
    return taken


def _by_slices(adapter: TypeAdapter[T], value: T, known: JSON) -> JSON:
    if known is None:
        return None
    try:
        return sharing.taken(documents.to_document(adapter, value, sliced=True), known)
    except ValueError:  # to say where, it has to be looked at as a whole
        return None


def check_readable(name: str, adapter: TypeAdapter[Any], taken: JSON) -> None:
    """Refuse what a load would refuse; pydantic writes a ``None``, and what `model_copy` was told, without a word.

    Raises:
        InvalidValueError: A model holds what it would not have taken. The message says where.
    """
    problem = documents.unreadable(adapter, taken)
    if problem:
        raise InvalidValueError(f"this could not be loaded again: {name} at {problem}")


def document(adapter: TypeAdapter[T], value: T) -> Any:
    """Write a model as pydantic does.

    Raises:
        InvalidValueError: It holds what it would not have taken.
    """
    try:
        return documents.to_document(adapter, value)
    except PydanticSerializationError as error:
        raise InvalidValueError(f"this cannot be saved: {error}") from None
