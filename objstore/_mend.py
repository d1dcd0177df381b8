"""Repair: let a session go on from its newest state that can be read, and mend what hurts an agent in it.

A damaged commit is not removed, it is set aside: a commit on top of all others holds the newest intact state, is its
own floor, and says in ``over`` what it passes over. Writers who knew more lose against its number and conflict;
everything below stays where it is for a grace period, in case that it was the reading that failed.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from . import _json, _keys, _zstd
from ._ailments import Ailment, Care, Mend
from ._change import Edit
from ._commit import MAX_BYTES, Commit, moment
from ._json import JSON
from ._log import RESTARTS, Base, Rules, assemble, find_head, load, nothing, parse, read_commits, stands_on
from ._ops import Create, Delete, Get, Moment, Now, Protocol
from ._prune import hints_of
from ._refs import Ref
from ._save import Draft, Summarise, commit, save
from ._session import PAGE, touched
from ._state import Encoder, opened
from ._verify import Finding
from .errors import IntegrityError, UnavailableError

_OBJECTS_AT_ONCE = 8


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


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair found and did, or in a dry run would do.

    Attributes:
        id: The session.
        damage: Stored bytes of the newest state that are damaged or missing.
        lost: Commits that are set aside, newest first.
        resumed: Where commits are set aside: the commit whose state goes on; ``None`` where none can be read any more.
        floor: The oldest commit that can be loaded by its number afterwards. Setting commits aside gives up all older
            states, too; what shall be kept of them has to be forked before.
        mends: What is put right in the newest state, ailments and lost contents.
        ailments: What remains, and nobody can mend.
        seq: The number of the newest commit afterwards; in a dry run as it is.
        dry_run: Whether nothing was done.
    """

    id: str
    damage: tuple[Finding, ...]
    lost: tuple[LostCommit, ...]
    resumed: int | None
    floor: int
    mends: tuple[Mend, ...]
    ailments: tuple[Ailment, ...]
    seq: int
    dry_run: bool

    @property
    def needed(self) -> bool:
        """Whether there was anything to be done."""
        return bool(self.lost or self.mends)


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """What is left of a session.

    Attributes:
        newest: The largest number in the log.
        base: The newest state that can be built, at its own commit; at number 0 where there is none.
        observed: When ``newest`` was seen to be that.
        deleted: Whether the session was deleted, so that no older state may come back.
        unreadable: Objects that the state names and that are damaged or missing.
        over: Of the stored bytes above the base, one commit after the other; ``None`` where nothing is above it.
    """

    newest: int
    base: Base
    observed: Moment
    deleted: bool
    unreadable: frozenset[str]
    damage: tuple[Finding, ...]
    lost: tuple[LostCommit, ...]
    over: str | None


def repair(rules: Rules, id: str, care: Care, summarise: Summarise, *, dry_run: bool) -> Protocol[RepairReport]:
    """Set damaged newest commits aside, then mend the newest state by a commit on top.

    Raises:
        LostError: Somebody committed meanwhile; look again.
        ConflictError: The same.
        IntegrityError: Nothing can be read any more.
    """
    found = yield from diagnose(rules, id)
    head, state = found.base, None if found.deleted else found.base.state
    state, losses = _without(care, id, state, found.unreadable)
    if found.over and not dry_run:
        if not head.seq and not found.deleted:
            raise IntegrityError(
                f"no state of {id!r} can be read any more; copy its directory away if somebody may still need it, and "
                "delete the session", found.damage[0].key,
            )  # fmt: skip
        head = yield from set_aside(rules, found, state, summarise)
        state = head.state
    mended, mends = care.mend(id, state) if state is not None else ({}, ())
    seen = head.parts(rules)
    changed = {part: value for part, value in mended.items() if value is not seen.get(part)}
    if changed and not dry_run:
        head = (yield from save(rules, id, Edit(seen, changed), head, key=None, summarise=summarise)).base
    floor = head.floor if found.over is None or not dry_run else found.newest + 1
    return RepairReport(
        id, found.damage, found.lost, found.base.seq or None if found.over else None, floor, losses + mends,
        care.examine(id, mended), found.newest if dry_run else head.seq, dry_run,
    )  # fmt: skip


