"""The face for programs that wait."""

from __future__ import annotations

import builtins
import datetime
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from fsspec import AbstractFileSystem

from ._care.findings import VerifyReport
from ._care.repair import RepairReport
from ._care.retention import CollectReport, PruneReport
from ._care.usage import UsageReport
from ._engine import parts
from ._engine.arguments import LayoutName, Options, listed, several
from ._engine.artifacts import ArtifactInfo, Artifacts, entry, read_range
from ._engine.layouts import UNSET, BaseArgument
from ._engine.observing import Observer
from ._engine.opened import Opened
from ._engine.pages import Wanted
from ._engine.parts import Part, SessionBundle
from ._engine.sessions import Sessions
from ._engine.spool import Source, Spool
from ._engine.streams import ArtifactStream
from ._engine.summary import SessionSummary
from ._log.compare import Diff
from ._log.ops import Protocol
from ._log.session import CommitInfo
from .backends import AsyncBackend, Backend
from .backends._target import whole
from .backends.probe import CheckReport
from .models import (
    AgentEvent,
    ArtifactStore,
    Message,
    Revision,
    RunEventRecord,
    RunRecord,
    SessionData,
    ToolArtifact,
    TraceEvent,
    VerificationReport,
)

T = TypeVar("T")
V = TypeVar("V")


def open(
    target: str | os.PathLike[str] | AbstractFileSystem | Backend | AsyncBackend,
    *,
    path: str | None = None,
    layout: LayoutName | None = None,
    storage_options: Mapping[str, Any] | None = None,
    single_writer: bool = False,
    durability: Literal["full", "none"] = "full",
    timeout: float = 30.0,
    retries: int = 4,
    concurrency: int = 32,
    cache_bytes: int = 64 * 1024 * 1024,
    client: Literal["fsspec", "obstore"] = "fsspec",
    observer: Observer | None = None,
) -> SessionStore:
    """Open a store. Nothing is read, written or connected before the first call.

    Args:
        target: A URL (``s3://bucket/agents``, ``gs://``, ``az://``, ``memory://``, ``sftp://`` ...), a path, or a
            filesystem of fsspec together with ``path``, or a backend of one's own (`objstore.backends.base`).
        path: The prefix of the store in the filesystem, and only there.
        layout: ``"log"`` or ``"tree"``; by default what lies there, and the log where nothing does.
        storage_options: Handed to fsspec as they are: endpoint, profile, encryption, tokens.
        single_writer: States that nobody else writes, for storages without an atomic create.
        durability: ``"none"`` skips flushing on local disk: faster, and a power cut may take the newest saves.
        timeout: Seconds without a byte after which a request counts as lost.
        retries: How often a request is sent again, at most.
        concurrency: How many connections are held open, at most.
        cache_bytes: How much of the sessions seen last is remembered; the very last one is, whatever its size, unless
            this is 0.
        client: What talks to the storage; ``"obstore"`` is a faster one for S3, an extra, chosen only here.
        observer: Is called with a frozen event for each operation on the storage and for each save, in whichever thread
            it was made, and should not call a store there. One that fails is logged, and stops nothing.

    Raises:
        UnsupportedError: The target is not of a kind that can hold a store, or obstore knows no such option.
        UnsupportedBackendError: A package is missing; the message names it.
        ValueError: An option is out of range or of another type, or arguments contradict each other.
    """
    return SessionStore(
        Options(
            target=target,
            path=path,
            layout=layout,
            storage_options=storage_options,
            single_writer=single_writer,
            durability=durability,
            timeout=timeout,
            retries=retries,
            concurrency=concurrency,
            cache_bytes=cache_bytes,
            client=client,
            observer=observer,
        )
    )


class OpenedSessions:
    """What both faces of a store of sessions have in common: how it is made, pickled and shown."""

    def __init__(self, options: Options) -> None:
        self._opened = Opened.for_sessions(options)
        self._sessions = Sessions(self._opened.layout)
        self._artifacts = Artifacts(self._opened.layout)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._opened.options,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._opened.backend!r})"


