"""What is left of a session when stored bytes are damaged: the newest state that can be built, and what is above it."""

from __future__ import annotations

import datetime
import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from .._format import canonical, naming
from .._format.commit import Commit, moment, unchecked
from .._format.state import opened
from .._log.asking import get_object
from .._log.assembling import assemble
from .._log.base import Base, Rules, nothing
from .._log.chain import check_neighbours, load, stands_on
from .._log.head import RESTARTS, find_head
from .._log.hints import hints_of
from .._log.ops import Protocol
from .._log.reading import PAGE, measure, numbers_below, pages_down, parse, read_commits, read_each
from .._log.session import touched
from ..errors import IntegrityError
from .findings import Finding, finding_of

AT_ONCE: Final = 8
"""How many texts or leaves are held in memory together."""


@dataclass(frozen=True, slots=True)
class LostCommit:
    """A commit that is passed over, so that what it changed is lost.

    Attributes:
        seq: Its number.
        problem: ``damaged``, ``missing``, or ``unusable``: it is whole, and stands on what is not.
        time: When it was written; ``None`` where it does not say.
        kind: What it was.
        parts: The parts that it changed. What a damaged one says is not certain.
    """

    seq: int
    problem: Literal["damaged", "missing", "unusable"]
    time: datetime.datetime | None
    kind: str | None
    parts: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """What is left of a session.

    Attributes:
        newest: The largest number in the log.
        base: The newest state that can be built, at its own commit; at number 0 where there is none.
        deleted: Whether the session was deleted, so that no older state may come back.
        unreadable: Objects that the state names and that are damaged or missing.
        over: Of the stored bytes above the base, one commit after the other; ``None`` where nothing is above it.
    """

    newest: int
    base: Base
    deleted: bool
    unreadable: frozenset[str]
    damage: tuple[Finding, ...]
    lost: tuple[LostCommit, ...]
    over: str | None


def diagnose(rules: Rules, id: str) -> Protocol[Diagnosis]:
    """Find the newest state of a session that can be built, and what stands above it.

    Raises:
        FormatError: A commit is whole and of a newer objstore; that is no damage.
        IntegrityError: The log keeps changing.
    """
    failure: IntegrityError | None = None
    for _ in range(RESTARTS):
        try:
            head = yield from load(rules, id)
        except IntegrityError as error:
            failure = error
        else:
            unreadable, damage = yield from _unreadable(head)
            return Diagnosis(head.seq, head, False, unreadable, tuple(damage), (), None)  # noqa: FBT003
        newest = yield from find_head(naming.session_key(id))
        base, damage = yield from _newest_intact(id, newest)
        over, lost = yield from _above(base, newest)
        buried = any(n > base.seq for n in (yield from hints_of(naming.TRASH, base.key)))
        unreadable, more = yield from _unreadable(base)
        if lost and (yield from find_head(base.key)) == newest:  # else somebody is at work, not everything was there
            buried = buried or any(one.kind == "delete" for one in lost)
            deleted = buried or (base.seq > 0 and base.state is None)
            return Diagnosis(newest, base, deleted, unreadable, (*damage, *more), lost, over)
    assert failure is not None
    raise failure


def _newest_intact(id: str, newest: int) -> Protocol[tuple[Base, list[Finding]]]:
    """Go down to the first commit that holds a state which can be built, and from there up as far as that goes.

    A number that is not there may have been freed, unless it is the newest (a directory may be in its place). What lies
    below such a gap may be of a writer who slept and took a freed number, so it only counts where the newest commit
    retains it. One that the commit above it does not stand on is of such a writer, or the other one is, and so is all
    below. Where that one stands below the newest, commit by commit, this one is another log's, and so are those that it
    stands on.
    """
    blank = nothing(id, None)
    damage: list[Finding] = []
    above: dict[int, Commit] = {}
    taken: list[int] = []
    gap, parent, floor = False, None, None
    ours, foreign = False, False
    top = newest
    while top:
        page = next(pages_down(top, 1))
        data = yield from read_commits(blank, page)
        for n in page:
            found = _parsed(blank, n, data[n], damage)
            fits = found is None or parent in (None, found.digest)
            gap = gap or not fits or (data[n] is None and n < newest)
            if gap and n < (floor or newest):
                return blank, damage
            if not fits:
                detail = f"commit {n} is not the one that commit {n + 1} stands on"
                damage.append(Finding(id, naming.log_key(blank.key, n), "damaged", detail))
                foreign, ours = ours, False
            elif parent is None:  # nothing above tells
                foreign = ours = False
            elif found:
                ours = ours or n + 1 == newest
            parent = found.parent if found and not found.over else None
            if found is not None and n == newest:  # an older one may have been freed, and have landed once more
                floor = found.floor
            if found is not None and found.whole and not foreign:
                try:
                    yield from check_neighbours(blank, [found], floor, newest, {})
                    base = yield from assemble(blank, [found], current=False)
                except IntegrityError as error:
                    damage.append(finding_of(id, error))
                else:
                    return (yield from _upwards(base, above, damage)), damage
            if found is None or found.whole or foreign:
                above.clear()  # nothing that stands on it can be built
            else:
                above[n] = found
        top = page[-1] - 1
        if _is_empty(data):  # what is missing may be any number, and is not looked for one by one
            taken = taken or (yield from numbers_below(blank.key, newest))
            top = taken[place - 1] if (place := bisect_right(taken, top)) else 0
    return blank, damage


