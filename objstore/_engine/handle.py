"""One opened log store: what is remembered of its sessions, and its calls in terms of parts.

The faces translate between their types and parts; everything that they have in common is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import replace
from typing import Any

from .._care import prune
from .._care.care import Care
from .._care.findings import VerifyReport
from .._care.repair import bury
from .._care.retention import Doomed
from .._care.verify import verify
from .._format import checking, naming
from .._format.canonical import JSON
from .._format.naming import MARKER
from .._format.zstd import Compressors
from .._log import listing, session
from .._log.base import Base, Rules
from .._log.chain import follow, load
from .._log.change import Change, Derive, Edit, Pinned, Replace
from .._log.compare import Diff, differences
from .._log.draft import Summarise
from .._log.fork import Adopt, fork
from .._log.head import Glimpse
from .._log.listing import IdPage, Listed
from .._log.loaded import Loaded, Sight, described, plain
from .._log.marker import Place, settle
from .._log.ops import Get, Protocol
from .._log.save import Saved, save
from ..errors import BackendError, ConflictError, IntegrityError, NotFoundError, UnsupportedBackendError
from ..models import Revision
from .arguments import check_key
from .memory import Memory


class Handle:
    """The calls of a log store, as protocols. One instance serves all threads and tasks of a process."""

    def __init__(
        self,
        place: Place,
        rules: Rules,
        summarise: Summarise,
        adopt: Adopt,
        care: Care,
        *,
        where: str,
        memory: Memory,
        exclusive: bool,
        single_writer: bool,
    ) -> None:
        tearable = single_writer and not exclusive
        self.rules = replace(rules, interval=place.interval, tearable=tearable, compressors=Compressors())
        self.place = place
        self.summarise = summarise
        self._adopt = adopt
        self.care = care
        self._where = where
        self._memory = memory
        self._exclusive = exclusive
        self._single_writer = single_writer
        self._settled = False
        self._glimpse: Glimpse | None = None

    def after(self, glimpse: Glimpse) -> Handle:
        """Give a handle for one load of a session whose head was looked for beside the marker."""
        handle = copy(self)
        handle._glimpse = None if self.rules.tearable else glimpse  # it does not tell whether the head is whole
        return handle

    def streaming(self) -> Handle:
        """Give a handle whose loads leave raw bytes as references, whatever face it was opened for."""
        handle = copy(self)
        handle.rules = replace(self.rules, streams=True)
        return handle

    def writing(self) -> Protocol[None]:
        """Before the first write: make sure of the marker, and that the storage refuses to make it twice."""
        if self._settled:
            return
        if not self._exclusive and not self._single_writer:
            raise UnsupportedBackendError(
                "this storage cannot create an object only where none is, so two writers could lose each other's "
                "saves; open it with single_writer=True (--single-writer) if nobody else writes, or with layout='tree' "
                "(--layout tree)"
            )
        self.place = yield from settle(self.place, demand=not self._single_writer)
        self.rules = replace(self.rules, interval=self.place.interval)
        self._settled = True

    def _head(self, id: str) -> Protocol[Base]:
        naming.check_id(id)
        remembered = self._memory.get(id)
        glimpse = self._glimpse
        base = yield from (follow(self.rules, remembered) if remembered else load(self.rules, id, glimpse=glimpse))
        self._remember(base)
        return base

    def _remember(self, base: Base) -> None:
        if base.seq:
            self._memory.put(base)

    def forget(self, id: str) -> None:
        """Remember nothing of a session: what was known of it may stand on what is gone."""
        self._memory.forget(id)

    def load(
        self, id: str, parts: Iterable[str] | None, at: int | None, *, contents: bool = True
    ) -> Protocol[Loaded | None]:
        """Read some parts of a session, or all; ``None`` where nothing was ever saved or all was deleted.

        Without ``contents`` the objects that they name are not read, and references stand in the parts.
        """
        naming.check_id(id)
        base = yield from (self._head(id) if at is None else load(self.rules, id, at=at, glimpse=self._glimpse))
        if base.state is None:
            return None
        wanted = dict(base.state) if parts is None else {part: base.state.get(part) for part in parts}
        if contents:
            read = yield from session.contents_of(
                base, list(wanted.values()), streams=self.rules.streams, kept=self._memory
            )
            wanted = {part: plain(value, contents=read) for part, value in wanted.items()}
        return Loaded(naming.log_key(base.key, base.seq), wanted, self._revision(base, {}), base)

    def save(
        self, id: str, parts: Mapping[str, JSON], base: Revision | int | None, key: str | None
    ) -> Protocol[tuple[Revision, bool]]:
        """Set parts to values, on a revision or on whatever is there; also say whether a commit was written."""
        naming.check_id(id)
        check_key(key)
        yield from self.writing()
        try:
            if base is None:
                known = self._memory.get(id)
                return (yield from self._commit(id, Replace(parts), known, key))
            sight = yield from self._sight(id, base, parts)
            seen = {**sight.base.parts(self.rules), **sight.known}
            edit = Edit(seen, parts, frozenset(sight.known), created=sight.base.seq == 0)
            return (yield from self._commit(id, edit, sight.base, key, sight.stale))
        except (TypeError, ValueError, RecursionError):  # what could not be encoded: say where it is
            for part, value in parts.items():
                checking.check_again(value, what=part)
            raise

    def derive(
        self,
        id: str,
        patches: Callable[[Mapping[str, JSON]], dict[str, Any]],
        base: Revision | int | None,
        key: str | None,
    ) -> Protocol[tuple[Revision, bool]]:
        """Change whatever is at the newest end, by a function of it; with a base only if that is the newest end."""
        naming.check_id(id)
        check_key(key)
        yield from self.writing()
        if base is not None:
            sight = yield from self._sight(id, base, ())
            pinned = Pinned(patches, {**sight.base.parts(self.rules), **sight.known}, sight.stale)
            return (yield from self._commit(id, pinned, sight.base, key, sight.stale))
        head = self._memory.get(id) or (yield from load(self.rules, id))
        return (yield from self._commit(id, Derive(patches), head, key))

    def fork(self, id: str, new_id: str, at: int | None) -> Protocol[Revision]:
        """Make a new session of a state of another."""
        naming.check_id(new_id)
        yield from self.writing()
        base = yield from fork(self.rules, naming.check_id(id), new_id, at, self._adopt, self.summarise)
        self._remember(base)
        return self._revision(base, {})

    def diff(self, id: str, old: int, new: int) -> Protocol[Diff]:
        """Compare two states of a session."""
        before = yield from load(self.rules, naming.check_id(id), at=old)
        after = yield from load(self.rules, id, at=new)
        found = list(differences(_there(before.parts(self.rules)), _there(after.parts(self.rules))))
        old_ones = yield from session.contents_of(before, [d.old for d in found], streams=self.rules.streams)
        new_ones = yield from session.contents_of(after, [d.new for d in found], streams=self.rules.streams)
        shown = [
            replace(d, old=plain(d.old, described, old_ones), new=plain(d.new, described, new_ones)) for d in found
        ]
        return Diff(id, old, new, tuple(shown))

    def restore(self, id: str, at: int) -> Protocol[tuple[Revision, bool]]:
        """Commit the state of an older commit on top of the newest."""
        naming.check_id(id)
        yield from self.writing()
        old = yield from load(self.rules, id, at=at)
        if old.state is None:
            raise NotFoundError(f"commit {at} of {id!r} deleted it; there is no state to restore")
        head = yield from self._head(id)
        if old.seq >= head.floor:  # then what it needs is retained, and nothing of it has to be sent again
            head = replace(head, present={**old.objects, **head.present})
        return (yield from self._commit(id, Replace(old.state, whole=True), head, None))

    def _look_for_marker(self) -> Protocol[None]:
        """Where somebody removed the store, what is saved next begins a new one, and that wants a marker."""
        with suppress(BackendError):
            if (yield Get(MARKER, 0)) is None:
                self.place, self._settled = replace(self.place, marker=None), False

    def _commit(
        self, id: str, change: Change, base: Base | None, key: str | None, stale: frozenset[str] = frozenset()
    ) -> Protocol[tuple[Revision, bool]]:
        try:
            saved: Saved = yield from save(self.rules, id, change, base, key=key, summarise=self.summarise)
        except ConflictError:
            self._memory.forget(id)
            raise
        except BackendError:
            self._memory.forget(id)  # it may not be there any more
            yield from self._look_for_marker()
            raise
        if saved.base.digest is None:
            raise NotFoundError(f"there is no {id!r}, and nothing was given that could be saved")
        if saved.wrote:
            self._remember(saved.base)
        if saved.answered and saved.known:  # to take it for saved would acknowledge, unwritten, a save of just that
            return Revision(saved.base.seq, saved.base.digest, partial=stale.union(saved.known)), False
        return self._revision(saved.base, saved.known, stale), saved.wrote

    @property
    def _store(self) -> tuple[str, bytes | None]:
        return self._where, self.place.marker

    def _revision(self, base: Base, known: Mapping[str, JSON], stale: frozenset[str] = frozenset()) -> Revision:
        assert base.digest is not None
        sight = Sight(base, known, self._store, stale)
        return Revision(base.seq, base.digest, base=sight, partial=stale.union(known))

    def _sight(self, id: str, base: Revision | int, parts: Iterable[str]) -> Protocol[Sight]:
        if isinstance(base, int):
            return Sight((yield from session.at_revision(self.rules, id, base, None)), {}, self._store)
        if base.seq is None:
            raise ConflictError(
                f"the revision of {id!r} is of a tree store, which numbers none: pass base=0 to save it as new, or set "
                "session.revision to None to replace what is there", id,
            )  # fmt: skip
        if isinstance(base.base, Sight):
            other = base.base.base.id
            if other != id:
                raise ConflictError(
                    f"the revision is one of {other!r}, not of {id!r}; to save a copy under a new id, pass base=0",
                    id, base.seq,
                )  # fmt: skip
            if base.base.store == self._store:  # else it has to be found here too
                _check_stale(id, base, base.base.stale, parts)
                return base.base
        _check_stale(id, base, base.partial, parts)
        found = yield from session.at_revision(self.rules, id, base.seq, base.digest)
        return Sight(found, {}, self._store, base.partial)

    def delete(self, id: str, base: Revision | int | None, *, purge: bool) -> Protocol[None]:
        """Delete a session; nothing happens where there is none."""
        naming.check_id(id)
        try:
            head = yield from self._head(id)
        except IntegrityError:
            if base is not None:
                raise
            yield from self.writing()
            yield from bury(self.rules, id, self.summarise)
            head = yield from self._head(id)
        seen = None
        if base is not None and head.kind != "delete":
            sight = yield from self._sight(id, base, ())
            if isinstance(base, Revision) and base.partial:
                parts = " and ".join(sorted(base.partial))
                raise ConflictError(
                    f"{parts} of {id!r} changed before commit {base.seq}, unseen by the holder of this revision; load "
                    "it again and decide", id, base.seq,
                )  # fmt: skip
            seen = sight.base
        if head.seq == 0:
            if seen is not None and seen.seq:
                raise ConflictError(f"{id!r} is not there any more", id, seen.seq, 0)
            return
        yield from self.writing()
        gone = yield from session.delete(self.rules, head, seen, self.summarise)
        if gone:
            if purge:
                yield from prune.purge(gone)
            self._memory.forget(id)

    def foresee_delete(self, id: str, *, purge: bool) -> Protocol[tuple[list[Doomed], list[Doomed]]]:
        """Name what a delete would remove at once, and what later."""
        return prune.foresee_delete(self.rules, naming.check_id(id), purge=purge)

    def list_ids(self, prefix: str) -> Protocol[list[str]]:
        """Name all sessions whose ids begin with ``prefix``, sorted."""
        return listing.list_ids(prefix)

    def page_of_ids(self, prefix: str, cursor: str) -> Protocol[IdPage]:
        """Name some of them, those behind a name in the storage."""
        return listing.page_of_ids(prefix, cursor)

    def cursor_behind(self, id: str) -> str:
        """Give the name behind which a listing goes on after a session."""
        return listing.cursor_behind(id)

    def heads(self, ids: Iterable[str], *, sizes: bool = False) -> Protocol[list[Listed]]:
        """Read what a listing shows of several sessions; those that do not exist are left out."""
        return listing.heads(self.rules, [naming.check_id(id) for id in ids], sizes=sizes)

    def verify(self, ids: Iterable[str] | None) -> Protocol[VerifyReport]:
        """Read and check everything that is stored of some sessions, or of all."""
        return verify(self.rules, None if ids is None else [naming.check_id(id) for id in ids], self.care)

    def exists(self, id: str) -> Protocol[bool]:
        """Say whether there is a session."""
        return session.exists(self.rules, naming.check_id(id))

    def history(self, id: str) -> Protocol[list[session.CommitInfo]]:
        """Describe the commits of a session, newest first."""
        return session.history(self.rules, naming.check_id(id))


def _there(parts: Mapping[str, JSON]) -> dict[str, JSON]:
    return {part: value for part, value in parts.items() if value is not None}


def _check_stale(id: str, base: Revision, stale: frozenset[str], parts: Iterable[str]) -> None:
    touched = sorted(stale.intersection(parts))
    if touched:
        raise ConflictError(
            f"{' and '.join(touched)} of {id!r} stood otherwise in the store when this revision was made, which came "
            "from another process or store or for a repeated key; load it again and redo the change", id, base.seq,
        )  # fmt: skip