class SessionStore(OpenedSessions):
    """Sessions of AI agents on any storage; made by `objstore.open`.

    One instance serves all threads of a process, works in a forked child, and pickles as what it was opened with.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections, after the requests under way. A store that is used after that opens them again."""
        self._opened.backend.close()

    def _run(self, protocol: Protocol[T]) -> T:
        return self._opened.driver.run(protocol)

    def _load(self, part: Part[V], id: str, at: int | None) -> V | None:
        protocol = self._sessions.load_part(part, id, at)  # in one expression mypy would infer a part of V | None
        return self._run(protocol)

    def _save(self, id: str, protocol: Protocol[Revision]) -> Revision:
        return self._opened.driver.run(protocol, self._opened.reporter(id))

    # The trait of the seed

    def save(self, session: SessionData, *, base: BaseArgument = UNSET) -> Revision:
        """Save the session part, on the revision that the session carries, and put the new one on it.

        Either the whole save is there afterwards, durable, or nothing of it. Siblings are not touched, ``updated_at``
        is not edited, and nothing is written when nothing changed. Without a revision it is create-or-replace.

        Args:
            session: What to save; it is taken down before the call returns to anybody.
            base: Another revision to save on, or ``0``: there must be no session.

        Raises:
            ConflictError: The session was changed since the revision. Load it again and redo the change.
            InvalidIdError: The id cannot name a session.
            InvalidValueError: A value is not JSON; the message says where.
            OutcomeUnknownError: The storage never said whether the save arrived.
            BackendError: The storage failed or refused.
        """
        protocol = self._sessions.save(session, base)
        return self._save(session.id, protocol)

    def load(self, id: str, *, at: int | None = None) -> SessionData | None:
        """Load a session with its revision, or ``None`` where there is none.

        Every byte is checked. What comes back was committed, as a whole.

        Args:
            id: The session.
            at: The number of an older commit; saving what it gives conflicts (see `restore`).

        Raises:
            IntegrityError: Stored bytes are damaged; the message says which commit is the newest intact one.
            NotFoundError: There is no commit ``at``, or it was pruned.
        """
        return self._run(self._sessions.load(id, at))

    def delete(self, id: str, *, base: BaseArgument = UNSET, purge: bool = False, keep_versions: bool = False) -> None:
        """Delete a session and its siblings; deleting one that is not there does nothing.

        It is gone for every reader when this returns, and a writer that still holds it gets `ConflictError`. Contents
        that only older commits hold are removed by the first `collect` after a day.

        Args:
            id: The session.
            base: Delete only if nothing changed since this revision.
            purge: Erase the contents of its history now.
            keep_versions: Purge even where the storage keeps old versions of what is replaced, which are the bucket's
                to remove.

        Raises:
            ConflictError: With a base: something changed since.
            UnsupportedError: A purge where the storage says that it keeps old versions.
        """
        self._run(self._opened.delete(id, base, purge=purge, keep_versions=keep_versions))

    def list(self) -> list[str]:
        """Give the ids of all sessions, sorted."""
        return self._run(self._opened.list_ids(""))

    def exists(self, id: str) -> bool:
        """Say whether there is a session of this id."""
        return self._run(self._opened.exists(id))

    def health_check(self) -> None:
        """Look at the place, and write and remove a small object there.

        Raises:
            ObjstoreError: It is not a place that can be worked with now.
        """
        self._run(self._opened.health())

    def check(self) -> CheckReport:
        """Try out whether the place is fit to hold a store, and leave nothing in it.

        Asks what the log layout stands on: that a create of what is there is refused, also in a race; that a write is
        read and listed at once; that permissions suffice; and what is known of versions and of the clock.
        """
        return self._run(self._opened.check())

    def backend_name(self) -> str:
        """Say what kind of storage it is: ``file``, ``memory``, ``s3``, ``gcs``, ``az``, else fsspec's protocol."""
        return self._opened.backend.name

    def save_artifacts(self, id: str, artifacts: ArtifactStore, *, base: BaseArgument = UNSET) -> Revision:
        """Save the artifacts of a session, which need not exist itself."""
        return self._save(id, self._sessions.save_part(parts.ARTIFACTS, id, artifacts, base))

    def load_artifacts(self, id: str, *, at: int | None = None) -> ArtifactStore | None:
        """Load the artifacts of a session; ``None`` where none were ever saved.

        Texts come with their contents. Binary ones only name theirs (`ToolArtifact.data`), which are kept when the
        artifacts are saved again into this session; `open_artifact` reads them.
        """
        return self._load(parts.ARTIFACTS, id, at)

    def save_trace_events(self, id: str, events: Sequence[TraceEvent], *, base: BaseArgument = UNSET) -> Revision:
        """Save the trace events of a session."""
        return self._save(id, self._sessions.save_part(parts.TRACE_EVENTS, id, listed("events", events), base))

    def load_trace_events(self, id: str, *, at: int | None = None) -> builtins.list[TraceEvent] | None:
        """Load the trace events of a session; ``None`` where none were ever saved."""
        return self._load(parts.TRACE_EVENTS, id, at)

    def save_run_records(self, id: str, records: Sequence[RunRecord], *, base: BaseArgument = UNSET) -> Revision:
        """Save the run records of a session."""
        return self._save(id, self._sessions.save_part(parts.RUN_RECORDS, id, listed("records", records), base))

    def load_run_records(self, id: str, *, at: int | None = None) -> builtins.list[RunRecord] | None:
        """Load the run records of a session; ``None`` where none were ever saved."""
        return self._load(parts.RUN_RECORDS, id, at)

    def save_verification_reports(
        self, id: str, reports: Sequence[VerificationReport], *, base: BaseArgument = UNSET
    ) -> Revision:
        """Save the verification reports of a session."""
        return self._save(
            id, self._sessions.save_part(parts.VERIFICATION_REPORTS, id, listed("reports", reports), base)
        )

    def load_verification_reports(self, id: str, *, at: int | None = None) -> builtins.list[VerificationReport] | None:
        """Load the verification reports of a session; ``None`` where none were ever saved."""
        return self._load(parts.VERIFICATION_REPORTS, id, at)

    # Several parts at once

    def commit(
        self,
        session_or_id: SessionData | str,
        *,
        artifacts: ArtifactStore | None = None,
        trace_events: Sequence[TraceEvent] | None = None,
        run_records: Sequence[RunRecord] | None = None,
        verification_reports: Sequence[VerificationReport] | None = None,
        base: BaseArgument = UNSET,
        key: str | None = None,
    ) -> Revision:
        """Save a session and its siblings in one atomic commit; ``None`` leaves a sibling alone, ``[]`` empties it.

        Args:
            session_or_id: The session, or only its id to leave the session part alone.
            artifacts: All artifacts.
            trace_events: All trace events.
            run_records: All run records.
            verification_reports: All verification reports.
            base: As for `save`.
            key: An idempotency key of at most 128 bytes: a repeat with the same key is answered, not saved again,
                while it is among the last 32.

        Raises:
            ConflictError: A part that is saved was changed since the revision, other than by both sides adding to
                the end of traces or runs.
            NotFoundError: There never was anything under this id, and nothing is given; or a binary artifact is not one
                of this session.
            UnsupportedError: With a key: the tree layout keeps none.
        """
        id = session_or_id.id if isinstance(session_or_id, SessionData) else session_or_id
        return self._save(
            id,
            self._sessions.commit(session_or_id, artifacts, trace_events, run_records, verification_reports, base, key),
        )

    def append(
        self,
        id: str,
        *,
        messages: Iterable[Message] = (),
        trace_events: Iterable[TraceEvent] = (),
        run_records: Iterable[RunRecord] = (),
        run_events: Mapping[str, Iterable[RunEventRecord | AgentEvent]] | None = None,
        artifacts: Iterable[ToolArtifact] = (),
        verification_reports: Iterable[VerificationReport] = (),
        base: BaseArgument = UNSET,
        key: str | None = None,
    ) -> Revision:
        """Add to the ends of a session's parts, in one atomic commit at the newest end.

        Any number of writers may append at once; each append is there exactly once, in the order of the commits.

        Args:
            id: The session.
            messages: For the conversation, which must exist.
            trace_events: For the traces.
            run_records: New runs.
            run_events: Run id -> events of a run that is there; a bare event gets the next place in it. They change the
                run's status, result and error as `InMemoryRunStore.record_event` does.
            artifacts: Put behind the others; one of the same uri is replaced.
            verification_reports: For the reports.
            base: Append only if messages, artifacts and reports are as in this revision.
            key: As for `commit`.

        Raises:
            NotFoundError: There is no session to append messages to, or no such run.
            ConflictError: With a base: somebody was faster.
        """
        protocol = self._sessions.append(
            id, messages, trace_events, run_records, run_events or {}, artifacts, verification_reports, base, key
        )
        return self._save(id, protocol)

    def update(
        self, id: str, change: Callable[[SessionData], SessionData | None], *, attempts: int = 10
    ) -> SessionData:
        """Load a session, let a function change it or make a new one of it, and save; again when others were faster.

        Args:
            id: The session, which must exist.
            change: Is called with what was loaded, once per attempt.
            attempts: After how many conflicts to give up, 1 or more.

        Returns:
            The session as it was saved.

        Raises:
            NotFoundError: There is no session.
            ConflictError: Others were faster in every attempt.
        """
        protocol = self._sessions.update(id, change, whole("attempts", attempts, 1))
        return self._opened.driver.run(protocol, self._opened.reporter(id))

    def load_bundle(self, id: str, *, at: int | None = None) -> SessionBundle | None:
        """Load all five parts of one commit, the contents of artifacts included; ``None`` where there is nothing."""
        return self._run(self._sessions.load_bundle(id, at))

    # Artifacts as streams

    def put_artifact(
        self, id: str, contents: Source, *, tool_name: str, uri: str | None = None, media_type: str | None = None
    ) -> ArtifactInfo:
        """Put an artifact of any size behind the others of a session, in one atomic commit at the newest end.

        What is not a text is first copied to a local file while it is hashed (`tempfile` says where, set ``TMPDIR`` to
        change it), then sent a few MiB at a time; so its size is limited by the disk, not by the memory. Contents that
        the session has already are not sent again. When this fails, the session is as it was, and `collect` removes
        what may have arrived.

        Args:
            id: The session, which need not exist itself.
            contents: A ``str`` is kept as a text. Binary are ``bytes``, the path of a file (a `pathlib.Path`, since a
                ``str`` is a text), and a stream of bytes, which is read to its end and left open.
            tool_name: The tool that made it.
            uri: What messages refer to; an artifact of the same uri is replaced. By default
                ``a3s://tool-output/<tool>/<digits>``, with 32 hex digits of the sha256 of the contents.
            media_type: What kind of thing it is, such as ``image/png``.

        Raises:
            UnsupportedError: The tree layout holds texts only.
            TypeError: The contents are of another type, or the stream gives text.
            OSError: The path or stream cannot be read, or there is no room for the local copy.
        """
        with Spool() as spool:
            if not isinstance(contents, str):
                spool.fill(contents)
            document, info = entry(contents, spool, uri=uri, tool_name=tool_name, media_type=media_type)
            self._save(id, self._artifacts.put(id, document))
        return info

    def artifact(self, id: str, uri: str, *, at: int | None = None) -> ArtifactInfo | None:
        """Say what is known of an artifact, without reading its contents; ``None`` where there is none.

        Args:
            id: The session.
            uri: The artifact.
            at: The number of an older commit.
        """
        return self._run(self._artifacts.info(id, uri, at))

    def open_artifact(self, id: str, uri: str, *, at: int | None = None) -> ArtifactStream:
        """Open the contents of an artifact as a stream of bytes; of a text these are its UTF-8.

        They are read a few MiB at a time. Read from the beginning to the end they are checked: the last read raises
        where they are not what was stored. What is read after a seek is not; `ArtifactStream.verified` tells.

        Args:
            id: The session.
            uri: The artifact.
            at: The number of an older commit.

        Raises:
            NotFoundError: There is no such artifact.
            IntegrityError: By a read: the contents are missing or damaged; it names the object.
        """
        found = self._run(self._artifacts.find(id, uri, at))
        return found.stream(lambda start, length: self._run(read_range(found.key, start, length)))

    # History

    def history(self, id: str) -> builtins.list[CommitInfo]:
        """Describe the commits of a session, newest first, down to where it was pruned; ``[]`` where there is none.

        Raises:
            UnsupportedError: The tree layout keeps no history.
        """
        return self._run(self._opened.history(id))

    def restore(self, id: str, at: int) -> Revision:
        """Commit the state of commit ``at`` on top of the newest; what it replaces stays in the history.

        Raises:
            NotFoundError: There is no commit ``at``, it was pruned, or it deleted the session.
            UnsupportedError: The tree layout keeps no history.
        """
        return self._save(id, self._opened.restore(id, at))

    def fork(self, id: str, new_id: str, *, at: int | None = None) -> Revision:
        """Make a new session of the newest state of another, or of its commit ``at``.

        Its objects are copied inside the storage; it shares nothing with the origin, which may be pruned or deleted.
        `history` of the new one names where it came from.

        Raises:
            NotFoundError: There is no such session or commit.
            ConflictError: There is a session ``new_id`` already.
            UnsupportedError: The tree layout keeps no history.
        """
        return self._save(new_id, self._opened.fork(id, new_id, at))

    def diff(self, id: str, old: int, new: int) -> Diff:
        """Compare two commits of a session.

        Raises:
            NotFoundError: One of them is not there, or was pruned.
            UnsupportedError: The tree layout keeps no history.
        """
        return self._run(self._opened.diff(id, old, new))

    # Listings

    def iter_ids(self, prefix: str = "", *, after: str | None = None) -> Iterator[str]:
        """Go over the ids that begin with ``prefix``, in the order of their names in the storage.

        That is not quite the order of `list`, which sorts. Memory is bounded, however many there are, on local disk and
        on object storages. A session that is there all the while is given exactly once, whatever others save and
        delete.

        Args:
            prefix: What the ids begin with.
            after: Go on behind this id, which need not exist any more.
        """
        pages = self._opened.id_pages(prefix, after)
        while pages.left:
            yield from self._run(pages.read())

    def iter_summaries(
        self,
        ids: Iterable[str] | None = None,
        *,
        prefix: str = "",
        state: str | None = None,
        parent: str | None = None,
        updated_since: datetime.datetime | None = None,
        sizes: bool = False,
    ) -> Iterator[SessionSummary]:
        """Go over what a listing shows of some sessions, or of all, some at a time and with bounded memory.

        Of a session whose newest commit is damaged the ``problem`` says so; it hides none of the others.

        Args:
            ids: Which sessions, taken as they are needed; by default all, in the order of `iter_ids`.
            prefix: Only ids that begin with this.
            state: Only sessions in this state: ``Active``, ``Paused`` ... (`SessionState`).
            parent: Only sessions that were started from this one.
            updated_since: Only sessions whose ``updated_at`` is not before this.
            sizes: Also look how many bytes each takes: at least two requests more for each.

        Raises:
            ValueError: There is no such state, or the time has no zone.
            TypeError: The ids are one id, not several.
        """
        wanted = Wanted(state, parent, updated_since, sizes)
        pages = self._opened.summary_pages(ids, prefix, wanted)
        while pages.left:
            yield from self._run(pages.read())

    def summaries(self, ids: Iterable[str]) -> builtins.list[SessionSummary]:
        """Read what a listing shows of some sessions, in their order; those that do not exist are left out."""
        return self._run(self._opened.summaries(several(ids) or []))

    # Care for what is stored

    def prune(
        self,
        id: str,
        *,
        keep_last: int | None = None,
        keep_newer_than: datetime.datetime | datetime.timedelta | None = None,
        keep_snapshots: int | None = None,
        dry_run: bool = False,
    ) -> PruneReport:
        """Give up old history: older states can not be loaded afterwards, and what only they needed is removed.

        Safe beside writers, which at worst conflict, and repeatable at every step. Of several wishes the one counts
        that keeps most. At least what is asked for is kept: the floor is the next older commit that holds a whole
        state. Where nothing is older than what is to be kept, nothing happens.

        Args:
            id: The session.
            keep_last: How many of the newest commits to keep; 1 keeps only the newest state.
            keep_newer_than: Keep the commits since a time, or not older than this.
            keep_snapshots: How many of the newest snapshots to keep, with all commits since; one is written about every
                32 commits, so this is the coarse wish that keeps nothing beyond it.
            dry_run: Only report what would go, and why: the very objects that would.

        Raises:
            ValueError: Nothing was said, a number is not whole or less than 1, a time has no zone or is to come, or an
                age is negative.
            ConflictError: Others kept committing; nothing was removed.
            UnsupportedError: The tree layout keeps no history.
        """
        return self._run(self._opened.prune(id, keep_last, keep_newer_than, keep_snapshots, dry_run=dry_run))

    def collect(self, ids: Iterable[str] | None = None, *, dry_run: bool = False) -> CollectReport:
        """Remove what crashes and deletions left of some sessions, or of all: never what a retained commit needs.

        Safe beside writers, and repeatable at every step. On local disk the unfinished files of processes that were
        killed go too, when they are a day old.

        Args:
            ids: The sessions; by default every one that lies there.
            dry_run: Only report what would go, and why.

        Raises:
            UnsupportedError: In the tree layout nothing is left over.
        """
        return self._run(self._opened.collect(several(ids), dry_run=dry_run))

    def du(self, ids: Iterable[str] | None = None) -> UsageReport:
        """Say what some sessions, or all, take in the storage, and what of it is for what.

        Reads the commits of each, and lists its objects. A save that is under way may count as garbage.

        Raises:
            UnsupportedError: In the tree layout every file is a part, and its size that of the part.
        """
        return self._run(self._opened.du(several(ids)))

    def verify(self, ids: Iterable[str] | None = None) -> VerifyReport:
        """Read everything that is stored of some sessions, or of all, and check it: digests, chain, references.

        Reads only, and finds all there is to find instead of raising at the first. The report also names what hurts an
        agent although it is stored as it was written: a tool call without its result, for one. A session whose agent is
        at work between two saves may look like that as well.
        """
        return self._run(self._opened.verify(several(ids)))

    def repair(self, id: str, *, dry_run: bool = True) -> RepairReport:
        """Make a session fit to be resumed: pass over newest commits that are damaged, mend what hurts an agent.

        Damaged commits are set aside by a commit that holds the newest intact state. What was saved after that is lost,
        and the history begins anew: fork before what shall be kept of it. Nothing is removed for a day. Ailments are
        mended by a plain commit, so that the state before it stays in the history: a call without a result is answered
        as interrupted, a run that never ended has failed, and so on.

        Only for sessions that no agent is at work on: its next save would conflict.

        Args:
            id: The session.
            dry_run: Only report what would be done, which is what happens unless it is ``False``.

        Raises:
            ConflictError: Others kept committing.
            IntegrityError: No state of the session can be read any more.
            UnsupportedError: The tree layout keeps no history to put a mend on.
        """
        return self._run(self._opened.repair(id, dry_run=dry_run))
