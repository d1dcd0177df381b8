"""Saving: a change goes on top of the newest commit, again on the next one where others were faster."""

from __future__ import annotations

from dataclasses import field, replace

from .._format import naming
from .._format.canonical import JSON
from .._format.records import record
from ..errors import ConflictError, NotFoundError, OutcomeUnknownError
from .asking import get_commit
from .base import Base, Rules, made_durable, nothing
from .chain import follow, load, stands_on
from .change import Change, Derive, MovedError, Replace, State, of_state, unlike
from .draft import Draft, Summarise
from .head import is_newest, is_old
from .land import LostError, commit
from .ops import Delete, NewId, Now, Pause, Protocol
from .reading import parse

REBASES = 64
"""How often a save goes on top of a head that moved before it gives up."""


@record
class Saved:
    """What became of a save.

    Attributes:
        base: The head that holds it.
        known: Parts that the caller holds otherwise than they stand there, because others changed them meanwhile.
        wrote: Whether a commit was written.
        answered: Whether a key was answered. Then nobody compared, and what the caller holds otherwise than it stands
            there may never have been saved.
    """

    base: Base
    known: dict[str, JSON] = field(default_factory=dict)
    wrote: bool = True
    answered: bool = False


def save(
    rules: Rules, id: str, change: Change, base: Base | None, *, key: str | None, summarise: Summarise
) -> Protocol[Saved]:
    """Commit a change on the newest state, beginning with what is believed to be the head.

    Raises:
        ConflictError: The change does not fit on a head that moved.
        OutcomeUnknownError: The storage never said whether the commit arrived.
    """
    first = base
    unobserved = base is None or (base.seq == 0 and base.observed is None)
    head: Base = nothing(id, (yield Now())) if base is None or unobserved else base
    if head.seq < max(head.epoch, head.floor):  # a key was answered there from a later head: nothing can stand on it
        head = yield from follow(rules, head)
    for attempt in range(REBASES):
        if key and (answered := _answer(rules, head, key, change)):
            yield from made_durable(head)
            return answered
        moved = first is not None and head.digest != first.digest
        # What is saved without a base vouches for nothing: that this store remembers a head is no base.
        blind = isinstance(change, Replace | Derive)
        if first and first.seq and moved and not blind and (yield from broken(first, head)):
            raise _conflict(id, first, head, "it was deleted or mended meanwhile")
        lost: LostError | None = None
        failed: Exception | None = None
        try:
            patches = change.on(head.parts(rules), rules.appendable)
        except MovedError as error:
            raise _conflict(id, first, head, f"{' and '.join(error.parts)} changed meanwhile") from None
        except Exception as error:  # by what is known; others may have changed it since
            patches, failed = {}, error
        if patches:
            draft = Draft(patch=of_state(head.parts(rules), patches), key=key, unobserved=unobserved)
            try:
                new = yield from commit(rules, head, draft, summarise)
                return Saved(new, _known(change, new.parts(rules)))
            except NotFoundError as error:  # others may have stored what it names
                failed = error
            except LostError as error:
                lost = error
        if failed:
            newest = yield from (load(rules, id) if unobserved else follow(rules, head))
            if newest.digest == head.digest:
                try:
                    raise failed
                finally:
                    del failed  # it holds this frame, and with it all that was to be saved
            head, unobserved = newest, False
            continue
        if lost is None and unobserved:  # there is nothing to write, so look at what is there
            head, unobserved = (yield from load(rules, id)), False
            continue
        if lost is None:
            if not moved and not (yield from _is_head(rules, head)):
                head = yield from follow(rules, head)
                continue
            return Saved((yield from made_durable(head)), _known(change, head.parts(rules)), wrote=False)
        seq = head.seq + 1
        if attempt > 1:  # let the others finish; who waits how long is drawn, or all would come back at once
            yield Pause((yield from drawn()) * min(0.02 * 2**attempt, 2.0))
        head = yield from (load(rules, id) if unobserved else follow(rules, head))
        if lost.hint and (not head.born or lost.hint != naming.index_hint(head.key, head.born)):
            yield Delete((lost.hint,))  # ours, of a life that is over: it would list what was deleted
        if lost.digest and not key and is_old(rules, lost.issued, (yield Now())):
            late = yield from _after_sleep(rules, id, seq, lost.digest)
            if late is not None:
                return Saved(late, unlike(change.held(), late.parts(rules)))
        unobserved = False
    raise OutcomeUnknownError(f"{id!r} was changed by others {REBASES} times while this save tried; nothing was saved")


def _known(change: Change, state: State) -> dict[str, JSON]:
    return unlike(change.held(), state) if change.moved else {}  # else it is what the caller saw and what it changed


def drawn() -> Protocol[float]:
    """Draw a number from 0 up to 1."""
    digits: str = yield NewId()
    return int(digits[:6], 16) / 0x1000000


def _answer(rules: Rules, head: Base, key: str, change: Change) -> Saved | None:
    for known in head.keys:
        if known.key == key:
            base = replace(head, seq=known.seq, digest=known.digest, observed=None)
            # The state is the head's, and others may have changed it since: vouch only for what the caller holds.
            return Saved(base, unlike(change.held(), head.parts(rules)), wrote=False, answered=True)
    return None


def _after_sleep(rules: Rules, id: str, seq: int, digest: str) -> Protocol[Base | None]:
    """Look for a commit of ours whose number may have been freed before we looked; ``None``: it is not on the chain.

    Raises:
        OutcomeUnknownError: The log does not reach down to it any more. To repeat the save could apply it twice.
    """
    try:
        found = yield from load(rules, id, at=seq, surely=True)
    except NotFoundError:
        raise OutcomeUnknownError(
            f"this process slept while it saved commit {seq} of {id!r}, which was pruned since; load it to see"
        ) from None
    return found if found.digest == digest else None


def _conflict(id: str, first: Base | None, head: Base, why: str) -> ConflictError:
    expected = first.seq if first else None
    where = f"{id!r} moved from commit {expected} to {head.seq} and" if expected != head.seq else f"in {id!r}"
    return ConflictError(
        f"{where} {why}; load it again and redo the change",
        id, expected, head.seq,
    )  # fmt: skip


def _is_head(rules: Rules, base: Base) -> Protocol[bool]:
    if not is_old(rules, base.observed, (yield Now())):
        above = yield get_commit(base.key, base.seq + 1)
        if not is_old(rules, base.observed, (yield Now())):
            return above is None
    return (yield from is_newest(rules, base.key, base.seq))


def broken(first: Base, head: Base) -> Protocol[bool]:
    """Say whether a tombstone, or the mend of a damaged commit, lies between two heads: they change every part.

    The fence of the head is never below its floor. One that is may have been freed, and taken again by a writer who
    slept, so nothing is believed of it.
    """
    if head.state is None or head.seq < first.seq:
        return True
    epoch = head.epoch
    while epoch > first.seq:
        if epoch < head.floor:
            return True
        fence = parse(head, epoch, (yield get_commit(head.key, epoch)))
        if fence is None or fence.kind == "delete" or fence.over:
            return True
        if epoch - 1 <= first.seq:
            return False
        below = parse(head, epoch - 1, (yield get_commit(head.key, epoch - 1)))
        if below is None or not stands_on(fence.parent, below.digest):
            return True
        epoch = below.epoch
    return False
