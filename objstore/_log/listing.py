"""Naming the sessions of a store and reading what a listing shows of them, many at a time and never all at once."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .._format import naming
from .._format.canonical import JSON
from .._format.commit import Commit, id_of_key, moment
from ..errors import FormatError, IntegrityError
from .apart import apart
from .asking import get_commit, get_hint
from .base import Base, Rules, nothing
from .head import find_head, find_whole, head_from, head_ops, in_time
from .ops import Entry, List, Names, Page, Protocol
from .reading import PAGE, parse, read_commits, read_each
from .session import newest


def at_second(seconds: int) -> datetime.datetime:
    """Give the time at a second of the epoch; the beginning of it for one that no calendar has."""
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (OverflowError, ValueError, OSError):  # the seed stores any 64 bits
        return datetime.datetime.fromtimestamp(0, datetime.UTC)


@dataclass(frozen=True, slots=True)
class Listed:
    """The head of a session as a listing reads it; a layout that does not count has no ``seq``.

    Attributes:
        size: Bytes that the session takes in the storage, where they were asked for.
        problem: Why its newest commits cannot be read; the rest is that of the newest one that can.
    """

    id: str
    seq: int | None
    time: datetime.datetime
    summary: Mapping[str, JSON]
    size: int | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class IdPage:
    """Some ids in the order of their names in the storage.

    Attributes:
        cursor: The name behind which the next page begins; ``None`` where this is the last.
    """

    ids: list[str]
    cursor: str | None


@apart
def list_ids(prefix: str) -> Protocol[list[str]]:
    """Read the ids of all sessions from the hints, sorted."""
    names: list[str] = []
    for beginning in naming.beginnings(prefix):
        entries: list[Entry] = yield List(naming.INDEX + beginning)
        names += (entry.name for entry in entries)
    return sorted((yield from ids_in(names, prefix)))


@apart
def page_of_ids(prefix: str, cursor: str) -> Protocol[IdPage]:
    """Read the ids of the next sessions from the hints, in the order of these.

    An id that is there all the while is in exactly one of the pages, whatever others save and delete meanwhile.
    """
    ids: list[str] = []
    for beginning in naming.beginnings(prefix):
        if cursor > beginning and not cursor.startswith(beginning):
            continue  # it lies behind all that begins so
        page: Names = yield Page(naming.INDEX + beginning, cursor)
        ids += yield from ids_in(page.names, prefix)
        if page.more:
            hint = naming.parse_hint(page.names[-1])
            return IdPage(ids, naming.behind_hints(hint[0]) if hint else page.names[-1])
    return IdPage(ids, None)


def cursor_behind(id: str) -> str:
    """Give the name behind which all sessions come that a listing has behind ``id``, which need not exist."""
    return naming.behind_hints(naming.session_key(id))


def ids_in(names: Iterable[str], prefix: str) -> Protocol[list[str]]:
    """Give the ids that hints stand for, each once and in their order."""
    hints = {hint[0]: name for name in names if (hint := naming.parse_hint(name))}
    found = {key: naming.id_of(key) for key in hints}
    hashed = [key for key, id in found.items() if id is None]
    for start in range(0, len(hashed), PAGE):
        page = hashed[start : start + PAGE]
        contents = yield from read_each([get_hint(naming.INDEX + hints[key]) for key in page])
        for key, data in zip(page, contents, strict=True):
            if data is not None:  # else it was deleted since it was listed
                found[key] = _id_in_hint(key, data) or (yield from _id_in_log(key))
    return [id for id in found.values() if id is not None and id.startswith(prefix)]


def stored_ids() -> Protocol[tuple[list[str], dict[str, str]]]:
    """Give the ids of all sessions that lie there, deleted ones among them, whatever the hints say.

    Also says of the directories of sessions whose ids cannot be told, why.
    """
    entries: list[Entry] = yield List(naming.SESSIONS)
    ids: list[str] = []
    untold: dict[str, str] = {}
    for key in sorted(e.name for e in entries if e.is_directory and naming.is_key(e.name)):
        id = naming.id_of(key)
        if id is None:  # a long one stands in its commits only
            try:
                head = yield from find_head(key)
                if not head:
                    continue  # a first save that crashed
                data: bytes | None = yield get_commit(key, head)
            except IntegrityError as error:  # something is in the place of the log, such as a link
                untold[naming.session_dir(key)] = str(error)
                continue
            id = id_of_key(data or b"", key)
        if id is None:
            untold[naming.session_dir(key)] = "the newest commit does not tell the id of the session; verify the store"
        else:
            ids.append(id)
    return ids, untold


def _id_in_hint(key: str, data: bytes) -> str | None:
    try:
        id = data.decode()
        return id if naming.session_key(id) == key else None
    except ValueError:
        return None


def _id_in_log(key: str) -> Protocol[str | None]:
    """Read the id of a hint that does not hold it: hints are not flushed, so a power cut may leave an empty one.

    Where no commit near the head tells it either, only `verify` can name the session, and it hides no other.
    """
    try:
        head = yield from find_head(key)
    except IntegrityError:  # something is in the place of its log
        return None
    for numbers in (range(head, head - 1, -1), range(head - 1, head - PAGE, -1)):
        found = yield from read_each([get_commit(key, n) for n in numbers if n > 0])
        for data in found:
            if (id := id_of_key(data or b"", key)) is not None:
                return id
    return None


@apart
def heads(rules: Rules, ids: Iterable[str], *, sizes: bool = False) -> Protocol[list[Listed]]:
    """Read the newest commit of several sessions side by side; those that do not exist are left out.

    With ``sizes`` also list all that is stored of each: two requests more, and one for each thousand commits or epoch.
    """
    wanted = [nothing(id, None) for id in ids]
    found: list[Listed] = []
    for start in range(0, len(wanted), PAGE):
        page = wanted[start : start + PAGE]
        commits = yield from _newest_of(rules, page)
        there = [(b, c, why) for b, (c, why) in zip(page, commits, strict=True) if why or (c and c.born)]
        stored: list[int | None] = (
            (yield from _each_size([b.key for b, _, _ in there])) if sizes else [None] * len(there)
        )
        for (base, commit, problem), size in zip(there, stored, strict=True):
            if commit is None:
                found.append(Listed(base.id, None, at_second(0), {}, size, problem))
            else:
                found.append(Listed(base.id, commit.seq, moment(commit.time), commit.summary, size, problem))
    return found


def _newest_of(rules: Rules, page: list[Base]) -> Protocol[list[tuple[Commit | None, str | None]]]:
    """Read the newest commit of each session, or the newest intact one and why it is not the newest."""
    return in_time(rules, f"the logs of {len(page)} sessions", lambda: _each_newest(rules, page))


def _each_newest(rules: Rules, page: list[Base]) -> Protocol[list[tuple[Commit | None, str | None]]]:
    try:
        return (yield from _read_newest(rules, page))
    except IntegrityError as error:  # something is in the place of somebody's directory, such as a link
        if len(page) == 1:
            return [(None, str(error))]
    found: list[tuple[Commit | None, str | None]] = []
    for base in page:
        found += yield from _each_newest(rules, [base])
    return found


def _read_newest(rules: Rules, page: list[Base]) -> Protocol[list[tuple[Commit | None, str | None]]]:
    lists = yield tuple(op for base in page for op in head_ops(base.key))
    numbers: list[int] = []
    for base, names, first in zip(page, lists[::2], lists[1::2], strict=True):
        head = yield from head_from(base.key, names, first)
        numbers.append((yield from find_whole(rules, base.key)) if rules.tearable else head)
    asked = [(base, n) for base, n in zip(page, numbers, strict=True) if n]
    data = iter((yield from read_each([get_commit(base.key, n) for base, n in asked])))
    found: list[tuple[Commit | None, str | None]] = []
    for base, n in zip(page, numbers, strict=True):
        try:
            commit = parse(base, n, next(data)) if n else None
            found.append((commit if commit or not n else (yield from newest(rules, base.id)), None))
        except (IntegrityError, FormatError) as error:  # one damaged session must not hide all the others
            found.append(((yield from _intact_below(base, n)), str(error)))
    return found


def _intact_below(base: Base, n: int) -> Protocol[Commit | None]:
    numbers = list(range(n - 1, max(0, n - 1 - PAGE), -1))
    data = (yield from read_commits(base, numbers)) if numbers else {}
    for number in numbers:
        try:
            commit = parse(base, number, data[number])
        except (IntegrityError, FormatError):
            continue
        if commit is not None:
            return commit
    return None


def _each_size(keys: list[str]) -> Protocol[list[int | None]]:
    try:
        return (yield from _sizes(keys))
    except IntegrityError:
        if len(keys) == 1:
            return [None]
    totals: list[int | None] = []
    for key in keys:
        totals += yield from _each_size([key])
    return totals


def _sizes(keys: list[str]) -> Protocol[list[int | None]]:
    """Add up what lies in the directories of sessions, each listed side by side with those of the others."""
    roots = [root(key) for key in keys for root in (naming.log_root, naming.objects_root)]
    listed = (yield tuple(map(List, roots))) if roots else ()
    below = [
        (n // 2, f"{root}{entry.name}/")
        for n, (root, entries) in enumerate(zip(roots, listed, strict=True))
        for entry in entries
        if entry.is_directory and entry.name.isdecimal()  # a key with two slashes lies in one without a name
    ]
    contents = (yield tuple(List(directory) for _, directory in below)) if below else ()
    totals: list[int | None] = [0] * len(keys)
    for (n, _), entries in zip(below, contents, strict=True):
        totals[n] = (totals[n] or 0) + sum(entry.size for entry in entries)
    return totals
