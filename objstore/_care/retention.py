"""What is kept of a history, and the reports of what goes."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .._format.commit import Commit, moment


@dataclass(frozen=True, slots=True)
class Doomed:
    """Something that goes.

    Attributes:
        key: The object, relative to the store.
        why: Why nobody needs it.
        after: When it may go, where that is not at once.
    """

    key: str
    why: str
    after: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What a prune did, or would do.

    Attributes:
        id: The session.
        floor: The oldest commit that can be loaded afterwards.
        removed: What went at once (in a dry run: would go).
        later: What a later `collect` or `prune` will remove: numbers that a sleeping writer may still believe in.
        dry_run: Whether nothing was done.
    """

    id: str
    floor: int
    removed: tuple[Doomed, ...]
    later: tuple[Doomed, ...]
    dry_run: bool


ChooseFloor = Callable[[list[Commit]], int]
"""Given retained commits, newest first: the number of the oldest to keep; above the head: only its state.

It may be asked before all of them have been read, and again when more have.
"""


def retention(keep_last: int | None, newer_than: datetime.datetime | None, keep_snapshots: int | None) -> ChooseFloor:
    """Make the choice that keeps so many commits, those since a time, or so many snapshots: whatever keeps most."""

    def choose(chain: list[Commit]) -> int:
        above = chain[0].seq + 1
        wanted: list[int] = []
        if keep_last is not None:
            wanted.append(above if keep_last == 1 else chain[min(keep_last, len(chain)) - 1].seq)
        if newer_than is not None:
            wanted.append(min((c.seq for c in chain if moment(c.time) >= newer_than), default=above))
        if keep_snapshots is not None:
            # Not the commits of prunes, though they hold whole states too: each repeat would count the last one's.
            snapshots = [c.seq for c in chain if c.kind == "snapshot"][:keep_snapshots]
            wanted.append(snapshots[-1] if len(snapshots) == keep_snapshots else chain[-1].seq)
        return min(wanted)

    return choose


@dataclass(frozen=True, slots=True)
class CollectReport:
    """What a collection did, or would do.

    Attributes:
        sessions: How many it looked at.
        removed: What went (in a dry run: would go).
        skipped: Session -> why it was left for the next time.
        dry_run: Whether nothing was done.
        missing: Those of the given ids of which nothing is stored.
    """

    sessions: int
    removed: tuple[Doomed, ...]
    skipped: Mapping[str, str]
    dry_run: bool
    missing: tuple[str, ...] = ()
