"""What an integration stands on: a store of documents, and in that its own, told from those of anything else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from ..errors import FormatError, ObjstoreError

T = TypeVar("T")

_GARBLED: Final = (LookupError, TypeError, AttributeError, ValueError)
"""What comes of reading what is not of the form that it is read for."""


class UnreadableError(Exception):
    """Something cannot be read; the text says why, and nothing of what stands there."""


@dataclass(frozen=True, slots=True)
class Ours:
    """The documents of an integration.

    Attributes:
        what: What one is to the framework.
        framework: Its name.
        kept: Names of parts, or their beginnings, of which each document of the integration has one.
    """

    what: str
    framework: str
    kept: tuple[str, ...]

    def check(self, id: str, names: Collection[str]) -> None:
        """Make sure that a document with parts of these names is one, before it is read or added to.

        One without any parts is anybody's.

        Raises:
            FormatError: It is something else.
        """
        if names and not any(name.startswith(self.kept) for name in names):
            raise self.other(id)

    def other(self, id: str) -> FormatError:
        """Make the error that says that a document is something else."""
        return FormatError(
            f"{id!r} is a document, but no {self.what} of {self.framework}; give {self.framework} a place of its own",
            id,
        )

    def garbled(self, id: str, where: str, why: object) -> FormatError:
        """Make the error that says that a document is one, but not of the form that is known here."""
        return FormatError(
            f"the {self.what} in {id!r} is whole, but not of the form of this {self.framework} (at {where}: {why}); "
            "if a newer version wrote it, upgrade, else restore an earlier commit of it",
            id,
        )

    def reading(self, id: str, where: str | Callable[[], str]) -> Reading:
        """Let what is lacking or of a wrong type in what is read here be an error that says where.

        Only reading belongs inside: whatever else failed there would be taken for that.

        Args:
            id: The document.
            where: The place in it, or what gives that when it is wanted.

        Raises:
            FormatError: It is not of the form that it was read for.
        """
        return Reading(self, id, where)

    def each(self, id: str, where: str, forms: Iterable[Any], read: Callable[[Any], T], *, first: int = 0) -> list[T]:
        """Read items of a list, of which the first is at a place; see `reading`."""
        found: list[T] = []
        with self.reading(id, lambda: f"{where}.{first + len(found)}"):
            for form in forms:
                found.append(read(form))  # noqa: PERF401 - the error counts what was found
        return found


@dataclass(frozen=True, slots=True)
class Reading:
    """A context in which something is read; see `Ours.reading`. It is entered for each item of long lists."""

    ours: Ours
    id: str
    where: str | Callable[[], str]

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (UnreadableError, *_GARBLED)) and not isinstance(error, ObjstoreError):
            place = self.where if isinstance(self.where, str) else self.where()
            why = error if isinstance(error, UnreadableError) else type(error).__name__
            # What was raised may say what stands there, so it is not shown as the cause.
            raise self.ours.garbled(self.id, place, why) from None


def check_store(store: object, kind: type, whose: str) -> None:
    """Make sure that an integration was given the kind of store that it stands on, before anything is asked of it.

    Raises:
        TypeError: It is something else, such as the other face of a store of documents or a store of sessions.
    """
    if not isinstance(store, kind):
        raise TypeError(f"{whose} needs an objstore.{kind.__name__}, not {type(store).__name__}")
