"""Retention: raise the floor of a history, sweep what nothing retained needs, free old numbers, collect left-overs.

The log is the lock. A prune commit opens an epoch; once it is acknowledged, every object of an older epoch that no
retained commit names can go at once: a writer that could still want it is based below the prune, will lose, and uploads
again under the new epoch. The list of what to delete stays right for ever, so anybody may repeat any step.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from .._format import naming
from .._format.commit import Commit, moment, pairs_of, timestamp
from .._log.apart import apart
from .._log.asking import get_commit
from .._log.base import Base, Rules
from .._log.chain import load
from .._log.draft import Draft, Summarise, foresee
from .._log.head import find_head
from .._log.hints import all_hints, hints_of, listed_since
from .._log.land import LostError, commit
from .._log.listing import ids_in, stored_ids
from .._log.ops import Delete, Moment, Now, Protocol, Put
from .._log.reading import PAGE, numbers_below, parse_or_none
from .._log.session import objects_of, retained, sweep
from ..errors import FormatError, IntegrityError
from .retention import ChooseFloor, CollectReport, Doomed, PruneReport

_BELOW = "it is below the floor"


@dataclass(frozen=True, slots=True)
class _Hints:
    """All hints that there are, by the keys of their sessions."""

    index: Mapping[str, list[int]]
    trash: Mapping[str, list[int]]


def prune(
    rules: Rules, id: str, choose: ChooseFloor, summarise: Summarise, *, dry_run: bool = False
) -> Protocol[PruneReport]:
    """Raise the floor of a session and remove what is below it.

    Nothing is committed where the floor would not rise; what lies about is removed all the same. What is given up need
    not be intact.

    Raises:
        LostError: Others kept committing; nothing was removed.
        IntegrityError: What is to be kept is damaged, or cannot be told because of the damage.
    """
    head = yield from load(rules, id)
    if head.state is None:
        return PruneReport(id, head.floor, (), (), dry_run)
    chain = yield from retained(head, lambda chain: _is_chosen(choose, head, chain))
    ground = yield from _ground(rules, head, chain)
    if (yield from _spared(rules, ground)):
        _, later = yield from _below(rules, head.key, head.floor, ground.time)
        return PruneReport(id, head.floor, (), tuple(later), dry_run)
    wanted = choose(chain)
    if wanted > head.seq:  # the prune commit holds the newest state itself
        floor = head.floor if head.floor == head.seq else head.seq + 1
    else:
        floor = max(c.seq for c in chain if c.whole and c.seq <= max(wanted, head.floor))
    kept = [c for c in chain if c.seq >= floor]
    if floor > head.floor:
        draft = Draft(kind="prune", state=head.state, floor=floor)
        head = yield from _fenced(rules, head, draft, summarise, dry_run=dry_run)
    swept = yield from sweep(head.key, head.epoch, _named(kept) | pairs_of(head.objects), dry_run=dry_run)
    due, later = yield from _below(rules, head.key, floor, kept[-1].time if kept else head.time)
    if not dry_run:
        yield from _free(due)
    return PruneReport(id, floor, (*_garbage(swept), *due), tuple(later), dry_run)


def _is_chosen(choose: ChooseFloor, head: Base, chain: list[Commit]) -> bool:
    """Say whether no commit below a part of the chain can change what is kept, unless its clock ran ahead."""
    oldest = chain[-1]
    wanted = choose([*chain, replace(oldest, seq=oldest.seq - 1, kind="snapshot")])
    return wanted > head.seq or any(c.whole and c.seq <= wanted for c in chain)


def _ground(rules: Rules, head: Base, chain: list[Commit]) -> Protocol[Commit]:
    """Give the commit that is the floor, or where it is lost one above that is older than the grace, as it then was."""
    oldest = chain[-1]
    if oldest.seq == head.floor:
        return oldest
    data: bytes | None = yield get_commit(head.key, head.floor)
    found = parse_or_none(head, head.floor, data)
    if found is None and not (yield from _is_old(rules, oldest.time)):
        key = naming.log_key(head.key, head.floor)
        raise IntegrityError(
            f"commit {key}, from which on the history is retained, cannot be read; prune again a day later, in case it "
            "comes back", key,
        )  # fmt: skip
    return found or oldest


def _fenced(rules: Rules, head: Base, draft: Draft, summarise: Summarise, *, dry_run: bool) -> Protocol[Base]:
    """Open an epoch by a commit; in a dry run give what the head would be, as far as it tells what goes."""
    if not dry_run:
        return (yield from commit(rules, head, draft, summarise))
    now: Moment = yield Now()
    seq, objects = head.seq + 1, foresee(rules, head, draft, summarise)
    return replace(head, seq=seq, epoch=seq, objects=objects, time=timestamp(now.wall))


def _spared(rules: Rules, floor: Commit) -> Protocol[bool]:
    """Say whether the floor is a commit that sets damaged ones aside, and younger than the grace.

    Until then nothing goes and the floor stays, so that whoever repaired can be wrong about the damage.
    """
    return floor.over is not None and not (yield from _is_old(rules, floor.time))


def _is_old(rules: Rules, time: str) -> Protocol[bool]:
    now: Moment = yield Now()
    return now.wall - moment(time).timestamp() >= rules.grace


def _garbage(keys: Iterable[str]) -> list[Doomed]:
    return [Doomed(key, "no retained commit names it") for key in keys]


def _below(rules: Rules, key: str, floor: int, since: str) -> Protocol[tuple[list[Doomed], list[Doomed]]]:
    """Name the commits below the floor, lowest first: those that may go, and those for which it is too early.

    One of the two is empty: either all may go or none, by the age of the commit that is the floor, which is of
    ``since``. A writer that slept may still believe in one of them; as long as the numbers are taken it cannot commit
    there.
    """
    numbers = yield from numbers_below(key, floor)
    if (yield from _is_old(rules, since)):
        return [Doomed(naming.log_key(key, n), _BELOW) for n in numbers], []
    try:
        after = moment(since) + datetime.timedelta(seconds=rules.grace)
    except OverflowError:  # written on the last day of the calendar
        after = datetime.datetime.max.replace(tzinfo=datetime.UTC)
    return [], [Doomed(naming.log_key(key, n), _BELOW, after) for n in numbers]


def _named(commits: list[Commit]) -> frozenset[tuple[int, str]]:
    return frozenset(pair for c in commits for pair in pairs_of(c.objects))


def _free(due: list[Doomed]) -> Protocol[None]:
    """Delete commits below the floor, lowest first."""
    for start in range(0, len(due), PAGE):
        yield Delete(tuple(doomed.key for doomed in due[start : start + PAGE]))


def foresee_delete(rules: Rules, id: str, *, purge: bool) -> Protocol[tuple[list[Doomed], list[Doomed]]]:
    """Name what a delete would remove at once, or a purge empty, and what a day later; also of a damaged session."""
    key = naming.session_key(id)
    head = yield from find_head(key)
    now: Moment = yield Now()
    objects = yield from objects_of(key)
    removed = [Doomed(naming.object_key(key, e, n), "its session is deleted") for e, n in sorted(objects) if e <= head]
    hints = yield from hints_of(naming.INDEX, key)
    removed += [Doomed(naming.index_hint(key, n), "its session is deleted") for n in hints]
    _, later = yield from _below(rules, key, head + 1, timestamp(now.wall))
    emptied = [Doomed(each.key, "a purge empties it") for each in later] if purge else []
    return removed + emptied, [replace(each, why="it is below the tombstone") for each in later]


def purge(head: Base) -> Protocol[None]:
    """Empty every commit below a tombstone at once; the stubs still refuse a stale writer, and go after the grace."""
    numbers = yield from numbers_below(head.key, head.seq)
    for start in range(0, len(numbers), PAGE):
        yield tuple(Put(naming.log_key(head.key, n), b"") for n in numbers[start : start + PAGE])


def collect(
    rules: Rules, id: str, summarise: Summarise, found: _Hints | None = None, *, dry_run: bool = False
) -> Protocol[list[Doomed] | None]:
    """Remove what crashes left of one session: objects that no commit names, numbers below the floor, wrong hints.

    Gives what was removed; ``None`` where nothing is stored of it. Where the hints of all sessions were read before,
    what came since is left to the next time.

    Raises:
        LostError: A writer was faster; collect again.
    """
    head = yield from load(rules, id)
    objects = yield from objects_of(head.key)
    hints = found.index.get(head.key, []) if found else (yield from hints_of(naming.INDEX, head.key))
    buried = found.trash.get(head.key, []) if found else (yield from hints_of(naming.TRASH, head.key))
    if not (head.seq or objects or hints):
        return None
    if not dry_run and head.born and head.born not in hints:  # whatever of the history may be damaged
        yield listed_since(head, head.born)
    chain = (yield from retained(head)) if head.seq else []
    due, later = (yield from _below(rules, head.key, head.floor, chain[-1].time)) if chain else ([], [])
    swept = (
        [] if later else [Doomed(naming.trash_hint(head.key, n), "its sweep is done") for n in buried if n <= head.seq]
    )
    garbage = objects - _named(chain)
    if chain and (yield from _spared(rules, chain[-1])):
        garbage = set()
    wrong = [n for n in hints if n != head.born]
    # Only older epochs may be swept, and a hint above the head may be that of a save under way: take its number first.
    if any(epoch >= head.epoch for epoch, _ in garbage) or any(n > head.seq for n in wrong):
        state = head.state
        draft = Draft(kind="delete") if state is None else Draft(kind="prune", state=state, floor=head.floor)
        draft = replace(draft, unobserved=head.seq == 0)
        head = yield from _fenced(rules, head, draft, summarise, dry_run=dry_run)
    gone: list[str] = []
    if garbage:
        gone = yield from sweep(head.key, head.epoch, _named(chain) | pairs_of(head.objects), dry_run=dry_run)
    unlisted = [Doomed(naming.index_hint(head.key, n), "no session began there") for n in wrong if n <= head.seq]
    if not dry_run:
        if unlisted:
            yield Delete(tuple(doomed.key for doomed in unlisted))
        yield from _free(due)
        if swept:
            yield Delete(tuple(doomed.key for doomed in swept))
    return [*_garbage(gone), *unlisted, *due, *swept]


@apart
def collect_all(
    rules: Rules, ids: list[str] | None, summarise: Summarise, *, dry_run: bool = False
) -> Protocol[CollectReport]:
    """Collect some sessions, or all that lie there or are listed; one that cannot be read keeps nobody else waiting."""
    wanted, found = ids, None
    if wanted is None:
        wanted, _ = yield from stored_ids()
        found = _Hints((yield from all_hints(naming.INDEX)), (yield from all_hints(naming.TRASH)))
        wanted += yield from _only_listed(wanted, found)
    removed: list[Doomed] = []
    missing: list[str] = []
    skipped: dict[str, str] = {}
    for id in wanted:
        try:
            doomed = yield from collect(rules, id, summarise, found, dry_run=dry_run)
        except LostError:
            skipped[id] = "a writer was faster"
        except (IntegrityError, FormatError) as error:
            skipped[id] = str(error)
        else:
            removed += doomed or ()
            missing += [id] if doomed is None and ids is not None else ()
    return CollectReport(len(wanted) - len(missing), tuple(removed), skipped, dry_run, tuple(missing))


def _only_listed(stored: list[str], found: _Hints) -> Protocol[list[str]]:
    """Give the ids that only hints name: of first saves that were broken off and had nothing to store before."""
    ids: list[str] = []
    for key in sorted(found.index.keys() - {naming.session_key(id) for id in stored}):
        told: list[str] = []
        for n in found.index[key]:
            with suppress(IntegrityError):  # neither it nor a log tells the id, which `verify` says
                told = told or (yield from ids_in([naming.index_hint(key, n).removeprefix(naming.INDEX)], ""))
        ids += told
    return ids
