"""What the calls of a store are made on: a layout, and the base that a save may name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final
from typing import Protocol as Contract

from .._care.findings import VerifyReport
from .._care.retention import Doomed
from .._format.canonical import JSON
from .._format.patching import Patch
from .._log.listing import IdPage, Listed
from .._log.loaded import Loaded
from .._log.ops import Protocol
from .._log.session import CommitInfo
from ..errors import InvalidValueError
from ..models import Revision


class Unset:
    """Says that an argument was not given, where ``None`` would say something."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()

BaseArgument = Revision | int | Unset
"""What a save may be based on: a revision, the number of one, ``0`` for "must not exist"."""


class Layout(Contract):
    """What a layout offers to the calls below; in terms of parts, as protocols."""

    def load(
        self, id: str, parts: Iterable[str] | None, at: int | None, *, contents: bool = True
    ) -> Protocol[Loaded | None]: ...
    def save(
        self, id: str, parts: Mapping[str, JSON], base: Revision | int | None, key: str | None
    ) -> Protocol[tuple[Revision, bool]]: ...
    def derive(
        self,
        id: str,
        patches: Callable[[Mapping[str, JSON]], dict[str, Patch]],
        base: Revision | int | None,
        key: str | None,
    ) -> Protocol[tuple[Revision, bool]]: ...
    def restore(self, id: str, at: int) -> Protocol[tuple[Revision, bool]]: ...
    def delete(self, id: str, base: Revision | int | None, *, purge: bool) -> Protocol[None]: ...
    def foresee_delete(self, id: str, *, purge: bool) -> Protocol[tuple[list[Doomed], list[Doomed]]]: ...
    def exists(self, id: str) -> Protocol[bool]: ...
    def list_ids(self, prefix: str) -> Protocol[list[str]]: ...
    def page_of_ids(self, prefix: str, cursor: str) -> Protocol[IdPage]: ...
    def cursor_behind(self, id: str) -> str: ...
    def heads(self, ids: Iterable[str], *, sizes: bool = False) -> Protocol[list[Listed]]: ...
    def history(self, id: str) -> Protocol[list[CommitInfo]]: ...
    def verify(self, ids: Iterable[str] | None) -> Protocol[VerifyReport]: ...


class FindLayout(Contract):
    """Finds out what layout a place has, and looks for the head of a session at once that it will be asked to load."""

    def __call__(self, loading: str | None = None) -> Protocol[Layout]: ...


def given(base: BaseArgument) -> Revision | int | None:
    """Give what a save is to be based on; ``None`` where nothing was said.

    Raises:
        InvalidValueError: It is none of what a base can be. Above all no ``None``: a revision that somebody forgot
            would replace the work of others without a look.
    """
    if isinstance(base, Unset):
        return None
    if isinstance(base, bool) or not isinstance(base, Revision | int):
        raise InvalidValueError(
            f"base must be a revision or the number of one, not {type(base).__name__}; leave it out to save on what "
            "is there"
        )
    return base
