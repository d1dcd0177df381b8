"""Repair: let a session go on from its newest state that can be read, and mend what hurts an agent in it.

A damaged commit is not removed, it is set aside: a commit on top of all others holds the newest intact state, is its
own floor, and says in ``over`` what it passes over. Writers who knew more lose against its number and conflict;
everything below stays where it is for a grace period, in case that it was the reading that failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from .._format import naming
from .._format.canonical import JSON
from .._format.commit import id_in
from .._format.encode import Encoder
from .._format.refs import Ref
from .._log.base import Base, Rules
from .._log.change import Edit
from .._log.draft import Draft, Summarise
from .._log.hints import unlist
from .._log.land import LostError, commit, create_objects
from .._log.ops import Copy, Create, Protocol
from .._log.reading import PAGE, read_commits
from .._log.save import save
from ..errors import IntegrityError
from .ailments import Ailment, Mend
from .care import Care
from .diagnosis import AT_ONCE, Diagnosis, LostCommit, diagnose, read_stored
from .findings import Finding


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair found and did, or in a dry run would do.

    Attributes:
        id: The session.
        damage: Stored bytes of the newest state that are damaged or missing.
        lost: Commits that are set aside, newest first.
        resumed: Where commits are set aside: the commit whose state goes on; ``None`` where none can be read any more,
            and where the session was deleted.
        deleted: Whether what is set aside had deleted the session, as far as can be made out: then it stays deleted.
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
    deleted: bool
    floor: int
    mends: tuple[Mend, ...]
    ailments: tuple[Ailment, ...]
    seq: int
    dry_run: bool

    @property
    def needed(self) -> bool:
        """Whether there was anything to be done."""
        return bool(self.lost or self.mends)


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
    resumed = found.base.seq or None if found.over and not found.deleted else None
    return RepairReport(
        id, found.damage, found.lost, resumed, found.deleted, floor, losses + mends,
        care.examine(id, mended), found.newest if dry_run else head.seq, dry_run,
    )  # fmt: skip


def bury(rules: Rules, id: str, summarise: Summarise) -> Protocol[None]:
    """Put a tombstone on top of a session that cannot be read, unless that has changed meanwhile.

    Raises:
        IntegrityError: All that can be read there belongs to another session, which would be buried with it.
    """
    found = yield from diagnose(rules, id)
    if found.over is not None:
        yield from _refuse_foreign(id, found)
        with suppress(LostError):  # then the next look at it tells
            yield from set_aside(rules, found, None, summarise)


def _refuse_foreign(id: str, found: Diagnosis) -> Protocol[None]:
    """Refuse where a link, or somebody who moved a directory, has put the log of another session in the place."""
    data = yield from read_commits(found.base, list(range(found.newest, max(found.newest - PAGE, 0), -1)))
    owners = {owner for stored in data.values() if stored and (owner := id_in(stored)) is not None}
    if owners and id not in owners:
        place = naming.log_root(found.base.key)
        raise IntegrityError(
            f"what lies under {place} is the log of another session, and was not deleted. Remove the link, or move the "
            "directory back to where it belongs",
            place,
        )


def _without(
    care: Care, id: str, state: Mapping[str, JSON] | None, unreadable: frozenset[str]
) -> tuple[dict[str, Any] | None, tuple[Mend, ...]]:
    if state is None:
        return None, ()
    return care.without(id, state, lambda value: isinstance(value, Ref) and value.name in unreadable)


def set_aside(rules: Rules, found: Diagnosis, state: Mapping[str, JSON] | None, summarise: Summarise) -> Protocol[Base]:
    """Commit a state on top of everything that lies above the one it is from; without a state, a tombstone.

    One of the commits that are passed over may have been a fence whose sweep is still going on somewhere. It spares
    what lies under an epoch as high as its number, so all that the state needs is stored again under the number of the
    newest commit, which no fence below the new one is above. Whether the new one is the newest is looked at again,
    since a copy takes any number above the stub that it begins with.

    Raises:
        LostError: Somebody committed meanwhile.
        IntegrityError: Something that the state needs cannot be read.
    """
    ground = replace(found.base, seq=found.newest, epoch=found.newest, observed=None, hinted=False)
    if state is None:
        head = yield from commit(rules, ground, Draft(kind="delete", over=found.over), summarise)
        yield from unlist(head)
        return head
    needed = Encoder(found.base.present, found.base.epoch, found.base.leaves, rules.limits)
    needed.state(state)
    carried = yield from _carried(rules, found.base, found.newest, [n for n in needed.named if n in found.base.present])
    draft = Draft(kind="prune", state=state, floor=found.newest + 1, over=found.over)
    return (yield from commit(rules, replace(ground, present=carried), draft, summarise))


def _carried(rules: Rules, base: Base, epoch: int, names: list[str]) -> Protocol[dict[str, tuple[int, int]]]:
    """Store objects again under an epoch; what may be too big for the memory is copied inside the storage."""
    packed = [name for name in names if name.endswith(".zst")]
    for start in range(0, len(packed), AT_ONCE):
        stored = yield from read_stored(base, packed[start : start + AT_ONCE])
        creates = []
        for name, data in stored.items():
            if data is None:
                raise _needed(base, name)
            creates.append(Create(naming.object_key(base.key, epoch, name), data))
        if creates:
            yield from create_objects(rules, creates)
    for name in names:
        if not name.endswith(".zst"):
            source = naming.object_key(base.key, base.present[name][0], name)
            if not (yield Copy(source, naming.object_key(base.key, epoch, name))):
                raise _needed(base, name)
    return {name: (epoch, base.present[name][1]) for name in names}


def _needed(base: Base, name: str) -> IntegrityError:
    key = naming.object_key(base.key, base.present[name][0], name)
    return IntegrityError(f"object {key} cannot be read, and the state that should go on needs it", key)
