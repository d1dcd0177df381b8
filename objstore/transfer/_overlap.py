"""Whether two places share their files, as far as that can be told without asking a storage."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from .._engine.layouts import Layout
from .._engine.opened import Opened
from .._format import naming
from .._seed.tree import Tree
from .._seed.tree_files import SIBLINGS
from ..backends import AsyncBackend, Backend
from ..backends.base import DISK, Located
from ..errors import UnsupportedError


def refuse_overlap(source: Opened, target: Opened, layouts: tuple[Layout, Layout]) -> None:
    """Make sure that a copy does not go where it came from, nor one of the places lies among the files of the other.

    Raises:
        UnsupportedError: It does; nothing was written.
    """
    if way_between(source.backend, target.backend) == "":
        raise UnsupportedError("source and target are the same place: there is nothing to copy, or give another target")
    sides = ("source", source, layouts[0]), ("target", target, layouts[1])
    for (outer, around, layout), (inner, within, _) in (sides, sides[::-1]):
        room, _, _ = (way_between(around.backend, within.backend) or "").partition("/")
        if f"{room}/" in _rooms(layout):
            raise UnsupportedError(
                f"the {inner} lies among the files of the {outer}, in {room}/, where each would take the "
                "other's for its own: give a place beside that"
            )


def _rooms(layout: Layout) -> set[str]:
    if isinstance(layout, Tree):
        return {f"{part}/" for part in SIBLINGS}
    return {naming.SESSIONS, naming.INDEX, naming.TRASH}


def way_between(outer: Backend | AsyncBackend, inner: Backend | AsyncBackend) -> str | None:
    """Give the way from one place to another in or below it, ``""`` for the same, and ``None`` where there is none.

    Two that are reached by different options may be two, such as a bucket's name at two endpoints, and count as that.
    """
    if outer is inner:
        return ""
    if not isinstance(outer, Located) or not isinstance(inner, Located):
        return None
    top, below = outer.location, inner.location
    if top.storage != below.storage:
        return None
    return (_way_on_disk if top.storage == DISK else _rest)(top.path, below.path)


def _rest(outer: str, inner: str) -> str | None:
    outer, inner = f"{outer.strip('/')}/".lstrip("/"), f"{inner.strip('/')}/"
    return inner[len(outer) :].strip("/") if inner.startswith(outer) else None


def _way_on_disk(outer: str, inner: str) -> str | None:
    top, below = Path(os.path.realpath(outer)), Path(os.path.realpath(inner))
    for directory in (below, *below.parents):
        same = directory == top
        with suppress(OSError):  # a place that is not there yet
            same = same or directory.samefile(top)
        if same:
            return below.relative_to(directory).as_posix().removeprefix(".")
    return None
