"""Checking everything that is stored of a session: digests, chain, references, and that each state can be built."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from .._format import naming
from .._format.canonical import JSON
from .._format.commit import Commit, id_of_key, is_torn
from .._format.state import opened
from .._log.apart import apart
from .._log.asking import get_commit, get_object
from .._log.assembling import assemble
from .._log.base import Base, Rules, nothing
from .._log.hints import all_hints, hints_of
from .._log.ops import Entry, Get, List, Protocol
from .._log.reading import PAGE, Unreadable, measure, pages_down, parse, read_commits, read_each
from .._log.session import unnamed
from ..errors import FormatError, IntegrityError
from .ailments import Ailment
from .care import Care
from .findings import Finding, VerifyReport, finding_of

_AT_ONCE = 16
_SMALL = 4 * 2**20  # bytes up to which an object goes through the memory as a whole
_HELD = 16 * 2**20  # bytes of commits, as text, that are kept from one look to the other
_AGAIN: Final[JSON] = ["what has to be read again"]


@dataclass(slots=True)
class _Count:
    sessions: int = 0
    commits: int = 0
    objects: int = 0
    size: int = 0
    findings: list[Finding] = field(default_factory=list)
    ailments: list[Ailment] = field(default_factory=list)


@apart
def verify(rules: Rules, ids: Iterable[str] | None, care: Care) -> Protocol[VerifyReport]:
    """Check some sessions, or all that lie in ``sessions/``, whatever the hints say."""
    count = _Count()
    missing: list[str] = []
    if ids is None:
        buried = yield from _all_buried(count)
        for key in (yield from _keys(count)):
            yield from _looked_at(rules, key, naming.id_of(key), care, count, buried.get(key, []))
    else:
        for id in ids:
            before = count.sessions, len(count.findings)
            yield from _looked_at(rules, naming.session_key(id), id, care, count)
            missing += [id] if before == (count.sessions, len(count.findings)) else ()
    found = tuple(count.findings), tuple(count.ailments), tuple(missing)
    return VerifyReport(count.sessions, count.commits, count.objects, count.size, *found)


def _all_buried(count: _Count) -> Protocol[dict[str, list[int]]]:
    try:
        return (yield from all_hints(naming.TRASH))
    except IntegrityError as error:
        count.findings.append(finding_of(None, error))
        return {}


def _keys(count: _Count) -> Protocol[list[str]]:
    """Name what lies in ``sessions/``, and say where a file is in the place of a directory of the store."""
    yield from _directories(None, "", (naming.SESSIONS, naming.INDEX, naming.TRASH), count)
    entries: list[Entry] = yield List(naming.SESSIONS)
    for entry in entries:
        if naming.is_key(entry.name):
            _is_directory(naming.id_of(entry.name), entry, naming.SESSIONS + entry.name, count)
    return sorted(e.name for e in entries if e.is_directory)


def _directories(
    id: str | None, below: str, names: Iterable[str], count: _Count, *, beginning: str = ""
) -> Protocol[None]:
    entries: list[Entry] = yield List(below + beginning)
    for entry in entries:
        if f"{entry.name}/" in names:
            _is_directory(id, entry, below + entry.name, count)


def _is_directory(id: str | None, entry: Entry, key: str, count: _Count) -> bool:
    """Say where something else is in the place of a directory: a list shows nothing of what was in that."""
    if not entry.is_directory:
        detail = "something is in the place of a directory of the store; move it away and bring the directory back"
        count.findings.append(Finding(id, key, "foreign", detail))
    return entry.is_directory


def _looked_at(
    rules: Rules, key: str, id: str | None, care: Care, count: _Count, buried: list[int] | None = None
) -> Protocol[None]:
    try:
        yield from _session(rules, key, id, care, count, buried)
    except IntegrityError as error:  # something is in the place of a directory or of a big object
        count.findings.append(finding_of(id, error))


def _session(
    rules: Rules, key: str, id: str | None, care: Care, count: _Count, buried: list[int] | None
) -> Protocol[None]:
    if not naming.is_key(key):
        count.findings.append(Finding(None, naming.session_dir(key), "foreign", "no id gives this name"))
        return
    before = len(count.findings)
    is_listed = buried is not None
    if buried is None:  # before its log: a tombstone is older than its hint
        buried = yield from hints_of(naming.TRASH, key)
    numbers = yield from _numbers(id, key, count, is_listed=is_listed)
    if numbers and rules.tearable:
        data: bytes | None = yield get_commit(key, numbers[-1])
        if data is not None and is_torn(data):
            numbers.pop()  # a save that crashed
    if not numbers:
        return
    if id is None:
        newest = yield get_commit(key, numbers[-1])
        id = id_of_key(newest or b"", key)
        if id is None:
            detail = "the newest commit does not tell the id that its directory was named after"
            count.findings.append(Finding(None, naming.log_key(key, numbers[-1]), "damaged", detail))
            return
    count.sessions += 1
    for n in buried:
        if n > numbers[-1]:
            detail = f"a hint says that commit {n} deleted the session, and it is not there; delete the session again"
            count.findings.append(Finding(id, naming.log_key(key, n), "missing", detail))
    chain = yield from _chain(nothing(id, None), numbers, count)
    yield from _objects(nothing(id, None), chain, count)
    if len(count.findings) == before:
        newest = yield from _states(rules, nothing(id, None), chain, count)
        if newest and newest.state is not None:
            count.ailments += care.examine(id, newest.state)


def _numbers(id: str | None, key: str, count: _Count, *, is_listed: bool) -> Protocol[list[int]]:
    numbers: list[int] = []
    groups: list[Entry] = yield List(naming.log_root(key))
    if not groups:
        yield from _directories(id, naming.session_dir(key), ("log/", "objects/"), count)
        if not is_listed:  # else it is a directory, and so is what it lies in
            yield from _directories(id, naming.SESSIONS, (f"{key}/",), count, beginning=key)
            yield from _directories(id, "", (naming.SESSIONS,), count)
    for entry in groups:
        group = naming.parse_group(entry.name)
        if group is not None and _is_directory(id, entry, naming.log_root(key) + entry.name, count):
            names: list[Entry] = yield List(naming.log_dir(key, group))
            numbers += [n for e in names if (n := naming.parse_log(entry.name, e.name)) is not None]
    return sorted(numbers)


def _chain(blank: Base, numbers: list[int], count: _Count) -> Protocol[list[Commit]]:
    """Read the retained commits, newest first; what is below the floor belongs to nobody any more.

    Until one can be read nothing tells the floor, and what is not there may have been freed. Of a long history what the
    older ones hold is let go; `_states` reads it again.
    """
    chain: list[Commit] = []
    newest, floor, held = numbers[-1], 1, 0
    named: set[tuple[str, tuple[int, int]]] = set()
    present = set(numbers)
    while newest >= floor:
        page = next(pages_down(newest, floor))
        data = yield from read_commits(blank, page)
        for n in page:
            if n < floor:
                break
            stored = data[n]
            count.size += len(stored or b"")
            if not (stored or chain or n in present):
                continue
            commit = _retained(blank, n, stored, count)
            if commit is None:
                continue
            count.commits += 1
            held += commit.length
            fresh = unnamed(commit, named)
            if held > _HELD:
                commit = replace(commit, body=_AGAIN, objects=fresh)
            above = chain[-1] if chain else None
            if above is not None and above.seq == n + 1 and above.parent != commit.digest and above.over is None:
                detail = f"commit {n} is not the one that commit {n + 1} stands on"
                count.findings.append(Finding(blank.id, naming.log_key(blank.key, n), "damaged", detail))
            floor = max(floor, commit.floor)
            chain.append(commit)
        newest = page[-1] - 1
        if not chain or present.isdisjoint(page):  # nor is what the listing leaves out looked for, number by number
            below = numbers[end - 1] if (end := bisect_right(numbers, newest)) else 0
            if chain and (lowest := max(below + 1, floor)) <= newest:
                detail = f"commits {lowest} to {newest} are retained and not there"
                count.findings.append(Finding(blank.id, naming.log_key(blank.key, newest), "missing", detail))
            newest = below
    return chain


def _retained(blank: Base, n: int, stored: bytes | None, count: _Count) -> Commit | None:
    """Read a commit that history promises, or say what is wrong with it."""
    key = naming.log_key(blank.key, n)
    try:
        commit = parse(blank, n, stored)
    except IntegrityError as error:
        count.findings.append(finding_of(blank.id, error))
        return None
    except FormatError as error:
        count.findings.append(Finding(blank.id, key, "unknown format", str(error)))
        return None
    if commit is None:
        count.findings.append(Finding(blank.id, key, "missing", f"commit {n} is retained and not there"))
    return commit


def _objects(blank: Base, chain: list[Commit], count: _Count) -> Protocol[None]:
    named = {(epoch, name): size for commit in chain for name, (epoch, size) in commit.objects.items()}
    wanted = sorted(named)
    for start in range(0, len(wanted), _AT_ONCE):
        page = wanted[start : start + _AT_ONCE]
        asked: list[Get] = []
        for epoch, name in page:
            if not naming.is_object_name(name):
                detail = "a commit names an object in a way that no object is named"
                count.findings.append(Finding(blank.id, naming.session_dir(blank.key), "unknown format", detail))
            elif named[epoch, name] > _SMALL and not name.endswith(".zst"):
                yield from _streamed(blank, naming.object_key(blank.key, epoch, name), named[epoch, name], count)
            else:
                asked.append(get_object(blank.key, epoch, name, named[epoch, name]))
        data = yield from read_each(asked)
        for key, stored in zip([get.key for get in asked], data, strict=True):
            count.objects += 1
            count.size += len(stored or b"")
            name = key.rpartition("/")[2]
            size = named[int(key.split("/")[-2]), name]
            if stored is None:
                count.findings.append(Finding(blank.id, key, "missing", "a retained commit names it"))
                continue
            if isinstance(stored, Unreadable):
                count.findings.append(finding_of(blank.id, stored.error))
                continue
            try:
                opened(name, stored, size)
            except ValueError as error:
                count.findings.append(Finding(blank.id, key, "damaged", str(error)))


def _streamed(blank: Base, key: str, size: int, count: _Count) -> Protocol[None]:
    """Check an object that may be too big for the memory."""
    found = yield from measure(key, size)
    count.objects += 1
    if found is None:
        count.findings.append(Finding(blank.id, key, "missing", "a retained commit names it"))
        return
    count.size += found[1]
    if found != (key.rpartition("/")[2], size):
        count.findings.append(Finding(blank.id, key, "damaged", "its bytes do not match their digest"))


def _states(rules: Rules, blank: Base, chain: list[Commit], count: _Count) -> Protocol[Base | None]:
    """Build every retained state from the floor upwards, as a reader of each commit would; give the newest."""
    base = blank
    read: dict[int, bytes | None] = {}
    for place, commit in enumerate(reversed(chain)):
        try:
            if commit.body is _AGAIN:
                if commit.seq not in read:
                    again = chain[-1 - place : -1 - place - PAGE : -1]
                    read = yield from read_commits(blank, [each.seq for each in again])
                found = parse(blank, commit.seq, read[commit.seq])
                if found is None or found.digest != commit.digest:
                    key = naming.log_key(blank.key, commit.seq)
                    detail = "it was there, and is not any more: somebody removes history; verify once more"
                    count.findings.append(Finding(blank.id, key, "missing", detail))
                    return None
                commit = found
            base = yield from assemble(base, [commit], current=False)
        except FormatError as error:
            count.findings.append(Finding(blank.id, error.key, "unknown format", str(error)))
            return None
        except IntegrityError as error:
            count.findings.append(finding_of(blank.id, error))
            return None
        if (commit.born > 0) != rules.lives(base.state):
            key = naming.log_key(blank.key, commit.seq)
            detail = "it does not say rightly since when there is a session"
            count.findings.append(Finding(blank.id, key, "unknown format", detail))
    return base
