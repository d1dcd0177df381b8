"""Copying sessions between stores of any layout on any storage; importing and exporting are copies too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar

from .._engine.arguments import flag, no_text
from .._engine.drive import Driver
from .._engine.handle import Handle
from .._engine.layouts import Layout
from .._engine.opened import Opened
from .._engine.spool import Spool
from .._engine.streams import ArtifactStream
from .._format import canonical, naming
from .._format.canonical import JSON
from .._format.refs import Ref
from .._log.hints import list_again
from .._log.listing import stored_ids
from .._log.loaded import Loaded, plain
from .._log.ops import Protocol
from .._seed.tree import Tree
from .._seed.tree_files import encode, losses
from ..aio import AsyncSessionStore
from ..aio_documents import AsyncDocumentStore
from ..documents import DocumentStore, OpenedDocuments
from ..errors import BackendError, ConflictError, IntegrityError, NotFoundError, ObjstoreError
from ..store import OpenedSessions, SessionStore, open
from ._clone import Cloned, clone
from ._clone_objects import Reader, Side, fetch, read_through
from ._overlap import refuse_overlap

Place: TypeAlias = SessionStore | AsyncSessionStore | DocumentStore | AsyncDocumentStore | str | os.PathLike[str]
"""A store that is open, or a URL or path to open for the time of the copy."""

Outcome: TypeAlias = Literal["copied", "unchanged", "failed"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CopyEvent:
    """One session that a copy is done with.

    Attributes:
        id: The session.
        outcome: What became of it; for ``failed``, `CopyReport.failed` says why.
        done: How many sessions are done, this one included.
        total: How many there are in all.
        commits: How many commits of its history were written; 0 where only the newest state is copied.
        objects: How many objects that they name.
        size: Bytes of both, as stored.
    """

    id: str
    outcome: Outcome
    done: int
    total: int
    commits: int = 0
    objects: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What a copy did.

    Attributes:
        copied: The sessions that were written, read back and compared.
        unchanged: Those that the target had already, just so.
        failed: Session -> why it was not copied; the others are not affected. For one whose id cannot be told: its
            directory.
        warnings: Session -> what A3S Code will not load, or drop while loading, although the target keeps it.
        history: Whether older commits came along: both places are log stores, and history was asked for.
        commits: How many commits were written in all, where history came along.
        objects: How many objects that they name.
        size: Bytes of both, as stored.
    """

    copied: tuple[str, ...]
    unchanged: tuple[str, ...]
    failed: Mapping[str, str]
    warnings: Mapping[str, tuple[str, ...]]
    history: bool
    commits: int
    objects: int
    size: int

    @property
    def ok(self) -> bool:
        """Whether every session is in the target now."""
        return not self.failed


def copy(
    source: Place,
    target: Place,
    *,
    ids: Iterable[str] | None = None,
    history: bool = True,
    lossy: bool = False,
    progress: Callable[[CopyEvent], None] | None = None,
) -> CopyReport:
    """Copy sessions with all their siblings, each one by itself, read back and compared.

    A session that the target has already is never replaced: it counts as unchanged where it is the same, is completed
    where it is a part of the same (an earlier copy was cut off), and fails otherwise. So a copy that was interrupted is
    simply repeated. A session that cannot be copied, of which the source does not give out a file, say, does not stop
    the others; a storage that fails does.

    Between two log stores a session comes with its history: the commits from its floor on, byte for byte and under the
    same numbers, and all that they name. A target that has a beginning of it, be it of a copy that was cut off or of
    last week's, is continued; one that has gone on from the newest of them is unchanged. Writers of the source need not
    stop; what they commit meanwhile is left for the next copy. Nobody should write a session in the target before it
    is there: until then it is an older state of itself, which is not listed.

    This call waits, also where the stores are awaited: with ``await asyncio.to_thread(objstore.copy, one, other)`` the
    loop goes on.

    Deleted sessions are not copied, and a session that was deleted in the target stays deleted, unless it is copied
    without history. What is deleted or pruned in the source is not removed in the target; `SessionStore.collect` there
    removes what a prune that was copied leaves.

    Args:
        source: Where from. With a store of documents on both sides documents are copied.
        target: Where to. A new place becomes a log store; for a tree give ``objstore.open(..., layout="tree")``.
        ids: Which sessions; by default all that lie there, siblings without a session too.
        history: Bring older commits along where both layouts keep them; see `CopyReport.history`. Otherwise, the newest
            state becomes one commit.
        lossy: Write to a tree also artifacts that A3S Code will drop when it loads them, and leave binary ones out.
        progress: Is called after each session.

    Raises:
        UnsupportedError: Both are the same place, or one lies among the files of the other.
        FormatError: One of the two places is not a store, or of the other layout than it was opened as.
        BackendError: A storage failed or refused. What was copied until then is there.
    """
    flag("history", history)
    flag("lossy", lossy)
    with ExitStack() as stack:
        origin = _opened(source, stack)
        goal = _opened(target, stack)
        here, there = origin.driver.run(origin.layout()), goal.driver.run(goal.layout())
        refuse_overlap(origin, goal, (here, there))
        if isinstance(there, Tree):
            there = replace(there, lossy=lossy)
        reader = Reader(origin.driver)
        sides: tuple[Side, Side] | None = None
        if history and isinstance(here, Handle) and isinstance(there, Handle):
            sides = Side(reader, here), Side(goal.driver, there)
        else:
            here, there = _streaming(here), _streaming(there)
        wanted, failed = reader.run(_all_ids(here)) if ids is None else (_each_once(ids), {})
        done: dict[str, Outcome] = {}
        written: dict[str, Cloned] = {}
        warnings: dict[str, tuple[str, ...]] = {}
        for id in wanted:
            try:
                if sides:
                    cloned = clone(*sides, naming.check_id(id))
                    if cloned is None and ids is None:  # only a tombstone, or deleted since it was listed
                        continue
                    written[id] = _demanded(cloned, id)
                    done[id] = "copied" if written[id].commits else "unchanged"
                else:
                    loaded = reader.run(here.load(id, None, None))
                    parts = _saved(loaded)
                    if not parts and ids is None:
                        continue
                    done[id] = _copy_newest(reader, loaded, id, goal, there)
                    found = tuple(losses(parts)) if isinstance(there, Tree) else ()
                    if found:
                        warnings[id] = found
            except BackendError:
                raise
            except ObjstoreError as error:
                done[id] = "failed"
                failed[id] = f"{type(error).__name__}: {error}"
            if progress:
                one = written.get(id, Cloned())
                progress(CopyEvent(id, done[id], len(done), len(wanted), one.commits, one.objects, one.size))
    return CopyReport(
        copied=tuple(id for id, outcome in done.items() if outcome == "copied"),
        unchanged=tuple(id for id, outcome in done.items() if outcome == "unchanged"),
        failed=failed,
        warnings=warnings,
        history=sides is not None,
        commits=sum(one.commits for one in written.values()),
        objects=sum(one.objects for one in written.values()),
        size=sum(one.size for one in written.values()),
    )


