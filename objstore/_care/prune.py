"""Retention: raise the floor of a history, sweep what nothing retained needs, free old numbers, collect left-overs.

The log is the lock. A prune commit opens an epoch; once it is acknowledged, every object of an older epoch that no
retained commit names can go at once: a writer that could still want it is based below the prune, will lose, and uploads
again under the new epoch. The list of what to delete stays right for ever, so anybody may repeat any step.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from .._format import naming
from .._format.commit import Commit, id_in, moment
from .._log.base import Base, Rules
from .._log.chain import find_head, load, parse, read_commits, stands_on
from .._log.land import Draft, LostError, Summarise, commit
from .._log.ops import Create, Delete, Entry, Get, List, Moment, Now, Protocol, Put
from .._log.session import PAGE, after_delete, sweep
from ..errors import FormatError, IntegrityError


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
"""Given the retained commits, newest first: the number of the oldest to keep; above the head: only its state."""


def retention(keep_last: int | None, newer_than: datetime.datetime | None) -> ChooseFloor:
    """Make the choice that keeps so many commits, or those since a time; of both, whichever keeps more."""

    def choose(chain: list[Commit]) -> int:
        wanted: list[int] = []
        if keep_last is not None:
            wanted.append(chain[0].seq + 1 if keep_last == 1 else chain[min(keep_last, len(chain)) - 1].seq)
        if newer_than is not None:
            wanted.append(min((c.seq for c in chain if moment(c.time) >= newer_than), default=chain[0].seq + 1))
        return min(wanted)

    return choose


def retained(head: Base) -> Protocol[list[Commit]]:
    """Read the commits from the head down to its floor, newest first, each by the digest that the one above names.

    Raises:
        IntegrityError: There is a gap; nothing may be deleted on the strength of such a reading.
    """
    chain: list[Commit] = []
    n, digest = head.seq, head.digest
    while n >= head.floor:
        numbers = list(range(n, max(head.floor, n - PAGE + 1) - 1, -1))
        data = yield from read_commits(head, numbers)
        for number in numbers:
            found = parse(head, number, data[number])
            if found is None or not stands_on(digest, found.digest):
                key = naming.log_key(head.key, number)
                raise IntegrityError(f"commit {key} is not the one that the commit above stands on", key)
            chain.append(found)
            digest = found.parent
        n = numbers[-1] - 1
    return chain


def prune(
    rules: Rules, id: str, choose: ChooseFloor, summarise: Summarise, *, dry_run: bool = False
) -> Protocol[PruneReport]:
    """Raise the floor of a session and remove what is below it.

    Nothing is committed where the floor would not rise and nothing lies about.

    Raises:
        LostError: Others kept committing; nothing was removed.
    """
    head = yield from load(rules, id)
    if head.state is None:
        return PruneReport(id, head.floor, (), (), dry_run)
    chain = yield from retained(head)
    if (yield from _spared(rules, chain)):
        return PruneReport(id, head.floor, (), tuple((yield from _below(rules, head, head.floor, chain))), dry_run)
    wanted = choose(chain)
    floor = max(c.seq for c in chain if c.whole and c.seq <= max(wanted, head.floor))
    if wanted > head.seq and head.floor < head.seq:
        floor = head.seq + 1  # the prune commit holds the newest state itself
    kept = [c for c in chain if c.seq >= floor]
    if dry_run:
        removed = yield from _foreseen(head, kept)
    elif floor == head.floor:
        removed = yield from _remove(rules, head, kept)
    else:
        head = yield from commit(rules, head, Draft(kind="prune", state=head.state, floor=floor), summarise)
        removed = yield from _remove(rules, head, kept)
    later = yield from _below(rules, head, floor, kept)
    return PruneReport(id, floor, tuple(removed), tuple(later), dry_run)


def finish(rules: Rules, id: str) -> Protocol[list[Doomed]]:
    """Do what an earlier prune or delete of a session left undone, from the log alone."""
    head = yield from load(rules, id)
    if head.seq == 0:
        return []
    chain = yield from retained(head)
    if (yield from _spared(rules, chain)):
        return []
    if head.state is None:
        yield from after_delete(head)
        return (yield from free(rules, head, head.seq, moment(head.time).timestamp()))
    return (yield from _remove(rules, head, chain))


def _spared(rules: Rules, chain: list[Commit]) -> Protocol[bool]:
    """Say whether the floor is a commit that sets damaged ones aside, and younger than the grace.

    Until then nothing goes and the floor stays, so that whoever repaired can be wrong about the damage.
    """
    floor = chain[-1]
    now: Moment = yield Now()
    return floor.over is not None and now.wall - moment(floor.time).timestamp() < rules.grace


def _foreseen(head: Base, kept: list[Commit]) -> Protocol[list[Doomed]]:
    keep = _named(kept) | _pairs(head)
    objects = yield from _objects(head.key)
    return [Doomed(naming.object_key(head.key, e, n), "no retained commit names it") for e, n in sorted(objects - keep)]


def _below(rules: Rules, head: Base, floor: int, kept: list[Commit]) -> Protocol[list[Doomed]]:
    since = moment(min(kept, key=lambda c: c.seq).time if kept else head.time)
    after = since + datetime.timedelta(seconds=rules.grace)
    numbers = yield from _numbers_below(head.key, floor)
    return [Doomed(naming.log_key(head.key, n), "it is below the floor", after) for n in numbers]


def _remove(rules: Rules, head: Base, kept: list[Commit]) -> Protocol[list[Doomed]]:
    keep = _named(kept) | _pairs(head)
    swept = yield from sweep(head.key, head.epoch, keep)
    oldest = min(kept, key=lambda c: c.seq, default=None)
    time = moment(oldest.time if oldest and oldest.seq == head.floor else head.time).timestamp()
    freed = yield from free(rules, head, head.floor, time)
    return [Doomed(key, "no retained commit names it") for key in swept] + freed


def _named(commits: list[Commit]) -> frozenset[tuple[int, str]]:
    return frozenset((epoch, name) for c in commits for name, (epoch, _) in c.objects.items())


def _pairs(head: Base) -> frozenset[tuple[int, str]]:
    return frozenset((epoch, name) for name, (epoch, _) in head.objects.items())


def free(rules: Rules, head: Base, floor: int, since: float) -> Protocol[list[Doomed]]:
    """Delete the commits below a floor, lowest first, once the commit that is the floor is old enough.

    A writer that slept may still believe in one of them; as long as the numbers are taken it cannot commit there.
    """
    due = yield from _due(rules, head, floor, since)
    for start in range(0, len(due), PAGE):
        yield Delete(tuple(doomed.key for doomed in due[start : start + PAGE]))
    return due


def _due(rules: Rules, head: Base, floor: int, since: float) -> Protocol[list[Doomed]]:
    now: Moment = yield Now()
    if now.wall - since < rules.grace:
        return []
    numbers = yield from _numbers_below(head.key, floor)
    return [Doomed(naming.log_key(head.key, n), "it is below the floor") for n in numbers]


def _numbers_below(key: str, floor: int) -> Protocol[list[int]]:
    groups: list[Entry] = yield List(naming.log_root(key))
    numbers: list[int] = []
    for entry in groups:
        group = naming.parse_group(entry.name) if entry.is_directory else None
        if group is None or group * naming.GROUP >= floor:
            continue
        names: list[Entry] = yield List(naming.log_dir(key, group))
        numbers += [n for e in names if (n := naming.parse_log(entry.name, e.name)) is not None and n < floor]
    return sorted(numbers)


def purge(head: Base) -> Protocol[None]:
    """Empty every commit below a tombstone at once; the stubs still refuse a stale writer, and go after the grace."""
    for n in (yield from _numbers_below(head.key, head.seq)):
        yield Put(naming.log_key(head.key, n), b"")


def collect(rules: Rules, id: str, summarise: Summarise, *, dry_run: bool = False) -> Protocol[list[Doomed]]:
    """Remove what crashes left of one session: objects that no commit names, numbers below the floor, wrong hints.

    Raises:
        LostError: A writer was faster; collect again.
    """
    head = yield from load(rules, id)
    objects = yield from _objects(head.key)
    hints = yield from hints_of(naming.INDEX, head.key)
    chain = (yield from retained(head)) if head.seq else []
    spared = bool(chain) and (yield from _spared(rules, chain))
    keep = _named(chain)
    garbage = [] if spared else sorted(o for o in objects if o not in keep)
    doomed = [Doomed(naming.object_key(head.key, e, n), "no retained commit names it") for e, n in garbage]
    doomed += [Doomed(naming.index_hint(head.key, n), "no session began there") for n in hints if n != head.born]
    if dry_run:
        since = moment(chain[-1].time if chain else head.time).timestamp() if head.seq else 0.0
        return doomed + (yield from _due(rules, head, head.floor, since))
    # Only older epochs may be swept, and a hint above the head may be that of a save under way: take its number first.
    if any(epoch >= head.epoch for epoch, _ in garbage) or any(n > head.seq for n in hints):
        state = head.state
        draft = Draft(kind="delete") if state is None else Draft(kind="prune", state=state, floor=head.floor)
        head = yield from commit(rules, head, replace(draft, unobserved=head.seq == 0), summarise)
    if head.seq == 0:
        return []
    if not spared:
        yield from sweep(head.key, head.epoch, keep | _pairs(head))
    yield from _mend_hints(head)
    below = [c for c in chain if c.seq == head.floor]
    freed = yield from free(rules, head, head.floor, moment(below[0].time if below else head.time).timestamp())
    if not (yield from _numbers_below(head.key, head.floor)):  # else the sweep that a hint speaks of is still due
        done = [n for n in (yield from hints_of(naming.TRASH, head.key)) if n <= head.seq]
        if done:
            yield Delete(tuple(naming.trash_hint(head.key, n) for n in done))
    return doomed + freed


@dataclass(frozen=True, slots=True)
class CollectReport:
    """What a collection did, or would do.

    Attributes:
        sessions: How many it looked at.
        removed: What went (in a dry run: would go).
        skipped: Session -> why it was left for the next time.
        dry_run: Whether nothing was done.
    """

    sessions: int
    removed: tuple[Doomed, ...]
    skipped: Mapping[str, str]
    dry_run: bool


def collect_all(
    rules: Rules, ids: list[str] | None, summarise: Summarise, *, dry_run: bool = False
) -> Protocol[CollectReport]:
    """Collect some sessions, or all that lie in ``sessions/``; one that cannot be read keeps nobody else waiting."""
    if ids is None:
        ids = yield from stored_ids()
    removed: list[Doomed] = []
    skipped: dict[str, str] = {}
    for id in ids:
        try:
            removed += yield from collect(rules, id, summarise, dry_run=dry_run)
        except LostError:
            skipped[id] = "a writer was faster"
        except (IntegrityError, FormatError) as error:
            skipped[id] = str(error)
    return CollectReport(len(ids), tuple(removed), skipped, dry_run)


def stored_ids() -> Protocol[list[str]]:
    """Give the ids of all sessions that lie there, deleted ones among them, whatever the hints say."""
    entries: list[Entry] = yield List(naming.SESSIONS)
    ids: list[str] = []
    for key in sorted(e.name for e in entries if e.is_directory and naming.is_key(e.name)):
        id = naming.id_of(key)
        if id is None:  # a long one stands in its commits only
            head = yield from find_head(key)
            id = id_in((yield Get(naming.log_key(key, head))) or b"") if head else None
        if id is not None and naming.session_key(id) == key:
            ids.append(id)
    return ids


def _objects(key: str) -> Protocol[set[tuple[int, str]]]:
    found: set[tuple[int, str]] = set()
    for entry in (yield List(naming.objects_root(key))):
        epoch = naming.parse_epoch(entry.name) if entry.is_directory else None
        if epoch is not None:
            names = yield List(naming.objects_dir(key, epoch))
            found |= {(epoch, e.name) for e in names if naming.is_object_name(e.name)}
    return found


def hints_of(directory: str, key: str) -> Protocol[list[int]]:
    """Read the numbers of the hints that a directory holds of a session."""
    names: list[Entry] = yield List(f"{directory}{key}=.")
    return [hint[1] for e in names if (hint := naming.parse_hint(e.name)) and hint[0] == key]


def _mend_hints(head: Base) -> Protocol[None]:
    numbers = yield from hints_of(naming.INDEX, head.key)
    if head.born and head.born not in numbers:
        data = b"" if naming.id_of(head.key) is not None else head.id.encode()
        yield Create(naming.index_hint(head.key, head.born), data, durable=False)
    wrong = tuple(naming.index_hint(head.key, n) for n in numbers if n <= head.seq and n != head.born)
    if wrong:
        yield Delete(wrong)