def _without(
    care: Care, id: str, state: Mapping[str, JSON] | None, unreadable: frozenset[str]
) -> tuple[dict[str, Any] | None, tuple[Mend, ...]]:
    if state is None:
        return None, ()
    return care.without(id, state, lambda value: isinstance(value, Ref) and value.name in unreadable)


def diagnose(rules: Rules, id: str) -> Protocol[Diagnosis]:
    """Find the newest state of a session that can be built, and what stands above it.

    Raises:
        FormatError: A commit is whole and of a newer objstore; that is no damage.
        IntegrityError: The log keeps changing.
    """
    failure: IntegrityError | None = None
    for _ in range(RESTARTS):
        observed: Moment = yield Now()
        try:
            head = yield from load(rules, id)
        except IntegrityError as error:
            failure = error
        else:
            unreadable, damage = yield from _unreadable(head)
            return Diagnosis(head.seq, head, observed, False, unreadable, tuple(damage), (), None)  # noqa: FBT003
        observed = yield Now()
        newest = yield from find_head(_keys.session_key(id))
        base, damage = yield from _newest_intact(id, newest)
        over, lost = yield from _above(base, newest)
        tombstones = [n for n in (yield from hints_of(_keys.TRASH, base.key)) if base.seq < n <= newest]
        unreadable, more = yield from _unreadable(base)
        if lost and (yield from find_head(base.key)) == newest:  # else somebody is at work, not everything was there
            deleted = bool(tombstones) or (base.seq > 0 and base.state is None)
            return Diagnosis(newest, base, observed, deleted, unreadable, (*damage, *more), lost, over)
    assert failure is not None
    raise failure


def _newest_intact(id: str, newest: int) -> Protocol[tuple[Base, list[Finding]]]:
    """Go down to the first commit that holds a state which can be built, and from there up as far as that goes."""
    blank = nothing(id, None)
    damage: list[Finding] = []
    above: dict[int, Commit] = {}
    for start in range(newest, 0, -PAGE):
        page = list(range(start, max(0, start - PAGE), -1))
        data = yield from read_commits(blank, page)
        for n in page:
            found = _parsed(blank, n, data[n], damage)
            if found is not None and found.whole:
                try:
                    base = yield from assemble(blank, [found], current=False)
                except IntegrityError as error:
                    damage.append(_finding(id, error))
                else:
                    return (yield from _upwards(base, above, damage)), damage
            if found is None or found.whole:
                above.clear()  # nothing that stands on it can be built
            else:
                above[n] = found
    return blank, damage


def _upwards(base: Base, above: Mapping[int, Commit], damage: list[Finding]) -> Protocol[Base]:
    while (found := above.get(base.seq + 1)) and stands_on(found.parent, base.digest):
        try:
            base = yield from assemble(base, [found], current=False)
        except IntegrityError as error:
            damage.append(_finding(base.id, error))
            break
    return base


def _parsed(blank: Base, n: int, data: bytes | None, damage: list[Finding]) -> Commit | None:
    key = _keys.log_key(blank.key, n)
    try:
        found = parse(blank, n, data)
    except IntegrityError as error:
        damage.append(_finding(blank.id, error))
        return None
    if found is None:
        detail = f"commit {n} is not there" if data is None else f"commit {n} is empty"
        damage.append(Finding(blank.id, key, "missing", detail))
    return found


def _finding(id: str, error: IntegrityError) -> Finding:
    return Finding(id, error.key, "damaged", str(error))


def _above(base: Base, newest: int) -> Protocol[tuple[str | None, tuple[LostCommit, ...]]]:
    """Take the digest of what is stored above a base, and say what that was."""
    digest = hashlib.sha256()
    lost: list[LostCommit] = []
    for start in range(base.seq + 1, newest + 1, PAGE):
        page = list(range(start, min(newest + 1, start + PAGE)))
        data = yield from read_commits(base, page)
        for n in page:
            digest.update(data[n] or b"")
            lost.append(_lost(base, n, data[n]))
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
    try:
        text = _zstd.inflate(data, limit=MAX_BYTES) if _zstd.is_frame(data) else data
        record: Any = _json.loads(text)
        return moment(record["time"]), str(record["kind"]), touched(record["kind"], record["body"])
    except (ValueError, KeyError, TypeError):
        return None, None, None