def _is_empty(data: Mapping[int, bytes | None]) -> bool:
    return all(stored is None for stored in data.values())


def _upwards(base: Base, above: Mapping[int, Commit], damage: list[Finding]) -> Protocol[Base]:
    while (found := above.get(base.seq + 1)) and stands_on(found.parent, base.digest):
        try:
            base = yield from assemble(base, [found], current=False)
        except IntegrityError as error:
            damage.append(finding_of(base.id, error))
            break
    return base


def _parsed(blank: Base, n: int, data: bytes | None, damage: list[Finding]) -> Commit | None:
    key = naming.log_key(blank.key, n)
    try:
        found = parse(blank, n, data)
    except IntegrityError as error:
        damage.append(finding_of(blank.id, error))
        return None
    if found is None:
        detail = f"commit {n} is not there" if data is None else f"commit {n} is empty"
        damage.append(Finding(blank.id, key, "missing", detail))
    return found


def _above(base: Base, newest: int) -> Protocol[tuple[str | None, tuple[LostCommit, ...]]]:
    """Take the digest of what is stored above a base, and say what that was."""
    digest = hashlib.sha256()
    lost: list[LostCommit] = []
    taken = [*(yield from numbers_below(base.key, newest)), newest]
    start = base.seq + 1 if base.seq else taken[0]  # what is missing below all that is there may have been freed
    while start <= newest:
        page = list(range(start, min(newest + 1, start + PAGE)))
        data = yield from read_commits(base, page)
        for n in page:
            digest.update(data[n] or b"")
            lost.append(_lost(base, n, data[n]))
        start = page[-1] + 1
        if start <= newest and _is_empty(data):
            start = taken[bisect_left(taken, start)]
    return (digest.hexdigest() if lost else None), tuple(reversed(lost))


def _lost(base: Base, n: int, data: bytes | None) -> LostCommit:
    if not data:
        return LostCommit(n, "missing", None, None, None)
    try:
        found = parse(base, n, data)
    except IntegrityError:
        return LostCommit(n, "damaged", *_told(data))
    assert found is not None
    return LostCommit(n, "unusable", moment(found.time), found.kind, touched(found.kind, found.body))


def _told(data: bytes) -> tuple[datetime.datetime | None, str | None, tuple[str, ...] | None]:
    """Make out what a damaged commit was, where its text can still be read."""
    record = unchecked(data)
    try:
        return moment(record["time"]), str(record["kind"]), touched(record["kind"], record["body"])
    except (ValueError, KeyError, TypeError):
        return None, None, None


def _unreadable(base: Base) -> Protocol[tuple[frozenset[str], list[Finding]]]:
    """Read everything that a state names, a little at a time, and say what cannot be had."""
    names = sorted({ref.name for ref in canonical.refs_in(base.state)})
    found: list[str] = []
    packed = [name for name in names if name.endswith(".zst")]
    for start in range(0, len(packed), AT_ONCE):
        stored = yield from read_stored(base, packed[start : start + AT_ONCE])
        found += [name for name, data in stored.items() if data is None]
    for name in names:
        if not name.endswith(".zst"):
            epoch, size = base.objects[name]
            if (yield from measure(naming.object_key(base.key, epoch, name), size)) != (name, size):
                found.append(name)
    keys = [naming.object_key(base.key, base.objects[name][0], name) for name in found]
    detail = "the newest state names it, and it cannot be read"
    return frozenset(found), [Finding(base.id, key, "damaged", detail) for key in keys]


def read_stored(base: Base, names: list[str]) -> Protocol[dict[str, bytes | None]]:
    """Read objects as they are stored; ``None`` for one that is damaged or missing."""
    table = {**base.present, **base.objects}
    data = yield from read_each([get_object(base.key, table[name][0], name, table[name][1]) for name in names])
    return {name: _intact(name, stored, table[name][1]) for name, stored in zip(names, data, strict=True)}


def _intact(name: str, stored: bytes | None, size: int) -> bytes | None:
    try:
        return stored if stored is not None and opened(name, stored, size) is not None else None
    except ValueError:
        return None
