"""Copying a session with its history into another log store: the same commits, byte for byte, under the same numbers.

Objects first, then commits from the floor upwards, then the hint. Whatever was written when a copy is cut off is a
beginning of the same history, so that a later copy goes on there: nothing has to be remembered about it. Nothing is
overwritten. Two copies at the same time write the same bytes and do not disturb each other.

Commits are read from the source before the first one is written, so that a prune there cannot cut a history in two.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from .._engine.spool import temporary_copy
from .._format import naming
from .._format.commit import Commit, is_torn
from .._log.asking import get_commit
from .._log.base import Base, Rules, nothing
from .._log.chain import stands_on
from .._log.head import RESTARTS, find_head, find_whole, is_old
from .._log.hints import list_again
from .._log.land import CREATES
from .._log.ops import Create, Delete, Moment, Now, Protocol, Sync
from .._log.reading import PAGE, numbers_below, pages_down, parse, read_commits
from .._log.session import newest
from ..errors import ConflictError, FormatError, IntegrityError, OutcomeUnknownError, UnavailableError
from ._clone_objects import Pair, Side, bring_objects, in_target

_IN_MEMORY: Final = 8 * 2**20
"""Bytes of commits above which those of a session wait in a local file."""


@dataclass(frozen=True, slots=True)
class Cloned:
    """What was written to the target for one session: how many commits and objects, and their bytes as stored."""

    commits: int = 0
    objects: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class _Kept:
    """A commit of the source that was checked, and where in the local file its stored bytes are."""

    seq: int
    digest: str
    parent: str | None
    offset: int
    size: int


@dataclass(slots=True)
class _Gathered:
    """What the target lacks.

    Attributes:
        commits: Newest first.
        objects: What they name, with the sizes of the raw bytes.
    """

    file: tempfile.SpooledTemporaryFile[bytes]
    commits: list[_Kept] = field(default_factory=list)
    objects: dict[Pair, int] = field(default_factory=dict)


def clone(source: Side, target: Side, id: str) -> Cloned | None:
    """Bring the retained history of a session to the target; ``None`` where there is no session or it is deleted.

    Everything is checked by its digest when it is read from the source, and again as it was stored in the target.
    What is committed in the source while the copy runs is left for the next one.

    Raises:
        ConflictError: The target has another history of the session, or lacks what was pruned in the source meanwhile.
        IntegrityError: Something is damaged, in the source or as it was stored in the target.
        FormatError: The session is of a newer format.
        BackendError: A storage failed.
    """
    failure: IntegrityError | None = None
    failed_at: str | None = None
    for _ in range(RESTARTS):
        head = source.driver.run(newest(source.handle.rules, id))
        if head is None or head.kind == "delete":
            return None
        if failure and failed_at == head.digest:  # nobody changed anything, so it is not a prune that got in between
            raise failure
        try:
            return _clone_once(source, target, head)
        except IntegrityError as error:
            failure, failed_at = error, head.digest
    assert failure is not None
    raise failure


def _clone_once(source: Side, target: Side, head: Commit) -> Cloned:
    blank = nothing(head.id, None)
    seq, there = target.driver.run(_ground(target.handle.rules, blank, head))
    if there and seq >= head.seq:
        top = there if seq == head.seq else target.driver.run(_confirm(blank, head, head.seq))
        target.driver.run(list_again(blank, top.born))
        return Cloned()
    lowest = max(head.floor, seq + 1)
    with _kept_aside() as file:
        found = source.driver.run(_gather(blank, head, lowest, file))
        if there and not stands_on(found.commits[-1].parent, there.digest):
            raise _unlike(there)
        target.driver.run(target.handle.writing())
        objects, size = bring_objects(source, target, blank, there, found.objects)
        target.driver.run(_write_commits(target.handle.rules, blank, found, guard=there is None and lowest > 1))
        with in_target():
            top = target.driver.run(_confirm(blank, head, lowest))
        target.driver.run(list_again(blank, top.born))
    return Cloned(len(found.commits), objects, size + sum(commit.size for commit in found.commits))


@contextmanager
def _kept_aside() -> Iterator[tempfile.SpooledTemporaryFile[bytes]]:
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - it is closed below, whatever that says
    try:
        yield file
    finally:
        with suppress(OSError):  # what the disk does not take, which was said
            file.close()


def _ground(rules: Rules, blank: Base, head: Commit) -> Protocol[tuple[int, Commit | None]]:
    """Find what the target's commits can be put on: its newest number, and the commit there unless nothing is.

    Raises:
        ConflictError: Nothing of the source's history fits on what is there.
    """
    for _ in range(RESTARTS):
        observed: Moment = yield Now()
        seq = yield from find_whole(rules, blank.key)
        if not seq:
            return 0, None
        data: bytes | None = yield get_commit(blank.key, seq)
        if not data:
            # The guard of a copy that was cut off. Look again, or it could be the stub of a purge just now.
            if data == b"" and seq < head.floor and (yield from _has_only_stubs(blank)):
                return 0, None
            continue
        try:
            there = parse(blank, seq, data)
        except IntegrityError as error:
            raise ConflictError(
                f"the target has something else in the place of {blank.id!r}: {error}", blank.id
            ) from error
        if is_old(rules, observed, (yield Now())):
            continue
        assert there is not None
        if seq + 1 < head.floor:
            raise _deleted(there) if there.kind == "delete" else _gap(there, head)
        if seq == head.seq and there.digest != head.digest:
            raise _unlike(there)
        return seq, there
    raise ConflictError(f"the target is being changed in the place of {blank.id!r}, or damaged; verify it", blank.id)


def _deleted(there: Commit) -> ConflictError:
    return ConflictError(
        f"{there.id!r} was deleted in the target, by its commit {there.seq}; copy it with history=False (--no-history) "
        "to bring its newest state back there", there.id,
    )  # fmt: skip


def _other(id: str, seq: int) -> ConflictError:
    return ConflictError(
        f"the target has another session {id!r} already (commit {seq} there is not the source's); copy into another "
        "place, or fork one of them under another id", id,
    )  # fmt: skip


def _unlike(there: Commit) -> ConflictError:
    return _deleted(there) if there.kind == "delete" else _other(there.id, there.seq)


def _gap(there: Commit, head: Commit) -> ConflictError:
    return ConflictError(
        f"the target has {head.id!r} up to commit {there.seq} and the source from commit {head.floor} on, so nobody "
        "can tell whether one continues the other; copy into another place, and prune the source after copying",
        head.id,
    )


def _gather(blank: Base, head: Commit, lowest: int, file: tempfile.SpooledTemporaryFile[bytes]) -> Protocol[_Gathered]:
    """Read the commits from the head down to ``lowest``, each by the digest that the one above names."""
    found = _Gathered(file)
    digest: str | None = head.digest
    offset = 0
    for page in pages_down(head.seq, lowest):
        data = yield from read_commits(blank, page)
        for n in page:
            stored = data[n]
            commit = parse(blank, n, stored)
            if commit is None or stored is None or not stands_on(digest, commit.digest):
                key = naming.log_key(blank.key, n)
                raise IntegrityError(f"commit {key} is not the one that the commit above stands on", key)
            with temporary_copy(tempfile.gettempdir()):
                file.write(stored)
            found.commits.append(_Kept(n, commit.digest, commit.parent, offset, len(stored)))
            offset += len(stored)
            digest = commit.parent
            for name, (epoch, size) in commit.objects.items():
                if not naming.is_object_name(name):
                    key = naming.log_key(blank.key, n)
                    raise FormatError(f"commit {key} names an object in a way that no object is named", key)
                found.objects[epoch, name] = size
    with temporary_copy(tempfile.gettempdir()):
        file.flush()
    return found


def _write_commits(rules: Rules, blank: Base, found: _Gathered, *, guard: bool) -> Protocol[None]:
    """Write the commits upwards, one after the other: at any time what is there is a beginning of the history.

    A pruned history does not begin at 1, and nothing may be acknowledged that would lie below it, so it is guarded.
    """
    if guard:
        yield from _guard(rules, blank, found.commits[-1].seq - 1)
    for kept in reversed(found.commits):
        if kept.seq > 1 and kept.seq % naming.GROUP == 0:  # a new directory: the old one may not be durable yet
            yield Sync(naming.log_dir(blank.key, (kept.seq - 1) // naming.GROUP))
        found.file.seek(kept.offset)
        yield from _take(rules, blank, kept.seq, found.file.read(kept.size))


def _guard(rules: Rules, blank: Base, below: int) -> Protocol[None]:
    """Take the numbers that somebody could go on from below a history, by stubs: nothing can be built on these.

    The first number is that of a writer who saw that there is no session. The one right below the history is what
    others see as the newest from then on: who deletes or repairs what is there goes on at the first number of the
    history, which only one of the two gets. Who saw only the first stub has been there by now, or sees the second one
    behind its commit, see `objstore._care.repair.set_aside`.

    Raises:
        ConflictError: Somebody has gone on from the first stub.
    """
    yield from _take(rules, blank, 1, b"")
    if below == 1:
        return
    if (yield from _has_only_stubs(blank)):
        yield from _take(rules, blank, below, b"")
        if (yield from _has_only_stubs(blank)):
            return
        yield Delete((naming.log_key(blank.key, below),))
    raise ConflictError(
        f"somebody went on with {blank.id!r} in the target while it was copied; look at what is there, and copy into "
        "another place", blank.id,
    )  # fmt: skip


def _has_only_stubs(blank: Base) -> Protocol[bool]:
    """Say whether nothing lies in a log but the few stubs that copies begin with."""
    numbers = yield from numbers_below(blank.key, naming.MAX_SEQ + 1)
    return len(numbers) <= PAGE and not any((yield from read_commits(blank, numbers)).values())


def _take(rules: Rules, blank: Base, seq: int, data: bytes) -> Protocol[None]:
    """Create a commit, unless it is there already, be it by another copy or by a request that was sent twice."""
    create = Create(naming.log_key(blank.key, seq), data)
    error: UnavailableError | None = None
    for _ in range(CREATES):
        result = yield create
        if result is True:
            return
        error = result if isinstance(result, UnavailableError) else error
        found: bytes | None = yield get_commit(blank.key, seq)
        if found == data:
            return
        if rules.tearable and found is not None and is_torn(found):  # a copy that crashed
            yield Delete((create.key,))
        elif found is not None:
            raise _other(blank.id, seq)
    raise OutcomeUnknownError(
        f"the storage never said whether commit {seq} of {blank.id!r} arrived in the target; copy again"
    ) from error


def _confirm(blank: Base, head: Commit, lowest: int) -> Protocol[Commit]:
    """Read back what was written, from the newest end of the target down; give that end.

    Others may have gone on from there. It is also how a copy that slept finds out that its numbers had been freed.
    """
    top = yield from find_head(blank.key)
    above: Commit | None = None
    first: Commit | None = None
    for page in pages_down(top, lowest):
        data = yield from read_commits(blank, page)
        for n in page:
            if first and n < first.floor:
                if first.kind == "delete":
                    raise _deleted(first)
                raise ConflictError(
                    f"the target has gone on with {blank.id!r}, if it is the same, and was pruned up to commit "
                    f"{first.floor}; there is nothing to copy, or copy into another place", blank.id,
                )  # fmt: skip
            commit = parse(blank, n, data[n])
            if (
                commit is None
                or (above and not stands_on(above.parent, commit.digest))
                or (n == head.seq and commit.digest != head.digest)
            ):
                raise _other(blank.id, n)
            first, above = first or commit, commit
    if first is None or top < head.seq:
        raise _other(blank.id, top)
    return first