def _unreadable(base: Base) -> Protocol[tuple[frozenset[str], list[Finding]]]:
    """Read everything that a state names, some objects at a time, and say what cannot be had."""
    names = sorted({ref.name for ref in _refs(base.state)})
    found: set[str] = set()
    damage: list[Finding] = []
    for start in range(0, len(names), _OBJECTS_AT_ONCE):
        page = names[start : start + _OBJECTS_AT_ONCE]
        for name, stored in (yield from _stored(base, page)).items():
            if stored is None:
                found.add(name)
                key = _keys.object_key(base.key, base.objects[name][0], name)
                damage.append(Finding(base.id, key, "damaged", "the newest state names it, and it cannot be read"))
    return frozenset(found), damage


def _refs(value: JSON | Mapping[str, JSON]) -> Iterator[Ref]:
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Ref):
            yield item
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            stack.extend(item.values())


def _stored(base: Base, names: list[str]) -> Protocol[dict[str, bytes | None]]:
    """Read objects as they are stored; ``None`` for one that is damaged or missing."""
    table = {**base.present, **base.objects}
    data = yield tuple(Get(_keys.object_key(base.key, table[name][0], name)) for name in names)
    return {name: _intact(name, stored, table[name][1]) for name, stored in zip(names, data, strict=True)}


def _intact(name: str, stored: bytes | None, size: int) -> bytes | None:
    try:
        return stored if stored is not None and opened(name, stored, size) is not None else None
    except ValueError:
        return None


def set_aside(rules: Rules, found: Diagnosis, state: Mapping[str, JSON] | None, summarise: Summarise) -> Protocol[Base]:
    """Commit a state on top of everything that lies above the one it is from; without a state, a tombstone.

    One of the commits that are passed over may have been a fence whose sweep is still going on somewhere. It spares
    what lies under an epoch as high as its number, so all that the state needs is stored again under the number of the
    newest commit, which no fence below the new one is above.

    Raises:
        LostError: Somebody committed meanwhile.
        IntegrityError: Something that the state needs cannot be read.
    """
    ground = replace(found.base, seq=found.newest, epoch=found.newest, observed=found.observed, hinted=False)
    if state is None:
        head = yield from commit(rules, replace(ground, present={}), Draft(kind="delete", over=found.over), summarise)
        yield Create(_keys.trash_hint(head.key, head.seq), b"", durable=False)
        numbers = yield from hints_of(_keys.INDEX, head.key)
        yield Delete(tuple(_keys.index_hint(head.key, n) for n in numbers if n <= head.seq))
        return head
    needed = Encoder(found.base.present, found.base.epoch, found.base.leaves, rules.limits)
    needed.state(state)
    carried = yield from _carried(found.base, found.newest, [n for n in needed.named if n in found.base.present])
    draft = Draft(kind="prune", state=state, floor=found.newest + 1, over=found.over)
    return (yield from commit(rules, replace(ground, present=carried), draft, summarise))


def _carried(base: Base, epoch: int, names: list[str]) -> Protocol[dict[str, tuple[int, int]]]:
    for start in range(0, len(names), _OBJECTS_AT_ONCE):
        page = yield from _stored(base, names[start : start + _OBJECTS_AT_ONCE])
        for name, stored in page.items():
            if stored is None:
                key = _keys.object_key(base.key, base.present[name][0], name)
                raise IntegrityError(f"object {key} cannot be read, and the state that should go on needs it", key)
        results = yield tuple(Create(_keys.object_key(base.key, epoch, name), page[name] or b"") for name in page)
        for result in results:
            if isinstance(result, UnavailableError):
                raise result
    return {name: (epoch, base.present[name][1]) for name in names}
