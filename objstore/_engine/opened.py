"""An opened place: its backend and driver, and the layout that is found there at the first call."""

from __future__ import annotations

import datetime
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from .._care.care import OF_DOCUMENTS, OF_SESSIONS, Care
from .._care.findings import VerifyReport
from .._care.repair import RepairReport
from .._care.retention import CollectReport, Doomed, PruneReport
from .._care.usage import UsageReport
from .._format import canonical, naming
from .._format.naming import MARKER
from .._format.patching import Patch
from .._log.base import Rules
from .._log.compare import Diff
from .._log.draft import Summarise
from .._log.fork import Adopt
from .._log.head import Glimpse, find_head
from .._log.marker import Place, confirm, look, probe
from .._log.ops import Call, Get, Moment, Now, Protocol, beside
from .._log.session import CommitInfo
from .._seed import five_parts
from .._seed.tree import Tree
from ..backends import LocalBackend, open_backend
from ..backends.probe import CheckFinding, CheckReport, check
from ..errors import BackendError, FormatError, IntegrityError, UnsupportedError
from ..models import Revision, SessionData
from . import housekeeping
from .arguments import Options, flag, keeping, no_text, text
from .drive import Driver
from .handle import Handle
from .layouts import BaseArgument, Layout, given
from .memory import Memory
from .observing import SaveEvent, Tally
from .pages import IdPages, SummaryPages, Wanted
from .summary import SessionSummary, summary_of
from .unfinished import unfinished

_LISTED_BYTES = 4096

_SESSION_RULES = Rules(
    limits={five_parts.ARTIFACTS: five_parts.ARTIFACT_TEXT_BYTES},
    appendable=frozenset({five_parts.TRACES, five_parts.RUNS}),
    empty=dict.fromkeys(five_parts.PARTS),
    main=five_parts.SESSION,
    streams=True,
)


