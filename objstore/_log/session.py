"""What can be asked of one session: protocols on top of `chain` and `save`."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from typing import Protocol as Contract

from .._format import canonical, naming
from .._format.canonical import JSON, refs_in
from .._format.commit import Commit, Origin, Table, moment
from .._format.refs import Ref
from ..errors import ConflictError, IntegrityError, NotFoundError
from .base import Base, Rules, made_durable, nothing
from .chain import follow, load, stands_on
from .draft import Draft, Summarise
from .head import find_whole, in_time
from .hints import unlist
from .land import LostError, commit
from .ops import Delete, Protocol, Sync
from .reading import listed_below, pages_down, parse, read_commits, read_objects
from .save import broken


class Contents(Contract):
    """Remembers what references name."""

    def contents(self, ref: Ref) -> str | bytes | None:
        """Give what one names, if it is remembered."""

    def keep(self, ref: Ref, contents: str | bytes) -> None:
        """Remember what one names."""


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """One commit of a session's history.

    Attributes:
        seq: Its number.
        digest: Its digest; with ``seq`` it makes a `Revision`.
        time: When it was written, by the writer's clock, in UTC.
        kind: ``snapshot``, ``patch``, ``prune`` or ``delete``.
        parts: The parts that it changed; for a commit that holds a whole state, the parts that the state has.
        summary: What listing shows of the session at this commit.
        size: Bytes of the commit as stored, without the objects that it names.
        objects: Bytes of the objects that it names and its parent does not, before compression.
        origin: For a fork: where it came from.
        writer: The host and the process that wrote it, where its writer said so.
    """

    seq: int
    digest: str
    time: datetime.datetime
    kind: str
    parts: tuple[str, ...]
    summary: Mapping[str, JSON]
    size: int
    objects: int
    origin: Origin | None = None
    writer: str | None = None


def newest(rules: Rules, id: str) -> Protocol[Commit | None]:
    """Read only the newest commit of a session; ``None`` where there is no log."""
    return in_time(rules, f"the log of {id!r}", lambda: _newest(rules, id))


def _newest(rules: Rules, id: str) -> Protocol[Commit | None]:
    blank = nothing(id, None)
    head = yield from find_whole(rules, blank.key)
    if not head:
        return None
    for n in (head, head + 1, head + 2):  # a purge may stub what was the newest a moment ago; its tombstone is above
        data = yield from read_commits(blank, [n])
        found = parse(blank, n, data[n])
        if found is not None:
            return found
    key = naming.log_key(blank.key, head)
    raise IntegrityError(f"commit {key} is empty or gone, though nothing stands on it", key)


def exists(rules: Rules, id: str) -> Protocol[bool]:
    """Say whether there is a session, that is its main part."""
    found = yield from newest(rules, id)
    return found is not None and found.born > 0


def contents_of(
    base: Base, value: JSON, *, streams: bool, kept: Contents | None = None
) -> Protocol[dict[str, str | bytes]]:
    """Read the objects for which references stand in a value, as far as they are not kept: name -> contents.

    Those of raw bytes are left alone where these are streamed (`Rules.streams`).
    """
    refs = {ref.name: ref for ref in refs_in(value) if not (streams and ref.kind == "bytes")}
    found = {name: kept.contents(ref) for name, ref in refs.items()} if kept else {}
    contents = {name: value for name, value in found.items() if value is not None}
    missing = [name for name in refs if name not in contents]
    if not missing:
        return contents
    raws = yield from read_objects(base, missing, {**base.present, **base.objects})
    try:
        for name, raw in raws:
            contents[name] = raw.decode() if refs[name].kind == "text" else raw
            if kept:
                kept.keep(refs[name], contents[name])
    except UnicodeDecodeError:
        key = naming.object_key(base.key, base.objects[name][0], name)
        raise IntegrityError(f"object {key} is named as text and is none", key) from None
    except IntegrityError as error:
        way_out = "Load an older commit that does without it, or repair the session"
        raise IntegrityError(f"{error}. {way_out}", error.key) from None
    return contents


def delete(rules: Rules, base: Base, seen: Base | None, summarise: Summarise) -> Protocol[Base | None]:
    """Put a tombstone on a session and remove the objects of what is below; ``None`` where there is nothing to delete.

    The commits below stay, see `objstore._care.prune`.

    Raises:
        ConflictError: The session is not as it was ``seen``.
    """
    head = yield from follow(rules, base)
    while True:
        if head.seq == 0:
            return None
        if head.kind == "delete":
            break
        if seen is not None and head.digest != seen.digest:
            yield from _still(rules, seen, head)
        try:
            head = yield from commit(rules, head, Draft(kind="delete"), summarise)
            break
        except LostError:
            head = yield from load(rules, base.id)
    head = yield from made_durable(head)
    yield from unlist(head)
    yield from sweep(head.key, head.epoch, frozenset())
    return head


def _still(rules: Rules, seen: Base, head: Base) -> Protocol[None]:
    before, now = seen.parts(rules), head.parts(rules)
    moved = [part for part in {**before, **now} if not canonical.same(before.get(part), now.get(part))]
    if moved or (yield from broken(seen, head)):
        what = " and ".join(sorted(moved)) or "its history"
        raise ConflictError(
            f"{head.id!r} moved from commit {seen.seq} to {head.seq} and {what} changed; load it again and decide",
            head.id, seen.seq, head.seq,
        )  # fmt: skip


def sweep(key: str, epoch: int, keep: frozenset[tuple[int, str]], *, dry_run: bool = False) -> Protocol[list[str]]:
    """Delete the objects of epochs below ``epoch`` that are not kept, and give their keys.

    Only for the epoch of a fence that is acknowledged: every writer that could still want one of them is based below
    it, will lose, and uploads again under the new epoch.
    """
    stored = yield from objects_of(key, up_to=epoch - 1)
    gone = sorted(naming.object_key(key, older, name) for older, name in stored - keep)
    if gone and not dry_run:
        yield Sync(naming.log_dir(key, epoch // naming.GROUP))  # or a power cut takes the fence that another one made
        yield Delete(tuple(gone))
    return gone


def objects_of(key: str, *, up_to: int | None = None) -> Protocol[set[tuple[int, str]]]:
    """Name the objects that are stored of a session, with their epochs."""
    stored = yield from listed_below(naming.objects_root(key), naming.parse_epoch, up_to=up_to)
    return {(epoch, entry.name) for epoch, entry in stored if naming.is_object_name(entry.name)}


def history(rules: Rules, id: str) -> Protocol[list[CommitInfo]]:
    """Describe the commits from the head down to the floor, newest first; ``[]`` where there is no session."""
    head = yield from newest(rules, id)
    if head is None:
        return []
    found: list[CommitInfo] = []
    above = head

    def take(commit: Commit) -> None:
        nonlocal above
        found.append(_info(above, commit))
        above = commit

    yield from _down(nothing(id, None), head.seq - 1, head.parent, head.floor, take)
    return [*found, _info(above, None)]


def retained(head: Base, is_enough: Callable[[list[Commit]], bool] = lambda _: False) -> Protocol[list[Commit]]:
    """Read the commits from the head down to its floor, newest first, each by the digest that the one above names.

    A history may be longer than the memory. So what they hold is let go, and of the objects that one names those stay
    that none above it names: together, those from the head down to any of them name what they need.

    Args:
        head: The newest commit.
        is_enough: Says of what was read so far whether what is below need not be read; it may be damaged then.

    Raises:
        IntegrityError: There is a gap; nothing may be deleted on the strength of such a reading.
    """
    chain: list[Commit] = []
    named: set[tuple[str, tuple[int, int]]] = set()

    def take(commit: Commit) -> None:
        chain.append(replace(commit, body=None, objects=unnamed(commit, named)))

    try:
        yield from _down(head, head.seq, head.digest, head.floor, take, lambda: bool(chain) and is_enough(chain))
    except IntegrityError as error:
        if not (chain and is_enough(chain)):
            raise IntegrityError(f"{error}; a prune that keeps only what is above gives it up", error.key) from error
    return chain


def unnamed(commit: Commit, named: set[tuple[str, tuple[int, int]]]) -> Table:
    """Give the objects that a commit names and nobody has named yet; from then on they are named."""
    found = commit.objects.items() - named
    named |= found
    return dict(found)


def _down(
    base: Base,
    newest: int,
    digest: str | None,
    floor: int,
    take: Callable[[Commit], None],
    is_enough: Callable[[], bool] = lambda: False,
) -> Protocol[None]:
    for page in pages_down(newest, floor):
        if is_enough():
            return
        data = yield from read_commits(base, page)
        for n in page:
            found = parse(base, n, data[n])
            if found is None or not stands_on(digest, found.digest):
                key = naming.log_key(base.key, n)
                raise IntegrityError(f"commit {key} is not the one that commit {n + 1} stands on", key)
            take(found)
            digest = found.parent


def _info(commit: Commit, before: Commit | None) -> CommitInfo:
    known = before.objects if before else {}
    return CommitInfo(
        commit.seq, commit.digest, moment(commit.time), commit.kind, touched(commit.kind, commit.body), commit.summary,
        commit.size, sum(size for name, (_, size) in commit.objects.items() if name not in known), commit.origin,
        writer if isinstance(writer := commit.summary.get("writer"), str) else None,
    )  # fmt: skip


def touched(kind: str, body: JSON) -> tuple[str, ...]:
    """Name the parts that the body of a commit changes; for one that holds a whole state, those that the state has."""
    if not isinstance(body, dict):
        return ()
    if kind != "patch":
        return tuple(key.removeprefix("=") for key, value in body.items() if value is not None)
    # What is no patch names nothing; to say what is wrong with it is for those who read the state.
    members: list[Any] = [
        found for member in ("sub", "put", "cut") if isinstance(found := body.get(member), dict | list)
    ]
    keys = (key for member in members for key in member if isinstance(key, str))
    return tuple(dict.fromkeys(key.removeprefix("=") for key in keys))


def at_revision(rules: Rules, id: str, seq: int, digest: str | None) -> Protocol[Base]:
    """Read the state that a revision without a memory names; its age counts as long."""
    if naming.check_number(seq, "seq") == 0:
        return nothing(id, None)
    try:
        base = yield from load(rules, id, at=seq)
    except NotFoundError:
        raise ConflictError(
            f"there is no commit {seq} of {id!r} here, or not any more; load it again, or save it as new with base=0",
            id, seq,
        ) from None  # fmt: skip
    if digest is not None and base.digest != digest:
        raise ConflictError(f"commit {seq} of {id!r} is another than the revision's; load it again", id, seq)
    return base
