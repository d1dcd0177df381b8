"""Retention: raise the floor of a history, sweep what nothing retained needs, free old numbers, collect left-overs.

The log is the lock. A prune commit opens an epoch; once it is acknowledged, every object of an older epoch that no
retained commit names can go at once: a writer that could still want it is based below the prune, will lose, and uploads
again under the new epoch. The list of what to delete stays right for ever, so anybody may repeat any step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from . import _keys
from ._commit import Commit, moment
from ._log import Base, Rules, load, parse, read_commits
from ._ops import Create, Delete, Entry, List, Moment, Now, Protocol, Put
from ._save import Draft, LostError, Summarise, commit
from ._session import PAGE, after_delete, sweep
from .errors import IntegrityError


@dataclass(frozen=True, slots=True)
class Doomed:
    """Something that goes, and why."""

    key: str
    why: str


ChooseFloor = Callable[[list[Commit]], int]
"""Given the retained commits, newest first: the number of the oldest one to keep."""


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
            if found is None or found.digest != digest:
                key = _keys.log_key(head.key, number)
                raise IntegrityError(f"commit {key} is not the one that the commit above stands on", key)
            chain.append(found)
            digest = found.parent
        n = numbers[-1] - 1
    return chain


def prune(
    rules: Rules, id: str, choose: ChooseFloor, summarise: Summarise, *, dry_run: bool = False
) -> Protocol[list[Doomed]]:
    """Raise the floor of a session and remove what is below it.

    Raises:
        LostError: Others kept committing; nothing was removed.
    """
    head = yield from load(rules, id)
    if head.state is None:
        return []
    chain = yield from retained(head)
    wanted = choose(chain)
    floor = max((c.seq for c in chain if c.whole and c.seq <= max(wanted, head.floor)), default=head.floor)
    kept = [c for c in chain if c.seq >= floor]
    if dry_run:
        return (yield from _foreseen(head, kept, floor))
    new = yield from commit(rules, head, Draft(kind="prune", state=head.state, floor=floor), summarise)
    return (yield from _remove(rules, new, kept))


def finish(rules: Rules, id: str) -> Protocol[list[Doomed]]:
    """Do what an earlier prune or delete of a session left undone, from the log alone."""
    head = yield from load(rules, id)
    if head.seq == 0:
        return []
    if head.state is None:
        yield from after_delete(head)
        return (yield from free(rules, head, head.seq, moment(head.time).timestamp()))
    chain = yield from retained(head)
    return (yield from _remove(rules, head, chain))


def _foreseen(head: Base, kept: list[Commit], floor: int) -> Protocol[list[Doomed]]:
    keep = _named(kept) | _pairs(head)
    objects = yield from _objects(head.key)
    numbers = yield from _numbers_below(head.key, floor)
    swept = [Doomed(_keys.object_key(head.key, e, n), "no retained commit names it") for e, n in sorted(objects - keep)]
    return swept + [Doomed(_keys.log_key(head.key, n), "it is below the floor") for n in numbers]


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
    now: Moment = yield Now()
    if now.wall - since < rules.grace:
        return []
    numbers = yield from _numbers_below(head.key, floor)
    for start in range(0, len(numbers), PAGE):
        for n in numbers[start : start + PAGE]:
            yield Delete((_keys.log_key(head.key, n),))
    return [Doomed(_keys.log_key(head.key, n), "it is below the floor") for n in numbers]


def _numbers_below(key: str, floor: int) -> Protocol[list[int]]:
    groups: list[Entry] = yield List(_keys.log_root(key))
    numbers: list[int] = []
    for entry in groups:
        group = _keys.parse_group(entry.name) if entry.is_directory else None
        if group is None or group * _keys.GROUP >= floor:
            continue
        names: list[Entry] = yield List(_keys.log_dir(key, group))
        numbers += [n for e in names if (n := _keys.parse_log(entry.name, e.name)) is not None and n < floor]
    return sorted(numbers)


def purge(head: Base) -> Protocol[None]:
    """Empty every commit below a tombstone at once; the stubs still refuse a stale writer, and go after the grace."""
    for n in (yield from _numbers_below(head.key, head.seq)):
        yield Put(_keys.log_key(head.key, n), b"")


def collect(rules: Rules, id: str, summarise: Summarise, *, dry_run: bool = False) -> Protocol[list[Doomed]]:
    """Remove what crashes left of one session: objects that no commit names, numbers below the floor, wrong hints.

    Raises:
        LostError: A writer was faster; collect again.
    """
    head = yield from load(rules, id)
    objects = yield from _objects(head.key)
    hints = yield from _hints(_keys.INDEX, head.key)
    chain = (yield from retained(head)) if head.seq else []
    keep = _named(chain)
    garbage = sorted(o for o in objects if o not in keep)
    doomed = [Doomed(_keys.object_key(head.key, e, n), "no retained commit names it") for e, n in garbage]
    doomed += [Doomed(_keys.index_hint(head.key, n), "no session began there") for n in hints if n != head.born]
    if dry_run:
        return doomed
    # Only older epochs may be swept, and a hint above the head may be that of a save under way: take its number first.
    if any(epoch >= head.epoch for epoch, _ in garbage) or any(n > head.seq for n in hints):
        state = head.state
        draft = Draft(kind="delete") if state is None else Draft(kind="prune", state=state, floor=head.floor)
        head = yield from commit(rules, head, replace(draft, unobserved=head.seq == 0), summarise)
    if head.seq == 0:
        return []
    yield from sweep(head.key, head.epoch, keep | _pairs(head))
    yield from _mend_hints(head)
    below = [c for c in chain if c.seq == head.floor]
    freed = yield from free(rules, head, head.floor, moment(below[0].time if below else head.time).timestamp())
    if not (yield from _numbers_below(head.key, head.floor)):  # else the sweep that a hint speaks of is still due
        done = [n for n in (yield from _hints(_keys.TRASH, head.key)) if n <= head.seq]
        if done:
            yield Delete(tuple(_keys.trash_hint(head.key, n) for n in done))
    return doomed + freed


def _objects(key: str) -> Protocol[set[tuple[int, str]]]:
    found: set[tuple[int, str]] = set()
    for entry in (yield List(_keys.objects_root(key))):
        epoch = _keys.parse_epoch(entry.name) if entry.is_directory else None
        if epoch is not None:
            names = yield List(_keys.objects_dir(key, epoch))
            found |= {(epoch, e.name) for e in names if _keys.is_object_name(e.name)}
    return found


def _hints(directory: str, key: str) -> Protocol[list[int]]:
    names: list[Entry] = yield List(f"{directory}{key}=.")
    return [hint[1] for e in names if (hint := _keys.parse_hint(e.name)) and hint[0] == key]


def _mend_hints(head: Base) -> Protocol[None]:
    numbers = yield from _hints(_keys.INDEX, head.key)
    if head.born and head.born not in numbers:
        data = b"" if _keys.id_of(head.key) is not None else head.id.encode()
        yield Create(_keys.index_hint(head.key, head.born), data, durable=False)
    wrong = tuple(_keys.index_hint(head.key, n) for n in numbers if n <= head.seq and n != head.born)
    if wrong:
        yield Delete(wrong)


__all__ = ["Doomed", "LostError", "collect", "finish", "free", "prune", "purge", "retained"]
