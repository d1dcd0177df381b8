"""The log of one session: reading it, at its head or below, and following it.

Everything here is a protocol (see `objstore._log.ops`). Nothing knows what a session is: a state is a JSON object whose
members are called parts. The rules are those of docs/format.md, "Protocols"; each one that is removed is caught by an
ablation in tests/protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .._format import naming
from .._format.commit import Commit, may_bury
from .._format.state import Leaves
from ..errors import FormatError, IntegrityError, NotFoundError
from .asking import get_commit
from .assembling import assemble
from .base import Base, Rules, nothing
from .head import RESTARTS, Glimpse, find_head, find_whole, is_old, too_old_to_follow, too_slow
from .hints import hints_of
from .ops import Moment, Now, Protocol
from .reading import parse, parse_or_none, read_commits


def stands_on(parent: str | None, digest: str | None) -> bool:
    """Say whether a commit that names ``parent`` stands on the one with ``digest``; numbers alone are no chain."""
    return parent == digest


def load(
    rules: Rules,
    id: str,
    *,
    at: int | None = None,
    old: Leaves | None = None,
    glimpse: Glimpse | None = None,
    surely: bool = False,
) -> Protocol[Base]:
    """Read a session's state at its head, or at commit ``at``. A glimpse of the head must be of the same call.

    An older state is given even if the head cannot be read, so that one can go back before it; not so if it has to be
    ``surely`` one of those that are retained, which only the head tells.

    Raises:
        NotFoundError: ``at`` is below the floor or above the head.
        InvalidValueError: It is no number.
        IntegrityError: What was read does not fit together, again and again; names the newest commit that does.
        UnavailableError: The storage is so slow that whatever was read was old by then.
    """
    if at is not None:
        naming.check_number(at)
    failure: IntegrityError | None = None
    for _ in range(RESTARTS):
        try:
            base = yield from _load_once(rules, id, at, old or Leaves(), glimpse, surely=surely)
        except IntegrityError as error:
            failure = error
            continue
        finally:
            glimpse = None
        if base is not None:
            return base
    if failure is None:
        raise too_slow(rules, f"the log of {id!r}")
    raise (yield from _with_way_out(rules, id, failure))


def _observe(rules: Rules, key: str) -> Protocol[Glimpse]:
    """Find the head, and say when it was that at the earliest: what happens while we look must not count as seen."""
    observed: Moment = yield Now()
    return observed, (yield from find_whole(rules, key))


def _load_once(
    rules: Rules, id: str, at: int | None, leaves: Leaves, glimpse: Glimpse | None = None, *, surely: bool = False
) -> Protocol[Base | None]:
    observed, head = glimpse or (yield from _observe(rules, naming.session_key(id)))
    blank = nothing(id, observed)
    if at is not None and head == 0:
        raise NotFoundError(f"there is no {id!r}, so there is no commit {at} of it; list() names what is there")
    if at is not None and not 1 <= at <= head:
        raise NotFoundError(f"{id!r} has no commit {at}; it has commits up to {head}")
    if head == 0:
        return blank
    target = at or head
    start = max((target - 1) // rules.interval * rules.interval + 1, target - rules.reach)
    data = yield from read_commits(blank, sorted({head, max(1, head - 1), *range(start, min(head, target + 1) + 1)}))
    needed = target == head or surely
    newest = parse(blank, head, data[head]) if needed else parse_or_none(blank, head, data[head])
    foreign = False
    if newest and (newest.whole or target < head):  # else the walk compares it with the one below
        foreign = yield from _is_foreign(blank, newest, data)
    if (newest is None or foreign) and not needed:
        newest, foreign = (yield from _newest_readable(rules, blank, head, target, data)), False
    if is_old(rules, observed, (yield Now())):
        return None  # the list may name a number that was freed and taken again by a writer who slept
    key = naming.log_key(blank.key, head)
    if newest is None:
        raise IntegrityError(f"commit {key} is empty or gone, though it is the newest of {id!r}", key)
    if foreign:
        raise IntegrityError(f"commit {key} does not stand on the one below it; it is another log's", key)
    if target < newest.floor:
        raise NotFoundError(f"commit {target} of {id!r} was pruned; its history begins at {newest.floor}")
    chain = yield from _walk(blank, target, newest, data)
    if target < head:
        yield from check_neighbours(blank, chain, newest.floor if newest.seq == head else None, head, data)
    return (yield from assemble(replace(blank, leaves=leaves), chain, current=at is None))


def _is_foreign(base: Base, newest: Commit, data: Mapping[int, bytes | None]) -> Protocol[bool]:
    """Say whether the newest commit is not of this log, as far as the one right below tells, which was read with it.

    That may be the other log's, too; then it does not stand on what is below it. Below the floor nothing tells.
    """
    n = newest.seq - 1
    below = parse_or_none(base, n, data[n]) if n >= newest.floor else None
    if below is None or _fits(below, newest):
        return False
    if n == newest.floor:
        return True
    lower = parse_or_none(base, n - 1, (yield from read_commits(base, [n - 1]))[n - 1])
    return lower is None or _fits(lower, below)


def _newest_readable(
    rules: Rules, base: Base, head: int, target: int, data: Mapping[int, bytes | None]
) -> Protocol[Commit]:
    """Find the newest commit below an unreadable head that tells what is retained, unless a tombstone is above it.

    The head may retain less. A number below its floor may have been freed, and taken again by a writer who slept: what
    stands there is nobody's. So the numbers are gone down one by one to the one that is wanted; a gap ends what can be
    trusted, and so does a commit that the one above it does not stand on. Only a head that is empty or gone, and still
    the newest, is no gap: whoever purges or frees a number has put a larger one there before.
    """
    key = naming.log_key(base.key, head)
    if not data[head] and (yield from find_whole(rules, base.key)) != head:
        raise IntegrityError(f"commit {key} is empty or gone, though it was the newest of {base.id!r}", key)
    buried = [head] if may_bury(data[head] or b"") else []
    newest: Commit | None = None
    above: Commit | None = None
    for n in range(head - 1, target - 1, -1):
        found = data[n] if n in data else (yield from read_commits(base, [n]))[n]
        commit = parse_or_none(base, n, found)
        if not found or (above and commit and not stands_on(above.parent, commit.digest)):
            break
        if commit and newest is None:
            buried += [t for t in (yield from hints_of(naming.TRASH, base.key)) if t > n]
            if buried:
                key = naming.log_key(base.key, max(buried))
                raise IntegrityError(f"commit {key} cannot be read, and it deleted {base.id!r} with all below it", key)
        elif newest is None and may_bury(found):
            buried.append(n)
        above, newest = commit, newest or commit
        if newest and (n == target or newest.floor > target):
            return newest
    raise IntegrityError(f"commit {key} is damaged, and nothing below tells whether commit {target} is retained", key)


def _walk(base: Base, target: int, newest: Commit, data: Mapping[int, bytes | None]) -> Protocol[list[Commit]]:
    """Follow the parents from ``target`` down to a commit that holds a whole state; give them upwards."""
    chain: list[Commit] = []
    n, digest = target, None
    while True:
        commit: Commit | None = newest
        if n != newest.seq:  # else it has been parsed
            found = data[n] if n in data else (yield get_commit(base.key, n))
            commit = parse(base, n, found)
        key = naming.log_key(base.key, n)
        if commit is None:
            raise IntegrityError(f"commit {key} is missing, though commit {n + 1} stands on it", key)
        if chain and not stands_on(digest, commit.digest):
            raise IntegrityError(f"commit {key} is not the one that commit {n + 1} stands on", key)
        chain.append(commit)
        if commit.whole:
            return chain[::-1]
        n, digest = n - 1, commit.parent


def check_neighbours(
    base: Base, chain: list[Commit], floor: int | None, head: int, data: Mapping[int, bytes | None]
) -> Protocol[None]:
    """Make sure that older commits, from a whole one upwards, are of this log: nothing was read that names the last.

    They may be those of another store, say, whose session has the same id. So one neighbour has to fit, and one above
    that the next stands on is ours; another that does not fit may be the foreign one, if the next does not stand on it.
    Where the head does not tell the ``floor``, a neighbour may also be of a writer who slept and took a freed number,
    unless the next one beyond it fits it. What is in ``data`` was read already.

    Raises:
        IntegrityError: They fit no neighbour that tells, or not the one above that is ours.
    """
    low, top = chain[0], chain[-1]
    above = parse_or_none(base, top.seq + 1, data.get(top.seq + 1))
    if above and _fits(top, above):
        return
    wanted = [n for n in (low.seq - 2, low.seq - 1, top.seq + 1, top.seq + 2) if (floor or 1) <= n <= head]
    data = {**data, **(yield from read_commits(base, [n for n in wanted if n not in data]))}
    near = {m: commit for m in wanted if (commit := parse_or_none(base, m, data[m]))}
    above, beyond = near.get(top.seq + 1), near.get(top.seq + 2)
    if above and _fits(top, above):
        return
    if not (above and beyond and _fits(above, beyond)):
        below, beneath = near.get(low.seq - 1), near.get(low.seq - 2)
        if below and _fits(below, low):
            return
        told = [above and not beyond and floor, below and (floor or (beneath and _fits(beneath, below)))]
        if not any(told):
            return
    key = naming.log_key(base.key, top.seq)
    raise IntegrityError(f"commit {key} is not the one that belongs between those beside it", key)


def _fits(lower: Commit, upper: Commit) -> bool:
    """Say whether one stands on the other; one that sets damage aside stands on one further down."""
    return upper.over is not None or stands_on(upper.parent, lower.digest)


def follow(rules: Rules, base: Base) -> Protocol[Base]:
    """Bring knowledge of a session up to its head: read the commits above it, or load where that is unsafe."""
    while True:
        asked: Moment = yield Now()
        if too_old_to_follow(rules, base, asked):
            return (yield from _reload(rules, base))
        data = yield get_commit(base.key, base.seq + 1)
        if too_old_to_follow(rules, base, (yield Now())):  # it was freed while we asked, for all we know
            return (yield from _reload(rules, base))
        if data is None:
            return replace(base, observed=asked)
        try:
            commit = parse(base, base.seq + 1, data)
        except IntegrityError:
            commit = None
        if commit is None or not stands_on(commit.parent, base.digest):
            return (yield from _reload(rules, base))
        try:
            base = yield from assemble(base, [commit], current=True)
        except IntegrityError:  # a prune may have taken what the commit names since
            return (yield from _reload(rules, base))


def _reload(rules: Rules, base: Base) -> Protocol[Base]:
    fresh = yield from load(rules, base.id, old=base.leaves)
    return replace(fresh, hinted=base.hinted and fresh.born == base.born)


def _with_way_out(rules: Rules, id: str, failure: IntegrityError) -> Protocol[IntegrityError]:
    """Say in the error which older commit can still be loaded."""
    blank = nothing(id, None)
    head = yield from find_head(blank.key)
    for n in range(head - 1, max(0, head - 2 * rules.reach), -1):
        found = yield from read_commits(blank, [n])
        if parse_or_none(blank, n, found[n]) is None:
            continue  # to try would be to read all that is above it again
        try:
            if (yield from _load_once(rules, id, n, Leaves())) is None:
                continue
        except (IntegrityError, FormatError):
            continue
        except NotFoundError:  # pruned, and so is all below
            break
        way_out = f"The newest intact commit is {n}: load it with at={n}, or repair the session"
        return IntegrityError(f"{failure}. {way_out}", failure.key)
    return IntegrityError(f"{failure}. No older commit can be told to be retained: repair the session", failure.key)