class Opened:
    """One opened place, shared by all calls of a face, from any thread."""

    def __init__(self, options: Options, rules: Rules, summarise: Summarise, adopt: Adopt, care: Care) -> None:
        self._rules = rules
        self._summarise = summarise
        self._adopt = adopt
        self._care = care
        self.backend = open_backend(
            options.target,
            path=options.path,
            storage_options=options.storage_options,
            durability=options.durability,
            timeout=options.timeout,
            retries=options.retries,
            concurrency=options.concurrency,
            client=options.client,
        )
        if isinstance(self.backend, LocalBackend):  # a relative path means another place where a pickle may be opened
            options = replace(options, target=self.backend, path=None, storage_options=None)
        self.options = options
        self.driver = Driver(self.backend, options.observer)
        self._memory = Memory(options.cache_bytes)
        self._layout: Handle | Tree | None = None

    @classmethod
    def for_sessions(cls, options: Options) -> Opened:
        """Open a place for sessions of the seed's types."""
        return cls(options, _SESSION_RULES, _signed(five_parts.summarise), five_parts.adopt, OF_SESSIONS)

    @classmethod
    def for_documents(cls, options: Options) -> Opened:
        """Open a place for documents with parts of any name."""
        return cls(options, Rules(), _signed(_listed), lambda state, _: dict(state), OF_DOCUMENTS)

    def look(self) -> Protocol[Place]:
        """Find out what lies there, and whether it is what was asked for.

        Raises:
            FormatError: It is not; the message names the place.
        """
        return (yield from self._named(confirm((yield from self._named(look(self.options.layout))))))

    def _named(self, looking: Protocol[Place]) -> Protocol[Place]:
        try:
            return (yield from looking)
        except FormatError as error:
            raise FormatError(f"{self.backend!r}: {error}", error.key) from None

    def layout(self, loading: str | None = None) -> Protocol[Layout]:
        """Find out what lies at the place; it is looked at again until there is something.

        Args:
            loading: A session that the layout is asked for to load: its head is looked for at once.
        """
        layout = self._layout
        if layout is None or (isinstance(layout, Handle) and layout.place.marker is None):
            glimpse: Glimpse | None = None
            if loading is None or self.options.layout == "tree":
                place = yield from self.look()
            else:
                key = naming.session_key(naming.check_id(loading))
                now: Moment = yield Now()
                place, head = yield from beside(self._named(look(self.options.layout)), find_head(key))
                place = yield from self._named(confirm(place))
                glimpse = now, head
            if place.layout == "tree":
                self._layout = layout = Tree()
            elif self._layout is None or place.marker is not None:
                self._layout = layout = Handle(
                    place,
                    self._rules,
                    self._summarise,
                    self._adopt,
                    self._care,
                    where=repr(self.backend),
                    memory=self._memory,
                    exclusive=self.backend.capabilities.exclusive_create,
                    single_writer=self.options.single_writer,
                )
            else:
                layout = self._layout
            if glimpse and isinstance(layout, Handle):
                return layout.after(glimpse)
        assert layout is not None
        return layout

    def delete(self, id: str, base: BaseArgument, *, purge: bool, keep_versions: bool) -> Protocol[None]:
        """See `SessionStore.delete`."""
        layout = yield from self.layout()
        if flag("purge", purge) and not flag("keep_versions", keep_versions) and (yield from self._keeps_versions()):
            raise UnsupportedError(
                f"this place keeps old versions of what is replaced, so a purge of {id!r} would erase nothing; let a "
                "rule of the bucket expire them and say keep_versions=True (--keep-versions), or delete without purge"
            )
        yield from layout.delete(id, given(base), purge=purge)

    def foresee_delete(self, id: str, *, purge: bool) -> Protocol[tuple[list[Doomed], list[Doomed]]]:
        """Name what a delete would remove at once, and what later."""
        return (yield from (yield from self.layout()).foresee_delete(id, purge=purge))

    def _keeps_versions(self) -> Protocol[bool]:
        """Ask the storage whether it keeps versions, where that can be asked; the marker is there in any log store."""
        ask = getattr(self.backend, "facts", None)
        if ask is None or (yield Get(MARKER, 0)) is None:
            return False
        found = yield Call(ask, (MARKER,), blocking=True)
        return found.versioned is True

    def exists(self, id: str) -> Protocol[bool]:
        """See `SessionStore.exists`."""
        return (yield from (yield from self.layout()).exists(id))

    def list_ids(self, prefix: str) -> Protocol[list[str]]:
        """See `SessionStore.list`."""
        return (yield from (yield from self.layout()).list_ids(text("prefix", prefix)))

    def id_pages(self, prefix: str, after: str | None) -> IdPages:
        """See `SessionStore.iter_ids`."""
        return IdPages(self.layout, text("prefix", prefix), after)

    def summary_pages(self, ids: Iterable[str] | None, prefix: str, wanted: Wanted) -> SummaryPages:
        """See `SessionStore.iter_summaries`."""
        text("prefix", prefix)
        source = (
            self.id_pages(prefix, None)
            if ids is None
            else (id for id in no_text(ids) if naming.check_id(id).startswith(prefix))
        )
        return SummaryPages(self.layout, source, wanted)

    def summaries(self, ids: Iterable[str]) -> Protocol[list[SessionSummary]]:
        """See `SessionStore.summaries`."""
        return [summary_of(listed) for listed in (yield from (yield from self.layout()).heads(ids))]

    def history(self, id: str) -> Protocol[list[CommitInfo]]:
        """See `SessionStore.history`."""
        return (yield from (yield from self.layout()).history(id))

    def restore(self, id: str, at: int) -> Protocol[Revision]:
        """See `SessionStore.restore`."""
        revision, _ = yield from (yield from self.layout()).restore(id, naming.check_number(at))
        return revision

    def fork(self, id: str, new_id: str, at: int | None) -> Protocol[Revision]:
        """See `SessionStore.fork`."""
        if at is not None:
            naming.check_number(at)
        return (yield from (yield from self._log()).fork(id, new_id, at))

    def diff(self, id: str, old: int, new: int) -> Protocol[Diff]:
        """See `SessionStore.diff`."""
        for what, number in (("old", old), ("new", new)):
            naming.check_number(number, what)
        return (yield from (yield from self._log()).diff(id, old, new))

    def prune(
        self,
        id: str,
        keep_last: int | None,
        keep_newer_than: datetime.datetime | datetime.timedelta | None,
        keep_snapshots: int | None,
        *,
        dry_run: bool,
    ) -> Protocol[PruneReport]:
        """See `SessionStore.prune`."""
        choose = keeping(keep_last, keep_newer_than, keep_snapshots)
        return (yield from housekeeping.prune((yield from self._log()), id, choose, dry_run=flag("dry_run", dry_run)))

    def collect(self, ids: Iterable[str] | None, *, dry_run: bool) -> Protocol[CollectReport]:
        """See `SessionStore.collect`."""
        wanted = None if ids is None else list(ids)
        report = yield from housekeeping.collect((yield from self._log()), wanted, dry_run=flag("dry_run", dry_run))
        files = yield from unfinished(self.backend, wanted, self._rules.grace, dry_run=dry_run)
        return replace(report, removed=(*report.removed, *files))

    def du(self, ids: Iterable[str] | None) -> Protocol[UsageReport]:
        """See `SessionStore.du`."""
        return (yield from housekeeping.du((yield from self._log()), ids))

    def repair(self, id: str, *, dry_run: bool) -> Protocol[RepairReport]:
        """See `SessionStore.repair`."""
        return (yield from housekeeping.repair((yield from self._log()), id, dry_run=flag("dry_run", dry_run)))

    def _log(self) -> Protocol[Handle]:
        layout = yield from self.layout()
        if not isinstance(layout, Handle):
            raise UnsupportedError("the tree layout keeps no history; copy it into a log store for that")
        return layout

    def verify(self, ids: Iterable[str] | None) -> Protocol[VerifyReport]:
        """See `SessionStore.verify`."""
        return (yield from (yield from self.layout()).verify(ids))

    def reporter(self, id: str) -> Callable[[Revision | SessionData, Tally], None]:
        """Give the function that tells the observer of a save when it is done: of its revision, or the session."""

        def report(saved: Revision | SessionData, tally: Tally) -> None:
            revision = saved.revision if isinstance(saved, SessionData) else saved
            if self.driver.listened_to and revision:
                seconds = time.perf_counter() - tally.started
                self.driver.notify(SaveEvent(id, revision.seq, tally.requests, tally.sent, seconds))

        return report

    def check(self) -> Protocol[CheckReport]:
        """See `SessionStore.check`."""
        try:
            place = yield from confirm((yield from look(self.options.layout)))
        except (FormatError, IntegrityError, BackendError) as error:
            lies = CheckFinding("place", ok=False, detail=str(error))
        else:
            what = f"a store of the {place.layout} layout lies there" if place.layout else "nothing lies there yet"
            lies = CheckFinding("place", ok=True, detail=what)
        report = yield from check(self.backend)
        return replace(report, findings=(lies, *report.findings))

    def health(self) -> Protocol[None]:
        """Look at the place, and make sure that it can be written, without leaving anything."""
        yield from self.layout()
        yield from probe()


def _listed(state: Mapping[str, Any], *_: object) -> dict[str, Any]:
    """Give what a listing shows of a document: its part ``summary``, where that is small enough for every commit."""
    summary = state.get("summary")
    try:
        text = canonical.dumps(summary)
    except TypeError:  # it holds what is stored apart
        return {}
    return {} if summary is None or len(text.encode()) > _LISTED_BYTES else {"summary": summary}


def _signed(summarise: Summarise) -> Summarise:
    """Let the summary of each commit also say which process wrote it, for those who look for the cause of something."""
    host = socket.gethostname()

    def signed(state: Mapping[str, Any], patch: Patch | None, before: Mapping[str, Any]) -> dict[str, Any]:
        return {**summarise(state, patch, before), "writer": f"{host}:{os.getpid()}"}

    return signed
