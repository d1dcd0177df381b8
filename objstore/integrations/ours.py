"""What an integration stands on: a store of documents, and in that its own, told from those of anything else."""

from __future__ import annotations

from collections.abc import Collection

from ..errors import FormatError


def check_ours(id: str, names: Collection[str], kept: tuple[str, ...], what: str, framework: str) -> None:
    """Make sure that a document holds what an integration keeps in one, before it is read for that or added to.

    Args:
        id: The document.
        names: The names of its parts. A document without any is anybody's.
        kept: Names, or their beginnings, of which each document of the integration has one.
        what: What such a document is to the framework.
        framework: The name of the framework.

    Raises:
        FormatError: It is something else.
    """
    if names and not any(name.startswith(kept) for name in names):
        raise not_ours(id, what, framework)


def not_ours(id: str, what: str, framework: str) -> FormatError:
    """Make the error that says that a document is something else."""
    return FormatError(f"{id!r} is a document, but no {what} of {framework}; give {framework} a place of its own", id)


def check_store(store: object, kind: type, whose: str) -> None:
    """Make sure that an integration was given the kind of store that it stands on, before anything is asked of it.

    Raises:
        TypeError: It is something else, such as the other face of a store of documents or a store of sessions.
    """
    if not isinstance(store, kind):
        raise TypeError(f"{whose} needs an objstore.{kind.__name__}, not {type(store).__name__}")