def _streaming(layout: Layout) -> Layout:
    return layout.streaming() if isinstance(layout, Handle) else layout


def _each_once(ids: Iterable[str]) -> list[str]:
    """Give each of the ids once. A text that is no id fails like any session; what is no text could not be named."""
    wanted = list(no_text(ids))
    for id in wanted:
        if not isinstance(id, str):
            naming.check_id(id)
    return [*dict.fromkeys(wanted)]


def _demanded(found: T | None, id: str) -> T:
    if not found:
        raise NotFoundError(f"there is no session {id!r} to copy")
    return found


def _opened(place: Place, stack: ExitStack) -> Opened:
    if isinstance(place, (OpenedSessions, OpenedDocuments)):
        return place._opened
    return stack.enter_context(open(place))._opened


def _saved(loaded: Loaded | None) -> dict[str, JSON]:
    return {part: value for part, value in loaded.parts.items() if value is not None} if loaded else {}


def _stream(driver: Driver | Reader, loaded: Loaded, ref: Ref) -> ArtifactStream:
    key, size = loaded.place(ref)
    return ArtifactStream(key, size, ref.digest, fetch(driver, key))


def _copy_newest(reader: Reader, loaded: Loaded | None, id: str, goal: Opened, layout: Layout) -> Outcome:
    """Save what was loaded of a session as one commit of the target, of whose layout this is, and read it back.

    Parts that the target has just so are left alone: an earlier copy into a tree may have been cut off between two.
    """
    parts = _demanded(_saved(loaded), id)
    assert loaded is not None
    try:
        found = goal.driver.run(layout.load(id, None, None))
        there = _saved(found)
    except IntegrityError as error:  # damaged, or in a tree a session whose file has the same name
        raise ConflictError(f"the target has something else in the place of {id!r}: {error}", id) from error
    differing = [part for part, value in there.items() if not _same(layout, id, part, parts.get(part), value)]
    if differing:
        raise ConflictError(
            f"the target has another session {id!r} already ({' and '.join(differing)} differ); delete one of them, or "
            "fork it under another id", id,
        )  # fmt: skip
    missing = {part: value for part, value in parts.items() if part not in there}
    if not missing:
        if found is not None and found.base is not None:  # the copy that wrote it may have been cut off before the hint
            goal.driver.run(list_again(found.base, found.base.born))
        return "unchanged"
    with ExitStack() as spools:
        paths: dict[str, str] = {}

        def in_hand(ref: Ref) -> Ref:
            if ref.name not in paths:
                spool = spools.enter_context(Spool())
                with _stream(reader, loaded, ref) as stream:
                    spool.fill(stream)
                paths[ref.name] = spool.path
            return Ref(ref.name, ref.size, ref.kind, path=paths[ref.name])

        if not isinstance(layout, Tree):
            missing = {part: plain(value, in_hand) for part, value in missing.items()}
        revision, _ = goal.driver.run(layout.save(id, missing, 0, None))
    # By its number, since what a log store remembers of its own save would prove nothing about the storage.
    back = goal.driver.run(layout.load(id, None, revision.seq))
    written = _saved(back)
    if written.keys() != parts.keys() or not all(_same(layout, id, part, parts[part], written[part]) for part in parts):
        raise IntegrityError(f"what was read back of {id!r} is not what was written to the target; verify it", id)
    for ref in {ref.name: ref for ref in canonical.refs_in([*written.values()])}.values():
        assert back is not None
        read_through(_stream(goal.driver, back, ref))
    return "copied"


def _same(layout: Layout, id: str, part: str, a: JSON, b: JSON) -> bool:
    if isinstance(layout, Tree) and a is not None:  # a tree has an order of its own for the members
        return encode(part, id, a, lossy=True) == encode(part, id, b, lossy=True)
    return canonical.same(a, b)


def _all_ids(layout: Layout) -> Protocol[tuple[list[str], dict[str, str]]]:
    """Name all sessions that lie there, whatever the hints say, and the directories that do not tell whose they are."""
    if isinstance(layout, Tree):
        return (yield from layout.all_ids()), {}
    ids, untold = yield from stored_ids()
    return sorted(ids), untold
