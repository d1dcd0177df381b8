"""The head of a log: its newest commit as listings show it, and how long that can be believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .._format import naming
from .._format.commit import is_torn
from ..errors import UnavailableError
from .asking import get_commit
from .base import Base, Rules
from .ops import Entry, List, Moment, Now, Protocol

T = TypeVar("T")

RESTARTS = 6

Glimpse = tuple[Moment, int]
"""The head as it was found, and when it was that at the earliest."""


def find_head(key: str) -> Protocol[int]:
    """Find the number of the newest commit, 0 where there is none, by listing."""
    names, first = yield head_ops(key)
    return (yield from head_from(key, names, first))


def find_whole(rules: Rules, key: str) -> Protocol[int]:
    """Find the number of the newest commit, leaving out one that a crash tore."""
    head = yield from find_head(key)
    if not rules.tearable or not head:
        return head
    data: bytes | None = yield get_commit(key, head)
    return head - 1 if data is not None and is_torn(data) else head


def is_newest(rules: Rules, key: str, seq: int) -> Protocol[bool]:
    """Say whether a commit is the newest, by lists of which none is much older than the answer."""
    return (yield from in_time(rules, naming.log_root(key), lambda: find_whole(rules, key))) == seq


def in_time(rules: Rules, what: str, look: Callable[[], Protocol[T]]) -> Protocol[T]:
    """Look at the newest end of logs, again until it takes no longer than what is seen there can be believed.

    Meanwhile numbers may be freed, and one of a writer who slept be left as the largest.

    Raises:
        UnavailableError: The storage is so slow that whatever was seen was old by then.
    """
    for _ in range(RESTARTS):
        begun: Moment = yield Now()
        found = yield from look()
        if not is_old(rules, begun, (yield Now())):
            return found
    raise too_slow(rules, what)


def too_slow(rules: Rules, what: str) -> UnavailableError:
    """Say that whatever was read was old by then."""
    return UnavailableError(f"{what} could not be read within {rules.patience:g} seconds; try again")


def head_ops(key: str) -> tuple[List, List]:
    """Give the two lists that find nearly every head; the second is a guess, right up to commit 999."""
    return List(naming.log_root(key)), List(naming.log_dir(key, 0))


def head_from(key: str, names: list[Entry], first: list[Entry]) -> Protocol[int]:
    """Go on from what `head_ops` found: into the largest directory, downwards past empty ones and foreign names."""
    groups = _groups(names)
    found = _numbers(groups.get(0, ""), first)
    while groups:
        group = max(groups)
        if group or not found:
            found = _numbers(groups[group], (yield List(naming.log_dir(key, group))))
        if found:
            return max(found)
        # Nothing was ever in it, or all of it was freed since it was named; then there is a larger one by now.
        again = _groups((yield List(naming.log_root(key))))
        groups = again if max(again, default=0) > group else {g: name for g, name in groups.items() if g < group}
    return 0


def _groups(names: list[Entry]) -> dict[int, str]:
    return {n: e.name for e in names if e.is_directory and (n := naming.parse_group(e.name)) is not None}


def _numbers(group: str, names: list[Entry]) -> list[int]:
    return [n for e in names if (n := naming.parse_log(group, e.name)) is not None]  # a directory takes a number, too


def is_old(rules: Rules, observed: Moment | None, now: Moment) -> bool:
    """Say whether knowledge of the head has to be checked again."""
    return observed is None or now.age(observed) >= rules.patience


def too_old_to_follow(rules: Rules, base: Base, now: Moment) -> bool:
    """Say whether the numbers above a base may have been freed and taken again since it was seen to be the head."""
    return is_old(rules, base.observed, now)
